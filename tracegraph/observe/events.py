"""What an observer is told while a function runs, and what tells it: the interface of the event sources."""

import types
from collections.abc import Callable
from typing import Any, Protocol


class Listener(Protocol):
    """Is told what happens in one thread; none of its methods may raise an `Exception`."""

    passed_over: set[int]
    """Identities of code objects which `passes_over`; others may be so, too."""

    def passes_over(self, code: types.CodeType) -> bool:
        """Tell whether that `code` is entered, and what it calls, need not be told."""
        ...

    def entered(self, frame: types.FrameType) -> None:
        """Take note that a Python function begins, or that a generator goes on, before its first line runs."""
        ...

    def returned(self, frame: types.FrameType, value: Any) -> None:
        """Take note that a frame returns or yields `value`; None where an exception leaves it."""
        ...

    def called(self, frame: types.FrameType, function: Any) -> None:
        """Take note that a frame is about to call a function or method written in C; a method comes bound.

        Calls of `PURE_FUNCTIONS` need not be told.
        """
        ...

    def interrupted(self, reason: str) -> None:
        """Take note that nothing more will be told, and why."""
        ...


class EventSource(Protocol):
    """Tells a listener what happens in the thread that opened it, until it is closed in that thread.

    A profiler, debugger or coverage tool that was active goes on seeing what it sees, and is active afterwards.
    """

    def open(self) -> bool:
        """Begin to tell, if possible; False leaves everything as it is."""
        ...

    def ways_to_pause(self) -> tuple[Callable[[], object], Callable[[], object]] | None:
        """Return what stops and what resumes an open source, None where that costs more than it saves."""
        ...

    def close(self) -> None:
        """Stop telling, and leave active what would be active without this source."""
        ...
