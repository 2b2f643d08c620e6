"""Hooks of modules: what `register_forward_hook` and the like keep, and how a call runs them."""

import warnings
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tracegraph import _state
from tracegraph.autograd.function import Function
from tracegraph.nn.watched import WatchedDict
from tracegraph.runtime.errors import TracegraphError
from tracegraph.tensor import Tensor

if TYPE_CHECKING:
    from tracegraph.nn.module import Module

EVERYWHERE: dict[str, WatchedDict] = {
    name: WatchedDict()
    for name in (
        "_forward_pre_hooks",
        "_forward_hooks",
        "_forward_hooks_with_kwargs",
        "_forward_hooks_always_called",
        "_backward_pre_hooks",
        "_backward_hooks",
    )
}
"""The hooks that the calls of all modules run, before the module's own."""


class HookError(TracegraphError, RuntimeError):
    """A hook returned what cannot be used."""


class HookHandle:
    """Returned by `register_forward_hook` and the like: `remove()` takes the hook away again.

    Also a context manager.
    """

    _count = 0

    def __init__(
        self, hooks: WatchedDict, hook: Any, *, prepend: bool = False, marks: list[WatchedDict] | None = None
    ) -> None:
        HookHandle._count += 1
        self._hooks, self._marks, self.id = hooks, marks or [], HookHandle._count
        for mark in self._marks:
            mark[self.id] = True
        before = dict(hooks) if prepend else {}
        if prepend:
            hooks.clear()
        hooks[self.id] = hook
        hooks.update(before)

    def remove(self) -> None:
        """Take the hook away; doing it twice is allowed."""
        for table in (self._hooks, *self._marks):
            if self.id in table:
                del table[self.id]

    def __enter__(self) -> "HookHandle":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def _of(module: "Module", table: str) -> list[tuple[int, Any]]:
    return [*EVERYWHERE.get(table, {}).items(), *getattr(module, table).items()]


def call(module: "Module", args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a module that has hooks: those before, `forward`, those after; around it those of backward."""
    done: set[int] = set()
    try:
        args, kwargs = _run_before(module, args, kwargs)
        before = [hook for _, hook in _of(module, "_backward_pre_hooks")]
        after = [hook for _, hook in _of(module, "_backward_hooks")]
        flow = _Flow(module, before, after) if before or after else None
        if flow is not None:
            args = flow.enter(args)
        result = (module._compiled_call or module.forward)(*args, **kwargs)
        result = _run_after(module, args, kwargs, result, _of(module, "_forward_hooks"), done)
        return result if flow is None else flow.leave(result)
    except Exception:
        _run_always_called(module, args, kwargs, done)
        raise


def _run_before(
    module: "Module", args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Run the hooks that come before `forward`; what one returns, unless None, replaces the arguments."""
    for number, hook in _of(module, "_forward_pre_hooks"):
        if number in module._forward_pre_hooks_with_kwargs:
            replaced = hook(module, args, kwargs)
            if replaced is not None:
                if not isinstance(replaced, tuple) or len(replaced) != 2:
                    raise HookError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {replaced}."
                    )
                args, kwargs = replaced
        else:
            replaced = hook(module, args)
            if replaced is not None:
                args = replaced if isinstance(replaced, tuple) else (replaced,)
    return args, kwargs


def _run_after(
    module: "Module",
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    hooks: list[tuple[int, Any]],
    done: set[int],
) -> Any:
    """Run hooks that come after `forward`; what one returns, unless None, replaces the result."""
    for number, hook in hooks:
        done.add(number)
        with_kwargs = _is_marked(module, number, "_forward_hooks_with_kwargs")
        replaced = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
        if replaced is not None:
            result = replaced
    return result


def _is_marked(module: "Module", number: int, table: str) -> bool:
    return number in EVERYWHERE[table] or number in getattr(module, table)


def _run_always_called(module: "Module", args: tuple[Any, ...], kwargs: dict[str, Any], done: set[int]) -> None:
    """After an error: run the hooks that asked for it and have not run yet, with None for the result."""
    for number, hook in _of(module, "_forward_hooks"):
        if number not in done and _is_marked(module, number, "_forward_hooks_always_called"):
            try:
                _run_after(module, args, kwargs, None, [(number, hook)], done)
            except Exception as error:  # noqa: BLE001 - the first error is the one to be raised
                warnings.warn(
                    f"module forward hook with `always_call=True` raised an exception that was silenced as another "
                    f"error was raised in forward: {error}",
                    stacklevel=2,
                )


class _Pass(Function):
    """The identity; backward hands the gradients to a function and passes on what it returns."""

    receive: Callable[[tuple[Any, ...]], tuple[Any, ...]]

    @staticmethod
    def forward(ctx: Any, receive: Any, with_zeros: bool, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The tensors."""
        ctx.receive = receive
        ctx.set_materialize_grads(with_zeros)
        ctx.mark_non_differentiable(*[tensor for tensor in tensors if not tensor.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients, after the hooks."""
        return (None, None, *ctx.receive(grad_outputs))


class _Flow:
    """One call of a module with backward hooks: what flows back through its results and its arguments."""

    def __init__(self, module: "Module", before: list[Any], after: list[Any]) -> None:
        self._module, self._before, self._after = module, before, after
        self._positions: dict[str, list[int]] = {}
        self._sizes: dict[str, int] = {}
        self._grad_output: tuple[Any, ...] | None = None

    def _pass(self, which: str, values: tuple[Any, ...], receive: Any) -> tuple[Any, ...]:
        self._sizes[which] = len(values)
        positions = [number for number, value in enumerate(values) if isinstance(value, Tensor)]
        if not _state.local.grad_enabled or not any(values[number].requires_grad for number in positions):
            return values
        self._positions[which] = positions
        passed = list(values)
        # As in PyTorch, a tensor that no gradient flows to has zeros among those of the arguments, and None among those
        # of the results.
        tensors = _Pass.apply(receive, which == "input", *[values[number] for number in positions])
        for number, tensor in zip(positions, tensors, strict=True):
            passed[number] = tensor
        return tuple(passed) if type(values) is tuple else type(values)(*passed)

    def _spread(self, which: str, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        """The gradients at the places of the tensors, None beside them."""
        spread = [None] * self._sizes[which]
        for number, gradient in zip(self._positions[which], gradients, strict=True):
            spread[number] = gradient
        return tuple(spread)

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, whose gradients the hooks will see."""
        return self._pass("input", args, self._received_input)

    def leave(self, result: Any) -> Any:
        """The result, whose gradients the hooks will see."""
        if not isinstance(result, Tensor | tuple):
            warnings.warn(
                f"For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                f"{type(result)}",
                stacklevel=2,
            )
            return result
        if isinstance(result, tuple):
            return self._pass("output", result, self._received_output)
        return self._pass("output", (result,), self._received_output)[0]

    def _received_output(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        received = self._spread("output", gradients)
        for hook in self._before:
            received = _replaced(hook(self._module, received), received, "pre hook", "grad_output")
        self._grad_output = received
        if "input" not in self._positions:
            nothing = (None,) * self._sizes["input"]
            for hook in self._after:
                answer = hook(self._module, nothing, received)
                if answer is not None and any(value is not None for value in answer):
                    raise HookError(
                        "Backward hook for Modules where no input requires gradient should always return None or None "
                        "for all gradients."
                    )
            self._grad_output = None
        return tuple([received[number] for number in self._positions["output"]])

    def _received_input(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        if self._grad_output is None:  # it did not come through the result, as in a second differentiation
            return gradients
        received = self._spread("input", gradients)
        for hook in self._after:
            received = _replaced(hook(self._module, received, self._grad_output), received, "hook", "grad_input")
        self._grad_output = None
        return tuple([received[number] for number in self._positions["input"]])


def _replaced(answer: Any, received: tuple[Any, ...], kind: str, name: str) -> tuple[Any, ...]:
    if answer is None:
        return received
    answer = answer if isinstance(answer, tuple | list) else (answer,)
    if len(answer) != len(received):
        raise HookError(
            f"Backward {kind} returned an invalid number of {name}, got {len(answer)}, but expected {len(received)}"
        )
    return tuple(answer)


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> HookHandle:
    """Call `hook(module, args)` before each `forward` of each module."""
    return HookHandle(EVERYWHERE["_forward_pre_hooks"], hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> HookHandle:
    """Call `hook(module, args, result)` after each `forward` of each module."""
    marks = [EVERYWHERE["_forward_hooks_with_kwargs"]] * with_kwargs
    marks += [EVERYWHERE["_forward_hooks_always_called"]] * always_call
    return HookHandle(EVERYWHERE["_forward_hooks"], hook, marks=marks)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> HookHandle:
    """Call `hook(module, grad_output)` when gradients of any module's results are known."""
    return HookHandle(EVERYWHERE["_backward_pre_hooks"], hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> HookHandle:
    """Call `hook(module, grad_input, grad_output)` when gradients of any module's arguments are known."""
    return HookHandle(EVERYWHERE["_backward_hooks"], hook)


def numbers() -> tuple[int, ...]:
    """Which hooks all modules have now."""
    return tuple([number for table in EVERYWHERE.values() for number in table])


NO_HOOKS: Mapping[int, Any] = {}
"""The table of a module that never had a hook of a kind."""

__all__ = [
    "HookHandle",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
]
