"""What one observed run read and changed: `observation.effects`, `observation.guards`."""

import types
from collections.abc import Mapping
from typing import Any

from tracegraph.observe.arguments import ArgumentPlan
from tracegraph.observe.guard_builder import build_guards
from tracegraph.observe.guards import Guards
from tracegraph.observe.model import Effect
from tracegraph.observe.reach import Reach


class Observation:
    """What one run read and what it changed: `effects` (empty: Python need not run again) and `guards`."""

    def __init__(
        self,
        effects: tuple[Effect, ...],
        codes: tuple[types.CodeType, ...] = (),
        external: frozenset[int] = frozenset(),
        reach: Reach | None = None,
        called: tuple[tuple[Any, ...], Mapping[str, Any], bool, bool, str] = ((), {}, False, False, ""),
    ) -> None:
        self.effects = effects
        self.code_objects = codes
        self._external = external
        self._reach, self._called = reach, called
        self._guards: Guards | None = None
        self._captured: tuple[object, ...] = ()
        self.absent: frozenset[str] = frozenset()
        """Names that the run may have found missing on the library's objects, which is for the library to guard."""

    def make_guards(self) -> None:
        """Make the guards, if that has not been done, of what was read; nothing may have changed since the run."""
        if self._reach is None:
            return
        try:
            self._guards = build_guards(self._reach, *self._called)
            self._captured = tuple(self._reach.captured_leaves(self._guards.structural_arguments))
        except Exception as problem:  # noqa: BLE001  whatever goes wrong here must not reach the caller of the function
            self.effects = (*self.effects, failure(problem, self.code_objects[0] if self.code_objects else None))
        self._reach, self._called = None, ((), {}, False, False, "")  # they hold all that the run has touched

    @property
    def guards(self) -> Guards:
        """The conditions under which what the run read is unchanged."""
        self.make_guards()
        if self._guards is None:
            self._guards = Guards([], {}, ArgumentPlan(0, 0))
        return self._guards

    @property
    def captured(self) -> tuple[object, ...]:
        """The library's leaves that were reached by other ways than as arguments."""
        self.make_guards()
        return self._captured

    @property
    def is_static(self) -> bool:
        """True when a replay behind the guards needs no Python."""
        return not self.effects

    def is_external(self, value: object) -> bool:
        """Tell whether `value` existed outside the call; a replay has to return the very same object."""
        return id(value) in self._external


def failure(problem: Exception, function: Any) -> Effect:
    """The reason that a fault of the observation itself is."""
    return Effect(f"observation failed: {problem!r}", *place_of(function))


def place_of(function: Any) -> tuple[str, int]:
    """File and first line of a function or of its code."""
    code = function if type(function) is types.CodeType else getattr(function, "__code__", None)
    if type(code) is not types.CodeType:
        return ("", 0)
    return (code.co_filename, code.co_firstlineno)
