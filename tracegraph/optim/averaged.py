"""`ASGD` and `Rprop`: steps whose average is kept, and steps whose size follows the signs of the gradient."""

from collections.abc import Iterable
from typing import Any

from tracegraph.compiler.ops.selection import where
from tracegraph.optim.arithmetic import count_of, gradient_to_follow, scalar_of
from tracegraph.optim.groups import ParamGroup, as_dtype_of
from tracegraph.optim.optimizer import Active, Optimizer, scalar_state
from tracegraph.optim.settings import checked, hints
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor


class ASGD(Optimizer):
    """Gradient descent that keeps the average of its points in the state "ax".

    Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        lr: the learning rate of the first step, from which all others follow.
        lambd: how fast the parameters decay and the rate falls.
        alpha: the power with which the rate falls.
        t0: the step after which the average begins.
        weight_decay: this times the parameter is added to the gradient.
        foreach, capturable: accepted, without effect.
        maximize: go up instead of down.
        differentiable: must be False.

    Raises:
        ArgumentError: for settings out of range.

    >>> weight = tracegraph.tensor([1.0], requires_grad=True)
    >>> optimizer = tracegraph.optim.ASGD([weight], lr=0.25, lambd=0.0)
    >>> (weight * weight).sum().backward()
    >>> optimizer.step()
    >>> weight
    tensor([0.5000], requires_grad=True)
    """

    counts_steps = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            **hints(foreach=foreach, differentiable=differentiable, capturable=capturable),
            "maximize": maximize,
        }
        super().__init__(params, checked(settings, "weight_decay"))

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The rate "eta", the weight "mu" of a new point, and the average "ax"."""
        return {"eta": scalar_state(0.0), "mu": scalar_state(1.0), "ax": self.zeros_like(parameter)}

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, lambd, alpha, t0 = (group.setting(name) for name in ("lr", "lambd", "alpha", "t0"))
        for parameter, gradient, state in active:
            count, eta, mu, average = scalar_of(state["step"]), state["eta"], state["mu"], state["ax"]
            g = gradient_to_follow(group, parameter, gradient)
            eta.assign(where(count == 1, as_dtype_of(lr, eta), eta))
            rate = count_of(eta)
            shrink = as_dtype_of(1 - lambd * rate, parameter)
            parameter.assign(parameter * shrink - g * as_dtype_of(rate, parameter))
            moved = average + (parameter - average) * as_dtype_of(mu, parameter)
            average.assign(where(mu == 1, parameter, moved))
            eta.assign(as_dtype_of(lr / (1 + lambd * lr * count) ** alpha, eta))
            mu.assign(as_dtype_of(1 / (count - t0).clamp(min=1.0), mu))


class Rprop(Optimizer):
    """Steps whose size grows while the sign of the gradient stays (Riedmiller and Braun, 1993, as Rprop- without undo).

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        lr: the size of the first step.
        etas: what a step's size is multiplied by when the sign has changed, and when it has stayed.
        step_sizes: the smallest and the largest step.
        capturable, foreach: accepted, without effect.
        maximize: go up instead of down.
        differentiable: must be False.

    Raises:
        ArgumentError: for settings out of range.

    >>> weight = tracegraph.tensor([1.0], requires_grad=True)
    >>> optimizer = tracegraph.optim.Rprop([weight], lr=0.25)
    >>> (weight * weight).sum().backward()
    >>> optimizer.step()
    >>> weight
    tensor([0.7500], requires_grad=True)
    """

    counts_steps = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "etas": tuple(etas),
            "step_sizes": tuple(step_sizes),
            **hints(foreach=foreach, differentiable=differentiable, capturable=capturable),
            "maximize": maximize,
        }
        checked(settings)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ArgumentError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, settings)

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The gradient before, and the size of the step."""
        return {name: self.zeros_like(parameter) for name in ("prev", "step_size")}

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, (smaller, larger), (least, most) = group.setting("lr"), group.setting("etas"), group.setting("step_sizes")
        for parameter, gradient, state in active:
            before, size = state["prev"], state["step_size"]
            g = gradient_to_follow(group, parameter, gradient, decay=False)
            agreement = g * before
            first = where(scalar_of(state["step"]) == 1, as_dtype_of(lr, parameter), size)
            slower = where(agreement < 0, first * smaller, first)
            size.assign(where(agreement > 0, first * larger, slower).clamp(least, most))
            g = where(agreement < 0, 0.0, g)
            parameter.assign(parameter - g.sign() * size)
            before.assign(g)


__all__ = ["ASGD", "Rprop"]
