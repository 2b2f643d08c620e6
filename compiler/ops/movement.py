"""Views of all elements, arranged anew: `reshape`, `view`, `permute`, `transpose`, `expand`. They move no data."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .dispatch import public
from .spec import Spec, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "broadcast_to",
    "expand",
    "expand_as",
    "permute",
    "reshape",
    "reshape_as",
    "swapaxes",
    "swapdims",
    "transpose",
    "view_as",
]


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
            raise ShapeError(
                f"reshape: shape {operands[0].shape} does not have the {spec.size} elements of {self.shape}"
            )
        return spec

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return operands[0].reshape(self.shape)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: reshape(g, a.shape),)

    def put(self, bind: Callable[..., Any], parent: Any, child: Any) -> Any:
        return bind(reshape_operation(parent.shape), child)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for source, target in (((2, 6), (3, 4)), ((4,), (2, 1, 2)), ((), (1, 1)), ((0, 3), (3, 0)), ((1,), ())):
            yield Sample(cls(target), (rng.random(source).astype(np.float32),))
        yield Sample(cls((6,)), (np.arange(6).reshape(2, 3).T,))


@operation
class Permute(Movement):
    """Dimension i of the result is dimension `dims[i]` of the operand."""

    dims: tuple[int, ...]
    name = "permute"

    def infer(self, *operands: Spec) -> Spec:
        if sorted(self.dims) != list(range(operands[0].ndim)):
            raise ShapeError(f"permute: {self.dims} does not name each dimension of shape {operands[0].shape} once")
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
        if (
            len(padded) != len(self.shape)
            or min(self.shape, default=0) < 0
            or any(size not in (1, wanted) for size, wanted in zip(padded, self.shape, strict=True))
        ):
            raise ShapeError(f"expand: shape {shape} does not expand to {self.shape}")
        return Spec(self.shape, operands[0].dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        result = xp.broadcast_to(operands[0], self.shape)
        if xp is np and operands[0].flags.writeable:
            result.flags.writeable = True
        return result

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g.sum_to_size(a.shape),)

    def put(self, bind: Callable[..., Any], parent: Any, child: Any) -> Any:
        if math.prod(parent.shape) != math.prod(self.shape):
            raise ArgumentError(
                f"in-place: shape {parent.shape} was expanded to {self.shape}: elements share memory; clone() it first"
            )
        return bind(reshape_operation(parent.shape), child)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape, target in (((3, 1), (3, 4)), ((), (2, 2)), ((1, 2), (5, 3, 2)), ((2,), (2,)), ((1,), (0,))):
            yield Sample(cls(target), (rng.random(shape).astype(np.float32),))


reshape_operation = lru_cache(maxsize=1024)(Reshape)
"""`Reshape(shape)`, the same object for the same shape."""


@lru_cache(maxsize=1024)
def permute_operation(name: str, dims: tuple[int, ...], ndim: int) -> Permute:
    """The permutation with dims normalised and checked."""
    order = tuple(normalize_dim(name, dim, ndim) for dim in dims) if ndim else dims
    if sorted(order) != list(range(ndim)):
        raise ShapeError(f"{name}: {dims} is not a permutation of the {ndim} dimensions")
    return Permute(order)


@lru_cache(maxsize=1024)
def swap_operation(name: str, dim0: int, dim1: int, ndim: int) -> Permute:
    """The permutation that exchanges two dimensions."""
    first, second = normalize_dim(name, dim0, ndim), normalize_dim(name, dim1, ndim)
    order = list(range(ndim))
    if ndim:
        order[first], order[second] = second, first
    return Permute(tuple(order))


@lru_cache(maxsize=1024)
def _expand_operation(shape: tuple[int, ...], sizes: tuple[int, ...], dtype: Any) -> Expand:
    lead = len(sizes) - len(shape)
    made = Expand(tuple(shape[i - lead] if size == -1 and i >= lead else size for i, size in enumerate(sizes)))
    made.infer(Spec(shape, dtype))
    return made


def shape_argument(sizes: Sequence[Any]) -> tuple[int, ...]:
    """A shape given as one sequence or as several ints."""
    if len(sizes) == 1 and (type(sizes[0]) is tuple or not hasattr(sizes[0], "__index__")):
        sizes = tuple(sizes[0])
    for size in sizes:
        if type(size) is not int:
            return tuple([_size(size) for size in sizes])
    return sizes  # type: ignore[return-value]


def _size(value: Any) -> int:
    try:
        return int(value.__index__())
    except AttributeError:
        raise ArgumentTypeError(f"a size must be an int, got {type(value).__name__}") from None


def reshaped(name: str, input: "Tensor", sizes: tuple[int, ...]) -> "Tensor":
    """`input` in the shape `sizes`, in which one -1 is allowed."""
    try:
        data = input._data.reshape(sizes)
    except ValueError:
        data = None
    if data is None or min(sizes, default=0) < -1:
        raise ShapeError(f"{name}: shape {input.shape} has {input.numel()} elements, which {sizes} does not fit")
    return dispatch.view(input, data, reshape_operation(data.shape))  # type: ignore[no-any-return]


def permuted(input: "Tensor", made: Permute) -> "Tensor":
    """The view of `input` made by a permutation that fits it."""
    return dispatch.view(input, input._data.transpose(made.dims), made)  # type: ignore[no-any-return]


@public()
def reshape(input: "Tensor", *shape: Any) -> "Tensor":
    """The elements in row-major order in another shape; one size may be -1. A view where possible, else a copy.

    Raises:
        ShapeError: when the number of elements differs.

    >>> tracegraph.reshape(tracegraph.tensor([1, 2, 3, 4]), (2, -1))
    tensor([[1, 2],
            [3, 4]])
    """
    return reshaped("reshape", input, shape_argument(shape))


@public()
def reshape_as(input: "Tensor", other: "Tensor") -> "Tensor":
    """The elements in the shape of another tensor.

    >>> tracegraph.reshape_as(tracegraph.tensor([1, 2]), tracegraph.zeros(2, 1)).shape
    (2, 1)
    """
    return reshaped("reshape_as", input, other.shape)


@public()
def view(input: "Tensor", *shape: Any) -> "Tensor":
    """Like `reshape`, but always a view.

    Raises:
        ShapeError: when the number of elements differs, or the strides allow no view (use `reshape`).

    >>> tracegraph.tensor([1, 2, 3, 4]).view(2, 2)
    tensor([[1, 2],
            [3, 4]])
    """
    result = reshaped("view", input, shape_argument(shape))
    if result._base is None:
        raise ShapeError(
            f"view: shape {input.shape}, strides {input.stride()} do not allow {shape_argument(shape)}; use reshape()"
        )
    return result


@public()
def view_as(input: "Tensor", other: "Tensor") -> "Tensor":
    """A view in the shape of another tensor.

    >>> tracegraph.view_as(tracegraph.tensor([1, 2]), tracegraph.zeros(2, 1)).shape
    (2, 1)
    """
    return view(input, other.shape)


@public()
def permute(input: "Tensor", *dims: Any) -> "Tensor":
    """A view with the dimensions in another order.

    Raises:
        ShapeError: when `dims` does not name each dimension once.
        DimensionError: when one of them is out of range.

    >>> tracegraph.permute(tracegraph.tensor([[1, 2, 3]]), (1, 0)).shape
    (3, 1)
    """
    return permuted(input, permute_operation("permute", shape_argument(dims), input._data.ndim))


@public(aliases=("swapaxes", "swapdims"))
def transpose(input: "Tensor", dim0: int, dim1: int) -> "Tensor":
    """A view with two dimensions exchanged.

    >>> tracegraph.transpose(tracegraph.tensor([[1, 2], [3, 4]]), 0, 1)
    tensor([[1, 3],
            [2, 4]])
    """
    return permuted(input, swap_operation("transpose", dim0, dim1, input._data.ndim))


swapaxes = swapdims = transpose


@public()
def expand(input: "Tensor", *shape: Any) -> "Tensor":
    """A view in which dimensions of size 1 are repeated; -1 keeps a size.

    Raises:
        ShapeError: when the shape does not broadcast to the wanted one.

    >>> tracegraph.expand(tracegraph.tensor([[1], [2]]), 2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    data = input._data
    made = _expand_operation(data.shape, shape_argument(shape), data.dtype)
    return dispatch.view(input, made.evaluate(np, data), made)  # type: ignore[no-any-return]


@public()
def expand_as(input: "Tensor", other: "Tensor") -> "Tensor":
    """A view broadcast to the shape of another tensor.

    >>> tracegraph.expand_as(tracegraph.tensor([7]), tracegraph.zeros(3))
    tensor([7, 7, 7])
    """
    return expand(input, other.shape)


@public()
def broadcast_to(input: "Tensor", shape: Sequence[int]) -> "Tensor":
    """A view broadcast to a shape.

    >>> tracegraph.broadcast_to(tracegraph.tensor([7]), (3,))
    tensor([7, 7, 7])
    """
    return expand(input, shape_argument((shape,)))
