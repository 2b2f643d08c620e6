"""Triangles of matrices: `tril`, `triu` and their indices."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, ShapeError

from . import dispatch
from .creation import arange, finish
from .dispatch import public
from .spec import as_dtype, int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["tril", "tril_indices", "triu", "triu_indices"]


def _below(name: str, input: "Tensor", diagonal: int) -> "Tensor":
    """Bool matrix: column index - row index <= diagonal."""
    if input.ndim < 2:
        raise ShapeError(f"{name}: needs at least two dimensions, got shape {input.shape}")
    rows, columns = input.shape[-2:]
    return arange(rows).unsqueeze(1) >= arange(-diagonal, columns - diagonal)  # type: ignore[no-any-return]


@public(inplace=True)
def tril(input: "Tensor", diagonal: int = 0) -> "Tensor":
    """The matrices with the elements above a diagonal (0: the main one, positive: above it) set to 0.

    >>> tracegraph.tril(tracegraph.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return input.where(_below("tril", input, diagonal), dispatch.constant(0, input.dtype))  # type: ignore[no-any-return]


@public(inplace=True)
def triu(input: "Tensor", diagonal: int = 0) -> "Tensor":
    """The matrices with the elements below a diagonal (0: the main one, positive: above it) set to 0.

    >>> tracegraph.triu(tracegraph.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    below = _below("triu", input, diagonal - 1)
    return dispatch.constant(0, input.dtype).where(below, input)  # type: ignore[no-any-return]


def _indices(name: str, find: Any, row: int, col: int, offset: int, dtype: Any, device: Any) -> "Tensor":
    if min(row, col) < 0:
        raise ArgumentError(f"{name}: sizes cannot be negative, got {row} and {col}")
    found = np.stack(find(row, offset, col)).astype(as_dtype(dtype))
    return finish(dispatch.as_tensor(found, literal=True), False, device)


@public(method=False)
def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = int64, device: Any = None) -> "Tensor":
    """Row and column indices, (2, n), of the lower triangle of a matrix.

    >>> tracegraph.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _indices("tril_indices", np.tril_indices, row, col, offset, dtype, device)


@public(method=False)
def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = int64, device: Any = None) -> "Tensor":
    """Row and column indices, (2, n), of the upper triangle of a matrix.

    >>> tracegraph.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _indices("triu_indices", np.triu_indices, row, col, offset, dtype, device)
