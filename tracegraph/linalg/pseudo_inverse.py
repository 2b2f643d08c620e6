"""Pseudo-inverses, ranks and least squares."""

from typing import Any, NamedTuple

from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.linear_systems import PseudoInverse
from tracegraph.compiler.ops.matrices import check_matrices
from tracegraph.dtypes import finfo
from tracegraph.linalg.factors import eigvalsh, svdvals
from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError
from tracegraph.tensor import Tensor


def _tolerances(A: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """The tolerances as given; a relative one of max(m, n) times epsilon where nothing else says what is zero."""
    default = max(A.shape[-2:]) * finfo(A.dtype).eps
    if rtol is None:
        given = isinstance(atol, Tensor) or (atol is not None and atol > 0)
        rtol = 0.0 if given and not isinstance(atol, Tensor) else default
    return (0.0 if atol is None else atol), rtol


def pinv(A: Tensor, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Tensor:
    """The pseudo-inverses of matrices, (..., m, n) to (..., n, m) (Moore and Penrose).

    Args:
        A: matrices of any shape.
        atol: singular values up to it count as zero; 0 by default. A number or a tensor of shape (...).
        rtol: so do those up to this fraction of the largest; by default max(m, n) times the dtype's epsilon, or 0 where
            `atol` is given.
        hermitian: the matrices are symmetric; their lower triangle is read.

    >>> tracegraph.linalg.pinv(tracegraph.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    check_matrices("linalg.pinv", A, square=hermitian)
    atol, rtol = _tolerances(A, atol, rtol)
    tolerances = [
        each.detach() if isinstance(each, Tensor) else dispatch.constant(float(each), A.dtype) for each in (atol, rtol)
    ]
    return dispatch.apply(PseudoInverse(hermitian), A, *tolerances)  # type: ignore[no-any-return]


def matrix_rank(A: Tensor, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Tensor:
    """How many singular values of matrices are not zero, (..., m, n) to (...), int64.

    Args:
        A: matrices of any shape.
        atol: singular values up to it count as zero; 0 by default. A number or a tensor of shape (...).
        rtol: so do those up to this fraction of the largest; by default as in `pinv`.
        hermitian: the matrices are symmetric; their lower triangle is read.

    >>> tracegraph.linalg.matrix_rank(tracegraph.ones(3, 3))
    tensor(1)
    """
    check_matrices("linalg.matrix_rank", A, square=hermitian)
    values = eigvalsh(A).abs() if hermitian else svdvals(A)
    if not values.shape[-1]:
        return values.sum(-1).long()  # type: ignore[no-any-return]
    atol, rtol = _tolerances(A, atol, rtol)
    bound = values.amax(-1) * rtol
    bound = bound.maximum(atol) if isinstance(atol, Tensor) else bound.clamp(min=float(atol))
    return (values > bound.unsqueeze(-1)).sum(-1)  # type: ignore[no-any-return]


class LeastSquares(NamedTuple):
    """The result of `lstsq`."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> LeastSquares:
    """The X of least norm for which the columns of `A @ X - B` have the least norms.

    Args:
        A: matrices (..., m, n).
        B: right-hand sides (..., m, k), or vectors (..., m).
        rcond: singular values up to this fraction of the largest count as zero; by default max(m, n) times epsilon.
        driver: "gelsy" by default, "gels", "gelsd" or "gelss": which of rank and singular values are given; all compute
            alike.

    The residuals, squared norms per column, are given where m > n, except by "gelsy"; they are meant for matrices of
    full rank.

    Raises:
        ShapeError: for shapes that do not fit.

    >>> A = tracegraph.tensor([[1.0], [1.0]])
    >>> tracegraph.linalg.lstsq(A, tracegraph.tensor([[1.0], [3.0]])).solution.round()
    tensor([[2.]])
    """
    check_matrices("linalg.lstsq", A)
    driver = "gelsy" if driver is None else driver
    if driver not in _DRIVERS:
        raise ArgumentError(f"linalg.lstsq: driver must be one of {', '.join(_DRIVERS)}, not {driver!r}")
    if A.dtype != B.dtype:
        raise DTypeError(f"linalg.lstsq: A and B must have one dtype, not {A.dtype} and {B.dtype}")
    vectors = B.ndim == A.ndim - 1
    right = B.unsqueeze(-1) if vectors else B
    if right.ndim < 2 or right.shape[-2] != A.shape[-2]:
        raise ShapeError(f"linalg.lstsq: matrices of shape {A.shape} do not fit right-hand sides of shape {B.shape}")
    rows, columns = A.shape[-2:]
    solution = pinv(A, rtol=rcond) @ right
    if rows > columns and driver != "gelsy":
        residuals = (A @ solution - right).square().sum(-2)
    else:
        residuals = solution.flatten().narrow(0, 0, 0)
    detached = A.detach()
    none = A.new_zeros(0)
    return LeastSquares(
        solution.squeeze(-1) if vectors else solution,
        residuals,
        none.long() if driver == "gels" else matrix_rank(detached, rtol=rcond),
        svdvals(detached) if driver in ("gelsd", "gelss") else none,
    )
