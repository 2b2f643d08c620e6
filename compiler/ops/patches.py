"""`Patches`: convolution and its two gradients with NumPy or CuPy, as matrix products with patches of the input
(im2col).

The batch is worked on in chunks whose patches stay in the cache. Where all strides are 1 and there are fewer filters
than patch elements, patches are taken *wide*: for every position of the padded row, also those where the window would
wrap around, so that a patch row is one contiguous run of the input; what belongs to wrapped windows is dropped, or
multiplied by zero.
"""

import dataclasses
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from .base import Array
from .window import Sizes, offsets, output_sizes, strides_of

_CHUNK_BYTES = 1 << 20
"""Patches of this many bytes are made at a time: about half of a core's second-level cache."""


@lru_cache(maxsize=1024)
def patches(x: Sizes, w: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> "Patches":
    """The geometry of a convolution of shape `x` (n, c, *sizes) by shape `w` (d, c/groups, *kernel)."""
    wide = set(stride) == {1} and w[0] // groups < math.prod(w[1:])
    return Patches(x, w, stride, padding, dilation, groups, wide)


@dataclasses.dataclass(frozen=True)
class Patches:
    """One geometry of convolution. `wide` chooses how patches are taken; the results are the same."""

    x: Sizes
    w: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int
    wide: bool

    def __post_init__(self) -> None:
        """Derive what the methods use."""
        windows = output_sizes("convolution", self.x[2:], self.w[2:], self.stride, self.padding, self.dilation)
        padded = tuple(size + 2 * p for size, p in zip(self.x[2:], self.padding, strict=True))
        grid = (*windows[:1], *padded[1:]) if self.wide else windows
        steps = strides_of(padded)
        last = sum((count - 1) * step for count, step in zip(windows, steps, strict=True))
        derived = {
            "windows": windows,
            "padded": padded,
            "grid": grid,
            "pitch": math.prod(grid),
            "length": last + 1 if self.wide else math.prod(grid),
            "steps": steps,
            "channels": self.w[1],
            "filters": self.w[0] // self.groups,
            "elements": math.prod(self.w[1:]),
            "inside": tuple(slice(p, p + size) for p, size in zip(self.padding, self.x[2:], strict=True)),
            "crop": tuple(slice(0, count) for count in windows),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    windows: Sizes = dataclasses.field(init=False)
    padded: Sizes = dataclasses.field(init=False)
    grid: Sizes = dataclasses.field(init=False)
    """The positions patches are taken at, per dimension; the result is its corner of size `windows`."""
    pitch: int = dataclasses.field(init=False)
    """Number of positions."""
    length: int = dataclasses.field(init=False)
    """Positions up to the last that belongs to the result."""
    steps: Sizes = dataclasses.field(init=False)
    channels: int = dataclasses.field(init=False)
    filters: int = dataclasses.field(init=False)
    elements: int = dataclasses.field(init=False)
    inside: tuple[slice, ...] = dataclasses.field(init=False)
    crop: tuple[slice, ...] = dataclasses.field(init=False)

    def _chunks(self, itemsize: int) -> Iterator[tuple[int, int]]:
        """Ranges of the batch whose patches fit into the cache."""
        sample = self.groups * max(self.elements, self.filters) * self.pitch * itemsize
        count = max(1, _CHUNK_BYTES // max(sample, 1))
        for first in range(0, self.x[0], count):
            yield first, min(first + count, self.x[0])

    def _largest_chunk(self, itemsize: int) -> int:
        return next((last for _, last in self._chunks(itemsize)), 0)

    def _pad_into(self, xp: Any, x: Array, buffer: Array | None) -> Array:
        """The samples with zeros around them, contiguous; `buffer` already has the zeros."""
        if buffer is None:
            return xp.ascontiguousarray(x)
        target = buffer[: len(x)]
        target[(slice(None), slice(None), *self.inside)] = x
        return target

    def _padding_buffer(self, xp: Any, samples: int, dtype: Any) -> Array | None:
        return xp.zeros((samples, self.x[1], *self.padded), dtype) if any(self.padding) else None

    def _view(self, xp: Any, x: Array) -> Array:
        """Patches of padded samples as an overlapping view, (samples, groups, channels, *kernel, *positions)."""
        item = x.itemsize
        plane = math.prod(self.padded) * item
        outer = (self.x[1] * plane, self.channels * plane, plane)
        kernel = tuple(d * step * item for d, step in zip(self.dilation, self.steps, strict=True))
        if self.wide:
            positions: Sizes = (self.length,)
            along: Sizes = (item,)
        else:
            positions = self.windows
            along = tuple(s * step * item for s, step in zip(self.stride, self.steps, strict=True))
        shape = (len(x), self.groups, self.channels, *self.w[2:], *positions)
        return xp.lib.stride_tricks.as_strided(x, shape, outer + kernel + along)

    def _columns(self, xp: Any, x: Array, buffer: Array) -> Array:
        """Patches of padded samples as matrices (samples, groups, elements, pitch); `buffer` has finite numbers in
        it.
        """
        target = buffer[: len(x)]
        source = self._view(xp, x)
        if self.wide:
            target.reshape((len(x), self.groups, self.channels, *self.w[2:], self.pitch))[..., : self.length] = source
        else:
            target.reshape(source.shape)[...] = source
        return target

    def _matrices(self, xp: Any, g: Array, buffer: Array) -> Array:
        """Cotangents of some samples as matrices (samples, groups, filters, pitch); zero where there is no window."""
        shape = (len(g), self.groups, self.filters, self.pitch)
        if self.grid == self.windows:
            return xp.ascontiguousarray(g).reshape(shape)
        target = buffer[: len(g)]
        target.reshape((len(g), self.w[0], *self.grid))[(slice(None), slice(None), *self.crop)] = g
        return target

    def convolve(self, xp: Any, x: Array, w: Array) -> Array:
        """(n, d, *windows)."""
        dtype = x.dtype
        result = xp.empty((self.x[0], self.w[0], *self.windows), dtype)
        weight = xp.ascontiguousarray(w).reshape((self.groups, self.filters, self.elements))
        samples = self._largest_chunk(dtype.itemsize)
        direct = self.grid == self.windows
        padding = self._padding_buffer(xp, samples, dtype)
        columns = xp.empty((samples, self.groups, self.elements, self.pitch), dtype)
        products = None if direct else xp.empty((samples, self.groups, self.filters, self.pitch), dtype)
        for first, last in self._chunks(dtype.itemsize):
            count = last - first
            padded = self._pad_into(xp, x[first:last], padding)
            matrix = self._columns(xp, padded, columns)[..., : self.length]
            if products is None:
                target = result[first:last].reshape((count, self.groups, self.filters, self.pitch))
                xp.matmul(weight, matrix, out=target)
            else:
                xp.matmul(weight, matrix, out=products[:count, :, :, : self.length])
                shaped = products[:count].reshape((count, self.w[0], *self.grid))
                result[first:last] = shaped[(slice(None), slice(None), *self.crop)]
        return result

    def input_gradient(self, xp: Any, g: Array, w: Array) -> Array:
        """(n, c, *sizes), from cotangents g (n, d, *windows)."""
        if self.wide and not bool(
            xp.isfinite(w).all()
        ):  # zero cotangents of wrapped windows would turn infinities into NaN
            return dataclasses.replace(self, wide=False).input_gradient(xp, g, w)
        dtype = g.dtype
        result = xp.zeros(self.x, dtype)
        weight = xp.ascontiguousarray(w).reshape((self.groups, self.filters, self.elements)).swapaxes(1, 2)
        samples = self._largest_chunk(dtype.itemsize)
        columns = xp.empty((samples, self.groups, self.elements, self.pitch), dtype)
        cotangents = xp.zeros((samples, self.groups, self.filters, self.pitch), dtype)
        padding = self._padding_buffer(xp, samples, dtype)
        for first, last in self._chunks(dtype.itemsize):
            count = last - first
            target = columns[:count]
            xp.matmul(weight, self._matrices(xp, g[first:last], cotangents), out=target)
            if padding is None:
                self._add_patches(target, result[first:last])
            else:
                padding[...] = 0
                self._add_patches(target, padding[:count])
                result[first:last] = padding[:count][(slice(None), slice(None), *self.inside)]
        return result

    def _add_patches(self, columns: Array, target: Array) -> None:
        """Add each patch where it was taken from (col2im); `target` are contiguous padded samples."""
        count = len(target)
        shaped = columns.reshape((count, self.x[1], *self.w[2:], *((self.pitch,) if self.wide else self.windows)))
        zeros = (0,) * len(self.stride)
        places = offsets(self.padded, self.windows, self.w[2:], self.stride, zeros, self.dilation)
        flat = target.reshape((count, self.x[1], math.prod(self.padded)))
        for offset, _, place in places:
            part = shaped[(slice(None), slice(None), *offset)]
            if self.wide:
                start = sum(o * d * step for o, d, step in zip(offset, self.dilation, self.steps, strict=True))
                flat[:, :, start : start + self.length] += part[:, :, : self.length]
            else:
                target[(slice(None), slice(None), *place)] += part

    def weight_gradient(self, xp: Any, x: Array, g: Array) -> Array:
        """(d, c/groups, *kernel), from cotangents g (n, d, *windows)."""
        dtype = x.dtype
        total = xp.zeros((self.groups, self.filters, self.elements), dtype)
        samples = self._largest_chunk(dtype.itemsize)
        padding = self._padding_buffer(xp, samples, dtype)
        columns = xp.zeros((samples, self.groups, self.elements, self.pitch), dtype)
        cotangents = xp.zeros((samples, self.groups, self.filters, self.pitch), dtype)
        for first, last in self._chunks(dtype.itemsize):
            padded = self._pad_into(xp, x[first:last], padding)
            matrix = self._columns(xp, padded, columns).swapaxes(2, 3)
            total += xp.matmul(self._matrices(xp, g[first:last], cotangents), matrix).sum(axis=0)
        if self.wide and bool(xp.isnan(total).any()):  # perhaps from an infinity times the zero of a wrapped window
            return dataclasses.replace(self, wide=False).weight_gradient(xp, x, g)
        return total.reshape(self.w)


def in_single_precision(compute: Any, xp: Any, *operands: Array) -> Array:
    """`compute(xp, *operands)`; half floats, which BLAS does not know, are multiplied and added in single precision."""
    if operands[0].dtype != np.float16:
        return compute(xp, *operands)
    return compute(xp, *[operand.astype(np.float32) for operand in operands]).astype(np.float16)
