"""Numbers at equal distances, and their powers: `linspace`, `logspace`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, ShapeError

from . import dispatch
from .base import Array, Sample, operation
from .creation import Creation, arange, finish
from .dispatch import public
from .spec import DType, Spec, as_dtype, float32, float64, int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["linspace", "logspace"]


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


def _spaced(name: str, start: Any, end: Any, steps: Any, cut: DType) -> "Tensor":
    """`steps` numbers in float64; the ends are cut to whole numbers first if `cut` is a dtype of such."""
    if not hasattr(steps, "__index__"):
        raise ArgumentTypeError(f"{name}: the number of steps must be an int, got {steps!r}")
    count = int(steps.__index__())
    if count < 0:
        raise ArgumentError(f"{name}: the number of steps cannot be negative, got {count}")
    ends = [start, end]
    for value in ends:
        if getattr(value, "ndim", 0):
            raise ShapeError(f"{name}: an end must be a number or a 0-d tensor, got shape {value.shape}")
    if not any(hasattr(value, "_data") for value in ends):
        first, last = (float(int(value)) if cut.kind != "f" else float(value) for value in ends)
        return dispatch.apply(Linspace(first, last, count, float64))  # type: ignore[no-any-return]
    first, last = (dispatch.as_tensor(value).detach().to(float64) for value in ends)
    if cut.kind != "f":
        first, last = first.trunc(), last.trunc()
    places = arange(count, dtype=float64)
    step = (last - first) / max(count - 1, 1)
    return (first + places * step).where(places < max(count // 2, 1), last - (count - 1 - places) * step)  # type: ignore[no-any-return]


@public(method=False)
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
    **ignored: Any,
) -> "Tensor":
    """`steps` numbers from `start` to `end` (numbers or 0-d tensors), both included, at equal distances.

    >>> tracegraph.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    target = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
    result = _spaced("linspace", start, end, steps, target).to(target)
    return finish(result, requires_grad, device, ignored)


@public(method=False)
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
    **ignored: Any,
) -> "Tensor":
    """`base` to the powers `linspace(start, end, steps)`.

    >>> tracegraph.logspace(0, 2, 3, base=2)
    tensor([1., 2., 4.])
    """
    target = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
    powers = dispatch.constant(float(base), float64) ** _spaced("logspace", start, end, steps, target)
    return finish(powers.to(target), requires_grad, device, ignored)
