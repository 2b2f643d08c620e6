"""Tell which objects are older than a call: `age = Age()`, `age.begin()`, the call, `age.older(objects)`, `age.end()`.

CPython's collector keeps new objects in the order in which they were made, so that a mark among them parts older from
newer ones. Only where a collection is about to mix them, the older ones are listed.
"""

import gc
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

_YOUNG: Final = 0
_MIDDLE: Final = 1
_OLD: Final = 2
_HAS_GENERATIONS: Final = (
    sys.implementation.name == "cpython" and sys.version_info < (3, 14) and "free-threading" not in sys.version
)


class Age:
    """Watches the garbage collector during a call, to tell afterwards what existed before it.

    Objects that the collector does not track (such as containers of plain values only) count as made in the call.
    """

    def __init__(self) -> None:
        self._mark: list[Any] = []
        self._listed: list[Any] = []
        """The older objects of the generations that were collected since, and those of the middle one."""
        self._collections = 0
        self._knows_all = not _HAS_GENERATIONS
        self._in_doubt = False
        """Somebody else has moved objects between the generations: whatever is asked about counts as older."""
        self._frozen = 0
        self._callback: Callable[[str, dict[str, int]], None] | None = None

    def begin(self) -> None:
        """Note that the call is about to begin."""
        if _HAS_GENERATIONS:
            self._frozen = gc.get_freeze_count()
            self._callback = self._collection
            gc.callbacks.append(self._callback)
            self._mark = []
        else:
            self._listed = gc.get_objects()

    def end(self) -> None:
        """Note that nothing more will be asked."""
        self._listed = []
        if self._callback is not None and self._is_watching():
            gc.callbacks.remove(self._callback)
        self._callback = None

    def older(self, values: Iterable[object]) -> set[int]:
        """Return the ids of those of the values that existed before the call."""
        tracked = {id(value) for value in values if gc.is_tracked(value)}
        while tracked:
            before = self._collections
            found = tracked.intersection(self._older(tracked))
            if before == self._collections:
                return found
        return tracked

    def _older(self, asked: set[int]) -> set[int]:
        if not _HAS_GENERATIONS:
            return set(map(id, self._listed))
        if not self._is_watching() or gc.get_freeze_count() != self._frozen:
            self._in_doubt = True  # collections may have passed unseen
        if self._in_doubt:
            return asked
        if self._knows_all:
            frozen = asked.difference(map(id, gc.get_objects())) if self._frozen else set()
            return frozen.union(map(id, self._listed))
        if not self._collections:
            return asked.difference(map(id, self._parted()[1]))
        newer = {*map(id, gc.get_objects(_YOUNG)), *map(id, gc.get_objects(_MIDDLE))}
        return asked.difference(newer.difference(map(id, self._listed)))

    def _parted(self) -> tuple[list[Any], list[Any]]:
        """The objects of the youngest generation that are older than the call, and those that are not."""
        young = gc.get_objects(_YOUNG)
        ids = list(map(id, young))
        if id(self._mark) not in ids:
            self._in_doubt = True
            return young, []
        position = ids.index(id(self._mark))
        return young[:position], young[position:]

    def _is_watching(self) -> bool:
        return any(callback is self._callback for callback in gc.callbacks)

    def _collection(self, phase: str, info: dict[str, int]) -> None:
        """Called by the collector, before it moves what survives to the next generation."""
        if phase != "start" or self._knows_all:
            return
        if not self._collections:
            self._listed = [*self._parted()[0], *gc.get_objects(_MIDDLE)]
        if info["generation"] > _YOUNG:  # nothing made in the call has come to the oldest generation yet
            self._listed += gc.get_objects(_OLD)
            self._knows_all = True
            self._in_doubt = self._in_doubt or gc.get_freeze_count() != self._frozen
        self._collections += 1
