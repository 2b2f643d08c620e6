"""The largest and smallest elements and where they are: `max`, `min`, `amax`, `amin`, `argmax`, `argmin`, `aminmax`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, Union

import numpy as np

from tracegraph.runtime.errors import ArgumentTypeError, DimensionError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Sample, operation
from .dispatch import public
from .reductions import Dims, Reduction, reduction, restore
from .results import MinAndMax, ValuesAndIndices
from .spec import Spec, int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["amax", "amin", "aminmax", "argmax", "argmin", "max", "min"]

DimOrTensor: TypeAlias = Union[int, "Tensor", None]


class NonEmptyReduction(Reduction):
    """A reduction without a result for no elements."""

    def infer(self, *operands: Spec) -> Spec:
        spec = super().infer(*operands)
        shape = operands[0].shape
        for dim in self.dims:
            if shape[dim] == 0 and 0 not in spec.shape:
                kind = ShapeError if len(self.dims) == len(shape) else DimensionError
                raise kind(f"{self.name}: nothing to choose from along dim {dim} of a tensor of shape {shape}")
        return spec

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for sample in super().samples(rng):
            if sample.operands[0].size:
                yield sample
        yield Sample(cls((1,)), (np.zeros((0, 3), "float32"),))  # type: ignore[call-arg]
        yield Sample(cls((1,)), (np.array([[1.0, np.nan, 3.0], [2.0, 2.0, -np.inf]]),))  # type: ignore[call-arg]
        yield Sample(cls((0,)), (np.array([[True, False], [True, True]]),))  # type: ignore[call-arg]


class Extremum(NonEmptyReduction):
    """The largest or smallest element; NaN if there is one."""

    differentiable = True
    saves = (0,)
    saves_output = True

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        """Spread evenly over the elements equal to the extremum."""
        return (lambda: spread_evenly(self, g, out, a),)


def spread_evenly(over: Reduction, g: "Tensor", out: "Tensor", a: "Tensor") -> "Tensor":
    """The cotangent of `a` for a result `out` picked from it along `over.dims`: equal elements share it evenly."""
    return _shared(over, g, a.eq(restore(out, over, a)), a)


def spread_evenly_or_to_nan(over: Reduction, g: "Tensor", out: "Tensor", a: "Tensor") -> "Tensor":
    """The same where elements that are NaN count as equal to a result that is."""
    picked = restore(out, over, a)
    return _shared(over, g, a.eq(picked).logical_or(a.isnan().logical_and(picked.isnan())), a)


def _shared(over: Reduction, g: "Tensor", equal: "Tensor", a: "Tensor") -> "Tensor":
    chosen = equal.to(g.dtype)
    share = restore(g, over, a).div(chosen.sum(over.dims, True)) if over.dims else g
    return chosen * share  # type: ignore[no-any-return]


@operation
class Amax(Extremum):
    """Largest element over dims."""

    dims: tuple[int, ...]
    name = "amax"
    combine = "maximum"

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return operands[0].max(self.dims)


@operation
class Amin(Extremum):
    """Smallest element over dims."""

    dims: tuple[int, ...]
    name = "amin"
    combine = "minimum"

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return operands[0].min(self.dims)


@operation
class Largest(Amax):
    """Largest element over dims, whose gradient goes to the NaN where there is one (that of `amax` is NaN then)."""

    dims: tuple[int, ...]
    name = "largest"

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: spread_evenly_or_to_nan(self, g, out, a),)


@operation
class Smallest(Amin):
    """Smallest element over dims, whose gradient goes to the NaN where there is one (that of `amin` is NaN then)."""

    dims: tuple[int, ...]
    name = "smallest"

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: spread_evenly_or_to_nan(self, g, out, a),)


class ExtremumIndex(NonEmptyReduction):
    """Position (int64) of the first extremum along one dim, or among all elements in row-major order if dims are all.

    A NaN counts as the extremum.
    """

    function: ClassVar[str] = ""

    def infer(self, *operands: Spec) -> Spec:
        spec = super().infer(*operands)
        if len(self.dims) != 1 and len(self.dims) != operands[0].ndim:
            raise ArgumentTypeError(f"{self.name}: dim must be one dimension or all of them, got {self.dims}")
        return Spec(spec.shape, int64)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        dims = self.dims
        if len(dims) == 1:
            return getattr(a, self.function)(dims[0])
        return getattr(a, self.function)()

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for sample in super().samples(rng):
            dims = sample.operation.dims  # type: ignore[attr-defined]
            if len(dims) in (1, sample.operands[0].ndim):
                yield sample


@operation
class Argmax(ExtremumIndex):
    """Index of the first of the largest elements over dims."""

    dims: tuple[int, ...]
    name = "argmax"
    combine = "maximum"
    function = "argmax"


@operation
class Argmin(ExtremumIndex):
    """Index of the first of the smallest elements over dims."""

    dims: tuple[int, ...]
    name = "argmin"
    combine = "minimum"
    function = "argmin"


def _reduce(kind: type[Reduction], input: "Tensor", dim: Dims, keepdim: bool) -> "Tensor":
    operation = reduction(kind, dim, input._data.ndim)
    result = dispatch.apply(operation, input)
    return restore(result, operation, input) if keepdim else result


def _index(kind: type[ExtremumIndex], input: "Tensor", dim: int | None, keepdim: bool) -> "Tensor":
    if dim is not None and not hasattr(dim, "__index__"):
        raise ArgumentTypeError(f"{kind.name}: dim must be an int, got {type(dim).__name__}")
    return _reduce(kind, input, dim, keepdim)


@public()
def amax(input: "Tensor", dim: Dims = None, keepdim: bool = False) -> "Tensor":
    """Largest element over `dim` (an int, several, or all); NaN if there is one. Equal ones share the gradient evenly.

    Raises:
        DimensionError: when `dim` is out of range or a reduced dimension is empty.

    >>> tracegraph.amax(tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([3., 4.])
    """
    return _reduce(Amax, input, dim, keepdim)


@public()
def amin(input: "Tensor", dim: Dims = None, keepdim: bool = False) -> "Tensor":
    """Smallest element over `dim` (an int, several, or all); NaN if there is one. Equal ones share the gradient evenly.

    Raises:
        DimensionError: when `dim` is out of range or a reduced dimension is empty.

    >>> tracegraph.amin(tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([1., 3.])
    """
    return _reduce(Amin, input, dim, keepdim)


@public()
def aminmax(input: "Tensor", *, dim: int | None = None, keepdim: bool = False) -> MinAndMax:
    """Smallest and largest element over `dim`, as a named tuple (min, max).

    >>> smallest, largest = tracegraph.aminmax(tracegraph.tensor([2.0, 1.0, 3.0]))
    >>> smallest, largest
    (tensor(1.), tensor(3.))
    """
    return MinAndMax(_reduce(Amin, input, dim, keepdim), _reduce(Amax, input, dim, keepdim))


@public()
def argmax(input: "Tensor", dim: int | None = None, keepdim: bool = False) -> "Tensor":
    """Index (int64) of the first of the largest elements along `dim`, or among all elements in row-major order.

    >>> tracegraph.argmax(tracegraph.tensor([[1, 5, 5], [7, 2, 3]]), dim=1)
    tensor([1, 0])
    """
    return _index(Argmax, input, dim, keepdim)


@public()
def argmin(input: "Tensor", dim: int | None = None, keepdim: bool = False) -> "Tensor":
    """Index (int64) of the first of the smallest elements along `dim`, or among all elements in row-major order.

    >>> tracegraph.argmin(tracegraph.tensor([[1, 5, 1], [7, 2, 3]]), dim=1)
    tensor([0, 1])
    """
    return _index(Argmin, input, dim, keepdim)


def _with_index(
    value: type[Extremum], index: type[ExtremumIndex], input: "Tensor", dim: Any, keepdim: bool
) -> ValuesAndIndices:
    """The extremum along one dimension and its index; the gradient goes to that index alone."""
    if not hasattr(dim, "__index__"):
        raise ArgumentTypeError(f"{value.name[1:]}: dim must be an int, got {type(dim).__name__}")
    chosen = reduction(index, dim, input._data.ndim)
    indices = dispatch.apply(chosen, input)
    if keepdim or input.requires_grad:
        kept = restore(indices, chosen, input)
    if not input.requires_grad:
        values = dispatch.apply(reduction(value, dim, input._data.ndim), input)
        return ValuesAndIndices(restore(values, chosen, input), kept) if keepdim else ValuesAndIndices(values, indices)
    values = input.gather(dim, kept)
    return ValuesAndIndices(values, kept) if keepdim else ValuesAndIndices(values.reshape(indices._data.shape), indices)


@public()
def max(
    input: "Tensor",
    dim: DimOrTensor = None,
    keepdim: bool = False,
    *,
    other: "Tensor | None" = None,
) -> Any:
    """The largest element; with `dim`, the largest along it and their indices; with another tensor, their `maximum`.

    Args:
        input: tensor of any shape.
        dim: one dimension, or a tensor that broadcasts with `input`.
        keepdim: keep the reduced dimension with size 1.
        other: the other tensor, by name.

    Raises:
        DimensionError: when `dim` is out of range or empty.
        ShapeError: when there are no elements.

    >>> x = tracegraph.tensor([[1, 5], [7, 2]])
    >>> tracegraph.max(x)
    tensor(7)
    >>> tracegraph.max(x, dim=1).indices
    tensor([1, 0])
    """
    if dim is None and other is None:
        return _reduce(Largest, input, None, keepdim)
    if other is not None or hasattr(dim, "_data"):
        return input.maximum(other if other is not None else dim)
    return _with_index(Amax, Argmax, input, dim, keepdim)


@public()
def min(
    input: "Tensor",
    dim: DimOrTensor = None,
    keepdim: bool = False,
    *,
    other: "Tensor | None" = None,
) -> Any:
    """The smallest element; with `dim`, the smallest along it and their indices; with another tensor, their `minimum`.

    Raises:
        DimensionError: when `dim` is out of range or empty.
        ShapeError: when there are no elements.

    >>> x = tracegraph.tensor([[1, 5], [7, 2]])
    >>> tracegraph.min(x)
    tensor(1)
    >>> tracegraph.min(x, dim=1).indices
    tensor([0, 1])
    """
    if dim is None and other is None:
        return _reduce(Smallest, input, None, keepdim)
    if other is not None or hasattr(dim, "_data"):
        return input.minimum(other if other is not None else dim)
    return _with_index(Amin, Argmin, input, dim, keepdim)
