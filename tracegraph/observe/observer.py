"""Watch one run of a function: `with Observer(function, args) as observer: ...`, then `observer.observation`."""

import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, Self

from tracegraph.observe.age import Age
from tracegraph.observe.calls import CallFollower
from tracegraph.observe.effects import Diagnosis, absent_names, find_effects
from tracegraph.observe.events import EventSource
from tracegraph.observe.exposure import TooMuchError
from tracegraph.observe.model import Classifier, NoLibrary, Site
from tracegraph.observe.observation import Observation, failure, place_of
from tracegraph.observe.pauses import Pauses
from tracegraph.observe.reach import Reach
from tracegraph.observe.sources import open_source
from tracegraph.observe.trust import Trust, is_library_code


class Observer:
    """Observes what a function reads from outside and does to outside, while it runs once in the `with` block.

    Args:
        function: what is about to be called.
        args: its positional arguments.
        kwargs: its keyword arguments.
        classifier: claims the objects that the library guards itself.
        trusted: tells of a code object whether it is library code, which is not looked into. Callbacks from
            such code into other code are looked into.
        argument_values: "guard" also guards the immutable values and the structure of lists, tuples and dicts in the
            arguments; "caller" leaves those that are only read as arguments to the caller's own key.
        limit: the number of edges at which observation gives up.
        guards_later: the guards are made when first asked for; nothing may be changed between the run and then.
        source: the name of the event source, the best one that is to be had by default.

    Raises:
        Nothing of its own; an exception of the block passes, and profilers that were active before are active again.

    Example:
        >>> scale = 2.0
        >>> def double(x):
        ...     return x * scale
        >>> with Observer(double, (3.0,)) as observer:
        ...     result = double(3.0)
        >>> observer.observation.is_static, observer.observation.guards.check_fast((3.0,), {})
        (True, True)
    """

    observation: Observation

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        classifier: Classifier | None = None,
        trusted: Callable[[types.CodeType], bool] = is_library_code,
        argument_values: str = "guard",
        limit: int = 20_000,
        guards_later: bool = False,
        source: str | None = None,
    ) -> None:
        self._guards_later = guards_later
        self._function, self._args, self._kwargs = function, args, dict(kwargs or {})
        self._argument_values = argument_values
        self._base: set[int] = set()
        self._frames: list[types.FrameType] = []
        self._trust = Trust(trusted, self._base)
        self.passed_over = self._trust.passed_over
        self._collector_codes = self._trust.collector_codes
        self._reach = Reach(classifier or NoLibrary(), limit, trusted)
        self._diagnosis = Diagnosis()
        self._calls = CallFollower(function, self._reach, self._diagnosis, self._trust, self._base)
        self._stopped = False
        self._source_name = source
        self._source: EventSource | None = None
        self.pauses = Pauses()
        self._age = Age()
        self._collecting = 0

    def __enter__(self) -> Self:
        self._age.begin()
        frame: types.FrameType | None = sys._getframe(0)
        while frame is not None:
            self._base.add(id(frame))
            self._frames.append(frame)
            frame = frame.f_back
        site = Site(*place_of(self._function))
        try:
            self._reach.count_arguments([*self._args, *self._kwargs.values()])
            self._reach.set_aside_arrays([*self._args, *self._kwargs.values()], site)
            self._reach.opens_records = True
            for position, value in enumerate(self._args):
                self._reach.expose(value, f"args[{position}]", site)
            for name, value in self._kwargs.items():
                self._reach.expose(value, f"kwargs[{name!r}]", site)
            self._reach.opens_records = False
            self._reach.expose(self._function, "the function", site)
        except TooMuchError:
            self._give_up(site)
        except Exception as problem:  # noqa: BLE001  whatever goes wrong here must not keep the function from running
            self._give_up(site, f"observation failed: {problem!r}")
        self._source = open_source(self, self._source_name)
        if self._source is None:
            self._diagnosis.note("a profiler that cannot be set aside is active", site)
        elif (ways := self._source.ways_to_pause()) is not None:
            self.pauses.begin(*ways)
        return self

    def __exit__(self, *exception: object) -> None:
        self.pauses.end()
        if self._source is not None:
            self._source.close()
        self._frames.clear()
        try:
            self.observation = self._conclude()
        except Exception as problem:  # noqa: BLE001  whatever goes wrong here must not reach the caller of the function
            self.observation = Observation((failure(problem, self._function),))
        finally:
            self._age.end()
        del self._reach, self._diagnosis, self._calls

    def _conclude(self) -> Observation:
        reach, diagnosis = self._reach, self._diagnosis
        effects = find_effects(reach, diagnosis, self._roots(), self._age)
        catches = diagnosis.catches or any(facts.catches for facts in diagnosis.codes.values())
        external = frozenset(key for key, node in reach.nodes.items() if node.external)
        codes = tuple(facts.code for facts in diagnosis.codes.values())
        if effects and self._guards_later:  # nobody will ask, and what the run has made is to die now
            return Observation(effects, codes, external)
        called = (self._args, self._kwargs, catches, self._trust.registry_was_asked, self._argument_values)
        observation = Observation(effects, codes, external, reach, called)
        observation.absent = absent_names(diagnosis)
        if not self._guards_later:
            observation.make_guards()
        return observation

    def _roots(self) -> list[object]:
        return [self._function, *self._args, *self._kwargs.values()]

    # -- events ----------------------------------------------------------------------------------------------------

    def passes_over(self, code: types.CodeType) -> bool:
        """Tell whether nothing that `code` itself does is looked at."""
        try:
            return self._trust.passes_over(code)
        except Exception as problem:  # noqa: BLE001  whatever goes wrong here must not reach the user's function
            self._give_up(Site(code.co_filename, code.co_firstlineno), f"observation failed: {problem!r}")
            return id(code) in self.passed_over

    def entered(self, frame: types.FrameType) -> None:
        """Follow what a Python function that begins can get hold of."""
        if id(frame.f_code) in self._collector_codes:
            self._collecting += 1
        elif self._is_observed(frame):
            try:
                if not self._trust.covers(frame):
                    self._calls.enter(frame)
            except Exception as problem:  # noqa: BLE001
                self._give_up_for(problem, frame)

    def returned(self, frame: types.FrameType, value: Any) -> None:
        """Follow what the caller of a Python function gets from it."""
        back = frame.f_back
        if id(frame.f_code) in self._collector_codes:
            self._collecting -= 1
        elif (back is None or id(back.f_code) not in self.passed_over) and self._is_observed(frame):
            try:
                self._calls.leave(frame, value)
            except Exception as problem:  # noqa: BLE001
                self._give_up_for(problem, frame)

    def called(self, frame: types.FrameType, function: Any) -> None:
        """Judge the call of a function or method written in C."""
        if self._is_observed(frame):
            try:
                if not self._trust.covers(frame):
                    self._calls.judge(frame, function)
            except Exception as problem:  # noqa: BLE001
                self._give_up_for(problem, frame)

    def interrupted(self, reason: str) -> None:
        """Give up, as nothing more will be told."""
        self.pauses.end()
        self._give_up(Site(*place_of(self._function)), reason)

    def _is_observed(self, frame: types.FrameType) -> bool:
        return not (self._stopped or self._collecting or id(frame) in self._base)

    def _give_up_for(self, problem: Exception, frame: types.FrameType) -> None:
        site = Site(frame.f_code.co_filename, frame.f_lineno)
        if isinstance(problem, TooMuchError):
            self._give_up(site)
        else:
            self._give_up(site, f"observation failed: {problem!r}")

    def _give_up(self, site: Site, reason: str = "the call can reach more objects than can be followed") -> None:
        self._stopped = True
        self._diagnosis.note(f"{reason} ({site})", site)
