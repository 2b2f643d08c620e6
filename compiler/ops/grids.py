"""Tensors of all combinations: `meshgrid`, `cartesian_prod`, `combinations`."""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

from . import dispatch
from .dispatch import public
from .joining import stack
from .spec import int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["cartesian_prod", "combinations", "meshgrid"]


@public(method=False)
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple["Tensor", ...]:
    """Views of vectors as coordinates of a grid: element i varies along dimension i ("xy": the first two exchanged).

    >>> a, b = tracegraph.meshgrid(tracegraph.tensor([1, 2]), tracegraph.tensor([3, 4, 5]))
    >>> b
    tensor([[3, 4, 5],
            [3, 4, 5]])
    """
    if indexing not in ("ij", "xy"):
        raise ArgumentError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    values = list(tensors[0]) if len(tensors) == 1 and not hasattr(tensors[0], "_data") else list(tensors)
    if not values:
        raise ArgumentError("meshgrid: needs at least one tensor")
    for value in values:
        if not hasattr(value, "_data"):
            raise ArgumentTypeError(f"meshgrid: takes tensors, got a {type(value).__name__}")
        if value.dtype != values[0].dtype:
            raise DTypeError(f"meshgrid: tensors must have one dtype, got {values[0].dtype} and {value.dtype}")
        if value.ndim > 1:
            raise ShapeError(f"meshgrid: takes vectors and numbers, got shape {value.shape}")
    exchange = indexing == "xy" and len(values) > 1
    if exchange:
        values[:2] = values[1], values[0]
    shape = tuple(value.numel() for value in values)
    grids = [
        value.reshape((1,) * i + (shape[i],) + (1,) * (len(shape) - 1 - i)).expand(shape)
        for i, value in enumerate(values)
    ]
    if exchange:
        grids[:2] = grids[1], grids[0]
    return tuple(grids)


@public(method=False)
def cartesian_prod(*tensors: Any) -> "Tensor":
    """All rows with one element of each vector, the last varying fastest; of one vector the vector itself.

    Raises:
        ShapeError: for anything but vectors.

    >>> tracegraph.cartesian_prod(tracegraph.tensor([1, 2]), tracegraph.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    values = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else list(tensors)
    for value in values:
        if value.ndim != 1:
            raise ShapeError(f"cartesian_prod: takes vectors, got shape {value.shape}")
    if len(values) == 1:
        return values[0]  # type: ignore[no-any-return]
    return stack([grid.flatten() for grid in meshgrid(*values)], 1)


@public(method=False)
def combinations(input: "Tensor", r: int = 2, with_replacement: bool = False) -> "Tensor":
    """The rows of `r` elements of a vector that keep its order, as `itertools` gives them: (count, r).

    Raises:
        ShapeError: for anything but a vector.

    >>> tracegraph.combinations(tracegraph.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.ndim != 1:
        raise ShapeError(f"combinations: takes a vector, got shape {input.shape}")
    if r < 0:
        raise ArgumentError(f"combinations: r cannot be negative, got {r}")
    if r == 0:
        return input.new_empty(0)  # type: ignore[no-any-return]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(input.shape[0]), r)), int64).reshape(-1, r)
    return input[dispatch.as_tensor(rows, literal=True)]
