"""The different elements of a tensor, or the different slices along a dimension: `unique`, `unique_consecutive`.

Both look at neighbours: where an element differs from the one before it, a new group begins.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import DimensionError, ShapeError

from . import dispatch
from .base import Array, Kind, Operation, Sample, operation
from .creation import full_operation
from .dispatch import public
from .joining import cat
from .masks import NONZERO, MaskedIndex
from .sorting import argsort
from .spec import Spec, bool_, int64, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["unique", "unique_consecutive"]


@operation
class ArgsortRows(Operation):
    """Positions (int64) that sort the rows of a matrix: by the first element, equal ones by the next, and so on."""

    name = "argsort_rows"
    kind = Kind.HOST

    def infer(self, *operands: Spec) -> Spec:
        (spec,) = operands
        if spec.ndim != 2 or not spec.shape[1]:
            raise ShapeError(f"argsort_rows: takes a matrix with columns, got shape {spec.shape}")
        return Spec(spec.shape[:1], int64)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.lexsort(operands[0].T[::-1]).astype(int64)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape in ((6, 3), (4, 1), (0, 2)):
            for dtype in ("float32", "int64", "bool"):
                yield Sample(cls(), (rng.integers(0, 2, shape).astype(dtype),))


ARGSORT_ROWS = ArgsortRows()


def _groups(rows: "Tensor", order: "Tensor | None", inverse: bool, counts: bool) -> list["Tensor"]:
    """The first of each group of equal neighbours (elements of a vector, rows of a matrix), after bringing them into an
    order; on request the number of its group for each of them, and how many are in each group.
    """
    ordered = rows if order is None else rows[order]
    length = rows.shape[0]
    first = dispatch.apply(full_operation((min(length, 1),), 1, bool_))
    if length > 1:
        differs = ordered[1:].ne(ordered[:-1])
        first = cat((first, differs if rows.ndim == 1 else differs.any(1)))
    results = [dispatch.apply(MaskedIndex(0), ordered, first)]
    if inverse:
        numbers = first.cumsum(0) - 1
        results.append(numbers if order is None else numbers.scatter(0, order, numbers))
    if counts:
        starts = dispatch.apply(NONZERO, first).reshape((-1,))
        ends = cat((starts, dispatch.constant(length, int64).reshape((1,))))
        results.append((ends[1:] - ends[:-1])[: starts.shape[0]])
    return results


def _distinct(name: str, input: "Tensor", dim: int | None, ordering: bool, inverse: bool, counts: bool) -> Any:
    given = input.detach()
    if dim is None:
        rows = given.reshape((-1,))
        found = _groups(rows, argsort(rows) if ordering else None, inverse, counts)
        if inverse:
            found[1] = found[1].reshape(input.shape)
        return found[0] if len(found) == 1 else tuple(found)
    if not input.ndim:
        raise DimensionError(f"{name}: dim {dim} is out of range for a number")
    place = normalize_dim(name, dim, input.ndim)
    moved = given.movedim(place, 0)
    rest = moved.shape[1:]
    if 0 in rest:
        raise ShapeError(f"{name}: slices along dim {place} of shape {input.shape} have no elements to compare")
    rows = moved.reshape((moved.shape[0], -1)) if moved.numel() else moved.reshape((0, 1))
    found = _groups(rows, dispatch.apply(ARGSORT_ROWS, rows) if ordering else None, inverse, counts)
    found[0] = found[0].reshape((found[0].shape[0], *rest)).movedim(0, place).contiguous()
    return found[0] if len(found) == 1 else tuple(found)


@public()
def unique(
    input: "Tensor",
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements (or slices along `dim`) in ascending order.

    On request also the index of each element's value among them, and how often each occurs. Each NaN is different.
    The size of the result depends on values, so a traced function runs this step in Python. It has no gradient.

    Args:
        input: tensor of any shape.
        sorted: changes nothing, they are sorted in any case.
        return_inverse: also give, in the shape of `input` (with `dim`: a vector), which of the results each one is.
        return_counts: also give how often each of the results occurs.
        dim: compare slices along this dimension.

    Raises:
        DimensionError: when `dim` is out of range.
        ShapeError: when the slices along `dim` are empty.

    >>> values, counts = tracegraph.unique(tracegraph.tensor([3, 1, 3]), return_counts=True)
    >>> values, counts
    (tensor([1, 3]), tensor([1, 2]))
    """
    return _distinct("unique", input, dim, True, return_inverse, return_counts)


@public()
def unique_consecutive(
    input: "Tensor", return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements (or slices along `dim`) without those that equal the one before them.

    On request also the index of each element's group among them, and how many are in each group. The size of the result
    depends on values, so a traced function runs this step in Python. It has no gradient.

    Raises:
        DimensionError: when `dim` is out of range.
        ShapeError: when the slices along `dim` are empty.

    >>> tracegraph.unique_consecutive(tracegraph.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    return _distinct("unique_consecutive", input, dim, False, return_inverse, return_counts)
