"""Writing into a tensor's memory, `assign`, so that gradients, views of the memory and a recording follow."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph import _state
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.base import Operation
from tracegraph.compiler.ops.selection import WHERE
from tracegraph.compiler.ops.spec import bool_
from tracegraph.runtime.errors import ArgumentTypeError, DTypeError, GradientError, ShapeError
from tracegraph.sharing import address_of

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

_KINDS = {"b": 0, "u": 1, "i": 1, "f": 2}


def refresh_view(view: "Tensor") -> None:
    """Bring a view's gradient information up to date after in-place changes of its base."""
    base = view._base
    if base is None:
        return
    version = base._version[0]  # type: ignore[index]
    if view._view_version == version:
        return
    view._view_version = version
    if base._rg is True and view._rg is not False:
        previous = _state.local.grad_enabled
        _state.local.grad_enabled = True
        try:
            again = dispatch.apply(view_operation(view), view._parent)
        finally:
            _state.local.grad_enabled = previous
        _check_still_viewed(view, again._data)
        view._node, view._rg = again._node, again._rg


def _check_still_viewed(view: "Tensor", again: np.ndarray) -> None:
    """Refuse a gradient through a view of a tensor that has got another shape in place since.

    Raises:
        GradientError: if the same view of it is now something else.
    """
    mine = view._data
    steps = [
        (one, other) for one, other, size in zip(again.strides, mine.strides, mine.shape, strict=False) if size > 1
    ]
    moved = mine.size and (address_of(again) != address_of(mine) or any(one != other for one, other in steps))
    if again.shape != mine.shape or moved:
        raise GradientError("a gradient would go through a view of a tensor whose shape was changed in place since")


def view_operation(view: "Tensor") -> Operation:
    """The operation that made the view (an index given raw is canonicalised now)."""
    made = view._view_operation
    if isinstance(made, Operation):
        return made
    operation = view._view_operation = made(view._parent)
    return operation  # type: ignore[no-any-return]


def assign(target: "Tensor", value: "Tensor") -> "Tensor":
    """Write `value` into the memory of `target`, keeping gradients, views and an active recording right.

    Raises:
        ShapeError: when the shapes differ.
        DTypeError: when the dtype of `target` cannot hold the value.
        ArgumentTypeError: when the memory is read-only, or several elements share a place in it.
        GradientError: for a leaf that requires grad, while gradients are enabled.
    """
    data = target._data
    _check_memory(target, value)
    if value._data.dtype != data.dtype:
        value = value.to(data.dtype)
    base = target._base
    root = target if base is None else base
    tracked = _state.local.grad_enabled and (target.requires_grad or value.requires_grad or root._rg is True)
    if tracked and root._rg is True and root._node is None:
        what = "a leaf tensor" if base is None else "a view of a leaf tensor"
        raise GradientError(f"in-place: {what} that requires grad is changed in place; use no_grad() or a copy")
    if tracked and hasattr(value._node, "preserve"):
        value._node.preserve(root)
    recorder = _state.active_recorder()
    if recorder is not None:
        recorder.assign(target, value)
    if tracked:
        _link(target, root, value)
    if value._data is not data:
        if recorder is None:
            np.copyto(data, value._data)
        else:
            recorder.store(target, value)
    if root._version is None:
        root._version = [0]
    root._version[0] += 1
    if tracked and base is not None:
        refresh_view(target)
    return target


def _check_memory(target: "Tensor", value: "Tensor") -> None:
    data = target._data
    if value._data.shape != data.shape:
        raise ShapeError(f"in-place: a result of shape {value.shape} does not fit the tensor of shape {target.shape}")
    if _KINDS[value._data.dtype.kind] > _KINDS[data.dtype.kind]:
        raise DTypeError(f"in-place: result type {value.dtype} cannot be stored in a tensor of {target.dtype}")
    if not data.flags.writeable:
        raise ArgumentTypeError("in-place: the tensor's memory is read-only")
    repeats = 0 in data.strides and data.size
    if repeats and any(step == 0 and size > 1 for step, size in zip(data.strides, data.shape, strict=True)):
        raise ArgumentTypeError(
            "in-place: the tensor is an expanded view, several of its elements share memory; clone() it"
        )


def _link(target: "Tensor", root: "Tensor", value: "Tensor") -> None:
    """Give the tensor that owns the memory the gradient of its new content: `value` put where `target` lies in it."""
    if root._rg is not True:
        _state.bump_epoch()
    child: Any = value
    view: Any = target
    while view is not root:
        operation = view_operation(view)
        _check_still_viewed(view, operation.evaluate(np, view._parent._data))
        child = operation.put(dispatch.apply, view._parent, child)
        view = view._parent
    if root._rg is True and not child.requires_grad:  # a constant for what requires a gradient: it goes on, as zero
        child = dispatch.apply(WHERE, dispatch.constant(True, bool_), child, root)
    root._node, root._rg = child._node, child.requires_grad
