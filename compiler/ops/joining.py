"""Putting tensors together and repeating them: `cat`, `stack`, `tile`, `repeat`, `repeat_interleave`, `meshgrid`."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .dispatch import public
from .movement import shape_argument
from .spec import Spec, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "cat", "concat", "concatenate", "dstack", "hstack", "meshgrid", "repeat_interleave", "stack", "tile", "vstack",
]  # fmt: skip


@operation
class Concatenate(Operation):
    """Any number of operands of one dtype, one after the other along a dimension; the other sizes are equal."""

    dim: int
    name = "concatenate"
    kind = Kind.MOVEMENT
    differentiable = True

    def infer(self, *operands: Spec) -> Spec:
        first = operands[0]
        for spec in operands:
            if spec.dtype != first.dtype:
                raise DTypeError(f"cat: tensors must have one dtype, got {first.dtype} and {spec.dtype}")
            others = [a == b or i == self.dim for i, (a, b) in enumerate(zip(spec.shape, first.shape, strict=False))]
            if spec.ndim != first.ndim or not all(others):
                raise ShapeError(
                    f"cat: shapes {first.shape} and {spec.shape} do not fit: they differ outside dim {self.dim}"
                )
        total = sum(spec.shape[self.dim] for spec in operands)
        return Spec((*first.shape[: self.dim], total, *first.shape[self.dim + 1 :]), first.dtype)

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """The element of the operand it falls in."""

        def part(number: int, start: int) -> Any:
            size = build.specs[number].shape[self.dim]
            position = index[self.dim] - start
            source = (*index[: self.dim], position, *index[self.dim + 1 :])
            if number + 1 == len(build.specs):
                return build.read(number, source)
            return build.choose(
                (build.less(position, size),),
                lambda: build.read(number, source),
                lambda: part(number + 1, start + size),
            )

        return part(0, 0)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.concatenate(operands, axis=self.dim)

    def vjp(self, g: "Tensor", out: Any, *operands: Any) -> tuple[Cotangent, ...]:
        cotangents: list[Cotangent] = []
        start = 0
        for operand in operands:
            size = operand.shape[self.dim]
            cotangents.append(lambda start=start, size=size: g.narrow(self.dim, start, size))
            start += size
        return tuple(cotangents)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        cases: tuple[tuple[int, tuple[tuple[int, ...], ...]], ...] = (
            (0, ((2, 3), (1, 3), (0, 3))), (1, ((2, 3), (2, 1))), (2, ((2, 1, 3), (2, 1, 2))), (0, ((4,),)),
        )  # fmt: skip
        for dim, shapes in cases:
            for dtype in (np.float32, np.int64):
                yield Sample(cls(dim), tuple((rng.random(shape) * 9).astype(dtype) for shape in shapes))
        yield Sample(cls(0), (np.arange(6.0).reshape(2, 3).T, np.ones((1, 2))))


_concatenate = lru_cache(maxsize=64)(Concatenate)


def _tensors(name: str, tensors: Any) -> list["Tensor"]:
    if hasattr(tensors, "_data"):
        raise ArgumentTypeError(f"{name}: takes a sequence of tensors, not one tensor")
    values = list(tensors)
    if not values:
        raise ArgumentError(f"{name}: needs at least one tensor")
    try:
        dtypes = {value._data.dtype for value in values}
    except AttributeError:
        wrong = next(type(value).__name__ for value in values if not hasattr(value, "_data"))
        raise ArgumentTypeError(f"{name}: takes tensors, but one element is a {wrong}") from None
    return values if len(dtypes) == 1 else list(dispatch.promote(*values, name=name))


@public(method=False, aliases=("concat", "concatenate"))
def cat(tensors: Sequence["Tensor"], dim: int = 0) -> "Tensor":
    """Tensors one after the other along a dimension, promoted to one dtype. Empty vectors are left out, as in PyTorch.

    Raises:
        ShapeError: when sizes of another dimension differ, or for 0-d tensors (use `stack`).

    >>> tracegraph.cat([tracegraph.tensor([1, 2]), tracegraph.tensor([3])])
    tensor([1, 2, 3])
    """
    values = _tensors("cat", tensors)
    ranks = {value._data.ndim for value in values}
    ndim = max(ranks)
    if 0 in ranks:
        raise ShapeError("cat: 0-d tensors have no dimension to join along; use stack()")
    if len(ranks) > 1:
        values = [value for value in values if value._data.shape != (0,)]
    return dispatch.apply(_concatenate_operation(dim, ndim), *values)  # type: ignore[no-any-return]


@lru_cache(maxsize=256)
def _concatenate_operation(dim: int, ndim: int) -> Concatenate:
    return _concatenate(normalize_dim("cat", dim, ndim))


concat = concatenate = cat


@public(method=False)
def stack(tensors: Sequence["Tensor"], dim: int = 0) -> "Tensor":
    """Tensors of one shape along a new dimension.

    >>> tracegraph.stack([tracegraph.tensor([1, 2]), tracegraph.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    values = _tensors("stack", tensors)
    shape = values[0]._data.shape
    for value in values:
        if value._data.shape != shape:
            raise ShapeError(f"stack: shapes {shape} and {value.shape} differ; tensors of one shape are needed")
    place = normalize_dim("stack", dim, len(shape) + 1)
    lifted = (*shape[:place], 1, *shape[place:])
    return dispatch.apply(_concatenate(place), *[value.reshape(lifted) for value in values])  # type: ignore[no-any-return]


@public(method=False)
def hstack(tensors: Sequence["Tensor"]) -> "Tensor":
    """Tensors side by side: along dim 1, vectors and numbers along dim 0.

    >>> tracegraph.hstack([tracegraph.tensor([1]), tracegraph.tensor([2, 3])])
    tensor([1, 2, 3])
    """
    values = [value if value.ndim else value.reshape((1,)) for value in _tensors("hstack", tensors)]
    return cat(values, 0 if values[0].ndim == 1 else 1)


@public(method=False)
def vstack(tensors: Sequence["Tensor"]) -> "Tensor":
    """Tensors one below the other; vectors and numbers are rows.

    >>> tracegraph.vstack([tracegraph.tensor([1, 2]), tracegraph.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return cat([value if value.ndim > 1 else value.reshape((1, -1)) for value in _tensors("vstack", tensors)], 0)


@public(method=False)
def dstack(tensors: Sequence["Tensor"]) -> "Tensor":
    """Tensors one behind the other along dim 2; matrices and vectors get the missing dimensions.

    >>> tracegraph.dstack([tracegraph.tensor([1, 2]), tracegraph.tensor([3, 4])]).shape
    (1, 2, 2)
    """
    lifted = []
    for value in _tensors("dstack", tensors):
        shape = value.shape
        wanted = (
            (1, 1, 1) if not shape else (1, *shape, 1) if len(shape) == 1 else (*shape, 1) if len(shape) == 2 else shape
        )
        lifted.append(value if wanted == shape else value.reshape(wanted))
    return cat(lifted, 2)


def _repeated(name: str, input: "Tensor", counts: tuple[int, ...]) -> "Tensor":
    """Copies of the tensor, `counts[i]` of them along dimension i."""
    if min(counts, default=0) < 0:
        raise ArgumentError(f"{name}: numbers of repetitions cannot be negative, got {counts}")
    shape = (1,) * (len(counts) - input.ndim) + input.shape
    apart = tuple(size for n in shape for size in (1, n))
    wide = tuple(size for count, n in zip(counts, shape, strict=True) for size in (count, n))
    result = tuple(count * n for count, n in zip(counts, shape, strict=True))
    copies = input.reshape(apart).expand(wide).reshape(result)
    return copies.clone() if copies._base is not None else copies  # type: ignore[no-any-return]


@public()
def repeat(input: "Tensor", *repeats: Any) -> "Tensor":
    """Copies of the tensor side by side: so many along each dimension, new dimensions come in front.

    >>> tracegraph.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    counts = shape_argument(repeats)
    if len(counts) < input.ndim:
        raise ShapeError(
            f"repeat: {len(counts)} numbers of repetitions for the {input.ndim} dimensions of {input.shape}"
        )
    return _repeated("repeat", input, counts)


@public()
def tile(input: "Tensor", *dims: Any) -> "Tensor":
    """Copies of the tensor side by side: so many along the last dimensions.

    >>> tracegraph.tile(tracegraph.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    counts = shape_argument(dims)
    return _repeated("tile", input, (1,) * (input.ndim - len(counts)) + counts)


@public()
def repeat_interleave(input: "Tensor", repeats: int, dim: int | None = None) -> "Tensor":
    """Every element (or slice along `dim`) `repeats` times in a row; without `dim` of the flattened tensor.

    >>> tracegraph.repeat_interleave(tracegraph.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if not hasattr(repeats, "__index__"):
        raise ArgumentTypeError(f"repeat_interleave: repeats must be an int, got {type(repeats).__name__}")
    count = int(repeats.__index__())
    if count < 0:
        raise ArgumentError(f"repeat_interleave: repeats cannot be negative, got {count}")
    if dim is None:
        input, dim = input.reshape((input.numel(),)), 0
    if not input.ndim:
        raise ShapeError("repeat_interleave: a 0-d tensor has no dimension to repeat along")
    place = normalize_dim("repeat_interleave", dim, input.ndim)
    shape = input.shape
    before, size, after = shape[:place], shape[place], shape[place + 1 :]
    wide = input.reshape((*before, size, 1, *after)).expand((*before, size, count, *after))
    result = wide.reshape((*before, size * count, *after))
    return result.clone() if result._base is not None else result  # type: ignore[no-any-return]


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
    for value in values:
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
