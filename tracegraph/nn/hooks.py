"""Forward hooks of modules: what `register_forward_hook` keeps and how a call runs it."""

from types import TracebackType
from typing import TYPE_CHECKING, Any

from tracegraph.nn.watched import WatchedDict

if TYPE_CHECKING:
    from tracegraph.nn.module import Module


class HookHandle:
    """Returned by `register_forward_hook` and the like: `remove()` takes the hook away again.

    Also a context manager.
    """

    _count = 0

    def __init__(self, hooks: WatchedDict, hook: Any, with_kwargs: bool, prepend: bool) -> None:
        HookHandle._count += 1
        self._hooks, self._number = hooks, HookHandle._count
        before = dict(hooks) if prepend else {}
        if prepend:
            hooks.clear()
        hooks[self._number] = (hook, with_kwargs)
        hooks.update(before)

    def remove(self) -> None:
        """Take the hook away; doing it twice is allowed."""
        self._hooks.pop(self._number, None)

    def __enter__(self) -> "HookHandle":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def run_before(
    module: "Module", args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Run the hooks that come before `forward`; what one returns, unless None, replaces the arguments."""
    for hook, with_kwargs in list(module._forward_pre_hooks.values()):
        if with_kwargs:
            replaced = hook(module, args, kwargs)
            if replaced is not None:
                args, kwargs = replaced
        else:
            replaced = hook(module, args)
            if replaced is not None:
                args = replaced if isinstance(replaced, tuple) else (replaced,)
    return args, kwargs


def run_after(module: "Module", args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
    """Run the hooks that come after `forward`; what one returns, unless None, replaces the result."""
    for hook, with_kwargs in list(module._forward_hooks.values()):
        replaced = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
        if replaced is not None:
            result = replaced
    return result


__all__ = ["HookHandle", "run_after", "run_before"]
