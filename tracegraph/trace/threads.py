"""Whether other Python threads may look at what this one is in the middle of."""

import _thread
import threading

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
