"""`RMSprop`, `Adagrad` and `Adadelta`: steps scaled by running means, or sums, of squared gradients."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from tracegraph.optim.arithmetic import count_of, gradient_to_follow, mean_square, move_towards
from tracegraph.optim.groups import ParamGroup, as_dtype_of
from tracegraph.optim.optimizer import Active, Optimizer
from tracegraph.optim.settings import checked, hints
from tracegraph.tensor import Tensor, wrap


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squared gradients (Hinton, lecture 6 of "Neural Networks", 2012).

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        lr: the learning rate; a new value takes effect in traced steps at once.
        alpha: how much of the running mean stays in each step.
        eps: added to the root.
        weight_decay: this times the parameter is added to the gradient.
        momentum: how much of the last step stays.
        centered: divide by the standard deviation instead.
        maximize: go up instead of down.
        foreach, capturable, fused: accepted, without effect.
        differentiable: must be False.

    Raises:
        ArgumentError: for settings out of range.
    """

    counts_steps = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            **hints(capturable=capturable, foreach=foreach, differentiable=differentiable),
            "maximize": maximize,
        }
        super().__init__(params, checked(settings, "eps", "momentum", "weight_decay", "alpha"))

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The running mean, and what momentum and centring need."""
        names = ["square_avg"]
        names += ["momentum_buffer"] if group.is_positive("momentum") else []
        names += ["grad_avg"] if group.setting("centered") else []
        return {name: self.zeros_like(parameter) for name in names}

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, alpha, eps = group.setting("lr"), group.setting("alpha"), group.setting("eps")
        momentum, has_momentum = group.setting("momentum"), group.is_positive("momentum")
        centered = group.setting("centered")
        for parameter, gradient, state in active:
            g = gradient_to_follow(group, parameter, gradient)
            variance = square = mean_square(state["square_avg"], g, alpha)
            if centered:
                mean = move_towards(self.part(state, "grad_avg", parameter), g, 1 - alpha)
                variance = square - mean * mean
            change = g / (variance.sqrt() + eps)
            if has_momentum:
                buffer = self.part(state, "momentum_buffer", parameter)
                change = buffer.assign(buffer * as_dtype_of(momentum, parameter) + change)
            parameter.assign(parameter - change * as_dtype_of(lr, parameter))


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of squared gradients so far (Duchi and others, 2011).

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        lr: the learning rate; a new value takes effect in traced steps at once.
        lr_decay: the rate is divided by `1 + lr_decay * steps before this one`.
        weight_decay: this times the parameter is added to the gradient.
        initial_accumulator_value: what the sum begins with.
        eps: added to the root.
        maximize: go up instead of down.
        foreach, capturable, fused: accepted, without effect.
        differentiable: must be False.

    Raises:
        ArgumentError: for settings out of range.
    """

    counts_steps = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        settings = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            **hints(foreach=foreach, differentiable=differentiable, fused=fused),
            "maximize": maximize,
        }
        super().__init__(params, checked(settings, "lr_decay", "weight_decay", "initial_accumulator_value", "eps"))

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The sum of squares."""
        first = group.setting("initial_accumulator_value")
        return {"sum": wrap(np.full(parameter._data.shape, first, parameter._data.dtype))}

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, lr_decay, eps = group.setting("lr"), group.setting("lr_decay"), group.setting("eps")
        decays = group.is_nonzero("lr_decay")
        for parameter, gradient, state in active:
            g = gradient_to_follow(group, parameter, gradient)
            rate = lr / (1 + (count_of(state["step"]) - 1) * lr_decay) if decays else lr
            total = state["sum"]
            total.assign(total + g * g)
            parameter.assign(parameter - g / (total.sqrt() + eps) * as_dtype_of(rate, parameter))


class Adadelta(Optimizer):
    """Steps as large as the running mean of past ones, divided by that of gradients (Zeiler, arXiv:1212.5701).

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        lr: each step is multiplied by it; a new value takes effect in traced steps at once.
        rho: how much of the running means of squares stays in each step.
        eps: added to the means under the roots.
        weight_decay: this times the parameter is added to the gradient.
        foreach, capturable: accepted, without effect.
        maximize: go up instead of down.
        differentiable: must be False.

    Raises:
        ArgumentError: for settings out of range.

    >>> weight = tracegraph.tensor([1.0], requires_grad=True)
    >>> optimizer = tracegraph.optim.Adadelta([weight], rho=0.75, eps=1.0)
    >>> (weight * weight).sum().backward()
    >>> optimizer.step()
    >>> weight
    tensor([-0.4142], requires_grad=True)
    """

    counts_steps = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            **hints(capturable=capturable, foreach=foreach, differentiable=differentiable),
        }
        super().__init__(params, checked(settings, "rho", "eps", "weight_decay"))

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The running means of squared gradients and of squared steps."""
        return {name: self.zeros_like(parameter) for name in ("square_avg", "acc_delta")}

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, rho, eps = group.setting("lr"), group.setting("rho"), group.setting("eps")
        for parameter, gradient, state in active:
            g = gradient_to_follow(group, parameter, gradient)
            square, past = mean_square(state["square_avg"], g, rho), state["acc_delta"]
            change = (past + eps).sqrt() / (square + eps).sqrt() * g
            mean_square(past, change, rho)
            parameter.assign(parameter - change * as_dtype_of(lr, parameter))


__all__ = ["Adadelta", "Adagrad", "RMSprop"]
