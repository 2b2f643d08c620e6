"""Events from `sys.setprofile`, on every version of Python; a profile function written in Python is told them, too."""

import functools
import sys
import types
from _lsprof import Profiler
from collections.abc import Callable
from typing import Any, Final

from tracegraph.observe.events import Listener
from tracegraph.observe.purity import PURE_FUNCTIONS

_PROFILE_FUNCTIONS: Final = frozenset(
    id(getattr(sys, name)) for name in ("setprofile", "getprofile", "_setprofileallthreads") if hasattr(sys, name)
)

ProfileFunction = Callable[[types.FrameType, Any, Any], object]


class ProfileEvents:
    """Tells what happens in the thread that opened it by way of the thread's profile function.

    A profile function that was active is called for each event as before. A profiler written in C cannot be called:
    then this source does not open. Before the function observed looks at or exchanges the thread's profiler, the
    source takes itself away, so that it finds and leaves what it would without.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._passed_over = listener.passed_over
        self._previous: ProfileFunction | None = None
        self._active = False
        self._failed = False
        self._installed: ProfileFunction | None = None

    def open(self) -> bool:
        """Become the thread's profile function; False where one written in C is active."""
        previous: Any = sys.getprofile()
        if previous is not None and not callable(previous):
            return False
        self._previous = previous
        self._active = True
        self._installed = self._event if previous is None else self._forward
        sys.setprofile(self._installed)
        return True

    def ways_to_pause(self) -> tuple[Callable[[], object], Callable[[], object]] | None:
        """Setting a profile function costs little before Python 3.12; later ones make all code anew."""
        if sys.version_info >= (3, 12):
            return None
        return functools.partial(sys.setprofile, self._previous), functools.partial(sys.setprofile, self._installed)

    def close(self) -> None:
        """Make the profile function that was active before the thread's own again, unless it was exchanged."""
        if not self._active:
            return
        current = sys.getprofile()
        if current is self._installed or (current is None and self._failed):
            sys.setprofile(self._previous)
        else:
            self._listener.interrupted("the profile function was exchanged")
        self._active = False
        self._installed = None

    def _forward(self, frame: types.FrameType, event: str, argument: Any) -> None:
        previous = self._previous
        if previous is not None:
            try:
                previous(frame, event, argument)
            except BaseException:
                self._previous = None  # Python takes away a profile function that raises
                self._failed = True
                raise
        self._event(frame, event, argument)

    def _event(self, frame: types.FrameType, event: str, argument: Any) -> None:
        if event == "c_return":
            return
        if not self._active:  # installed again by someone who kept it
            sys.setprofile(self._previous)
            return
        try:
            if event == "c_call":
                if id(frame.f_code) not in self._passed_over and id(argument) not in PURE_FUNCTIONS:
                    self._c_call(frame, argument)
            elif event == "call":
                if id(frame.f_code) not in self._passed_over:
                    self._listener.entered(frame)
            elif event == "return":
                self._listener.returned(frame, argument)
        except BaseException:  # an interrupt from the keyboard: Python takes this profile function away
            self._failed = True
            raise

    def _c_call(self, frame: types.FrameType, function: Any) -> None:
        self._listener.called(frame, function)
        concerns = id(function) in _PROFILE_FUNCTIONS or issubclass(type(function.__self__), Profiler)
        if concerns and frame.f_code not in _OWN_CODE:
            self._active = False
            sys.setprofile(self._previous)
            self._listener.interrupted(f"calls {function.__name__}, which concerns profilers")


_OWN_CODE: Final = frozenset({ProfileEvents.open.__code__, ProfileEvents.close.__code__, ProfileEvents._event.__code__})
