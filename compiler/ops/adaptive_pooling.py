"""Pooling to a given number of windows: `adaptive_avg_pool1d` to `adaptive_max_pool3d`."""

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import DTypeError, ShapeError

from . import dispatch
from .average_pooling import AveragePool
from .dispatch import public
from .max_pooling import MaxPool, MaxPoolIndices
from .window import Sizes, per_dimension

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["adaptive_avg_pool1d", "adaptive_max_pool1d"]


def _adaptive_sizes(name: str, rank: int, input: "Tensor", size: Any) -> Sizes:
    """The wanted number of windows per dimension; None keeps a dimension."""
    if input.ndim not in (rank + 1, rank + 2):
        raise ShapeError(f"{name}: expected a {rank + 1}-d or {rank + 2}-d input, got shape {input.shape}")
    sizes = input.shape[-rank:]
    if not hasattr(size, "__index__") and size is not None and len(size) == rank:
        size = tuple(given if wanted is None else wanted for given, wanted in zip(sizes, size, strict=True))
    return per_dimension(name, "output_size", sizes if size is None else size, rank, 1)


def _even_kernel(sizes: Sizes, wanted: Sizes) -> Sizes | None:
    """The kernel whose windows tile the input, if the sizes divide."""
    if any(size == 0 or size % count for size, count in zip(sizes, wanted, strict=True)):
        return None
    return tuple(size // count for size, count in zip(sizes, wanted, strict=True))


def _bounds(size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Where adaptive windows begin and end: from `floor(i * size / count)` to `ceil((i + 1) * size / count)`, as in
    PyTorch.
    """
    numbers = np.arange(count)
    return numbers * size // count, -(-(numbers + 1) * size // count)


@lru_cache(maxsize=256)
def _mean_matrix(size: int, count: int, dtype: Any) -> np.ndarray:
    """The (count, size) matrix that takes means over adaptive windows."""
    start, stop = (bound[:, None] for bound in _bounds(size, count))
    places = np.arange(size)
    inside: np.ndarray = (places >= start) & (places < stop)
    return inside.astype(dtype) / (stop - start).astype(dtype)  # type: ignore[no-any-return]


def _adaptive_average(name: str, rank: int, input: "Tensor", output_size: Any) -> "Tensor":
    """Means over windows that tile: average pooling; over others: a product with a matrix of weights per dimension."""
    wanted = _adaptive_sizes(name, rank, input, output_size)
    if input.dtype.kind != "f":
        raise DTypeError(f"{name}: takes float tensors, not {input.dtype}")
    sizes = input.shape[-rank:]
    kernel = _even_kernel(sizes, wanted)
    if kernel is not None:
        applied = AveragePool(kernel, kernel, (0,) * rank, False, True, None)
        return dispatch.apply(applied, input)  # type: ignore[no-any-return]
    if 0 in sizes:
        raise ShapeError(f"{name}: cannot pool an input of shape {input.shape} to {wanted}")
    result = input
    for axis, (size, count) in enumerate(zip(sizes, wanted, strict=True), start=input.ndim - rank):
        matrix = dispatch.as_tensor(_mean_matrix(size, count, input.dtype), literal=True)
        last = tuple(dim for dim in range(input.ndim) if dim != axis)
        moved = result.permute((*last, axis)) @ matrix.permute((1, 0))
        result = moved.permute((*range(axis), input.ndim - 1, *range(axis, input.ndim - 1)))
    return result


def _adaptive_maximum(name: str, rank: int, input: "Tensor", output_size: Any, return_indices: bool) -> Any:
    """Maxima over windows that tile: max pooling; over others: a gather of the maxima's positions."""
    wanted = _adaptive_sizes(name, rank, input, output_size)
    sizes = input.shape[-rank:]
    kernel = _even_kernel(sizes, wanted)
    if kernel is not None:
        attributes = (kernel, kernel, (0,) * rank, (1,) * rank, False)
        values = dispatch.apply(MaxPool(*attributes), input)
        return (values, dispatch.apply(MaxPoolIndices(*attributes), input)) if return_indices else values
    if 0 in sizes:
        raise ShapeError(f"{name}: cannot pool an input of shape {input.shape} to {wanted}")
    lead = input.shape[:-rank]
    windows = dispatch.as_tensor(_adaptive_windows(sizes, wanted), literal=True)
    planes = input.reshape((*lead, math.prod(sizes)))
    elements = planes.index_select(len(lead), windows.reshape((windows.numel(),))).reshape((*lead, *windows.shape))
    chosen = elements.argmax(-1, keepdim=True)
    values = elements.gather(elements.ndim - 1, chosen).reshape((*lead, *wanted))
    if not return_indices:
        return values
    places = windows.expand(elements.shape).gather(elements.ndim - 1, chosen)
    return values, places.reshape((*lead, *wanted))


@lru_cache(maxsize=256)
def _adaptive_windows(sizes: Sizes, wanted: Sizes) -> np.ndarray:
    """Flat indices (windows, elements) of the adaptive windows' elements in row-major order.

    Windows differ in size by one at most per dimension; a smaller one repeats its last place, which changes no maximum.
    """
    flat: Any = np.zeros((1, 1), np.int64)
    for size, count in zip(sizes, wanted, strict=True):
        start, stop = (bound[:, None] for bound in _bounds(size, count))
        places = np.minimum(start + np.arange(int((stop - start).max())), stop - 1)
        flat = (flat[:, None, :, None] * size + places[None, :, None, :]).reshape((len(flat) * count, -1))
    return flat  # type: ignore[no-any-return]


@public(method=False)
def adaptive_avg_pool1d(input: "Tensor", output_size: Any) -> "Tensor":
    """Means over `output_size` windows that cover (n, c, length) or (c, length) evenly.

    >>> tracegraph.adaptive_avg_pool1d(tracegraph.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    return _adaptive_average("adaptive_avg_pool1d", 1, input, output_size)


@public(method=False)
def adaptive_avg_pool2d(input: "Tensor", output_size: Any) -> "Tensor":
    """Means over windows that cover (n, c, height, width) or (c, height, width) evenly; None keeps a size.

    >>> tracegraph.nn.functional.adaptive_avg_pool2d(tracegraph.tensor([[[1.0, 3.0], [2.0, 0.0]]]), 1).item()
    1.5
    """
    return _adaptive_average("adaptive_avg_pool2d", 2, input, output_size)


@public(method=False)
def adaptive_max_pool1d(input: "Tensor", output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over `output_size` windows that cover (n, c, length) or (c, length) evenly.

    >>> tracegraph.nn.functional.adaptive_max_pool1d(tracegraph.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])
    """
    return _adaptive_maximum("adaptive_max_pool1d", 1, input, output_size, return_indices)


@public(method=False)
def adaptive_max_pool2d(input: "Tensor", output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over windows that cover (n, c, height, width) or (c, height, width) evenly; None keeps a size.

    >>> tracegraph.nn.functional.adaptive_max_pool2d(tracegraph.tensor([[[1.0, 3.0], [2.0, 0.0]]]), 1).item()
    3.0
    """
    return _adaptive_maximum("adaptive_max_pool2d", 2, input, output_size, return_indices)


@public(method=False)
def adaptive_avg_pool3d(input: "Tensor", output_size: Any) -> "Tensor":
    """Means over windows that cover (n, c, depth, height, width), or without n, evenly; None keeps a size.

    >>> tracegraph.nn.functional.adaptive_avg_pool3d(tracegraph.tensor([[[[1.0, 3.0]]]]), 1).item()
    2.0
    """
    return _adaptive_average("adaptive_avg_pool3d", 3, input, output_size)


@public(method=False)
def adaptive_max_pool3d(input: "Tensor", output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over windows that cover (n, c, depth, height, width), or without n, evenly; None keeps a size.

    >>> tracegraph.nn.functional.adaptive_max_pool3d(tracegraph.tensor([[[[1.0, 3.0]]]]), 1).item()
    3.0
    """
    return _adaptive_maximum("adaptive_max_pool3d", 3, input, output_size, return_indices)
