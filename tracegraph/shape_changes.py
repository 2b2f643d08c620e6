"""Methods that give a tensor another shape in place: `squeeze_`, `unsqueeze_`, `t_`, `transpose_` and their like."""

import functools
from collections.abc import Callable
from typing import Any

from tracegraph import _state
from tracegraph.compiler.ops.dispatch import PUBLIC
from tracegraph.runtime.errors import GradientError
from tracegraph.tensor import Tensor

SHAPE_CHANGING = {
    "squeeze_": "squeeze", "unsqueeze_": "unsqueeze", "t_": "t", "transpose_": "transpose", "swapaxes_": "transpose",
    "swapdims_": "transpose",
}  # fmt: skip
"""In-place method -> the function that makes the view which the tensor becomes."""


def shape_changing(name: str) -> Callable[..., Tensor]:
    """The in-place method of that name."""
    function = PUBLIC[SHAPE_CHANGING[name]].function

    @functools.wraps(function)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return become(self, function(self, *args, **kwargs), name)

    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = f"In-place version of `{function.__name__}`: the tensor itself gets the other shape."
    return method


def become(tensor: Tensor, view: Tensor, name: str) -> Tensor:
    """Make a tensor what a view of all its elements is.

    Views made of it before stay what they are as long as no gradient has to go through them.

    Raises:
        GradientError: for a leaf that requires grad, while gradients are enabled.
    """
    tracked = _state.local.grad_enabled and tensor.requires_grad
    if tracked and tensor.is_leaf:
        raise GradientError(f"{name}: a leaf tensor that requires grad is changed in place; use no_grad() or a copy")
    recorder = _state.active_recorder()
    if tensor._base is not None:
        before = Tensor.__new__(Tensor)
        before.__dict__.update(tensor.__dict__)
        tensor._parent, tensor._view_operation = before, view._view_operation
    if tracked:
        tensor._node = view._node
    tensor._data = view._data
    if recorder is not None:
        recorder.reshaped(tensor, view, f"changes the shape of a tensor in place ({name})")
    _state.bump_epoch()
    return tensor
