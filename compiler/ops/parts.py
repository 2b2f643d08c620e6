"""Parts along one dimension: `select`, `narrow`, `split`, `chunk`, `unbind`, `slice_scatter`."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, IndexingError, ShapeError

from . import dispatch
from .dispatch import public
from .slicing import SliceScatter, basic_view, operation_of
from .spec import normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "chunk", "dsplit", "hsplit", "narrow", "narrow_copy", "select", "select_scatter", "slice_scatter", "split",
    "split_with_sizes", "tensor_split", "unbind", "vsplit",
]  # fmt: skip


def _position(name: str, value: Any) -> int:
    """An index as an int: an int or an integer tensor of one element (which then decides how a trace goes on)."""
    if not hasattr(value, "__index__") or (hasattr(value, "_data") and (value.ndim or value.dtype.kind == "b")):
        raise ArgumentTypeError(f"{name}: an index must be an int or a 0-d integer tensor, got {value!r}")
    return int(value.__index__())


def _place(name: str, input: "Tensor", dim: int) -> tuple[tuple[slice, ...], int]:
    """The slices before dimension `dim`, and its size."""
    shape = input._data.shape
    if not shape:
        raise ShapeError(f"{name}: a 0-d tensor has no dimension to take a part of")
    place = normalize_dim(name, dim, len(shape))
    return (slice(None),) * place, shape[place]


@public()
def select(input: "Tensor", dim: int, index: int) -> "Tensor":
    """The view at one index of a dimension, without that dimension.

    Raises:
        IndexingError: when the index is out of range.

    >>> tracegraph.select(tracegraph.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    before, _ = _place("select", input, dim)
    return basic_view(input, (*before, int(index.__index__()), ...))


@public()
def narrow(input: "Tensor", dim: int, start: Any, length: int) -> "Tensor":
    """The view of `length` indices of a dimension from `start` on.

    Raises:
        IndexingError: when the part does not lie inside the dimension.

    >>> tracegraph.narrow(tracegraph.tensor([1, 2, 3, 4]), 0, 1, 2)
    tensor([2, 3])
    """
    before, size = _place("narrow", input, dim)
    first, count = _position("narrow", start), int(length.__index__())
    if first < 0:
        first += size
    if not 0 <= first <= size or count < 0 or first + count > size:
        raise IndexingError(f"narrow: {length} elements from {start} on do not fit in dimension {dim} of size {size}")
    return basic_view(input, (*before, slice(first, first + count)))


@public()
def narrow_copy(input: "Tensor", dim: int, start: int, length: int) -> "Tensor":
    """A copy of `length` indices of a dimension from `start` on.

    >>> tracegraph.narrow_copy(tracegraph.tensor([1, 2, 3, 4]), 0, 1, 2)
    tensor([2, 3])
    """
    return narrow(input, dim, start, length).clone()  # type: ignore[no-any-return]


@public()
def unbind(input: "Tensor", dim: int = 0) -> tuple["Tensor", ...]:
    """The views at every index of a dimension.

    >>> tracegraph.unbind(tracegraph.tensor([[1, 2], [3, 4]]), 1)
    (tensor([1, 3]), tensor([2, 4]))
    """
    before, size = _place("unbind", input, dim)
    return tuple([basic_view(input, (*before, position, ...)) for position in range(size)])


@public()
def split(input: "Tensor", split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple["Tensor", ...]:
    """Views of consecutive parts of a dimension: parts of one size (the last may be smaller), or of the sizes given.

    Raises:
        ShapeError: when the sizes do not add up to the dimension's.

    >>> tracegraph.split(tracegraph.tensor([1, 2, 3]), 2)
    (tensor([1, 2]), tensor([3]))
    """
    before, size = _place("split", input, dim)
    if hasattr(split_size_or_sections, "__index__"):
        each = int(split_size_or_sections.__index__())
        if each < 0 or (each == 0 and size):
            raise ArgumentError(f"split: a part size of {each} cannot make up a dimension of size {size}")
        count = max(-(-size // each), 1) if each else 1
        sizes = [min(each, size - position * each) for position in range(count)]
    else:
        sizes = [int(part.__index__()) for part in split_size_or_sections]
        if sum(sizes) != size or min(sizes, default=0) < 0:
            raise ShapeError(f"split: parts of sizes {sizes} do not add up to dimension {dim} of size {size}")
    parts, start = [], 0
    for length in sizes:
        parts.append(basic_view(input, (*before, slice(start, start + length))))
        start += length
    return tuple(parts)


@public()
def split_with_sizes(input: "Tensor", split_sizes: Sequence[int], dim: int = 0) -> tuple["Tensor", ...]:
    """Views of consecutive parts of a dimension, of the sizes given.

    >>> tracegraph.split_with_sizes(tracegraph.tensor([1, 2, 3]), (1, 2))
    (tensor([1]), tensor([2, 3]))
    """
    return split(input, tuple(split_sizes), dim)


@public()
def chunk(input: "Tensor", chunks: int, dim: int = 0) -> tuple["Tensor", ...]:
    """Views of at most `chunks` consecutive parts of a dimension, all of one size but the last.

    >>> tracegraph.chunk(tracegraph.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if chunks < 1:
        raise ArgumentError(f"chunk: chunks must be at least 1, got {chunks}")
    _, size = _place("chunk", input, dim)
    return split(input, max(-(-size // chunks), 1), dim) if size else split(input, [0] * chunks, dim)


@public()
def tensor_split(input: "Tensor", indices_or_sections: Any, dim: int = 0) -> tuple["Tensor", ...]:
    """Views of consecutive parts of a dimension: so many of nearly one size, or cut before the indices given.

    Number and indices may be integer tensors (0-d and 1-d).

    >>> tracegraph.tensor_split(tracegraph.arange(5), (1, 3))
    (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """
    before, size = _place("tensor_split", input, dim)
    if getattr(indices_or_sections, "ndim", 0) == 0 and hasattr(indices_or_sections, "__index__"):
        count = int(indices_or_sections.__index__())
        if count < 1:
            raise ArgumentError(f"tensor_split: the number of sections must be at least 1, got {count}")
        cuts = [position * (size // count) + min(position, size % count) for position in range(count + 1)]
    else:
        cuts = [0, *[int(cut.__index__()) for cut in indices_or_sections], size]
        cuts = [cuts[0], *[cut + size if cut < 0 else cut for cut in cuts[1:-1]], cuts[-1]]
    return tuple([basic_view(input, (*before, slice(start, max(stop, start)))) for start, stop in pairwise(cuts)])


def _split_along(name: str, input: "Tensor", dim: int, least: int, parts: int | Sequence[int]) -> tuple["Tensor", ...]:
    """`tensor_split` into parts of exactly one size, or at indices, along a dimension that must be there."""
    if input.ndim < least:
        raise ShapeError(f"{name}: needs at least {least} dimensions, got shape {input.shape}")
    if isinstance(parts, int) and (parts < 1 or input.shape[dim] % parts):
        raise ShapeError(f"{name}: dimension {dim} of size {input.shape[dim]} is not made of {parts} equal parts")
    return tensor_split(input, parts, dim)


@public()
def hsplit(input: "Tensor", indices_or_sections: int | Sequence[int]) -> tuple["Tensor", ...]:
    """Views of parts side by side: along dim 1, of a vector along dim 0; so many equal ones, or cut before indices.

    >>> tracegraph.hsplit(tracegraph.tensor([1, 2, 3, 4]), 2)
    (tensor([1, 2]), tensor([3, 4]))
    """
    return _split_along("hsplit", input, min(input.ndim - 1, 1), 1, indices_or_sections)


@public()
def vsplit(input: "Tensor", indices_or_sections: int | Sequence[int]) -> tuple["Tensor", ...]:
    """Views of parts one below the other: along dim 0; so many equal ones, or cut before indices.

    >>> tracegraph.vsplit(tracegraph.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _split_along("vsplit", input, 0, 2, indices_or_sections)


@public()
def dsplit(input: "Tensor", indices_or_sections: int | Sequence[int]) -> tuple["Tensor", ...]:
    """Views of parts one behind the other: along dim 2; so many equal ones, or cut before indices.

    >>> [part.shape for part in tracegraph.dsplit(tracegraph.zeros(1, 2, 4), (1,))]
    [(1, 2, 1), (1, 2, 3)]
    """
    return _split_along("dsplit", input, 2, 3, indices_or_sections)


@public()
def select_scatter(input: "Tensor", src: "Tensor", dim: int, index: int) -> "Tensor":
    """A copy of the tensor with `input.select(dim, index)` replaced by `src`.

    >>> tracegraph.select_scatter(tracegraph.zeros(2, 2), tracegraph.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    before, size = _place("select_scatter", input, dim)
    position = _position("select_scatter", index)
    if not -size <= position < size:
        raise IndexingError(f"select_scatter: index {position} is out of range for dimension {dim} of size {size}")
    made = operation_of((*before, position, ...), input)
    scatter = SliceScatter(*made.geometry)
    scatter.infer(input._spec, src._spec)
    return dispatch.apply(scatter, input, src)  # type: ignore[no-any-return]


@public()
def slice_scatter(
    input: "Tensor", src: "Tensor", dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> "Tensor":
    """A copy of the tensor with `input[start:end:step]` along a dimension replaced by `src`.

    >>> tracegraph.slice_scatter(tracegraph.zeros(4), tracegraph.ones(2), 0, 1, 3)
    tensor([0., 1., 1., 0.])
    """
    before, _ = _place("slice_scatter", input, dim)
    if step < 1:
        raise ArgumentError(f"slice_scatter: step must be above 0, got {step}")
    made = operation_of((*before, slice(start, end, step)), input)
    scatter = SliceScatter(*made.geometry)
    scatter.infer(input._spec, src._spec)
    return dispatch.apply(scatter, input, src)  # type: ignore[no-any-return]
