"""Counting elements: in intervals with `histc` and `histogram`, by their value with `bincount`."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

from . import dispatch
from .base import Array, Kind, Operation, Sample, operation
from .creation import arange, full_operation
from .dispatch import public
from .requirement import ensured, need_float
from .results import Histogram
from .searching import SearchSorted
from .spec import INTEGERS, Spec, float32, float64, int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["bincount", "histc", "histogram"]


@operation
class Bincount(Operation):
    """How often each number from 0 on occurs in a vector of integers, or the sum of the weights (the second operand)
    where it does; at least `minlength` numbers.
    """

    minlength: int
    name = "bincount"
    kind = Kind.HOST
    data_dependent = True

    def check(self, *operands: Spec) -> None:
        """Refuse operands that cannot be counted.

        Raises:
            DTypeError: for anything but integers.
            ShapeError: for anything but vectors of one length.
        """
        numbers = operands[0]
        if numbers.dtype not in INTEGERS:
            raise DTypeError(f"bincount: takes integers, not {numbers.dtype}")
        if numbers.ndim != 1:
            raise ShapeError(f"bincount: takes a vector, got shape {numbers.shape}")
        if len(operands) > 1 and operands[1].shape != numbers.shape:
            raise ShapeError(f"bincount: weights of shape {operands[1].shape} for numbers of shape {numbers.shape}")

    def infer(self, *operands: Spec) -> Spec:
        self.check(*operands)
        raise ShapeError("bincount: the shape of the result depends on the largest number")

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        self.check(*[Spec(array.shape, array.dtype) for array in operands])
        numbers, *weights = operands
        if numbers.size and numbers.min() < 0:
            raise ArgumentError(f"bincount: numbers must not be negative, got {numbers.min()}")
        counts = xp.bincount(numbers.astype(int64), *weights, minlength=self.minlength)
        if not weights or not numbers.size:
            return counts.astype(int64)
        return counts.astype(float32 if weights[0].dtype == float32 else float64)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for minlength in (0, 9):
            numbers = rng.integers(0, 5, 7)
            yield Sample(cls(minlength), (numbers,))
            yield Sample(cls(minlength), (numbers.astype("uint8"), rng.random(7).astype("float32")))
            yield Sample(cls(minlength), (np.zeros(0, "int64"), np.zeros(0)))


@public()
def bincount(input: "Tensor", weights: "Tensor | None" = None, minlength: int = 0) -> "Tensor":
    """How often each of the numbers 0, 1, 2, ... occurs in a vector, or with `weights` the sum of the weights there.

    The size of the result depends on values, so a traced function runs this step in Python. It has no gradient.

    Args:
        input: vector of integers that are not negative.
        weights: vector of the same length; its sums are float32 if it is, else float64.
        minlength: the least size of the result.

    Raises:
        ArgumentError: for a negative number or a negative `minlength`.
        DTypeError: for anything but integers.
        ShapeError: for anything but vectors of one length.

    >>> tracegraph.bincount(tracegraph.tensor([1, 3, 1]))
    tensor([0, 2, 0, 1])
    """
    if minlength < 0:
        raise ArgumentError(f"bincount: minlength must not be negative, got {minlength}")
    operands = (input,) if weights is None else (input, weights.detach())
    return dispatch.apply(Bincount(int(minlength)), *operands)  # type: ignore[no-any-return]


def _range(name: str, input: "Tensor", ends: Sequence[float] | None, widening: float) -> tuple["Tensor", "Tensor"]:
    """The ends of the range counted in, as 0-d tensors: those given, else the smallest and the largest element."""
    if ends is None:
        if not input.shape[0]:
            return dispatch.constant(0.0, input.dtype), dispatch.constant(1.0, input.dtype)
        message = f"{name}: elements must be finite where no range is given"
        first, last = (ensured(end, end.isfinite(), message) for end in (input.amin(), input.amax()))
        even = first.eq(last).to(input.dtype) * widening
        return first - even, last + even
    if len(ends) != 2:
        raise ArgumentError(f"{name}: the range must be two numbers, got {len(ends)}")
    low, high = ends
    if not math.isfinite(low) or not math.isfinite(high):
        raise ArgumentError(f"{name}: the range must be finite, got {low} to {high}")
    if high < low:
        raise ArgumentError(f"{name}: the range must not end below its begin, got {low} to {high}")
    if low == high:
        low, high = low - widening, high + widening
    return dispatch.constant(float(low), input.dtype), dispatch.constant(float(high), input.dtype)


def _counted(places: "Tensor", inside: "Tensor", weight: "Tensor", bins: int) -> "Tensor":
    """The sums of the weights by place, of what lies inside the range."""
    zeros = dispatch.apply(full_operation((bins,), 0, weight.dtype))
    placed = places.where(inside, 0).to(int64).clamp(0, bins - 1)
    return zeros.index_add(0, placed, weight.where(inside, 0))  # type: ignore[no-any-return]


def _positive(name: str, bins: Any) -> int:
    if not hasattr(bins, "__index__"):
        raise ArgumentTypeError(f"{name}: bins must be an int, got {type(bins).__name__}")
    if bins.__index__() < 1:
        raise ArgumentError(f"{name}: at least one bin is needed, got {bins}")
    return int(bins.__index__())


@public()
def histc(input: "Tensor", bins: int = 100, min: float = 0, max: float = 0) -> "Tensor":
    """How many elements lie in each of `bins` intervals of equal width from `min` to `max`, in the tensor's dtype.

    Elements outside and NaN are not counted. Without a range (both ends equal) it is that of the elements. It has no
    gradient.

    Raises:
        ArgumentError: without a bin, for a range that is not finite or ends below its begin.
        DTypeError: for anything but floats.

    >>> tracegraph.histc(tracegraph.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    need_float("histc", input)
    count = _positive("histc", bins)
    flat = input.detach().reshape((-1,))
    low, high = _range("histc", flat, None if min == max and flat.shape[0] else (min, max), 1.0)
    inside = flat.ge(low).logical_and(flat.le(high))
    places = ((flat - low) * count / (high - low)).floor()
    return _counted(places, inside, inside.to(flat.dtype), count)


@public()
def histogram(
    input: "Tensor",
    bins: Any,
    *,
    range: Sequence[float] | None = None,
    weight: "Tensor | None" = None,
    density: bool = False,
) -> Histogram:
    """How many elements lie in each of several intervals, and the edges of these, as a named tuple (hist, bin_edges).

    An interval holds its lower edge but not its upper one, the last one holds both.

    Args:
        input: float tensor of any shape.
        bins: how many intervals of equal width, or a vector of ascending edges.
        range: the ends of the intervals of equal width; by default the smallest and the largest element.
        weight: tensor of the shape of `input`: what each element counts.
        density: divide by the sum and the width, so that the area is 1.

    Raises:
        ArgumentError: without a bin, for a range that is not finite or ends below its begin.
        ArgumentTypeError: for a range beside edges.
        DTypeError: for anything but floats of one dtype.
        ShapeError: when shapes do not fit.

    >>> tracegraph.histogram(tracegraph.tensor([1.0, 2.0, 1.0]), 2, range=(1, 3)).hist
    tensor([2., 1.])
    """
    need_float("histogram", input)
    flat = input.detach().reshape((-1,))
    edges = _edges(flat, bins, range)
    if weight is not None and weight.shape != input.shape:
        raise ShapeError(f"histogram: weight of shape {weight.shape} for a tensor of shape {input.shape}")
    if weight is not None and weight.dtype != input.dtype:
        raise DTypeError(f"histogram: weight must have the dtype {input.dtype} of the tensor, not {weight.dtype}")
    inside = flat.ge(edges[0]).logical_and(flat.le(edges[-1]))
    places = dispatch.apply(SearchSorted(True), edges, flat) - 1
    weights = inside.to(flat.dtype) if weight is None else weight.detach().reshape((-1,))
    hist = _counted(places, inside, weights, edges.shape[0] - 1)
    if density:
        hist = hist / (hist.sum() * (edges[1:] - edges[:-1]))
    return Histogram(hist, edges)


def _edges(flat: "Tensor", bins: Any, ends: Sequence[float] | None) -> "Tensor":
    """The edges of the intervals: those given, or equally spaced ones (computed from both ends, as `linspace` is)."""
    if hasattr(bins, "_data"):
        if ends is not None:
            raise ArgumentTypeError("histogram: range has no meaning beside a tensor of edges")
        if bins.ndim != 1 or bins.shape[0] < 2:
            raise ShapeError(f"histogram: edges must be a vector of at least two, got shape {bins.shape}")
        if bins.dtype != flat.dtype:
            raise DTypeError(f"histogram: edges must have the dtype {flat.dtype} of the tensor, not {bins.dtype}")
        return bins.detach()  # type: ignore[no-any-return]
    count = _positive("histogram", bins)
    low, high = _range("histogram", flat, ends, 0.5)
    step = (high - low) / count
    numbers = arange(count + 1, dtype=flat.dtype)
    return (low + step * numbers).where(numbers < (count + 1) // 2, high - step * (count - numbers))  # type: ignore[no-any-return]
