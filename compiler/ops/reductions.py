"""Reductions over dimensions: `sum`, `mean`, `max` and their relatives."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .dispatch import public
from .spec import Spec, as_dtype, int64, normalize_dims

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["sum", "sum_to_size"]


class Reduction(Operation):
    """Combines the elements along `dims` (sorted, non-negative); the reduced dimensions are dropped from the result.

    The public functions restore them where `keepdim` asks for it.
    """

    kind = Kind.REDUCTION
    dims: tuple[int, ...]
    combine: ClassVar[str] = ""
    """"add", "multiply", "maximum" or "minimum": how two partial results combine."""

    def infer(self, *operands: Spec) -> Spec:
        (spec,) = operands
        normalize_dims(self.name, self.dims, spec.ndim)
        return Spec(tuple(n for i, n in enumerate(spec.shape) if i not in self.dims), spec.dtype)

    def kept(self, spec: Spec) -> tuple[int, ...]:
        """The operand's shape with the reduced dimensions set to 1."""
        return tuple(1 if i in self.dims else n for i, n in enumerate(spec.shape))

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in ("float32", "float64", "int64"):
            for shape, dims in (((3, 4), (1,)), ((3, 4), (0,)), ((3, 4), (0, 1)), ((2, 3, 4), (0, 2)), ((5,), ()), ((), ())):
                yield Sample(cls(dims), ((rng.random(shape) * 6 - 3).astype(dtype),))


@operation
class Sum(Reduction):
    """Sum over dims."""

    dims: tuple[int, ...]
    name = "sum"
    combine = "add"
    differentiable = True

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.sum(operands[0], axis=self.dims, dtype=operands[0].dtype)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g.reshape(self.kept(a)).expand(a.shape),)


def _restore(result: "Tensor", input: "Tensor", dims: tuple[int, ...], keepdim: bool) -> "Tensor":
    """Put the reduced dimensions back with size 1 if `keepdim`."""
    if not keepdim or not dims:
        return result
    return result.reshape(tuple(1 if i in dims else n for i, n in enumerate(input.shape)))


@public()
def sum(
    input: "Tensor", dim: int | Sequence[int] | None = None, keepdim: bool = False, *, dtype: Any = None
) -> "Tensor":
    """Sum over `dim` (an int, several, or all). Integers and bools are summed as int64.

    >>> tracegraph.sum(tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([3., 7.])
    """
    target = as_dtype(dtype) if dtype is not None else (input.dtype if input.dtype.kind == "f" else int64)
    dims = normalize_dims("sum", dim, input.ndim)
    return _restore(dispatch.apply(Sum(dims), input.to(target)), input, dims, keepdim)


@public()
def sum_to_size(input: "Tensor", *size: Any) -> "Tensor":
    """Sum over the dimensions by which `size` broadcasts to the tensor's shape: the reverse of `expand`.

    >>> tracegraph.sum_to_size(tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]]), (1, 2))
    tensor([[4., 6.]])
    """
    target = tuple(size[0]) if len(size) == 1 and not hasattr(size[0], "__index__") else size
    if input.shape == target:
        return input
    lead = input.ndim - len(target)
    dims = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(target) if n == 1 and input.shape[lead + i] != 1)
    summed = dispatch.apply(Sum(dims), input) if dims else input
    return summed if summed.shape == target else summed.reshape(target)
