"""Events from `sys.monitoring` (Python 3.12 and newer), which leaves profilers, debuggers and coverage tools alone."""

import os
import sys
import threading
import types
from collections.abc import Callable
from typing import Any, Final

from tracegraph.observe.events import Listener
from tracegraph.observe.purity import EVENTED_TYPES, PURE_FUNCTIONS

_monitoring: Final[Any] = getattr(sys, "monitoring", None)
_NAME: Final = "tracegraph"
_FREE_IDS: Final = (4, 3)  # 0, 1, 2 and 5 are reserved for debuggers, coverage tools, profilers and optimisers
_EVENT_NAMES: Final = ("PY_START", "PY_RESUME", "PY_THROW", "PY_RETURN", "PY_YIELD", "PY_UNWIND")
_GLOBAL_EVENTS: Final = (
    sum(getattr(_monitoring.events, name) for name in _EVENT_NAMES) if _monitoring is not None else 0
)
_C_FUNCTIONS: Final = frozenset(EVENTED_TYPES)


Listeners = dict[int, tuple[Listener, ...]]
"""Who listens, by thread."""


def is_available() -> bool:
    """Tell whether this Python has `sys.monitoring`."""
    return _monitoring is not None


class MonitoringEvents:
    """Tells what happens in the thread that opened it, by way of a tool of `sys.monitoring`.

    The tool is in use only while a source is open, and is shared by the sources of all threads. Before the function
    observed calls a function of `sys.monitoring`, the tool is given back, so that it finds what it would without.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def open(self) -> bool:
        """Begin to listen; False where no tool is to be had."""
        return _tool.add(self._listener)

    def ways_to_pause(self) -> None:
        """Code that is passed over costs little as it is."""

    def close(self) -> None:
        """Stop listening; with the last listener the tool is given back."""
        _tool.remove(self._listener)


class _Tool:
    """The tool that all open sources share, and who listens in which thread."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._lock = threading.RLock()
        self._listeners: Listeners = {}
        self._followed: dict[int, types.CodeType] = {}

    def add(self, listener: Listener) -> bool:
        with self._lock:
            if self._number is None and not self._acquire():
                return False
            thread = threading.get_ident()
            self._listeners[thread] = (*self._listeners.get(thread, ()), listener)
            return True

    def remove(self, listener: Listener) -> None:
        with self._lock:
            thread = threading.get_ident()
            held = self._listeners.get(thread, ())
            if listener not in held:
                return  # it was interrupted
            if not self._is_intact():
                self.interrupt("the monitoring tool was taken away")
                return
            rest = tuple(other for other in held if other is not listener)
            if rest:
                self._listeners[thread] = rest
            else:
                del self._listeners[thread]
            if not self._listeners:
                self._release()

    def interrupt(self, reason: str) -> None:
        """Give the tool back although sources are open, and tell their listeners."""
        with self._lock:
            listeners = [listener for held in self._listeners.values() for listener in held]
            self._listeners.clear()
            self._release()
            for listener in listeners:
                listener.interrupted(reason)

    def forget_other_threads(self) -> None:
        """In the child of a fork, where the other threads are gone, keep only the listeners of this one."""
        self._lock = threading.RLock()
        thread = threading.get_ident()
        for other in set(self._listeners) - {thread}:
            del self._listeners[other]
        if not self._listeners:
            self._release()

    def _acquire(self) -> bool:
        for number in _FREE_IDS:
            if _monitoring.get_tool(number) is None:
                _monitoring.use_tool_id(number, _NAME)
                self._number = number
                for event, callback in self._callbacks(number).items():
                    _monitoring.register_callback(number, event, callback)
                _monitoring.set_events(number, _GLOBAL_EVENTS)
                return True
        return False

    def _callbacks(self, number: int) -> dict[int, Callable[..., object]]:
        return {
            **_frame_callbacks(number, self._listeners, self._followed),
            _monitoring.events.CALL: _call_callback(self._listeners),
        }

    def _is_intact(self) -> bool:
        number = self._number
        return (
            number is not None
            and _monitoring.get_tool(number) == _NAME
            and _monitoring.get_events(number) == _GLOBAL_EVENTS
        )

    def _release(self) -> None:
        number, self._number = self._number, None
        if number is not None and _monitoring.get_tool(number) == _NAME:
            for code in self._followed.values():
                _monitoring.set_local_events(number, code, 0)
            _monitoring.set_events(number, 0)
            for event in self._callbacks(number):
                _monitoring.register_callback(number, event, None)
            _monitoring.free_tool_id(number)
        self._followed.clear()


_tool: Final = _Tool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tool.forget_other_threads)


# The callbacks run for every Python function called in every thread, hence the local names and the early returns.


def _frame_callbacks(
    number: int, listeners: Listeners, followed: dict[int, types.CodeType]
) -> dict[int, Callable[..., object]]:
    """The callbacks about frames, by event; they switch on the event of calls for the code that is looked at."""
    current_thread, frame_above, events = threading.get_ident, sys._getframe, _monitoring.events

    def entered(code: types.CodeType, _offset: int, _exception: object = None) -> None:
        held = listeners.get(current_thread())
        if held is None:
            return
        if id(code) not in followed:
            if all(listener.passes_over(code) for listener in held):
                return
            followed[id(code)] = code
            _monitoring.set_local_events(number, code, events.CALL)
        frame = frame_above(1)
        for listener in held:
            listener.entered(frame)

    def returned(_code: types.CodeType, _offset: int, value: Any) -> None:
        held = listeners.get(current_thread())
        if held is not None:
            frame = frame_above(1)
            for listener in held:
                listener.returned(frame, value)

    def unwound(_code: types.CodeType, _offset: int, _exception: object) -> None:
        held = listeners.get(current_thread())
        if held is not None:
            frame = frame_above(1)
            for listener in held:
                listener.returned(frame, None)

    return {
        events.PY_START: entered,
        events.PY_RESUME: entered,
        events.PY_THROW: entered,
        events.PY_RETURN: returned,
        events.PY_YIELD: returned,
        events.PY_UNWIND: unwound,
    }


def _call_callback(listeners: Listeners) -> Callable[..., object]:
    """The callback about calls, of which those of functions written in C matter.

    It never switches itself off for a place in the code: the next call there may be one of another function.
    """
    current_thread, frame_above, missing = threading.get_ident, sys._getframe, _monitoring.MISSING

    def called(code: types.CodeType, _offset: int, function: Any, first: Any) -> None:
        kind = type(function)
        if kind not in _C_FUNCTIONS or id(function) in PURE_FUNCTIONS:
            return
        held = listeners.get(current_thread())
        if held is None:
            return
        frame = frame_above(1)
        concerns_tools = False
        if kind is types.MethodDescriptorType:
            if first is missing:
                return  # the call fails for want of a receiver
            function = _bound(function, first)
        else:
            concerns_tools = function.__self__ is _monitoring and code.co_filename != __file__
        for listener in held:
            listener.called(frame, function)
        if concerns_tools:
            _tool.interrupt(f"calls {function.__name__}, which concerns monitoring tools")

    return called


def _bound(method: types.MethodDescriptorType, receiver: Any) -> Any:
    try:
        return method.__get__(receiver, type(receiver))
    except TypeError:
        return method  # it is called with a receiver of another type, which fails
