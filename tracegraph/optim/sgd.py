"""`SGD`: stochastic gradient descent, with momentum and Nesterov's."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from tracegraph.nn.watched import WatchedDict
from tracegraph.optim.arithmetic import gradient_to_follow
from tracegraph.optim.groups import ParamGroup, as_dtype_of
from tracegraph.optim.optimizer import Active, Optimizer
from tracegraph.optim.settings import checked, hints
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
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        settings = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            **hints(foreach=foreach, differentiable=differentiable, fused=fused),
        }
        checked(settings, "momentum", "weight_decay")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ArgumentError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, settings)

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The sum of gradients, and with dampening whether it has begun."""
        if not group.is_nonzero("momentum"):
            return {}
        made = {"momentum_buffer": self.zeros_like(parameter)}
        if group.is_nonzero("dampening"):
            made["begun"] = wrap(np.zeros((), parameter._data.dtype))
        return made

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, momentum, dampening = group.setting("lr"), group.setting("momentum"), group.setting("dampening")
        has_momentum, dampened, nesterov = (
            group.is_nonzero("momentum"),
            group.is_nonzero("dampening"),
            group.setting("nesterov"),
        )
        for parameter, gradient, state in active:
            g = gradient_to_follow(group, parameter, gradient)
            if has_momentum:
                if "momentum_buffer" not in state or (dampened and "begun" not in state):
                    state = self._begin(parameter, group)
                buffer, keep = state["momentum_buffer"], as_dtype_of(momentum, parameter)
                if dampened:
                    begun = state["begun"]
                    buffer.assign(buffer * keep + g * (1 - begun * as_dtype_of(dampening, parameter)))
                    begun.fill_(1.0)
                else:
                    buffer.assign(buffer * keep + g)
                g = g + buffer * keep if nesterov else buffer
            parameter.assign(parameter - g * as_dtype_of(lr, parameter))

    def saved_state(self, held: WatchedDict) -> dict[str, Any]:
        """The sum of gradients, if it has begun."""
        begun = held.get("begun")
        return {} if begun is not None and begun.item() == 0 else {k: v for k, v in held.items() if k != "begun"}

    def loaded_state(self, saved: dict[str, Any], group: ParamGroup) -> dict[str, Any]:
        """The sum of gradients has begun if there is one; only with dampening that is asked for."""
        loaded = {k: v for k, v in saved.items() if v is not None}
        if "momentum_buffer" in loaded and group.is_nonzero("dampening"):
            loaded["begun"] = 1.0
        return loaded

    def _begin(self, parameter: Tensor, group: ParamGroup) -> Any:
        """Make the state of a parameter whose group got its momentum only later."""
        state = self.state[parameter]
        for name, value in self.init_state(parameter, group).items():
            state.setdefault(name, value)
        return state


__all__ = ["SGD"]
