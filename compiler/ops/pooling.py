"""Pooling over sliding windows: `max_pool1d`, `max_pool2d`, `max_pool3d`, `avg_pool1d`, `avg_pool2d`, `avg_pool3d`."""

from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, ShapeError

from . import dispatch
from .average_pooling import AveragePool
from .dispatch import public
from .max_pooling import MaxPool, MaxPoolIndices
from .window import Sizes, per_dimension

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["avg_pool1d", "max_pool1d", "max_pool2d", "max_pool3d"]


def _window(
    name: str, rank: int, input: "Tensor", kernel: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[Sizes, ...]:
    """The window's arguments, one int per dimension each."""
    if input.ndim not in (rank + 1, rank + 2):
        raise ShapeError(f"{name}: expected a {rank + 1}-d or {rank + 2}-d input, got shape {input.shape}")
    if 0 in input.shape[input.ndim - rank - 1 :]:
        raise ShapeError(f"{name}: only the batch may be empty, got shape {input.shape}")
    kernels = per_dimension(name, "kernel_size", kernel, rank, 1)
    no_stride = stride is None or (not hasattr(stride, "__index__") and len(stride) == 0)
    strides = kernels if no_stride else per_dimension(name, "stride", stride, rank, 1)
    pads = per_dimension(name, "padding", padding, rank, 0)
    dilations = per_dimension(name, "dilation", dilation, rank, 1)
    if any(p > (d * (k - 1) + 1) // 2 for p, k, d in zip(pads, kernels, dilations, strict=True)):
        raise ArgumentError(
            f"{name}: padding {pads} must be at most half of the kernel {kernels} (with dilation {dilations})"
        )
    return kernels, strides, pads, dilations


def _max_pool(
    name: str,
    rank: int,
    input: "Tensor",
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    attributes = (*_window(name, rank, input, kernel_size, stride, padding, dilation), bool(ceil_mode))
    values = dispatch.apply(MaxPool(*attributes), input)  # type: ignore[arg-type]
    if not return_indices:
        return values
    return values, dispatch.apply(MaxPoolIndices(*attributes), input)  # type: ignore[arg-type]


@public(method=False)
def max_pool1d(
    input: "Tensor",
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Maxima over windows of (n, c, length) or (c, length); `stride` is the kernel size if not given.

    With `return_indices` also the positions (int64) of the maxima.

    Raises:
        ShapeError: when no window fits.

    >>> tracegraph.max_pool1d(tracegraph.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])
    """
    return _max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@public(method=False)
def max_pool2d(
    input: "Tensor",
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Maxima over windows of (n, c, height, width) or (c, height, width); `stride` is the kernel size if not given.

    With `return_indices` also the maxima's flat indices (int64) in the plane.

    Raises:
        ShapeError: when no window fits.

    >>> tracegraph.max_pool2d(tracegraph.tensor([[[1.0, 3.0], [2.0, 0.0]]]), 2).item()
    3.0
    """
    return _max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@public(method=False)
def max_pool3d(
    input: "Tensor",
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Maxima over windows of (n, c, depth, height, width), or without n; `stride` is the kernel size if not given.

    >>> tracegraph.max_pool3d(tracegraph.tensor([[[[1.0, 3.0]]]]), (1, 1, 2)).item()
    3.0
    """
    return _max_pool("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _average_pool(
    name: str,
    rank: int,
    input: "Tensor",
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> "Tensor":
    if divisor_override == 0:
        raise ArgumentError(f"{name}: divisor_override must not be 0")
    kernels, strides, pads, _ = _window(name, rank, input, kernel_size, stride, padding, 1)
    applied = AveragePool(kernels, strides, pads, bool(ceil_mode), bool(count_include_pad), divisor_override)
    return dispatch.apply(applied, input)  # type: ignore[no-any-return]


@public(method=False)
def avg_pool1d(
    input: "Tensor",
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> "Tensor":
    """Means over windows of (n, c, length) or (c, length); `stride` is the kernel size if not given.

    >>> tracegraph.avg_pool1d(tracegraph.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    return _average_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


@public(method=False)
def avg_pool2d(
    input: "Tensor",
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> "Tensor":
    """Means over windows of (n, c, height, width) or (c, height, width); `stride` is the kernel size if not given.

    The sum is divided by the number of elements, zeros of the padding included unless `count_include_pad` is false,
    or by `divisor_override`.

    >>> tracegraph.nn.functional.avg_pool2d(tracegraph.tensor([[[1.0, 3.0], [2.0, 0.0]]]), 2).item()
    1.5
    """
    return _average_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@public(method=False)
def avg_pool3d(
    input: "Tensor",
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> "Tensor":
    """Means over windows of (n, c, depth, height, width), or without n, as `avg_pool2d`.

    >>> tracegraph.nn.functional.avg_pool3d(tracegraph.tensor([[[[1.0, 3.0]]]]), (1, 1, 2)).item()
    2.0
    """
    return _average_pool(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
