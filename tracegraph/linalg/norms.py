"""Norms of vectors and matrices."""

from collections.abc import Sequence
from typing import Any

from tracegraph.compiler.ops.numpy_names import accept_numpy_names
from tracegraph.compiler.ops.spec import normalize_dim
from tracegraph.compiler.ops.statistics import vector_norm
from tracegraph.linalg.factors import svdvals
from tracegraph.linalg.systems import inv
from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError
from tracegraph.tensor import Tensor

_ORDERS = ("fro", "nuc", 1, -1, 2, -2, float("inf"), float("-inf"))


@accept_numpy_names
def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: int | Sequence[int] = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norms of matrices.

    Args:
        A: float tensor of at least two dimensions.
        ord: "fro" (root of the sum of squares), "nuc" (sum of singular values), 2 and -2 (largest and smallest singular
            value), 1 and -1 (largest and smallest sum of magnitudes of a column), inf and -inf (of a row).
        dim: the dimensions of the matrices' rows and columns.
        keepdim: keep the reduced dimensions with size 1.
        dtype: cast to this dtype first.

    Raises:
        ArgumentError: for another order.
        ShapeError: where `dim` does not name two dimensions.

    >>> tracegraph.linalg.matrix_norm(tracegraph.tensor([[3.0, 0.0], [0.0, 4.0]]), 1)
    tensor(4.)
    """
    if ord not in _ORDERS:
        raise ArgumentError(f"linalg.matrix_norm: ord must be one of {', '.join(map(str, _ORDERS))}, not {ord!r}")
    if A.ndim < 2 or A.dtype.kind != "f":
        problem = ShapeError if A.ndim < 2 else DTypeError
        raise problem(f"linalg.matrix_norm: takes float matrices, not a {A.dtype} tensor of shape {A.shape}")
    if isinstance(dim, int) or len(dim) != 2:
        raise ShapeError(f"linalg.matrix_norm: dim must name two dimensions, not {dim!r}")
    if dtype is not None:
        A = A.to(dtype)
    rows, columns = (normalize_dim("linalg.matrix_norm", each, A.ndim) for each in dim)
    if rows == columns:
        raise ShapeError(f"linalg.matrix_norm: dim {dim} names the same dimension twice")
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim)
    if ord in ("nuc", 2, -2):
        return _of_singular_values(A, ord, rows, columns, keepdim)
    added, compared = (columns, rows) if abs(ord) == float("inf") else (rows, columns)
    sums = A.abs().sum(added, keepdim=True)
    found: Tensor = sums.amax(compared, keepdim=True) if ord > 0 else sums.amin(compared, keepdim=True)
    return found if keepdim else found.squeeze((rows, columns))


def _of_singular_values(A: Tensor, ord: Any, rows: int, columns: int, keepdim: bool) -> Tensor:
    values = svdvals(A.movedim((rows, columns), (-2, -1)))
    found: Tensor = {"nuc": values.sum, 2: values.amax, -2: values.amin}[ord](-1)
    if keepdim:
        for position in sorted((rows, columns)):
            found = found.unsqueeze(position)
    return found


@accept_numpy_names
def norm(
    A: Tensor, ord: Any = None, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of a vector or a matrix.

    Args:
        A: float tensor.
        ord: the order; None is the root of the sum of squares over `dim`.
        dim: one dimension for vectors, two for matrices; by default all, which must be one or two where `ord` is given.
        keepdim: keep the reduced dimensions with size 1.
        dtype: cast to this dtype first.

    Raises:
        ShapeError: for more than two dimensions with an order.

    >>> tracegraph.linalg.norm(tracegraph.tensor([3.0, -4.0]))
    tensor(5.)
    """
    dims = None if dim is None else tuple(dim) if isinstance(dim, Sequence) else (dim,)
    if ord is None:
        return vector_norm(A, 2, dims, keepdim, dtype=dtype)
    if dims is None and A.ndim not in (1, 2):
        raise ShapeError(f"linalg.norm: with ord and without dim the tensor must be 1-d or 2-d, not {A.shape}")
    if dims is not None and len(dims) not in (1, 2):
        raise ShapeError(f"linalg.norm: dim must name one or two dimensions, not {dim}")
    if isinstance(ord, str) or (A.ndim if dims is None else len(dims)) == 2:
        return matrix_norm(A, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype)
    return vector_norm(A, ord, dims, keepdim, dtype=dtype)


def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition numbers of matrices: the norm times that of the inverse; by default in the 2-norm.

    >>> tracegraph.linalg.cond(tracegraph.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(2.)
    """
    if p in (None, 2, -2):
        values = svdvals(A)
        ratio: Tensor = values.amax(-1) / values.amin(-1)
        return ratio.reciprocal() if p == -2 else ratio
    return matrix_norm(A, p) * matrix_norm(inv(A), p)


__all__ = ["cond", "matrix_norm", "norm", "vector_norm"]
