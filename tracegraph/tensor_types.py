"""The constructors of older scripts: `Tensor(2, 3)`, `FloatTensor([1.0])`, `LongTensor(3)`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph import eager
from tracegraph.compiler.ops.creation import empty
from tracegraph.compiler.ops.facts import TYPE_NAMES
from tracegraph.compiler.ops.spec import DType
from tracegraph.construct import tensor
from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ArgumentTypeError, DTypeError
from tracegraph.tensor import Tensor

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


def new_tensor(*data: Any, device: Any = None) -> Tensor:
    """What `Tensor(...)` gives: of the default dtype, see `construct`."""
    return construct("Tensor", eager.default_dtype(), data, device)


def construct(name: str, dtype: DType, data: tuple[Any, ...], device: Any = None) -> Tensor:
    """A tensor of these sizes (whole numbers), or with a copy of this sequence or array, or over this tensor's memory.

    Tensors keep their dtype where the name is "Tensor".

    Raises:
        ArgumentTypeError: for anything else.
        DTypeError: for a tensor of another dtype.
    """
    check_device(name, device)
    if all(isinstance(size, int | np.integer) and not isinstance(size, bool) for size in data):
        return empty(data or (0,), dtype=dtype)
    if len(data) != 1 or not isinstance(data[0], Tensor | np.ndarray | Sequence) or isinstance(data[0], str | bytes):
        raise ArgumentTypeError(f"{name}: takes sizes, one sequence, one array or one tensor; got {data!r}")
    (given,) = data
    if not isinstance(given, Tensor):
        return tensor(given, dtype=dtype)
    if given.dtype != dtype and name != "Tensor":
        raise DTypeError(f"{name}: takes a tensor of {dtype}, got one of {given.dtype}; use to()")
    return given.detach()


class TensorType(type):
    """The class of `FloatTensor` and the like: called it makes tensors, asked with isinstance it looks at the dtype."""

    dtype: DType

    def __call__(cls, *data: Any, device: Any = None) -> Any:
        """A new tensor of this dtype."""
        return construct(cls.__name__, cls.dtype, data, device)

    def __instancecheck__(cls, value: Any) -> bool:
        """Whether the value is a tensor of this dtype."""
        return isinstance(value, Tensor) and value.dtype == cls.dtype


def _type(name: str) -> TensorType:
    return TensorType(name, (), {"dtype": TYPE_NAMES[name]})


HalfTensor = _type("HalfTensor")
FloatTensor = _type("FloatTensor")
DoubleTensor = _type("DoubleTensor")
ByteTensor = _type("ByteTensor")
CharTensor = _type("CharTensor")
ShortTensor = _type("ShortTensor")
IntTensor = _type("IntTensor")
LongTensor = _type("LongTensor")
BoolTensor = _type("BoolTensor")
