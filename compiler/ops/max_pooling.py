"""Maximum pooling as operations: the values, where they lie, and the gradient, for any number of spatial dimensions."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ShapeError

from . import dispatch
from .base import Array, Cotangent, Sample, operation
from .pool import POOL_TABLE, Pool, along_axis, combine_windows
from .spec import Spec, int64
from .window import Sizes, first_inside, overlap, strides_of

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor


def lowest(dtype: Any) -> Any:
    """What is below every value of a dtype: the maximum of nothing."""
    return -math.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _max_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], np.ndarray]]:
    for dtype in ("float32", "float64", "int64"):
        for shape, *attributes in POOL_TABLE:
            yield tuple(attributes), rng.integers(-50, 50, shape).astype(dtype)
    nan = rng.integers(-3, 3, (2, 4, 4)).astype(np.float32)
    nan[0, 1, 1] = nan[0, 1, 0] = np.nan
    nan[1, :2, :2] = -np.inf
    yield ((2, 2), (2, 2), (1, 1), (1, 1), False), nan


@operation
class MaxPool(Pool):
    """The maximum of each window of x (..., *sizes): (..., *windows). Outside the borders is nothing; NaN is the
    maximum.
    """

    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    ceil_mode: bool
    name = "max_pool"
    differentiable = True
    saves = (0,)

    def infer(self, *operands: Spec) -> Spec:
        return self.pooled(operands[0])

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        x = operands[0]
        self.pooled(Spec(x.shape, x.dtype))
        result = x
        for along in reversed(list(self.geometry(x.shape))):
            result = combine_windows(xp, result, xp.maximum, lowest(x.dtype), *along)
        return xp.array(x) if result is x else result

    def vjp(self, g: "Tensor", out: Any, x: Any) -> tuple[Cotangent, ...]:
        window = (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
        return (
            lambda: dispatch.apply(MaxPoolGradient(x.shape, *window), g, dispatch.apply(MaxPoolIndices(*window), x)),
        )

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for attributes, x in _max_samples(rng):
            yield Sample(cls(*attributes), (x,))


@operation
class MaxPoolIndices(Pool):
    """Where each window's maximum lies: flat index (int64) in its plane. The first of equal ones; of several NaNs the
    last.
    """

    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    ceil_mode: bool
    name = "max_pool_indices"

    def infer(self, *operands: Spec) -> Spec:
        return self.pooled(operands[0], int64)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        x = operands[0]
        self.pooled(Spec(x.shape, x.dtype))
        best, code = self._search(xp, x, with_nan=False)
        if x.dtype.kind == "f" and bool(xp.isnan(best).any()):
            _, code = self._search(xp, x, with_nan=True)
        base, offsets = _positions(self, x.shape)
        return xp.add(xp.asarray(base), xp.take(xp.asarray(offsets), code))

    def _search(self, xp: Any, x: Array, *, with_nan: bool) -> tuple[Array, Array]:
        """Maxima, and which element of its window each is (in row-major order), found along one axis after another."""
        best = x
        code: Any = xp.zeros((1,) * x.ndim, np.min_scalar_type(math.prod(self.kernel_size)))
        code = xp.broadcast_to(code, x.shape)
        weight = 1
        for axis, size, windows, kernel, *rest in reversed(list(self.geometry(x.shape))):
            best, code = _search_along(xp, best, code, weight, with_nan, axis, size, windows, kernel, *rest)
            weight *= kernel
        return best, code

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for attributes, x in _max_samples(rng):
            yield Sample(cls(*attributes), (x,))


def _search_along(
    xp: Any,
    x: Array,
    code: Array,
    weight: int,
    with_nan: bool,
    axis: int,
    size: int,
    windows: int,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
) -> tuple[Array, Array]:
    """The windows' maxima along one axis, and `code` of the chosen elements plus `weight` times their offset along
    this axis.
    """
    parts = [overlap(offset, size, windows, stride, padding, dilation) for offset in range(kernel)]
    if all(inside == slice(0, windows) for inside, _ in parts):
        index = along_axis(axis, parts[0][1])
        best, chosen = x[index], code[index]
        for offset in range(1, kernel):
            index = along_axis(axis, parts[offset][1])
            best, chosen = _better(xp, best, chosen, x[index], code[index], offset * weight, with_nan)
        return best, chosen
    shape = list(x.shape)
    shape[axis] = windows
    best = xp.full(shape, lowest(x.dtype), x.dtype)
    first = first_inside(windows, stride, padding, dilation)
    begin = first * dilation + np.arange(windows) * stride - padding
    added = (first * weight).astype(code.dtype).reshape((-1, *(1,) * (-axis - 1)))
    chosen = xp.take(code, xp.asarray(begin), axis=axis) + xp.asarray(added)
    for offset, (inside, place) in enumerate(parts):
        target, source = along_axis(axis, inside), along_axis(axis, place)
        best[target], chosen[target] = _better(
            xp, best[target], chosen[target], x[source], code[source], offset * weight, with_nan
        )
    return best, chosen


def _better(
    xp: Any, best: Array, chosen: Array, value: Array, code: Array, added: int, with_nan: bool
) -> tuple[Array, Array]:
    """Maxima and codes after one more element per window. Selecting by arithmetic on small integers is far faster
    than `where`.
    """
    take = (value > best) | (value != value) if with_nan else value > best
    best = xp.where(take, value, best) if with_nan else xp.maximum(value, best)
    candidate = code + code.dtype.type(added)
    return best, chosen + take.astype(code.dtype) * (candidate - chosen)


@lru_cache(maxsize=256)
def _positions(pool: Pool, shape: Sizes) -> tuple[np.ndarray, np.ndarray]:
    """Flat index of each window's element 0 (may lie outside), and what each element of the window adds to it."""
    rank = len(pool.kernel_size)
    base: Any = np.zeros((1,) * rank, np.int64)
    offsets: Any = np.zeros((1,) * rank, np.int64)
    steps = strides_of(shape[-rank:])
    for (axis, _, windows, kernel, stride, padding, dilation), step in zip(pool.geometry(shape), steps, strict=True):
        column = (-1, *(1,) * (-axis - 1))
        base = base + ((np.arange(windows) * stride - padding) * step).reshape(column)
        offsets = offsets + (np.arange(kernel) * dilation * step).reshape(column)
    return base, offsets.ravel()


@operation
class MaxPoolGradient(Pool):
    """Cotangent of the input of `input_shape`: each element of g is added where `indices` (from `MaxPoolIndices`)
    says.
    """

    input_shape: Sizes
    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    ceil_mode: bool
    name = "max_pool_gradient"
    differentiable = True
    saves = (1,)

    def infer(self, *operands: Spec) -> Spec:
        g, indices = operands
        expected = self.pooled(Spec(self.input_shape, g.dtype))
        if g != expected or indices != Spec(expected.shape, int64):
            raise ShapeError(
                f"{self.name}: expected cotangent and indices of shape {expected.shape}, got {g} and {indices}"
            )
        return Spec(self.input_shape, g.dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        g, indices = operands
        self.infer(Spec(g.shape, g.dtype), Spec(indices.shape, indices.dtype))
        rank = len(self.kernel_size)
        plane, planes = math.prod(self.input_shape[-rank:]), math.prod(self.input_shape[:-rank])
        result = xp.zeros(planes * plane, g.dtype)
        places = indices.reshape((planes, math.prod(g.shape[-rank:]))) + plane * xp.arange(planes).reshape((-1, 1))
        apart = all(s > d * (k - 1) for s, d, k in zip(self.stride, self.dilation, self.kernel_size, strict=True))
        if apart:  # no element is the maximum of two windows
            result[places.ravel()] = g.ravel()
        else:
            xp.add.at(result, places.ravel(), g.ravel())
        return result.reshape(self.input_shape)

    def vjp(self, g: "Tensor", out: Any, cotangent: Any, indices: Any) -> tuple[Cotangent, ...]:
        return lambda: _gather_planes(g, indices, len(self.kernel_size)), None

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for attributes, x in _max_samples(rng):
            if x.dtype.kind == "f":
                indices = MaxPoolIndices(*attributes).evaluate(np, x)
                yield Sample(cls(x.shape, *attributes), (rng.random(indices.shape).astype(x.dtype), indices))


def _gather_planes(x: "Tensor", indices: "Tensor", rank: int) -> "Tensor":
    """The elements of each plane of `x` (the last `rank` dimensions) at the flat `indices`."""
    lead = x.shape[:-rank]
    flat = x.reshape((*lead, math.prod(x.shape[-rank:])))
    chosen = flat.gather(len(lead), indices.reshape((*lead, math.prod(indices.shape[-rank:]))))
    return chosen.reshape(indices.shape)  # type: ignore[no-any-return]
