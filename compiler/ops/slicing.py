"""The primitives of basic indexing: a part of a tensor as a view, written into a tensor, and put into a larger one."""

from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import IndexingError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .creation import full_operation
from .movement import Movement
from .spec import Spec

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []


class Region(Operation):
    """Part of a tensor: `start`, `stop`, `step` (above 0) for each of its dimensions.

    `dropped` are the dimensions (of one element in the part) that the part does not have, `inserted` the dimensions of
    size 1 it has in addition. Canonical: 0 <= start <= stop <= size, stop just after the last element, step 1 for fewer
    than two elements.
    """

    starts: tuple[int, ...]
    stops: tuple[int, ...]
    steps: tuple[int, ...]
    dropped: tuple[int, ...]
    inserted: tuple[int, ...]

    @cached_property
    def index(self) -> tuple[Any, ...]:
        """The part as NumPy indexes it."""
        items: list[Any] = [
            start if dim in self.dropped else slice(start, stop, step)
            for dim, (start, stop, step) in enumerate(zip(self.starts, self.stops, self.steps, strict=True))
        ]
        if not self.inserted:
            return (*items, ...)
        result: list[Any] = []
        for item in items:
            result.extend(self._new_dims(result))
            result.append(item)
        return (*result, *self._new_dims(result), ...)

    def _new_dims(self, items: list[Any]) -> list[None]:
        place = sum(not isinstance(item, int) for item in items)
        count = 0
        while place + count in self.inserted:
            count += 1
        return [None] * count

    def kept_shape(self) -> tuple[int, ...]:
        """The part's shape with the dimensions of the whole: none dropped, none inserted."""
        return tuple(-(-(b - a) // s) for a, b, s in zip(self.starts, self.stops, self.steps, strict=True))

    def part_shape(self, whole: tuple[int, ...]) -> tuple[int, ...]:
        """The part's shape.

        Raises:
            ShapeError: when the whole does not have the part.
        """
        if len(whole) != len(self.starts) or any(stop > size for stop, size in zip(self.stops, whole, strict=True)):
            raise ShapeError(f"{self.name}: shape {whole} does not have the part {self.starts} to {self.stops}")
        shape = [size for dim, size in enumerate(self.kept_shape()) if dim not in self.dropped]
        for place in self.inserted:
            shape.insert(place, 1)
        return tuple(shape)

    def source(self, build: Any, index: tuple[Any, ...]) -> tuple[Any, ...]:
        """Where in the whole an element of the part lies."""
        kept = iter([position for place, position in enumerate(index) if place not in self.inserted])
        return tuple(
            build.position(start) if dim in self.dropped else next(kept) * step + start
            for dim, (start, step) in enumerate(zip(self.starts, self.steps, strict=True))
        )

    @property
    def geometry(self) -> tuple[tuple[int, ...], ...]:
        """The attributes, in their order."""
        return self.starts, self.stops, self.steps, self.dropped, self.inserted


def inside(build: Any, bounds: list[tuple[Any, int, int, int]]) -> tuple[Any, ...]:
    """The conditions that positions lie in a region: (position, start, stop, step) for each dimension."""
    conditions = []
    for position, start, stop, step in bounds:
        conditions += [build.at_least(position, start), build.less(position, stop)]
        if step > 1:
            conditions.append(build.less((position - start) % step, 1))
    return tuple(conditions)


@operation
class BasicIndex(Region, Movement):
    """The part of a tensor given by integers, slices, None and Ellipsis: a view."""

    starts: tuple[int, ...]
    stops: tuple[int, ...]
    steps: tuple[int, ...]
    dropped: tuple[int, ...] = ()
    inserted: tuple[int, ...] = ()
    name = "index_basic"

    def infer(self, *operands: Spec) -> Spec:
        return Spec(self.part_shape(operands[0].shape), operands[0].dtype)

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """An element of the whole."""
        return build.read(0, self.source(build, index))

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return operands[0][self.index]

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        def cotangent() -> "Tensor":
            kept = g.reshape(self.kept_shape()) if self.dropped or self.inserted else g
            return dispatch.apply(Pad(a.shape, self.starts, self.steps), kept)  # type: ignore[no-any-return]

        return (cotangent,)

    def put(self, bind: Callable[..., Any], parent: Any, child: Any) -> Any:
        return bind(SliceScatter(*self.geometry), parent, child)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape, key in _SAMPLES:
            yield Sample(basic_operation(shape, key), (rng.random(shape).astype(np.float32),))


_SAMPLES: tuple[tuple[tuple[int, ...], tuple[Any, ...]], ...] = (
    ((4, 5), (1,)),
    ((4, 5), ((1, 3, None), (None, None, 2))),
    ((4, 5), (None, ..., -1, None)),
    ((), (None,)),
    ((0, 3), ((None, None, None), 2)),
    ((4,), ((3, 1, None),)),
    ((2, 3, 4), (..., (1, None, 2))),
)


@operation
class SliceScatter(Region):
    """The first operand with a part of it replaced by the second."""

    starts: tuple[int, ...]
    stops: tuple[int, ...]
    steps: tuple[int, ...]
    dropped: tuple[int, ...] = ()
    inserted: tuple[int, ...] = ()
    name = "slice_scatter"
    kind = Kind.SCATTER
    differentiable = True

    def infer(self, *operands: Spec) -> Spec:
        whole, part = operands
        wanted = Spec(self.part_shape(whole.shape), whole.dtype)
        if part != wanted:
            raise ShapeError(f"slice_scatter: a {part} does not replace a {wanted} of a {whole}")
        return whole

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """An element of the part where there is one, else of the whole."""
        bounds = list(zip(index, self.starts, self.stops, self.steps, strict=True))
        part = [
            (position - start) // step
            for dim, (position, start, _, step) in enumerate(bounds)
            if dim not in self.dropped
        ]
        for place in self.inserted:
            part.insert(place, build.position(0))
        return build.choose(inside(build, bounds), lambda: build.read(1, tuple(part)), lambda: build.read(0, index))

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        result = xp.array(operands[0], order="C", copy=True)
        result[self.index] = operands[1]
        return result

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return (
            lambda: dispatch.apply(self, g, dispatch.apply(full_operation(b.shape, 0, g.dtype))),
            lambda: dispatch.apply(BasicIndex(*self.geometry), g),
        )

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape, key in _SAMPLES:
            made = basic_operation(shape, key)
            whole = rng.random(shape).astype(np.float32)
            yield Sample(cls(*made.geometry), (whole, -made.evaluate(np, whole)))


@operation
class Pad(Operation):
    """A tensor of one value in which the operand stands, element i of dimension d at `starts[d] + i * steps[d]`."""

    shape: tuple[int, ...]
    starts: tuple[int, ...]
    steps: tuple[int, ...]
    value: float | int | bool = 0
    name = "pad"
    kind = Kind.MOVEMENT
    differentiable = True

    def _stops(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(a + (n - 1) * s + 1 if n else a for a, n, s in zip(self.starts, sizes, self.steps, strict=True))

    def infer(self, *operands: Spec) -> Spec:
        sizes = operands[0].shape
        if len(sizes) != len(self.shape) or any(
            stop > size for stop, size in zip(self._stops(sizes), self.shape, strict=True)
        ):
            raise ShapeError(
                f"pad: shape {sizes} at {self.starts} with steps {self.steps} does not fit in {self.shape}"
            )
        return Spec(self.shape, operands[0].dtype)

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """An element of the operand where it stands, else the value."""
        stops = self._stops(build.specs[0].shape)
        bounds = list(zip(index, self.starts, stops, self.steps, strict=True))
        source = tuple((position - start) // step for position, start, _, step in bounds)
        return build.choose(inside(build, bounds), lambda: build.read(0, source), lambda: build.literal(self.value))

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (part,) = operands
        result = xp.zeros(self.shape, part.dtype) if self.value == 0 else xp.full(self.shape, self.value, part.dtype)
        bounds = zip(self.starts, self._stops(part.shape), self.steps, strict=True)
        result[tuple(slice(start, stop, step) for start, stop, step in bounds)] = part
        return result

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: dispatch.apply(BasicIndex(self.starts, self._stops(a.shape), self.steps), g),)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        cases: tuple[tuple[tuple[int, ...], ...], ...] = (
            ((2, 3), (4, 7), (1, 2), (1, 2)),
            ((), (), (), ()),
            ((0, 2), (3, 2), (1, 0), (1, 1)),
            ((3,), (3,), (0,), (1,)),
        )
        for source, shape, starts, steps in cases:
            for value in (0, 1.5):
                yield Sample(cls(shape, starts, steps, value), (rng.random(source).astype(np.float32),))


@lru_cache(maxsize=4096)
def basic_operation(shape: tuple[int, ...], key: tuple[Any, ...]) -> BasicIndex:
    """The canonical operation of an index whose slices are written as (start, stop, step) so that it can be cached.

    Raises:
        IndexingError: when there are too many indices, or one is out of range; it names index, dimension and size.
    """
    consumed = sum(item is not None and item is not ... for item in key)
    if key.count(...) > 1:
        raise IndexingError("getitem: an index can contain one ellipsis ('...') only")
    if consumed > len(shape):
        raise IndexingError(f"getitem: {consumed} indices for shape {shape} of {len(shape)} dimensions")
    everything = ((None, None, None),) * (len(shape) - consumed)
    place = key.index(...) if ... in key else len(key)
    bounds: list[tuple[int, int, int]] = []
    dropped: list[int] = []
    inserted: list[int] = []
    position = 0
    for item in (*key[:place], *everything, *key[place + 1 :]):
        if item is None:
            inserted.append(position)
            position += 1
            continue
        dim = len(bounds)
        size = shape[dim]
        if isinstance(item, int):
            if not -size <= item < size:
                raise IndexingError(f"getitem: index {item} is out of range for dimension {dim} of size {size}")
            dropped.append(dim)
            bounds.append((item % size, item % size + 1, 1))
            continue
        span = range(*slice(*item).indices(size))
        position += 1
        if len(span) < 2:
            bounds.append((span.start, span.start + 1, 1) if len(span) else (0, 0, 1))
        else:
            bounds.append((span.start, span[-1] + 1, span.step))
    starts, stops, steps = zip(*bounds, strict=True) if bounds else ((), (), ())
    return BasicIndex(starts, stops, steps, tuple(dropped), tuple(inserted))


def operation_of(index: tuple[Any, ...], parent: Any) -> BasicIndex:
    """The operation for an index of NumPy's form, found when it is needed."""
    key = tuple([(item.start, item.stop, item.step) if type(item) is slice else item for item in index])
    return basic_operation(parent.shape, key)


def basic_view(input: "Tensor", index: tuple[Any, ...]) -> "Tensor":
    """The view for a tuple of ints, slices with a step above 0, None and one Ellipsis.

    The Ellipsis may be left out only if the result has dimensions.
    """
    data = input._data
    try:
        part = data[index]
    except IndexError as error:
        operation_of(index, input)
        raise IndexingError(f"getitem: {error}") from error
    return dispatch.view(input, part, partial(operation_of, index))  # type: ignore[no-any-return]
