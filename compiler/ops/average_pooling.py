"""Average pooling as operations: the means of windows and the gradient, for any number of spatial dimensions."""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import DTypeError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Sample, operation
from .patches import in_single_precision
from .pool import POOL_TABLE, Pool, along_axis, combine_windows
from .spec import Spec, int64
from .window import Sizes, overlap

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor


class _Average(Pool):
    """What average pooling and its gradient share: the number each window's sum is divided by."""

    count_include_pad: bool
    divisor_override: int | None

    @property
    def dilation(self) -> Sizes:  # type: ignore[override]
        """Always 1."""
        return (1,) * len(self.kernel_size)

    def pooled(self, x: Spec, dtype: Any = None) -> Spec:
        if x.dtype.kind != "f" and x.dtype != int64:
            raise DTypeError(f"{self.name}: takes tensors of floats or int64, not {x.dtype}")
        return super().pooled(x, dtype)

    def divisor(self, shape: Sizes) -> Any:
        """One number, or an array of one per window."""
        return self.divisor_override or _counts(self, shape)


@lru_cache(maxsize=256)
def _counts(pool: _Average, shape: Sizes) -> Any:
    """Elements per window: with `count_include_pad` those in the padding too, but never what `ceil_mode` adds behind
    it.
    """
    counts: Any = np.ones((1,) * len(pool.kernel_size), np.int64)
    for axis, size, windows, kernel, stride, padding, _ in pool.geometry(shape):
        start = np.arange(windows) * stride - padding
        stop = np.minimum(start + kernel, size + padding)
        if not pool.count_include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, size)
        counts = counts * (stop - start).reshape((-1, *(1,) * (-axis - 1)))
    return int(counts.flat[0]) if (counts == counts.flat[0]).all() else counts


def _average_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], np.ndarray]]:
    for dtype in ("float32", "float64"):
        for shape, kernel, stride, padding, _, ceil_mode in POOL_TABLE:
            for include, override in ((True, None), (False, None), (True, 3)):
                if all(k <= n + 2 * p for k, n, p in zip(kernel, shape[-len(kernel) :], padding, strict=True)):
                    yield (
                        (kernel, stride, padding, ceil_mode, include, override),
                        rng.standard_normal(shape).astype(dtype),
                    )


@operation
class AveragePool(_Average):
    """The mean of each window of x (..., *sizes): (..., *windows); zeros beyond the borders."""

    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    ceil_mode: bool
    count_include_pad: bool
    divisor_override: int | None
    name = "average_pool"
    differentiable = True

    def infer(self, *operands: Spec) -> Spec:
        return self.pooled(operands[0])

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (x,) = operands
        self.pooled(Spec(x.shape, x.dtype))
        return in_single_precision(self._means, xp, x)

    def _means(self, xp: Any, x: Array) -> Array:
        result = x
        for along in reversed(list(self.geometry(x.shape))):
            result = combine_windows(xp, result, xp.add, 0, *along)
        return _divided(xp, result, self.divisor(x.shape))

    def vjp(self, g: "Tensor", out: Any, x: Any) -> tuple[Cotangent, ...]:
        return (lambda: dispatch.apply(AveragePoolGradient(x.shape, *_average_window(self)), g),)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for attributes, x in _average_samples(rng):
            yield Sample(cls(*attributes), (x,))
        for include in (True, False):
            yield Sample(cls((2,), (1,), (1,), False, include, None), (rng.integers(-9, 9, (2, 5)),))


def _average_window(pool: _Average) -> tuple[Any, ...]:
    return pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode, pool.count_include_pad, pool.divisor_override


def _divided(xp: Any, x: Array, divisor: Any) -> Array:
    if x.dtype == int64:  # towards zero, as in C
        return xp.sign(x) * xp.sign(divisor) * (xp.abs(x) // xp.abs(xp.asarray(divisor)))
    return x / (x.dtype.type(divisor) if isinstance(divisor, int) else xp.asarray(divisor).astype(x.dtype))


@operation
class AveragePoolGradient(_Average):
    """Cotangent of the input of `input_shape`: each element of g, divided as the mean was, on every element of its
    window.
    """

    input_shape: Sizes
    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    ceil_mode: bool
    count_include_pad: bool
    divisor_override: int | None
    name = "average_pool_gradient"
    differentiable = True

    def infer(self, *operands: Spec) -> Spec:
        (g,) = operands
        expected = self.pooled(Spec(self.input_shape, g.dtype))
        if g != expected:
            raise ShapeError(f"{self.name}: expected a cotangent of shape {expected.shape}, got {g}")
        return Spec(self.input_shape, g.dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (g,) = operands
        self.infer(Spec(g.shape, g.dtype))
        return in_single_precision(self._shares, xp, g)

    def _shares(self, xp: Any, g: Array) -> Array:
        result = _divided(xp, g, self.divisor(self.input_shape))
        for along in self.geometry(self.input_shape):
            result = _spread(xp, result, *along)
        return result

    def vjp(self, g: "Tensor", out: Any, cotangent: Any) -> tuple[Cotangent, ...]:
        return (lambda: dispatch.apply(AveragePool(*_average_window(self)), g),)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for attributes, x in _average_samples(rng):
            g = AveragePool(*attributes).evaluate(np, x)
            yield Sample(cls(x.shape, *attributes), (g,))


def _spread(
    xp: Any, g: Array, axis: int, size: int, windows: int, kernel: int, stride: int, padding: int, dilation: int
) -> Array:
    """Add each element along one axis to all elements of its window."""
    if kernel == 1 and stride == 1 and padding == 0:
        return g
    shape = list(g.shape)
    shape[axis] = size
    result = xp.zeros(shape, g.dtype)
    for offset in range(kernel):
        inside, place = overlap(offset, size, windows, stride, padding, dilation)
        if stride >= kernel:
            result[along_axis(axis, place)] = g[along_axis(axis, inside)]
        else:
            result[along_axis(axis, place)] += g[along_axis(axis, inside)]
    return result
