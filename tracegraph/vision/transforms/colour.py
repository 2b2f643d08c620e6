"""Brightness, contrast, saturation, hue and grey values of PIL images and tensors (..., 1 or 3, height, width).

Tensors of floats hold values from 0 to 1.
"""

from typing import Any

import numpy as np

from tracegraph.compiler.ops.joining import stack
from tracegraph.compiler.ops.selection import where
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.tensor import Tensor
from tracegraph.vision.pillow import Image, ImageEnhance
from tracegraph.vision.transforms.conversion import convert_image_dtype, get_dimensions, require_image

_LUMA = (0.2989, 0.587, 0.114)
"""The shares of red, green and blue in the brightness (ITU-R BT.601)."""


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The brightness of a colour image, in one channel or three equal ones.

    Raises:
        ArgumentError: for another number of channels.
    """
    if num_output_channels not in (1, 3):
        raise ArgumentError(f"rgb_to_grayscale: num_output_channels must be 1 or 3, got {num_output_channels}")
    require_image(img)
    if not isinstance(img, Tensor):
        grey = img.convert("L")
        return grey if num_output_channels == 1 else Image.merge("RGB", [grey] * 3)
    channels = _channels(img)
    grey = _grey(img) if channels == 3 else img.clone()
    return grey.expand(*grey.shape[:-3], 3, *grey.shape[-2:]) if num_output_channels == 3 else grey


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """`rgb_to_grayscale` of a PIL image."""
    return rgb_to_grayscale(img, num_output_channels)


def _channels(img: Any) -> int:
    channels = get_dimensions(img)[0]
    if isinstance(img, Tensor) and (img.ndim < 3 or channels not in (1, 3)):
        raise ArgumentTypeError(f"colours: a tensor must be (..., 1 or 3, height, width), got the shape {img.shape}")
    return channels


def _grey(img: Tensor) -> Tensor:
    red, green, blue = (img[..., channel : channel + 1, :, :] for channel in range(3))
    return (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue).to(img.dtype)  # type: ignore[no-any-return]


def _blend(img: Tensor, other: Any, factor: float) -> Tensor:
    """`factor` of the image and the rest of the other, kept in the range of the dtype."""
    most = 1.0 if img.is_floating_point() else float(np.iinfo(img.dtype).max)
    return (factor * img + (1 - factor) * other).clamp(0, most).to(img.dtype)  # type: ignore[no-any-return]


def _require_factor(name: str, factor: float) -> None:
    if factor < 0:
        raise ArgumentError(f"{name}: the factor must not be negative, got {factor}")


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """The image brighter: 0 gives black, 1 the image, 2 twice the brightness."""
    _require_factor("adjust_brightness", brightness_factor)
    require_image(img)
    if not isinstance(img, Tensor):
        return ImageEnhance.Brightness(img).enhance(brightness_factor)
    _channels(img)
    return _blend(img, 0.0, brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """The image with more contrast: 0 gives grey, 1 the image, 2 twice the contrast."""
    _require_factor("adjust_contrast", contrast_factor)
    require_image(img)
    if not isinstance(img, Tensor):
        return ImageEnhance.Contrast(img).enhance(contrast_factor)
    grey = _grey(img) if _channels(img) == 3 else img
    mean = (grey if grey.is_floating_point() else grey.to(np.float32)).mean(dim=(-3, -2, -1), keepdim=True)
    return _blend(img, mean, contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """The image more colourful: 0 gives grey values, 1 the image, 2 twice the saturation."""
    _require_factor("adjust_saturation", saturation_factor)
    require_image(img)
    if not isinstance(img, Tensor):
        return ImageEnhance.Color(img).enhance(saturation_factor)
    return img if _channels(img) == 1 else _blend(img, _grey(img), saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """The image with its colours moved along the circle of hues: by half of it at 0.5 and -0.5.

    Raises:
        ArgumentError: for a factor outside of [-0.5, 0.5].
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ArgumentError(f"adjust_hue: the factor must be between -0.5 and 0.5, got {hue_factor}")
    require_image(img)
    if not isinstance(img, Tensor):
        if img.mode in ("L", "1", "I", "F"):
            return img
        hue, saturation, value = img.convert("HSV").split()
        moved = (np.array(hue, np.int64) + int(hue_factor * 255)) % 256
        return Image.merge("HSV", (Image.fromarray(moved.astype(np.uint8)), saturation, value)).convert(img.mode)
    if _channels(img) == 1:
        return img
    values = img if img.is_floating_point() else convert_image_dtype(img)
    hue, saturation, value = _to_hsv(values)
    return convert_image_dtype(_to_rgb((hue + hue_factor) % 1.0, saturation, value), img.dtype)


def _to_hsv(img: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue, saturation and value, each from 0 to 1 (Smith, "Color gamut transform pairs", 1978)."""
    red, green, blue = (img.select(-3, channel) for channel in range(3))
    value = img.amax(dim=-3)
    spread = value - img.amin(dim=-3)
    flat = spread == 0
    saturation = spread / where(flat, value * 0 + 1, value)
    steps = where(flat, spread + 1, spread)
    hue = where(
        value == red,
        (green - blue) / steps,
        where(value == green, 2 + (blue - red) / steps, 4 + (red - green) / steps),
    )
    return (hue / 6) % 1.0, saturation, value


def _to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """The inverse: a channel is value * (1 - saturation * clamp(min(k, 4 - k), 0, 1)), k its distance on the circle."""

    def channel(start: int) -> Any:
        k = (hue * 6 + start) % 6.0
        return value - value * saturation * k.minimum(4 - k).clamp(0, 1)

    return stack([channel(start) for start in (5, 3, 1)], dim=-3)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """The image with each value v of [0, 1] as gain * v**gamma.

    Raises:
        ArgumentError: for a negative gamma.
    """
    _require_factor("adjust_gamma", gamma)
    require_image(img)
    if not isinstance(img, Tensor):
        table = [int((255 + 1 - 1e-3) * gain * (value / 255) ** gamma) for value in range(256)]
        mode = img.mode
        colours = img.convert("RGB") if mode not in ("L", "RGB") else img
        return colours.point([min(value, 255) for value in table] * len(colours.getbands())).convert(mode)
    values = img if img.is_floating_point() else convert_image_dtype(img)
    return convert_image_dtype((gain * values**gamma).clamp(0, 1), img.dtype)


def invert(img: Any) -> Any:
    """The negative."""
    require_image(img)
    if not isinstance(img, Tensor):
        return img.point(lambda value: 255 - value)
    return (1.0 if img.is_floating_point() else int(np.iinfo(img.dtype).max)) - img
