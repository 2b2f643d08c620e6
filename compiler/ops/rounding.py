"""Rounding, element by element: `floor`, `ceil`, `trunc`, `round`, `frac`. Integers are copied."""

import builtins
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import DTypeError

from . import dispatch
from .base import Cotangent, operation
from .dispatch import public
from .pointwise import Pointwise, zeros

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["ceil", "fix", "floor", "frac", "round", "trunc"]


class Rounding(Pointwise):
    """Rounds floats to whole numbers, which is constant almost everywhere."""

    takes = "float"
    differentiable = True
    idempotent = True

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: zeros(g),)


def _round(operation: Rounding, input: "Tensor") -> "Tensor":
    kind = input.dtype.kind
    if kind == "f":
        return dispatch.unary(operation, input)  # type: ignore[no-any-return]
    if kind == "b":
        raise DTypeError(f"{operation.name}: not defined for bool tensors; cast them first")
    return input.clone()  # type: ignore[no-any-return]


@operation
class Floor(Rounding):
    """The largest whole number not above the operand."""

    name = "floor"
    expression = "floor_{f}({0})"
    ufunc = np.floor


FLOOR = Floor()


@public(inplace=True)
def floor(input: "Tensor") -> "Tensor":
    """The largest whole number not above the operand; integers are copied. The gradient is zero.

    >>> tracegraph.floor(tracegraph.tensor([1.5, -1.5]))
    tensor([ 1., -2.])
    """
    return _round(FLOOR, input)


@operation
class Ceil(Rounding):
    """The smallest whole number not below the operand."""

    name = "ceil"
    expression = "ceil_{f}({0})"
    ufunc = np.ceil


CEIL = Ceil()


@public(inplace=True)
def ceil(input: "Tensor") -> "Tensor":
    """The smallest whole number not below the operand; integers are copied. The gradient is zero.

    >>> tracegraph.ceil(tracegraph.tensor([1.5, -1.5]))
    tensor([ 2., -1.])
    """
    return _round(CEIL, input)


@operation
class Trunc(Rounding):
    """The operand without its fractional part."""

    name = "trunc"
    expression = "trunc_{f}({0})"
    ufunc = np.trunc


TRUNC = Trunc()


@public(inplace=True, aliases=("fix",))
def trunc(input: "Tensor") -> "Tensor":
    """The operand without its fractional part; integers are copied. The gradient is zero.

    >>> tracegraph.trunc(tracegraph.tensor([1.5, -1.5]))
    tensor([ 1., -1.])
    """
    return _round(TRUNC, input)


fix = trunc


@operation
class Round(Rounding):
    """The nearest whole number; halves go to the even neighbour."""

    name = "round"
    expression = "round_{f}({0})"
    ufunc = np.rint


ROUND = Round()


@public(inplace=True)
def round(input: "Tensor", *, decimals: int = 0) -> "Tensor":
    """The nearest number with `decimals` decimals (negative: to tens, hundreds); halves go to the even neighbour.

    Integers are copied. The gradient is zero.

    Raises:
        DTypeError: for integers with decimals, and for bools.

    >>> tracegraph.round(tracegraph.tensor([1.5, 2.5]))
    tensor([2., 2.])
    >>> tracegraph.round(tracegraph.tensor([3.14159]), decimals=2)
    tensor([3.1400])
    """
    if decimals == 0:
        return _round(ROUND, input)
    if input.dtype.kind != "f":
        raise DTypeError(f"round: decimals are for float tensors, not {input.dtype}")
    scale = 10.0 ** builtins.abs(decimals)
    if decimals > 0:
        return _round(ROUND, input * scale) / scale
    return _round(ROUND, input / scale) * scale


@public(inplace=True)
def frac(input: "Tensor") -> "Tensor":
    """The fractional part, with the operand's sign. Its gradient is 1.

    Raises:
        DTypeError: for a tensor that is not a float.

    >>> tracegraph.frac(tracegraph.tensor([1.5, -1.25]))
    tensor([ 0.5000, -0.2500])
    """
    if input.dtype.kind != "f":
        raise DTypeError(f"frac: takes float tensors, not {input.dtype}")
    return input - trunc(input)
