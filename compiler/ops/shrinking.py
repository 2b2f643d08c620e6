"""Activation functions that cut a range out or draw their slope: `threshold`, `hardshrink`, `softshrink`, `rrelu`."""

from typing import TYPE_CHECKING

from tracegraph.runtime.errors import ArgumentError, DTypeError

from . import dispatch
from .activations import in_place, leaky_relu, require_float
from .dispatch import public
from .random import rand

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["hardshrink", "rrelu", "softshrink", "tanhshrink", "threshold"]


@public(method=False)
def threshold(input: "Tensor", threshold: float, value: float, inplace: bool = False) -> "Tensor":
    """The operand where it is above `threshold` (or NaN), else `value`.

    >>> tracegraph.threshold(tracegraph.tensor([0.5, 2.0]), 1.0, -1.0)
    tensor([-1., 2.])
    """
    if inplace:
        return in_place(input, _threshold, threshold, value)
    return _threshold(input, threshold, value)


def _threshold(input: "Tensor", threshold: float, value: float) -> "Tensor":
    if input.dtype.kind == "b":
        raise DTypeError("threshold: not defined for bool tensors; cast them first")
    return input.masked_fill(input <= threshold, value)  # type: ignore[no-any-return]


@public()
def hardshrink(input: "Tensor", lambd: float = 0.5) -> "Tensor":
    """The operand where its magnitude is above `lambd`, else 0.

    >>> tracegraph.hardshrink(tracegraph.tensor([-1.0, 0.25]))
    tensor([-1., 0.])
    """
    require_float("hardshrink", input)
    return input.masked_fill((input >= -lambd) & (input <= lambd), 0.0)  # type: ignore[no-any-return]


@public(method=False)
def softshrink(input: "Tensor", lambd: float = 0.5) -> "Tensor":
    """The operand moved by `lambd` towards 0, and 0 where it would get beyond.

    Raises:
        ArgumentError: for a negative `lambd`.

    >>> tracegraph.softshrink(tracegraph.tensor([-1.0, 0.25]))
    tensor([-0.5000, 0.0000])
    """
    require_float("softshrink", input)
    if lambd < 0:
        raise ArgumentError(f"softshrink: lambd must not be negative, got {lambd}")
    lower = (input + lambd).where(input < -lambd, dispatch.constant(0, input.dtype))
    moved = (input - lambd).where(input > lambd, lower)
    return input.where(input.isnan(), moved)  # type: ignore[no-any-return]


@public(method=False)
def tanhshrink(input: "Tensor") -> "Tensor":
    """`input - tanh(input)`.

    >>> tracegraph.tanhshrink(tracegraph.tensor([-1.0, 2.0]))
    tensor([-0.2384, 1.0360])
    """
    if input.dtype.kind == "b":
        raise DTypeError("tanhshrink: not defined for bool tensors; cast them first")
    return input - input.tanh()  # type: ignore[no-any-return]


@public(method=False)
def rrelu(
    input: "Tensor", lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> "Tensor":
    """`leaky_relu` with slopes drawn from [lower, upper) while `training`, with their mean else.

    Xu and others, arXiv:1505.00853.

    Raises:
        ArgumentError: when `lower` is above `upper`.

    >>> tracegraph.rrelu(tracegraph.tensor([-1.0, 2.0]), 0.25, 0.75)
    tensor([-0.5000, 2.0000])
    """
    require_float("rrelu", input)
    if lower > upper:
        raise ArgumentError(f"rrelu: lower {lower} is above upper {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    slopes = rand(input.shape, dtype=input.dtype) * (upper - lower) + lower
    return in_place(input, _with_slopes, slopes) if inplace else _with_slopes(input, slopes)


def _with_slopes(input: "Tensor", slopes: "Tensor") -> "Tensor":
    return input.where(input > 0, input * slopes)  # type: ignore[no-any-return]
