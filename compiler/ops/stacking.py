"""Joining tensors by rows, columns and depth: `hstack`, `vstack`, `column_stack`, `block_diag`, `atleast_2d`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentTypeError, ShapeError

from . import dispatch
from .dispatch import TensorLike, public
from .joining import cat, sequence_of_tensors

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "column_stack", "dstack", "hstack", "row_stack", "vstack",
]  # fmt: skip


def _lifted_1d(value: "Tensor") -> "Tensor":
    return value if value.ndim else value.reshape((1,))


def _lifted_2d(value: "Tensor") -> "Tensor":
    return value if value.ndim > 1 else value.reshape((1, value.numel()))


def _lifted_3d(value: "Tensor") -> "Tensor":
    if value.ndim > 2:
        return value
    return value.unsqueeze(-1) if value.ndim == 2 else value.reshape((1, value.numel(), 1))  # type: ignore[no-any-return]


def _each(name: str, lift: Callable[["Tensor"], "Tensor"], tensors: tuple[Any, ...]) -> Any:
    """A function of one tensor applied to one given alone, or to each of several."""
    if len(tensors) == 1 and hasattr(tensors[0], "_data"):
        return lift(tensors[0])
    values = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    for value in values:
        if not hasattr(value, "_data"):
            raise ArgumentTypeError(f"{name}: takes tensors, got a {type(value).__name__}")
    return tuple([lift(value) for value in values])


@public(method=False)
def atleast_1d(*tensors: Any) -> Any:
    """A view of a tensor with at least one dimension; of several tensors, or a sequence of them, a tuple of views.

    >>> tracegraph.atleast_1d(tracegraph.tensor(7))
    tensor([7])
    """
    return _each("atleast_1d", _lifted_1d, tensors)


@public(method=False)
def atleast_2d(*tensors: Any) -> Any:
    """A view of a tensor with at least two dimensions (a vector becomes a row); of several a tuple of views.

    >>> tracegraph.atleast_2d(tracegraph.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return _each("atleast_2d", _lifted_2d, tensors)


@public(method=False)
def atleast_3d(*tensors: Any) -> Any:
    """A view of a tensor with at least three dimensions; a vector's come around it, a matrix's behind.

    >>> tracegraph.atleast_3d(tracegraph.tensor([1, 2])).shape
    (1, 2, 1)
    """
    return _each("atleast_3d", _lifted_3d, tensors)


@public(method=False)
def hstack(tensors: Sequence["Tensor"]) -> "Tensor":
    """Tensors side by side: along dim 1, vectors and numbers along dim 0.

    >>> tracegraph.hstack([tracegraph.tensor([1]), tracegraph.tensor([2, 3])])
    tensor([1, 2, 3])
    """
    values = [_lifted_1d(value) for value in sequence_of_tensors("hstack", tensors)]
    return cat(values, 0 if values[0].ndim == 1 else 1)


@public(method=False, aliases=("row_stack",))
def vstack(tensors: Sequence["Tensor"]) -> "Tensor":
    """Tensors one below the other; vectors and numbers are rows.

    >>> tracegraph.vstack([tracegraph.tensor([1, 2]), tracegraph.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return cat([_lifted_2d(value) for value in sequence_of_tensors("vstack", tensors)], 0)


row_stack = vstack


@public(method=False)
def dstack(tensors: Sequence["Tensor"]) -> "Tensor":
    """Tensors one behind the other along dim 2; matrices and vectors get the missing dimensions.

    >>> tracegraph.dstack([tracegraph.tensor([1, 2]), tracegraph.tensor([3, 4])]).shape
    (1, 2, 2)
    """
    return cat([_lifted_3d(value) for value in sequence_of_tensors("dstack", tensors)], 2)


@public(method=False)
def column_stack(tensors: Sequence["Tensor"]) -> "Tensor":
    """Tensors side by side along dim 1; vectors and numbers are columns.

    >>> tracegraph.column_stack([tracegraph.tensor([1, 2]), tracegraph.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    values = sequence_of_tensors("column_stack", tensors)
    return cat([value if value.ndim > 1 else value.reshape((value.numel(), 1)) for value in values], 1)


@public(method=False)
def block_diag(*tensors: TensorLike) -> "Tensor":
    """A matrix with the tensors (at most two dimensions; vectors are rows) one after the other on its diagonal.

    Raises:
        ShapeError: for a tensor of more dimensions.

    >>> tracegraph.block_diag(tracegraph.tensor([[1, 2]]), tracegraph.tensor(3))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    if not tensors:
        return dispatch.as_tensor([[]])  # type: ignore[no-any-return]
    values = [_lifted_2d(value) for value in sequence_of_tensors("block_diag", tensors)]
    for value in values:
        if value.ndim > 2:
            raise ShapeError(f"block_diag: takes tensors of at most two dimensions, got shape {value.shape}")
    width = sum(value.shape[1] for value in values)
    rows, left = [], 0
    for value in values:
        count, columns = value.shape
        zeros = [value.new_zeros(count, left), value, value.new_zeros(count, width - left - columns)]
        rows.append(cat(zeros, 1))
        left += columns
    return cat(rows, 0)
