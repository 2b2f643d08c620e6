"""`Spec`: the shape and dtype of a value, and the rules by which shapes and dtypes of several values combine."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from tracegraph.runtime.errors import ArgumentTypeError, DimensionError, DTypeError, ShapeError

DType = np.dtype[Any]

bool_ = np.dtype("bool")
uint8 = np.dtype("uint8")
int8 = np.dtype("int8")
int16 = np.dtype("int16")
int32 = np.dtype("int32")
int64 = np.dtype("int64")
float16 = np.dtype("float16")
float32 = np.dtype("float32")
float64 = np.dtype("float64")
DTYPES = (bool_, uint8, int8, int16, int32, int64, float16, float32, float64)
FLOATS = (float16, float32, float64)
INTEGERS = (uint8, int8, int16, int32, int64)

_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}


@dataclass(frozen=True, slots=True)
class Spec:
    """Shape and dtype of a tensor, without its values."""

    shape: tuple[int, ...]
    dtype: DType

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Number of bytes of a contiguous tensor."""
        return self.size * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.dtype.name}[{', '.join(map(str, self.shape))}]"


def as_dtype(dtype: Any) -> DType:
    """The NumPy dtype for anything that names one of the supported dtypes.

    Raises:
        DTypeError: for a dtype the library does not support.
    """
    try:
        result: DType = np.dtype(dtype)
    except TypeError as error:
        raise DTypeError(f"{dtype!r} is not a dtype") from error
    if result not in DTYPES:
        names = ", ".join(d.name for d in DTYPES)
        raise DTypeError(f"dtype {result} is not supported; supported are {names}")
    return result


def category(dtype: DType) -> int:
    """0 for bool, 1 for integers, 2 for floats."""
    return _CATEGORY[dtype.kind]


@lru_cache(maxsize=256)
def promote_types(a: DType, b: DType) -> DType:
    """The dtype two dimensioned tensors are promoted to (PyTorch's `promote_types`): a float wins over any integer."""
    if a == b:
        return a
    if a.kind == "f" and b.kind != "f":
        return a
    if b.kind == "f" and a.kind != "f":
        return b
    return np.promote_types(a, b)


def broadcast_shapes(operation: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape several shapes broadcast to, by NumPy's rules.

    Raises:
        ShapeError: when they do not broadcast; it names the operation and the shapes.
    """
    first = shapes[0]
    if shapes.count(first) == len(shapes):
        return first
    result: list[int] = []
    for position in range(max(map(len, shapes))):
        sizes = {shape[-1 - position] for shape in shapes if position < len(shape)} - {1}
        if len(sizes) > 1:
            listed = " and ".join(map(str, shapes))
            raise ShapeError(f"{operation}: shapes {listed} do not broadcast (dimension {-1 - position})")
        result.append(sizes.pop() if sizes else 1)
    return tuple(reversed(result))


def normalize_dim(operation: str, dim: int, ndim: int) -> int:
    """`dim` as a non-negative number, for a tensor of `ndim` dimensions (a 0-d tensor counts as one-dimensional).

    Raises:
        DimensionError: when out of range.
    """
    limit = max(ndim, 1)
    try:
        index = dim.__index__()
    except AttributeError:
        raise ArgumentTypeError(f"{operation}: dim must be an int, got {type(dim).__name__}") from None
    if not -limit <= index < limit:
        raise DimensionError(
            f"{operation}: dim {index} is out of range for a {ndim}-d tensor (expected {-limit} to {limit - 1})"
        )
    return index % limit


def normalize_dims(operation: str, dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Sorted non-negative dims; None or an empty sequence means all of them.

    Raises:
        DimensionError: when one is out of range.
        ShapeError: when one appears twice.
    """
    if dim is None:
        return tuple(range(ndim))
    dims = (dim,) if not isinstance(dim, Iterable) else tuple(dim)
    if not dims:
        return tuple(range(ndim))
    normal = tuple(sorted(normalize_dim(operation, d, ndim) for d in dims))
    if len(set(normal)) != len(normal):
        raise ShapeError(f"{operation}: dim {dims} names the same dimension twice")
    return () if ndim == 0 else normal
