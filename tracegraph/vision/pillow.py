"""Pillow, where it is installed: images of arrays and arrays of images. Without it an image is a uint8 array."""

import importlib
import importlib.util
from typing import Any, TypeGuard

import numpy as np

from tracegraph.runtime.errors import ArgumentError, TracegraphError

HAS_PILLOW = importlib.util.find_spec("PIL") is not None
Image: Any = importlib.import_module("PIL.Image") if HAS_PILLOW else None
ImageEnhance: Any = importlib.import_module("PIL.ImageEnhance") if HAS_PILLOW else None
ImageFilter: Any = importlib.import_module("PIL.ImageFilter") if HAS_PILLOW else None
ImageOps: Any = importlib.import_module("PIL.ImageOps") if HAS_PILLOW else None


class PillowMissingError(TracegraphError, ImportError):
    """Something asked for needs Pillow, which is not installed."""


def require_pillow(what: str) -> None:
    """Refuse what cannot be done without Pillow.

    Raises:
        PillowMissingError: it is not installed.
    """
    if Image is None:
        raise PillowMissingError(f"{what} needs Pillow: pip install 'tracegraph[vision]'")


def is_image(value: Any) -> TypeGuard[Any]:
    """Whether a value is a PIL image."""
    return Image is not None and isinstance(value, Image.Image)


def image_of(array: np.ndarray) -> Any:
    """The PIL image of a uint8 array (height, width) or (height, width, channels); without Pillow a copy of the array.

    Raises:
        ArgumentError: for a number of channels that no image has.
    """
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        raise ArgumentError(f"an image is an array (height, width) or (height, width, 1 to 4), got {array.shape}")
    if Image is None:
        return np.array(array)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    return Image.fromarray(np.ascontiguousarray(array))


def channels_of(image: Any) -> int:
    """How many channels a PIL image has."""
    return len(image.getbands())
