"""Sliding windows over the last dimensions: the arithmetic of sizes and offsets that convolution and pooling share."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, ShapeError

Sizes: TypeAlias = tuple[int, ...]


def per_dimension(name: str, argument: str, value: Any, rank: int, least: int) -> Sizes:
    """An argument given as an int for all `rank` dimensions or as a sequence of one int each (or one for all).

    Raises:
        ArgumentError: for another number of ints, or one smaller than `least`.
    """
    try:
        values = (value.__index__(),) if hasattr(value, "__index__") else tuple(int(v.__index__()) for v in value)
    except (AttributeError, TypeError):
        raise ArgumentTypeError(f"{name}: {argument} must be an int or {rank} ints, got {value!r}") from None
    if len(values) == 1:
        values *= rank
    if len(values) != rank or min(values) < least:
        raise ArgumentError(f"{name}: {argument} must be {rank} ints of at least {least}, got {value!r}")
    return values


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False) -> int:
    """Number of windows along one dimension; with `ceil_mode` the last may hang over, if it begins inside or in the
    left padding.
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding else count


def output_sizes(
    name: str, sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool = False
) -> Sizes:
    """Number of windows along each dimension.

    Raises:
        ShapeError: when not one window fits.
    """
    result = tuple(
        output_size(*one, ceil_mode=ceil_mode) for one in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )
    if min(result, default=1) < 1:
        raise ShapeError(
            f"{name}: no window fits: sizes {sizes} with padding {padding}, kernel {kernel} and dilation {dilation} "
            f"would give sizes {result}"
        )
    return result


def overlap(offset: int, size: int, windows: int, stride: int, padding: int, dilation: int) -> tuple[slice, slice]:
    """For element `offset` of the window along one dimension: the windows where it lies inside, and the places where
    it then is.
    """
    shift = offset * dilation - padding
    first = max(0, -(shift // stride))
    last = min(windows, (size - 1 - shift) // stride + 1)
    if last <= first:
        return slice(0, 0), slice(0, 0)
    start = first * stride + shift
    return slice(first, last), slice(start, start + (last - first - 1) * stride + 1, stride)


def offsets(
    sizes: Sizes, windows: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Iterator[tuple[Sizes, tuple[slice, ...], tuple[slice, ...]]]:
    """For each element of the window, in row-major order: its offset, the windows where it lies inside the input, and
    where.
    """
    along = [
        [(offset, *overlap(offset, *one)) for offset in range(count)]
        for count, *one in zip(kernel, sizes, windows, stride, padding, dilation, strict=True)
    ]
    for chosen in itertools.product(*along):
        position = tuple(entry[0] for entry in chosen)
        inside = tuple(entry[1] for entry in chosen)
        if all(part.stop > part.start for part in inside):
            yield position, inside, tuple(entry[2] for entry in chosen)


def strides_of(shape: Sequence[int]) -> Sizes:
    """Row-major strides, in elements."""
    result = [1]
    for size in reversed(shape[1:]):
        result.append(result[-1] * size)
    return tuple(reversed(result)) if len(shape) else ()


def first_inside(windows: int, stride: int, padding: int, dilation: int) -> np.ndarray:
    """For each window along one dimension the first of its elements that does not lie in the left padding."""
    start = np.arange(windows) * stride - padding
    return np.maximum(0, -(start // dilation))
