"""Arithmetic, element by element: `add`, `sub`, `mul`, `div`, `neg` and their relatives."""

from typing import TYPE_CHECKING, Any

import numpy as np

from . import dispatch
from .base import Cotangent, operation
from .dispatch import TensorLike, public
from .pointwise import Pointwise

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["add", "mul", "neg"]


@operation
class Add(Pointwise):
    """Sum of two tensors; the logical or of bools."""

    name = "add"
    arity = 2
    expression = "{0} + {1}"
    ufunc = np.add
    commutative = True
    differentiable = True
    sample_dtypes = ("float32", "float64", "int64", "uint8", "bool")

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return g, g


ADD = Add()


@public(inplace=True)
def add(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> "Tensor":
    """`input + alpha * other`, with broadcasting and type promotion.

    >>> tracegraph.add(tracegraph.tensor([1.0, 2.5]), 1)
    tensor([2.0000, 3.5000])
    """
    if alpha != 1:
        other = mul(other, alpha)
    return dispatch.binary(ADD, input, other)  # type: ignore[no-any-return]


@operation
class Multiply(Pointwise):
    """Product of two tensors; the logical and of bools."""

    name = "multiply"
    arity = 2
    expression = "{0} * {1}"
    ufunc = np.multiply
    commutative = True
    identity = 1
    differentiable = True
    saves = (0, 1)
    sample_dtypes = ("float32", "float64", "int64", "uint8", "bool")

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return lambda: g * b, lambda: g * a


MULTIPLY = Multiply()


@public(inplace=True, aliases=("multiply",))
def mul(input: TensorLike, other: TensorLike) -> "Tensor":
    """Product, with broadcasting and type promotion.

    >>> tracegraph.mul(tracegraph.tensor([1.0, 2.5]), 2)
    tensor([2., 5.])
    """
    return dispatch.binary(MULTIPLY, input, other)  # type: ignore[no-any-return]


@operation
class Negative(Pointwise):
    """Negation."""

    name = "negative"
    expression = "-{0}"
    ufunc = np.negative
    takes = "number"
    involution = True
    differentiable = True
    sample_dtypes = ("float32", "float64", "int64")

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: -g,)


NEGATIVE = Negative()


@public(inplace=True, aliases=("negative",))
def neg(input: TensorLike) -> "Tensor":
    """Negation.

    >>> tracegraph.neg(tracegraph.tensor([1.0, -2.5]))
    tensor([-1.0000,  2.5000])
    """
    return dispatch.unary(NEGATIVE, input)  # type: ignore[no-any-return]
