"""Pooling as layers: maxima, means and power means over windows of signals, images and volumes, and maxima put back."""

from collections.abc import Callable
from typing import Any, ClassVar

from tracegraph.nn import functional
from tracegraph.nn.module import Module
from tracegraph.tensor import Tensor


class _MaxPool(Module):
    function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.dilation, self.return_indices, self.ceil_mode = padding, dilation, return_indices, ceil_mode

    def forward(self, input: Tensor) -> Any:
        """A batch or one sample; with `return_indices` a pair of maxima and their positions."""
        return type(self).function(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """Maxima over windows of (n, c, length)."""

    function = functional.max_pool1d


class MaxPool2d(_MaxPool):
    """Maxima over windows of (n, c, height, width).

    >>> tracegraph.nn.MaxPool2d(2)(tracegraph.zeros(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """

    function = functional.max_pool2d


class MaxPool3d(_MaxPool):
    """Maxima over windows of (n, c, depth, height, width)."""

    function = functional.max_pool3d


class _MaxUnpool(Module):
    rank: ClassVar[int]
    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = _each(kernel_size, self.rank)
        self.stride = _each(kernel_size if stride is None else stride, self.rank)
        self.padding = _each(padding, self.rank)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """What the pooling with `return_indices` gave, and the size of its input if several have so many windows."""
        return type(self).function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """The settings."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _each(value: Any, rank: int) -> tuple[Any, ...]:
    """One value for each dimension."""
    return tuple(value) if isinstance(value, tuple | list) else (value,) * rank


class MaxUnpool1d(_MaxUnpool):
    """Maxima put back to where `MaxPool1d` found them, in zeros (n, c, length)."""

    rank = 1
    function = functional.max_unpool1d


class MaxUnpool2d(_MaxUnpool):
    """Maxima put back to where `MaxPool2d` found them, in zeros (n, c, height, width).

    >>> pool, unpool = tracegraph.nn.MaxPool2d(2, return_indices=True), tracegraph.nn.MaxUnpool2d(2)
    >>> unpool(*pool(tracegraph.tensor([[[1.0, 3.0], [2.0, 0.0]]]))).tolist()
    [[[0.0, 3.0], [0.0, 0.0]]]
    """

    rank = 2
    function = functional.max_unpool2d


class MaxUnpool3d(_MaxUnpool):
    """Maxima put back to where `MaxPool3d` found them, in zeros (n, c, depth, height, width)."""

    rank = 3
    function = functional.max_unpool3d


class _AvgPool(Module):
    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """A batch or one sample."""
        return type(self).function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """The settings."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """Means over windows of (n, c, length)."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        step = kernel_size if stride is None else stride
        super().__init__(_each(kernel_size, 1), _each(step, 1), _each(padding, 1), ceil_mode, count_include_pad)

    def forward(self, input: Tensor) -> Tensor:
        """A batch or one sample."""
        return functional.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


class AvgPool2d(_AvgPool):
    """Means over windows of (n, c, height, width).

    >>> tracegraph.nn.AvgPool2d(2)(tracegraph.tensor([[[1.0, 3.0], [2.0, 0.0]]])).item()
    1.5
    """

    function = functional.avg_pool2d


class AvgPool3d(_AvgPool):
    """Means over windows of (n, c, depth, height, width)."""

    function = functional.avg_pool3d


class _LPPool(Module):
    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """A batch or one sample."""
        return type(self).function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """Roots of sums of powers over windows of (n, c, length)."""

    function = functional.lp_pool1d


class LPPool2d(_LPPool):
    """Roots of sums of powers over windows of (n, c, height, width)."""

    function = functional.lp_pool2d


class LPPool3d(_LPPool):
    """Roots of sums of powers over windows of (n, c, depth, height, width)."""

    function = functional.lp_pool3d


class _Adaptive(Module):
    function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Any:
        """A batch or one sample."""
        return type(self).function(input, self.output_size)

    def extra_repr(self) -> str:
        """The number of windows."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_Adaptive):
    """Means over `output_size` windows that cover (n, c, length) evenly."""

    function = functional.adaptive_avg_pool1d


class AdaptiveAvgPool2d(_Adaptive):
    """Means over `output_size` windows that cover (n, c, height, width) evenly.

    >>> tracegraph.nn.AdaptiveAvgPool2d((1, None))(tracegraph.zeros(1, 3, 8, 8)).shape
    (1, 3, 1, 8)
    """

    function = functional.adaptive_avg_pool2d


class AdaptiveAvgPool3d(_Adaptive):
    """Means over `output_size` windows that cover (n, c, depth, height, width) evenly."""

    function = functional.adaptive_avg_pool3d


class _AdaptiveMax(_Adaptive):
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """A batch or one sample; with `return_indices` a pair of maxima and their positions."""
        return type(self).function(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMax):
    """Maxima over `output_size` windows that cover (n, c, length) evenly."""

    function = functional.adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMax):
    """Maxima over `output_size` windows that cover (n, c, height, width) evenly."""

    function = functional.adaptive_max_pool2d


class AdaptiveMaxPool3d(_AdaptiveMax):
    """Maxima over `output_size` windows that cover (n, c, depth, height, width) evenly."""

    function = functional.adaptive_max_pool3d


__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]
