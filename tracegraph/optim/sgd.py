"""`SGD`: stochastic gradient descent, with momentum and Nesterov's."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from tracegraph.optim.groups import ParamGroup, as_dtype_of
from tracegraph.optim.optimizer import Active, Optimizer, non_negative
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor, wrap


class SGD(Optimizer):
    """`p -= lr * g`; with momentum the steps follow a decaying sum of gradients.

    `b = momentum * b + (1 - dampening) * g`.

    The first step takes the whole gradient, without dampening. Sutskever and others (2013) for Nesterov's variant.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        lr: the learning rate; a new value takes effect in traced steps at once.
        momentum: how much of the last step stays.
        dampening: how much of the gradient is left out of the sum.
        weight_decay: this times the parameter is added to the gradient.
        nesterov: look ahead by the momentum.
        maximize: go up instead of down.

    Raises:
        ArgumentError: for settings out of range.

    >>> weight = tracegraph.tensor([1.0], requires_grad=True)
    >>> optimizer = tracegraph.optim.SGD([weight], lr=0.25)
    >>> (weight * weight).sum().backward()
    >>> optimizer.step()
    >>> weight
    tensor([0.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        for name, value in (("learning rate", lr), ("momentum", momentum), ("weight_decay", weight_decay)):
            non_negative(name, value)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ArgumentError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The sum of gradients, and with dampening whether it has begun."""
        if group.setting("momentum") == 0:
            return {}
        made = {"momentum_buffer": self.zeros_like(parameter)}
        if group.setting("dampening") != 0:
            made["begun"] = wrap(np.zeros((), parameter._data.dtype))
        return made

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, momentum, dampening = group.number("lr"), group.setting("momentum"), group.setting("dampening")
        weight_decay, nesterov, maximize = (
            group.setting("weight_decay"),
            group.setting("nesterov"),
            group.setting("maximize"),
        )
        for parameter, gradient, state in active:
            g = -gradient if maximize else gradient
            if weight_decay != 0:
                g = g + parameter * weight_decay
            if momentum != 0:
                if "momentum_buffer" not in state or (dampening != 0 and "begun" not in state):
                    state = self._begin(parameter, group)
                buffer = state["momentum_buffer"]
                if dampening == 0:
                    buffer.assign(buffer * momentum + g)
                else:
                    begun = state["begun"]
                    buffer.assign(buffer * momentum + g * (1 - begun * dampening))
                    begun.fill_(1.0)
                g = g + buffer * momentum if nesterov else buffer
            parameter.assign(parameter - g * as_dtype_of(lr, parameter))

    def _begin(self, parameter: Tensor, group: ParamGroup) -> Any:
        """Make the state of a parameter whose group got its momentum only later."""
        state = self.state[parameter]
        for name, value in self.init_state(parameter, group).items():
            state.setdefault(name, value)
        return state


__all__ = ["SGD"]
