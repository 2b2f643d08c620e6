"""Elements at positions held in tensors: the primitives behind advanced indexing, `gather` and `scatter`."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import DTypeError, IndexingError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .creation import full_operation
from .spec import INTEGERS, Spec, broadcast_shapes

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []

_INDICES = tuple(range(1, 64))
"""`saves` of an operation that needs its indices but not its first operand."""


def check_positions(xp: Any, name: str, index: Array, size: int, dim: int, *, negative: bool = True) -> None:
    """Refuse positions outside a dimension.

    Raises:
        IndexingError: it names the first of them, the dimension and its size.
    """
    if not index.size:
        return
    low = -size if negative else 0
    if index.min() < low or index.max() >= size:
        wrong = index[(index < low) | (index >= size)].reshape(-1)[0]
        raise IndexingError(f"{name}: index {int(wrong)} is out of range for dimension {dim} of size {size}")


def _check_index_dtypes(name: str, indices: tuple[Spec, ...]) -> None:
    for index in indices:
        if index.dtype not in INTEGERS:
            raise DTypeError(f"{name}: indices must be integers, got {index.dtype}")


def add_at(xp: Any, target: Array, dim: int, indices: tuple[Array, ...], value: Array) -> None:
    """`target[..., indices, ...] += value` with repeated indices added one after the other, through one flat index."""
    count = len(indices)
    moved = target.transpose((*range(dim, dim + count), *range(dim), *range(dim + count, target.ndim)))
    work = xp.ascontiguousarray(moved)
    rest = moved.shape[count:]
    width = math.prod(rest)
    flat: Array = 0
    for index, size in zip(indices, moved.shape, strict=False):
        flat = flat * size + xp.where(index < 0, index + size, index)
    positions = flat.ndim
    wanted = target.shape[:dim] + flat.shape + target.shape[dim + count :]
    value = xp.broadcast_to(value, wanted)
    value = value.transpose((*range(dim, dim + positions), *range(dim), *range(dim + positions, value.ndim)))
    if width != 1:
        flat = flat.reshape(-1, 1) * width + xp.arange(width)
    xp.add.at(work.reshape(-1), flat.reshape(-1), xp.ascontiguousarray(value, dtype=target.dtype).reshape(-1))
    if work.base is not target and work is not target and not xp.may_share_memory(work, target):
        moved[...] = work


def put_at(xp: Any, target: Array, dim: int, indices: tuple[Array, ...], value: Array) -> None:
    """`target[..., indices, ...] = value`, of values for one position the last in row-major order.

    NumPy goes through the indices in the order of their memory, so they are brought into row-major order.
    """
    if len(indices) > 1:
        indices = tuple(xp.broadcast_arrays(*indices))
    ordered = tuple([xp.asarray(index, order="C") for index in indices])
    target[(slice(None),) * dim + ordered] = xp.asarray(value, order="C")


@operation
class Index(Operation):
    """Elements at integer positions: broadcast index tensors, one for each of the dimensions from `dim` on.

    The shape is that of the indices, broadcast, in the place of the dimensions indexed. Negative positions
    count from the end; without `wraps` they are refused.
    """

    dim: int
    wraps: bool = True
    name = "index"
    kind = Kind.GATHER
    differentiable = True
    saves = _INDICES

    def infer(self, *operands: Spec) -> Spec:
        a, *indices = operands
        _check_index_dtypes("index", tuple(indices))
        if self.dim + len(indices) > a.ndim:
            raise IndexingError(f"index: {len(indices)} indices from dimension {self.dim} on for shape {a.shape}")
        shape = broadcast_shapes("index", *[index.shape for index in indices])
        return Spec((*a.shape[: self.dim], *shape, *a.shape[self.dim + len(indices) :]), a.dtype)

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """The element at the positions read."""
        a, *indices = build.specs
        count = len(index) - (len(a.shape) - len(indices))
        places = index[self.dim : self.dim + count]
        positions = [
            build.dynamic(
                build.read(number + 1, build.broadcast(places, spec.shape)),
                a.shape[self.dim + number],
                wraps=self.wraps,
            )
            for number, spec in enumerate(indices)
        ]
        return build.read(0, (*index[: self.dim], *positions, *index[self.dim + count :]))

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        a, *indices = operands
        if not self.wraps and any(index.size and index.min() < 0 for index in indices):
            self._check(xp, a, indices)
        try:
            if len(indices) == 1 and a.flags.c_contiguous:
                return xp.take(a, indices[0], axis=self.dim)
            return a[(slice(None),) * self.dim + tuple(indices)]
        except IndexError:
            self._check(xp, a, indices)
            raise

    def _check(self, xp: Any, a: Array, indices: list[Array]) -> None:
        for offset, index in enumerate(indices):
            dim = self.dim + offset
            check_positions(xp, "index", index, a.shape[dim], dim, negative=self.wraps)

    def vjp(self, g: "Tensor", out: Any, a: Any, *indices: "Tensor") -> tuple[Cotangent, ...]:
        def cotangent() -> "Tensor":
            zeros = dispatch.apply(full_operation(a.shape, 0, g.dtype))
            return dispatch.apply(IndexPut(self.dim, True), zeros, g, *indices)  # type: ignore[no-any-return]

        return (cotangent, *[None for _ in indices])

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for dim, shape, indices in _INDEX_SAMPLES + _REPEATED_SAMPLES:
            positions = tuple(np.array(index, np.int64) for index in indices)
            yield Sample(cls(dim), (rng.random(shape).astype(np.float32), *positions))
        yield Sample(cls(1), (np.arange(12).reshape(4, 3).T, np.array([[3, 0], [-1, 3]])))
        yield Sample(cls(0, wraps=False), (rng.random((4, 3)).astype(np.float32), np.array([3, 0, 1])))


_INDEX_SAMPLES: tuple[tuple[int, tuple[int, ...], tuple[Any, ...]], ...] = (
    (0, (4, 3), ([0, 2, -1],)),
    (1, (2, 5, 3), ([[1, 2], [4, -5]],)),
    (0, (4, 3), ([[0], [3]], [0, 2, 1])),
    (1, (2, 3, 4), ([0, 2], 1)),
    (0, (4,), (2,)),
    (0, (4,), ([],)),
)
_REPEATED_SAMPLES: tuple[tuple[int, tuple[int, ...], tuple[Any, ...]], ...] = (
    (0, (4, 3), ([0, 2, -1, 0],)),
    (1, (2, 5, 3), ([[1, 1], [4, -4]],)),
    (0, (4, 3), ([[0], [3]], [0, 2, 2])),
)


@operation
class IndexPut(Operation):
    """The first operand with the elements at positions (as `Index` has them) replaced by the second, which broadcasts.

    Of values for the same position the last one stays (each still gets the gradient of the position, as in PyTorch);
    with `accumulate` all are added to what is there.
    """

    dim: int
    accumulate: bool = False
    name = "index_put"
    kind = Kind.SCATTER
    differentiable = True
    saves = _INDICES[1:]

    def infer(self, *operands: Spec) -> Spec:
        a, value, *indices = operands
        wanted = Index(self.dim).infer(a, *indices)
        if value.dtype != a.dtype:
            raise DTypeError(f"index_put: values of {value.dtype} for a tensor of {a.dtype}")
        if broadcast_shapes("index_put", wanted.shape, value.shape) != wanted.shape:
            raise ShapeError(f"index_put: values of shape {value.shape} do not broadcast to the shape {wanted.shape}")
        return a

    def write(self, xp: Any, target: Array, value: Array, *indices: Array) -> None:
        """Change the array in place."""
        if not target.size:
            return
        if self.accumulate:
            self._check(xp, target, indices)
            add_at(xp, target, self.dim, indices, value)
            return
        try:
            put_at(xp, target, self.dim, indices, value)
        except IndexError:
            self._check(xp, target, indices)
            raise

    def _check(self, xp: Any, target: Array, indices: tuple[Array, ...]) -> None:
        for offset, index in enumerate(indices):
            check_positions(xp, "index_put", index, target.shape[self.dim + offset], self.dim + offset)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        result = xp.array(operands[0], order="C", copy=True)
        self.write(xp, result, *operands[1:])
        return result

    def vjp(self, g: "Tensor", out: Any, a: Any, value: Any, *indices: "Tensor") -> tuple[Cotangent, ...]:
        return (
            g if self.accumulate else lambda: dispatch.apply(self, g, dispatch.constant(0, g.dtype), *indices),
            lambda: dispatch.apply(Index(self.dim), g, *indices),
            *[None for _ in indices],
        )

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for accumulate in (False, True):
            for dim, shape, indices in _INDEX_SAMPLES + (_REPEATED_SAMPLES if accumulate else ()):
                positions = tuple(np.array(index, np.int64) for index in indices)
                a = rng.random(shape).astype(np.float32)
                part = Index(dim).evaluate(np, a, *positions)
                value = np.asarray(rng.random(np.shape(part)).astype(np.float32))
                yield Sample(
                    cls(dim, accumulate),
                    (a, value if accumulate else value[..., :1] if value.ndim else value, *positions),
                )


def _region(shape: tuple[int, ...], dim: int) -> tuple[slice, ...]:
    """The part of a tensor that an index of this shape along `dim` speaks of."""
    return tuple(slice(None) if i == dim else slice(n) for i, n in enumerate(shape))


def _check_fit(name: str, a: Spec, index: Spec, dim: int) -> None:
    _check_index_dtypes(name, (index,))
    fits = index.ndim == a.ndim and all(
        i == dim or n <= m for i, (n, m) in enumerate(zip(index.shape, a.shape, strict=True))
    )
    if not fits:
        raise ShapeError(
            f"{name}: an index of shape {index.shape} does not fit shape {a.shape}: larger outside dim {dim}"
        )


@operation
class Gather(Operation):
    """`out[i, j, k] = a[i, index[i, j, k], k]` (for dim 1): along one dimension, an own position for every element."""

    dim: int
    name = "gather"
    kind = Kind.GATHER
    differentiable = True
    saves = (1,)

    def infer(self, *operands: Spec) -> Spec:
        a, index = operands
        _check_fit("gather", a, index, self.dim)
        return Spec(index.shape, a.dtype)

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """The element at the position read."""
        position = build.dynamic(build.read(1, index), build.specs[0].shape[self.dim], wraps=False)
        return build.read(0, (*index[: self.dim], position, *index[self.dim + 1 :]))

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        a, index = operands
        if a.ndim != 1 or index.ndim != 1:
            _check_fit("gather", Spec(a.shape, a.dtype), Spec(index.shape, index.dtype), self.dim)
            a = a[_region(index.shape, self.dim)]
        check_positions(xp, "gather", index, a.shape[self.dim], self.dim, negative=False)
        return a[index] if a.ndim == 1 else xp.take_along_axis(a, index, axis=self.dim)

    def vjp(self, g: "Tensor", out: Any, a: Any, index: Any) -> tuple[Cotangent, ...]:
        def cotangent() -> "Tensor":
            zeros = dispatch.apply(full_operation(a.shape, 0, g.dtype))
            return dispatch.apply(Scatter(self.dim, "add"), zeros, index, g)  # type: ignore[no-any-return]

        return cotangent, None

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape, dim, index in _GATHER_SAMPLES + _REPEATED_GATHER_SAMPLES:
            yield Sample(cls(dim), (rng.random(shape).astype(np.float32), np.array(index, np.int64)))
        yield Sample(cls(0), (np.arange(6).reshape(2, 3).T, np.array([[2, 0], [1, 1]])))


_GATHER_SAMPLES: tuple[tuple[tuple[int, ...], int, Any], ...] = (
    ((3, 4), 1, [[0, 3, 2], [1, 2, 0], [2, 0, 1]]),
    ((3, 4), 0, [[0, 2, 1, 0]]),
    ((3, 4), 1, [[2], [0]]),
    ((2, 3), 1, np.zeros((2, 0))),
)
_REPEATED_GATHER_SAMPLES: tuple[tuple[tuple[int, ...], int, Any], ...] = (
    ((3, 4), 1, [[0, 3, 3], [1, 1, 0], [2, 0, 1]]),
    ((5,), 0, [4, 4, 0, 1, 2, 3, 0]),
)


@operation
class Scatter(Operation):
    """The first operand with `a[i, index[i, j, k], k]` (for dim 1) replaced by the third operand's element [i, j, k].

    With `reduce` "add" all are added to what is there, with "" the last one for a position stays. Index and values
    have one shape.
    """

    dim: int
    reduce: str = ""
    name = "scatter"
    kind = Kind.SCATTER
    differentiable = True
    saves = (1,)

    def infer(self, *operands: Spec) -> Spec:
        a, index, value = operands
        _check_fit("scatter", a, index, self.dim)
        if value.shape != index.shape:
            raise ShapeError(f"scatter: values of shape {value.shape} for an index of shape {index.shape}")
        if value.dtype != a.dtype:
            raise DTypeError(f"scatter: values of {value.dtype} for a tensor of {a.dtype}")
        return a

    def write(self, xp: Any, target: Array, index: Array, value: Array) -> None:
        """Change the array in place."""
        if not index.size:
            return
        check_positions(xp, "scatter", index, target.shape[self.dim], self.dim, negative=False)
        grid = [
            index if dim == self.dim else xp.arange(n).reshape((-1,) + (1,) * (index.ndim - 1 - dim))
            for dim, n in enumerate(index.shape)
        ]
        if self.reduce == "add":
            add_at(xp, target, 0, tuple(grid), value)
        else:
            put_at(xp, target, 0, tuple(grid), value)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        a, index, value = operands
        self.infer(*[Spec(array.shape, array.dtype) for array in operands])
        result = xp.array(a, order="C", copy=True)
        self.write(xp, result, index, value)
        return result

    def vjp(self, g: "Tensor", out: Any, a: Any, index: Any, value: Any) -> tuple[Cotangent, ...]:
        def rest() -> "Tensor":
            zeros = dispatch.apply(full_operation(index.shape, 0, g.dtype))
            return dispatch.apply(self, g, index, zeros)  # type: ignore[no-any-return]

        return g if self.reduce == "add" else rest, None, lambda: dispatch.apply(Gather(self.dim), g, index)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for reduce in ("", "add"):
            for shape, dim, index in _GATHER_SAMPLES + (_REPEATED_GATHER_SAMPLES if reduce else ()):
                positions = np.array(index, np.int64)
                value = rng.random(positions.shape).astype(np.float32)
                yield Sample(cls(dim, reduce), (rng.random(shape).astype(np.float32), positions, value))


index_operation = lru_cache(maxsize=256)(Index)
"""`Index(dim)`, the same object for the same dim."""
put_operation = lru_cache(maxsize=256)(IndexPut)
"""`IndexPut(dim, accumulate)`, the same object for the same attributes."""
