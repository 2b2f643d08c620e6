"""Signals, images and volumes in another size: `interpolate` and its older names `upsample`, `upsample_nearest`,
`upsample_bilinear`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np

from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from tracegraph.compiler.ops.gather import index_operation
from tracegraph.compiler.ops.spec import float64, uint8
from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError
from tracegraph.tensor import Tensor

_RANKS: Final = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
}
"""The numbers of spatial dimensions that each mode takes."""
_AREA: Final = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
_MOST_READS: Final = 4
"""Up to so many weighted elements are read one by one; more are a product with a matrix."""


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resample (n, c, ...) to spatial sizes, or by factors, an int or number for all dimensions or one for each.

    `mode` is "nearest" (as OpenCV rounds), "nearest-exact" (as Pillow rounds), "linear", "bilinear", "trilinear" (1, 2
    and 3 spatial dimensions), "bicubic" (2) or "area" (means). With `align_corners` the corner elements' centres stay
    at the corners, else the corner elements' outer edges do. A factor counts as it is given unless
    `recompute_scale_factor`, which takes the ratio of the sizes. `antialias` widens "bilinear" and "bicubic" where they
    shrink. Cubic weights: Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -0.75,
    as OpenCV has it, and -0.5 with `antialias`, as Pillow has it.

    Raises:
        ArgumentError: for arguments that exclude each other, or an unknown mode.
        ShapeError: for a number of dimensions that the mode does not take, or an empty result.

    >>> tracegraph.nn.functional.interpolate(tracegraph.tensor([[[1.0, 3.0]]]), scale_factor=2, mode="linear")
    tensor([[[1.0000, 1.5000, 2.5000, 3.0000]]])
    """
    rank = input.ndim - 2
    _check(input, size, scale_factor, mode, align_corners, antialias)
    sizes, factors = _targets(input.shape[2:], size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise ArgumentError("interpolate: recompute_scale_factor is not meaningful with an explicit size")
    if min(*sizes, *input.shape[1:]) < 1:
        raise ShapeError(f"interpolate: only the batch may be empty; shape {input.shape} would become {sizes}")
    if mode == "area":
        return _AREA[rank](input, sizes)
    if recompute_scale_factor:
        factors = (None,) * rank
    result = input
    for dim, (count, factor) in reversed(list(enumerate(zip(sizes, factors, strict=True), start=2))):
        taps = _taps(mode, input.shape[dim], count, factor, bool(align_corners), antialias, input.dtype)
        result = _weighted(result, dim, *taps)
    return result.clone() if result is input else result


def _check(input: Tensor, size: Any, scale_factor: Any, mode: str, align_corners: bool | None, antialias: bool) -> None:
    """Refuse arguments that do not go together."""
    if mode not in _RANKS:
        raise ArgumentError(f"interpolate: mode must be one of {', '.join(_RANKS)}, got {mode!r}")
    exact = mode in ("nearest", "nearest-exact", "area")
    if exact and align_corners is not None:
        raise ArgumentError(f"interpolate: align_corners is for the interpolating modes, not for mode {mode!r}")
    if (size is None) == (scale_factor is None):
        raise ArgumentError("interpolate: give either size or scale_factor")
    if input.ndim - 2 not in _RANKS[mode]:
        wanted = " or ".join(f"{rank + 2}" for rank in _RANKS[mode])
        raise ShapeError(f"interpolate: mode {mode!r} takes {wanted} dimensions, got shape {input.shape}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ArgumentError(f"interpolate: antialias is for modes bilinear and bicubic, not for {mode!r}")
    if input.dtype.kind != "f" and not (input.dtype == uint8 and mode.startswith("nearest")):
        raise DTypeError(f"interpolate: takes float tensors in mode {mode!r}, not {input.dtype}")


def _targets(shape: Sequence[int], size: Any, scale_factor: Any) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The wanted sizes, and the factors if they were given."""
    given = scale_factor if size is None else size
    values = tuple(given) if isinstance(given, list | tuple) else (given,) * len(shape)
    if len(values) != len(shape):
        raise ArgumentError(f"interpolate: {given} for {len(shape)} spatial dimensions, those of {tuple(shape)}")
    if size is not None:
        return tuple(value.__index__() for value in values), (None,) * len(shape)
    factors = tuple(float(value) for value in values)
    return tuple(int(n * factor) for n, factor in zip(shape, factors, strict=True)), factors


@lru_cache(maxsize=1024)
def _taps(
    mode: str, size: int, count: int, factor: float | None, align_corners: bool, antialias: bool, dtype: Any
) -> tuple[np.ndarray, np.ndarray | None]:
    """Positions (taps, count) read along a dimension of `size` for `count` elements, and their weights."""
    exact: Any = np.dtype(dtype if dtype == float64 else np.float32)
    numbers: Any = np.arange(count, dtype=exact)
    if mode in ("nearest", "nearest-exact"):
        step = _step(size, count, factor, False, exact)
        places = np.floor((numbers + exact.type(0.5)) * step if mode == "nearest-exact" else numbers * step)
        return np.minimum(places.astype(np.int64), size - 1)[None, :], None
    step = _step(size, count, factor, align_corners, exact)
    half = exact.type(0.5)
    if antialias:
        return _antialiased(mode == "bicubic", size, step * (numbers + half), max(step, exact.type(1)), exact)
    source = numbers * step if align_corners else (numbers + half) * step - half
    if mode == "bicubic":
        low = np.floor(source)
        offsets = np.arange(-1, 3, dtype=exact)[:, None]
        places = np.clip(low + offsets, 0, size - 1).astype(np.int64)
        return places, cubic(np.abs(source - low - offsets), -0.75).astype(exact)
    source = np.maximum(source, 0)
    low = np.minimum(np.floor(source), size - 1)
    share = np.clip(source - low, 0, 1)
    places = np.stack([low, np.minimum(low + 1, size - 1)]).astype(np.int64)
    return places, np.stack([1 - share, share])


def _step(size: int, count: int, factor: float | None, align_corners: bool, dtype: Any) -> Any:
    """How far apart neighbours of the result lie in the input."""
    if align_corners:
        return dtype.type(size - 1) / dtype.type(count - 1) if count > 1 else dtype.type(0)
    return dtype.type(1 / factor) if factor else dtype.type(size) / dtype.type(count)


def cubic(distance: Any, a: float) -> Any:
    """Keys' weight of an element at a distance of at most 2, for arrays or tensors of distances."""
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((distance - 5) * distance + 8) * distance * a - 4 * a
    within = (distance <= 1) * 1.0
    return near * within + far * (1 - within) * ((distance < 2) * 1.0)


def _antialiased(
    is_cubic: bool, size: int, centre: np.ndarray, stretch: Any, dtype: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Taps of a filter widened by `stretch`, their weights brought to sum 1."""
    support = (2 if is_cubic else 1) * stretch
    first = np.maximum((centre - support + dtype.type(0.5)).astype(np.int64), 0)
    stop = np.minimum((centre + support + dtype.type(0.5)).astype(np.int64), size)
    places = first + np.arange(max(int((stop - first).max()), 1))[:, None]
    distance = np.abs((places - centre + dtype.type(0.5)) / stretch)
    weights = cubic(distance, -0.5) if is_cubic else np.maximum(1 - distance, 0)
    weights = np.where(places < stop, weights, 0)
    return np.minimum(places, size - 1), (weights / weights.sum(0)).astype(dtype)


def _weighted(input: Tensor, dim: int, positions: np.ndarray, weights: np.ndarray | None) -> Tensor:
    """The sum over taps of the elements at `positions` (taps, count) along `dim`, times `weights`."""
    size, (taps, count) = input.shape[dim], positions.shape
    if count == size and (positions[0] == np.arange(size)).all() and (weights is None or (weights[0] == 1).all()):
        return input
    if weights is not None and taps > _MOST_READS:
        matrix = np.zeros((size, count), weights.dtype)
        np.add.at(matrix, (positions, np.arange(count)), weights)
        return (input.transpose(dim, -1) @ dispatch.as_tensor(matrix, literal=True)).transpose(dim, -1)  # type: ignore[no-any-return]
    trailing = (1,) * (input.ndim - dim - 1)
    total: Any = None
    for tap in range(taps):
        places = dispatch.as_tensor(np.ascontiguousarray(positions[tap]), literal=True)
        part = dispatch.apply(index_operation(dim), input, places)
        if weights is not None:
            weight = weights[tap].astype(input.dtype).reshape((count, *trailing))
            part = part * dispatch.as_tensor(weight, literal=True)
        total = part if total is None else total + part
    return total  # type: ignore[no-any-return]


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """An older name of `interpolate`.

    >>> tracegraph.nn.functional.upsample(tracegraph.tensor([[[1.0, 3.0]]]), scale_factor=2)
    tensor([[[1., 1., 3., 3.]]])
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """An older name of `interpolate` with mode "nearest".

    >>> tracegraph.nn.functional.upsample_nearest(tracegraph.tensor([[[1.0, 3.0]]]), 3)
    tensor([[[1., 1., 3.]]])
    """
    return interpolate(input, size, scale_factor)


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """An older name of `interpolate` with mode "bilinear" and the corners aligned.

    >>> tracegraph.nn.functional.upsample_bilinear(tracegraph.tensor([[[[1.0, 3.0]]]]), (1, 3))
    tensor([[[[1., 2., 3.]]]])
    """
    return interpolate(input, size, scale_factor, "bilinear", True)
