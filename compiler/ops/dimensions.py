"""Views with other dimensions, by `reshape` and `permute`: `squeeze`, `unsqueeze`, `flatten`, `movedim`, `T`, `mT`."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, DimensionError, ShapeError

from . import dispatch
from .dispatch import public
from .movement import Permute, Reshape, expand, permute, permuted, reshaped, shape_argument, swap_operation
from .spec import broadcast_shapes as common_shape
from .spec import normalize_dim, normalize_dims

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "adjoint", "broadcast_shapes", "broadcast_tensors", "flatten", "moveaxis", "movedim", "ravel", "squeeze", "t",
    "unflatten", "unsqueeze",
]  # fmt: skip


@public()
def t(input: "Tensor") -> "Tensor":
    """The transpose of a matrix; a vector or a number is returned as a view of itself.

    Raises:
        DimensionError: for more than two dimensions.

    >>> tracegraph.t(tracegraph.tensor([[1, 2, 3]])).shape
    (3, 1)
    """
    if input.ndim > 2:
        raise DimensionError(f"t: takes at most two dimensions, got shape {input.shape}; use transpose or mT")
    return T(input)


@public(attribute=True)
def H(input: "Tensor") -> "Tensor":  # noqa: N802
    """The transpose of a matrix (conjugate, were there complex numbers), as a view.

    Raises:
        DimensionError: for anything but a matrix or a number.

    >>> tracegraph.tensor([[1, 2, 3]]).H.shape
    (3, 1)
    """
    if input.ndim not in (0, 2):
        raise DimensionError(f"H: takes a matrix, got shape {input.shape}; use mH for a batch of them")
    return T(input)


@public(attribute=True)
def T(input: "Tensor") -> "Tensor":  # noqa: N802
    """A view with the dimensions in reverse order.

    >>> tracegraph.tensor([[1, 2, 3]]).T.shape
    (3, 1)
    """
    return permuted(input, _reversal(input._data.ndim))


@lru_cache(maxsize=64)
def _reversal(ndim: int) -> Permute:
    return Permute(tuple(reversed(range(ndim))))


@public(attribute=True)
def mT(input: "Tensor") -> "Tensor":  # noqa: N802
    """A view with the last two dimensions exchanged: each matrix of a batch transposed.

    Raises:
        DimensionError: for fewer than two dimensions.

    >>> tracegraph.zeros(5, 2, 3).mT.shape
    (5, 3, 2)
    """
    if input.ndim < 2:
        raise DimensionError(f"mT: needs at least two dimensions, got shape {input.shape}")
    return permuted(input, swap_operation("mT", -2, -1, input._data.ndim))


@public(attribute=True)
def mH(input: "Tensor") -> "Tensor":  # noqa: N802
    """A view with the last two dimensions exchanged: `mT`, as there are no complex numbers.

    >>> tracegraph.zeros(5, 2, 3).mH.shape
    (5, 3, 2)
    """
    return mT(input)


@public()
def adjoint(input: "Tensor") -> "Tensor":
    """A view with the last two dimensions exchanged: `mH` as a function.

    >>> tracegraph.adjoint(tracegraph.zeros(5, 2, 3)).shape
    (5, 3, 2)
    """
    return mT(input)


@public(aliases=("moveaxis",))
def movedim(input: "Tensor", source: int | Sequence[int], destination: int | Sequence[int]) -> "Tensor":
    """A view with the dimensions `source` moved to the places `destination`, the others in their order.

    >>> tracegraph.movedim(tracegraph.zeros(2, 3, 4), 0, -1).shape
    (3, 4, 2)
    """
    sources, places = shape_argument((source,)), shape_argument((destination,))
    if len(sources) != len(places):
        raise ArgumentError(f"movedim: {len(sources)} source dimensions for {len(places)} destinations")
    ndim = input.ndim
    sources = tuple(normalize_dim("movedim", dim, ndim) for dim in sources)
    places = tuple(normalize_dim("movedim", dim, ndim) for dim in places)
    if len(set(sources)) != len(sources) or len(set(places)) != len(places):
        raise ShapeError(f"movedim: {source} to {destination} names a dimension twice")
    rest = iter(dim for dim in range(ndim) if dim not in sources)
    moved = dict(zip(places, sources, strict=True))
    return permute(input, tuple(moved[dim] if dim in moved else next(rest) for dim in range(ndim)))


moveaxis = movedim


@public(method=False)
def broadcast_tensors(*tensors: "Tensor") -> tuple["Tensor", ...]:
    """Views of all tensors, broadcast to their common shape.

    >>> [x.shape for x in tracegraph.broadcast_tensors(tracegraph.zeros(2, 1), tracegraph.zeros(3))]
    [(2, 3), (2, 3)]
    """
    shape = common_shape("broadcast_tensors", *[x.shape for x in tensors]) if tensors else ()
    return tuple(expand(x, shape) for x in tensors)


@public(method=False)
def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that several shapes (or sizes, for shapes of one dimension) broadcast to.

    Raises:
        ShapeError: when they do not broadcast.

    >>> tracegraph.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    sizes = [shape_argument((shape,)) for shape in shapes]
    if min((size for shape in sizes for size in shape), default=0) < 0:
        raise ShapeError(f"broadcast_shapes: sizes cannot be negative, got {' and '.join(map(str, sizes))}")
    return common_shape("broadcast_shapes", *sizes) if sizes else ()


@lru_cache(maxsize=1024)
def _squeezed_shape(shape: tuple[int, ...], dim: int | tuple[int, ...] | None) -> tuple[int, ...]:
    dims = () if dim == () else normalize_dims("squeeze", dim, len(shape))
    return tuple(size for i, size in enumerate(shape) if size != 1 or i not in dims)


@public()
def squeeze(input: "Tensor", dim: int | Sequence[int] | None = None) -> "Tensor":
    """A view without the dimensions of size 1: all of them, or those among `dim`.

    >>> tracegraph.squeeze(tracegraph.zeros(1, 2, 1), -1).shape
    (1, 2)
    """
    key = dim if dim is None or isinstance(dim, int) else tuple(dim)
    return reshaped("squeeze", input, _squeezed_shape(input._data.shape, key))


@public()
def unsqueeze(input: "Tensor", dim: int) -> "Tensor":
    """A view with a new dimension of size 1 at position `dim`.

    >>> tracegraph.unsqueeze(tracegraph.tensor([1, 2]), -1).shape
    (2, 1)
    """
    data = input._data
    made = _unsqueeze_operation(data.shape, dim)
    return dispatch.view(input, data.reshape(made.shape), made)  # type: ignore[no-any-return]


@lru_cache(maxsize=1024)
def _unsqueeze_operation(shape: tuple[int, ...], dim: int) -> Reshape:
    place = normalize_dim("unsqueeze", dim, len(shape) + 1)
    return Reshape((*shape[:place], 1, *shape[place:]))


@public()
def flatten(input: "Tensor", start_dim: int = 0, end_dim: int = -1) -> "Tensor":
    """The dimensions from `start_dim` to `end_dim` (included) made one; a number becomes a vector of one element.

    >>> tracegraph.flatten(tracegraph.zeros(2, 3, 4), 1).shape
    (2, 12)
    """
    shape = input._data.shape
    first, last = normalize_dim("flatten", start_dim, len(shape)), normalize_dim("flatten", end_dim, len(shape))
    if first > last:
        raise ShapeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim} in shape {shape}")
    if not shape:
        return reshaped("flatten", input, (1,))
    if first == last:
        return input
    return reshaped("flatten", input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@public()
def ravel(input: "Tensor") -> "Tensor":
    """The elements in row-major order as a vector: a view where possible.

    >>> tracegraph.ravel(tracegraph.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return reshaped("ravel", input, (-1,) if input._data.size else (0,))


@public()
def unflatten(input: "Tensor", dim: int, sizes: Sequence[int]) -> "Tensor":
    """One dimension made several; one of the sizes may be -1.

    >>> tracegraph.unflatten(tracegraph.zeros(2, 12), 1, (3, -1)).shape
    (2, 3, 4)
    """
    shape = input._data.shape
    place = normalize_dim("unflatten", dim, len(shape))
    wanted = shape_argument((sizes,))
    known = math.prod(size for size in wanted if size != -1)
    if -1 in wanted and known and shape[place] % known == 0 and wanted.count(-1) == 1:
        wanted = tuple(shape[place] // known if size == -1 else size for size in wanted)
    if math.prod(wanted) != shape[place] or min(wanted, default=-1) < 0:
        raise ShapeError(f"unflatten: {tuple(sizes)} does not fit dimension {dim} of shape {shape}")
    return reshaped("unflatten", input, (*shape[:place], *wanted, *shape[place + 1 :]))
