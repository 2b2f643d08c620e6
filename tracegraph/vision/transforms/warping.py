"""Rotations and other affine maps of PIL images and tensors, and blurring.

Points are measured in pixels from the upper left corner of the image; the middle of the first pixel is (0.5, 0.5).
A new pixel takes the value at the place it comes from, or `fill` if that lies outside of the image.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.selection import where
from tracegraph.nn import functional
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor
from tracegraph.vision.pillow import Image
from tracegraph.vision.transforms.conversion import get_dimensions, pil_to_tensor, to_pil_image
from tracegraph.vision.transforms.geometry import fill_of, in_floats, pad
from tracegraph.vision.transforms.interpolation import InterpolationMode, as_mode, pil_filter


def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Any:
    """The image turned counter-clockwise.

    Args:
        img: PIL image or tensor.
        angle: in degrees.
        interpolation: nearest or bilinear; for PIL images bicubic, too.
        expand: whether the new image is large enough for all of the old one.
        center: (x, y) of the point that stays; the middle when left out.
        fill: what new corners are filled with: a number, or one for each channel.
    """
    mode = as_mode(interpolation)
    _, rows, columns = get_dimensions(img)
    if not isinstance(img, Tensor):
        return img.rotate(angle, pil_filter(mode), expand, center, fillcolor=fill_of(img, fill))
    quarters = angle % 360 / 90
    if center is None and quarters in (0, 1, 2, 3) and (expand or rows == columns or quarters % 2 == 0):
        return _quarter_turns(img, int(quarters))
    middle = (columns / 2, rows / 2) if center is None else (float(center[0]), float(center[1]))
    matrix = _inverse_affine(middle, -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    height, width = rows, columns
    if expand:
        height, width, matrix = _expanded(rows, columns, matrix)
    return _sample(img, matrix, (height, width), mode, fill)


def _quarter_turns(img: Tensor, count: int) -> Tensor:
    """The image turned counter-clockwise by right angles: no pixel has to be looked for."""
    turned = img.transpose(-2, -1) if count % 2 else img
    flipped = {0: (), 1: (-2,), 2: (-2, -1), 3: (-1,)}[count]
    return turned.flip(flipped) if flipped else turned


def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: Any = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Sequence[float] | None = None,
) -> Any:
    """The image sheared, scaled, turned clockwise around a point, and then moved.

    Args:
        img: PIL image or tensor.
        angle: in degrees.
        translate: pixels to the right and down.
        scale: above 0.
        shear: degrees along x, or along x and y.
        interpolation: nearest or bilinear; for PIL images bicubic, too.
        fill: what lies outside.
        center: (x, y) of the point; the middle when left out.

    Raises:
        ArgumentError: for a scale of 0 or below.
    """
    if scale <= 0:
        raise ArgumentError(f"affine: scale must be above 0, got {scale}")
    mode = as_mode(interpolation)
    _, rows, columns = get_dimensions(img)
    middle = (columns / 2, rows / 2) if center is None else (float(center[0]), float(center[1]))
    shears = [float(shear), 0.0] if isinstance(shear, int | float) else [*map(float, shear), 0.0][:2]
    matrix = _inverse_affine(middle, angle, translate, scale, shears)
    if isinstance(img, Tensor):
        return _sample(img, matrix, (rows, columns), mode, fill)
    coefficients = tuple(matrix.ravel())
    return img.transform(
        (columns, rows), Image.Transform.AFFINE, coefficients, pil_filter(mode), fillcolor=fill_of(img, fill)
    )


def _inverse_affine(
    center: tuple[float, float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]
) -> np.ndarray:
    """The matrix (2, 3) from new points to old ones: scale * R(angle) * shear_y * shear_x about the centre, moved."""
    turn, shear_x, shear_y = (math.radians(value) for value in (angle, *shear))
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    along_y = np.array([[1.0, 0.0], [-math.tan(shear_y), 1.0]])
    along_x = np.array([[1.0, -math.tan(shear_x)], [0.0, 1.0]])
    inverse = np.linalg.inv(scale * rotation @ along_y @ along_x)
    middle, moved = np.array(center), np.array(translate, np.float64)
    return np.column_stack([inverse, middle - inverse @ (middle + moved)])


def _expanded(rows: int, columns: int, matrix: np.ndarray) -> tuple[int, int, np.ndarray]:
    """Height and width that hold the whole old image, and the matrix from there."""
    linear, offset = matrix[:, :2], matrix[:, 2]
    corners = np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]], np.float64)
    turned = np.round((corners - offset) @ np.linalg.inv(linear).T, 9)
    width, height = (np.ceil(turned.max(0)) - np.floor(turned.min(0))).astype(int)
    shift = (np.array([width, height]) - np.array([columns, rows])) / 2
    return int(height), int(width), np.column_stack([linear, offset - linear @ shift])


def _sample(img: Tensor, matrix: np.ndarray, size: tuple[int, int], mode: InterpolationMode, fill: Any) -> Tensor:
    """The image seen through a map from new to old points. The places are constants; the values are gathered."""
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise ArgumentError(f"tensors are warped by nearest or bilinear interpolation, not {mode.value}")
    rows, columns = img.shape[-2:]
    down, across = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5, indexing="ij")
    x, y = matrix @ np.stack([across.ravel(), down.ravel(), np.ones(across.size)])
    outside = (x < 0) | (x >= columns) | (y < 0) | (y >= rows)

    def warped(values: Tensor) -> Tensor:
        flat = values.reshape(*values.shape[:-2], rows * columns)

        def at(row: np.ndarray, column: np.ndarray) -> Tensor:
            places = np.clip(row, 0, rows - 1) * columns + np.clip(column, 0, columns - 1)
            return flat[..., dispatch.as_tensor(places.astype(np.int64), literal=True)]  # type: ignore[no-any-return]

        if mode is InterpolationMode.NEAREST:
            result = at(np.floor(y), np.floor(x))
        else:
            left, top = np.floor(x - 0.5), np.floor(y - 0.5)
            right_part, lower_part = (
                dispatch.as_tensor(part.astype(values.dtype), literal=True) for part in (x - 0.5 - left, y - 0.5 - top)
            )
            upper = at(top, left) * (1 - right_part) + at(top, left + 1) * right_part
            lower = at(top + 1, left) * (1 - right_part) + at(top + 1, left + 1) * right_part
            result = upper * (1 - lower_part) + lower * lower_part
        if outside.any():
            around = np.array(0 if fill is None else fill, values.dtype).reshape(-1, 1)
            filled, mask = (dispatch.as_tensor(array, literal=True) for array in (around, outside))
            result = where(mask, filled, result)
        return result.reshape(*values.shape[:-2], *size)  # type: ignore[no-any-return]

    return warped(img) if mode is InterpolationMode.NEAREST else in_floats(img, warped)


def gaussian_blur(img: Any, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None) -> Any:
    """The image blurred by a normal distribution, mirrored at its edges.

    Args:
        img: PIL image or tensor.
        kernel_size: odd width, or (width, height), in pixels.
        sigma: standard deviation, or one along x and one along y; 0.15 * width + 0.35 when left out.

    Raises:
        ArgumentError: for an even width or a sigma that is not above 0.
    """
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2 or any(size <= 0 or size % 2 == 0 for size in sizes):
        raise ArgumentError(f"gaussian_blur: kernel_size must be one or two odd numbers above 0, got {kernel_size}")
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in sizes]
    widths = [float(sigma)] * 2 if isinstance(sigma, int | float) else [float(sigma[0]), float(sigma[-1])]
    if min(widths) <= 0:
        raise ArgumentError(f"gaussian_blur: sigma must be above 0, got {sigma}")
    values = img if isinstance(img, Tensor) else pil_to_tensor(img)
    across, down = (_bell(size, width) for size, width in zip(sizes, widths, strict=True))

    def blurred(pixels: Tensor) -> Tensor:
        kernel = dispatch.as_tensor(np.outer(down, across)[None, None].astype(pixels.dtype), literal=True)
        around = pad(pixels, [sizes[0] // 2, sizes[1] // 2], padding_mode="reflect")
        planes = around.reshape(-1, 1, *around.shape[-2:])
        return functional.conv2d(planes, kernel).reshape(pixels.shape)  # type: ignore[no-any-return]

    result = in_floats(values, blurred)
    return result if isinstance(img, Tensor) else to_pil_image(result, mode=img.mode)


def _bell(size: int, sigma: float) -> np.ndarray:
    weights = np.exp(-0.5 * (np.arange(size) - (size - 1) / 2) ** 2 / sigma**2)
    return np.asarray(weights / weights.sum())
