"""`Tensor`: a NumPy array with define-by-run gradients.
Its operations are attached from the operation list (`methods`).
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tracegraph import _state
from tracegraph.compiler.ops.spec import DType, Spec
from tracegraph.formatting import format_tensor
from tracegraph.handles import RemovableHandle
from tracegraph.inplace import assign, refresh_view
from tracegraph.runtime.device import CPU, Device
from tracegraph.runtime.errors import ArgumentTypeError, GradientError, ShapeError
from tracegraph.sharing import expose_memory, storage_of, version_of

MAYBE: Any = 2
"""`_rg` of a view of a tensor without gradient:
truthy, looked at again when it matters (its base may come to require one)."""


_Decided = TypeVar("_Decided", bool, int)


class TensorMeta(type):
    """The class of `Tensor`: it tells all traces when a method of tensors is replaced."""

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        _state.note_patch()

    def __delattr__(cls, name: str) -> None:
        super().__delattr__(name)
        _state.note_patch()


class Tensor(metaclass=TensorMeta):
    """A multi-dimensional array of one dtype that can be differentiated.

    Made by `tensor`, `zeros`, `arange` and the like rather than by this constructor, which shares the memory of the
    array. Views (`x[0]`, `x.T`, `x.view(...)`) share memory with their base, as in PyTorch.
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
    _hooks: "list[Callable[[Tensor], Tensor | None]] | None" = None
    _literal: bool = False
    __array_priority__ = 1000

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __add__(self, other: Any) -> "Tensor": ...
        def __sub__(self, other: Any) -> "Tensor": ...
        def __mul__(self, other: Any) -> "Tensor": ...
        def __truediv__(self, other: Any) -> "Tensor": ...
        def __floordiv__(self, other: Any) -> "Tensor": ...
        def __mod__(self, other: Any) -> "Tensor": ...
        def __pow__(self, other: Any) -> "Tensor": ...
        def __matmul__(self, other: Any) -> "Tensor": ...
        def __and__(self, other: Any) -> "Tensor": ...
        def __or__(self, other: Any) -> "Tensor": ...
        def __xor__(self, other: Any) -> "Tensor": ...
        def __lshift__(self, other: Any) -> "Tensor": ...
        def __rshift__(self, other: Any) -> "Tensor": ...
        def __radd__(self, other: Any) -> "Tensor": ...
        def __rsub__(self, other: Any) -> "Tensor": ...
        def __rmul__(self, other: Any) -> "Tensor": ...
        def __rtruediv__(self, other: Any) -> "Tensor": ...
        def __rfloordiv__(self, other: Any) -> "Tensor": ...
        def __rmod__(self, other: Any) -> "Tensor": ...
        def __rpow__(self, other: Any) -> "Tensor": ...
        def __rmatmul__(self, other: Any) -> "Tensor": ...
        def __rand__(self, other: Any) -> "Tensor": ...
        def __ror__(self, other: Any) -> "Tensor": ...
        def __rxor__(self, other: Any) -> "Tensor": ...
        def __lt__(self, other: Any) -> "Tensor": ...
        def __le__(self, other: Any) -> "Tensor": ...
        def __gt__(self, other: Any) -> "Tensor": ...
        def __ge__(self, other: Any) -> "Tensor": ...
        def __neg__(self) -> "Tensor": ...
        def __pos__(self) -> "Tensor": ...
        def __abs__(self) -> "Tensor": ...
        def __invert__(self) -> "Tensor": ...
        def __eq__(self, other: Any) -> "Tensor": ...  # type: ignore[override]
        def __ne__(self, other: Any) -> "Tensor": ...  # type: ignore[override]
        def __getitem__(self, index: Any) -> "Tensor": ...
        def __setitem__(self, index: Any, value: Any) -> None: ...

    def __init__(self, data: np.ndarray, requires_grad: bool = False) -> None:
        self._data = data
        expose_memory(self)
        if requires_grad:
            self.requires_grad_()

    # -- what it is ---------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""
        return self._data.shape

    @property
    def dtype(self) -> DType:
        """The dtype of the elements (a NumPy dtype)."""
        return self._data.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    @property
    def device(self) -> Device:
        """Where the data lives: the CPU."""
        return CPU

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._data.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._data.nbytes

    @property
    def _spec(self) -> Spec:
        return Spec(self._data.shape, self._data.dtype)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        return self._data.shape if dim is None else self._data.shape[dim]

    def dim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self._data.size

    nelement = numel

    def stride(self, dim: int | None = None) -> Any:
        """Steps in elements (not bytes) between neighbours along each dimension."""
        strides = tuple(step // self._data.itemsize for step in self._data.strides)
        return strides if dim is None else strides[dim]

    def is_contiguous(self) -> bool:
        """Whether the elements lie in memory in row-major order without gaps."""
        return bool(self._data.flags.c_contiguous)

    def is_floating_point(self) -> bool:
        """Whether the dtype is a float."""
        return self._data.dtype.kind == "f"

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._data.itemsize

    def data_ptr(self) -> int:
        """Address of the first element."""
        self._escape("data_ptr")
        expose_memory(self)
        return int(self._data.ctypes.data)

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

    def register_hook(self, hook: "Callable[[Tensor], Tensor | None]") -> "RemovableHandle":
        """Call `hook(gradient)` whenever this tensor's gradient is computed;
        what it returns, unless None, replaces it.
        """
        if not self.requires_grad:
            raise GradientError("register_hook: the tensor does not require grad")
        node = self.grad_fn
        if _state.active_recorder() is None:
            _state.bump_epoch()
        if node is None:
            self._hooks = hooks = self._hooks if self._hooks is not None else []
        else:
            node.hooks = hooks = node.hooks if node.hooks is not None else []
        hooks.append(hook)
        return RemovableHandle(hooks, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is not a leaf in `.grad`."""
        if not self.is_leaf:

            def keep(g: "Tensor") -> None:
                self.grad = g.clone() if self._grad is None else self._grad + g

            self.register_hook(keep)

    # -- values for Python --------------------------------------------------------------------------------------------

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

    def numpy(self) -> np.ndarray:
        """The data as a NumPy array that shares memory.

        Raises:
            GradientError: when the tensor requires grad (use `detach()`).
        """
        if self.requires_grad:
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
        if self.requires_grad:
            raise GradientError("a tensor that requires grad does not become a NumPy array by itself; use detach()")
        self._escape("a NumPy function")
        expose_memory(self)
        return np.array(self._data, dtype=dtype, copy=copy)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        if self.requires_grad:
            raise GradientError("a tensor that requires grad does not become a NumPy array by itself; use detach()")
        self._escape("a NumPy function")
        expose_memory(self)
        return self._data.__array_interface__

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """NumPy's own functions on a tensor work on its data; a NumPy operator with a tensor becomes the tensor's."""
        reflected = _REFLECTED.get(ufunc.__name__)
        if method == "__call__" and len(inputs) == 2 and not kwargs and reflected and not isinstance(inputs[0], Tensor):
            return getattr(inputs[1], reflected)(inputs[0])
        arrays = [np.asarray(value) if isinstance(value, Tensor) else value for value in inputs]
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

    def __contains__(self, value: Any) -> bool:
        found = self == value
        return isinstance(found, Tensor) and bool(found.any())

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        self._escape("repr")
        return format_tensor(self)

    def __format__(self, specification: str) -> str:
        if self._data.ndim == 0 and specification:
            return format(self.item(), specification)
        return format(repr(self), specification)

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


_REFLECTED = {
    "add": "__radd__", "subtract": "__rsub__", "multiply": "__rmul__", "divide": "__rtruediv__", "power": "__rpow__",
    "floor_divide": "__rfloordiv__", "remainder": "__rmod__", "matmul": "__rmatmul__", "equal": "__eq__",
    "not_equal": "__ne__", "less": "__gt__", "less_equal": "__ge__", "greater": "__lt__", "greater_equal": "__le__",
    "bitwise_and": "__rand__", "bitwise_or": "__ror__", "bitwise_xor": "__rxor__",
    "left_shift": "__rlshift__", "right_shift": "__rrshift__",
}  # fmt: skip


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
