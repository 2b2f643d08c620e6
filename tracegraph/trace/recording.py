"""`record(function, args, kwargs)`: runs a call plain while all it does, reads and changes is taken down."""

import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tracegraph import _state, pytree
from tracegraph.observe import Observation, Observer, is_library_code
from tracegraph.runtime.errors import is_library_file
from tracegraph.trace.classify import LibraryClassifier
from tracegraph.trace.labels import labels
from tracegraph.trace.recorded import Reason
from tracegraph.trace.recorder import Recorder

RAISES = "raises "
"""How the reason of a call begins that ended in an exception."""


@dataclass(eq=False)
class Recording:
    """One recorded call: its result, and what was taken down."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    leaves: list[tuple[str, Any]]
    recorder: Recorder
    observation: Observation
    grad_enabled: bool
    """Whether gradients were enabled when the call began."""
    seconds: float
    result: Any = None
    error: BaseException | None = None

    @property
    def reasons(self) -> list[Reason]:
        """Why the call cannot be replayed without Python; empty if it can."""
        effects = [Reason(e.reason, e.filename, e.line) for e in self.observation.effects]
        return [*self.recorder.reasons, *effects]

    def name_inputs(self) -> None:
        """Give the inputs of the graph the names that people know them by."""
        self.recorder.name_inputs(labels(self.function, self.args, self.kwargs))


def record(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recording:
    """Run the call, and take it down. An exception of the function is kept in the recording, not raised."""
    started = time.perf_counter()
    leaves: list[tuple[str, Any]] = []
    containers: dict[int, str] = {}
    for path, part, inside in (*pytree.walk(args, "args"), *(pytree.walk(kwargs, "kwargs") if kwargs else ())):
        if not inside:
            leaves.append((path, part))
        elif part is not args and part is not kwargs:
            containers.setdefault(id(part), path)
    recorder = Recorder(leaves)
    recorder.container_paths = containers
    grad_enabled = _state.local.grad_enabled
    observer = Observer(function, args, kwargs, classifier=LibraryClassifier(), trusted=_is_library, guards_later=True)
    recorder.pauses = observer.pauses
    result, error = None, None
    previous = _state.begin_recording(recorder)
    try:
        with observer:
            try:
                result = function(*args, **kwargs)
            except BaseException as raised:  # noqa: BLE001 - it is raised again by the caller
                error = raised
    finally:
        _state.end_recording(previous)
    seconds = time.perf_counter() - started
    if error is not None:
        recorder.reasons.append(_where_raised(error))
    if _state.local.grad_enabled is not grad_enabled:
        recorder.unsupported("leaves gradients switched on or off")
    return Recording(
        function, args, kwargs, leaves, recorder, observer.observation, grad_enabled, seconds, result, error
    )


def _where_raised(error: BaseException) -> Reason:
    """The reason that an exception is, with the innermost line of the user's code."""
    place: tuple[str, int] | None = None
    step = error.__traceback__
    while step is not None:
        filename = step.tb_frame.f_code.co_filename
        if not is_library_file(filename):
            place = filename, step.tb_lineno
        step = step.tb_next
    text = f"{RAISES}{type(error).__name__}"
    return Reason(text, *place) if place else Reason(text)


def _is_library(code: types.CodeType) -> bool:
    """Whether code is trusted: the library's own, but for what comes along as an example."""
    return is_library_code(code) and is_library_file(code.co_filename)
