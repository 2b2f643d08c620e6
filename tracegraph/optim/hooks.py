"""Hooks of optimisers: functions of the user's that run around steps and around saving and loading."""

import functools
from collections.abc import Callable
from typing import Any

from tracegraph import _state
from tracegraph.nn.hooks import HookHandle
from tracegraph.nn.watched import WatchedAttributes, WatchedDict, WatchedMeta
from tracegraph.runtime.errors import OptionError


class Progress:
    """Whether an optimiser has stepped, for the warning of schedulers; traces know nothing of it."""

    __slots__ = ("recorded", "stepped")

    def __init__(self) -> None:
        self.stepped = False
        self.recorded = False
        """A step is part of a trace, so that from now on it may be done without Python."""


def hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """A method `step` with the hooks around it."""

    @functools.wraps(step)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        if type(self).step is not run:
            return step(self, *args, **kwargs)
        self._progress.stepped = True
        if _state.active_recorder() is not None:
            self._progress.recorded = True
        args = (self, *args)
        for hook in list(self._step_pre_hooks.values()):
            changed = hook(self, args, kwargs)
            if changed is None:
                continue
            if not (isinstance(changed, tuple) and len(changed) == 2):
                raise OptionError(
                    f"{type(self).__name__}.step: a pre-hook must return None or (args, kwargs), but got {changed!r}"
                )
            args, kwargs = changed
        result = step(*args, **kwargs)
        for hook in list(self._step_post_hooks.values()):
            hook(self, args, kwargs)
        return result

    return run


class Hooks(WatchedAttributes, metaclass=WatchedMeta):
    """The hooks that an optimiser keeps, and how they are registered."""

    __slots__ = ("_progress",)

    _progress: Progress

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = hooked(cls.__dict__["step"])

    def _begin_hooks(self) -> None:
        object.__setattr__(self, "_progress", Progress())
        for name in HOOKS:
            object.__setattr__(self, name, WatchedDict())

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return other `(args, kwargs)`.

        The arguments begin with the optimiser itself.
        """
        return HookHandle(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., None]) -> HookHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return HookHandle(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., None], prepend: bool = False) -> HookHandle:
        """Call `hook(optimizer)` before `state_dict` collects anything."""
        return HookHandle(self._state_dict_pre_hooks, hook, prepend=prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Call `hook(optimizer, state_dict)` on what `state_dict` gives; it may return another."""
        return HookHandle(self._state_dict_post_hooks, hook, prepend=prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Call `hook(optimizer, state_dict)` before a state is loaded; it may return another."""
        return HookHandle(self._load_state_dict_pre_hooks, hook, prepend=prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., None], prepend: bool = False) -> HookHandle:
        """Call `hook(optimizer)` after a state was loaded."""
        return HookHandle(self._load_state_dict_post_hooks, hook, prepend=prepend)

    _step_pre_hooks: WatchedDict
    _step_post_hooks: WatchedDict
    _state_dict_pre_hooks: WatchedDict
    _state_dict_post_hooks: WatchedDict
    _load_state_dict_pre_hooks: WatchedDict
    _load_state_dict_post_hooks: WatchedDict


HOOKS = tuple(name for name in Hooks.__annotations__ if name.endswith("_hooks"))
"""The attributes that hold hooks."""

__all__ = ["HOOKS", "Hooks", "hooked"]
