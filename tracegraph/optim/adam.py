"""`Adam` and `AdamW`: steps scaled by running means of gradients and of their squares."""

from collections.abc import Iterable
from typing import Any

from tracegraph.optim.groups import ParamGroup, as_dtype_of
from tracegraph.optim.optimizer import Active, Optimizer, count_of, non_negative
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor


class Adam(Optimizer):
    """Adam of Kingma and Ba, arXiv:1412.6980.

    Args:
        params: tensors, or dicts with "params" and settings of their own.
        lr: the learning rate; a new value takes effect in traced steps at once.
        betas: how much of the running means of gradients and of their squares stays in each step.
        eps: added to the root of the mean square.
        weight_decay: this times the parameter is added to the gradient.
        amsgrad: scale by the largest mean square so far (Reddi and others, arXiv:1904.09237).
        maximize: go up instead of down.

    Raises:
        ArgumentError: for settings out of range.

    >>> weight = tracegraph.tensor([1.0], requires_grad=True)
    >>> optimizer = tracegraph.optim.Adam([weight], lr=0.25)
    >>> (weight * weight).sum().backward()
    >>> optimizer.step()
    >>> weight
    tensor([0.7500], requires_grad=True)
    """

    counts_steps = True
    decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        for name, value in (("learning rate", lr), ("epsilon", eps), ("weight_decay", weight_decay)):
            non_negative(name, value)
        for number, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ArgumentError(f"Invalid beta parameter at index {number}: {beta}")
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
            },
        )

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The running means."""
        names = ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group.setting("amsgrad") else [])]
        return {name: self.zeros_like(parameter) for name in names}

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, (beta1, beta2), eps = group.number("lr"), group.setting("betas"), group.setting("eps")
        weight_decay, amsgrad, maximize = (
            group.setting("weight_decay"),
            group.setting("amsgrad"),
            group.setting("maximize"),
        )
        scales: dict[int, tuple[Any, Any]] = {}
        for parameter, gradient, state in active:
            step = state["step"]
            if id(step) not in scales:
                count = count_of(step)
                scales[id(step)] = lr / (1 - beta1**count), (1 - beta2**count) ** 0.5
            size, root = (as_dtype_of(value, parameter) for value in scales[id(step)])
            g = -gradient if maximize else gradient
            value: Tensor = parameter
            if weight_decay != 0 and self.decoupled:
                value = parameter * as_dtype_of(1 - lr * weight_decay, parameter)
            elif weight_decay != 0:
                g = g + parameter * weight_decay
            mean, square = state["exp_avg"], state["exp_avg_sq"]
            mean.assign(mean + (g - mean) * (1 - beta1))
            square.assign(square * beta2 + g * g * (1 - beta2))
            if amsgrad:
                largest = self.part(state, "max_exp_avg_sq", parameter)
                square = largest.assign(largest.maximum(square))
            parameter.assign(value - mean / (square.sqrt() / root + eps) * size)


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter, arXiv:1711.05101).

    `p *= 1 - lr * weight_decay`.

    The settings are those of `Adam`.
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


__all__ = ["Adam", "AdamW"]
