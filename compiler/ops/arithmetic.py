"""Arithmetic, element by element: `add`, `sub`, `mul`, `neg`, `abs`, `lerp` and their relatives."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, DTypeError

from . import dispatch
from .base import Array, Cotangent, operation
from .dispatch import TensorLike, public
from .pointwise import Pointwise, require_tensors, zeros
from .spec import int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "abs", "absolute", "add", "addcmul", "lerp", "mul", "multiply", "neg", "negative", "positive", "rsub", "sgn",
    "sign", "square", "sub", "subtract",
]  # fmt: skip


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


def _scaled(name: str, input: TensorLike, other: TensorLike, alpha: float) -> tuple["Tensor", "Tensor"]:
    """The operands in their common dtype, the second times alpha, which must not turn integers into floats."""
    if name == "sub" and "b" in (dispatch.result_type(input).kind, dispatch.result_type(other).kind):
        raise DTypeError("sub: not defined for bool operands; cast them first, or use ^ or logical_not")
    a, b = dispatch.promote(input, other, name=name)
    if type(alpha) is float and a.dtype.kind != "f":
        raise ArgumentError(f"{name}: alpha must be an integer for integer tensors, got {alpha}")
    return a, dispatch.binary(MULTIPLY, b, dispatch.constant(alpha, b.dtype))


@public(inplace=True)
def add(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> "Tensor":
    """`input + alpha * other`, with broadcasting and type promotion.

    >>> tracegraph.add(tracegraph.tensor([1.0, 2.5]), 1)
    tensor([2.0000, 3.5000])
    """
    if alpha != 1:
        input, other = _scaled("add", input, other, alpha)
    return dispatch.binary(ADD, input, other)  # type: ignore[no-any-return]


@operation
class Subtract(Pointwise):
    """Difference of two tensors."""

    name = "subtract"
    arity = 2
    takes_mixed_bools = False
    expression = "{0} - {1}"
    ufunc = np.subtract
    takes = "number"
    identity = 0
    differentiable = True
    sample_dtypes = ("float32", "float64", "int64", "uint8")

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return g, lambda: -g


SUBTRACT = Subtract()


@public(inplace=True, aliases=("subtract",))
def sub(input: TensorLike, other: TensorLike, *, alpha: float = 1) -> "Tensor":
    """`input - alpha * other`, with broadcasting and type promotion; bools are refused (use `^` or `logical_not`).

    >>> tracegraph.sub(tracegraph.tensor([1.0, 2.5]), 1)
    tensor([0.0000, 1.5000])
    """
    if alpha != 1:
        input, other = _scaled("sub", input, other, alpha)
    return dispatch.binary(SUBTRACT, input, other)  # type: ignore[no-any-return]


subtract = sub


@public()
def rsub(input: "Tensor", other: TensorLike, *, alpha: float = 1) -> "Tensor":
    """`other - alpha * input`: subtraction with the operands exchanged.

    >>> tracegraph.rsub(tracegraph.tensor([1.0, 2.5]), 1)
    tensor([ 0.0000, -1.5000])
    """
    require_tensors("rsub", input)
    return sub(other, input, alpha=alpha)


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


multiply = mul


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
    """Negation; bools are refused (use `logical_not`).

    >>> tracegraph.neg(tracegraph.tensor([1.0, -2.5]))
    tensor([-1.0000, 2.5000])
    """
    return dispatch.unary(NEGATIVE, input)  # type: ignore[no-any-return]


negative = neg


@public()
def positive(input: "Tensor") -> "Tensor":
    """The tensor itself, which is what `+x` means; bools are refused.

    >>> tracegraph.positive(tracegraph.tensor([1.0, -2.5]))
    tensor([ 1.0000, -2.5000])
    """
    result = dispatch.as_tensor(input)
    if result.dtype.kind == "b":
        raise DTypeError("positive: not defined for bool tensors; cast them first")
    return result  # type: ignore[no-any-return]


@operation
class Square(Pointwise):
    """The operand times itself."""

    name = "square"
    expression = "{0} * {0}"
    ufunc = np.square
    takes = "number"
    differentiable = True
    saves = (0,)
    sample_dtypes = ("float32", "float64", "int64")

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (a * 2),)


SQUARE = Square()


@public(inplace=True)
def square(input: TensorLike) -> "Tensor":
    """The operand times itself; bools become int64.

    >>> tracegraph.square(tracegraph.tensor([1.5, -2.0]))
    tensor([2.2500, 4.0000])
    """
    if dispatch.result_type(input).kind == "b":
        input = dispatch.as_tensor(input, int64)
    return dispatch.unary(SQUARE, input)  # type: ignore[no-any-return]


@operation
class Absolute(Pointwise):
    """Absolute value; its gradient at 0 is 0."""

    name = "absolute"
    expression = "abs_{f}({0})"
    integer_expression = "select({0} < 0, -{0}, {0})"
    ufunc = np.absolute
    takes = "number"
    idempotent = True
    differentiable = True
    saves = (0,)
    sample_dtypes = ("float32", "float64", "int64", "uint8")

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * a.sign(),)


ABSOLUTE = Absolute()


@public(inplace=True, aliases=("absolute",))
def abs(input: TensorLike) -> "Tensor":
    """Absolute value. The gradient at 0 is 0.

    >>> tracegraph.abs(tracegraph.tensor([1.5, -2.0]))
    tensor([1.5000, 2.0000])
    """
    return dispatch.unary(ABSOLUTE, input)  # type: ignore[no-any-return]


absolute = abs


@operation
class Sign(Pointwise):
    """-1, 0 or 1 as the operand is negative, zero or positive; 0 for NaN."""

    name = "sign"
    expression = "select({0} > 0, abs_{f}(1), select({0} < 0, -abs_{f}(1), abs_{f}(0)))"
    integer_expression = "select({0} > 0, 1, select({0} < 0, -1, 0))"
    takes = "number"
    idempotent = True
    differentiable = True
    sample_dtypes = ("float32", "float64", "int64", "uint8")

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        return (a > 0).astype(a.dtype) - (a < 0)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: zeros(g),)


SIGN = Sign()


@public(inplace=True, aliases=("sgn",))
def sign(input: "Tensor") -> "Tensor":
    """-1, 0 or 1 as the operand is negative, zero or positive; 0 for NaN. The gradient is zero.

    >>> tracegraph.sign(tracegraph.tensor([1.5, -2.0, 0.0]))
    tensor([ 1., -1.,  0.])
    """
    if input.dtype.kind == "b":
        return input.clone()  # type: ignore[no-any-return]
    return dispatch.unary(SIGN, input)  # type: ignore[no-any-return]


sgn = sign


@public(inplace=True)
def addcmul(input: "Tensor", tensor1: "Tensor", tensor2: "Tensor", *, value: float = 1) -> "Tensor":
    """`input + value * tensor1 * tensor2`.

    >>> one = tracegraph.tensor([1.0, 2.0])
    >>> tracegraph.addcmul(one, one, one, value=0.5)
    tensor([1.5000, 4.0000])
    """
    require_tensors("addcmul", input, tensor1, tensor2)
    product = mul(tensor1, tensor2)
    if product.dtype.kind == "b" and dispatch.result_type(input).kind == "b":
        raise DTypeError("addcmul: not defined for bool tensors; cast them first")
    return add(input, product, alpha=value)


@public(inplace=True)
def lerp(input: "Tensor", end: "Tensor", weight: TensorLike) -> "Tensor":
    """Linear interpolation: `input + weight * (end - input)`; exactly `end` at the weight 1.

    Raises:
        DTypeError: when the tensors are not of one float dtype.

    >>> tracegraph.lerp(tracegraph.tensor([1.0, 2.0]), tracegraph.tensor([3.0, 6.0]), 0.5)
    tensor([2., 4.])
    """
    require_tensors("lerp", input, end)
    dtypes = [value.dtype for value in (input, end, weight) if hasattr(value, "dtype")]
    if dtypes.count(input.dtype) != len(dtypes) or input.dtype.kind != "f":
        raise DTypeError(f"lerp: tensors must have one float dtype, got {', '.join(map(str, dtypes))}")
    distance = sub(end, input)
    if isinstance(weight, float | int):
        near_scalar = -0.5 < weight < 0.5
        return add(input, mul(distance, weight)) if near_scalar else sub(end, mul(distance, 1 - weight))
    share: Tensor = dispatch.as_tensor(weight)
    near = share.abs() < 0.5  # else from the other end
    return add(input.where(near, end), mul(distance, share.where(near, sub(share, 1))))
