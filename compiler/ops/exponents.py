"""Functions around powers of two and in float64, element by element: `ldexp`, `frexp`, `logaddexp2`, `float_power`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import DTypeError

from . import dispatch
from .base import Array, Cotangent, operation
from .dispatch import TensorLike, public
from .pointwise import FloatFunction, Pointwise, refuse_two_numbers, require_tensors
from .power import pow
from .results import MantissaAndExponent
from .rounding import floor
from .spec import Spec, float16, float32, float64, int32

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["float_power", "frexp", "ldexp", "logaddexp2"]


@operation
class LogAddExp2(FloatFunction):
    """log2(2**a + 2**b), without overflow on the way."""

    name = "logaddexp2"
    arity = 2
    numbers = "none"
    expression = (
        "select({0} == {1}, {0} + abs_{f}(1), "
        "maximum({0}, {1}) + log1p_{f}(exp2_{f}(-abs_{f}({0} - {1}))) * abs_{f}(1.4426950408889634))"
    )
    ufunc = np.logaddexp2
    commutative = True
    saves = (0, 1)

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return lambda: g / ((b - a).exp2() + 1), lambda: g / ((a - b).exp2() + 1)


LOGADDEXP2 = LogAddExp2()


@public()
def logaddexp2(input: "Tensor", other: "Tensor") -> "Tensor":
    """log2(2**input + 2**other), without overflow on the way.

    >>> tracegraph.logaddexp2(tracegraph.tensor([0.0, 100.0]), tracegraph.tensor([0.0, 100.0]))
    tensor([  1., 101.])
    """
    return dispatch.binary(LOGADDEXP2, input, other)  # type: ignore[no-any-return]


@public(inplace=True)
def ldexp(input: "Tensor", other: "Tensor") -> "Tensor":
    """`input` times 2 raised to `other`, always a float.

    >>> tracegraph.ldexp(tracegraph.tensor([1.5, 1.0]), tracegraph.tensor([1, -1]))
    tensor([3.0000, 0.5000])
    """
    require_tensors("ldexp", input, other)
    dtype = dispatch.promote(input, other, takes="float", name="ldexp")[0].dtype
    wide = float32 if dtype == float16 else dtype
    exponent = other.to(wide)
    half = floor(exponent * 0.5)  # in two steps, which overflow only where the result does
    return (input.to(wide) * pow(2.0, half) * pow(2.0, exponent - half)).to(dtype)  # type: ignore[no-any-return]


@operation
class Exponent(Pointwise):
    """The exponent (int32) with which a float is a fraction between 1/2 and 1 times a power of two."""

    name = "exponent"
    takes = "float"

    def infer(self, *operands: Spec) -> Spec:
        return Spec(super().infer(*operands).shape, int32)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.frexp(operands[0])[1]


@operation
class Mantissa(FloatFunction):
    """The fraction between 1/2 and 1 of which a float is a multiple by a power of two."""

    name = "mantissa"
    saves = (0,)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.frexp(operands[0])[0]

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: ldexp(g, -dispatch.unary(EXPONENT, a)),)


EXPONENT, MANTISSA = Exponent(), Mantissa()


@public()
def frexp(input: "Tensor") -> MantissaAndExponent:
    """The mantissa between 1/2 and 1 and the exponent (int32): `input` is mantissa * 2 ** exponent.

    Raises:
        DTypeError: for a tensor that is not a float.

    >>> tracegraph.frexp(tracegraph.tensor([3.0, 0.25]))
    MantissaAndExponent(mantissa=tensor([0.7500, 0.5000]), exponent=tensor([ 2, -1], dtype=int32))
    """
    if input.dtype.kind != "f":
        raise DTypeError(f"frexp: takes float tensors, not {input.dtype}")
    return MantissaAndExponent(dispatch.unary(MANTISSA, input), dispatch.unary(EXPONENT, input))


@public()
def float_power(input: TensorLike, exponent: TensorLike) -> "Tensor":
    """`input` raised to `exponent`, computed in float64; one of them may be a number.

    >>> tracegraph.float_power(tracegraph.tensor([2, 3]), -1).dtype
    dtype('float64')
    """
    refuse_two_numbers("float_power", input, exponent)
    base, power = (
        value if isinstance(value, int | float) else dispatch.as_tensor(value, float64) for value in (input, exponent)
    )
    return pow(base, power)


@public()
def float_power_(input: "Tensor", exponent: TensorLike) -> "Tensor":
    """In-place version of `float_power`, for float64 tensors.

    Raises:
        DTypeError: for another dtype, which cannot hold the result.

    >>> tracegraph.tensor([2.0, 3.0], dtype=tracegraph.float64).float_power_(2)
    tensor([4., 9.], dtype=float64)
    """
    if input.dtype != float64:
        raise DTypeError(f"float_power_: the result is float64, which a tensor of {input.dtype} cannot hold")
    return input.assign(float_power(input, exponent))
