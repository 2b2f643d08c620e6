"""Pooling made of other pooling: power means `lp_pool1d` to `lp_pool3d`, and `max_unpool1d` to `max_unpool3d`, which
put maxima back to their places.
"""

import math
from typing import Any

from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.activations import relu
from tracegraph.compiler.ops.creation import full_operation
from tracegraph.compiler.ops.pooling import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d
from tracegraph.compiler.ops.spec import int64
from tracegraph.compiler.ops.window import Sizes, per_dimension
from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError
from tracegraph.tensor import Tensor

_MEANS = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}
_MAXIMA = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}


def _power_pool(
    name: str, rank: int, input: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    kernel = per_dimension(name, "kernel_size", kernel_size, rank, 1)
    if math.isinf(norm_type):
        sign = math.copysign(1.0, norm_type)
        return _MAXIMA[rank](input.abs() * sign, kernel, stride, ceil_mode=ceil_mode) * sign  # type: ignore[no-any-return]
    means = _MEANS[rank](input.pow(norm_type), kernel, stride, ceil_mode=ceil_mode)
    return (means.sign() * relu(means.abs()) * math.prod(kernel)).pow(1.0 / norm_type)  # type: ignore[no-any-return]


def lp_pool1d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """The root of order p = `norm_type` of the sum of the p-th powers of each window of (n, c, length) or (c, length).

    >>> tracegraph.nn.functional.lp_pool1d(tracegraph.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    return _power_pool("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """The root of order p = `norm_type` of the sum of the p-th powers of each window of (n, c, height, width).

    >>> tracegraph.nn.functional.lp_pool2d(tracegraph.tensor([[[3.0, 4.0]]]), 2, (1, 2)).item()
    5.0
    """
    return _power_pool("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """The root of order p = `norm_type` of the sum of the p-th powers of each window of (n, c, depth, height, width).

    >>> tracegraph.nn.functional.lp_pool3d(tracegraph.tensor([[[[3.0, 4.0]]]]), 2, (1, 1, 2)).item()
    5.0
    """
    return _power_pool("lp_pool3d", 3, input, norm_type, kernel_size, stride, ceil_mode)


def _unpooled_sizes(name: str, sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, wanted: Any) -> Sizes:
    """The sizes of what was pooled: the least that has so many windows, or the wanted ones, if they have as many."""
    usual = tuple((count - 1) * s + k - 2 * p for count, k, s, p in zip(sizes, kernel, stride, padding, strict=True))
    if wanted is None:
        result = usual
    else:
        rank = len(usual)
        result = tuple(wanted)[2:] if len(wanted) == rank + 2 else tuple(wanted)
        if len(result) != rank:
            raise ArgumentError(f"{name}: output_size must have {rank} or {rank + 2} elements, got {wanted}")
        for size, least, step in zip(result, usual, stride, strict=True):
            if not least - step < size < least + step:
                raise ArgumentError(
                    f"{name}: output_size {wanted} is out of reach; a size must lie between {least - step} and "
                    f"{least + step}, both excluded"
                )
    if min(result) < 0:
        raise ArgumentError(f"{name}: output_size must not be negative, got {result}")
    return result


def _unpool(
    name: str,
    rank: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Tensor:
    kernel = per_dimension(name, "kernel_size", kernel_size, rank, 1)
    strides = kernel if stride is None else per_dimension(name, "stride", stride, rank, 1)
    pads = per_dimension(name, "padding", padding, rank, 0)
    if input.ndim not in (rank + 1, rank + 2) or 0 in input.shape[-rank:]:
        raise ShapeError(
            f"{name}: expected {rank + 1} or {rank + 2} dimensions, the last {rank} not empty, got shape {input.shape}"
        )
    if indices.dtype != int64:
        raise DTypeError(f"{name}: indices must be of int64, got {indices.dtype}")
    if indices.shape != input.shape:
        raise ShapeError(f"{name}: indices of shape {indices.shape} for an input of shape {input.shape}")
    sizes = _unpooled_sizes(name, input.shape[-rank:], kernel, strides, pads, output_size)
    lead = input.shape[:-rank]
    planes = dispatch.apply(full_operation((*lead, math.prod(sizes)), 0, input.dtype))
    places, values = (x.reshape((*lead, math.prod(input.shape[-rank:]))) for x in (indices, input))
    return planes.scatter(len(lead), places, values).reshape((*lead, *sizes))  # type: ignore[no-any-return]


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Maxima (n, c, windows) put where `indices` of `max_pool1d` say, in zeros (n, c, length); also without n.

    Raises:
        ArgumentError: when `output_size` does not fit the windows.
        IndexingError: when an index lies outside.

    >>> tracegraph.nn.functional.max_unpool1d(tracegraph.tensor([[3.0]]), tracegraph.tensor([[1]]), 2)
    tensor([[0., 3.]])
    """
    return _unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Maxima (n, c, *windows) put where `indices` of `max_pool2d` say, in zeros (n, c, height, width); also without n.

    Raises:
        ArgumentError: when `output_size` does not fit the windows.
        IndexingError: when an index lies outside.

    >>> tracegraph.nn.functional.max_unpool2d(tracegraph.tensor([[[3.0]]]), tracegraph.tensor([[[1]]]), (1, 2)).tolist()
    [[[0.0, 3.0]]]
    """
    return _unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Maxima (n, c, *windows) put where `indices` of `max_pool3d` say, in zeros (n, c, depth, height, width).

    Raises:
        ArgumentError: when `output_size` does not fit the windows.
        IndexingError: when an index lies outside.

    >>> value, index = tracegraph.tensor([[[[3.0]]]]), tracegraph.tensor([[[[1]]]])
    >>> tracegraph.nn.functional.max_unpool3d(value, index, (1, 1, 2)).tolist()
    [[[[0.0, 3.0]]]]
    """
    return _unpool("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)
