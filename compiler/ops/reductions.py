"""Reductions over dimensions: `sum`, `mean`, `prod`, `all`, `any`; `Reduction` is the base of all of them."""

import builtins
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from tracegraph.runtime.errors import DTypeError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .cast import to
from .dispatch import public
from .movement import reshaped
from .scans import Cumprod
from .spec import Spec, as_dtype, bool_, float16, float32, float64, int64, normalize_dims, uint8

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["all", "any", "mean", "prod", "sum", "sum_to_size"]

Dims = int | Sequence[int] | None
"""The dimensions to reduce: one, several, or all of them."""
_Reduction = TypeVar("_Reduction", bound="Reduction")
_LONG = 1024
"""Float32 sums of fewer terms are left to NumPy."""
_BLOCK = 64
"""Rows that are added one after the other in longer sums."""


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
        if self.dims:
            normalize_dims(self.name, self.dims, spec.ndim)
        return Spec(tuple(n for i, n in enumerate(spec.shape) if i not in self.dims), spec.dtype)

    def kept(self, spec: Any) -> tuple[int, ...]:
        """The operand's shape with the reduced dimensions set to 1."""
        return _kept(self.dims, spec.shape)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in ("float32", "float64", "int64"):
            for shape, dims in (
                ((3, 4), (1,)),
                ((3, 4), (0,)),
                ((3, 4), (0, 1)),
                ((2, 3, 4), (0, 2)),
                ((5,), ()),
                ((), ()),
            ):
                yield Sample(cls(dims), (np.asarray(rng.random(shape) * 6 - 3).astype(dtype),))  # type: ignore[call-arg]
            transposed = (rng.random((4, 3)) * 6 - 3).astype(dtype).T
            yield Sample(cls((1,)), (transposed[::-1],))  # type: ignore[call-arg]
            yield Sample(cls((0,)), (np.zeros((3, 0), dtype),))  # type: ignore[call-arg]


class EmptyReduction(Reduction):
    """A reduction that has a result for no elements, too."""

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        for dims in ((0,), (0, 1)):
            yield Sample(cls(dims), (np.zeros((0, 3), "float32"),))  # type: ignore[call-arg]


@lru_cache(maxsize=4096, typed=True)
def _made(kind: type[_Reduction], dim: int | tuple[int, ...] | None, ndim: int) -> _Reduction:
    return kind(normalize_dims(kind.name, dim, ndim))  # type: ignore[call-arg]


def reduction(kind: type[_Reduction], dim: Dims, ndim: int) -> _Reduction:
    """The reduction of a tensor of `ndim` dimensions over what the user gave as `dim` (None and () are all).

    Raises:
        DimensionError: when a dim is out of range.
        ShapeError: when one appears twice.
        ArgumentTypeError: when it is not an int.
    """
    if isinstance(dim, list):
        dim = tuple(dim)
    made: _Reduction = _made(kind, dim, ndim)  # type: ignore[arg-type]  # a class is hashable
    return made


def restore(result: "Tensor", operation: Reduction, input: "Tensor") -> "Tensor":
    """Put the reduced dimensions back with size 1, as `keepdim` asks for."""
    return reshaped(operation.name, result, _kept(operation.dims, input._data.shape)) if operation.dims else result


@lru_cache(maxsize=4096)
def _kept(dims: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([1 if i in dims else n for i, n in enumerate(shape)])


def count(operation: Reduction, input: "Tensor") -> int:
    """Number of elements of `input` that are combined into one."""
    shape = input._data.shape
    return math.prod([shape[dim] for dim in operation.dims])


def _long_sum(a: Array, dims: tuple[int, ...]) -> Array:
    """Sum of float32 over dims with the rounding error of a pairwise sum, as fast as NumPy's.

    NumPy adds pairwise only along one contiguous stretch of memory; it adds rows one after the other, here in blocks.
    """
    terms = math.prod([a.shape[dim] for dim in dims])
    if terms < _LONG:
        return a.sum(dims)
    if not a.flags.c_contiguous:
        return a.sum(dims, float64).astype(float32)
    trailing = len(dims)
    while trailing and dims[trailing - 1] == a.ndim - 1 - (len(dims) - trailing):
        trailing -= 1
    if trailing < len(dims):
        return _long_sum(a.sum(dims[trailing:]), dims[:trailing]) if trailing else a.sum(dims)
    if dims != tuple(range(len(dims))):
        return a.sum(dims, float64).astype(float32)
    rows = a.reshape(terms, -1)
    whole = terms - terms % _BLOCK
    total = _long_sum(rows[:whole].reshape(-1, _BLOCK, rows.shape[1]).sum(1), (0,)) + rows[whole:].sum(0)
    return total.reshape(a.shape[len(dims) :])


@operation
class Sum(EmptyReduction):
    """Sum over dims."""

    dims: tuple[int, ...]
    name = "sum"
    combine = "add"
    differentiable = True

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        dtype = a.dtype
        if dtype.itemsize == 8 and dtype.kind != "u":
            return a.sum(self.dims)
        if dtype == float16:
            return a.sum(self.dims, float32).astype(float16)
        if dtype == float32 and a.size > _LONG:
            return _long_sum(a, self.dims)
        return a.sum(self.dims, dtype)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g.reshape(self.kept(a)).expand(a.shape),)


@operation
class Prod(EmptyReduction):
    """Product over dims."""

    dims: tuple[int, ...]
    name = "prod"
    combine = "multiply"
    differentiable = True
    saves = (0,)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        if a.dtype == float16:
            return a.prod(self.dims, float32).astype(float16)
        return a.prod(self.dims, a.dtype)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        """The cotangent of an element is the product of those before and after it: right for zeros, to every order."""

        def cotangent() -> "Tensor":
            others = [dim for dim in range(a.ndim) if dim not in self.dims]
            order = (*others, *self.dims)
            lined = a.permute(order)
            flat = lined.reshape((*(a.shape[dim] for dim in others), math.prod([a.shape[dim] for dim in self.dims])))
            before = dispatch.apply(Cumprod(len(others), False, True), flat)
            after = dispatch.apply(Cumprod(len(others), True, True), flat)
            product = (before * after).reshape(lined.shape).permute(tuple(map(order.index, range(a.ndim))))
            return g.reshape(self.kept(a)) * product  # type: ignore[no-any-return]

        return (cotangent,)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        yield from super().samples(rng)
        yield Sample(cls((1,)), (np.array([[2.0, 0.0, 3.0], [0.0, 0.5, 0.0]]),))


class _Logical(EmptyReduction):
    """A reduction of truth values, of which every number but zero is true; the result is bool."""

    def infer(self, *operands: Spec) -> Spec:
        return Spec(super().infer(*operands).shape, bool_)


@operation
class AllTrue(_Logical):
    """Whether all elements along dims are true (not zero)."""

    dims: tuple[int, ...]
    name = "all"
    combine = "minimum"

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return operands[0].all(self.dims)


@operation
class AnyTrue(_Logical):
    """Whether any element along dims is true (not zero)."""

    dims: tuple[int, ...]
    name = "any"
    combine = "maximum"

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return operands[0].any(self.dims)


def _summable(input: "Tensor", dtype: Any) -> "Tensor":
    """The operand of a sum or product: cast to `dtype`, by default int64 for integers and bools."""
    return to(input, int64 if dtype is None else as_dtype(dtype))


@public()
def sum(
    input: "Tensor",
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> "Tensor":
    """Sum over `dim` (an int, several, or all). Integers and bools are summed as int64, unless `dtype` says otherwise.

    Args:
        input: tensor of any shape.
        dim: the dimensions to sum over; they are dropped from the result, or kept with size 1 if `keepdim`.
        keepdim: keep the reduced dimensions.
        dtype: cast to this dtype first.

    Raises:
        DimensionError: when `dim` is out of range.

    >>> tracegraph.sum(tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([3., 7.])
    """
    data = input._data
    if dtype is not None or data.dtype.kind != "f":
        input = _summable(input, dtype)
    operation = reduction(Sum, dim, data.ndim)
    result = dispatch.apply(operation, input)
    return restore(result, operation, input) if keepdim else result


@public()
def sum_to_size(input: "Tensor", *size: Any) -> "Tensor":
    """Sum over the dimensions by which `size` broadcasts to the tensor's shape: the reverse of `expand`.

    Raises:
        ShapeError: when `size` does not broadcast to the tensor's shape.

    >>> tracegraph.sum_to_size(tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]]), (1, 2))
    tensor([[4., 6.]])
    """
    target = tuple(size[0]) if len(size) == 1 and not hasattr(size[0], "__index__") else size
    shape = input._data.shape
    if shape == target and shape:
        return input
    if input._data.dtype.kind != "f":
        input = to(input, int64)
    operation = _to_size(shape, target)
    summed: Tensor = dispatch.apply(operation, input) if operation.dims else input
    return summed if summed._data.shape == target else reshaped("sum_to_size", summed, target)


@lru_cache(maxsize=1024)
def _to_size(shape: tuple[int, ...], target: tuple[int, ...]) -> Sum:
    """The sum over the dimensions by which `target` broadcasts to `shape`."""
    lead = len(shape) - len(target)
    if lead < 0 or builtins.any(wanted not in (1, given) for wanted, given in zip(target, shape[lead:], strict=True)):
        raise ShapeError(f"sum_to_size: shape {shape} cannot be summed to {target}, which does not broadcast to it")
    stretched = [lead + i for i, wanted in enumerate(target) if wanted != shape[lead + i]]
    return Sum((*range(lead), *stretched))


@public()
def mean(
    input: "Tensor",
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> "Tensor":
    """Arithmetic mean over `dim` (an int, several, or all); NaN where there is nothing to average.

    Raises:
        DTypeError: for an integer or bool tensor; give a float `dtype`.

    >>> tracegraph.mean(tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([2., 3.])
    """
    if dtype is not None:
        input = to(input, as_dtype(dtype))
    kind = input._data.dtype
    if kind.kind != "f":
        raise DTypeError(f"mean: takes float tensors, not {kind}; give dtype=, or cast the tensor with float()")
    if kind is float16:
        return to(mean(to(input, float32), dim, keepdim), float16)
    operation = reduction(Sum, dim, input._data.ndim)
    result = dispatch.apply(operation, input)
    if keepdim:
        result = restore(result, operation, input)
    return result.div(count(operation, input))  # type: ignore[no-any-return]


@public()
def prod(
    input: "Tensor",
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> "Tensor":
    """Product over `dim` (an int, several, or all). Integers and bools are multiplied as int64.

    The gradient is right where there are zeros, too.

    >>> tracegraph.prod(tracegraph.tensor([2.0, 3.0, 4.0]))
    tensor(24.)
    """
    data = input._data
    if dtype is not None or data.dtype.kind != "f":
        input = _summable(input, dtype)
    operation = reduction(Prod, dim, data.ndim)
    result = dispatch.apply(operation, input)
    return restore(result, operation, input) if keepdim else result


def _logical(kind: type[_Logical], input: "Tensor", dim: Dims, keepdim: bool) -> "Tensor":
    """`all` and `any`: an empty `dim` means no dimension here, and uint8 gives uint8 (as in PyTorch)."""
    nothing = isinstance(dim, tuple | list) and not dim
    operation = kind(()) if nothing else reduction(kind, dim, input._data.ndim)  # type: ignore[call-arg]
    result = dispatch.apply(operation, input)
    if keepdim:
        result = restore(result, operation, input)
    return to(result, uint8) if input._data.dtype is uint8 else result


@public()
def all(input: "Tensor", dim: Dims = None, keepdim: bool = False) -> "Tensor":
    """Whether all elements along `dim` are true (not zero).

    >>> tracegraph.all(tracegraph.tensor([[True, True], [True, False]]), dim=1)
    tensor([ True, False])
    """
    return _logical(AllTrue, input, dim, keepdim)


@public()
def any(input: "Tensor", dim: Dims = None, keepdim: bool = False) -> "Tensor":
    """Whether any element along `dim` is true (not zero).

    >>> tracegraph.any(tracegraph.tensor([[0, 0], [0, 3]]), dim=1)
    tensor([False,  True])
    """
    return _logical(AnyTrue, input, dim, keepdim)
