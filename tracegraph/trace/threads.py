"""Whether other Python threads may look at what this one is in the middle of, and when one is about to start."""

import _thread
import sys
import threading
from typing import Any

from tracegraph import _state

_HARMLESS = ("tqdm.", "tracegraph.")
"""Modules whose threads never touch a tensor: progress bars, the library's own workers."""


ignored = 0
"""Threads not known to `threading` that never touch a tensor, such as those of a test runner."""


def is_alone() -> bool:
    """Whether no other thread runs Python code that could see this thread's tensors."""
    others = _thread._count() - ignored
    if others <= 0:
        return True
    own = threading.get_ident()
    known = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others > len(known) or own != threading.main_thread().ident:
        return False
    return all(type(thread).__module__.startswith(_HARMLESS) for thread in known)


def watch() -> None:
    """From now on a recorder hears of threads that its call is about to start."""
    global _watching  # noqa: PLW0603 - it is done once
    if _watching:
        return
    _watching = True
    if sys.version_info >= (3, 12):
        sys.addaudithook(_hear)
    else:  # CPython 3.11 tells no audit hook of threads
        threading._start_new_thread = _start  # type: ignore[attr-defined]


_watching = False
_start_new_thread = _thread.start_new_thread


def _hear(event: str, _: Any) -> None:
    if event.startswith("_thread.start_") and _state.local.recorder is not None:
        _state.local.recorder.thread_starts()


def _start(*args: Any) -> int:
    _hear("_thread.start_new_thread", args)
    return _start_new_thread(*args)
