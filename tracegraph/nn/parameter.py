"""`Parameter`: a tensor that a module counts among what it learns, and `Buffer`: one that it only keeps.

`UninitializedParameter` and `UninitializedBuffer` have no shape yet: lazy modules learn it from their first input.
"""

from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np

from tracegraph import _state
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.spec import as_dtype
from tracegraph.formatting import format_tensor
from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, GradientError
from tracegraph.sharing import storage_of, version_of
from tracegraph.tensor import Tensor, wrap


def _share(made: Tensor, data: Tensor, requires_grad: bool) -> None:
    """Make `made` a leaf over the memory of `data`."""
    if not isinstance(data, Tensor):
        raise ArgumentTypeError(f"{type(made).__name__} takes a Tensor, not a {type(data).__name__}")
    if requires_grad and data._data.dtype.kind != "f":
        raise GradientError(
            f"only floating point tensors can require gradients, not {data._data.dtype}; pass requires_grad=False"
        )
    made._data = data._data
    made._rg = requires_grad
    made._version, made._storage = version_of(data), storage_of(data)
    recorder = _state.active_recorder()
    if recorder is not None:
        recorder.alias(data, made)


class Parameter(Tensor):
    """A tensor that becomes a parameter of the module it is assigned to.

    It shares the memory of `data` and requires grad unless told otherwise.

    >>> tracegraph.nn.Parameter(tracegraph.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        _share(self, wrap(np.empty((0,), np.float32)) if data is None else data, bool(requires_grad))

    def __repr__(self) -> str:
        self._escape("repr")
        return "Parameter containing:\n" + format_tensor(self)


class Buffer(Tensor):
    """A tensor that becomes a buffer of the module it is assigned to, saved in its state dict if `persistent`."""

    persistent: bool = True

    def __init__(self, data: Tensor, *, persistent: bool = True) -> None:
        _share(self, data, False)
        self.persistent = persistent


class Uninitialized:
    """What a parameter and a buffer without a shape have in common."""

    _becomes: type[Tensor]
    _wanted: Any

    def _missing(self) -> np.ndarray:
        raise ArgumentError(
            f"{type(self).__name__} has no shape yet: call `materialize`, or run the lazy module once on an input; "
            "this is needed before its values, its gradient or an optimiser"
        )

    def _set(self, data: np.ndarray) -> None:
        raise ArgumentError(f"{type(self).__name__} gets its memory by `materialize`")

    _data = property(_missing, _set)

    @property
    def dtype(self) -> Any:
        """The dtype that it will have."""
        return self._wanted

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Give it a shape, after which it is an ordinary parameter or buffer; the values are still to be set."""
        kind = self._wanted if dtype is None else as_dtype(dtype)
        self.__class__ = self._becomes  # type: ignore[assignment]
        self.__dict__.pop("_wanted", None)
        self._data = np.zeros(tuple(shape), kind)
        _state.bump_epoch()

    def convert(self, fn: Callable[[Tensor], Tensor]) -> None:
        """Take the dtype that a function like `Tensor.double` gives."""
        self._wanted = fn(wrap(np.empty((0,), self._wanted))).dtype

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = memo[id(self)] = type(self)(dtype=self._wanted)  # type: ignore[call-arg]
        copied._rg = self._rg  # type: ignore[attr-defined]
        return copied

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self._wanted, self._rg)  # type: ignore[attr-defined]


def _rebuild(kind: type[Any], dtype: Any, requires_grad: bool) -> Any:
    made = kind(dtype=dtype)
    made._rg = requires_grad
    return made


class UninitializedParameter(Uninitialized, Parameter):
    """A parameter whose shape is not known yet."""

    _becomes = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        check_device(type(self).__name__, device)
        self._wanted = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
        self._rg = requires_grad


class UninitializedBuffer(Uninitialized, Buffer):
    """A buffer whose shape is not known yet."""

    _becomes = Buffer

    def __init__(
        self, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> None:
        check_device(type(self).__name__, device)
        self._wanted = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
        self._rg = requires_grad
        self.persistent = persistent


def is_lazy(value: object) -> TypeGuard[Uninitialized]:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(value, Uninitialized)


__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]
