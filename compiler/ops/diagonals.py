"""Diagonals: `diagonal` (a view), `diag`, `diag_embed`, `diagflat`, the matrix trace."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .creation import full_operation
from .dispatch import public
from .movement import Movement
from .spec import Spec, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["diag", "diag_embed", "diagflat", "diagonal", "diagonal_scatter"]


@operation
class Diagonal(Movement):
    """The elements with index i in `dim1` and i + offset in `dim2`, as a last dimension: a view."""

    offset: int
    dim1: int
    dim2: int
    name = "diagonal"

    def infer(self, *operands: Spec) -> Spec:
        shape = operands[0].shape
        rows, columns = shape[self.dim1], shape[self.dim2]
        size = max(min(rows + min(self.offset, 0), columns - max(self.offset, 0)), 0)
        rest = tuple(n for dim, n in enumerate(shape) if dim not in (self.dim1, self.dim2))
        return Spec((*rest, size), operands[0].dtype)

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """An element of the operand, on the diagonal."""
        rest = iter(index[:-1])
        place = {self.dim1: index[-1] + max(-self.offset, 0), self.dim2: index[-1] + max(self.offset, 0)}
        return build.read(
            0, tuple(place[dim] if dim in place else next(rest) for dim in range(len(build.specs[0].shape)))
        )

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        result = xp.diagonal(operands[0], self.offset, self.dim1, self.dim2)
        if xp is np and operands[0].flags.writeable:
            result.flags.writeable = True
        return result

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        made = DiagonalScatter(self.offset, self.dim1, self.dim2)
        return (lambda: dispatch.apply(made, dispatch.apply(full_operation(a.shape, 0, g.dtype)), g),)

    def put(self, bind: Callable[..., Any], parent: Any, child: Any) -> Any:
        return bind(DiagonalScatter(self.offset, self.dim1, self.dim2), parent, child)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape, offset, dim1, dim2 in (
            ((3, 4), 0, 0, 1),
            ((3, 4), -1, 0, 1),
            ((2, 3, 4), 1, 0, 2),
            ((3, 4, 2), 9, 1, 0),
        ):
            yield Sample(cls(offset, dim1, dim2), (rng.random(shape).astype(np.float32),))


@operation
class DiagonalScatter(Operation):
    """The first operand with a diagonal of it replaced by the second."""

    offset: int
    dim1: int
    dim2: int
    name = "diagonal_scatter"
    kind = Kind.SCATTER
    differentiable = True

    def infer(self, *operands: Spec) -> Spec:
        whole, part = operands
        wanted = Diagonal(self.offset, self.dim1, self.dim2).infer(whole)
        if part != wanted:
            raise ShapeError(f"diagonal_scatter: a {part} does not replace the diagonal, a {wanted}, of a {whole}")
        return whole

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """An element of the second operand on the diagonal, else of the first."""
        distance = index[self.dim2] - index[self.dim1]
        rest = tuple(position for dim, position in enumerate(index) if dim not in (self.dim1, self.dim2))
        place = index[self.dim1] - max(-self.offset, 0)
        conditions = (build.at_least(distance, self.offset), build.less(distance, self.offset + 1))
        return build.choose(conditions, lambda: build.read(1, (*rest, place)), lambda: build.read(0, index))

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        result = xp.array(operands[0], order="C", copy=True)
        Diagonal(self.offset, self.dim1, self.dim2).evaluate(xp, result)[...] = operands[1]
        return result

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return (
            lambda: dispatch.apply(self, g, dispatch.apply(full_operation(b.shape, 0, g.dtype))),
            lambda: dispatch.apply(Diagonal(self.offset, self.dim1, self.dim2), g),
        )

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for sample in Diagonal.samples(rng):
            whole = sample.operands[0]
            made = cls(**sample.operation.attributes())
            yield Sample(made, (whole, -sample.operation.evaluate(np, whole)))


@lru_cache(maxsize=256)
def _diagonal_operation(ndim: int, offset: int, dim1: int, dim2: int) -> Diagonal:
    first, second = normalize_dim("diagonal", dim1, ndim), normalize_dim("diagonal", dim2, ndim)
    if first == second or ndim < 2:
        raise ShapeError(f"diagonal: dim1 {dim1} and dim2 {dim2} must be two dimensions of the tensor ({ndim}-d)")
    return Diagonal(int(offset), first, second)


@public()
def diagonal(input: "Tensor", offset: int = 0, dim1: int = 0, dim2: int = 1) -> "Tensor":
    """The view of the elements with index i in `dim1` and i + offset in `dim2`, as a last dimension.

    >>> tracegraph.diagonal(tracegraph.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return dispatch.apply(_diagonal_operation(input.ndim, offset, dim1, dim2), input)  # type: ignore[no-any-return]


@public()
def diagonal_scatter(input: "Tensor", src: "Tensor", offset: int = 0, dim1: int = 0, dim2: int = 1) -> "Tensor":
    """A copy of the tensor with a diagonal replaced by `src`.

    >>> tracegraph.diagonal_scatter(tracegraph.zeros(2, 2), tracegraph.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    place = _diagonal_operation(input.ndim, offset, dim1, dim2)
    made = DiagonalScatter(place.offset, place.dim1, place.dim2)
    made.infer(input._spec, src._spec)
    return dispatch.apply(made, input, src)  # type: ignore[no-any-return]


@public()
def diag_embed(input: "Tensor", offset: int = 0, dim1: int = -2, dim2: int = -1) -> "Tensor":
    """Zeros with the last dimension of the tensor as a diagonal of two new dimensions.

    >>> tracegraph.diag_embed(tracegraph.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.ndim == 0:
        raise ShapeError("diag_embed: a 0-d tensor has no last dimension to become a diagonal")
    place = _diagonal_operation(input.ndim + 1, offset, dim1, dim2)
    size = input.shape[-1] + abs(offset)
    rest = iter(input.shape[:-1])
    shape = tuple(size if dim in (place.dim1, place.dim2) else next(rest) for dim in range(input.ndim + 1))
    zeros = dispatch.apply(full_operation(shape, 0, input.dtype))
    made = DiagonalScatter(place.offset, place.dim1, place.dim2)
    return dispatch.apply(made, zeros, input)  # type: ignore[no-any-return]


@public()
def diag(input: "Tensor", diagonal: int = 0) -> "Tensor":
    """The diagonal of a matrix (a copy), or the matrix with a vector as its diagonal.

    Raises:
        ShapeError: for other tensors.

    >>> tracegraph.diag(tracegraph.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise ShapeError(f"diag: takes a vector or a matrix, got shape {input.shape}")
    made = _diagonal_operation(2, diagonal, 0, 1)
    return dispatch.apply(made, input).clone()  # type: ignore[no-any-return]


@public()
def diagflat(input: "Tensor", offset: int = 0) -> "Tensor":
    """The matrix with the elements of the flattened tensor as a diagonal.

    >>> tracegraph.diagflat(tracegraph.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(input.reshape((input.numel(),)), offset)


@public()
def trace(input: "Tensor") -> "Tensor":
    """The sum of the diagonal of a matrix: a method of tensors (`tracegraph.trace` is the decorator).

    Raises:
        ShapeError: for anything but a matrix.

    >>> tracegraph.tensor([[1, 2], [3, 4]]).trace()
    tensor(5)
    """
    if input.ndim != 2:
        raise ShapeError(f"trace: takes a matrix, got shape {input.shape}")
    return diagonal(input).sum()  # type: ignore[no-any-return]


@public()
def fill_diagonal_(input: "Tensor", fill_value: Any, wrap: bool = False) -> "Tensor":
    """Set the elements with equal indices to a number; with `wrap` the diagonal of a tall matrix begins again.

    Raises:
        ShapeError: for fewer than two dimensions, or more than two that are not of one size.

    >>> tracegraph.zeros(2, 2).fill_diagonal_(3)
    tensor([[3., 0.],
            [0., 3.]])
    """
    if input.ndim < 2 or (input.ndim > 2 and len(set(input.shape)) > 1):
        raise ShapeError(f"fill_diagonal_: needs two dimensions, or more of one size, got shape {input.shape}")
    if wrap and input.ndim == 2:
        rows, columns = input.shape
        for first in range(0, rows, columns + 1):
            diagonal(input[first : first + columns]).fill_(fill_value)
        return input
    part = input
    for _ in range(input.ndim - 1):
        part = diagonal(part, 0, 0, -1)
    part.fill_(fill_value)
    return input
