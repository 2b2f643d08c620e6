"""Images and volumes read at given points: `grid_sample`, and `affine_grid`, which makes the points of an affine map.

The points' coordinates run from -1 to 1 (Jaderberg and others, "Spatial transformer networks", arXiv:1506.02025).
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.selection import where
from tracegraph.compiler.ops.spec import int64
from tracegraph.compiler.ops.window import strides_of
from tracegraph.nn.functional_interpolation import cubic
from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError
from tracegraph.tensor import Tensor


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Read (n, c, h, w) at the points (x, y) of a grid (n, *sizes, 2), or (n, c, d, h, w) at (x, y, z): (n, c, *sizes).

    `mode` is "bilinear" (with three dimensions, too), "nearest" or "bicubic" (two dimensions). Points outside see
    "zeros", the "border" or its "reflection". -1 and 1 are the centres of the corner elements with `align_corners`,
    else their outer edges.

    Raises:
        ArgumentError: for an unknown mode.
        ShapeError: when input and grid do not fit.

    >>> image, middle = tracegraph.tensor([[[[1.0, 3.0]]]]), tracegraph.zeros(1, 1, 1, 2)
    >>> tracegraph.nn.functional.grid_sample(image, middle, align_corners=True).item()
    2.0
    """
    aligned = bool(align_corners)
    rank = input.ndim - 2
    _check(input, grid, mode, padding_mode)
    sizes = input.shape[2:]
    ends = [(0.0, float(size - 1)) if aligned else (-0.5, size - 0.5) for size in sizes]
    points = [((grid[..., rank - 1 - dim] + 1) * 0.5) * (high - low) + low for dim, (low, high) in enumerate(ends)]
    choices = []
    for point, size, (low, high) in zip(points, sizes, ends, strict=True):
        if mode == "bicubic":
            choices.append(_cubic_choices(point, size, low, high, padding_mode))
        else:
            bounded = _bounded(point, size, low, high, padding_mode)
            choices.append(_nearest_choice(bounded) if mode == "nearest" else _linear_choices(bounded))
    return _read(input, choices)


def _check(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ArgumentError(f"grid_sample: mode must be 'bilinear', 'nearest' or 'bicubic', got {mode!r}")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ArgumentError(
            f"grid_sample: padding_mode must be 'zeros', 'border' or 'reflection', got {padding_mode!r}"
        )
    rank = input.ndim - 2
    if rank not in (2, 3) or grid.ndim != input.ndim or grid.shape[-1] != rank or grid.shape[0] != input.shape[0]:
        raise ShapeError(
            f"grid_sample: takes an input (n, c, h, w) and a grid (n, *sizes, 2), or (n, c, d, h, w) and (n, *sizes, 3)"
            f" with three sizes; got {input.shape} and {grid.shape}"
        )
    if 0 in input.shape[2:]:
        raise ShapeError(f"grid_sample: the input has no elements to read, its shape is {input.shape}")
    if mode == "bicubic" and rank != 2:
        raise ShapeError(f"grid_sample: mode 'bicubic' is for images (n, c, h, w), got shape {input.shape}")
    if input.dtype != grid.dtype or input.dtype.kind != "f":
        raise DTypeError(f"grid_sample: input and grid must be floats of one dtype, got {input.dtype} and {grid.dtype}")


def _bounded(point: Tensor, size: int, low: float, high: float, padding_mode: str) -> Tensor:
    """The coordinate that is read in place of one outside."""
    if padding_mode == "zeros":
        return point
    if padding_mode == "reflection":
        point = _reflected(point, low, high)
    inside = (point > 0) & (point < size - 1)  # at the border the gradient is 0
    return where(inside, point, point.detach().clamp(0, size - 1))  # type: ignore[no-any-return]


def _reflected(point: Tensor, low: float, high: float) -> Tensor:
    """The coordinate mirrored at `low` and `high` until it lies between."""
    span = high - low
    if span == 0:
        return point * 0.0
    distance = point - low
    distance = where(distance < 0, -distance, distance)
    turns = (distance.detach() / span).floor()
    rest = distance - turns * span
    return where(turns.remainder(2) == 0, rest + low, high - rest)  # type: ignore[no-any-return]


Choice = tuple[Tensor, Tensor | None]
"""A whole coordinate that is read, and its weight."""


def _nearest_choice(point: Tensor) -> list[Choice]:
    """The nearest coordinate; where a gradient is asked for the grid, it is 0."""
    return [(point.detach().round(), point * 0.0 + 1.0 if point.requires_grad else None)]


def _linear_choices(point: Tensor) -> list[Choice]:
    low = point.detach().floor()
    share = point - low
    return [(low, 1 - share), (low + 1, share)]


def _cubic_choices(point: Tensor, size: int, low: float, high: float, padding_mode: str) -> list[Choice]:
    first = point.detach().floor()
    share = point - first
    return [
        (
            _bounded(first + offset, size, low, high, padding_mode),
            cubic(share - offset if offset <= 0 else offset - share, -0.75),
        )
        for offset in range(-1, 3)
    ]


def _read(input: Tensor, choices: Sequence[Sequence[Choice]]) -> Tensor:
    """The weighted sum of the elements at all combinations of coordinates; what lies outside counts 0."""
    count, channels, *sizes = input.shape
    flat = input.reshape((count, channels, math.prod(sizes)))
    shape = choices[0][0][0].shape[1:]
    points = math.prod(shape)
    total: Any = 0
    for chosen in itertools.product(*choices):
        inside: Any = None
        place: Any = 0
        weight: Any = None
        for (position, share), size, step in zip(chosen, sizes, strides_of(sizes), strict=True):
            within = (position >= 0) & (position < size)
            inside = within if inside is None else inside & within
            place = place + where(within, position, 0).to(int64) * step
            if share is not None:
                weight = share if weight is None else weight * share
        index = place.reshape((count, 1, points)).expand((count, channels, points))
        weight = inside.to(input.dtype) if weight is None else where(inside, weight, 0)
        total = total + flat.gather(2, index) * weight.reshape((count, 1, points))
    return total.reshape((count, channels, *shape))  # type: ignore[no-any-return]


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The points that `grid_sample` reads for affine maps (n, 2, 3) of images of `size` (n, c, h, w): (n, h, w, 2).

    Or for maps (n, 3, 4) of volumes of size (n, c, d, h, w): (n, d, h, w, 3).

    Raises:
        DTypeError: when the maps are no floats.
        ShapeError: when they do not fit the size.

    >>> identity = tracegraph.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> tracegraph.nn.functional.affine_grid(identity, (1, 1, 1, 2), align_corners=True).tolist()
    [[[[-1.0, 0.0], [1.0, 0.0]]]]
    """
    if theta.dtype.kind != "f":
        raise DTypeError(f"affine_grid: theta must be of floats, got {theta.dtype}")
    rank = len(size) - 2
    if rank not in (2, 3) or min(size) < 1 or theta.shape != (size[0], rank, rank + 1):
        raise ShapeError(
            f"affine_grid: takes theta (n, 2, 3) for a size (n, c, h, w) or (n, 3, 4) for (n, c, d, h, w), no size 0; "
            f"got theta of shape {theta.shape} for size {tuple(size)}"
        )
    sizes = tuple(size[2:])
    along = [_places(count, bool(align_corners), theta.dtype) for count in sizes]
    coordinates = np.meshgrid(*along, indexing="ij")[::-1]
    base = np.stack([*coordinates, np.ones(sizes, theta.dtype)], -1).reshape((math.prod(sizes), rank + 1))
    points = dispatch.as_tensor(base, literal=True) @ theta.transpose(1, 2)
    return points.reshape((size[0], *sizes, rank))  # type: ignore[no-any-return]


def _places(count: int, align_corners: bool, dtype: Any) -> Any:
    """The elements' coordinates along one dimension, rounded as PyTorch's are.

    At the identity, where spatial transformers start, points fall on elements: there rounding decides which of two
    gradients is taken.
    """
    if count == 1:
        return np.zeros(1, dtype)
    step = float(dtype.type(2) / dtype.type(count - 1))
    number = np.arange(count)
    places = np.where(number < count // 2, number * step - 1, 1 - (count - 1 - number) * step).astype(dtype)
    return places if align_corners else places * dtype.type(count - 1) / dtype.type(count)
