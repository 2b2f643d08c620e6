"""The functions of linear algebra that PyTorch has at its top level, some with other arguments than in `linalg`."""

from typing import NamedTuple

from tracegraph.compiler.ops.dispatch import public
from tracegraph.linalg.factors import QAndR
from tracegraph.linalg.factors import cholesky as lower_cholesky
from tracegraph.linalg.factors import qr as any_qr
from tracegraph.linalg.factors import svd as any_svd
from tracegraph.linalg.products import _cross, chain_matmul, matrix_exp, matrix_power
from tracegraph.linalg.pseudo_inverse import pinv
from tracegraph.linalg.systems import det, inv, logdet, slogdet
from tracegraph.runtime.errors import ShapeError
from tracegraph.tensor import Tensor


@public()
def inverse(input: Tensor) -> Tensor:
    """The inverses of square matrices; `linalg.inv`.

    >>> tracegraph.inverse(tracegraph.tensor([[2.0]]))
    tensor([[0.5000]])
    """
    return inv(input)


@public()
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudo-inverses of matrices; `linalg.pinv` with `rtol=rcond`.

    >>> tracegraph.pinverse(tracegraph.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    return pinv(input, rtol=rcond)


@public()
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """The triangular factors of symmetric positive definite matrices; `linalg.cholesky`.

    >>> tracegraph.cholesky(tracegraph.tensor([[4.0]]))
    tensor([[2.]])
    """
    return lower_cholesky(input, upper=upper)


@public()
def qr(input: Tensor, some: bool = True) -> QAndR:
    """`linalg.qr`: reduced factors if `some`, else the complete ones.

    >>> tracegraph.qr(tracegraph.tensor([[3.0], [4.0]])).R.abs()
    tensor([[5.]])
    """
    return any_qr(input, "reduced" if some else "complete")


class USV(NamedTuple):
    """The result of `svd`."""

    U: Tensor
    S: Tensor
    V: Tensor


@public()
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> USV:
    """U, S and V (not transposed, as in `linalg.svd`) with `input == U @ S.diag() @ V.mT`.

    Args:
        input: matrices (..., m, n).
        some: only the columns of U and V that belong to S.
        compute_uv: without it U and V are zeros.

    >>> tracegraph.svd(tracegraph.tensor([[0.0, 2.0], [1.0, 0.0]])).S
    tensor([2., 1.])
    """
    u, s, vh = any_svd(input, not some or not compute_uv)
    if compute_uv:
        return USV(u, s, vh.mT)
    return USV(u.new_zeros(u.shape), s, vh.new_zeros(vh.shape))


@public()
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross products of vectors along `dim`, by default the first dimension of size 3.

    >>> tracegraph.cross(tracegraph.tensor([1.0, 0.0, 0.0]), tracegraph.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if dim is None:
        if 3 not in input.shape:
            raise ShapeError(f"cross: no dimension of size 3 in shape {input.shape}")
        dim = input.shape.index(3)
    return _cross("cross", input, other, dim)


__all__ = [
    "chain_matmul",
    "cholesky",
    "cross",
    "det",
    "inverse",
    "logdet",
    "matrix_exp",
    "matrix_power",
    "pinverse",
    "qr",
    "slogdet",
    "svd",
]
