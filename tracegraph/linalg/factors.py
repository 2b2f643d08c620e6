"""Decompositions into factors: Cholesky, QR, eigenvalues of symmetric matrices, singular values."""

from typing import NamedTuple

from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.decompositions import QR, SVD, Eigh
from tracegraph.compiler.ops.linear_systems import CHOLESKY
from tracegraph.compiler.ops.matrices import check_matrices
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor


class QAndR(NamedTuple):
    """The result of `qr`."""

    Q: Tensor
    R: Tensor


class ValuesAndVectors(NamedTuple):
    """The result of `eigh`."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class SingularFactors(NamedTuple):
    """The result of `svd`."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular L with `A == L @ L.mT`, or with `upper` its transpose, of positive definite matrices.

    Raises:
        LinAlgError: for a matrix that is not positive definite.

    >>> tracegraph.linalg.cholesky(tracegraph.tensor([[4.0, 2.0], [2.0, 2.0]]))
    tensor([[2., 0.],
            [1., 1.]])
    """
    check_matrices("linalg.cholesky", A, square=True)
    if upper:
        return dispatch.apply(CHOLESKY, A.mT).mT  # type: ignore[no-any-return]
    return dispatch.apply(CHOLESKY, A)  # type: ignore[no-any-return]


def qr(A: Tensor, mode: str = "reduced") -> QAndR:
    """Q with orthonormal columns and upper triangular R with `A == Q @ R`.

    Args:
        A: matrices (..., m, n).
        mode: "reduced" (Q is m x min(m, n)), "complete" (Q is square) or "r" (Q is empty, and there is no gradient).

    Raises:
        ArgumentError: for another mode.

    >>> Q, R = tracegraph.linalg.qr(tracegraph.tensor([[3.0], [4.0]]))
    >>> R.abs()
    tensor([[5.]])
    """
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"linalg.qr: mode must be 'reduced', 'complete' or 'r', not {mode!r}")
    Q, R = QR(mode == "complete").apply(A)
    return QAndR(A.new_zeros(0), R.detach()) if mode == "r" else QAndR(Q, R)


def eigh(A: Tensor, UPLO: str = "L") -> ValuesAndVectors:
    """The eigenvalues of symmetric matrices, ascending, and their eigenvectors, which are the columns of a matrix.

    Args:
        A: symmetric matrices (..., n, n).
        UPLO: which triangle is read, "L" or "U".

    Raises:
        ArgumentError: for another triangle.

    >>> tracegraph.linalg.eigh(tracegraph.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    if UPLO not in ("L", "U", "l", "u"):
        raise ArgumentError(f"linalg.eigh: UPLO must be 'L' or 'U', not {UPLO!r}")
    return ValuesAndVectors(*Eigh(UPLO.upper() == "U").apply(A))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, ascending, (..., n, n) to (..., n).

    >>> tracegraph.linalg.eigvalsh(tracegraph.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([1., 2.])
    """
    return eigh(A, UPLO).eigenvalues


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> SingularFactors:
    """U, the singular values S (descending) and Vh with `A == U @ S.diag() @ Vh`.

    Args:
        A: matrices (..., m, n).
        full_matrices: give square U and Vh, otherwise only the columns and rows that belong to S.
        driver: accepted.

    >>> tracegraph.linalg.svd(tracegraph.tensor([[0.0, 2.0], [1.0, 0.0]])).S
    tensor([2., 1.])
    """
    return SingularFactors(*SVD(full_matrices).apply(A))


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values of matrices, descending, (..., m, n) to (..., min(m, n)).

    >>> tracegraph.linalg.svdvals(tracegraph.tensor([[0.0, 2.0], [1.0, 0.0]]))
    tensor([2., 1.])
    """
    return SVD().apply(A)[1]
