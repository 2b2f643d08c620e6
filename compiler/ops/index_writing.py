"""Writing whole slices at the positions of a vector: `index_add`, `index_copy`, `index_fill`, `index_reduce`."""

from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError

from . import dispatch
from .creation import full_operation
from .dispatch import TensorLike, public
from .gather import IndexPut
from .places import lifted, number_of, vector_of
from .scattering import reduced
from .selection import WHERE
from .spec import bool_, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["index_add", "index_copy", "index_fill", "index_reduce"]


@public(inplace=True)
def index_add(input: "Tensor", dim: int, index: "Tensor", source: "Tensor", *, alpha: float = 1) -> "Tensor":
    """A copy with `alpha * source`'s slices added to those at the positions of a vector; repeated positions add up.

    >>> tracegraph.index_add(tracegraph.zeros(2), 0, tracegraph.tensor([1, 1]), tracegraph.ones(2))
    tensor([0., 2.])
    """
    return _put("index_add", input, dim, index, source if alpha == 1 else source * alpha, accumulate=True)


@public(inplace=True)
def index_copy(input: "Tensor", dim: int, index: "Tensor", source: "Tensor") -> "Tensor":
    """A copy with the slices at the positions of a vector replaced by those of `source`.

    >>> tracegraph.index_copy(tracegraph.zeros(3), 0, tracegraph.tensor([2]), tracegraph.ones(1))
    tensor([0., 0., 1.])
    """
    return _put("index_copy", input, dim, index, source, accumulate=False)


def _slices(name: str, input: "Tensor", place: int, index: Any, source: "Tensor") -> "tuple[Tensor, tuple[int, ...]]":
    """The index as a vector, and the shape of the source that belongs to it.

    Raises:
        DTypeError: when the source has another dtype than the tensor.
        ShapeError: when the source has another shape.
    """
    positions = vector_of(name, index)
    whole = lifted(input)
    wanted = (*whole.shape[:place], positions.shape[0], *whole.shape[place + 1 :])
    if source.dtype != input.dtype:
        raise DTypeError(f"{name}: source must have the dtype {input.dtype} of the tensor, not {source.dtype}")
    if lifted(source).shape != wanted:
        raise ShapeError(f"{name}: source of shape {source.shape} does not fit; shape {wanted} is needed")
    return positions, wanted


def _put(name: str, input: "Tensor", dim: int, index: Any, source: "Tensor", *, accumulate: bool) -> "Tensor":
    place = normalize_dim(name, dim, input.ndim)
    positions, _ = _slices(name, input, place, index, source)
    result = dispatch.apply(IndexPut(place, accumulate), lifted(input), lifted(source), positions)
    return result if input.ndim else result.reshape(())  # type: ignore[no-any-return]


@public(inplace=True)
def index_fill(input: "Tensor", dim: int, index: "Tensor", value: TensorLike) -> "Tensor":
    """A copy with the slices at the positions of a vector filled with a number.

    >>> tracegraph.index_fill(tracegraph.zeros(3), 0, tracegraph.tensor([0, 2]), 1.0)
    tensor([1., 0., 1.])
    """
    place = normalize_dim("index_fill", dim, input.ndim)
    positions = vector_of("index_fill", index)
    whole = lifted(input)
    size = whole.shape[place]
    number = number_of(value, input)
    if number.ndim:
        raise ShapeError(f"index_fill: value must be a number or a 0-d tensor, got shape {number.shape}")
    chosen = dispatch.apply(full_operation((size,), False, bool_))
    chosen = dispatch.apply(IndexPut(0), chosen, dispatch.constant(True, bool_), positions)
    mask = chosen.reshape((size,) + (1,) * (whole.ndim - 1 - place))
    result = dispatch.apply(WHERE, mask, number, whole)
    return result if input.ndim else result.reshape(())  # type: ignore[no-any-return]


@public(inplace=True)
def index_reduce(
    input: "Tensor", dim: int, index: "Tensor", source: "Tensor", reduce: str, *, include_self: bool = True
) -> "Tensor":
    """A copy in which the slices of `source` with one position of a vector are reduced to one slice.

    `reduce` is "prod", "mean", "amax" or "amin"; `include_self` says whether what stands in the tensor takes part.

    >>> index, values = tracegraph.tensor([0, 0, 1]), tracegraph.tensor([2.0, 5.0, 3.0])
    >>> tracegraph.ones(3).index_reduce(0, index, values, "amax")
    tensor([5., 3., 1.])
    """
    if reduce == "sum":
        raise ArgumentError("index_reduce: reduce must be prod, mean, amax or amin; index_add sums")
    place = normalize_dim("index_reduce", dim, input.ndim)
    positions, wanted = _slices("index_reduce", input, place, index, source)
    places = positions.reshape((-1,) + (1,) * (len(wanted) - 1 - place)).expand(wanted)
    places = (places + lifted(input).shape[place]).where(places < 0, places)
    result = reduced("index_reduce", lifted(input), place, places, lifted(source), reduce, include_self=include_self)
    return result if input.ndim else result.reshape(())
