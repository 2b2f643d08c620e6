"""`Listener`: what an active recorder is told by the eager executor, the tensors and the tape."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.compiler.ops.base import Operation
from tracegraph.tensor import Tensor, wrap


class Listener:
    """Hears of everything and does nothing about it; recorders override what they need."""

    def matched(self, operation: Operation, first: Tensor, second: Tensor, arity: int) -> Tensor | None:
        """The result of an operation of one or two operands, if it is known beforehand what is done here."""
        return None

    def assign(self, target: Tensor, value: Tensor) -> None:
        """`value` is about to be written into the memory of `target`; `store` does it."""

    def store(self, target: Tensor, value: Tensor) -> None:
        """Copy the value into the memory of the target."""
        np.copyto(target._data, value._data)

    def alias(self, tensor: Tensor, result: Tensor) -> None:
        """`result` is over the same array as `tensor`."""

    def same_value(self, tensor: Tensor, data: np.ndarray) -> None:
        """`tensor` is made anew for the tape over the array of a tensor saved before."""

    def literal(self, tensor: Tensor) -> None:
        """A tensor was made from numbers of Python. It is a constant in this call only: later it may be changed."""
        tensor._literal = False

    def from_array(self, array: np.ndarray, tensor: Tensor) -> None:
        """A tensor was made from a NumPy array."""

    def scalar(self, get: Callable[[], Any], value: Any, dtype: Any, label: str) -> Tensor:
        """A 0-d tensor for a number that may differ on every call; `get` fetches it again."""
        return wrap(np.array(value, dtype))

    def escape(self, tensor: Tensor, how: str) -> None:
        """A value goes to Python."""

    def awaits(self, tensor: Tensor, how: str) -> None:
        """The value of a tensor is about to be read for a decision."""

    def decides(self, tensor: Tensor, how: str, outcome: int) -> None:
        """A truth value (then `outcome` is a bool) or a whole number goes to Python, which may branch on it."""

    def exposed(self, tensor: Tensor) -> None:
        """Others than tensors may from now on read and write the memory of the tensor."""

    def thread_starts(self) -> None:
        """A thread is about to start, which may look at all that this one reaches."""
        self.unsupported("starts a thread")

    def unsupported(self, text: str) -> None:
        """Something happens that cannot be replayed."""

    def reshaped(self, tensor: Tensor, view: Tensor, text: str) -> None:
        """A tensor has become in place what a view of it is; `text` says so."""

    def check(self, getter: Callable[[], Any], value: Any, name: str) -> None:
        """The library read something that the call depends on; `getter` gives it again."""

    def read_grad(self, tensor: Tensor) -> Tensor | None:
        """`.grad` is read."""
        return tensor._grad

    def write_grad(self, tensor: Tensor, value: Tensor | None) -> None:
        """`.grad` is assigned."""

    def enter_backward(self, node: Any) -> None:
        """Backward is about to run the rule of a tape entry (None: it is done)."""

    def requires_grad_set(self, tensor: Tensor) -> None:
        """`requires_grad` of a leaf was changed."""
