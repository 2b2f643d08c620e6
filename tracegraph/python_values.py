"""How the values of a tensor get to Python and NumPy: `item`, `tolist`, `numpy`, conditions, printing.

Everything here tells an active recorder, because a graph cannot follow a value into Python.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tracegraph import _state
from tracegraph.formatting import format_tensor
from tracegraph.operators import Operators
from tracegraph.runtime.errors import ArgumentTypeError, GradientError, ShapeError
from tracegraph.sharing import address_of, expose_memory

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

_Decided = TypeVar("_Decided", bool, int)


class PythonValues(Operators):
    """The part of a tensor that gives its values away."""

    _data: np.ndarray

    def _escape(self, how: str) -> None:
        """Tell an active recorder that the value goes to Python, where the graph cannot follow."""
        recorder = _state.active_recorder()
        if recorder is not None:
            recorder.escape(self, how)

    def _decide(self, kind: Callable[[Any], _Decided], how: str) -> _Decided:
        """The only element as a bool or int, of which an active recorder is told that it may decide what follows."""
        recorder = _state.active_recorder()
        if recorder is None:
            return kind(self._data.item())
        recorder.awaits(self, how)
        outcome = kind(self._data.item())
        recorder.decides(self, how, outcome)
        return outcome

    def data_ptr(self) -> int:
        """Address of the first element."""
        self._escape("data_ptr")
        expose_memory(self)
        return address_of(self._data)

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The data as a NumPy array that shares memory; with `force` also where the tensor requires grad.

        Raises:
            GradientError: when the tensor requires grad and grad mode is on, without `force` (use `detach()`).
        """
        if self.requires_grad and not force and _state.local.grad_enabled:
            raise GradientError("numpy(): the tensor requires grad; use tensor.detach().numpy()")
        self._escape("numpy()")
        expose_memory(self)
        return self._data

    def item(self) -> Any:
        """The only element as a Python number."""
        if self._data.size != 1:
            raise ShapeError(f"item: a tensor of shape {self.shape} has {self._data.size} elements, not one")
        self._escape("item()")
        return self._data.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        self._escape("tolist()")
        return self._data.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad and _state.local.grad_enabled:
            raise GradientError("a tensor that requires grad does not become a NumPy array by itself; use detach()")
        self._escape("a NumPy function")
        expose_memory(self)
        return np.array(self._data, dtype=dtype, copy=copy)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        if self.requires_grad and _state.local.grad_enabled:
            raise GradientError("a tensor that requires grad does not become a NumPy array by itself; use detach()")
        self._escape("a NumPy function")
        expose_memory(self)
        return self._data.__array_interface__

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """NumPy's own functions on a tensor work on its data; a NumPy operator with a tensor becomes the tensor's."""
        reflected = _REFLECTED.get(ufunc.__name__)
        if (
            method == "__call__"
            and len(inputs) == 2
            and not kwargs
            and reflected
            and not isinstance(inputs[0], PythonValues)
        ):
            return getattr(inputs[1], reflected)(inputs[0])
        arrays = [np.asarray(value) if isinstance(value, PythonValues) else value for value in inputs]
        return getattr(ufunc, method)(*arrays, **kwargs)

    def __dlpack__(self, **options: Any) -> Any:
        if self.requires_grad:
            raise GradientError("__dlpack__: the tensor requires grad; use detach()")
        self._escape("DLPack")
        expose_memory(self)
        return self._data.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._data.__dlpack_device__()

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ShapeError(f"the truth value of a tensor of shape {self.shape} is ambiguous; use any() or all()")
        if not _state.recording:
            return bool(self._data)
        return self._decide(bool, "a condition (bool)")

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        if self._data.size != 1:
            raise ShapeError(f"int: a tensor of shape {self.shape} has {self._data.size} elements, not one")
        return self._decide(int, "int()")

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iub":
            raise ArgumentTypeError(f"only integer tensors can be an index, not {self.dtype}")
        if self._data.size != 1:
            raise ShapeError(f"index: a tensor of shape {self.shape} has {self._data.size} elements, not one")
        return self._decide(int, "use as an index")

    def __len__(self) -> int:
        if self._data.ndim == 0:
            raise ArgumentTypeError("len() of a 0-d tensor")
        return int(self._data.shape[0])

    def __iter__(self) -> Iterator["Tensor"]:
        if self._data.ndim == 0:
            raise ArgumentTypeError("iteration over a 0-d tensor")
        return iter([self[position] for position in range(self._data.shape[0])])

    def __reversed__(self) -> "Tensor":
        return self.flip(0 if self._data.ndim else ())  # type: ignore[no-any-return]

    def __contains__(self, value: Any) -> bool:
        found = self == value
        return isinstance(found, PythonValues) and bool(found.any())

    def __repr__(self) -> str:
        self._escape("repr")
        return format_tensor(self)

    def __format__(self, specification: str) -> str:
        if self._data.ndim == 0:
            return format(self.item(), specification)
        return object.__format__(self, specification)


_REFLECTED = {
    "add": "__radd__", "subtract": "__rsub__", "multiply": "__rmul__", "divide": "__rtruediv__", "power": "__rpow__",
    "floor_divide": "__rfloordiv__", "remainder": "__rmod__", "matmul": "__rmatmul__", "equal": "__eq__",
    "not_equal": "__ne__", "less": "__gt__", "less_equal": "__ge__", "greater": "__lt__", "greater_equal": "__le__",
    "bitwise_and": "__rand__", "bitwise_or": "__ror__", "bitwise_xor": "__rxor__",
    "left_shift": "__rlshift__", "right_shift": "__rrshift__",
}  # fmt: skip
