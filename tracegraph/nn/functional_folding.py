"""Images taken apart into sliding blocks, and blocks summed up to images: `unfold`, `fold`."""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.creation import full_operation
from tracegraph.compiler.ops.gather import Index, IndexPut
from tracegraph.compiler.ops.padding import pad
from tracegraph.compiler.ops.window import Sizes, output_sizes, per_dimension
from tracegraph.runtime.errors import ShapeError
from tracegraph.tensor import Tensor


@lru_cache(maxsize=256)
def _places(kernel: Sizes, windows: Sizes, stride: Sizes, dilation: Sizes) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the blocks' elements in the padded image, broadcast to (*kernel, *windows)."""
    rows, columns = (
        (np.arange(k) * d)[:, None] + (np.arange(count) * s)[None, :]
        for k, count, s, d in zip(kernel, windows, stride, dilation, strict=True)
    )
    return rows[:, None, :, None], columns[None, :, None, :]


def _indices(kernel: Sizes, windows: Sizes, stride: Sizes, dilation: Sizes) -> list[Tensor]:
    return [dispatch.as_tensor(places, literal=True) for places in _places(kernel, windows, stride, dilation)]


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Sliding blocks of (n, c, h, w) or (c, h, w) as columns: (n, c * kernel elements, blocks).

    Raises:
        ShapeError: for another number of dimensions, or when no block fits.

    >>> tracegraph.nn.functional.unfold(tracegraph.tensor([[[1.0, 2.0, 3.0]]]), (1, 2))
    tensor([[1., 2.],
            [2., 3.]])
    """
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise ShapeError(
            f"unfold: expected (n, c, h, w) or (c, h, w), of which only n may be 0, got shape {input.shape}"
        )
    kernel, dilations, strides = (
        per_dimension("unfold", name, value, 2, 1)
        for name, value in (("kernel_size", kernel_size), ("dilation", dilation), ("stride", stride))
    )
    pads = per_dimension("unfold", "padding", padding, 2, 0)
    windows = output_sizes("unfold", input.shape[-2:], kernel, strides, pads, dilations)
    padded = pad(input, (pads[1], pads[1], pads[0], pads[0])) if any(pads) else input
    blocks = dispatch.apply(Index(input.ndim - 2), padded, *_indices(kernel, windows, strides, dilations))
    shape = (input.shape[-3] * math.prod(kernel), math.prod(windows))
    return blocks.reshape((*input.shape[:-3], *shape))  # type: ignore[no-any-return]


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Blocks (n, c * kernel elements, blocks) summed where they lie in images of `output_size`: (n, c, h, w).

    The transpose of `unfold` as a linear map; without n, too.

    Raises:
        ShapeError: when the blocks are not those of images of that size.

    >>> tracegraph.nn.functional.fold(tracegraph.tensor([[1.0, 2.0], [2.0, 3.0]]), (1, 3), (1, 2))
    tensor([[[1., 4., 3.]]])
    """
    if input.ndim not in (2, 3):
        raise ShapeError(f"fold: expected (n, channels, blocks) or (channels, blocks), got shape {input.shape}")
    sizes, kernel, dilations, strides = (
        per_dimension("fold", name, value, 2, 1)
        for name, value in (
            ("output_size", output_size), ("kernel_size", kernel_size), ("dilation", dilation), ("stride", stride)
        )
    )  # fmt: skip
    pads = per_dimension("fold", "padding", padding, 2, 0)
    windows = output_sizes("fold", sizes, kernel, strides, pads, dilations)
    *lead, rows, count = input.shape
    if rows == 0 or rows % math.prod(kernel) or count != math.prod(windows):
        raise ShapeError(
            f"fold: images of {sizes} with kernel {kernel} have columns of a multiple of {math.prod(kernel)} elements, "
            f"{math.prod(windows)} of them; got shape {input.shape}"
        )
    channels = rows // math.prod(kernel)
    blocks = input.reshape((*lead, channels, *kernel, *windows))
    padded = tuple(size + 2 * p for size, p in zip(sizes, pads, strict=True))
    zeros = dispatch.apply(full_operation((*lead, channels, *padded), 0, input.dtype))
    summed = dispatch.apply(
        IndexPut(len(lead) + 1, True), zeros, blocks, *_indices(kernel, windows, strides, dilations)
    )
    return pad(summed, (-pads[1], -pads[1], -pads[0], -pads[0])) if any(pads) else summed
