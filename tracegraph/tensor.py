"""`Tensor`: a NumPy array with define-by-run gradients.
Its operations are attached from the operation list (`methods`).
"""

from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.compiler.ops import dispatch
from tracegraph.description import Description
from tracegraph.first_constructors import construct
from tracegraph.gradient_hooks import GradientHooks
from tracegraph.inplace import assign, refresh_view
from tracegraph.operators import Operators
from tracegraph.python_values import PythonValues
from tracegraph.runtime.errors import ArgumentTypeError, GradientError, ShapeError
from tracegraph.sharing import expose_memory, storage_of, version_of

MAYBE: Any = 2
"""`_rg` of a view of a tensor without gradient:
truthy, looked at again when it matters (its base may come to require one)."""


class TensorMeta(type):
    """The class of `Tensor`: it knows PyTorch's forms of the constructor, and tells all traces when a method of tensors
    is replaced.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """An object; of `Tensor` itself one of sizes or data, unless it shall share an array's memory."""
        if cls is not Tensor or kwargs or (args and isinstance(args[0], np.ndarray)):
            return super().__call__(*args, **kwargs)
        return construct("Tensor", dispatch.default_dtype(), args)

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        _state.note_patch()

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        _state.note_patch()


class Tensor(Description, GradientHooks, PythonValues, Operators, metaclass=TensorMeta):
    """A multi-dimensional array of one dtype that can be differentiated.

    Made by `tensor`, `zeros`, `arange` and the like rather than by this constructor. `Tensor(array)` shares the memory
    of a NumPy array, in its dtype; `Tensor(2, 3)` has these sizes and zeros, `Tensor([1, 2])` a copy of the data, both
    in the default dtype. Views (`x[0]`, `x.T`, `x.view(...)`) share memory with their base, as in PyTorch.
    """

    _data: np.ndarray
    _rg: Any = False
    _node: Any = None
    _grad: "Tensor | None" = None
    _base: "Tensor | None" = None
    _parent: "Tensor | None" = None
    _view_operation: Any = None
    _view_version: int = 0
    _version: list[int] | None = None
    _storage: list[int] | None = None
    """The version of the memory's first owner, where this tensor has got its memory from another by `.data`."""
    _literal: bool = False
    __array_priority__ = 1000

    def __init__(self, *data: Any, requires_grad: bool = False) -> None:
        (self._data,) = data
        expose_memory(self)
        if requires_grad:
            self.requires_grad_()

    # -- gradient -----------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether backward computes a gradient for this tensor."""
        if self._base is not None:
            refresh_view(self)
        return self._rg is True

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        """Set `requires_grad` of a leaf in place and return it.

        Raises:
            GradientError: for a tensor that is not a leaf, or not of a float dtype.
        """
        if requires_grad and self._data.dtype.kind != "f":
            raise GradientError(f"only floating point tensors can require gradients, not {self._data.dtype}")
        if self.grad_fn is not None:
            if requires_grad:
                return self
            raise GradientError("requires_grad can be turned off for leaf tensors only; use detach()")
        if self._rg is not bool(requires_grad):
            self._rg = bool(requires_grad)
            _state.bump_epoch()
            recorder = _state.active_recorder()
            if recorder is not None:
                recorder.requires_grad_set(self)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether it is not the result of a differentiable operation."""
        return self.grad_fn is None

    @property
    def grad_fn(self) -> Any:
        """The tape's node of the operation it came from; None for a leaf."""
        if self._base is not None:
            refresh_view(self)
        return self._node

    @property
    def grad(self) -> "Tensor | None":
        """The accumulated gradient of a leaf, or None."""
        if _state.recording:
            recorder = _state.active_recorder()
            if recorder is not None:
                return recorder.read_grad(self)  # type: ignore[no-any-return]
        return self._grad

    @grad.setter
    def grad(self, value: "Tensor | None") -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise ArgumentTypeError(f"grad must be a Tensor or None, not {type(value).__name__}")
            if value._data.shape != self._data.shape or value._data.dtype != self._data.dtype:
                raise ShapeError(f"grad: a {value._spec} cannot be the gradient of a {self._spec}")
        recorder = _state.active_recorder()
        if recorder is not None:
            recorder.write_grad(self, value)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    @property
    def data(self) -> "Tensor":
        """The same memory without gradient tracking; assigning replaces the storage."""
        return self.detach()

    @data.setter
    def data(self, value: "Tensor") -> None:
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(f"data must be a Tensor, not {type(value).__name__}")
        recorder = _state.active_recorder()
        if recorder is not None:
            recorder.unsupported("assigns `.data` of a tensor")
        self._data = value._data
        self._storage = storage_of(value) or version_of(value)
        _state.bump_epoch()

    __hash__ = object.__hash__

    # -- copies -------------------------------------------------------------------------------------------------------

    def __copy__(self) -> "Tensor":
        copied = type(self).__new__(type(self))
        version_of(self)
        copied.__dict__.update(self.__dict__)
        recorder = _state.active_recorder()
        if recorder is not None:
            recorder.alias(self, copied)
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> "Tensor":
        if not self.is_leaf:
            raise GradientError("only leaf tensors can be deep-copied; detach() or clone() first")
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        self._escape("deepcopy")
        copied._data = self._data.copy()
        copied._rg = self.requires_grad
        if self._grad is not None:
            copied._grad = self._grad.__deepcopy__(memo)
        return copied

    def __reduce__(self) -> Any:
        if not self.is_leaf:
            raise GradientError("only leaf tensors can be pickled; detach() first")
        self._escape("pickle")
        return _rebuild, (type(self), self._data, self.requires_grad)

    # -- memory -------------------------------------------------------------------------------------------------------

    def detach(self) -> "Tensor":
        """The same values and memory, without gradient."""
        recorder = _state.active_recorder()
        result = Tensor.__new__(Tensor)
        result._data = self._data
        result._version = version_of(self)
        result._storage = storage_of(self)
        if recorder is not None:
            recorder.alias(self, result)
        return result

    def assign(self, value: "Tensor") -> "Tensor":
        """Make `value` (of the same shape) this tensor's content, in its memory:
        what every in-place operation ends with.
        """
        return assign(self, value)


def _rebuild(kind: type[Tensor], data: np.ndarray, requires_grad: bool) -> Tensor:
    tensor = kind.__new__(kind)
    tensor._data = data
    tensor._rg = requires_grad
    return tensor


def make_view(parent: Tensor, data: np.ndarray, operation: Any) -> Tensor:
    """A tensor over `data`, which is a view of the parent's memory made by `operation`."""
    base = parent._base
    if base is None:
        base = parent
    counter = base._version
    if counter is None:
        counter = base._version = [0]
    result = Tensor.__new__(Tensor)
    result._data = data
    result._base = base
    result._parent = parent
    result._view_operation = operation
    result._view_version = counter[0]
    result._rg = MAYBE
    return result


def wrap(data: np.ndarray) -> Tensor:
    """A tensor over an array that nobody else holds."""
    tensor = Tensor.__new__(Tensor)
    tensor._data = data
    return tensor
