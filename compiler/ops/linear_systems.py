"""Systems of linear equations and determinants: the primitives `solve`, `det`, `slogdet`, `cholesky` and `pinv`.

The gradients are those of M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation", 2008, where no other source is named.
"""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tracegraph.runtime.errors import ShapeError

from . import dispatch
from .base import Array, Cotangent, Sample, operation
from .matrices import (
    SQUARE,
    MatrixOperation,
    check_matrices,
    clear_errors,
    identity,
    sample_matrices,
    scaled_diagonal,
    transposed,
)
from .spec import Spec, broadcast_shapes

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor


@operation
class Solve(MatrixOperation):
    """The matrices X of `A @ X == B`, for square A and B with the same leading dimensions."""

    name = "solve"
    saves = (0,)
    saves_output = True

    def infer(self, *operands: Spec) -> Spec:
        a, b = operands
        check_matrices("linalg.solve", a, b)
        check_matrices("linalg.solve", a, square=True)
        if a.shape[:-1] != b.shape[:-1] or a.dtype != b.dtype:
            raise ShapeError(f"linalg.solve: the shapes {a.shape} and {b.shape} ({a.dtype}, {b.dtype}) do not fit")
        return b

    @clear_errors
    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.linalg.solve(*operands)

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        @cache
        def right() -> "Tensor":
            return dispatch.apply(Solve(), transposed(a), g)  # type: ignore[no-any-return]

        return lambda: -(right() @ transposed(out)), right

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for a in sample_matrices(rng, shapes=SQUARE):
            for columns in (2, 1):
                yield Sample(cls(), (a, rng.normal(size=(*a.shape[:-1], columns)).astype(a.dtype)))


def inverse(a: "Tensor") -> "Tensor":
    """The inverses of square matrices."""
    size = a.shape[-1]
    return dispatch.apply(SOLVE, a, identity(size, a).expand(a.shape))  # type: ignore[no-any-return]


@operation
class Determinant(MatrixOperation):
    """The determinants of square matrices."""

    name = "determinant"
    saves = (0,)

    def infer(self, *operands: Spec) -> Spec:
        check_matrices("linalg.det", *operands, square=True)
        return Spec(operands[0].shape[:-2], operands[0].dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.linalg.det(operands[0])

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g.unsqueeze(-1).unsqueeze(-1) * dispatch.apply(Cofactors(), a),)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for a in sample_matrices(rng, shapes=SQUARE):
            yield Sample(cls(), (a,))


@operation
class Cofactors(MatrixOperation):
    """The cofactors of square matrices, which are the gradient of their determinants, of singular matrices too."""

    name = "cofactors"
    saves = (0,)
    saves_output = True

    def infer(self, *operands: Spec) -> Spec:
        check_matrices("linalg.det", *operands, square=True)
        return operands[0]

    @clear_errors
    def evaluate(self, xp: Any, *operands: Array) -> Array:
        """By the decomposition A = U S V': the cofactors are det(U) det(V) U C V' with C those of S."""
        (a,) = operands
        size = a.shape[-1]
        if a.size == 0:
            return a.copy()
        u, s, vh = xp.linalg.svd(a)
        others = xp.stack([xp.delete(s, i, axis=-1).prod(axis=-1) for i in range(size)], axis=-1)
        signs = xp.linalg.det(u) * xp.linalg.det(vh)
        return ((u * (others * signs[..., None])[..., None, :]) @ vh).astype(a.dtype)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        """With C the cofactors and X the inverse transposed: <g, C> X - C g' X, of invertible matrices."""

        def cotangent() -> "Tensor":
            x = transposed(inverse(a))
            product = (g * out).sum((-2, -1), keepdim=True)
            return product * x - out @ transposed(g) @ x  # type: ignore[no-any-return]

        return (cotangent,)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for a in sample_matrices(rng, shapes=SQUARE):
            yield Sample(cls(), (a,))


@operation
class LogDeterminant(MatrixOperation):
    """The signs of the determinants of square matrices and the logarithms of their magnitudes, in a last dimension."""

    name = "log_determinant"
    saves = (0,)

    def infer(self, *operands: Spec) -> Spec:
        check_matrices("linalg.slogdet", *operands, square=True)
        return Spec((*operands[0].shape[:-2], 2), operands[0].dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.stack(xp.linalg.slogdet(operands[0]), axis=-1).astype(operands[0].dtype, copy=False)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g.select(-1, 1).unsqueeze(-1).unsqueeze(-1) * transposed(inverse(a)),)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for a in sample_matrices(rng, shapes=SQUARE):
            yield Sample(cls(), (a,))


class SignAndLogDet(NamedTuple):
    """The result of `slogdet`."""

    sign: "Tensor"
    logabsdet: "Tensor"


@operation
class Cholesky(MatrixOperation):
    """The lower triangular L with `A == L @ L.T`, of symmetric positive definite A, whose lower triangle is read."""

    name = "cholesky"
    saves_output = True
    symmetric = True

    def infer(self, *operands: Spec) -> Spec:
        check_matrices("linalg.cholesky", *operands, square=True)
        return operands[0]

    @clear_errors
    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        return xp.linalg.cholesky(a) if a.size else a.copy()

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        """I. Murray, "Differentiation of the Cholesky decomposition", arXiv:1602.07527, equation 10."""

        def cotangent() -> "Tensor":
            half = scaled_diagonal((transposed(out) @ g).tril(), 0.5)
            left = dispatch.apply(SOLVE, transposed(out), half + transposed(half))
            return transposed(dispatch.apply(SOLVE, transposed(out), transposed(left))) * 0.5

        return (cotangent,)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for a in sample_matrices(rng, shapes=SQUARE, definite=True):
            yield Sample(cls(), (a,))


@operation
class PseudoInverse(MatrixOperation):
    """The pseudo-inverses of matrices; singular values up to the second operand, or to the third times the largest of
    them, count as zero. These two broadcast with the leading dimensions. Of `hermitian` matrices the lower triangle is
    read; the gradient is that of any matrix.
    """

    hermitian: bool = False
    name = "pseudo_inverse"
    saves = (0,)
    saves_output = True

    def infer(self, *operands: Spec) -> Spec:
        a, atol, rtol = operands
        check_matrices("linalg.pinv", a)
        if broadcast_shapes("linalg.pinv", a.shape[:-2], atol.shape, rtol.shape) != a.shape[:-2]:
            raise ShapeError(f"linalg.pinv: tolerances {atol.shape}, {rtol.shape} do not fit matrices {a.shape}")
        return Spec((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)

    @clear_errors
    def evaluate(self, xp: Any, *operands: Array) -> Array:
        a, atol, rtol = operands
        if a.size == 0:
            return xp.zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)
        if self.hermitian:
            a = xp.tril(a) + xp.swapaxes(xp.tril(a, -1), -1, -2)
        u, s, vh = xp.linalg.svd(a, full_matrices=False)
        kept = s > xp.maximum(atol[..., None], rtol[..., None] * s[..., :1])
        scales = xp.where(kept, 1 / xp.where(kept, s, 1), 0)
        return xp.swapaxes((u * scales[..., None, :]) @ vh, -1, -2).astype(a.dtype)

    def vjp(self, g: "Tensor", out: Any, a: Any, atol: Any, rtol: Any) -> tuple[Cotangent, ...]:
        """G. H. Golub and V. Pereyra, SIAM J. Numer. Anal. 10 (1973), 413-432, equation 4.12, for constant rank."""

        def cotangent() -> "Tensor":
            p, pt, gt = out, transposed(out), transposed(g)
            outside = gt @ p @ pt
            inside = pt @ p @ gt
            return outside - a @ (p @ outside) + inside - (inside @ p) @ a - pt @ g @ pt  # type: ignore[no-any-return]

        return cotangent, None, None

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for a in sample_matrices(rng, shapes=((3, 3), (4, 2), (2, 2, 3), (0, 3))):
            yield Sample(cls(), (a, np.zeros((), np.int64), np.full(a.shape[:-2], 0, np.int64)))


SOLVE, DETERMINANT, LOG_DETERMINANT = Solve(), Determinant(), LogDeterminant()
CHOLESKY = Cholesky()
