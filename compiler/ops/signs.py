"""Signs and neighbours of numbers, element by element: `signbit`, `heaviside`, `nextafter`, `isposinf`, `isneginf`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import DTypeError

from . import dispatch
from .base import Cotangent, operation
from .comparison import Predicate
from .dispatch import public
from .pointwise import FloatFunction, require_tensors, zeros

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["heaviside", "isneginf", "isposinf", "isreal", "nextafter", "signbit"]


@operation
class Signbit(Predicate):
    """Whether the sign bit is set: of negative numbers, and of -0.0."""

    name = "signbit"
    expression = "copysign_{f}(1, {0}) < 0"
    integer_expression = "{0} < 0"
    ufunc = np.signbit
    sample_dtypes = ("float32", "float64", "int64", "uint8")


SIGNBIT = Signbit()


@public()
def signbit(input: "Tensor") -> "Tensor":
    """Whether the sign bit is set: of negative numbers, and of -0.0.

    >>> tracegraph.signbit(tracegraph.tensor([1.0, -0.0]))
    tensor([False,  True])
    """
    if input.dtype.kind == "b":
        return input.ne(input)  # type: ignore[no-any-return]
    return dispatch.unary(SIGNBIT, input)  # type: ignore[no-any-return]


@public()
def isposinf(input: "Tensor") -> "Tensor":
    """Whether the element is infinity.

    >>> tracegraph.isposinf(tracegraph.tensor([1.0, float("inf"), -float("inf")]))
    tensor([False,  True, False])
    """
    return input.eq(float("inf")) if input.dtype.kind == "f" else input.ne(input)  # type: ignore[no-any-return]


@public()
def isneginf(input: "Tensor") -> "Tensor":
    """Whether the element is minus infinity.

    >>> tracegraph.isneginf(tracegraph.tensor([1.0, float("inf"), -float("inf")]))
    tensor([False, False,  True])
    """
    return input.eq(-float("inf")) if input.dtype.kind == "f" else input.ne(input)  # type: ignore[no-any-return]


@public()
def isreal(input: "Tensor") -> "Tensor":
    """True for every element: there are no complex numbers.

    >>> tracegraph.isreal(tracegraph.tensor([1.0, 2.0]))
    tensor([True, True])
    """
    return input.ne(input).logical_not() if input.dtype.kind != "f" else input.eq(input) | input.isnan()  # type: ignore[no-any-return]


@public(inplace=True)
def heaviside(input: "Tensor", values: "Tensor") -> "Tensor":
    """The step function: 1 for positive numbers, 0 for negative ones and NaN, the element of `values` at 0.

    It is without gradient.

    Raises:
        DTypeError: when the dtypes differ.

    >>> tracegraph.heaviside(tracegraph.tensor([-1.0, 0.0, 2.0]), tracegraph.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    require_tensors("heaviside", input, values)
    if input.dtype != values.dtype:
        raise DTypeError(f"heaviside: operands must have one dtype, got {input.dtype} and {values.dtype}")
    return values.detach().where(input == 0, (input > 0).to(input.dtype))  # type: ignore[no-any-return]


@operation
class NextAfter(FloatFunction):
    """The number of the dtype that follows the first operand in the direction of the second."""

    name = "nextafter"
    arity = 2
    numbers = "none"
    ufunc = np.nextafter

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return g, lambda: zeros(g)


NEXT_AFTER = NextAfter()


@public(inplace=True)
def nextafter(input: "Tensor", other: "Tensor") -> "Tensor":
    """The next number of the dtype after `input` in the direction of `other`, for floats.

    >>> tracegraph.nextafter(tracegraph.tensor([1.0]), tracegraph.tensor([2.0])) - 1
    tensor([1.1921e-07])
    """
    require_tensors("nextafter", input, other)
    if dispatch.result_type(input, other).kind != "f":
        raise DTypeError(f"nextafter: takes float tensors, not {input.dtype} and {other.dtype}")
    return dispatch.binary(NEXT_AFTER, input, other)  # type: ignore[no-any-return]
