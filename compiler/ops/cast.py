"""Changing dtype, copying: `to`, `clone`, `contiguous`, `float`, `long` and the like."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentTypeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .dispatch import public
from .pointwise import Pointwise
from .spec import DTYPES, DType, Spec, as_dtype, bool_, float16, float32, float64, int32, int64, uint8

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["clone", "to"]


@operation
class Cast(Operation):
    """The same values in another dtype, as C converts them (floats to integers truncate)."""

    dtype: DType
    name = "cast"
    kind = Kind.POINTWISE
    differentiable = True

    def infer(self, *operands: Spec) -> Spec:
        return Spec(operands[0].shape, self.dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return operands[0].astype(self.dtype)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: to(g, a.dtype),)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        values = np.array([[0.0, 1.0, 2.7], [3.2, 100.5, 7.0]])
        for source in DTYPES:
            for target in DTYPES:
                yield Sample(cls(target), (values.astype(source),))


@operation
class Copy(Pointwise):
    """The same values in new memory; the compiler removes it."""

    name = "copy"
    expression = "{0}"
    ufunc = np.positive
    differentiable = True
    inlines = True
    idempotent = True
    sample_dtypes = ("float32", "int64")

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.array(operands[0], order="C", copy=True)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (g,)


COPY = Copy()


@public()
def clone(input: "Tensor") -> "Tensor":
    """A copy in new memory, through which gradients flow.

    >>> tracegraph.clone(tracegraph.tensor([1, 2]))
    tensor([1, 2])
    """
    return dispatch.apply(COPY, input)  # type: ignore[no-any-return]


@public()
def to(input: "Tensor", *targets: Any, dtype: Any = None, device: Any = None, copy: bool = False) -> "Tensor":
    """The tensor in another dtype (or on a device): itself where nothing changes.

    >>> tracegraph.to(tracegraph.tensor([1.7, -1.7]), tracegraph.int64)
    tensor([ 1, -1])
    """
    for target in targets:
        if hasattr(target, "_data"):
            dtype = target.dtype
        elif isinstance(target, str) and target.split(":")[0] in ("cpu", "cuda"):
            device = target
        elif target is not None:
            dtype = target
    if device is not None and str(device) != "cpu":
        raise ArgumentTypeError(f"to: device {device!r} is not available; this build runs on 'cpu'")
    target_dtype = input.dtype if dtype is None else as_dtype(dtype)
    if input.dtype == target_dtype:
        return clone(input) if copy else input
    return dispatch.apply(Cast(target_dtype), input)  # type: ignore[no-any-return]
