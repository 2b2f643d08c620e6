"""Order along a dimension: `sort`, `argsort`, `msort`, `topk`, `kthvalue`."""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError

from . import dispatch
from .base import Array, Kind, Operation, Sample, operation
from .dispatch import public
from .results import ValuesAndIndices
from .spec import Spec, int64, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["argsort", "kthvalue", "msort", "sort", "topk"]

_PARTITION = 64
"""From this length on, a few of many elements are found by partition rather than by sorting all."""
_SHAPES: tuple[tuple[tuple[int, ...], int], ...] = (((3, 4), 1), ((3, 4), 0), ((2, 3, 4), 1), ((70,), 0), ((), 0))


def sorted_positions(xp: Any, a: Array, descending: bool) -> Array:
    """Positions that sort the last dimension stably; a NaN counts as the largest."""
    if not descending:
        return xp.argsort(a, axis=-1, kind="stable")
    return a.shape[-1] - 1 - xp.flip(xp.argsort(xp.flip(a, -1), axis=-1, kind="stable"), -1)


def lined_up(xp: Any, a: Array, dim: int) -> Array:
    """The array with the dimension last; a number as a vector."""
    return a.reshape(1) if a.ndim == 0 else xp.moveaxis(a, dim, -1)


class Ordering(Operation):
    """Positions (int64) of elements along `dim` (non-negative; 0 for a 0-d operand), chosen by their order."""

    kind = Kind.HOST
    dim: int

    def infer(self, *operands: Spec) -> Spec:
        (spec,) = operands
        normalize_dim(self.name, self.dim, spec.ndim)
        return Spec(spec.shape, int64)

    def positions(self, xp: Any, a: Array) -> Array:
        """The positions for the elements along the last dimension."""
        raise NotImplementedError

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        positions = self.positions(xp, lined_up(xp, a, self.dim))
        if a.ndim == 0:
            return positions.reshape(self.infer(Spec(a.shape, a.dtype)).shape)
        return xp.ascontiguousarray(xp.moveaxis(positions, -1, self.dim))


def sample_arrays(rng: np.random.Generator) -> Iterator[tuple[np.ndarray, int]]:
    """Arrays with a dimension for the samples of operations that look at the order along it."""
    for dtype in ("float32", "float64", "int64"):
        for shape, dim in _SHAPES:
            yield np.asarray(rng.random(shape) * 6 - 3).astype(dtype), dim
    yield np.array([2.0, np.nan, -np.inf, 2.0, np.nan, np.inf])[::-1], 0


@operation
class Argsort(Ordering):
    """Positions that sort the elements along dim; equal elements keep their order, a NaN counts as the largest."""

    dim: int
    descending: bool
    name = "argsort"

    def positions(self, xp: Any, a: Array) -> Array:
        return sorted_positions(xp, a, self.descending)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for array, dim in sample_arrays(rng):
            for descending in (False, True):
                yield Sample(cls(dim, descending), (array,))
        yield Sample(cls(0, True), (np.zeros((0, 3)),))


@operation
class Argtopk(Ordering):
    """Positions of the k largest (or smallest) elements along dim, in their order; a NaN counts as the largest."""

    k: int
    dim: int
    largest: bool
    name = "argtopk"

    def infer(self, *operands: Spec) -> Spec:
        spec = super().infer(*operands)
        least, length = (0, spec.shape[self.dim]) if spec.shape else (1, 1)
        if not least <= self.k <= length:
            raise ArgumentError(f"topk: k={self.k} is out of range for dim {self.dim} of shape {spec.shape}")
        return Spec((*spec.shape[: self.dim], self.k, *spec.shape[self.dim + 1 :]) if spec.shape else (), int64)

    def positions(self, xp: Any, a: Array) -> Array:
        length, k = a.shape[-1], self.k
        if not 0 <= k <= length:
            raise ArgumentError(f"topk: k={k} is out of range for a dimension of size {length}")
        if length < _PARTITION or k * 4 > length or k == 0:
            return sorted_positions(xp, a, self.largest)[..., :k]
        if self.largest:
            found = xp.argpartition(a, length - k, axis=-1)[..., length - k :]
        else:
            found = xp.argpartition(a, k - 1, axis=-1)[..., :k]
        found = xp.sort(found, axis=-1)
        order = sorted_positions(xp, xp.take_along_axis(a, found, axis=-1), self.largest)
        return xp.take_along_axis(found, order, axis=-1)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for array, dim in sample_arrays(rng):
            for largest in (False, True):
                yield Sample(cls(min(2, array.shape[dim]) if array.shape else 1, dim, largest), (array,))
        yield Sample(cls(0, 0, True), (np.zeros((2, 3)),))


@operation
class Argkth(Ordering):
    """Position of the k-th smallest element (from 1) along dim, which is dropped; a NaN counts as the largest."""

    k: int
    dim: int
    name = "argkth"

    def infer(self, *operands: Spec) -> Spec:
        spec = super().infer(*operands)
        length = spec.shape[self.dim] if spec.shape else 1
        if not 1 <= self.k <= length:
            raise ArgumentError(f"kthvalue: k={self.k} is out of range for dim {self.dim} of shape {spec.shape}")
        return Spec((*spec.shape[: self.dim], *spec.shape[self.dim + 1 :]), int64)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        a = lined_up(xp, operands[0], self.dim)
        if not 1 <= self.k <= a.shape[-1]:
            raise ArgumentError(f"kthvalue: k={self.k} is out of range for a dimension of size {a.shape[-1]}")
        chosen = sorted_positions(xp, a, False)[..., self.k - 1]
        return xp.ascontiguousarray(chosen) if chosen.ndim else chosen

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for array, dim in sample_arrays(rng):
            yield Sample(cls(min(2, array.shape[dim]) if array.shape else 1, dim), (array,))


@lru_cache(maxsize=1024)
def _argsort(dim: int, descending: bool, ndim: int) -> Argsort:
    return Argsort(normalize_dim("sort", dim, ndim), bool(descending))


@public()
def argsort(input: "Tensor", dim: int = -1, descending: bool = False, *, stable: bool = False) -> "Tensor":
    """The indices (int64) that sort `input` along `dim`. Always stable: `stable` changes nothing.

    A NaN counts as the largest.

    >>> tracegraph.argsort(tracegraph.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return dispatch.apply(_argsort(dim, descending, input.ndim), input)  # type: ignore[no-any-return]


@public()
def sort(input: "Tensor", dim: int = -1, descending: bool = False, *, stable: bool = False) -> ValuesAndIndices:
    """The elements sorted along `dim`, and the indices that sort them. Always stable: `stable` changes nothing.

    A NaN counts as the largest.

    >>> values, indices = tracegraph.sort(tracegraph.tensor([3, 1, 2]))
    >>> values, indices
    (tensor([1, 2, 3]), tensor([1, 2, 0]))
    """
    indices = argsort(input, dim, descending)
    return ValuesAndIndices(input.gather(dim, indices), indices)


@public()
def msort(input: "Tensor") -> "Tensor":
    """The elements sorted along the first dimension.

    >>> tracegraph.msort(tracegraph.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    return sort(input, 0).values


@public()
def topk(input: "Tensor", k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices:
    """The `k` largest (or smallest) elements along `dim` and their indices, the largest (smallest) first.

    They are sorted in any case; `sorted` changes nothing. A NaN counts as the largest.

    Raises:
        ArgumentError: when `k` is negative or larger than the dimension.

    >>> values, indices = tracegraph.topk(tracegraph.tensor([3, 1, 2]), 2)
    >>> values, indices
    (tensor([3, 2]), tensor([0, 2]))
    """
    indices = dispatch.apply(Argtopk(int(k), normalize_dim("topk", dim, input.ndim), bool(largest)), input)
    return ValuesAndIndices(input.gather(dim, indices), indices)


def picked(input: "Tensor", operation: Ordering, keepdim: bool) -> ValuesAndIndices:
    """One element along a dimension, and its index."""
    indices = dispatch.apply(operation, input)
    shape = input.shape
    kept = indices.reshape((*shape[: operation.dim], 1, *shape[operation.dim + 1 :]) if shape else ())
    values = input.gather(operation.dim, kept)
    return ValuesAndIndices(values, kept) if keepdim else ValuesAndIndices(values.reshape(indices.shape), indices)


@public()
def kthvalue(input: "Tensor", k: int, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """The `k`-th smallest element (from 1) along `dim`, and its index.

    Raises:
        ArgumentError: when `k` is out of range.

    >>> tracegraph.kthvalue(tracegraph.tensor([30, 10, 20]), 2).values
    tensor(20)
    """
    return picked(input, Argkth(int(k), normalize_dim("kthvalue", dim, input.ndim)), keepdim)
