"""Positions in tensors: `gather`, `scatter`, `index_select`, `take`, `nonzero`, `one_hot`, `embedding`."""

from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, DTypeError, IndexingError, ShapeError

from . import dispatch
from .creation import full_operation
from .dispatch import TensorLike, public
from .gather import Gather, IndexPut, Scatter, index_operation
from .masks import NONZERO, MaskedIndex
from .selection import WHERE
from .spec import broadcast_shapes, int64, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "argwhere", "embedding", "gather", "index_add", "index_copy", "index_fill", "index_select", "masked_select",
    "nonzero", "one_hot", "scatter", "scatter_add", "take", "take_along_dim",
]  # fmt: skip


def _positions(name: str, index: Any) -> "Tensor":
    """An index tensor in int64."""
    made = dispatch.as_tensor(index)
    if made.dtype.kind not in "iu":
        raise DTypeError(f"{name}: index must be of integers, not {made.dtype}")
    return made if made.dtype == int64 else made.to(int64)  # type: ignore[no-any-return]


def _number(value: Any, input: "Tensor") -> "Tensor":
    """A number as 0-d tensor of the dtype of `input`."""
    if hasattr(value, "_data"):
        return value if value.dtype == input.dtype else value.to(input.dtype)  # type: ignore[no-any-return]
    return dispatch.constant({"f": float, "b": bool}.get(input.dtype.kind, int)(value), input.dtype)  # type: ignore[no-any-return]


def _lifted(input: "Tensor") -> "Tensor":
    return input if input.ndim else input.reshape((1,))


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
    positions = _positions("gather", index)
    result = dispatch.apply(Gather(place), _lifted(input), _lifted(positions))
    return result if positions.ndim else result.reshape(())  # type: ignore[no-any-return]


def _scattered(name: str, input: "Tensor", dim: int, index: "Tensor", src: Any, reduce: str) -> "Tensor":
    if reduce not in ("", "add"):
        raise ArgumentError(f"{name}: reduce must be None or 'add', got {reduce!r}")
    place = normalize_dim(name, dim, input.ndim)
    positions = _lifted(_positions(name, index))
    if hasattr(src, "_data") and src.ndim == positions.ndim:
        if any(have < want for have, want in zip(src.shape, positions.shape, strict=True)):
            raise ShapeError(f"{name}: src of shape {src.shape} is smaller than the index of shape {positions.shape}")
        if src.dtype != input.dtype:
            raise DTypeError(f"{name}: src must have the dtype {input.dtype} of the tensor, not {src.dtype}")
        values = src[tuple(slice(size) for size in positions.shape)] if src.shape != positions.shape else src
    else:
        values = _number(src, input).expand(positions.shape)
    result = dispatch.apply(Scatter(place, reduce), _lifted(input), positions, values)
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

    `src` is a tensor or a number (also given as `value`); `reduce="add"` adds instead of replacing.

    >>> tracegraph.scatter(tracegraph.zeros(3), 0, tracegraph.tensor([2, 0]), tracegraph.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    given = src if value is None else value
    if given is None:
        raise ArgumentError("scatter: needs src, a tensor or a number")
    return _scattered("scatter", input, dim, index, given, reduce or "")


@public(inplace=True)
def scatter_add(input: "Tensor", dim: int, index: "Tensor", src: "Tensor") -> "Tensor":
    """A copy with `out[i, index[i, j]] += src[i, j]` for dim 1; repeated positions add up.

    >>> tracegraph.scatter_add(tracegraph.zeros(2), 0, tracegraph.tensor([1, 1]), tracegraph.ones(2))
    tensor([0., 2.])
    """
    return _scattered("scatter_add", input, dim, index, src, "add")


@public()
def index_select(input: "Tensor", dim: int, index: "Tensor") -> "Tensor":
    """The slices of a dimension at the positions of a vector.

    >>> tracegraph.index_select(tracegraph.tensor([[1, 2], [3, 4]]), 1, tracegraph.tensor([1, 1, 0]))
    tensor([[2, 2, 1],
            [4, 4, 3]])
    """
    place = normalize_dim("index_select", dim, input.ndim)
    positions = _vector("index_select", index)
    result = dispatch.apply(index_operation(place), _lifted(input), positions)
    return result if input.ndim else result.reshape(())  # type: ignore[no-any-return]


def _vector(name: str, index: Any) -> "Tensor":
    positions = _positions(name, index)
    if positions.ndim > 1:
        raise ShapeError(f"{name}: index must be a vector, got shape {positions.shape}")
    return _lifted(positions)


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


def _put(name: str, input: "Tensor", dim: int, index: Any, source: "Tensor", *, accumulate: bool) -> "Tensor":
    place = normalize_dim(name, dim, input.ndim)
    positions = _vector(name, index)
    whole = _lifted(input)
    wanted = (*whole.shape[:place], positions.shape[0], *whole.shape[place + 1 :])
    if source.dtype != input.dtype:
        raise DTypeError(f"{name}: source must have the dtype {input.dtype} of the tensor, not {source.dtype}")
    if _lifted(source).shape != wanted:
        raise ShapeError(f"{name}: source of shape {source.shape} does not fit; shape {wanted} is needed")
    result = dispatch.apply(IndexPut(place, accumulate), whole, _lifted(source), positions)
    return result if input.ndim else result.reshape(())  # type: ignore[no-any-return]


@public(inplace=True)
def index_fill(input: "Tensor", dim: int, index: "Tensor", value: TensorLike) -> "Tensor":
    """A copy with the slices at the positions of a vector filled with a number.

    >>> tracegraph.index_fill(tracegraph.zeros(3), 0, tracegraph.tensor([0, 2]), 1.0)
    tensor([1., 0., 1.])
    """
    place = normalize_dim("index_fill", dim, input.ndim)
    positions = _vector("index_fill", index)
    result = dispatch.apply(IndexPut(place), _lifted(input), _number(value, input), positions)
    return result if input.ndim else result.reshape(())  # type: ignore[no-any-return]


@public()
def take(input: "Tensor", index: "Tensor") -> "Tensor":
    """The elements at positions of the flattened tensor, in the shape of `index`.

    >>> tracegraph.take(tracegraph.tensor([[1, 2], [3, 4]]), tracegraph.tensor([3, 0]))
    tensor([4, 1])
    """
    return dispatch.apply(index_operation(0), input.reshape((-1,)), _positions("take", index))  # type: ignore[no-any-return]


@public()
def take_along_dim(input: "Tensor", indices: "Tensor", dim: int | None = None) -> "Tensor":
    """Like `gather`, with the other dimensions broadcast: picks by the result of `argmax` or `argsort` with keepdim.

    >>> x = tracegraph.tensor([[3, 1, 2]])
    >>> tracegraph.take_along_dim(x, tracegraph.argsort(x, dim=1), dim=1)
    tensor([[1, 2, 3]])
    """
    if dim is None:
        return gather(input.reshape((-1,)), 0, indices.reshape((-1,)))
    if input.ndim != indices.ndim:
        raise ShapeError(f"take_along_dim: shapes {input.shape} and {indices.shape} need the same number of dimensions")
    place = normalize_dim("take_along_dim", dim, input.ndim)
    rest = broadcast_shapes(
        "take_along_dim",
        *[(*shape[:place], 1, *shape[place + 1 :]) for shape in (input.shape, indices.shape)],
    )
    whole = input.expand((*rest[:place], input.shape[place], *rest[place + 1 :]))
    return gather(whole, place, indices.expand((*rest[:place], indices.shape[place], *rest[place + 1 :])))


@public()
def nonzero(input: "Tensor", *, as_tuple: bool = False) -> Any:
    """The positions of the elements that are not zero: (count, ndim), or with `as_tuple` one vector per dimension.

    >>> tracegraph.nonzero(tracegraph.tensor([[0, 5], [6, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    found = dispatch.apply(NONZERO, input)
    return found if not as_tuple else found.unbind(1)


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
    classes = _positions("one_hot", tensor)
    if num_classes == -1:
        if not classes.numel():
            raise ArgumentError("one_hot: num_classes must be given for an empty tensor")
        num_classes = int(classes.max()) + 1
    if num_classes < 1:
        raise ArgumentError(f"one_hot: num_classes must be at least 1 or -1, got {num_classes}")
    zeros = dispatch.apply(full_operation((*classes.shape, num_classes), 0, int64))
    return _scattered("one_hot", zeros, -1, classes.unsqueeze(-1), 1, "")


@public(method=False)
def embedding(input: "Tensor", weight: "Tensor", padding_idx: int | None = None) -> "Tensor":
    """The rows of `weight` (rows, features) at the positions `input`: shape (*input.shape, features).

    The row `padding_idx` gets no gradient.

    >>> tracegraph.embedding(tracegraph.tensor([1, 0]), tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    positions = _positions("embedding", input)
    if weight.ndim != 2:
        raise ShapeError(f"embedding: weight must be a matrix (rows, features), got shape {weight.shape}")
    rows = dispatch.apply(index_operation(0), weight, positions)
    if padding_idx is None or not weight.requires_grad:
        return rows  # type: ignore[no-any-return]
    if not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise IndexingError(f"embedding: padding_idx {padding_idx} is out of range for {weight.shape[0]} rows")
    padded = (positions == padding_idx % weight.shape[0]).unsqueeze(-1)
    return dispatch.apply(WHERE, padded, rows.detach(), rows)  # type: ignore[no-any-return]
