"""Determinants, inverses and systems of linear equations."""

from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.dispatch import public
from tracegraph.compiler.ops.linear_systems import DETERMINANT, LOG_DETERMINANT, SOLVE, SignAndLogDet, inverse
from tracegraph.compiler.ops.matrices import check_matrices, identity
from tracegraph.compiler.ops.spec import broadcast_shapes
from tracegraph.runtime.errors import DTypeError, ShapeError
from tracegraph.tensor import Tensor


@public()
def det(A: Tensor) -> Tensor:
    """The determinants of square matrices, (..., n, n) to (...).

    Raises:
        ShapeError: for matrices that are not square.
        DTypeError: for another dtype than float32 and float64.

    >>> tracegraph.linalg.det(tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    check_matrices("linalg.det", A, square=True)
    return dispatch.apply(DETERMINANT, A)  # type: ignore[no-any-return]


@public()
def slogdet(A: Tensor) -> SignAndLogDet:
    """The signs of the determinants of square matrices, and the logarithms of their magnitudes (-inf for 0).

    >>> sign, logabsdet = tracegraph.linalg.slogdet(tracegraph.tensor([[0.0, 1.0], [1.0, 0.0]]))
    >>> sign, logabsdet
    (tensor(-1.), tensor(0.))
    """
    check_matrices("linalg.slogdet", A, square=True)
    both = dispatch.apply(LOG_DETERMINANT, A)
    return SignAndLogDet(both.select(-1, 0), both.select(-1, 1))


@public()
def logdet(input: Tensor) -> Tensor:
    """The logarithms of the determinants of square matrices: -inf for 0, NaN for negative ones.

    >>> tracegraph.logdet(tracegraph.tensor([[2.0, 0.0], [0.0, 0.5]]))
    tensor(0.)
    """
    sign, logarithm = slogdet(input)
    return logarithm.where(sign >= 0, float("nan"))  # type: ignore[no-any-return]


def inv(A: Tensor) -> Tensor:
    """The inverses of square matrices.

    Raises:
        LinAlgError: for a singular matrix.

    >>> tracegraph.linalg.inv(tracegraph.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    check_matrices("linalg.inv", A, square=True)
    return inverse(A)


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The X of `A @ X == B`, or with `left=False` of `X @ A == B`.

    Args:
        A: square matrices (..., n, n).
        B: matrices (..., n, k), or (..., k, n) with `left=False`; or vectors (..., n), if B is one-dimensional or has
            the shape of A without the last dimension. The leading dimensions broadcast.
        left: on which side of X the matrices stand.

    Raises:
        LinAlgError: for a singular matrix.
        ShapeError: for shapes that do not fit.

    >>> A = tracegraph.tensor([[2.0, 0.0], [0.0, 4.0]])
    >>> tracegraph.linalg.solve(A, tracegraph.tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    check_matrices("linalg.solve", A, square=True)
    _check_same_dtype("linalg.solve", A, B)
    vectors = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    if vectors and not left:
        raise ShapeError(f"linalg.solve: with left=False B must hold matrices, not vectors of shape {B.shape}")
    if not left:
        return _solved("linalg.solve", A.mT, B.mT).mT  # type: ignore[no-any-return]
    return _solved("linalg.solve", A, B.unsqueeze(-1)).squeeze(-1) if vectors else _solved("linalg.solve", A, B)


def _check_same_dtype(name: str, A: Tensor, B: Tensor) -> None:
    if A.dtype != B.dtype:
        raise DTypeError(f"{name}: A and B must have one dtype, not {A.dtype} and {B.dtype}")


def _solved(name: str, A: Tensor, B: Tensor) -> Tensor:
    check_matrices(name, B)
    if A.shape[-1] != B.shape[-2]:
        raise ShapeError(f"{name}: matrices of shape {A.shape} do not fit right-hand sides of shape {B.shape}")
    batch = broadcast_shapes(name, A.shape[:-2], B.shape[:-2])
    return dispatch.apply(SOLVE, A.expand(*batch, *A.shape[-2:]), B.expand(*batch, *B.shape[-2:]))  # type: ignore[no-any-return]


def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """The X of `A @ X == B` (or `X @ A == B` with `left=False`), for triangular A: its other triangle is not read.

    Args:
        A: square matrices (..., n, n).
        B: matrices (..., n, k), or (..., k, n) with `left=False`.
        upper: whether the upper triangle is meant.
        left: on which side of X the matrices stand.
        unitriangular: take the diagonal as ones.

    Raises:
        ShapeError: for shapes that do not fit.

    >>> A = tracegraph.tensor([[2.0, 9.0], [1.0, 4.0]])
    >>> tracegraph.linalg.solve_triangular(A, tracegraph.tensor([[2.0], [5.0]]), upper=False)
    tensor([[1.],
            [1.]])
    """
    check_matrices("linalg.solve_triangular", A, square=True)
    check_matrices("linalg.solve_triangular", B)
    _check_same_dtype("linalg.solve_triangular", A, B)
    size = A.shape[-1]
    if unitriangular:
        triangle = (A.triu(1) if upper else A.tril(-1)) + identity(size, A)
    else:
        triangle = A.triu() if upper else A.tril()
    if left:
        return _solved("linalg.solve_triangular", triangle, B)
    return _solved("linalg.solve_triangular", triangle.mT, B.mT).mT  # type: ignore[no-any-return]
