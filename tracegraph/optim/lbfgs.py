"""`LBFGS`: a quasi-Newton method, which evaluates the function several times in each step."""

from collections.abc import Callable, Iterable
from typing import Any

from tracegraph import _state
from tracegraph.autograd.modes import GradMode, no_grad
from tracegraph.compiler.ops.joining import cat
from tracegraph.nn.watched import WatchedDict
from tracegraph.optim.groups import Unguarded
from tracegraph.optim.line_search import Point, strong_wolfe
from tracegraph.optim.optimizer import Optimizer
from tracegraph.optim.settings import checked
from tracegraph.runtime.errors import ArgumentError, OptionError
from tracegraph.tensor import Tensor

_LEAST_CURVATURE = 1e-10
"""Pairs of steps and changes of the gradient with less curvature are not remembered."""


class LBFGS(Optimizer):
    """Limited-memory BFGS (Nocedal and Wright, "Numerical Optimization", 2006, algorithm 7.5).

    `step` needs a closure that computes the loss and the gradients anew. All parameters are in one group. It decides by
    values, so a step that is traced runs in Python, with its operations compiled; a closure that is traced is replayed.

    Args:
        params: tensors, or one dict with "params".
        lr: how far to go in the direction found; with a line search the first try.
        max_iter: the iterations in one step.
        max_eval: the evaluations in one step; `max_iter * 5 // 4` if None.
        tolerance_grad: stop when no element of the gradient is larger.
        tolerance_change: stop when neither the loss nor any parameter changes by more.
        history_size: how many past steps are remembered.
        line_search_fn: "strong_wolfe" or None.

    Raises:
        ArgumentError: for a negative rate or several groups.

    >>> weight = tracegraph.tensor([1.0, 4.0], requires_grad=True)
    >>> optimizer = tracegraph.optim.LBFGS([weight], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((weight - 2.0) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item()
    5.0
    >>> weight
    tensor([2., 2.], requires_grad=True)
    """

    state_type = Unguarded

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        settings = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, checked(settings))
        if len(self.param_groups) != 1:
            raise ArgumentError("LBFGS doesn't support per-parameter options (parameter groups)")
        self.state[self.param_groups[0]["params"][0]] = Unguarded(func_evals=0, n_iter=0)

    def saved_state(self, held: WatchedDict) -> dict[str, Any]:
        """All that the iterations need; empty before the first step."""
        return dict(held) if held["func_evals"] else {}

    @no_grad
    def step(self, closure: Callable[[], Any]) -> Any:
        """Go up to `max_iter` times in the directions found; returns the loss before."""
        recorder = _state.active_recorder()
        if recorder is not None:
            recorder.unsupported("takes a step of LBFGS, which decides by values")
        group = self.param_groups[0]
        search = _Search(self, closure, group)
        state = self.state[group["params"][0]]
        first, gradient = search.evaluate()
        held = {"func_evals": 0, "n_iter": 0, **state}
        held["func_evals"] += 1
        if not _largest(gradient) <= group["tolerance_grad"]:
            search.run(held, first.item() if isinstance(first, Tensor) else float(first), gradient)
        state.update(held)
        return first


class _Search:
    """The iterations of one step."""

    def __init__(self, optimizer: LBFGS, closure: Callable[[], Any], group: Any) -> None:
        self.closure, self.group = closure, group
        self.parameters: list[Tensor] = list(group["params"])
        self.rate = float(group["lr"])

    def evaluate(self) -> tuple[Any, Tensor]:
        """The loss, and the gradients of all parameters in a row."""
        with GradMode(True):
            loss = self.closure()
        parts = [(p * 0.0 if p.grad is None else p.grad).detach().reshape(-1) for p in self.parameters]
        return loss, cat(parts)

    def move(self, direction: Tensor, distance: float) -> None:
        """Go from where the parameters are."""
        begin = 0
        for parameter in self.parameters:
            end = begin + parameter.numel()
            parameter.assign(parameter + direction[begin:end].reshape(parameter.shape) * distance)
            begin = end

    def run(self, held: dict[str, Any], loss: float, gradient: Tensor) -> None:
        """Iterate until a limit or a tolerance is reached."""
        most, tolerance = self.group["max_eval"], self.group["tolerance_change"]
        evaluations, last = 1, self.group["max_iter"]
        for iteration in range(1, last + 1):
            held["n_iter"] += 1
            direction = self.direction(held, gradient)
            before = held["prev_loss"] = loss
            held["prev_flat_grad"], held["d"] = gradient.clone(), direction
            slope = (gradient * direction).sum().item()
            shorten = min(1.0, 1.0 / gradient.abs().sum().item()) if held["n_iter"] == 1 else 1.0
            held["t"] = shorten * self.rate
            if slope > -tolerance:
                break
            calls = 0
            if self.group["line_search_fn"] is not None:
                found, calls = self.search(Point(0.0, loss, gradient, slope), direction, held["t"], most - evaluations)
                loss, gradient, held["t"] = found.value, found.gradient, found.at
                self.move(direction, found.at)
            else:
                self.move(direction, held["t"])
                if iteration != last:
                    value, gradient = self.evaluate()
                    loss, calls = float(value), 1
            evaluations += calls
            held["func_evals"] += calls
            if iteration == last or evaluations >= most or _largest(gradient) <= self.group["tolerance_grad"]:
                break
            if _largest(direction) * abs(held["t"]) <= tolerance or abs(loss - before) < tolerance:
                break

    def direction(self, held: dict[str, Any], gradient: Tensor) -> Tensor:
        """Minus the gradient times the approximate inverse of the Hessian, by the two loops of algorithm 7.4."""
        if held["n_iter"] == 1:
            held["old_dirs"], held["old_stps"], held["ro"], held["H_diag"] = [], [], [], 1.0
            return -gradient
        self.remember(held, gradient - held["prev_flat_grad"], held["d"] * held["t"])
        pairs = list(zip(held["old_dirs"], held["old_stps"], held["ro"], strict=True))
        q: Tensor = -gradient
        shares: list[Tensor] = []
        for change, step, inverse in reversed(pairs):
            shares.append((step * q).sum() * inverse)
            q = q - change * shares[-1]
        q = q * held["H_diag"]
        for (change, step, inverse), share in zip(pairs, reversed(shares), strict=True):
            q = q + step * (share - (change * q).sum() * inverse)
        return q

    def remember(self, held: dict[str, Any], change: Tensor, step: Tensor) -> None:
        """Keep a step and the change of the gradient along it, when the function curves upwards there."""
        curvature = (change * step).sum().item()
        if not curvature > _LEAST_CURVATURE:
            return
        size = self.group["history_size"]
        kept = {"old_dirs": change, "old_stps": step, "ro": 1.0 / curvature}
        for name, value in kept.items():
            full = len(held[name]) == size
            held[name] = [*(held[name][1:] if full else held[name]), value]
        held["H_diag"] = curvature / (change * change).sum().item()

    def search(self, start: Point, direction: Tensor, first: float, most: int) -> tuple[Point, int]:
        """A line search from where the parameters are; they are back there afterwards."""
        if self.group["line_search_fn"] != "strong_wolfe":
            raise OptionError("only 'strong_wolfe' is supported")
        places = [parameter.clone() for parameter in self.parameters]

        def evaluate(distance: float) -> Point:
            self.move(direction, distance)
            loss, gradient = self.evaluate()
            for parameter, place in zip(self.parameters, places, strict=True):
                parameter.assign(place)
            return Point(distance, float(loss), gradient, (gradient * direction).sum().item())

        return strong_wolfe(evaluate, start, first, _largest(direction), self.group["tolerance_change"], most)


def _largest(tensor: Tensor) -> float:
    return float(tensor.abs().max().item())


__all__ = ["LBFGS"]
