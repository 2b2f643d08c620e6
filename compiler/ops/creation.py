"""Tensors from nothing: `zeros`, `ones`, `full`, `arange`, `linspace`, `eye`."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ArgumentError, ShapeError

from . import dispatch
from .base import Array, Kind, Operation, Sample, operation
from .dispatch import public
from .movement import shape_argument
from .spec import DType, Spec, as_dtype, bool_, float32, float64, int32, int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["arange", "empty", "eye", "full", "linspace", "logspace", "ones", "zeros"]


class Creation(Operation):
    """A tensor that follows from the attributes alone; it has no operands."""

    kind = Kind.CREATION
    inlines = True


@operation
class Full(Creation):
    """Every element is `value` (never -0.0: attributes are compared as numbers)."""

    shape: tuple[int, ...]
    value: float | int | bool
    dtype: DType
    name = "full"

    def infer(self, *operands: Spec) -> Spec:
        if min(self.shape, default=0) < 0:
            raise ShapeError(f"full: sizes cannot be negative, got {self.shape}")
        return Spec(self.shape, self.dtype)

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """The value."""
        return build.literal(self.value)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        if self.value == 0:
            return xp.zeros(self.shape, self.dtype)
        return xp.full(self.shape, self.value, self.dtype)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for shape in ((2, 3), (), (0, 2)):
            for value, dtype in ((0, float32), (1.5, float64), (7, int64), (True, bool_), (math.inf, float32)):
                yield Sample(cls(shape, value, dtype), ())


@operation
class Arange(Creation):
    """Element i is `start + i * step`, computed in float64 (integers: int64) and converted to the dtype."""

    start: float | int
    step: float | int
    size: int
    dtype: DType
    name = "arange"

    def infer(self, *operands: Spec) -> Spec:
        return Spec((self.size,), self.dtype)

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """`start + i * step`, converted."""
        dtype = int64 if isinstance(self.start, int) else float64
        literals = (build.literal(self.start, dtype), build.literal(self.step, dtype))
        value = build.apply("{1} + {0} * {2}", build.number(index[0], dtype), *literals, dtype=dtype)
        return build.convert(value, self.dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        if self.step == 1 and isinstance(self.start, int) and self.dtype.kind != "b":
            return xp.arange(self.start, self.start + self.size, dtype=self.dtype)
        positions = xp.arange(self.size, dtype=int64 if isinstance(self.start, int) else float64)
        return (self.start + positions * self.step).astype(self.dtype)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for start, step, size, dtype in (
            (0, 1, 5, int64),
            (3, -2, 4, int32),
            (0.5, 0.25, 7, float32),
            (0, 1, 0, float64),
        ):
            yield Sample(cls(start, step, size, dtype), ())


@operation
class Linspace(Creation):
    """`size` values from `start` to `end`, both included, evenly spaced; computed in float64 from the nearer end."""

    start: float
    end: float
    size: int
    dtype: DType
    name = "linspace"

    def infer(self, *operands: Spec) -> Spec:
        return Spec((self.size,), self.dtype)

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """Counted from the start in the first half, from the end in the second."""
        if self.size <= 1:
            return build.convert(build.literal(self.start, float64), self.dtype)
        step = build.literal((self.end - self.start) / (self.size - 1), float64)

        def counted(template: str, origin: float, position: Any) -> Any:
            number = build.number(position, float64)
            return build.convert(
                build.apply(template, number, build.literal(origin, float64), step, dtype=float64), self.dtype
            )

        return build.choose(
            (build.less(index[0], self.size // 2),),
            lambda: counted("{1} + {0} * {2}", self.start, index[0]),
            lambda: counted("{1} - {0} * {2}", self.end, self.size - 1 - index[0]),
        )

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        if self.size == 1:
            return xp.full((1,), self.start, float64).astype(self.dtype)
        positions = xp.arange(self.size, dtype=float64)
        step = (self.end - self.start) / (self.size - 1) if self.size else 0.0
        backward = self.end - (self.size - 1 - positions) * step
        return xp.where(positions < self.size // 2, self.start + positions * step, backward).astype(self.dtype)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for start, end, size, dtype in (
            (0.0, 1.0, 5, float32),
            (3.0, -2.0, 4, float64),
            (1.0, 9.0, 1, float32),
            (0.0, 1.0, 0, int64),
        ):
            yield Sample(cls(start, end, size, dtype), ())


@operation
class Eye(Creation):
    """One on the main diagonal of a matrix, zero elsewhere."""

    rows: int
    columns: int
    dtype: DType
    name = "eye"

    def infer(self, *operands: Spec) -> Spec:
        return Spec((self.rows, self.columns), self.dtype)

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """One where row and column agree."""
        distance = index[1] - index[0]
        conditions = (build.at_least(distance, 0), build.less(distance, 1))
        return build.choose(conditions, lambda: build.literal(1), lambda: build.literal(0))

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.eye(self.rows, self.columns, dtype=self.dtype)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for rows, columns, dtype in ((3, 3, float32), (2, 4, int64), (0, 2, float64), (3, 1, bool_)):
            yield Sample(cls(rows, columns, dtype), ())


@lru_cache(maxsize=1024, typed=True)
def full_operation(shape: tuple[int, ...], value: float | int | bool, dtype: DType) -> Full:
    """`Full`, checked, the same object for the same attributes."""
    made = Full(shape, value, dtype)
    made.infer()
    return made


def finish(result: "Tensor", requires_grad: bool, device: Any) -> "Tensor":
    """The end of a creation function: sets `requires_grad` and refuses other devices than the CPU."""
    check_device("creation of a tensor", device)
    return result.requires_grad_() if requires_grad else result


def filled(shape: tuple[int, ...], value: Any, dtype: DType) -> "Tensor":
    """A new tensor in which every element is a Python number."""
    if value == 0 and math.copysign(1.0, value) < 0:
        return -dispatch.apply(full_operation(shape, 0, dtype)) if dtype.kind == "f" else filled(shape, 0, dtype)
    if dtype.kind == "b":
        value = bool(value)
    elif dtype.kind != "f" and isinstance(value, float):
        value = int(value)
    return dispatch.apply(full_operation(shape, value, dtype))  # type: ignore[no-any-return]


@public(method=False)
def zeros(*size: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> "Tensor":
    """A tensor of zeros; the size is given as ints or as a sequence. The dtype is the default float unless given.

    >>> tracegraph.zeros(2, 3).shape
    (2, 3)
    """
    target = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
    result = dispatch.apply(full_operation(shape_argument(size), 0, target))
    return finish(result, requires_grad, device) if requires_grad or device is not None else result


@public(method=False)
def ones(*size: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> "Tensor":
    """A tensor of ones; the size is given as ints or as a sequence. The dtype is the default float unless given.

    >>> tracegraph.ones(2)
    tensor([1., 1.])
    """
    target = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
    result = dispatch.apply(full_operation(shape_argument(size), 1, target))
    return finish(result, requires_grad, device) if requires_grad or device is not None else result


@public(method=False)
def empty(*size: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> "Tensor":
    """A tensor to be filled later. Its elements are zero, so that a program that reads them by mistake is repeatable.

    >>> tracegraph.empty(2, 0).shape
    (2, 0)
    """
    return zeros(*size, dtype=dtype, requires_grad=requires_grad, device=device)


@public(method=False)
def full(size: Any, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> "Tensor":
    """A tensor in which every element is `fill_value`, a number or a 0-d tensor, whose kind gives the dtype.

    >>> tracegraph.full((2,), 7)
    tensor([7, 7])
    """
    shape = shape_argument((size,))
    if dtype is not None:
        target = as_dtype(dtype)
    else:
        target = dispatch.default_dtype() if type(fill_value) is float else dispatch.result_type(fill_value)
    if hasattr(fill_value, "_data"):
        result = fill_value.to(target).expand(shape).clone()
    else:
        result = filled(shape, fill_value.item() if isinstance(fill_value, np.generic) else fill_value, target)
    return finish(result, requires_grad, device)


@lru_cache(maxsize=1024, typed=True)
def _arange_operation(start: Any, end: Any, step: Any, dtype: DType) -> Arange:
    if step == 0:
        raise ArgumentError("arange: step must not be 0")
    if (end - start) * (1 if step > 0 else -1) < 0:
        raise ArgumentError(f"arange: a step of {step} does not lead from {start} to {end}")
    if isinstance(start, int) and isinstance(end, int) and isinstance(step, int):
        return Arange(start, step, -((start - end) // step), dtype)
    if dtype.kind != "f":
        return Arange(int(start), int(step), math.ceil((end - start) / step), dtype)
    return Arange(float(start), float(step), math.ceil((end - start) / step), dtype)


@public(method=False)
def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> "Tensor":
    """The numbers from `start` (0 if only one is given) to before `end`, in steps.

    int64 for ints, else the default float.

    Raises:
        ArgumentError: when the step is 0 or leads away from `end`.

    >>> tracegraph.arange(2, 8, 2)
    tensor([2, 4, 6])
    """
    if end is None:
        start, end = 0, start
    if not (type(start) is int and type(end) is int and type(step) is int):
        start, end, step = (value.item() if hasattr(value, "item") else value for value in (start, end, step))
    if dtype is not None:
        target = as_dtype(dtype)
    else:
        target = dispatch.default_dtype() if float in (type(start), type(end), type(step)) else int64
    result = dispatch.apply(_arange_operation(start, end, step, target))
    return finish(result, requires_grad, device) if requires_grad or device is not None else result


@public(method=False)
def linspace(
    start: float, end: float, steps: int, *, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> "Tensor":
    """`steps` numbers from `start` to `end`, both included, at equal distances.

    >>> tracegraph.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if steps < 0:
        raise ArgumentError(f"linspace: the number of steps cannot be negative, got {steps}")
    target = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
    result = dispatch.apply(Linspace(float(start), float(end), int(steps), target))
    return finish(result, requires_grad, device)


@public(method=False)
def logspace(
    start: float,
    end: float,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
) -> "Tensor":
    """`base` to the powers `linspace(start, end, steps)`.

    >>> tracegraph.logspace(0, 2, 3, base=2)
    tensor([1., 2., 4.])
    """
    target = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
    powers = dispatch.constant(float(base), float64) ** linspace(start, end, steps, dtype=float64)
    return finish(powers.to(target), requires_grad, device)


@public(method=False)
def eye(
    n: int, m: int | None = None, *, dtype: Any = None, requires_grad: bool = False, device: Any = None
) -> "Tensor":
    """A matrix with ones on the diagonal.

    >>> tracegraph.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    rows, columns = int(n), int(n if m is None else m)
    if min(rows, columns) < 0:
        raise ArgumentError(f"eye: sizes cannot be negative, got {rows} and {columns}")
    target = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
    return finish(dispatch.apply(Eye(rows, columns, target)), requires_grad, device)
