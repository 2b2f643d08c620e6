"""Hooks on the gradients of tensors: `register_hook`, `retain_grad`, `register_post_accumulate_grad_hook`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from tracegraph import _state
from tracegraph.handles import RemovableHandle
from tracegraph.runtime.errors import GradientError

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor


class Retain:
    """The hook of `retain_grad`: it keeps the gradient of a tensor that is not a leaf."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: "Tensor") -> None:
        self._tensor = tensor

    def __call__(self, g: "Tensor") -> None:
        tensor = self._tensor
        tensor.grad = g.clone() if tensor._grad is None else tensor._grad + g


class AfterAccumulation:
    """A hook of `register_post_accumulate_grad_hook`, which stands in a leaf's list among those on its gradient."""

    __slots__ = ("hook",)

    def __init__(self, hook: "Callable[[Tensor], None]") -> None:
        self.hook = hook


class GradientHooks:
    """The part of `Tensor` that has hooks."""

    _hooks: "list[Any] | None" = None

    def register_hook(self, hook: "Callable[[Tensor], Tensor | None]") -> RemovableHandle:
        """Call `hook(gradient)` whenever this tensor's gradient is computed; what it returns, unless None, replaces it.

        Raises:
            GradientError: when the tensor does not require grad.
        """
        tensor = cast("Tensor", self)
        if not tensor.requires_grad:
            raise GradientError("register_hook: the tensor does not require grad")
        node = tensor.grad_fn
        if _state.active_recorder() is None:
            _state.bump_epoch()
        if node is None:
            self._hooks = hooks = self._hooks if self._hooks is not None else []
        else:
            node.hooks = hooks = node.hooks if node.hooks is not None else []
        hooks.append(hook)
        return RemovableHandle(hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: "Callable[[Tensor], None]") -> RemovableHandle:
        """Call `hook(tensor)` whenever `backward` has added to the `.grad` of this leaf.

        Raises:
            GradientError: when the tensor does not require grad, or is not a leaf.

        >>> weight = tracegraph.ones(2, requires_grad=True)
        >>> handle = weight.register_post_accumulate_grad_hook(lambda leaf: leaf.grad.mul_(0.5))
        >>> weight.sum().backward()
        >>> weight.grad
        tensor([0.5000, 0.5000])
        """
        tensor = cast("Tensor", self)
        if not tensor.requires_grad:
            raise GradientError("cannot register a hook on a tensor that doesn't require gradient")
        if not tensor.is_leaf:
            raise GradientError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return self.register_hook(cast(Any, AfterAccumulation(hook)))

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is not a leaf in `.grad`.

        Raises:
            GradientError: when the tensor does not require grad.
        """
        tensor = cast("Tensor", self)
        if not tensor.requires_grad:
            raise GradientError("can't retain_grad on Tensor that has requires_grad=False")
        if not tensor.is_leaf and not self.retains_grad:
            self.register_hook(Retain(tensor))

    @property
    def retains_grad(self) -> bool:
        """Whether it is no leaf, and `retain_grad` was called."""
        node = cast("Tensor", self).grad_fn
        return any(type(hook) is Retain and hook._tensor is self for hook in getattr(node, "hooks", None) or ())


def run_hooks(hooks: Any, g: "Tensor") -> "Tensor":
    """The gradient after the hooks on it."""
    for hook in list(hooks or ()):
        if type(hook) is not AfterAccumulation:
            replaced = hook(g)
            if replaced is not None:
                g = replaced
    return g


def run_after_accumulation(leaf: "Tensor") -> None:
    """Run the hooks that wait for a leaf's `.grad`."""
    for hook in list(leaf._hooks or ()):
        if type(hook) is AfterAccumulation:
            hook.hook(leaf)


__all__ = ["GradientHooks", "run_after_accumulation", "run_hooks"]
