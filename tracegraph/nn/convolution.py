"""Convolutions as layers: `Conv1d`, `Conv2d`, `Conv3d`, `ConvTranspose1d` to `ConvTranspose3d`."""

import math
from collections.abc import Callable
from typing import Any, ClassVar

from tracegraph.nn import functional, init
from tracegraph.nn.linear import new_parameter
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import Parameter
from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor


def _sizes(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * rank


class _Convolution(Module):
    """What the convolution layers share: settings, parameters and their initial values."""

    rank: ClassVar[int]
    transposed: ClassVar[bool] = False
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        output_padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        dtype: Any,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ArgumentError("groups must be a positive integer")
        if in_channels % groups:
            raise ArgumentError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ArgumentError("out_channels must be divisible by groups")
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ArgumentError(f"Invalid padding string {padding!r}, should be one of 'same', 'valid'")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ArgumentError(
                f"padding_mode must be 'zeros', 'reflect', 'replicate' or 'circular', but got {padding_mode!r}"
            )
        rank = self.rank
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = _sizes(kernel_size, rank)
        self.stride = _sizes(stride, rank)
        self.padding = padding if isinstance(padding, str) else _sizes(padding, rank)
        self.output_padding = _sizes(output_padding, rank)
        self.dilation = _sizes(dilation, rank)
        self.padding_mode = padding_mode
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = new_parameter(first, second // groups, *self.kernel_size, dtype=dtype)
        if bias:
            self.bias = new_parameter(out_channels, dtype=dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew: uniform of [-k, k) with `k = 1 / sqrt(channels * kernel elements)`."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = init.fans(self.weight)[0]
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def _border(self) -> list[int]:
        """The padding of each dimension as `pad` takes it, the last dimension first."""
        border: list[int] = []
        for number in reversed(range(self.rank)):
            if self.padding == "same":
                total = self.dilation[number] * (self.kernel_size[number] - 1)
                border += [total // 2, total - total // 2]
            else:
                border += [0, 0] if isinstance(self.padding, str) else [self.padding[number]] * 2
        return border

    def _convolve(self, function: Callable[..., Tensor], input: Tensor) -> Tensor:
        if self.padding_mode == "zeros":
            return function(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        padded = functional.pad(input, self._border(), mode=self.padding_mode)
        return function(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """The settings that are not the usual ones."""
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != (0,) * self.rank:
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * self.rank:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * self.rank:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Forward(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_device(type(self).__name__, device)
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias, padding_mode, dtype
        )


class Conv1d(_Forward):
    """Cross-correlation of (n, c, length) with learnt kernels: (n, out_channels, windows).

    >>> tracegraph.nn.Conv1d(2, 4, kernel_size=3)(tracegraph.zeros(1, 2, 10)).shape
    (1, 4, 8)
    """

    rank = 1

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, length) or (c, length) to as many dimensions."""
        return self._convolve(functional.conv1d, input)


class Conv2d(_Forward):
    """Cross-correlation of (n, c, height, width) with learnt kernels: (n, out_channels, windows down, windows across).

    >>> tracegraph.nn.Conv2d(3, 8, kernel_size=3, padding=1)(tracegraph.zeros(2, 3, 5, 5)).shape
    (2, 8, 5, 5)
    """

    rank = 2

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, height, width) or (c, height, width) to as many dimensions."""
        return self._convolve(functional.conv2d, input)


class Conv3d(_Forward):
    """Cross-correlation of (n, c, depth, height, width) with learnt kernels."""

    rank = 3

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, depth, height, width), or without n, to as many dimensions."""
        return self._convolve(functional.conv3d, input)


class _Transposed(_Convolution):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_device(type(self).__name__, device)
        if padding_mode != "zeros":
            raise ArgumentError('Only "zeros" padding mode is supported for transposed convolutions')
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            dilation,
            groups,
            bias,
            padding_mode,
            dtype,
        )

    def _extra_padding(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output padding that gives the wanted sizes.

        Raises:
            ArgumentError: when there is none.
        """
        if output_size is None:
            return self.output_padding
        wanted = tuple(output_size)[-self.rank :]
        found = []
        for size, want, kernel, stride, padding, dilation in zip(
            input.shape[-self.rank :],
            wanted,
            self.kernel_size,
            self.stride,
            _sizes(self.padding, self.rank),
            self.dilation,
            strict=True,
        ):
            least = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
            if not least <= want < least + stride:
                raise ArgumentError(
                    f"requested an output size of {want}, but valid sizes range from {least} to {least + stride - 1}"
                )
            found.append(want - least)
        return tuple(found)

    def _transposed(self, function: Callable[..., Tensor], input: Tensor, output_size: Any) -> Tensor:
        extra = self._extra_padding(input, output_size)
        return function(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)


class ConvTranspose1d(_Transposed):
    """The transpose of `Conv1d` as a linear map: (n, c, windows) to (n, out_channels, length)."""

    rank = 1

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """(n, c, windows) to (n, out_channels, length)."""
        return self._transposed(functional.conv_transpose1d, input, output_size)


class ConvTranspose2d(_Transposed):
    """The transpose of `Conv2d` as a linear map: it enlarges images.

    >>> tracegraph.nn.ConvTranspose2d(8, 3, kernel_size=2, stride=2)(tracegraph.zeros(1, 8, 4, 4)).shape
    (1, 3, 8, 8)
    """

    rank = 2

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """(n, c, windows down, windows across) to (n, out_channels, height, width)."""
        return self._transposed(functional.conv_transpose2d, input, output_size)


class ConvTranspose3d(_Transposed):
    """The transpose of `Conv3d` as a linear map: it enlarges volumes."""

    rank = 3

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """(n, c, *windows) to (n, out_channels, depth, height, width)."""
        return self._transposed(functional.conv_transpose3d, input, output_size)


__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]
