"""`RMSprop` and `Adagrad`: steps scaled by running means, or sums, of squared gradients."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from tracegraph.optim.groups import ParamGroup, as_dtype_of
from tracegraph.optim.optimizer import Active, Optimizer, count_of, non_negative
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

    Raises:
        ArgumentError: for settings out of range.
    """

    counts_steps = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        for name, key in (
            ("learning rate", "lr"),
            ("epsilon", "eps"),
            ("momentum", "momentum"),
            ("weight_decay", "weight_decay"),
            ("alpha", "alpha"),
        ):
            non_negative(name, settings[key])
        super().__init__(params, settings)

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The running mean, and what momentum and centring need."""
        names = ["square_avg"]
        names += ["momentum_buffer"] if group.setting("momentum") > 0 else []
        names += ["grad_avg"] if group.setting("centered") else []
        return {name: self.zeros_like(parameter) for name in names}

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, alpha, eps, momentum = (
            group.number("lr"),
            group.setting("alpha"),
            group.setting("eps"),
            group.setting("momentum"),
        )
        weight_decay, centered, maximize = (
            group.setting("weight_decay"),
            group.setting("centered"),
            group.setting("maximize"),
        )
        for parameter, gradient, state in active:
            g = -gradient if maximize else gradient
            if weight_decay != 0:
                g = g + parameter * weight_decay
            square = state["square_avg"]
            square.assign(square * alpha + g * g * (1 - alpha))
            variance: Tensor = square
            if centered:
                mean = self.part(state, "grad_avg", parameter)
                mean.assign(mean + (g - mean) * (1 - alpha))
                variance = square - mean * mean
            change = g / (variance.sqrt() + eps)
            if momentum > 0:
                buffer = self.part(state, "momentum_buffer", parameter)
                change = buffer.assign(buffer * momentum + change)
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

    Raises:
        ArgumentError: for settings out of range.
    """

    counts_steps = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
        }
        for name in ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"):
            non_negative("learning rate" if name == "lr" else name, settings[name])
        super().__init__(params, settings)

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The sum of squares."""
        first = group.setting("initial_accumulator_value")
        return {"sum": wrap(np.full(parameter._data.shape, first, parameter._data.dtype))}

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, lr_decay, eps = group.number("lr"), group.setting("lr_decay"), group.setting("eps")
        weight_decay, maximize = group.setting("weight_decay"), group.setting("maximize")
        for parameter, gradient, state in active:
            g = -gradient if maximize else gradient
            if weight_decay != 0:
                g = g + parameter * weight_decay
            rate = lr / (1 + (count_of(state["step"]) - 1) * lr_decay) if lr_decay != 0 else lr
            total = state["sum"]
            total.assign(total + g * g)
            parameter.assign(parameter - g / (total.sqrt() + eps) * as_dtype_of(rate, parameter))


__all__ = ["Adagrad", "RMSprop"]
