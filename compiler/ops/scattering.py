"""Writing element by element: `scatter`, `scatter_add`, `scatter_reduce`, `masked_scatter`, `put`."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tracegraph.runtime.errors import ArgumentError, DTypeError, IndexingError, ShapeError

from . import dispatch
from .creation import filled
from .dispatch import TensorLike, public
from .gather import IndexPut, Scatter, index_operation
from .places import lifted, number_of, positions_of
from .scatter_reduction import ScatterReduce
from .selection import WHERE
from .spec import DType, bool_, broadcast_shapes, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["masked_scatter", "put", "scatter", "scatter_add", "scatter_reduce"]

_REDUCTIONS: Final = ("sum", "prod", "mean", "amax", "amin")


def _scattered(name: str, input: "Tensor", dim: int, index: "Tensor", src: Any, reduce: str) -> "Tensor":
    """Scatter with "" (the last value stays), "add", "prod", "amax" or "amin"."""
    place = normalize_dim(name, dim, input.ndim)
    positions = lifted(positions_of(name, index))
    if not positions.numel():
        if getattr(src, "requires_grad", False):  # its gradient is zero, not missing
            return input + src.flatten()[:0].sum()  # type: ignore[no-any-return]
        return input.clone()  # type: ignore[no-any-return]
    if hasattr(src, "_data") and src.ndim == positions.ndim:
        if any(have < want for have, want in zip(src.shape, positions.shape, strict=True)):
            raise ShapeError(f"{name}: src of shape {src.shape} is smaller than the index of shape {positions.shape}")
        if src.dtype != input.dtype:
            raise DTypeError(f"{name}: src must have the dtype {input.dtype} of the tensor, not {src.dtype}")
        values = src[tuple(slice(size) for size in positions.shape)] if src.shape != positions.shape else src
    else:
        values = number_of(src, input).expand(positions.shape)
    made = Scatter(place, reduce) if reduce in ("", "add") else ScatterReduce(place, reduce)
    result = dispatch.apply(made, lifted(input), positions, values)
    return result if input.ndim else result.reshape(())  # type: ignore[no-any-return]


@public(inplace=True)
def scatter(
    input: "Tensor",
    dim: int,
    index: "Tensor",
    src: TensorLike | None = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> "Tensor":
    """A copy with `out[i, index[i, j]] = src[i, j]` for dim 1; of several values for one position the last stays.

    `src` is a tensor or a number (also given as `value`); `reduce`, "add" or "multiply", combines with what is there.

    >>> tracegraph.scatter(tracegraph.zeros(3), 0, tracegraph.tensor([2, 0]), tracegraph.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    given = src if value is None else value
    if given is None:
        raise ArgumentError("scatter: needs src, a tensor or a number")
    if reduce not in (None, "add", "multiply"):
        raise ArgumentError(f"scatter: reduce must be None, 'add' or 'multiply', got {reduce!r}")
    return _scattered("scatter", input, dim, index, given, {None: "", "add": "add", "multiply": "prod"}[reduce])


@public(inplace=True)
def scatter_add(input: "Tensor", dim: int, index: "Tensor", src: "Tensor") -> "Tensor":
    """A copy with `out[i, index[i, j]] += src[i, j]` for dim 1; repeated positions add up.

    >>> tracegraph.scatter_add(tracegraph.zeros(2), 0, tracegraph.tensor([1, 1]), tracegraph.ones(2))
    tensor([0., 2.])
    """
    return _scattered("scatter_add", input, dim, index, src, "add")


def neutral(reduce: str, dtype: DType) -> float | int | bool:
    """The number that a reduction leaves out of account."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod" or dtype.kind == "b":
        return 1 if reduce in ("prod", "amin") else 0
    if dtype.kind == "f":
        return float("-inf") if reduce == "amax" else float("inf")
    limits = np.iinfo(dtype)
    return int(limits.min if reduce == "amax" else limits.max)


def reduced(
    name: str, input: "Tensor", dim: int, index: "Tensor", src: "Tensor", reduce: str, *, include_self: bool
) -> "Tensor":
    """`scatter_reduce` under another name."""
    if reduce not in _REDUCTIONS:
        raise ArgumentError(f"{name}: reduce must be one of {', '.join(_REDUCTIONS)}, got {reduce!r}")
    if not index.numel():
        return input.clone()  # type: ignore[no-any-return]
    start = input if include_self else _scattered(name, input, dim, index, neutral(reduce, input.dtype), "")
    result = _scattered(name, start, dim, index, src, {"sum": "add", "mean": "add"}.get(reduce, reduce))
    if reduce != "mean":
        return result
    ones = filled(input.shape, 1, input.dtype)
    counts = ones if include_self else _scattered(name, ones, dim, index, 0, "")
    counts = _scattered(name, counts, dim, index, 1, "add")
    return result / counts if input.dtype.kind == "f" else result.floor_divide(counts)


@public(inplace=True)
def scatter_reduce(
    input: "Tensor", dim: int, index: "Tensor", src: "Tensor", reduce: str, *, include_self: bool = True
) -> "Tensor":
    """A copy in which all `src[i, j]` with one position `out[i, index[i, j]]` (for dim 1) are reduced to one value.

    Args:
        input: any shape.
        dim: the dimension that the index speaks of.
        index: positions, of as many dimensions as the tensor.
        src: values, at least of the shape of `index`, in the tensor's dtype.
        reduce: "sum", "prod", "mean", "amax" or "amin".
        include_self: whether what stands in the tensor takes part.

    >>> index, values = tracegraph.tensor([0, 0, 1]), tracegraph.tensor([2.0, 5.0, 3.0])
    >>> tracegraph.zeros(3).scatter_reduce(0, index, values, "mean", include_self=False)
    tensor([3.5000, 3.0000, 0.0000])
    """
    return reduced("scatter_reduce", input, dim, index, src, reduce, include_self=include_self)


@public(inplace=True)
def masked_scatter(input: "Tensor", mask: "Tensor", source: "Tensor") -> "Tensor":
    """A copy with the elements where a bool mask holds replaced by those of `source`, one after the other.

    Raises:
        ShapeError: when `source` has fewer elements than the mask chooses.

    >>> x = tracegraph.tensor([1, 2, 3])
    >>> tracegraph.masked_scatter(x, x != 2, tracegraph.tensor([7, 8, 9]))
    tensor([7, 2, 8])
    """
    if mask.dtype != bool_:
        raise DTypeError(f"masked_scatter: the mask must be a bool tensor, not {mask.dtype}")
    if source.dtype != input.dtype:
        raise DTypeError(f"masked_scatter: source must have the dtype {input.dtype} of the tensor, not {source.dtype}")
    shape = broadcast_shapes("masked_scatter", input.shape, mask.shape)
    whole = mask.expand(shape)
    rank = (whole.reshape((whole.numel(),)).cumsum(0) - 1).clamp(min=0)
    values = source.reshape((source.numel(),))
    if not values.shape[0]:
        values = input.new_zeros(1)
        rank = rank + whole.reshape((whole.numel(),)).to(rank.dtype)
    try:
        chosen = dispatch.apply(index_operation(0), values, rank)
    except IndexingError:
        text = f"masked_scatter: source of shape {source.shape} has fewer elements than the mask chooses"
        raise ShapeError(text) from None
    return dispatch.apply(WHERE, whole, chosen.reshape(shape), input)  # type: ignore[no-any-return]


@public(inplace=True)
def put(input: "Tensor", index: "Tensor", source: "Tensor", accumulate: bool = False) -> "Tensor":
    """A copy with the elements at positions of the flattened tensor replaced by `source`, or with `source` added.

    >>> tracegraph.put(tracegraph.zeros(2, 2), tracegraph.tensor([3, 0]), tracegraph.tensor([5.0, 6.0]))
    tensor([[6., 0.],
            [0., 5.]])
    """
    positions = positions_of("put", index)
    if source.numel() != positions.numel():
        raise ShapeError(f"put: source of shape {source.shape} for an index of shape {positions.shape}")
    if source.dtype != input.dtype:
        raise DTypeError(f"put: source must have the dtype {input.dtype} of the tensor, not {source.dtype}")
    flat = input.reshape((input.numel(),))
    size = (positions.numel(),)
    result = dispatch.apply(IndexPut(0, accumulate), flat, source.reshape(size), positions.reshape(size))
    return result.reshape(input.shape)  # type: ignore[no-any-return]
