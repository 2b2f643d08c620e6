"""Whether other Python threads may look at what this one is in the middle of.

A recorder hears of each thread that the one it listens to starts: `threading.Thread.start` is wrapped for that.
"""

import _thread
import functools
import threading

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


_start = threading.Thread.start


@functools.wraps(_start)
def _announced_start(thread: threading.Thread) -> None:
    recorder = _state.active_recorder()
    if recorder is not None:
        recorder.thread_starts()
    _start(thread)


threading.Thread.start = _announced_start  # type: ignore[method-assign, assignment]
