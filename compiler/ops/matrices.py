"""What operations on matrices share: stacks of matrices in the last two dimensions, handed to LAPACK by NumPy."""

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from tracegraph.runtime.errors import DTypeError, LinAlgError, ShapeError

from .base import Kind, Operation
from .spec import FLOATS, Spec, float16

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

_Function = TypeVar("_Function", bound=Callable[..., Any])


class MatrixOperation(Operation):
    """An operation on stacks of matrices, float32 or float64, computed by NumPy on the host."""

    kind = Kind.HOST
    differentiable: ClassVar[bool] = True
    symmetric: ClassVar[bool] = False
    """The operand is symmetric: one triangle is read, but the gradient is given as if both had been, half each."""


def check_matrices(name: str, *specs: Spec | Any, square: bool = False) -> None:
    """Refuse what are no stacks of matrices of float32 or float64.

    Raises:
        ShapeError: for fewer than two dimensions, or with `square` for matrices that are not.
        DTypeError: for another dtype.
    """
    for spec in specs:
        if spec.ndim < 2:
            raise ShapeError(f"{name}: takes matrices, of at least two dimensions, not a tensor of shape {spec.shape}")
        if spec.dtype not in FLOATS or spec.dtype == float16:
            raise DTypeError(f"{name}: takes matrices of float32 or float64, not of {spec.dtype}")
        if square and spec.shape[-1] != spec.shape[-2]:
            raise ShapeError(f"{name}: takes square matrices, not matrices of shape {spec.shape[-2:]}")


def clear_errors(evaluate: _Function) -> _Function:
    """Decorator of an `evaluate`: what LAPACK refuses is refused in the library's words.

    Raises:
        LinAlgError: by the function, instead of NumPy's error of that name.
    """

    @functools.wraps(evaluate)
    def evaluated(self: Operation, xp: Any, *operands: Any) -> Any:
        try:
            return evaluate(self, xp, *operands)
        except np.linalg.LinAlgError as error:
            shapes = " and ".join(str(operand.shape) for operand in operands)
            raise LinAlgError(f"{self.name}: {error} (shape {shapes})") from None

    return evaluated  # type: ignore[return-value]


def transposed(matrices: "Tensor") -> "Tensor":
    """The matrices with rows and columns exchanged."""
    return matrices.transpose(-2, -1)  # type: ignore[no-any-return]


def identity(size: int, like: "Tensor") -> "Tensor":
    """The identity matrix in the dtype of a tensor."""
    return like.new_zeros(size).add(1).diag()  # type: ignore[no-any-return]


def scaled_diagonal(matrices: "Tensor", factor: float) -> "Tensor":
    """Square matrices with their diagonal multiplied by a number."""
    return matrices - matrices.diagonal(0, -2, -1).mul(1 - factor).diag_embed()  # type: ignore[no-any-return]


def quotient(numerator: "Tensor", denominator: "Tensor") -> "Tensor":
    """A quotient that is 0 where the numerator is, whatever the denominator: what has no gradient divides by no gap."""
    meant = numerator.ne(0).logical_or(denominator.ne(0))
    return numerator / denominator.where(meant, 1)  # type: ignore[no-any-return]


def sample_matrices(
    rng: np.random.Generator, *, shapes: tuple[tuple[int, ...], ...], definite: bool = False
) -> Iterator[np.ndarray]:
    """Well-conditioned random matrices for the generated tests; with `definite` symmetric positive definite ones."""
    for dtype in (np.float64, np.float32):
        for shape in shapes:
            matrix = rng.normal(size=shape)
            if definite:
                matrix = matrix @ np.swapaxes(matrix, -1, -2) + shape[-1] * np.eye(shape[-1])
            elif shape[-1] == shape[-2]:
                matrix = matrix + 3 * np.eye(shape[-1])
            yield matrix.astype(dtype)


SQUARE = ((3, 3), (2, 2, 2), (1, 1), (0, 0), (2, 0, 0))
"""Shapes of square samples."""
