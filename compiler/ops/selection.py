"""Choosing among values, element by element: `where`, `maximum`, `minimum`, `clamp`, `masked_fill`, `nan_to_num`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, DTypeError

from . import dispatch
from .base import Array, Cotangent, Sample, operation
from .dispatch import TensorLike, public
from .pointwise import Pointwise, draw, masked, require_tensors, zeros
from .spec import Spec, bool_, broadcast_shapes

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "clamp", "clamp_max", "clamp_min", "clip", "copysign", "fmax", "fmin", "masked_fill", "maximum", "minimum",
    "nan_to_num", "where",
]  # fmt: skip


@operation
class Where(Pointwise):
    """The second operand where the first (bool) holds, else the third."""

    name = "where"
    arity = 3
    expression = "select({0}, {1}, {2})"
    differentiable = True
    saves = (0,)
    inlines = True

    def infer(self, *operands: Spec) -> Spec:
        condition, a, b = operands
        if condition.dtype != bool_:
            raise DTypeError(f"where: the condition must be a bool tensor, not {condition.dtype}")
        if a.dtype != b.dtype:
            raise DTypeError(f"where: operands must have one dtype, got {a.dtype} and {b.dtype}")
        return Spec(broadcast_shapes("where", condition.shape, a.shape, b.shape), a.dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.where(*operands)

    def vjp(self, g: "Tensor", out: Any, condition: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        zero = dispatch.constant(0, g.dtype)
        return (
            None,
            lambda: dispatch.apply(WHERE, condition, g, zero),
            lambda: dispatch.apply(WHERE, condition, zero, g),
        )

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        shapes: tuple[tuple[tuple[int, ...], ...], ...] = (
            ((3, 4), (3, 4), (3, 4)), ((3, 1), (4,), ()), ((), (2, 3), ()), ((), (), ()), ((0, 2), (2,), ()),
        )  # fmt: skip
        for dtype in ("float32", "float64", "int64", "bool"):
            for condition, a, b in shapes:
                yield Sample(cls(), (draw(rng, condition, "bool"), draw(rng, a, dtype), draw(rng, b, dtype)))
            strided = draw(rng, (4, 3), "bool").T, draw(rng, (3, 8), dtype)[:, ::-2]
            yield Sample(cls(), (*strided, draw(rng, (4,), dtype)))


WHERE = Where()


@public(method=False)
def where(condition: "Tensor", input: TensorLike | None = None, other: TensorLike | None = None) -> Any:
    """`input` where `condition` holds, else `other`; all three broadcast. The condition alone: its nonzero indices.

    The method form is `input.where(condition, other)`.

    Raises:
        DTypeError: when the condition is not a bool tensor.

    >>> x = tracegraph.tensor([1.0, -2.0])
    >>> tracegraph.where(x > 0, x, 0.0)
    tensor([1., 0.])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if input is None or other is None:
        raise ArgumentError("where: give both input and other, or neither")
    if not hasattr(condition, "_data"):
        condition = dispatch.as_tensor(condition)
    if condition._data.dtype is not bool_:
        raise DTypeError(f"where: the condition must be a bool tensor, not {condition.dtype}; cast it with bool()")
    if not (hasattr(input, "_data") and hasattr(other, "_data") and input._data.dtype is other._data.dtype):
        input, other = dispatch.promote(input, other, name="where")
    return dispatch.apply(WHERE, condition, input, other)


@public(inplace=True)
def masked_fill(input: "Tensor", mask: "Tensor", value: TensorLike) -> "Tensor":
    """A copy with `value` where `mask` holds; `mask` broadcasts, the dtype stays.

    Raises:
        DTypeError: when the mask is not a bool tensor.
        ArgumentTypeError: when the value has dimensions.

    >>> x = tracegraph.tensor([1.0, -2.0])
    >>> tracegraph.masked_fill(x, x < 0, 0.5)
    tensor([1.0000, 0.5000])
    """
    if mask.dtype != bool_:
        raise DTypeError(f"masked_fill: the mask must be a bool tensor, not {mask.dtype}")
    made: Any = value
    if getattr(made, "ndim", 0):
        raise ArgumentTypeError(f"masked_fill: takes a number or a 0-d tensor, not a tensor of shape {made.shape}")
    filler = made.to(input.dtype) if hasattr(made, "_data") else dispatch.constant(made, input.dtype)
    return dispatch.apply(WHERE, mask, filler, input)  # type: ignore[no-any-return]


class Extremum(Pointwise):
    """The larger or the smaller of two; equal operands share the cotangent evenly, and both get it where one is NaN."""

    arity = 2
    numbers = "none"
    commutative = True
    differentiable = True
    saves = (0, 1)
    sample_dtypes = ("float32", "float64", "int64", "uint8", "bool")


def _share(g: "Tensor", loses: "Tensor", ties: "Tensor") -> "Tensor":
    """Nothing for a loser, half for a tie, else all."""
    return masked(loses.logical_not(), (g * 0.5).where(ties, g))


@operation
class Maximum(Extremum):
    """The larger of two; NaN if one is."""

    name = "maximum"
    expression = "maximum({0}, {1})"
    ufunc = np.maximum

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return lambda: _share(g, a < b, a == b), lambda: _share(g, b < a, a == b)


MAXIMUM = Maximum()


@public()
def maximum(input: TensorLike, other: TensorLike) -> "Tensor":
    """The larger of two, element by element; NaN if one is. Where they are equal, each gets half of the gradient.

    >>> tracegraph.maximum(tracegraph.tensor([1.0, 5.0]), tracegraph.tensor([3.0, 2.0]))
    tensor([3., 5.])
    """
    return dispatch.binary(MAXIMUM, input, other)  # type: ignore[no-any-return]


@operation
class Minimum(Extremum):
    """The smaller of two; NaN if one is."""

    name = "minimum"
    expression = "minimum({0}, {1})"
    ufunc = np.minimum

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return lambda: _share(g, a > b, a == b), lambda: _share(g, b > a, a == b)


MINIMUM = Minimum()


@public()
def minimum(input: TensorLike, other: TensorLike) -> "Tensor":
    """The smaller of two, element by element; NaN if one is. Where they are equal, each gets half of the gradient.

    >>> tracegraph.minimum(tracegraph.tensor([1.0, 5.0]), tracegraph.tensor([3.0, 2.0]))
    tensor([1., 2.])
    """
    return dispatch.binary(MINIMUM, input, other)  # type: ignore[no-any-return]


@public()
def fmax(input: TensorLike, other: TensorLike) -> "Tensor":
    """The larger of two, element by element; where one is NaN, the other. A tie's gradient goes to the first.

    >>> tracegraph.fmax(tracegraph.tensor([1.0, 5.0]), tracegraph.tensor([float("nan"), 2.0]))
    tensor([1., 5.])
    """
    require_tensors("fmax", input, other)
    a, b = dispatch.promote(input, other, name="fmax")
    return dispatch.apply(WHERE, (a >= b).logical_or(b.isnan()), a, b)  # type: ignore[no-any-return]


@public()
def fmin(input: TensorLike, other: TensorLike) -> "Tensor":
    """The smaller of two, element by element; where one is NaN, the other. A tie's gradient goes to the first.

    >>> tracegraph.fmin(tracegraph.tensor([1.0, 5.0]), tracegraph.tensor([float("nan"), 2.0]))
    tensor([1., 2.])
    """
    require_tensors("fmin", input, other)
    a, b = dispatch.promote(input, other, name="fmin")
    return dispatch.apply(WHERE, (a <= b).logical_or(b.isnan()), a, b)  # type: ignore[no-any-return]


class Bound(Pointwise):
    """Limits the first operand by the others; its gradient passes at the bound itself, unlike that of an extremum."""

    arity = 2
    differentiable = True
    saves: ClassVar[tuple[int, ...]] = (0, 1)
    inlines = True
    sample_dtypes = ("float32", "float64", "int64", "uint8")


@operation
class ClampMin(Bound):
    """The first operand, but at least the second."""

    name = "clamp_min"
    numbers = "second"
    expression = "maximum({0}, {1})"
    ufunc = np.maximum

    def vjp(self, g: "Tensor", out: Any, a: Any, low: Any) -> tuple[Cotangent, ...]:
        return lambda: masked(a >= low, g), lambda: masked(a < low, g)


CLAMP_MIN = ClampMin()


@operation
class ClampMax(Bound):
    """The first operand, but at most the second."""

    name = "clamp_max"
    numbers = "second"
    expression = "minimum({0}, {1})"
    ufunc = np.minimum

    def vjp(self, g: "Tensor", out: Any, a: Any, high: Any) -> tuple[Cotangent, ...]:
        return lambda: masked(a <= high, g), lambda: masked(a > high, g)


CLAMP_MAX = ClampMax()


@operation
class Clamp(Bound):
    """The first operand, but at least the second, and then at most the third."""

    name = "clamp"
    arity = 3
    expression = "minimum(maximum({0}, {1}), {2})"
    saves = (0, 1, 2)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        a, low, high = operands
        return xp.minimum(xp.maximum(a, low), high)

    def vjp(self, g: "Tensor", out: Any, a: Any, low: Any, high: Any) -> tuple[Cotangent, ...]:
        return (
            lambda: masked((a >= low) & (a <= high), g),
            lambda: masked((a < low) & (low < high), g),
            lambda: masked((a > high) | (high < low), g),
        )


CLAMP = Clamp()


@public(inplace=True, aliases=("clip",))
def clamp(input: "Tensor", min: TensorLike | None = None, max: TensorLike | None = None) -> "Tensor":
    """The tensor limited to at least `min` and at most `max`, numbers or tensors; one of them may be left out.

    Where `min` exceeds `max` the result is `max`. The gradient passes inside and at the bounds.

    Raises:
        ArgumentError: when both bounds are left out.

    >>> tracegraph.clamp(tracegraph.tensor([-2.0, 0.5, 3.0]), -1, 1)
    tensor([-1.0000, 0.5000, 1.0000])
    """
    if max is None:
        if min is None:
            raise ArgumentError("clamp: give min, max or both")
        return dispatch.binary(CLAMP_MIN, input, min)  # type: ignore[no-any-return]
    if min is None:
        return dispatch.binary(CLAMP_MAX, input, max)  # type: ignore[no-any-return]
    if input.dtype.kind == "f" and isinstance(min, float | int) and isinstance(max, float | int):
        dtype = input.dtype
        return dispatch.apply(CLAMP, input, dispatch.constant(min, dtype), dispatch.constant(max, dtype))  # type: ignore[no-any-return]
    return dispatch.apply(CLAMP, *dispatch.promote(input, min, max, name="clamp"))  # type: ignore[no-any-return]


clip = clamp


@public(inplace=True)
def clamp_min(input: "Tensor", min: TensorLike) -> "Tensor":
    """The tensor limited to at least `min`: `clamp` with this bound alone.

    >>> tracegraph.clamp_min(tracegraph.tensor([-2.0, 0.5]), 0)
    tensor([0.0000, 0.5000])
    """
    return dispatch.binary(CLAMP_MIN, input, min)  # type: ignore[no-any-return]


@public(inplace=True)
def clamp_max(input: "Tensor", max: TensorLike) -> "Tensor":
    """The tensor limited to at most `max`: `clamp` with this bound alone.

    >>> tracegraph.clamp_max(tracegraph.tensor([-2.0, 0.5]), 0)
    tensor([-2., 0.])
    """
    return dispatch.binary(CLAMP_MAX, input, max)  # type: ignore[no-any-return]


@operation
class Copysign(Pointwise):
    """The magnitude of the first operand with the sign of the second (of its sign bit: -0.0 counts)."""

    name = "copysign"
    arity = 2
    numbers = "second"
    expression = "copysign_{f}({0}, {1})"
    ufunc = np.copysign
    takes = "float"
    differentiable = True
    saves = (0, 1)

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return lambda: g * (a.sign() * copysign(dispatch.constant(1, b.dtype), b)), lambda: zeros(g)


COPYSIGN = Copysign()


@public(inplace=True)
def copysign(input: TensorLike, other: TensorLike) -> "Tensor":
    """The magnitude of `input` with the sign of `other`, always a float; the gradient at 0 is 0.

    >>> tracegraph.copysign(tracegraph.tensor([1.0, -2.0]), -1)
    tensor([-1., -2.])
    """
    return dispatch.binary(COPYSIGN, input, other)  # type: ignore[no-any-return]


@public(inplace=True)
def nan_to_num(
    input: "Tensor", nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> "Tensor":
    """NaN and the infinities replaced: by 0 and by the dtype's largest and smallest numbers, if nothing else is given.

    >>> tracegraph.nan_to_num(tracegraph.tensor([float("nan"), float("inf"), 1.5]), posinf=9.0)
    tensor([0.0000, 9.0000, 1.5000])
    """
    if input.dtype.kind != "f":
        return input.clone()  # type: ignore[no-any-return]
    limits = np.finfo(input.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    result = masked_fill(input, input.isnan(), 0.0 if nan is None else nan)
    return masked_fill(masked_fill(result, input == float("inf"), high), input == float("-inf"), low)
