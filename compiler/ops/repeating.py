"""Elements repeated where they stand: `repeat_interleave`."""

from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

from . import dispatch
from .creation import full_operation
from .dispatch import public
from .gather import IndexPut, index_operation
from .spec import int64, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["repeat_interleave"]


@public()
def repeat_interleave(
    input: "Tensor", repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> "Tensor":
    """Every element (or slice along `dim`) repeated where it stands; without `dim` of the flattened tensor.

    `repeats` is a number for all, or an integer tensor with one for each; `output_size` is their sum, where it is
    known: without it, the sum is read to make the result, and another sum is another trace. The tensor alone is taken
    as the repeats of the positions 0, 1, 2, ...

    >>> tracegraph.repeat_interleave(tracegraph.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    >>> tracegraph.tensor([5, 6, 7]).repeat_interleave(tracegraph.tensor([2, 0, 1]))
    tensor([5, 5, 7])
    """
    if repeats is None:
        return _positions(_counts(input, input.numel()), output_size)
    if dim is None:
        input, dim = input.reshape((input.numel(),)), 0
    if not input.ndim:
        raise ShapeError("repeat_interleave: a 0-d tensor has no dimension to repeat along")
    place = normalize_dim("repeat_interleave", dim, input.ndim)
    if hasattr(repeats, "_data") and repeats.numel() != 1:
        positions = _positions(_counts(repeats, input.shape[place]), output_size)
        return dispatch.apply(index_operation(place), input, positions)  # type: ignore[no-any-return]
    if not hasattr(repeats, "__index__"):
        raise ArgumentTypeError(f"repeat_interleave: repeats must be an int or a tensor, got {type(repeats).__name__}")
    count = int(repeats.__index__())
    if count < 0:
        raise ArgumentError(f"repeat_interleave: repeats cannot be negative, got {count}")
    return _evenly(input, count, place)


def _evenly(input: "Tensor", count: int, place: int) -> "Tensor":
    """The slices along a dimension so many times each."""
    shape = input.shape
    before, size, after = shape[:place], shape[place], shape[place + 1 :]
    wide = input.reshape((*before, size, 1, *after)).expand((*before, size, count, *after))
    result = wide.reshape((*before, size * count, *after))
    return result.clone() if result._base is not None else result  # type: ignore[no-any-return]


def _counts(repeats: "Tensor", size: int) -> "Tensor":
    """The repeats as a vector of `size` numbers."""
    if repeats.dtype.kind not in "iu":
        raise DTypeError(f"repeat_interleave: repeats must be integers, not {repeats.dtype}")
    if repeats.ndim > 1 or repeats.numel() != size:
        raise ShapeError(f"repeat_interleave: repeats of shape {repeats.shape} for a dimension of size {size}")
    if bool((repeats < 0).any()):
        raise ArgumentError("repeat_interleave: repeats cannot be negative")
    return repeats.reshape((size,)).to(int64)  # type: ignore[no-any-return]


def _positions(counts: "Tensor", total: int | None) -> "Tensor":
    """Position i as often as `counts[i]` says: at place p stands the number of repeats that end before it."""
    ends = counts.cumsum(0)
    if total is None:
        total = int(ends[-1]) if ends.shape[0] else 0
    zeros = dispatch.apply(full_operation((total + 1,), 0, int64))
    ended = dispatch.apply(IndexPut(0, True), zeros, dispatch.constant(1, int64), ends)
    return ended.cumsum(0)[:total]  # type: ignore[no-any-return]
