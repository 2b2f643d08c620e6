"""`Adam` and `AdamW`: steps scaled by running means of gradients and of their squares."""

from collections.abc import Iterable
from typing import Any

from tracegraph.optim.arithmetic import count_of, gradient_to_follow, mean_square, move_towards, shrunk
from tracegraph.optim.groups import ParamGroup, as_dtype_of
from tracegraph.optim.optimizer import Active, Optimizer
from tracegraph.optim.settings import checked, hints
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
        foreach, capturable, fused: accepted, without effect.
        differentiable: must be False.
        decoupled_weight_decay: shrink the parameter itself instead, as `AdamW` does.

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

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            **hints(foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused),
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, checked(settings, "eps", "betas", "weight_decay"))

    def init_state(self, parameter: Tensor, group: ParamGroup) -> dict[str, Tensor]:
        """The running means."""
        names = ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group.setting("amsgrad") else [])]
        return {name: self.zeros_like(parameter) for name in names}

    def update(self, group: ParamGroup, active: Active) -> None:
        """The step of one group."""
        lr, (beta1, beta2), eps = group.setting("lr"), group.setting("betas"), group.setting("eps")
        decoupled, amsgrad = group.setting("decoupled_weight_decay"), group.setting("amsgrad")
        scales: dict[int, tuple[Any, Any]] = {}
        for parameter, gradient, state in active:
            step = state["step"]
            if id(step) not in scales:
                count = count_of(step)
                scales[id(step)] = lr / (1 - beta1**count), (1 - beta2**count) ** 0.5
            size, root = (as_dtype_of(value, parameter) for value in scales[id(step)])
            g = gradient_to_follow(group, parameter, gradient, decay=not decoupled)
            value = shrunk(group, parameter, lr) if decoupled else parameter
            mean = move_towards(state["exp_avg"], g, 1 - beta1)
            square = mean_square(state["exp_avg_sq"], g, beta2)
            if amsgrad:
                largest = self.part(state, "max_exp_avg_sq", parameter)
                square = largest.assign(largest.maximum(square))
            parameter.assign(value - mean / (square.sqrt() / root + eps) * size)


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter, arXiv:1711.05101).

    `p *= 1 - lr * weight_decay`.

    The settings are those of `Adam`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )


__all__ = ["Adam", "AdamW"]
