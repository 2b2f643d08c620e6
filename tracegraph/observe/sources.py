"""Choose the event source that an observer listens to."""

from collections.abc import Callable
from typing import Final

from tracegraph.observe import monitoring_events
from tracegraph.observe.events import EventSource, Listener
from tracegraph.observe.monitoring_events import MonitoringEvents
from tracegraph.observe.profile_events import ProfileEvents

SOURCES: Final[dict[str, Callable[[Listener], EventSource]]] = {
    **({"monitoring": MonitoringEvents} if monitoring_events.is_available() else {}),
    "profile": ProfileEvents,
}
"""The event sources of this version of Python by name, the better one first."""


def open_source(listener: Listener, name: str | None = None) -> EventSource | None:
    """Return an open event source, the first that can be opened; None where there is none.

    Args:
        listener: what is told the events.
        name: the only source to try.
    """
    for maker in SOURCES.values() if name is None else (SOURCES[name],):
        source = maker(listener)
        if source.open():
            return source
    return None
