"""`Module`: a part of a model, with its parameters, buffers and submodules; subclass it and write `forward`."""

from collections.abc import Callable, Mapping
from typing import Any

from tracegraph import _state
from tracegraph.nn.conversion import zero_gradients as zero_gradients
from tracegraph.nn.hooks import EVERYWHERE, NO_HOOKS, HookHandle, call
from tracegraph.nn.state_dict import Saving
from tracegraph.nn.watched import WatchedDict, namespace_of
from tracegraph.trace import trace

_of_all_before, _of_all_after = EVERYWHERE["_forward_pre_hooks"], EVERYWHERE["_forward_hooks"]
_of_all_back_before, _of_all_back = EVERYWHERE["_backward_pre_hooks"], EVERYWHERE["_backward_hooks"]


class Module(Saving):
    """A part of a model. Tensors and modules assigned as attributes are found by `parameters()`.

    `state_dict()` and the like.

    Call the module, not `forward`: the call also runs the hooks. Every change of a module is noticed by the functions
    that were traced with it.

    >>> class Scale(tracegraph.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = tracegraph.nn.Parameter(tracegraph.tensor([2.0]))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale()(tracegraph.tensor([1.0, 3.0])).detach()
    tensor([2., 6.])
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    """

    _forward_hooks: WatchedDict
    _forward_pre_hooks: WatchedDict
    _forward_pre_hooks_with_kwargs: Mapping[int, bool] = NO_HOOKS
    _forward_hooks_with_kwargs: Mapping[int, bool] = NO_HOOKS
    _forward_hooks_always_called: Mapping[int, bool] = NO_HOOKS
    _backward_hooks: Mapping[int, Any] = NO_HOOKS
    _backward_pre_hooks: Mapping[int, Any] = NO_HOOKS
    _compiled_call: Any = None

    def __init__(self) -> None:
        self._start()
        held = namespace_of(self)
        held["_forward_hooks"], held["_forward_pre_hooks"] = WatchedDict(), WatchedDict()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; to be written by every subclass.

        Raises:
            NotImplementedError: here.
        """
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the hooks and `forward`."""
        if (
            self._forward_pre_hooks
            or self._forward_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or _of_all_before
            or _of_all_after
            or _of_all_back_before
            or _of_all_back
        ):
            return call(self, args, kwargs)
        return (self._compiled_call or self.forward)(*args, **kwargs)

    def compile(self, *, fullgraph: bool = False, **options: Any) -> None:
        """Make calls of the module run `trace(self.forward)`; with `fullgraph` it is an error if that cannot be static.

        The other options of PyTorch's are accepted and change nothing.
        """
        traced = trace(require="static" if fullgraph else None)(self.forward)
        object.__setattr__(self, "_compiled_call", traced)
        _state.bump_epoch()

    # -- hooks --------------------------------------------------------------------------------------------------------

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> HookHandle:
        """Call `hook(module, args)` before each `forward`; what it returns, unless None, replaces the arguments.

        With `with_kwargs` it is `hook(module, args, kwargs)` and returns both.
        """
        marks = [self._own_table("_forward_pre_hooks_with_kwargs")] if with_kwargs else []
        return HookHandle(self._forward_pre_hooks, hook, prepend=prepend, marks=marks)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> HookHandle:
        """Call `hook(module, args, result)` after each `forward`; what it returns, unless None, replaces the result.

        With `with_kwargs` it is `hook(module, args, kwargs, result)`; with `always_call` it also runs when `forward`
        raises, with None for the result.

        >>> layer = tracegraph.nn.ReLU()
        >>> handle = layer.register_forward_hook(lambda module, args, result: result + 1)
        >>> layer(tracegraph.tensor([-1.0, 2.0]))
        tensor([1., 3.])
        >>> handle.remove()
        """
        marks = [self._own_table("_forward_hooks_with_kwargs")] if with_kwargs else []
        marks += [self._own_table("_forward_hooks_always_called")] if always_call else []
        return HookHandle(self._forward_hooks, hook, prepend=prepend, marks=marks)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Call `hook(module, grad_output)` when the gradients of the results are known; it may replace them."""
        return HookHandle(self._own_table("_backward_pre_hooks"), hook, prepend=prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the arguments are known.

        Both are tuples, with None for what is no tensor or has no gradient; a tuple that it returns replaces
        `grad_input`. Where no argument requires a gradient, it runs once `grad_output` is known.

        >>> layer, seen = tracegraph.nn.Tanh(), []
        >>> handle = layer.register_full_backward_hook(lambda module, grad_input, grad_output: seen.append(grad_output))
        >>> layer(tracegraph.tensor([0.0], requires_grad=True)).sum().backward()
        >>> seen
        [(tensor([1.]),)]
        """
        return HookHandle(self._own_table("_backward_hooks"), hook, prepend=prepend)

    # -- text ---------------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What the module shows of its settings between the parentheses; subclasses give theirs."""
        return ""

    def _get_name(self) -> str:
        derived = namespace_of(self).get("_derived", {})
        return max([value.prefix for value in derived.values()], default="") + type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()]
        if not children and len(extra) <= 1:
            return f"{self._get_name()}({''.join(extra)})"
        lines = "".join(f"\n  {line}" for line in [*extra, *children])
        return f"{self._get_name()}({lines}\n)"


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


__all__ = ["Module"]
