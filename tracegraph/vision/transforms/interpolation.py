"""How images are resampled: the modes, and the weights by which each pixel of a line is made of those of another."""

import enum
from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError
from tracegraph.vision.pillow import Image


class InterpolationMode(enum.Enum):
    """How values between pixels are found; the last three for PIL images only."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PIL_NUMBERS = {0: "nearest", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming", 1: "lanczos"}


def as_mode(interpolation: Any) -> InterpolationMode:
    """The mode that is meant by a mode, its name or Pillow's number of it.

    Raises:
        ArgumentError: there is none.
    """
    try:
        return InterpolationMode(_PIL_NUMBERS.get(interpolation, interpolation))
    except (TypeError, ValueError):
        raise ArgumentError(f"interpolation must be an InterpolationMode, got {interpolation!r}") from None


def pil_filter(mode: InterpolationMode) -> Any:
    """Pillow's constant for a mode."""
    return Image.Resampling["NEAREST" if mode is InterpolationMode.NEAREST_EXACT else mode.name]


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(1 - abs(x), 0))


def _cubic(a: float) -> Callable[[np.ndarray], np.ndarray]:
    """Keys' kernel ("Cubic convolution interpolation for digital image processing", 1981), whose slope at 1 is `a`."""

    def kernel(x: np.ndarray) -> np.ndarray:
        x = abs(x)
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = (((x - 5) * x + 8) * x - 4) * a
        return np.where(x < 1, near, np.where(x < 2, far, 0.0))

    return kernel


def nearest_places(size: int, new_size: int, mode: InterpolationMode) -> np.ndarray:
    """For each new pixel of a line, the old one: PyTorch's, whose "nearest" goes by corners, not by centres."""
    shift = 0.5 if mode is InterpolationMode.NEAREST_EXACT else 0.0
    places = ((np.arange(new_size) + shift) * (size / new_size)).astype(np.int64)
    return np.minimum(places, size - 1)


def line_weights(size: int, new_size: int, mode: InterpolationMode, antialias: bool) -> np.ndarray:
    """The weights (new_size, size) of linear or cubic interpolation along a line.

    With `antialias` the kernel is as wide as a new pixel where the line gets shorter, as in Pillow; else it is always
    as wide as an old one, and beyond the ends the last pixel goes on.

    Raises:
        ArgumentError: for another mode.
    """
    if mode not in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC):
        raise ArgumentError(f"tensors are resized by nearest, bilinear or bicubic interpolation, not {mode.value}")
    linear = mode is InterpolationMode.BILINEAR
    scale = size / new_size
    width = max(scale, 1.0) if antialias else 1.0
    kernel = _triangle if linear else _cubic(-0.5 if antialias else -0.75)
    reach = (1 if linear else 2) * width
    centres = (np.arange(new_size) + 0.5) * scale
    first = np.floor(centres - reach).astype(np.int64)
    places = first[:, None] + np.arange(int(np.ceil(2 * reach)) + 2)
    weights = kernel((places + 0.5 - centres[:, None]) / width)
    inside = np.clip(places, 0, size - 1)
    if antialias:
        weights = np.where(places == inside, weights, 0.0)
    result = np.zeros((new_size, size))
    np.add.at(result, (np.arange(new_size)[:, None], inside), weights)
    return np.asarray(result / result.sum(1, keepdims=True))
