"""PyTorch's first constructors: `Tensor(2, 3)` of sizes, `Tensor([1, 2])` of data, and `FloatTensor` and its like."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.compiler.ops import creation, dispatch
from tracegraph.compiler.ops.spec import DType, bool_, float16, float32, float64, int8, int16, int32, int64, uint8
from tracegraph.runtime.errors import ArgumentTypeError, DTypeError

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor


def construct(name: str, dtype: DType, arguments: tuple[Any, ...]) -> "Tensor":
    """A tensor of `dtype`: of zeros in the sizes given as integers, with a copy of a sequence's data, or sharing a
    tensor's memory.

    Raises:
        ArgumentTypeError: for anything else.
        DTypeError: when a constructor of another dtype gets the tensor.
    """
    if all(isinstance(size, Integral) for size in arguments):
        return creation.zeros([int(size) for size in arguments] if arguments else (0,), dtype=dtype)
    data = arguments[0]
    if len(arguments) == 1 and hasattr(data, "_data"):
        if name != "Tensor" and data.dtype != dtype:
            raise DTypeError(f"{name}: takes tensors of {dtype}, not of {data.dtype}; use to({dtype})")
        return data.detach()  # type: ignore[no-any-return]
    if len(arguments) == 1 and isinstance(data, Sequence | np.ndarray) and not isinstance(data, str | bytes):
        return dispatch.as_tensor(data, dtype=dtype, copy=True)  # type: ignore[no-any-return]
    kinds = ", ".join(type(value).__name__ for value in arguments)
    raise ArgumentTypeError(f"{name}: takes sizes or one sequence of data, got {kinds}; for numbers use tensor()")


@dataclass(frozen=True)
class TypedTensor:
    """What `FloatTensor` is: makes tensors of a dtype, stands for it in `type()`, and can be asked by `isinstance`.

    >>> tracegraph.LongTensor([1, 2])
    tensor([1, 2])
    >>> isinstance(tracegraph.zeros(2), tracegraph.FloatTensor)
    True
    """

    name: str
    dtype: DType

    def __call__(self, *arguments: Any) -> "Tensor":
        """A tensor of the dtype, of sizes or of data."""
        return construct(self.name, self.dtype, arguments)

    def __instancecheck__(self, value: Any) -> bool:
        return hasattr(value, "_data") and bool(value.dtype == self.dtype)

    def __repr__(self) -> str:
        return f"tracegraph.{self.name}"


HalfTensor = TypedTensor("HalfTensor", float16)
FloatTensor = TypedTensor("FloatTensor", float32)
DoubleTensor = TypedTensor("DoubleTensor", float64)
ByteTensor = TypedTensor("ByteTensor", uint8)
CharTensor = TypedTensor("CharTensor", int8)
ShortTensor = TypedTensor("ShortTensor", int16)
IntTensor = TypedTensor("IntTensor", int32)
LongTensor = TypedTensor("LongTensor", int64)
BoolTensor = TypedTensor("BoolTensor", bool_)

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
]
