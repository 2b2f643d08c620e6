"""Copies in another order or with a border: `flip`, `roll`, `rot90`, `pad`."""

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .dispatch import public
from .gather import index_operation
from .joining import cat
from .movement import shape_argument
from .slicing import Pad
from .spec import Spec, normalize_dim, normalize_dims

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["constant_pad_nd", "flip", "fliplr", "flipud", "pad", "roll", "rot90"]


@operation
class Flip(Operation):
    """The elements in reverse order along the dims (sorted, non-negative)."""

    dims: tuple[int, ...]
    name = "flip"
    kind = Kind.MOVEMENT
    differentiable = True

    @cached_property
    def _index(self) -> tuple[Any, ...]:
        last = max(self.dims, default=-1)
        return (*[slice(None, None, -1) if dim in self.dims else slice(None) for dim in range(last + 1)], ...)

    def infer(self, *operands: Spec) -> Spec:
        if self.dims:
            normalize_dims("flip", self.dims, operands[0].ndim)
        return operands[0]

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """The element as far from the other end."""
        shape = build.spec.shape
        return build.read(
            0, tuple(n - 1 - i if d in self.dims else i for d, (i, n) in enumerate(zip(index, shape, strict=True)))
        )

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return operands[0][self._index].copy()

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: dispatch.apply(self, g),)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape, dims in (((3, 4), (0,)), ((3, 4), (0, 1)), ((0, 2), (1,)), ((), ()), ((5,), (0,))):
            yield Sample(cls(dims), (rng.random(shape).astype(np.float32),))
        yield Sample(cls((1,)), (np.arange(6).reshape(2, 3).T,))


_flip = lru_cache(maxsize=256)(Flip)


def _one_word(name: str, dims: Any, axis: Any) -> Any:
    """What is given as `dims`, or under NumPy's word as `axis`."""
    if axis is None:
        return dims
    if dims is not None and dims != ():
        raise ArgumentTypeError(f"{name}: dims and axis are two words for one argument; give one of them")
    return axis


@public()
def flip(input: "Tensor", *places: Any, dims: Any = None, axis: Any = None) -> "Tensor":
    """A copy with the order of the elements reversed along dimensions, given one by one or as a sequence `dims`.

    >>> tracegraph.flip(tracegraph.tensor([1, 2, 3]), 0)
    tensor([3, 2, 1])
    """
    named = _one_word("flip", dims, axis)
    if named is not None:
        if places:
            raise ArgumentTypeError("flip: dims are given twice")
        places = (named,)
    places = shape_argument(places)
    normal = normalize_dims("flip", places, input.ndim) if places else ()
    return dispatch.apply(_flip(normal), input)  # type: ignore[no-any-return]


@public()
def fliplr(input: "Tensor") -> "Tensor":
    """A copy reversed along dim 1.

    >>> tracegraph.fliplr(tracegraph.tensor([[1, 2]]))
    tensor([[2, 1]])
    """
    if input.ndim < 2:
        raise ShapeError(f"fliplr: needs at least two dimensions, got shape {input.shape}")
    return flip(input, 1)


@public()
def flipud(input: "Tensor") -> "Tensor":
    """A copy reversed along dim 0.

    >>> tracegraph.flipud(tracegraph.tensor([1, 2]))
    tensor([2, 1])
    """
    if input.ndim < 1:
        raise ShapeError("flipud: a 0-d tensor cannot be turned upside down")
    return flip(input, 0)


@public()
def rot90(input: "Tensor", k: int = 1, dims: Sequence[int] = (0, 1)) -> "Tensor":
    """A copy turned `k` times by 90 degrees, from the first of two dimensions towards the second.

    >>> tracegraph.rot90(tracegraph.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2:
        raise ArgumentError(f"rot90: dims must name two dimensions, got {tuple(dims)}")
    first, second = (normalize_dim("rot90", dim, input.ndim) for dim in dims)
    if first == second:
        raise ArgumentError(f"rot90: dims must name two different dimensions, got {tuple(dims)}")
    turns = k % 4
    if turns == 2:
        return flip(input, first, second)
    if turns == 1:
        return flip(input, second).transpose(first, second).clone()  # type: ignore[no-any-return]
    return flip(input, first).transpose(first, second).clone() if turns else input.clone()  # type: ignore[no-any-return]


@public()
def roll(
    input: "Tensor",
    shifts: int | Sequence[int],
    dims: int | Sequence[int] | None = None,
    *,
    axis: int | Sequence[int] | None = None,
) -> "Tensor":
    """A copy with the elements moved along dimensions; what leaves at the end comes in at the front.

    Without `dims` the flattened tensor is rolled.

    >>> tracegraph.roll(tracegraph.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    steps = shape_argument((shifts,))
    dims = _one_word("roll", dims, axis)
    if dims is None or dims == ():
        if len(steps) != 1:
            raise ArgumentError(f"roll: {len(steps)} shifts need dims")
        return roll(input.reshape((input.numel(),)), steps, (0,)).reshape(input.shape)  # type: ignore[no-any-return]
    places = shape_argument((dims,))
    if len(places) != len(steps):
        raise ArgumentError(f"roll: {len(steps)} shifts for {len(places)} dims")
    result = input
    for step, dim in zip(steps, places, strict=True):
        if not input.ndim:
            raise ShapeError("roll: a 0-d tensor has no dimension to roll along")
        place = normalize_dim("roll", dim, input.ndim)
        size = input.shape[place]
        cut = -step % size if size else 0
        if cut:
            result = cat([result.narrow(place, cut, size - cut), result.narrow(place, 0, cut)], place)
    return result.clone() if result is input else result


def _border(name: str, mode: str, size: int, before: int, after: int) -> np.ndarray:
    """Positions along a dimension from which a padded dimension is taken."""
    positions = np.arange(-before, size + after)
    if mode == "replicate":
        if size == 0:
            raise ShapeError(f"{name}: an empty dimension has no border to replicate")
        return np.clip(positions, 0, size - 1)
    if size + before + after < 1:
        raise ShapeError(f"{name}: widths {before} and {after} leave nothing of a dimension of size {size}")
    limit = size - 1 if mode == "reflect" else size
    if max(before, after) > limit:
        raise ShapeError(f"{name}: {mode} by {before} and {after} is too wide for a dimension of size {size}")
    if mode == "circular":  # what negative widths leave goes round
        kept = np.arange(max(-before, 0), size - max(-after, 0))
        return kept[np.arange(-max(before, 0), len(kept) + max(after, 0)) % max(len(kept), 1)]
    return (size - 1) - np.abs((size - 1) - np.abs(positions))  # type: ignore[no-any-return]


@public(method=False)
def pad(input: "Tensor", pad: Sequence[int], mode: str = "constant", value: float | None = None) -> "Tensor":
    """A copy with a border: `pad` is (before, after) of the last dimension, then of the one before it, and so on.

    `mode` says what the border holds: "constant" (`value`, 0), "reflect" (mirrored at the edge elements), "replicate"
    (the edge elements), "circular" (the other end). Negative widths cut off.

    Raises:
        ArgumentError: for an unknown mode, an odd number of widths, or too many.
        ShapeError: when a border is wider than the mode allows.

    >>> tracegraph.pad(tracegraph.tensor([1, 2, 3]), (1, 2))
    tensor([0, 1, 2, 3, 0, 0])
    >>> tracegraph.pad(tracegraph.tensor([1, 2, 3]), (1, 2), mode="reflect")
    tensor([2, 1, 2, 3, 2, 1])
    """
    widths = shape_argument((pad,))
    if mode == "constant":
        return _constant_pad("pad", input, widths, value)
    if mode not in ("reflect", "replicate", "circular"):
        raise ArgumentError(f"pad: mode must be constant, reflect, replicate or circular, got {mode!r}")
    if value:
        raise ArgumentError(f"pad: a value is for mode constant, not for mode {mode}")
    result = input
    for dim, (before, after) in enumerate(_pairs("pad", input, widths)):
        if before or after:
            positions = _border("pad", mode, input.shape[dim], before, after)
            result = dispatch.apply(index_operation(dim), result, dispatch.as_tensor(positions, literal=True))
    return result.clone() if result is input else result


def _pairs(name: str, input: "Tensor", widths: Sequence[int]) -> list[tuple[int, int]]:
    """Widths before and after for each dimension, the first dimension first."""
    if len(widths) % 2 or len(widths) > 2 * input.ndim:
        raise ArgumentError(
            f"{name}: {len(widths)} widths for shape {input.shape}; two for each of the last dimensions"
        )
    pairs = [(widths[place], widths[place + 1]) for place in range(len(widths) - 2, -1, -2)]
    return [(0, 0)] * (input.ndim - len(pairs)) + pairs


def _constant_pad(name: str, input: "Tensor", widths: Sequence[int], value: float | None) -> "Tensor":
    pairs = _pairs(name, input, widths)
    kept = input
    for dim, (before, after) in enumerate(pairs):
        if before < 0 or after < 0:
            size = input.shape[dim]
            start, stop = max(-before, 0), size - max(-after, 0)
            if stop < start or size + before + after < 0:
                raise ShapeError(
                    f"{name}: widths {before} and {after} cut off more than dimension {dim} of size {size} has"
                )
            kept = kept.narrow(dim, start, stop - start)
    shape = tuple(n + max(before, 0) + max(after, 0) for n, (before, after) in zip(kept.shape, pairs, strict=True))
    number = value or 0
    fill = float(number) if input.dtype.kind == "f" else bool(number) if input.dtype.kind == "b" else int(number)
    made = Pad(shape, tuple(max(before, 0) for before, _ in pairs), (1,) * len(shape), fill)
    return dispatch.apply(made, kept)  # type: ignore[no-any-return]


@public(method=False)
def constant_pad_nd(input: "Tensor", pad: Sequence[int], value: float = 0) -> "Tensor":
    """A copy with a border of `value`: `pad` is (before, after) of the last dimension, then of the one before it.

    >>> tracegraph.constant_pad_nd(tracegraph.tensor([1, 2]), (0, 1), 5)
    tensor([1, 2, 5])
    """
    return _constant_pad("constant_pad_nd", input, shape_argument((pad,)), value)
