"""Putting tensors together and repeating them: `cat`, `stack`, `tile`, `repeat`."""

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

__all__ = ["cat", "concat", "concatenate", "stack", "tile"]


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


def sequence_of_tensors(name: str, tensors: Any) -> list["Tensor"]:
    """The tensors that a function joins, promoted to one dtype.

    Raises:
        ArgumentTypeError: for anything but tensors.
        ArgumentError: when there are none.
    """
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
    values = sequence_of_tensors("cat", tensors)
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
    values = sequence_of_tensors("stack", tensors)
    shape = values[0]._data.shape
    for value in values:
        if value._data.shape != shape:
            raise ShapeError(f"stack: shapes {shape} and {value.shape} differ; tensors of one shape are needed")
    place = normalize_dim("stack", dim, len(shape) + 1)
    lifted = (*shape[:place], 1, *shape[place:])
    return dispatch.apply(_concatenate(place), *[value.reshape(lifted) for value in values])  # type: ignore[no-any-return]


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
def repeat(input: "Tensor", *counts: Any, repeats: Any = None) -> "Tensor":
    """Copies of the tensor side by side: so many along each dimension, new dimensions come in front.

    >>> tracegraph.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    counts = shape_argument(counts if repeats is None else (repeats,))
    if len(counts) < input.ndim:
        raise ShapeError(
            f"repeat: {len(counts)} numbers of repetitions for the {input.ndim} dimensions of {input.shape}"
        )
    return _repeated("repeat", input, counts)


@public()
def tile(input: "Tensor", *counts: Any, dims: Any = None) -> "Tensor":
    """Copies of the tensor side by side: so many along the last dimensions, one by one or as a sequence `dims`.

    >>> tracegraph.tile(tracegraph.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    counts = shape_argument(counts if dims is None else (dims,))
    return _repeated("tile", input, (1,) * (input.ndim - len(counts)) + counts)
