"""The execution state of the library: grad mode and active recorder per thread,
and the epoch of rarely changing things.
"""

import os
import threading
from typing import Any


class _Local(threading.local):
    grad_enabled: bool = True
    recorder: Any = None
    default_dtype: Any = None


local = _Local()

recording = 0
"""Number of recordings under way in all threads; zero lets every operation skip the look at `local`."""

epoch = 0
"""Grows whenever something changes that traces depend on but that changes rarely: a module's attributes, parameters or
train flag, the storage or `requires_grad` of an existing tensor. A trace re-checks its slow guards only when this has
moved."""

patches = 0
"""Grows whenever an attribute of the class of tensors is replaced: what was recorded with the old ones is void."""

_lock = threading.Lock()


def bump_epoch() -> None:
    """Tell all traces that a module or the storage of a tensor has changed."""
    global epoch  # noqa: PLW0603 - read on every call, so a plain module variable
    epoch += 1


def note_patch() -> None:
    """Tell all traces that the class of tensors has changed."""
    global patches  # noqa: PLW0603 - as above
    patches += 1
    bump_epoch()


def begin_recording(recorder: Any) -> Any:
    """Make `recorder` this thread's recorder; returns the one before, for `end_recording`."""
    global recording  # noqa: PLW0603 - read on every call, so a plain module variable
    previous = local.recorder
    local.recorder = recorder
    with _lock:
        recording += 1
    return previous


def end_recording(previous: Any) -> None:
    """Restore what `begin_recording` returned."""
    global recording  # noqa: PLW0603 - read on every call, so a plain module variable
    local.recorder = previous
    with _lock:
        recording -= 1


def active_recorder() -> Any:
    """This thread's recorder, or None."""
    return local.recorder if recording else None


class unheard:  # noqa: N801 - reads like a statement
    """A block in which this thread's recorder hears of nothing: it runs operations itself."""

    __slots__ = ("_recorder",)

    def __enter__(self) -> None:
        self._recorder = local.recorder
        local.recorder = None

    def __exit__(self, *_: object) -> None:
        local.recorder = self._recorder


def _after_fork() -> None:
    """In a forked child only this thread goes on: locks that others hold stay locked, their recordings never end."""
    global _lock, recording  # noqa: PLW0603 - as above
    _lock = threading.Lock()
    if local.recorder is None:
        recording = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
