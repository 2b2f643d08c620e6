"""`Adamax`, `NAdam` and `RAdam`: relatives of Adam with other scales of the step."""

from collections.abc import Iterable
from typing import Any

from tracegraph.compiler.ops.selection import where
from tracegraph.optim.arithmetic import count_of, gradient_to_follow, mean_square, move_towards, scalar_of, shrunk
from tracegraph.optim.groups import ParamGroup, as_dtype_of
from tracegraph.optim.optimizer import Active, Optimizer, scalar_state
from tracegraph.optim.settings import checked, hints
from tracegraph.tensor import Tensor


class Adamax(Optimizer):
    """Adam with the largest gradient of late in place of the mean square (Kingma and Ba, arXiv:1412.6980, section 7).

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        lr: the learning rate; a new value takes effect in traced steps at once.
        betas: how much of the mean of gradients, and of the largest gradient, stays in each step.
        eps: added to the size of each gradient.
        weight_decay: this times the parameter is added to the gradient.
        foreach, capturable: accepted, without effect.
        maximize: go up instead of down.
        differentiable: must be False.

    Raises:
        ArgumentError: for settings out of range.

    >>> weight = tracegraph.tensor([1.0], requires_grad=True)
    >>> optimizer = tracegraph.optim.Adamax([weight], lr=0.25)
    >>> (weight * weight).sum().backward()
    >>> optimizer.step()
    >>> weight
    tensor([0.7500], requires_grad=True)
    """

    counts_steps = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            **hints(foreach=foreach, differentiable=differentiable, capturable=capturable),
            "maximize": maximize,
        }
        super().__init__(params, checked(settings, "eps", "betas", "weight_decay"))

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The mean of gradients and the largest."""
        return {name: self.zeros_like(parameter) for name in ("exp_avg", "exp_inf")}

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, (beta1, beta2), eps = group.setting("lr"), group.setting("betas"), group.setting("eps")
        for parameter, gradient, state in active:
            g = gradient_to_follow(group, parameter, gradient)
            mean, largest = move_towards(state["exp_avg"], g, 1 - beta1), state["exp_inf"]
            largest.assign((largest * as_dtype_of(beta2, parameter)).maximum(g.abs() + eps))
            size = lr / (1 - beta1 ** count_of(state["step"]))
            parameter.assign(parameter - mean / largest * as_dtype_of(size, parameter))


class NAdam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, "Incorporating Nesterov Momentum into Adam", 2016).

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        lr: the learning rate; a new value takes effect in traced steps at once.
        betas: how much of the running means of gradients and of their squares stays in each step.
        eps: added to the root of the mean square.
        weight_decay: this times the parameter is added to the gradient.
        momentum_decay: how soon the momentum reaches the first of `betas`.
        decoupled_weight_decay: shrink the parameter itself instead.
        foreach, capturable: accepted, without effect.
        maximize: go up instead of down.
        differentiable: must be False.

    Raises:
        ArgumentError: for settings out of range.

    >>> weight = tracegraph.tensor([1.0], requires_grad=True)
    >>> optimizer = tracegraph.optim.NAdam([weight], lr=0.25)
    >>> (weight * weight).sum().backward()
    >>> optimizer.step()
    >>> weight
    tensor([0.7359], requires_grad=True)
    """

    counts_steps = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            **hints(foreach=foreach, capturable=capturable, differentiable=differentiable),
        }
        super().__init__(params, checked(settings, "eps", "betas", "weight_decay", "momentum_decay"))

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The running means, and the product of all momenta so far."""
        means = {name: self.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
        return {"mu_product": scalar_state(1.0), **means}

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, (beta1, beta2), eps = group.setting("lr"), group.setting("betas"), group.setting("eps")
        decay, decoupled = group.setting("momentum_decay"), group.setting("decoupled_weight_decay")
        for parameter, gradient, state in active:
            count = count_of(state["step"])
            g = gradient_to_follow(group, parameter, gradient, decay=not decoupled)
            value = shrunk(group, parameter, lr) if decoupled else parameter
            now, later = (beta1 * (1.0 - 0.5 * 0.96 ** (number * decay)) for number in (count, count + 1))
            product = state["mu_product"]
            product.assign(product * as_dtype_of(now, product))
            past = count_of(product)
            mean, square = move_towards(state["exp_avg"], g, 1 - beta1), mean_square(state["exp_avg_sq"], g, beta2)
            root = (square / as_dtype_of(1 - beta2**count, parameter)).sqrt() + eps
            of_gradient = as_dtype_of(lr * (1.0 - now) / (1.0 - past), parameter)
            of_mean = as_dtype_of(lr * later / (1.0 - past * later), parameter)
            parameter.assign(value - g / root * of_gradient - mean / root * of_mean)


class RAdam(Optimizer):
    """Adam that scales its steps only once the mean square is known well enough (Liu and others, arXiv:1908.03265).

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        lr: the learning rate; a new value takes effect in traced steps at once.
        betas: how much of the running means of gradients and of their squares stays in each step.
        eps: added to the root of the mean square.
        weight_decay: this times the parameter is added to the gradient.
        decoupled_weight_decay: shrink the parameter itself instead.
        foreach, capturable: accepted, without effect.
        maximize: go up instead of down.
        differentiable: must be False.

    Raises:
        ArgumentError: for settings out of range.

    >>> weight = tracegraph.tensor([1.0], requires_grad=True)
    >>> optimizer = tracegraph.optim.RAdam([weight], lr=0.25)
    >>> (weight * weight).sum().backward()
    >>> optimizer.step()
    >>> weight
    tensor([0.5000], requires_grad=True)
    """

    counts_steps = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            **hints(foreach=foreach, capturable=capturable, differentiable=differentiable),
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, checked(settings, "eps", "betas", "weight_decay"))

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The running means."""
        return {name: self.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, (beta1, beta2), eps = group.setting("lr"), group.setting("betas"), group.setting("eps")
        decoupled = group.setting("decoupled_weight_decay")
        for parameter, gradient, state in active:
            count = scalar_of(state["step"])
            g = gradient_to_follow(group, parameter, gradient, decay=not decoupled)
            value = shrunk(group, parameter, lr) if decoupled else parameter
            mean, square = move_towards(state["exp_avg"], g, 1 - beta1), mean_square(state["exp_avg_sq"], g, beta2)
            known, scale = _rectified(count, beta2)
            size = as_dtype_of(lr / (1 - beta1**count), parameter)
            scaled = as_dtype_of(scale, parameter) / (square.sqrt() + eps)
            parameter.assign(value - mean * size * where(known, scaled, 1.0))


def _rectified(count: Tensor, beta2: Any) -> tuple[Tensor, Tensor]:
    """Whether the mean square is known well enough, and what then multiplies a step divided by its root.

    The length `rho` of the moving average, and the rectification, of section 4.1 of the paper.
    """
    correction = 1 - beta2**count
    longest = 2 / (1 - beta2) - 1
    rho = longest - 2 * count * beta2**count / correction
    known = rho > 5.0
    length = where(known, rho, 6.0)
    rectification = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return known, (correction * rectification) ** 0.5


__all__ = ["Adamax", "NAdam", "RAdam"]
