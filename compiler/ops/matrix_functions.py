"""The exponential of matrices: the primitive behind `matrix_exp`."""

from collections.abc import Iterator
from math import comb, factorial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from . import dispatch
from .base import Array, Cotangent, Sample, operation
from .matrices import SQUARE, MatrixOperation, check_matrices, clear_errors, sample_matrices, transposed
from .spec import Spec

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

_DEGREE: Final = 13
_COEFFICIENTS: Final = tuple(
    comb(_DEGREE, k) * factorial(2 * _DEGREE - k) / factorial(2 * _DEGREE) for k in range(_DEGREE + 1)
)
"""Of the numerator of the Padé approximant of exp: N. J. Higham, SIAM J. Matrix Anal. Appl. 26 (2005), 1179-1193."""
_LARGEST: Final = 5.37
"""The 1-norm up to which the approximant is exact to float64 (same source, table 2.3)."""


def _exponential(xp: Any, a: Array) -> Array:
    """exp of float64 matrices, by scaling and squaring."""
    norm = xp.abs(a).sum(axis=-2).max(axis=-1, initial=0)
    with np.errstate(divide="ignore"):
        squarings = xp.maximum(xp.ceil(xp.log2(norm / _LARGEST)), 0)
    squarings = xp.where(xp.isfinite(squarings), squarings, 0).astype(int)
    x = a / 2.0 ** squarings[..., None, None]
    unit = xp.broadcast_to(xp.eye(a.shape[-1]), a.shape)
    powers = [unit]
    for _ in range(_DEGREE):
        powers.append(powers[-1] @ x)
    even = sum(_COEFFICIENTS[k] * powers[k] for k in range(0, _DEGREE + 1, 2))
    odd = sum(_COEFFICIENTS[k] * powers[k] for k in range(1, _DEGREE + 1, 2))
    result = xp.linalg.solve(even - odd, even + odd)
    for turn in range(int(squarings.max(initial=0))):
        result = xp.where((squarings > turn)[..., None, None], result @ result, result)
    return result


@operation
class MatrixExponential(MatrixOperation):
    """The exponential of square matrices: the sum of A**k / k! over all k."""

    name = "matrix_exponential"
    saves = (0,)

    def infer(self, *operands: Spec) -> Spec:
        check_matrices("matrix_exp", *operands, square=True)
        return operands[0]

    @clear_errors
    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        return _exponential(xp, a.astype(np.float64)).astype(a.dtype) if a.size else a.copy()

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        """The upper right block of exp([[A', g], [0, A']]): R. Mathias, SIAM J. Matrix Anal. Appl. 17 (1996), 610."""

        def cotangent() -> "Tensor":
            size = a.shape[-1]
            at = transposed(a)
            doubled = a.new_zeros((*a.shape[:-2], 2 * size, 2 * size))
            upper = doubled.narrow(-2, 0, size).slice_scatter(at, -1, 0, size).slice_scatter(g, -1, size)
            lower = doubled.narrow(-2, 0, size).slice_scatter(at, -1, size)
            doubled = doubled.slice_scatter(upper, -2, 0, size).slice_scatter(lower, -2, size)
            found = dispatch.apply(MatrixExponential(), doubled)
            return found.narrow(-2, 0, size).narrow(-1, size, size)  # type: ignore[no-any-return]

        return (cotangent,)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for a in sample_matrices(rng, shapes=SQUARE):
            yield Sample(cls(), (a / 2,))


MATRIX_EXPONENTIAL = MatrixExponential()
