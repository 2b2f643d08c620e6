"""Views: `reshape`, `permute`, `expand` and basic indexing. They move no data in eager execution."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .dispatch import public
from .spec import Spec

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["expand", "permute", "reshape"]


class Movement(Operation):
    """The elements of one operand, arranged anew: every element of the result is an element of the operand."""

    kind = Kind.MOVEMENT
    differentiable = True
    is_view = True


@operation
class Reshape(Movement):
    """The elements in row-major order in another shape (a view where strides allow it)."""

    shape: tuple[int, ...]
    name = "reshape"

    def infer(self, *operands: Spec) -> Spec:
        spec = Spec(self.shape, operands[0].dtype)
        if spec.size != operands[0].size or min(self.shape, default=0) < 0:
            raise ShapeError(f"reshape: shape {operands[0].shape} has {operands[0].size} elements, {self.shape} does not")
        return spec

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return operands[0].reshape(self.shape)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: reshape(g, a.shape),)

    def put(self, bind: Callable[..., Any], parent: Any, child: Any) -> Any:
        return bind(Reshape(parent.shape), child)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for source, target in (((2, 6), (3, 4)), ((4,), (2, 1, 2)), ((), (1, 1)), ((0, 3), (3, 0)), ((1,), ())):
            yield Sample(cls(target), (rng.random(source).astype(np.float32),))


@operation
class Permute(Movement):
    """Dimension i of the result is dimension `dims[i]` of the operand."""

    dims: tuple[int, ...]
    name = "permute"

    def infer(self, *operands: Spec) -> Spec:
        if sorted(self.dims) != list(range(operands[0].ndim)):
            raise ShapeError(f"permute: {self.dims} is not a permutation of the dimensions of shape {operands[0].shape}")
        return Spec(tuple(operands[0].shape[dim] for dim in self.dims), operands[0].dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return operands[0].transpose(self.dims)

    def inverse(self) -> "Permute":
        """The permutation that undoes this one."""
        return Permute(tuple(sorted(range(len(self.dims)), key=self.dims.__getitem__)))

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: permute(g, self.inverse().dims),)

    def put(self, bind: Callable[..., Any], parent: Any, child: Any) -> Any:
        return bind(self.inverse(), child)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape, dims in (((2, 3), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((), ()), ((0, 3), (1, 0))):
            yield Sample(cls(dims), (rng.random(shape).astype(np.float32),))


@operation
class Expand(Movement):
    """Broadcast to a shape: dimensions of size 1 are repeated, new ones come in front."""

    shape: tuple[int, ...]
    name = "expand"

    def infer(self, *operands: Spec) -> Spec:
        shape = operands[0].shape
        padded = (1,) * (len(self.shape) - len(shape)) + shape
        if len(padded) != len(self.shape) or any(
            size not in (1, wanted) for size, wanted in zip(padded, self.shape, strict=True)
        ):
            raise ShapeError(f"expand: shape {shape} does not expand to {self.shape}")
        return Spec(self.shape, operands[0].dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.broadcast_to(operands[0], self.shape)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g.sum_to_size(a.shape),)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape, target in (((3, 1), (3, 4)), ((), (2, 2)), ((1, 2), (5, 3, 2)), ((2,), (2,)), ((1,), (0,))):
            yield Sample(cls(target), (rng.random(shape).astype(np.float32),))


def _shape_argument(name: str, sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape given as one sequence or as several ints."""
    if len(sizes) == 1 and not hasattr(sizes[0], "__index__"):
        sizes = tuple(sizes[0])
    return tuple(int(size.__index__()) for size in sizes)


@public()
def reshape(input: "Tensor", *shape: Any) -> "Tensor":
    """The elements in row-major order in another shape; one size may be -1. A view where possible, else a copy.

    >>> tracegraph.reshape(tracegraph.tensor([1, 2, 3, 4]), (2, -1))
    tensor([[1, 2],
            [3, 4]])
    """
    sizes = _shape_argument("reshape", shape)
    if -1 in sizes:
        rest = -int(np.prod(sizes))
        if sizes.count(-1) != 1 or rest <= 0 or input.numel() % rest:
            raise ShapeError(f"reshape: {sizes} does not fit the {input.numel()} elements of shape {input.shape}")
        sizes = tuple(input.numel() // rest if size == -1 else size for size in sizes)
    return dispatch.apply(Reshape(sizes), input)  # type: ignore[no-any-return]


@public()
def permute(input: "Tensor", *dims: Any) -> "Tensor":
    """A view with the dimensions in another order.

    >>> tracegraph.permute(tracegraph.tensor([[1, 2, 3]]), (1, 0)).shape
    (3, 1)
    """
    order = tuple(dim % max(input.ndim, 1) for dim in _shape_argument("permute", dims))
    return dispatch.apply(Permute(order), input)  # type: ignore[no-any-return]


@public()
def expand(input: "Tensor", *shape: Any) -> "Tensor":
    """A view in which dimensions of size 1 are repeated; -1 keeps a size.

    >>> tracegraph.expand(tracegraph.tensor([[1], [2]]), 2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    sizes = _shape_argument("expand", shape)
    lead = len(sizes) - input.ndim
    sizes = tuple(input.shape[i - lead] if size == -1 and i >= lead else size for i, size in enumerate(sizes))
    return dispatch.apply(Expand(sizes), input)  # type: ignore[no-any-return]
