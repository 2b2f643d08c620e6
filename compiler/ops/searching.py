"""Places in ascending sequences: `searchsorted`, `bucketize`, and which elements are among others: `isin`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

from . import dispatch
from .base import Array, Kind, Operation, Sample, operation
from .creation import full_operation
from .dispatch import TensorLike, public
from .sorting import sort
from .spec import Spec, bool_, int32, int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["bucketize", "isin", "searchsorted"]


@operation
class SearchSorted(Operation):
    """How many elements of an ascending sequence come before each value: those below it, with `right` also equal ones.

    The first operand is one sequence for all values, or has one (the last dimension) for each row of values.
    """

    right: bool
    name = "search_sorted"
    kind = Kind.HOST

    def infer(self, *operands: Spec) -> Spec:
        sequences, values = operands
        if sequences.dtype != values.dtype:
            raise DTypeError(f"searchsorted: values of {values.dtype} among a sequence of {sequences.dtype}")
        if sequences.ndim != 1 and (not sequences.ndim or sequences.shape[:-1] != values.shape[:-1]):
            raise ShapeError(
                f"searchsorted: a sequence of shape {sequences.shape} must be a vector, or differ from the values, of "
                f"shape {values.shape}, in the last dimension only"
            )
        return Spec(values.shape, int64)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        sequences, values = operands
        if sequences.ndim == 1 and (not sequences.size or sequences[-1] == sequences[-1]):
            return xp.searchsorted(sequences, values, "right" if self.right else "left").astype(int64)
        self.infer(*[Spec(operand.shape, operand.dtype) for operand in operands])
        if values.ndim == 0:
            return self.bisect(xp, sequences, values.reshape(1)).reshape(())
        return self.bisect(xp, sequences.reshape((1,) * (values.ndim - sequences.ndim) + sequences.shape), values)

    def bisect(self, xp: Any, sequences: Array, values: Array) -> Array:
        """All searches at once; nothing comes after a NaN that ends a sequence (NumPy would sort it last)."""
        length = sequences.shape[-1]
        low, high = xp.zeros(values.shape, int64), xp.full(values.shape, length, int64)
        for _ in range(length.bit_length()):
            middle = (low + high) // 2
            found = xp.take_along_axis(sequences, xp.minimum(middle, length - 1), -1)
            searched = low < high
            passed = searched & ~(found > values if self.right else found >= values)
            low = xp.where(passed, middle + 1, low)
            high = xp.where(searched & ~passed, middle, high)
        return low

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in ("float32", "float64", "int64"):
            for sequences, values in (((5,), (2, 3)), ((5,), ()), ((2, 5), (2, 3)), ((2, 0), (2, 3)), ((0,), (2,))):
                for right in (False, True):
                    ordered = np.sort(rng.integers(0, 6, sequences), -1).astype(dtype)
                    yield Sample(cls(right), (ordered, np.asarray(rng.integers(-1, 7, values)).astype(dtype)))
        yield Sample(cls(False), (np.array([1.0, 2.0, np.nan]), np.array([3.0, np.nan, 2.0, -np.inf])))


def _searched(name: str, sequence: "Tensor", values: TensorLike, right: bool, out_int32: bool) -> "Tensor":
    if sequence.dtype.kind == "b":
        raise DTypeError(f"{name}: not defined for bool tensors; cast them first")
    if not sequence.ndim:
        raise ShapeError(f"{name}: the ascending sequence must have a dimension, got a number")
    if sequence.ndim > 1 and not getattr(values, "ndim", 0):
        raise ShapeError(f"{name}: a single value needs one sequence, got a tensor of shape {sequence.shape}")
    sequence, made = dispatch.promote(sequence, values, takes="number", name=name)
    positions = dispatch.apply(SearchSorted(bool(right)), sequence.detach(), made.detach())
    return positions.to(int32) if out_int32 else positions  # type: ignore[no-any-return]


@public(method=False)
def searchsorted(
    sorted_sequence: "Tensor",
    input: TensorLike,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: "Tensor | None" = None,
) -> "Tensor":
    """The places at which values can be put into ascending sequences so that these stay ascending.

    Args:
        sorted_sequence: a vector, or a tensor of sequences along its last dimension.
        input: the values, a number or a tensor; beside several sequences of the same shape up to the last dimension.
        out_int32: places as int32 rather than int64.
        right: of several possible places the last one rather than the first.
        side: "left" or "right": another word for `right`.
        sorter: indices that bring `sorted_sequence` in ascending order.

    Raises:
        ArgumentError: when `side` contradicts `right` or is neither word.
        ShapeError: when the shapes do not fit.
        DTypeError: for bool tensors.

    >>> tracegraph.searchsorted(tracegraph.tensor([1, 3, 5]), tracegraph.tensor([3, 6]), right=True)
    tensor([2, 3])
    """
    if side not in (None, "left", "right"):
        raise ArgumentError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    if side == "left" and right:
        raise ArgumentError("searchsorted: side is 'left', but right is True")
    if sorter is not None:
        if sorter.shape != sorted_sequence.shape or sorter.dtype != int64:
            raise ShapeError(
                f"searchsorted: sorter must be int64 of the shape {sorted_sequence.shape} of the sequence, got "
                f"{sorter.dtype.name}{list(sorter.shape)}"
            )
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    return _searched("searchsorted", sorted_sequence, input, right or side == "right", out_int32)


@public(method=False)
def bucketize(input: TensorLike, boundaries: "Tensor", *, out_int32: bool = False, right: bool = False) -> "Tensor":
    """The number of the interval between ascending boundaries in which each value lies.

    Interval i holds the values above boundary i - 1 up to and with boundary i; with `right` those from boundary i - 1
    on to below boundary i.

    Raises:
        ShapeError: when `boundaries` is no vector.
        DTypeError: for bool tensors.

    >>> tracegraph.bucketize(tracegraph.tensor([0, 3, 6]), tracegraph.tensor([1, 3, 5]))
    tensor([0, 1, 3])
    """
    if boundaries.ndim != 1:
        raise ShapeError(f"bucketize: boundaries must be a vector, got shape {boundaries.shape}")
    return _searched("bucketize", boundaries, input, right, out_int32)


@public(method=False)
def isin(
    elements: TensorLike, test_elements: TensorLike, *, assume_unique: bool = False, invert: bool = False
) -> "Tensor":
    """Whether each element is among the test elements (with `invert`: is not), as a bool tensor.

    A NaN is equal to nothing. `assume_unique`, a hint that no element occurs twice, changes nothing.

    Raises:
        ArgumentTypeError: when both are numbers.
        DTypeError: for bool tensors.

    >>> tracegraph.isin(tracegraph.tensor([1, 2, 3]), tracegraph.tensor([3, 1]))
    tensor([ True, False,  True])
    """
    if not hasattr(elements, "_data") and not hasattr(test_elements, "_data"):
        raise ArgumentTypeError("isin: elements or test_elements must be a tensor, both are numbers")
    given, tested = dispatch.promote(elements, test_elements, takes="number", name="isin")
    ordered = sort(tested.detach().reshape((-1,))).values
    if not ordered.shape[0]:
        found = dispatch.apply(full_operation(given.shape, 0, bool_))
    else:
        places = dispatch.apply(SearchSorted(False), ordered, given.detach()).clamp(max=ordered.shape[0] - 1)
        found = ordered[places].eq(given)
    return found.logical_not() if invert else found  # type: ignore[no-any-return]
