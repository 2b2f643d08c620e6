"""Powers and roots, element by element: `pow`, `sqrt`, `rsqrt`, `hypot`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError

from . import dispatch
from .base import Array, Cotangent, operation
from .dispatch import TensorLike, public
from .pointwise import FloatFunction, Pointwise, masked, refuse_two_numbers, zeros

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["hypot", "pow", "rsqrt", "sqrt"]


@operation
class IntegerPower(Pointwise):
    """The first integer raised to the second, wrapping; negative powers are rounded towards zero (0 ** -1 is 0)."""

    name = "integer_power"
    arity = 2
    numbers = "one"
    takes = "integer"
    identity = 1
    domain = (-2.0, 4.0)
    sample_dtypes = ("int64", "int32", "uint8")

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        a, b = operands
        if a.dtype.kind != "i" or not (b < 0).any():
            return xp.power(a, b)
        units = xp.where(a == 1, 1, xp.where(a == -1, 1 - 2 * (b & 1), 0)).astype(a.dtype)
        return xp.where(b < 0, units, xp.power(a, xp.maximum(b, 0)))


INTEGER_POWER = IntegerPower()


@operation
class Power(FloatFunction):
    """The first operand raised to the second, for floats."""

    name = "power"
    arity = 2
    numbers = "one"
    expression = "pow_{f}({0}, {1})"
    ufunc = np.power
    identity = 1
    saves = (0, 1)
    domain = (0.3, 3.0)

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        def base() -> "Tensor":
            if b._literal:
                exponent = b._data.item()
                return zeros(g) if exponent == 0 else g * (pow(a, exponent - 1) * exponent)
            defined = (a != 0) | (b != 0)
            return g * (b * pow(a.where(defined, dispatch.constant(1, a.dtype)), b - 1))  # type: ignore[no-any-return]

        def exponent() -> "Tensor":
            regular = (a != 0) | (b < 0)
            logarithm = a.where(regular, dispatch.constant(1, a.dtype)).log()
            return masked(regular, g * (pow(a, b) * logarithm))

        return base, exponent


POWER = Power()


def _fixed_power(input: "Tensor", exponent: float) -> "Tensor | None":
    """The power by a cheaper operation, for the exponents that have one (PyTorch takes the same short cuts)."""
    if exponent == 2:
        return input.square()  # type: ignore[no-any-return]
    if exponent == 1:
        return input.clone()  # type: ignore[no-any-return]
    if exponent == 3:
        return input.square() * input  # type: ignore[no-any-return]
    if input.dtype.kind != "f":
        return None
    if exponent == 0.5:
        return sqrt(input)
    if exponent == -1:
        return input.reciprocal()  # type: ignore[no-any-return]
    if exponent == -0.5:
        return rsqrt(input)
    return None


@public(inplace=True)
def pow(input: TensorLike, exponent: TensorLike) -> "Tensor":
    """`input` raised to `exponent`; either may be a number. Integers stay integers and wrap when they overflow.

    The gradient for the exponent is 0 where the base is 0 and the exponent is not negative.

    Raises:
        ArgumentError: for integers raised to a negative integer number.

    >>> tracegraph.pow(tracegraph.tensor([2.0, 3.0]), 2)
    tensor([4., 9.])
    >>> tracegraph.pow(2, tracegraph.tensor([3, 4]))
    tensor([ 8, 16])
    """
    refuse_two_numbers("pow", input, exponent)
    base: Any = input
    power: Any = exponent
    kind = type(exponent)
    if kind is bool and dispatch.result_type(input).kind == "b":
        return base | (not exponent)  # type: ignore[no-any-return]
    if (kind is int or kind is float) and hasattr(input, "_data"):
        dtype = base.dtype.kind
        if dtype == "f" or (dtype in "iu" and kind is int):
            fixed = _fixed_power(base, power)
            if fixed is not None:
                return fixed
            if dtype != "f" and power < 0:
                raise ArgumentError(f"pow: integers to the negative power {exponent}; cast the base to a float dtype")
    a, b = dispatch.promote(input, exponent, takes="number", name="pow")
    return dispatch.binary(POWER if a.dtype.kind == "f" else INTEGER_POWER, a, b)  # type: ignore[no-any-return]


@operation
class Sqrt(FloatFunction):
    """Square root."""

    name = "sqrt"
    expression = "sqrt_{f}({0})"
    ufunc = np.sqrt
    saves_output = True
    domain = (0.1, 3.0)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g / (out * 2),)


SQRT = Sqrt()


@public(inplace=True)
def sqrt(input: TensorLike) -> "Tensor":
    """Square root; NaN for negative numbers.

    >>> tracegraph.sqrt(tracegraph.tensor([4.0, 6.25]))
    tensor([2.0000, 2.5000])
    """
    return dispatch.unary(SQRT, input)  # type: ignore[no-any-return]


@operation
class Rsqrt(FloatFunction):
    """One divided by the square root."""

    name = "rsqrt"
    expression = "rsqrt_{f}({0})"
    saves_output = True
    domain = (0.1, 3.0)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.reciprocal(xp.sqrt(operands[0]))

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (pow(out, 3) * -0.5),)


RSQRT = Rsqrt()


@public(inplace=True)
def rsqrt(input: TensorLike) -> "Tensor":
    """One divided by the square root.

    >>> tracegraph.rsqrt(tracegraph.tensor([4.0, 0.25]))
    tensor([0.5000, 2.0000])
    """
    return dispatch.unary(RSQRT, input)  # type: ignore[no-any-return]


@operation
class Hypot(FloatFunction):
    """Square root of the sum of two squares, without overflow on the way."""

    name = "hypot"
    arity = 2
    numbers = "none"
    ufunc = np.hypot
    commutative = True
    saves = (0, 1)
    saves_output = True

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return lambda: g * (a / out), lambda: g * (b / out)


HYPOT = Hypot()


@public(inplace=True)
def hypot(input: TensorLike, other: TensorLike) -> "Tensor":
    """The hypotenuse: square root of the sum of two squares, without overflow on the way.

    >>> tracegraph.hypot(tracegraph.tensor([3.0, 1e30]), tracegraph.tensor([4.0, 0.0]))
    tensor([5.0000e+00, 1.0000e+30])
    """
    return dispatch.binary(HYPOT, input, other)  # type: ignore[no-any-return]
