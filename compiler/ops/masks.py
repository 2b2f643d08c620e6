"""Positions where a condition holds: the primitives behind boolean indexing and `nonzero`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import IndexingError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .creation import full_operation
from .gather import IndexPut
from .spec import Spec, bool_, int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []


@operation
class Nonzero(Operation):
    """Row i holds the position of the i-th element that is not zero, in row-major order: shape (count, ndim)."""

    name = "nonzero"
    kind = Kind.HOST
    data_dependent = True

    def infer(self, *operands: Spec) -> Spec:
        raise ShapeError(f"nonzero: the shape of the result depends on the values of the {operands[0]}")

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.argwhere(operands[0]).astype(int64)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape in ((3, 4), (5,), (), (0, 2)):
            yield Sample(cls(), (np.asarray(rng.integers(0, 2, shape)),))


@operation
class MaskedIndex(Operation):
    """The elements where a bool mask over the dimensions from `dim` on holds: one dimension in their place."""

    dim: int
    name = "index_masked"
    kind = Kind.HOST
    data_dependent = True
    differentiable = True
    saves = (1,)

    def check(self, a: Spec, mask: Spec) -> None:
        """Refuse a mask that does not fit.

        Raises:
            IndexingError: it names both shapes.
        """
        if mask.dtype != bool_ or a.shape[self.dim : self.dim + mask.ndim] != mask.shape:
            raise IndexingError(f"index: a mask, {mask}, does not fit shape {a.shape} from dimension {self.dim} on")

    def infer(self, *operands: Spec) -> Spec:
        self.check(*operands)
        raise ShapeError("index_masked: the shape of the result depends on the values of the mask")

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        a, mask = operands
        if mask.shape != a.shape[self.dim : self.dim + mask.ndim]:
            self.check(Spec(a.shape, a.dtype), Spec(mask.shape, mask.dtype))
        return a[(slice(None),) * self.dim + (mask,)]

    def vjp(self, g: "Tensor", out: Any, a: Any, mask: "Tensor") -> tuple[Cotangent, ...]:
        def cotangent() -> "Tensor":
            zeros = dispatch.apply(full_operation(a.shape, 0, g.dtype))
            positions = dispatch.apply(NONZERO, mask).unbind(1)
            return dispatch.apply(IndexPut(self.dim, False), zeros, g, *positions)  # type: ignore[no-any-return]

        return cotangent, None

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape, dim, mask in (((3, 4), 0, (3, 4)), ((3, 4), 1, (4,)), ((2, 3, 4), 0, (2, 3)), ((0,), 0, (0,))):
            yield Sample(cls(dim), (rng.random(shape).astype(np.float32), rng.random(mask) < 0.5))


NONZERO = Nonzero()
