"""Cutting, padding, flipping and resizing of PIL images and tensors (..., channels, height, width)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.compiler.ops import dispatch
from tracegraph.nn import functional
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor
from tracegraph.vision.pillow import Image, ImageOps
from tracegraph.vision.transforms.conversion import get_dimensions, pil_array, require_image
from tracegraph.vision.transforms.interpolation import (
    InterpolationMode,
    as_mode,
    line_weights,
    nearest_places,
    pil_filter,
)

_PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


def hflip(img: Any) -> Any:
    """The mirror image."""
    require_image(img)
    return img.flip(-1) if isinstance(img, Tensor) else img.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def vflip(img: Any) -> Any:
    """The image upside down."""
    require_image(img)
    return img.flip(-2) if isinstance(img, Tensor) else img.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A part of the image; what lies outside of it is 0."""
    require_image(img)
    if not isinstance(img, Tensor):
        return img.crop((left, top, left + width, top + height))
    rows, columns = img.shape[-2:]
    inside = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    padding = [
        min(max(-left, 0), width), min(max(left + width - max(columns, left), 0), width),
        min(max(-top, 0), height), min(max(top + height - max(rows, top), 0), height),
    ]  # fmt: skip
    return functional.pad(inside, padding) if any(padding) else inside


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of the image, with zeros around where it is smaller."""
    height, width = pair(output_size)
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        spare_width, spare_height = max(width - columns, 0), max(height - rows, 0)
        img = pad(img, [spare_width // 2, spare_height // 2, (spare_width + 1) // 2, (spare_height + 1) // 2])
        _, rows, columns = get_dimensions(img)
    return crop(img, round((rows - height) / 2), round((columns - width) / 2), height, width)


def five_crop(img: Any, size: int | Sequence[int]) -> tuple[Any, ...]:
    """The four corners and the middle.

    Raises:
        ArgumentError: the image is smaller.
    """
    height, width = pair(size)
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        raise ArgumentError(f"five_crop: an image of {(rows, columns)} has no part of {(height, width)}")
    corners = [(top, left) for top in (0, rows - height) for left in (0, columns - width)]
    return (*(crop(img, *corner, height, width) for corner in corners), center_crop(img, (height, width)))


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width of a size, one number for both."""
    if isinstance(size, int):
        return size, size
    if len(size) not in (1, 2):
        raise ArgumentError(f"a size is one number or (height, width), got {size}")
    return int(size[0]), int(size[-1])


def pad(img: Any, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> Any:
    """The image with a border.

    Args:
        img: PIL image or tensor.
        padding: the border's width; or (left and right, top and bottom); or (left, top, right, bottom).
        fill: what a constant border is filled with: a number, or for PIL images one for each channel.
        padding_mode: "constant", "edge" (the last pixel), "reflect" (without the last pixel) or "symmetric" (with it).

    Raises:
        ArgumentError: for another mode or number of widths, or negative widths.
    """
    require_image(img)
    if padding_mode not in _PADDING_MODES:
        raise ArgumentError(f"pad: padding_mode must be one of {_PADDING_MODES}, got {padding_mode!r}")
    widths = [padding] if isinstance(padding, int) else list(padding)
    if len(widths) not in (1, 2, 4) or min(widths) < 0:
        raise ArgumentError(f"pad: padding is 1, 2 or 4 numbers of at least 0, got {padding}")
    left, top, right, bottom = (widths * 4)[:4]
    if isinstance(img, Tensor):
        return _pad_tensor(img, (left, top, right, bottom), fill, padding_mode)
    if padding_mode == "constant":
        return ImageOps.expand(img, border=(left, top, right, bottom), fill=fill_of(img, fill))
    palette = img.getpalette() if img.mode == "P" else None
    array = pil_array(img)
    around: Any = [(top, bottom), (left, right), (0, 0)][: array.ndim]
    padded = Image.fromarray(np.pad(array, around, mode=padding_mode))  # type: ignore[call-overload]
    if palette is not None:
        padded.putpalette(palette)
    return padded


def _pad_tensor(img: Tensor, widths: tuple[int, int, int, int], fill: Any, padding_mode: str) -> Tensor:
    left, top, right, bottom = widths
    if padding_mode == "constant":
        value = fill[0] if isinstance(fill, list | tuple) else fill
        return functional.pad(img, [left, right, top, bottom], value=value or 0)
    for dim, ends in ((-1, (left, right)), (-2, (top, bottom))):
        if any(ends):
            places = np.pad(np.arange(img.shape[dim]), ends, mode=padding_mode)  # type: ignore[call-overload]
            img = take(img, dim, places)
    return img


def take(img: Tensor, dim: int, places: np.ndarray) -> Tensor:
    """The given rows (`dim` -2) or columns (-1) of an image."""
    chosen = dispatch.as_tensor(np.asarray(places, np.int64), literal=True)
    return img[..., chosen] if dim == -1 else img[..., chosen, :]


def fill_of(img: Any, fill: Any) -> Any:
    """A fill as Pillow wants it: a number for one channel, else a tuple."""
    channels = len(img.getbands())
    if fill is None:
        fill = 0
    if isinstance(fill, int | float):
        fill = (fill,) * channels
    values = tuple(fill if img.mode == "F" else map(int, fill))
    if len(values) == 1 and channels > 1:
        values *= channels
    if len(values) != channels:
        raise ArgumentError(f"fill has {len(values)} numbers for an image of {channels} channels")
    return values[0] if channels == 1 else values


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """The image in another size.

    Args:
        img: PIL image or tensor.
        size: (height, width), or one number for the shorter side, whose ratio to the longer one stays.
        interpolation: an `InterpolationMode`; tensors are resized by nearest, bilinear or bicubic.
        max_size: the most the longer side may become, where `size` is one number; then the shorter one is less.
        antialias: whether each pixel of a smaller tensor is a mean of all that fall in it; always so with PIL images.

    Raises:
        ArgumentError: for sizes or modes that do not fit.
    """
    mode = as_mode(interpolation)
    _, rows, columns = get_dimensions(img)
    height, width = _new_size(rows, columns, size, max_size)
    if (height, width) == (rows, columns):
        return img
    if not isinstance(img, Tensor):
        return img.resize((width, height), pil_filter(mode))
    if mode in (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT):
        return take(take(img, -2, nearest_places(rows, height, mode)), -1, nearest_places(columns, width, mode))
    smooth = bool(antialias)

    def resized(values: Tensor) -> Tensor:
        down, across = (
            dispatch.as_tensor(line_weights(old, new, mode, smooth).astype(values.dtype), literal=True)
            for old, new in ((rows, height), (columns, width))
        )
        return down @ (values @ across.T)  # type: ignore[no-any-return]

    return in_floats(img, resized)


def in_floats(img: Tensor, function: Any) -> Tensor:
    """Apply a function of floats to an image; integers are rounded and kept in their range."""
    if img.is_floating_point():
        return function(img)  # type: ignore[no-any-return]
    limits = np.iinfo(img.dtype)
    result = function(img.to(np.float32)).round().clamp(float(limits.min), float(limits.max))
    return result.to(img.dtype)  # type: ignore[no-any-return]


def _new_size(rows: int, columns: int, size: int | Sequence[int], max_size: int | None) -> tuple[int, int]:
    sizes = [size] if isinstance(size, int) else list(size)
    if len(sizes) not in (1, 2) or min(sizes) < 1:
        raise ArgumentError(f"resize: size is one number or (height, width), of at least 1, got {size}")
    if len(sizes) == 2:
        if max_size is not None:
            raise ArgumentError("resize: max_size goes with a size of one number")
        return sizes[0], sizes[1]
    short, long = sorted((rows, columns))
    new_short, new_long = sizes[0], int(sizes[0] * long / short)
    if max_size is not None:
        if max_size <= sizes[0]:
            raise ArgumentError(f"resize: max_size must be above size, got {max_size} and {size}")
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_short, new_long) if rows <= columns else (new_long, new_short)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Tensor:
    """The tensor with `v` in the rows from `i` and the columns from `j`, `h` by `w` of them."""
    require_image(img)
    if not inplace:
        img = img.clone()
    img[..., i : i + h, j : j + w] = v
    return img
