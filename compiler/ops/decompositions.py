"""Decompositions of matrices: the primitives behind `qr`, `eigh` and `svd`.

Each gives all its factors in one tensor, flattened in the last dimension, because an operation has one result;
`parts` takes it apart again, by views.
"""

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dispatch
from .base import Array, Cotangent, Sample, operation
from .linear_systems import SOLVE
from .matrices import (
    SQUARE,
    MatrixOperation,
    check_matrices,
    clear_errors,
    identity,
    quotient,
    sample_matrices,
    scaled_diagonal,
)
from .matrices import transposed as transpose
from .spec import Spec

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor


class Decomposition(MatrixOperation):
    """An operation whose factors lie one behind the other in the last dimension of its result."""

    def factors(self, rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
        """The shapes of the factors of a matrix."""
        raise NotImplementedError

    def infer(self, *operands: Spec) -> Spec:
        (a,) = operands
        check_matrices(f"linalg.{self.name}", a)
        return Spec((*a.shape[:-2], sum(map(prod, self.factors(*a.shape[-2:])))), a.dtype)

    def compute(self, xp: Any, a: Array) -> Sequence[Array]:
        """The factors."""
        raise NotImplementedError

    @clear_errors
    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        batch = a.shape[:-2]
        shapes = self.factors(*a.shape[-2:])
        if prod(batch) == 0:
            return xp.zeros(self.infer(Spec(a.shape, a.dtype)).shape, a.dtype)
        found = self.compute(xp, a)
        flat = [factor.reshape(*batch, prod(shape)) for factor, shape in zip(found, shapes, strict=True)]
        return xp.concatenate(flat, axis=-1).astype(a.dtype, copy=False)

    def parts(self, packed: "Tensor", rows: int, columns: int) -> tuple["Tensor", ...]:
        """The factors, as views of a result (or of a gradient for it)."""
        found, start = [], 0
        for shape in self.factors(rows, columns):
            part = packed.narrow(-1, start, prod(shape))
            found.append(part.reshape((*packed.shape[:-1], *shape)))
            start += prod(shape)
        return tuple(found)

    def apply(self, a: "Tensor") -> tuple["Tensor", ...]:
        """The factors of a tensor of matrices."""
        check_matrices(f"linalg.{self.name}", a)
        return self.parts(dispatch.apply(self, a), *a.shape[-2:])


@operation
class QR(Decomposition):
    """Q with orthonormal columns and upper triangular R with `A == Q @ R`; with `complete` Q is square."""

    complete: bool = False
    name = "qr"
    saves_output = True

    def factors(self, rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
        inner = rows if self.complete else min(rows, columns)
        return (rows, inner), (inner, columns)

    def compute(self, xp: Any, a: Array) -> Sequence[Array]:
        if 0 in a.shape[-2:]:
            (rows, inner), shape = self.factors(*a.shape[-2:])
            unit = xp.broadcast_to(xp.eye(rows, inner, dtype=a.dtype), (*a.shape[:-2], rows, inner))
            return unit, xp.zeros((*a.shape[:-2], *shape), a.dtype)
        return tuple(xp.linalg.qr(a, mode="complete" if self.complete else "reduced"))

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        """S. F. Walter, L. Lehmann and R. Lamour, Optim. Methods Softw. 27 (2012), 1025-1041, section 3.3.

        Of a wide matrix the columns behind the square part depend on Q alone: R2 = Q.T @ A2.
        """

        def cotangent() -> "Tensor":
            rows, columns = a.shape[-2:]
            q, r = self.parts(out, rows, columns)
            gq, gr = self.parts(g, rows, columns)
            if rows >= columns:
                return _narrow_qr(q, r, gq, gr)
            rest = columns - rows
            gr2 = gr.narrow(-1, rows, rest)
            gq = gq + q @ r.narrow(-1, rows, rest) @ transpose(gr2)
            first = _narrow_qr(q, r.narrow(-1, 0, rows), gq, gr.narrow(-1, 0, rows))
            return first.new_zeros(a.shape).slice_scatter(first, -1, 0, rows).slice_scatter(q @ gr2, -1, rows)  # type: ignore[no-any-return]

        return (cotangent,)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for a in sample_matrices(rng, shapes=((3, 3), (4, 2), (2, 3), (2, 3, 2), (0, 2), (2, 0), (0, 2, 2))):
            yield Sample(cls(), (a,))


def _narrow_qr(q: "Tensor", r: "Tensor", gq: "Tensor", gr: "Tensor") -> "Tensor":
    """The gradient of a matrix with at least as many rows as columns."""
    upper = (gr @ transpose(r) - transpose(q) @ gq).triu()
    symmetric = scaled_diagonal(upper + transpose(upper), 0.5)
    return transpose(dispatch.apply(SOLVE, r, transpose(gq + q @ symmetric)))


@operation
class Eigh(Decomposition):
    """Ascending eigenvalues and the eigenvectors (columns) of symmetric matrices, of which one triangle is read."""

    upper: bool = False
    name = "eigh"
    saves_output = True
    symmetric = True

    def factors(self, rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
        return (rows,), (rows, rows)

    def infer(self, *operands: Spec) -> Spec:
        check_matrices("linalg.eigh", *operands, square=True)
        return super().infer(*operands)

    def compute(self, xp: Any, a: Array) -> Sequence[Array]:
        return tuple(xp.linalg.eigh(a, UPLO="U" if self.upper else "L"))

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        """Giles 2008, section 3.1. The vectors' gradient is infinite where two eigenvalues are equal."""

        def cotangent() -> "Tensor":
            size = a.shape[-1]
            values, vectors = self.parts(out, size, size)
            g_values, g_vectors = self.parts(g, size, size)
            gaps = values.unsqueeze(-2) - values.unsqueeze(-1) + identity(size, values)
            inner = quotient(transpose(vectors) @ g_vectors, gaps)
            inner = (inner + transpose(inner)) * 0.5
            inner = scaled_diagonal(inner, 0.0) + g_values.diag_embed()
            return vectors @ inner @ transpose(vectors)  # type: ignore[no-any-return]

        return (cotangent,)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for a in sample_matrices(rng, shapes=SQUARE, definite=True):
            yield Sample(cls(), (a,))
            yield Sample(cls(True), (a,))


@operation
class SVD(Decomposition):
    """U, the singular values S (descending) and V.T with `A == U @ diag(S) @ V.T`; with `full` U and V are square."""

    full: bool = False
    name = "svd"
    saves_output = True

    def factors(self, rows: int, columns: int) -> tuple[tuple[int, ...], ...]:
        inner = min(rows, columns)
        return (rows, rows if self.full else inner), (inner,), (columns if self.full else inner, columns)

    def compute(self, xp: Any, a: Array) -> Sequence[Array]:
        if 0 in a.shape[-2:]:
            batch, (left, _, right) = a.shape[:-2], self.factors(*a.shape[-2:])
            u, vh = (xp.broadcast_to(xp.eye(*shape, dtype=a.dtype), (*batch, *shape)) for shape in (left, right))
            return u, xp.zeros((*batch, 0), a.dtype), vh
        return tuple(xp.linalg.svd(a, full_matrices=self.full))

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        """J. Townsend, "Differentiating the singular value decomposition", 2016. Of square U and V the columns behind
        the thin part count for nothing, as in PyTorch.
        """

        def cotangent() -> "Tensor":
            rows, columns = a.shape[-2:]
            inner = min(rows, columns)
            u, s, vh = self.parts(out, rows, columns)
            gu, gs, gvh = self.parts(g, rows, columns)
            u, gu = u.narrow(-1, 0, inner), gu.narrow(-1, 0, inner)
            vh, gvh = vh.narrow(-2, 0, inner), gvh.narrow(-2, 0, inner)
            return _svd_cotangent(u, s, vh, gu, gs, gvh)

        return (cotangent,)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for a in sample_matrices(rng, shapes=((3, 3), (4, 2), (2, 3), (2, 3, 2), (0, 2), (2, 0), (0, 2, 2))):
            yield Sample(cls(), (a,))


def _svd_cotangent(u: "Tensor", s: "Tensor", vh: "Tensor", gu: "Tensor", gs: "Tensor", gvh: "Tensor") -> "Tensor":
    row, column = s.unsqueeze(-2), s.unsqueeze(-1)
    gaps = row * row - column * column + identity(s.shape[-1], s)
    left, right = transpose(u) @ gu, vh @ transpose(gvh)
    inner = quotient(left - transpose(left), gaps) * row + column * quotient(right - transpose(right), gaps)
    inner = inner + gs.diag_embed()
    result = u @ inner @ vh
    if u.shape[-2] > u.shape[-1]:
        result = result + quotient(gu - u @ left, row) @ vh
    if vh.shape[-1] > vh.shape[-2]:
        result = result + u @ quotient(gvh - transpose(right) @ vh, column)
    return result  # type: ignore[no-any-return]
