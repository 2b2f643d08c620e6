"""`Trie`: all ways that the calls of a co-executed function went, and the native code for their stretches."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracegraph.compiler.ir.structure import structural_key
from tracegraph.runtime.errors import CompileWarning
from tracegraph.trace.events import FLUSH, OPERATION, START, Event
from tracegraph.trace.segment import NoGraphError, Segment, segment_graph
from tracegraph.trace.sites import warn_user
from tracegraph.trace.trial import Trial

if TYPE_CHECKING:
    from tracegraph.trace.matcher import Matcher

MAX_EVENTS = 20_000
"""Events kept per function; beyond that what is new runs as without tracing."""
_EAGER_PATHS = 8
"""So many ways are compiled at once; further ones when they are gone a second time."""
_SHOWN = 20
_TRIAL = 16
"""Calls after which it is judged whether matching pays."""
_FEWEST_OPERATIONS = 3
"""Shorter stretches run as fast without native code."""


class Trie:
    """The ways of one function."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root = Event(START)
        self.calls = self.paths = self.events = 0
        self.native_flushes = self.flushes = self.diverged_in_row = 0
        self.trial = Trial()
        self.notes: list[str] = []
        self._segments: dict[str, Segment] = {}

    @property
    def is_full(self) -> bool:
        """Whether no more ways are taken down."""
        return self.events >= MAX_EVENTS

    @property
    def is_useful(self) -> bool:
        """Whether matching pays: not if no call has found native code, or if what is new cannot be taken down."""
        if self.calls < _TRIAL:
            return True
        return self.native_flushes > 0 and not (self.is_full and self.diverged_in_row > _TRIAL)

    @property
    def segments(self) -> list[Segment]:
        """The distinct pieces of native code."""
        return list(self._segments.values())

    def describe(self) -> list[str]:
        """In words for people: how calls went, and where values were needed."""
        if not self.calls:
            return []
        times = self.trial.matched_seconds, self.trial.plain_seconds
        lines = [
            (
                f"co-executed: {self.calls} calls, {self.paths} ways, {self.native_flushes} of {self.flushes} "
                f"stretches run by native code ({len(self._segments)} distinct pieces)"
            )
        ]
        if not self.trial.is_running:
            matched, plain = (1e6 * min(seconds) for seconds in times if seconds)
            which = "matched" if self.trial.pays else "run without matching"
            lines.append(f"  calls are {which}: {matched:.1f} us matched, {plain:.1f} us plain, in a trial")
        seen: dict[str, int] = {}
        waiting = [self.root]
        while waiting:
            event = waiting.pop()
            waiting.extend(event.children())
            if event.kind == FLUSH:
                where = "" if event.location is None else f" ({event.location[0]}:{event.location[1]})"
                seen[event.reason + where] = seen.get(event.reason + where, 0) + event.visits
        lines += [f"  a stretch ends where {text}: {visits} times" for text, visits in list(seen.items())[:_SHOWN]]
        return lines + [f"  {note}" for note in self.notes]

    def grew(self, event: Event) -> None:
        """An event was entered."""
        self.events += 1

    def finished(self, matcher: "Matcher", last: Event) -> None:
        """A call has ended at `last`: stretches that have no native code yet and deserve it get it."""
        self.calls += 1
        self.flushes += matcher.flushes
        self.native_flushes += matcher.native
        self.diverged_in_row = self.diverged_in_row + 1 if matcher.diverged else 0
        if matcher.diverged or self.calls == 1:
            self.paths += 1
        if not matcher.unsettled:
            return
        for event in last.since(None):
            if event.kind == FLUSH and not event.settled and (event.visits > 1 or self.paths <= _EAGER_PATHS):
                self._settle(event)

    def hold(self, flush: Event, slots: Sequence[int]) -> None:
        """Results were held that were not when the way was taken down: they have to be computed, too."""
        flush.held.update(slots)
        flush.dead = tuple(event for event in flush.made if event.slot not in flush.held)
        flush.segment, flush.settled = None, False

    def _settle(self, flush: Event) -> None:
        flush.settled = True
        stretch = flush.stretch()
        if sum(event.kind == OPERATION for event in stretch) < _FEWEST_OPERATIONS:
            return
        try:
            graph, inputs, outputs = segment_graph(self.name, flush)
            key = structural_key(graph)
            segment = self._segments.get(key)
            if segment is None:
                segment = self._segments[key] = Segment(graph)
        except NoGraphError as error:
            self.notes.append(f"a stretch has no native code: {error}")
            return
        except Exception as error:  # noqa: BLE001 - whatever fails here must not reach the caller
            self.notes.append(f"a stretch could not be compiled: {error!r}")
            message = f"{self.name}: a stretch of operations runs without native code: {error!r}"
            warn_user(message, CompileWarning)
            return
        flush.segment = segment.at(inputs, outputs)
        for event in stretch:
            event.prepare()
