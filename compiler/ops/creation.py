"""Tensors from nothing: `zeros`, `ones`, `full`, `arange`, `eye`."""

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, ShapeError

from . import dispatch
from .base import Array, Kind, Operation, Sample, operation
from .dispatch import public
from .movement import shape_argument
from .spec import DType, Spec, as_dtype, bool_, float32, float64, int32, int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["arange", "empty", "eye", "full", "ones", "zeros"]


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


def check_ignored(keywords: Mapping[str, Any]) -> None:
    """Refuse keyword arguments but those of PyTorch that change nothing here.

    Raises:
        ArgumentTypeError: for one of them.
    """
    for name, value in keywords.items():
        if name == "out" and value is None:
            continue
        if name not in _IGNORED:
            raise ArgumentTypeError(f"creation: unexpected keyword argument {name!r}")
        if name == "layout" and value not in (None, "strided"):
            raise ArgumentTypeError(f"creation: layout {value!r} is not available; tensors are strided")


@lru_cache(maxsize=1024, typed=True)
def full_operation(shape: tuple[int, ...], value: float | int | bool, dtype: DType) -> Full:
    """`Full`, checked, the same object for the same attributes."""
    made = Full(shape, value, dtype)
    made.infer()
    return made


_IGNORED = {"layout", "pin_memory", "memory_format"}
"""Keyword arguments of PyTorch that change nothing here: there is one layout, and no memory that is better for GPUs."""


def finish(
    result: "Tensor", requires_grad: bool, device: Any, ignored: Mapping[str, Any] = MappingProxyType({})
) -> "Tensor":
    """The end of a creation function: sets `requires_grad`, refuses other devices than the CPU and unknown keywords.

    Raises:
        ArgumentTypeError: for one of them.
    """
    check_device("creation of a tensor", device)
    if ignored:
        check_ignored(ignored)
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
def zeros(
    *sizes: Any, size: Any = None, dtype: Any = None, requires_grad: bool = False, device: Any = None, **ignored: Any
) -> "Tensor":
    """A tensor of zeros; the size is given as ints or as a sequence. The dtype is the default float unless given.

    >>> tracegraph.zeros(2, 3).shape
    (2, 3)
    """
    target = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
    result: Tensor = dispatch.apply(full_operation(shape_argument(sizes if size is None else (size,)), 0, target))
    if requires_grad or device is not None or ignored:
        return finish(result, requires_grad, device, ignored)
    return result


@public(method=False)
def ones(
    *sizes: Any, size: Any = None, dtype: Any = None, requires_grad: bool = False, device: Any = None, **ignored: Any
) -> "Tensor":
    """A tensor of ones; the size is given as ints or as a sequence. The dtype is the default float unless given.

    >>> tracegraph.ones(2)
    tensor([1., 1.])
    """
    target = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
    result: Tensor = dispatch.apply(full_operation(shape_argument(sizes if size is None else (size,)), 1, target))
    if requires_grad or device is not None or ignored:
        return finish(result, requires_grad, device, ignored)
    return result


@public(method=False)
def empty(
    *sizes: Any, size: Any = None, dtype: Any = None, requires_grad: bool = False, device: Any = None, **ignored: Any
) -> "Tensor":
    """A tensor to be filled later. Its elements are zero, so that a program that reads them by mistake is repeatable.

    >>> tracegraph.empty(2, 0).shape
    (2, 0)
    """
    return zeros(*sizes, size=size, dtype=dtype, requires_grad=requires_grad, device=device, **ignored)


@public(method=False)
def full(
    size: Any, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False, device: Any = None, **ignored: Any
) -> "Tensor":
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
    return finish(result, requires_grad, device, ignored)


def python_number(value: Any) -> Any:
    """A number of Python for a number, or for a 0-d tensor (an integer then decides how a trace goes on)."""
    if hasattr(value, "_data") and value.dtype.kind in "iu":
        return int(value)
    return value.item() if hasattr(value, "item") else value


@lru_cache(maxsize=1024, typed=True)
def _arange_operation(start: Any, end: Any, step: Any, dtype: DType) -> Arange:
    if step == 0:
        raise ArgumentError("arange: step must not be 0")
    if (end - start) * (1 if step > 0 else -1) < 0:
        raise ArgumentError(f"arange: a step of {step} does not lead from {start} to {end}")
    if dtype == int64:  # only here PyTorch cuts off the fractions before it counts
        start, end, step = int(start), int(end), int(step)
    if isinstance(start, int) and isinstance(end, int) and isinstance(step, int):
        return Arange(start, step, -((start - end) // step), dtype)
    if dtype.kind != "f":
        return Arange(int(start), int(step), math.ceil((end - start) / step), dtype)
    return Arange(float(start), float(step), math.ceil((end - start) / step), dtype)


@public(method=False)
def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
    **ignored: Any,
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
        start, end, step = (python_number(value) for value in (start, end, step))
    if dtype is not None:
        target = as_dtype(dtype)
    else:
        target = dispatch.default_dtype() if float in (type(start), type(end), type(step)) else int64
    result = dispatch.apply(_arange_operation(start, end, step, target))
    return finish(result, requires_grad, device, ignored) if requires_grad or device is not None or ignored else result


@public(method=False)
def eye(
    n: int, m: int | None = None, *, dtype: Any = None, requires_grad: bool = False, device: Any = None, **ignored: Any
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
    return finish(dispatch.apply(Eye(rows, columns, target)), requires_grad, device, ignored)
