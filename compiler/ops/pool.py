"""`Pool`: what the pooling operations share - attributes, sizes, and combining windows along one dimension after
another.
"""

from collections.abc import Iterator
from typing import Any

from tracegraph.runtime.errors import DTypeError, ShapeError

from .base import Array, Kind, Operation
from .spec import Spec
from .window import Sizes, output_sizes, overlap

POOL_TABLE: tuple[tuple[Sizes, Sizes, Sizes, Sizes, Sizes, bool], ...] = (
    ((2, 3, 4, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 5, 7), (3, 2), (2, 1), (1, 0), (1, 2), False),
    ((1, 2, 5, 5), (2, 2), (2, 2), (0, 0), (1, 1), True),
    ((2, 3, 7), (3,), (2,), (1,), (1,), True),
    ((0, 4, 4), (2, 2), (1, 1), (0, 0), (1, 1), False),
    ((3, 4, 2, 3), (2, 1, 2), (1, 1, 1), (1, 0, 1), (1, 1, 1), False),
)


"""Shape, kernel, stride, padding, dilation and ceil_mode of the generated samples."""


class Pool(Operation):
    """Windows over the last `len(kernel_size)` dimensions; the leading dimensions are planes pooled one by one."""

    kind = Kind.WINDOW
    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    ceil_mode: bool

    def windows(self, shape: Sizes) -> Sizes:
        """Number of windows along each pooled dimension of an input of this shape."""
        rank = len(self.kernel_size)
        if len(shape) < rank:
            raise ShapeError(f"{self.name}: expected at least {rank} dimensions, got shape {shape}")
        return output_sizes(
            self.name, shape[-rank:], self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )

    def pooled(self, x: Spec, dtype: Any = None) -> Spec:
        """The spec of the pooled input."""
        if x.dtype.kind == "b":
            raise DTypeError(f"{self.name}: not defined for bool tensors; cast them first")
        windows = self.windows(x.shape)
        return Spec(x.shape[: -len(windows)] + windows, dtype or x.dtype)

    def geometry(self, shape: Sizes) -> Iterator[tuple[int, int, int, int, int, int, int]]:
        """Per pooled dimension: axis (negative), size, windows, kernel, stride, padding, dilation."""
        rank = len(self.kernel_size)
        for axis, row in enumerate(
            zip(
                shape[-rank:],
                self.windows(shape),
                self.kernel_size,
                self.stride,
                self.padding,
                self.dilation,
                strict=True,
            )
        ):
            yield (axis - rank, *row)


def along_axis(axis: int, part: slice) -> tuple[Any, ...]:
    """The index that takes `part` along a negative axis."""
    return (Ellipsis, part, *(slice(None),) * (-axis - 1))


def combine_windows(
    xp: Any,
    x: Array,
    combine: Any,
    initial: Any,
    axis: int,
    size: int,
    windows: int,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
) -> Array:
    """The windows' elements along one axis combined by a ufunc; two first elements that lie inside everywhere make
    the result.
    """
    parts = [overlap(offset, size, windows, stride, padding, dilation) for offset in range(kernel)]
    if kernel == 1 and stride == 1 and padding == 0:
        return x
    begin = 0
    if kernel > 1 and all(inside == slice(0, windows) for inside, _ in parts[:2]):
        result = combine(x[along_axis(axis, parts[0][1])], x[along_axis(axis, parts[1][1])])
        begin = 2
    else:
        shape = list(x.shape)
        shape[axis] = windows
        result = xp.full(shape, initial, x.dtype)
    for inside, place in parts[begin:]:
        target = result[along_axis(axis, inside)]
        combine(target, x[along_axis(axis, place)], out=target)
    return result
