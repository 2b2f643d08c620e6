"""Borders as layers: constants, zeros, mirrored, repeated and circular ones, for signals, images and volumes."""

from typing import Any, ClassVar

from tracegraph.nn import functional
from tracegraph.nn.module import Module
from tracegraph.runtime.errors import ShapeError
from tracegraph.tensor import Tensor


class _Pad(Module):
    """A border: `padding` is one width for all sides, or (before, after) of the last dimension, the one before it..."""

    rank: ClassVar[int]

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = tuple(padding) if isinstance(padding, tuple | list) else (padding,) * (2 * self.rank)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Any shape of enough dimensions."""
        return functional.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """The widths and the value."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_Pad):
    value = 0.0

    def forward(self, input: Tensor) -> Tensor:
        """Any shape of enough dimensions."""
        return functional.pad(input, self.padding, "constant", self.value)


class _BorderPad(_Pad):
    """A border made of the input's elements; `mode` says which."""

    mode: ClassVar[str]

    def forward(self, input: Tensor) -> Tensor:
        """A batch (n, c, *sizes) or one sample (c, *sizes)."""
        if input.ndim not in (self.rank + 1, self.rank + 2):
            raise ShapeError(
                f"{self._get_name()}: expected {self.rank + 1}D or {self.rank + 2}D input (got {input.ndim}D input)"
            )
        return functional.pad(input, self.padding, self.mode)


class ConstantPad1d(_ConstantPad):
    """A border of one value around signals (n, c, length).

    >>> tracegraph.nn.ConstantPad1d((1, 2), 3.5)(tracegraph.tensor([[1.0, 2.0]]))
    tensor([[3.5000, 1.0000, 2.0000, 3.5000, 3.5000]])
    """

    rank = 1


class ConstantPad2d(_ConstantPad):
    """A border of one value around images (n, c, height, width)."""

    rank = 2


class ConstantPad3d(_ConstantPad):
    """A border of one value around volumes (n, c, depth, height, width)."""

    rank = 3


class ZeroPad1d(_ZeroPad):
    """A border of zeros around signals (n, c, length)."""

    rank = 1


class ZeroPad2d(_ZeroPad):
    """A border of zeros around images (n, c, height, width)."""

    rank = 2


class ZeroPad3d(_ZeroPad):
    """A border of zeros around volumes (n, c, depth, height, width)."""

    rank = 3


class ReflectionPad1d(_BorderPad):
    """A border that mirrors signals (n, c, length) at their edge elements.

    >>> tracegraph.nn.ReflectionPad1d(1)(tracegraph.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 1., 2., 3., 2.]])
    """

    rank = 1
    mode = "reflect"


class ReflectionPad2d(_BorderPad):
    """A border that mirrors images (n, c, height, width) at their edge elements."""

    rank = 2
    mode = "reflect"


class ReflectionPad3d(_BorderPad):
    """A border that mirrors volumes (n, c, depth, height, width) at their edge elements."""

    rank = 3
    mode = "reflect"


class ReplicationPad1d(_BorderPad):
    """A border that repeats the edge elements of signals (n, c, length)."""

    rank = 1
    mode = "replicate"


class ReplicationPad2d(_BorderPad):
    """A border that repeats the edge elements of images (n, c, height, width)."""

    rank = 2
    mode = "replicate"


class ReplicationPad3d(_BorderPad):
    """A border that repeats the edge elements of volumes (n, c, depth, height, width)."""

    rank = 3
    mode = "replicate"


class CircularPad1d(_BorderPad):
    """A border that continues signals (n, c, length) at their other end."""

    rank = 1
    mode = "circular"


class CircularPad2d(_BorderPad):
    """A border that continues images (n, c, height, width) at their other end."""

    rank = 2
    mode = "circular"


class CircularPad3d(_BorderPad):
    """A border that continues volumes (n, c, depth, height, width) at their other end."""

    rank = 3
    mode = "circular"


__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]
