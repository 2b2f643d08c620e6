"""Changing a whole module at once: its dtype, its mode, whether it learns, and `apply` for anything else."""

import mmap
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from tracegraph import _state
from tracegraph.compiler.ops.creation_like import empty_like
from tracegraph.compiler.ops.spec import as_dtype, float16, float32, float64
from tracegraph.nn.attributes import Attributes
from tracegraph.nn.parameter import is_lazy
from tracegraph.runtime.device import Device, check_device
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.tensor import Tensor, wrap

if TYPE_CHECKING:
    from tracegraph.nn.module import Module


class Conversion(Attributes):
    """The part of `Module` that changes everything it holds."""

    training: bool

    def apply(self, fn: Callable[["Module"], Any]) -> Self:
        """Call `fn` on every module below this one, and then on this one."""
        for module in self.children():
            module.apply(fn)
        fn(cast("Module", self))
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace the storage of parameters, their gradients and buffers."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for parameter in self._parameters.values():
            if is_lazy(parameter):
                parameter.convert(fn)
            elif parameter is not None:
                parameter.data = fn(parameter.detach())
                if parameter.grad is not None:
                    parameter.grad = fn(parameter.grad.detach())
        for name, buffer in self._buffers.items():
            if is_lazy(buffer):
                buffer.convert(fn)
            elif buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(
        self,
        *targets: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: bool = False,
        memory_format: Any = None,
    ) -> Self:
        """Cast floating point parameters and buffers to a dtype (or to that of a tensor), in place.

        `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(tensor)`; `non_blocking` and `memory_format` change nothing.

        Raises:
            ArgumentTypeError: for a device other than the CPU, or a dtype that is not a float.
        """
        for target in targets:
            if isinstance(target, Tensor):
                dtype = target.dtype
            elif isinstance(target, str | Device):
                device = target
            elif target is not None and not isinstance(target, bool):
                dtype = target
        check_device("Module.to", device)
        if dtype is None:
            return self
        wanted = as_dtype(dtype)
        if wanted.kind != "f":
            raise ArgumentTypeError(f"Module.to only accepts floating point dtypes, but got {wanted}")
        return self._apply(lambda tensor: tensor.to(wanted) if tensor.is_floating_point() else tensor)

    def type(self, dst_type: Any) -> Self:
        """Cast all parameters and buffers to a dtype, integers included, in place."""
        wanted = as_dtype(dst_type)
        return self._apply(lambda tensor: tensor.to(wanted))

    def float(self) -> Self:
        """Cast floating point parameters and buffers to float32, in place."""
        return self.to(float32)

    def double(self) -> Self:
        """Cast floating point parameters and buffers to float64, in place."""
        return self.to(float64)

    def half(self) -> Self:
        """Cast floating point parameters and buffers to float16, in place."""
        return self.to(float16)

    def cpu(self) -> Self:
        """The module itself: it is in the computer's memory."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """Refused: there is one device, the CPU.

        Raises:
            ArgumentTypeError: always.
        """
        check_device("Module.cuda", "cuda")
        return self

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Give parameters and buffers new memory, without their values.

        Raises:
            ArgumentTypeError: for a device other than the CPU.
        """
        check_device("Module.to_empty", device)
        return self._apply(empty_like, recurse)

    def share_memory(self) -> Self:
        """Move parameters and buffers to memory that processes forked from this one share with it."""
        return self._apply(_shared)

    def train(self, mode: bool = True) -> Self:
        """Set the training flag of this module and all below it, which dropout and batch normalisation look at.

        Raises:
            ArgumentError: when `mode` is not a bool.
        """
        if not isinstance(mode, bool):
            raise ArgumentError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Clear the training flag of this module and all below it."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad` of all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or with `set_to_none=False` set them to zero."""
        zero_gradients(self.parameters(), set_to_none)


def zero_gradients(parameters: Iterable[Any], set_to_none: bool) -> None:
    """Forget the gradients of tensors, or set them to zero."""
    recording = _state.active_recorder() is not None
    for parameter in parameters:
        if set_to_none:
            if recording or parameter._grad is not None:
                parameter.grad = None
        elif (gradient := parameter.grad) is not None:
            if gradient.requires_grad:
                parameter.grad = gradient = gradient.detach()
            gradient.zero_()


def _shared(tensor: Tensor) -> Tensor:
    """A copy of a tensor in anonymous memory that a forked process shares."""
    tensor._escape("share_memory")
    data = tensor._data
    if not data.nbytes:
        return tensor
    array = np.frombuffer(mmap.mmap(-1, data.nbytes), data.dtype, data.size).reshape(data.shape)
    array[...] = data
    return wrap(array)


__all__ = ["Conversion", "zero_gradients"]
