"""Reading at positions: `gather`, `index_select`, `take`, `nonzero`, `unravel_index`, `one_hot`, `embedding`."""

import math
from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, DTypeError, IndexingError, ShapeError

from . import dispatch
from .creation import arange, full_operation
from .dispatch import public
from .gather import Gather, Scatter, index_operation
from .joining import stack
from .masks import NONZERO, MaskedIndex
from .movement import shape_argument
from .places import lifted, positions_of, vector_of
from .selection import WHERE
from .spec import broadcast_shapes, int64, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "argwhere", "gather", "index_select", "masked_select", "nonzero", "nonzero_static", "one_hot", "take",
    "take_along_dim", "unravel_index",
]  # fmt: skip


@public()
def gather(input: "Tensor", dim: int, index: "Tensor") -> "Tensor":
    """`out[i, j] = input[i, index[i, j]]` for dim 1: an own position along `dim` for every element of `index`.

    Raises:
        ShapeError: when `index` is larger than `input` in another dimension.
        IndexingError: for a position out of range; negative ones are.

    >>> tracegraph.gather(tracegraph.tensor([[1, 2], [3, 4]]), 1, tracegraph.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    place = normalize_dim("gather", dim, input.ndim)
    positions = positions_of("gather", index)
    if not positions.numel():
        return input.reshape((-1,))[:0].reshape(positions.shape)  # type: ignore[no-any-return]
    result = dispatch.apply(Gather(place), lifted(input), lifted(positions))
    return result if positions.ndim else result.reshape(())  # type: ignore[no-any-return]


@public()
def index_select(input: "Tensor", dim: int, index: "Tensor") -> "Tensor":
    """The slices of a dimension at the positions of a vector.

    Raises:
        IndexingError: for a position that is negative or not below the size.

    >>> tracegraph.index_select(tracegraph.tensor([[1, 2], [3, 4]]), 1, tracegraph.tensor([1, 1, 0]))
    tensor([[2, 2, 1],
            [4, 4, 3]])
    """
    place = normalize_dim("index_select", dim, input.ndim)
    positions = vector_of("index_select", index)
    result = dispatch.apply(index_operation(place, wraps=False), lifted(input), positions)
    return result if input.ndim else result.reshape(())  # type: ignore[no-any-return]


@public()
def take(input: "Tensor", index: "Tensor") -> "Tensor":
    """The elements at positions of the flattened tensor, in the shape of `index`.

    >>> tracegraph.take(tracegraph.tensor([[1, 2], [3, 4]]), tracegraph.tensor([3, 0]))
    tensor([4, 1])
    """
    return dispatch.apply(index_operation(0), input.reshape((input.numel(),)), positions_of("take", index))  # type: ignore[no-any-return]


@public()
def take_along_dim(input: "Tensor", indices: "Tensor", dim: int | None = None) -> "Tensor":
    """Like `gather`, with the other dimensions broadcast: picks by the result of `argmax` or `argsort` with keepdim.

    Negative positions count from the end.

    >>> x = tracegraph.tensor([[3, 1, 2]])
    >>> tracegraph.take_along_dim(x, tracegraph.argsort(x, dim=1), dim=1)
    tensor([[1, 2, 3]])
    """
    indices = positions_of("take_along_dim", indices)
    if dim is None:
        return take_along_dim(input.reshape((input.numel(),)), indices.reshape((indices.numel(),)), 0)
    if input.ndim != indices.ndim:
        raise ShapeError(f"take_along_dim: shapes {input.shape} and {indices.shape} need the same number of dimensions")
    place = normalize_dim("take_along_dim", dim, input.ndim)
    rest = broadcast_shapes(
        "take_along_dim",
        *[(*shape[:place], 1, *shape[place + 1 :]) for shape in (input.shape, indices.shape)],
    )
    whole = input.expand((*rest[:place], input.shape[place], *rest[place + 1 :]))
    wrapped = (indices + input.shape[place]).where(indices < 0, indices)
    return gather(whole, place, wrapped.expand((*rest[:place], indices.shape[place], *rest[place + 1 :])))


@public()
def nonzero(input: "Tensor", *, as_tuple: bool = False) -> Any:
    """The positions of the elements that are not zero: (count, ndim), or with `as_tuple` one vector per dimension.

    >>> tracegraph.nonzero(tracegraph.tensor([[0, 5], [6, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    return dispatch.apply(NONZERO, lifted(input)).unbind(1) if as_tuple else dispatch.apply(NONZERO, input)


@public()
def nonzero_static(input: "Tensor", *, size: int, fill_value: int = -1) -> "Tensor":
    """The positions of the first `size` elements that are not zero, (size, ndim); rows too many hold `fill_value`.

    >>> tracegraph.nonzero_static(tracegraph.tensor([0, 5, 6]), size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """
    if size < 0:
        raise ArgumentError(f"nonzero_static: size cannot be negative, got {size}")
    holds = (input != 0).reshape((input.numel(),))
    rank = holds.cumsum(0) - 1
    rows = rank.where(holds & (rank < size), size)
    flat = dispatch.apply(full_operation((size + 1,), -1, int64))
    flat = dispatch.apply(Scatter(0), flat, rows, arange(input.numel()))[:size]
    columns = [column.where(flat >= 0, fill_value) for column in _unravelled(flat, input.shape)]
    return stack(columns, 1) if columns else flat.reshape((size, 1))[:, :0]


def _unravelled(flat: "Tensor", shape: tuple[int, ...]) -> list["Tensor"]:
    """The position along each dimension of positions in the flattened tensor."""
    columns = []
    step = math.prod(shape)
    for size in shape:
        step //= max(size, 1)
        columns.append(flat.floor_divide(max(step, 1)).remainder(max(size, 1)))
    return columns


@public(method=False)
def unravel_index(indices: "Tensor", shape: Any) -> tuple["Tensor", ...]:
    """The positions along each dimension of positions in a flattened tensor of a shape.

    >>> tracegraph.unravel_index(tracegraph.tensor([4, 5]), (2, 3))
    (tensor([1, 1]), tensor([1, 2]))
    """
    if indices.dtype.kind not in "iu":
        raise DTypeError(f"unravel_index: indices must be integers, not {indices.dtype}")
    sizes = shape_argument((shape,)) if not hasattr(shape, "__index__") or hasattr(shape, "_data") else (int(shape),)
    if min(sizes, default=0) < 0:
        raise ArgumentError(f"unravel_index: sizes cannot be negative, got {sizes}")
    return tuple(_unravelled(positions_of("unravel_index", indices), sizes))


@public()
def argwhere(input: "Tensor") -> "Tensor":
    """The positions of the elements that are not zero, (count, ndim).

    >>> tracegraph.argwhere(tracegraph.tensor([0, 5, 6]))
    tensor([[1],
            [2]])
    """
    return dispatch.apply(NONZERO, input)  # type: ignore[no-any-return]


@public()
def masked_select(input: "Tensor", mask: "Tensor") -> "Tensor":
    """The elements where a bool mask holds, as a vector; both broadcast.

    >>> x = tracegraph.tensor([1, 2, 3])
    >>> tracegraph.masked_select(x, x > 1)
    tensor([2, 3])
    """
    if mask.dtype.kind != "b":
        raise DTypeError(f"masked_select: the mask must be a bool tensor, not {mask.dtype}")
    shape = broadcast_shapes("masked_select", input.shape, mask.shape) or (1,)
    return dispatch.apply(MaskedIndex(0), input.expand(shape), mask.expand(shape))  # type: ignore[no-any-return]


@public(method=False)
def one_hot(tensor: "Tensor", num_classes: int = -1) -> "Tensor":
    """Zeros with a one at the class index in a new last dimension; -1 classes: one more than the largest index.

    Raises:
        IndexingError: for an index that is negative or not below `num_classes`.

    >>> tracegraph.one_hot(tracegraph.tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    classes = positions_of("one_hot", tensor)
    if num_classes == -1:
        if not classes.numel():
            raise ArgumentError("one_hot: num_classes must be given for an empty tensor")
        num_classes = int(classes.max()) + 1
    if num_classes < 1:
        raise ArgumentError(f"one_hot: num_classes must be at least 1 or -1, got {num_classes}")
    zeros = dispatch.apply(full_operation((*classes.shape, num_classes), 0, int64))
    places = classes.unsqueeze(-1)
    one = dispatch.constant(1, int64).expand(places.shape)
    return dispatch.apply(Scatter(classes.ndim), zeros, places, one)  # type: ignore[no-any-return]


def embedding(input: "Tensor", weight: "Tensor", padding_idx: int | None = None) -> "Tensor":
    """The rows of `weight` (rows, features) at the positions `input`: shape (*input.shape, features).

    The row `padding_idx` gets no gradient.

    Raises:
        IndexingError: for a position that is no row; negative ones are none.

    >>> embedding(tracegraph.tensor([1, 0]), tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    positions = positions_of("embedding", input)
    if weight.ndim != 2:
        raise ShapeError(f"embedding: weight must be a matrix (rows, features), got shape {weight.shape}")
    rows = dispatch.apply(index_operation(0, wraps=False), weight, positions)
    if padding_idx is None or not weight.requires_grad:
        return rows  # type: ignore[no-any-return]
    if not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise IndexingError(f"embedding: padding_idx {padding_idx} is out of range for {weight.shape[0]} rows")
    padded = (positions == padding_idx % weight.shape[0]).unsqueeze(-1)
    return dispatch.apply(WHERE, padded, rows.detach(), rows)  # type: ignore[no-any-return]
