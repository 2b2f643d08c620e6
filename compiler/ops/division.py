"""Division in its forms, element by element: `div`, `floor_divide`, `remainder`, `fmod`, `reciprocal`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, DTypeError, ZeroDivisorError

from . import dispatch
from .base import Array, Cotangent, operation
from .dispatch import TensorLike, public
from .pointwise import FloatFunction, Pointwise, require_tensors, zeros

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "addcdiv", "div", "divide", "floor_divide", "fmod", "reciprocal", "remainder", "true_divide",
]  # fmt: skip


@operation
class Divide(FloatFunction):
    """Quotient of two float tensors."""

    name = "divide"
    arity = 2
    expression = "{0} / {1}"
    ufunc = np.true_divide
    identity = 1
    saves = (0, 1)
    domain = (0.5, 3.0)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.true_divide(*operands)

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return lambda: g / b, lambda: -g * ((a / b) / b)


DIVIDE = Divide()


@public(inplace=True, aliases=("divide",))
def div(input: TensorLike, other: TensorLike, *, rounding_mode: str | None = None) -> "Tensor":
    """Quotient, always a float; with `rounding_mode` "floor" or "trunc" a whole number in the operands' common dtype.

    Raises:
        ArgumentError: for another rounding mode.

    >>> tracegraph.div(tracegraph.tensor([7, -7]), 2)
    tensor([ 3.5000, -3.5000])
    >>> tracegraph.div(tracegraph.tensor([7, -7]), 2, rounding_mode="trunc")
    tensor([ 3, -3])
    """
    if rounding_mode is None:
        return dispatch.binary(DIVIDE, input, other)  # type: ignore[no-any-return]
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode != "trunc":
        raise ArgumentError(f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")
    _refuse_zero("div", input, other)
    return dispatch.binary(TRUNC_DIVIDE, input, other)  # type: ignore[no-any-return]


divide = div


@public(inplace=True)
def true_divide(input: TensorLike, other: TensorLike) -> "Tensor":
    """Quotient, always a float: `div` without rounding.

    >>> tracegraph.true_divide(tracegraph.tensor([7, -7]), 2)
    tensor([ 3.5000, -3.5000])
    """
    return dispatch.binary(DIVIDE, input, other)  # type: ignore[no-any-return]


def _refuse_zero(name: str, input: TensorLike, other: TensorLike) -> None:
    """Raise ZeroDivisorError for integers divided by the number 0. A zero in a tensor is not looked for: that would
    cost a pass over it, and compiled code cannot stop halfway.
    """
    if isinstance(other, int) and other == 0 and dispatch.result_type(input, other).kind != "f":
        raise ZeroDivisorError(f"{name}: integers cannot be divided by 0; cast them to a float dtype first")


@operation
class FloorDivide(Pointwise):
    """Quotient rounded down, as Python's `//`; integers divided by zero give 0."""

    name = "floor_divide"
    arity = 2
    expression = "floor_divide({0}, {1})"
    ufunc = np.floor_divide
    takes = "number"
    differentiable = True
    sample_dtypes = ("float32", "float64", "int64", "uint8")

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return lambda: zeros(g), lambda: zeros(g)


FLOOR_DIVIDE = FloorDivide()


@public(inplace=True)
def floor_divide(input: TensorLike, other: TensorLike) -> "Tensor":
    """Quotient rounded down, as Python's `//`; integers divided by a zero in a tensor give 0. The gradient is zero.

    Raises:
        ZeroDivisorError: for integers divided by the number 0 (as `remainder`, `fmod` and `div` with rounding).

    >>> tracegraph.floor_divide(tracegraph.tensor([7, -7]), 2)
    tensor([ 3, -4])
    """
    _refuse_zero("floor_divide", input, other)
    return dispatch.binary(FLOOR_DIVIDE, input, other)  # type: ignore[no-any-return]


_UNEVEN = "(floor_modulo({0}, {1}) != 0) & (({0} ^ {1}) < 0)"
"""Where rounding a quotient of integers down and towards zero differ."""


@operation
class TruncDivide(Pointwise):
    """Quotient rounded towards zero; integers divided by zero give 0."""

    name = "trunc_divide"
    arity = 2
    expression = "trunc_{f}({0} / {1})"
    integer_expression = f"floor_divide({{0}}, {{1}}) + select({_UNEVEN}, 1, 0)"
    takes = "number"
    differentiable = True
    sample_dtypes = ("float32", "float64", "int64", "uint8")

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        a, b = operands
        return xp.trunc(a / b) if a.dtype.kind == "f" else (a - xp.fmod(a, b)) // b

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return lambda: zeros(g), lambda: zeros(g)


TRUNC_DIVIDE = TruncDivide()


@operation
class Remainder(Pointwise):
    """Remainder with the divisor's sign, as Python's `%`; 0 for integers modulo zero."""

    name = "remainder"
    arity = 2
    numbers = "one"
    expression = "floor_modulo({0}, {1})"
    ufunc = np.remainder
    takes = "number"
    differentiable = True
    saves = (0, 1)
    sample_dtypes = ("float32", "float64", "int64", "uint8")

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return g, lambda: -g * floor_divide(a, b)


REMAINDER = Remainder()


@public(inplace=True)
def remainder(input: TensorLike, other: TensorLike) -> "Tensor":
    """Remainder with the divisor's sign, as Python's `%`.

    >>> tracegraph.remainder(tracegraph.tensor([5.5, -5.5]), 2)
    tensor([1.5000, 0.5000])
    """
    _refuse_zero("remainder", input, other)
    return dispatch.binary(REMAINDER, input, other)  # type: ignore[no-any-return]


@operation
class Fmod(Pointwise):
    """Remainder with the dividend's sign, as C's `fmod`; 0 for integers modulo zero."""

    name = "fmod"
    arity = 2
    numbers = "second"
    expression = "fmod_{f}({0}, {1})"
    integer_expression = f"floor_modulo({{0}}, {{1}}) - select({_UNEVEN}, {{1}}, 0)"
    ufunc = np.fmod
    takes = "number"
    differentiable = True
    saves = (0, 1)
    sample_dtypes = ("float32", "float64", "int64", "uint8")

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return g, lambda: -g * div(a, b, rounding_mode="trunc")


FMOD = Fmod()


@public(inplace=True)
def fmod(input: TensorLike, other: TensorLike) -> "Tensor":
    """Remainder with the dividend's sign, as C's `fmod`.

    >>> tracegraph.fmod(tracegraph.tensor([5.5, -5.5]), 2)
    tensor([ 1.5000, -1.5000])
    """
    _refuse_zero("fmod", input, other)
    return dispatch.binary(FMOD, input, other)  # type: ignore[no-any-return]


@operation
class Reciprocal(FloatFunction):
    """One divided by the operand."""

    name = "reciprocal"
    expression = "abs_{f}(1) / {0}"
    ufunc = np.reciprocal
    saves_output = True
    domain = (0.5, 3.0)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: -g * out.square(),)


RECIPROCAL = Reciprocal()


@public(inplace=True)
def reciprocal(input: TensorLike) -> "Tensor":
    """One divided by the operand, always a float.

    >>> tracegraph.reciprocal(tracegraph.tensor([2, 4]))
    tensor([0.5000, 0.2500])
    """
    return dispatch.unary(RECIPROCAL, input)  # type: ignore[no-any-return]


@public(inplace=True)
def addcdiv(input: "Tensor", tensor1: "Tensor", tensor2: "Tensor", *, value: float = 1) -> "Tensor":
    """`input + value * tensor1 / tensor2`, for floats.

    Raises:
        DTypeError: when both tensors are of integer dtypes.

    >>> one = tracegraph.tensor([1.0, 2.0])
    >>> tracegraph.addcdiv(one, one, one, value=0.5)
    tensor([1.5000, 2.5000])
    """
    require_tensors("addcdiv", input, tensor1, tensor2)
    if dispatch.result_type(tensor1, tensor2).kind != "f":
        raise DTypeError("addcdiv: does not divide integers; cast them to a float dtype first")
    quotient = div(tensor1, tensor2)
    return input + (quotient if value == 1 else quotient * value)
