"""Pieces that the steps of several optimisers are made of."""

from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.optim.groups import ParamGroup, as_dtype_of
from tracegraph.tensor import Tensor


def gradient_to_follow(group: ParamGroup, parameter: Tensor, gradient: Tensor, decay: bool = True) -> Tensor:
    """The gradient, turned round to go up, and with weight decay the parameter's share of it."""
    g = -gradient if group.setting("maximize") else gradient
    if decay and group.is_nonzero("weight_decay"):
        g = g + parameter * as_dtype_of(group.setting("weight_decay"), parameter)
    return g


def shrunk(group: ParamGroup, parameter: Tensor, lr: Any) -> Tensor:
    """The parameter after weight decay apart from the gradient (Loshchilov and Hutter, arXiv:1711.05101)."""
    if not group.is_nonzero("weight_decay"):
        return parameter
    return parameter * as_dtype_of(1 - lr * group.setting("weight_decay"), parameter)  # type: ignore[no-any-return]


def move_towards(mean: Tensor, value: Tensor, weight: Any) -> Tensor:
    """A running mean takes in a value: `mean += (value - mean) * weight`, in place."""
    return mean.assign(mean + (value - mean) * as_dtype_of(weight, mean))


def mean_square(square: Tensor, g: Tensor, keep: Any) -> Tensor:
    """A running mean of squares takes in a gradient: `square = keep * square + (1 - keep) * g * g`, in place."""
    return square.assign(square * as_dtype_of(keep, square) + g * g * as_dtype_of(1 - keep, square))


def count_of(step: Tensor) -> Any:
    """The number of steps, or another 0-d value: a Python float, or while recording a 0-d float64 tensor."""
    return step.item() if _state.active_recorder() is None else scalar_of(step)


def scalar_of(value: Tensor) -> Tensor:
    """A 0-d tensor in double precision."""
    return value.to(np.dtype(np.float64))  # type: ignore[no-any-return]


__all__ = ["count_of", "gradient_to_follow", "mean_square", "move_towards", "scalar_of", "shrunk"]
