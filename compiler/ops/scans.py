"""Running results along a dimension: `cumsum`, `cumprod`, `cummax`, `cummin` and `logcumsumexp`."""

import math
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tracegraph.runtime.errors import DTypeError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .cast import to
from .dispatch import public
from .joining import cat
from .requirement import need_float
from .results import ValuesAndIndices
from .spec import DType, Spec, as_dtype, float16, float32, float64, int64, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["cummax", "cummin", "cumprod", "cumsum", "logcumsumexp"]

_Scan = TypeVar("_Scan", bound="Scan")
_SHAPES: tuple[tuple[tuple[int, ...], int], ...] = (
    ((3, 4), 1),
    ((3, 4), 0),
    ((2, 3, 4), 1),
    ((7,), 0),
    ((), 0),
    ((0, 3), 0),
)


class Scan(Operation):
    """Runs along `dim` (non-negative; 0 for a 0-d operand): each result depends on the elements up to its position."""

    kind = Kind.SCAN
    dim: int

    def infer(self, *operands: Spec) -> Spec:
        normalize_dim(self.name, self.dim, operands[0].ndim)
        return operands[0]


@lru_cache(maxsize=1024, typed=True)
def _made(kind: type[_Scan], name: str, dim: int, ndim: int) -> _Scan:
    return kind(normalize_dim(name, dim, ndim))  # type: ignore[call-arg]


def _accumulator(dtype: DType) -> DType:
    """The dtype running results are kept in, so that rounding errors of short floats do not pile up (as in PyTorch)."""
    return float64 if dtype is float32 or dtype is float16 else dtype


@operation
class Cumsum(Scan):
    """Sum of the elements up to each position along dim; from the end if `reverse`."""

    dim: int
    reverse: bool = False
    name = "cumsum"
    differentiable = True

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        if a.ndim == 0:
            return a.copy()
        if not self.reverse:
            return a.cumsum(self.dim, _accumulator(a.dtype)).astype(a.dtype, copy=False)
        total = xp.cumsum(xp.flip(a, self.dim), axis=self.dim, dtype=_accumulator(a.dtype))
        return xp.ascontiguousarray(xp.flip(total, self.dim).astype(a.dtype, copy=False))

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: dispatch.apply(Cumsum(self.dim, not self.reverse), g),)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in ("float32", "float64", "int64"):
            for shape, dim in _SHAPES:
                array = np.asarray(rng.random(shape) * 6 - 3).astype(dtype)
                yield Sample(cls(dim), (array,))
                yield Sample(cls(dim, True), (array[::-1] if shape else array,))


@operation
class Cumprod(Scan):
    """Product of the elements up to each position along dim; from the end if `reverse`, without the element itself if
    `exclusive` (so the first is 1).
    """

    dim: int
    reverse: bool = False
    exclusive: bool = False
    name = "cumprod"
    differentiable = True
    saves = (0,)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        if a.ndim == 0:
            return xp.ones_like(a) if self.exclusive else a.copy()
        ahead = xp.flip(a, self.dim) if self.reverse else a
        product = xp.cumprod(ahead, axis=self.dim, dtype=_accumulator(a.dtype)).astype(a.dtype, copy=False)
        if self.exclusive:
            shifted = xp.ones(a.shape, a.dtype)
            xp.moveaxis(shifted, self.dim, 0)[1:] = xp.moveaxis(product, self.dim, 0)[:-1]
            product = shifted
        return xp.ascontiguousarray(xp.flip(product, self.dim)) if self.reverse else product

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        """Without division, so that zeros need no case of their own.

        With E the exclusive product, d out_k / d a_i is E_i times the product of the elements between i and k (and a_k
        if inclusive), which summed over k with weights g_k is the linear recurrence run backwards.
        """

        def cotangent() -> "Tensor":
            before = dispatch.apply(Cumprod(self.dim, self.reverse, True), a)
            recurrence = LinearRecurrence(self.dim, not self.reverse)
            after = dispatch.apply(recurrence, a, g if self.exclusive else g * a)
            return before * after if self.exclusive else before * (g + after)  # type: ignore[no-any-return]

        return (cotangent,)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in ("float32", "float64", "int64"):
            for shape, dim in _SHAPES:
                array = np.asarray(rng.random(shape) * 4 - 2).astype(dtype)
                for reverse in (False, True):
                    for exclusive in (False, True):
                        yield Sample(cls(dim, reverse, exclusive), (array[::-1] if shape else array,))
        yield Sample(cls(0), (np.array([2.0, 0.0, 3.0, 0.0, 4.0]),))


@operation
class LinearRecurrence(Scan):
    """The states e of e[0] = 0, e[i + 1] = a[i] * e[i] + b[i] along dim; from the end if `reverse`.

    The operands a and b have one shape and dtype. Its gradient is the same recurrence run the other way.
    """

    dim: int
    reverse: bool = False
    name = "linear_recurrence"
    differentiable = True
    saves = (0,)
    saves_output = True

    def infer(self, *operands: Spec) -> Spec:
        a, b = operands
        if a.shape != b.shape:
            raise ShapeError(f"linear_recurrence: operands must have one shape, got {a.shape} and {b.shape}")
        if a.dtype != b.dtype:
            raise DTypeError(f"linear_recurrence: operands must have one dtype, got {a.dtype} and {b.dtype}")
        return super().infer(a)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        a, b = operands
        result = xp.zeros(b.shape, b.dtype)
        if b.ndim == 0:
            return result
        factor, term, state = (xp.moveaxis(array, self.dim, 0) for array in (a, b, result))
        length = len(state)
        steps, ahead = (range(length - 1, 0, -1), -1) if self.reverse else (range(length - 1), 1)
        for i in steps:
            state[i + ahead] = factor[i] * state[i] + term[i]
        return result

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        @cache
        def back() -> "Tensor":
            return dispatch.apply(LinearRecurrence(self.dim, not self.reverse), a, g)  # type: ignore[no-any-return]

        return lambda: out * back(), back

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in ("float32", "float64", "int64"):
            for shape, dim in _SHAPES:
                a, b = (np.asarray(rng.random(shape) * 4 - 2).astype(dtype) for _ in range(2))
                yield Sample(cls(dim), (a, b))
                yield Sample(cls(dim, True), (a, b[::-1] if shape else b))


@operation
class Logcumsumexp(Scan):
    """log of the sum of exp of the elements up to each position along dim, without overflow."""

    dim: int
    name = "logcumsumexp"
    differentiable = True
    saves = (0,)
    saves_output = True

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        if a.ndim == 0:
            return a.copy()
        return xp.logaddexp.accumulate(a, axis=self.dim, dtype=_accumulator(a.dtype)).astype(a.dtype)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        """exp(a_i - out_i) times R_i, the sum over k from i on of g_k exp(out_i - out_k).

        No exponent is positive, since the outputs never fall, and R is a linear recurrence from the end:
        R_i = g_i + exp(out_i - out_(i+1)) R_(i+1). Where an output is -inf, so are all elements up to it.
        """

        def cotangent() -> "Tensor":
            level = out.where(out > -math.inf, 0)
            weight = (a - level).exp()
            if not a.ndim:
                return weight * g  # type: ignore[no-any-return]
            before = cat((out.narrow(self.dim, 0, min(1, a.shape[self.dim])), out), self.dim)
            decay = (before.narrow(self.dim, 0, a.shape[self.dim]) - level).exp()
            later = dispatch.apply(LinearRecurrence(self.dim, True), decay, decay * g)
            return weight * (g + later)  # type: ignore[no-any-return]

        return (cotangent,)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in ("float32", "float64"):
            for shape, dim in _SHAPES:
                yield Sample(cls(dim), (np.asarray(rng.random(shape) * 6 - 3).astype(dtype),))
        yield Sample(cls(0), (np.array([-np.inf, 1000.0, 1001.0, np.inf, np.nan, 0.0]),))


class _CumulativeIndex(Scan):
    """Where the running extremum along dim is: its last occurrence so far; a NaN is the extremum from there on."""

    def infer(self, *operands: Spec) -> Spec:
        return Spec(super().infer(*operands).shape, int64)

    def index(self, xp: Any, a: Array, accumulate: Any) -> Array:
        """Positions at which `accumulate`, the running extremum, was last attained."""
        if a.ndim == 0:
            return xp.zeros((), int64)
        here = (a == accumulate(a, axis=self.dim)) | (a != a)  # a NaN differs from itself
        positions = xp.arange(a.shape[self.dim]).reshape((-1,) + (1,) * (a.ndim - 1 - self.dim))
        return xp.maximum.accumulate(xp.where(here, positions, 0), axis=self.dim)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in ("float32", "int64", "bool"):
            for shape, dim in _SHAPES:
                yield Sample(cls(dim), (np.asarray(rng.random(shape) * 6 - 3).astype(dtype),))  # type: ignore[call-arg]
        yield Sample(cls(0), (np.array([1.0, np.nan, 5.0, np.nan, -np.inf]),))  # type: ignore[call-arg]


@operation
class CumulativeArgmax(_CumulativeIndex):
    """Index of the largest element so far along dim (the last of equal ones)."""

    dim: int
    name = "cumulative_argmax"

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return self.index(xp, operands[0], xp.maximum.accumulate)


@operation
class CumulativeArgmin(_CumulativeIndex):
    """Index of the smallest element so far along dim (the last of equal ones)."""

    dim: int
    name = "cumulative_argmin"

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return self.index(xp, operands[0], xp.minimum.accumulate)


def _widened(input: "Tensor", dtype: Any) -> "Tensor":
    """The operand of a sum or product: cast to `dtype`, by default int64 for integers and bools."""
    if dtype is not None:
        return to(input, as_dtype(dtype))
    return input if input._data.dtype.kind == "f" else to(input, int64)


@public(inplace=True)
def cumsum(input: "Tensor", dim: int, *, dtype: Any = None) -> "Tensor":
    """Sum of the elements up to each position along `dim`. Integers and bools are summed as int64.

    >>> tracegraph.cumsum(tracegraph.tensor([1, 2, 3]), dim=0)
    tensor([1, 3, 6])
    """
    return dispatch.apply(_made(Cumsum, "cumsum", dim, input.ndim), _widened(input, dtype))  # type: ignore[no-any-return]


@public(inplace=True)
def cumprod(input: "Tensor", dim: int, *, dtype: Any = None) -> "Tensor":
    """Product of the elements up to each position along `dim`. Integers and bools are multiplied as int64.

    >>> tracegraph.cumprod(tracegraph.tensor([1, 2, 3]), dim=0)
    tensor([1, 2, 6])
    """
    return dispatch.apply(_made(Cumprod, "cumprod", dim, input.ndim), _widened(input, dtype))  # type: ignore[no-any-return]


@public()
def cummax(input: "Tensor", dim: int) -> ValuesAndIndices:
    """The largest element so far along `dim`, and the index of its last occurrence so far.

    >>> values, indices = tracegraph.cummax(tracegraph.tensor([1, 3, 2]), dim=0)
    >>> values, indices
    (tensor([1, 3, 3]), tensor([0, 1, 1]))
    """
    indices = dispatch.apply(_made(CumulativeArgmax, "cummax", dim, input.ndim), input)
    return ValuesAndIndices(input.gather(dim, indices), indices)


@public()
def cummin(input: "Tensor", dim: int) -> ValuesAndIndices:
    """The smallest element so far along `dim`, and the index of its last occurrence so far.

    >>> values, indices = tracegraph.cummin(tracegraph.tensor([2, 1, 3]), dim=0)
    >>> values, indices
    (tensor([2, 1, 1]), tensor([0, 1, 1]))
    """
    indices = dispatch.apply(_made(CumulativeArgmin, "cummin", dim, input.ndim), input)
    return ValuesAndIndices(input.gather(dim, indices), indices)


@public()
def logcumsumexp(input: "Tensor", dim: int) -> "Tensor":
    """log of the sum of exp of the elements up to each position along `dim`, without overflow.

    Raises:
        DTypeError: for integers and bools.

    >>> tracegraph.logcumsumexp(tracegraph.tensor([0.0, 0.0, 100.0]), dim=0)
    tensor([  0.0000,   0.6931, 100.0000])
    """
    need_float("logcumsumexp", input)
    return dispatch.apply(_made(Logcumsumexp, "logcumsumexp", dim, input.ndim), input)  # type: ignore[no-any-return]
