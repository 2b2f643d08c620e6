"""`Parameter`: a tensor that a module counts among what it learns, and `Buffer`: one that it only keeps."""

import numpy as np

from tracegraph import _state
from tracegraph.formatting import format_tensor
from tracegraph.runtime.errors import ArgumentTypeError, GradientError
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


__all__ = ["Buffer", "Parameter"]
