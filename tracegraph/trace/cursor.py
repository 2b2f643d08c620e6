"""`Cursor`: where a co-executed call stands among the ways that earlier calls went, and the arrays it has met."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.compiler.ops.base import Operation
from tracegraph.sharing import has_exposed_memory
from tracegraph.tensor import Tensor
from tracegraph.trace.events import COPIED, NEW, STORE, VIEW, Event, Layout, Literal, Operand, run_events
from tracegraph.trace.listener import Listener
from tracegraph.trace.liveness import ALONE, is_held
from tracegraph.trace.trie import Trie

_count = sys.getrefcount
_MANY = 256
"""So many arrays from before the last boundary, and those that nobody holds are let go of."""


class Cursor(Listener):
    """A place in the trie of a function; `values` are the arrays of the call, by slot."""

    def __init__(self, trie: Trie) -> None:
        self.trie = trie
        self.values: list[np.ndarray | None] = []
        """The arrays met in this call, by slot; None for one that nobody can ask for any more."""
        self._slots: dict[int, int] = {}
        self._indexed = 0
        """The number of slots whose arrays `_slots` knows, by their ids."""
        self._exposed: set[int] = set()
        self._position = self._done = self._flushed = trie.root
        """The event reached; the last whose work has been done (those after it wait); the last boundary."""
        self._next = trie.root.child
        self._first = 0
        """The first slot since the boundary."""
        self._stored = False
        self._worked = False
        """Whether some of the work since the boundary has been done already."""
        self._alive: list[int] = []
        """Slots from before the boundary that someone holds."""
        self._many = _MANY
        self._on = True
        """False when this call has left a trie that is full, or has started a thread: what follows runs at once."""
        self.flushes = self.native = self.diverged = 0
        self.unsettled = False

    # -- going on -----------------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Do what waits, operation by operation."""
        if self._done is not self._position:
            waiting = self._position.since(self._done)
            # Views were made at once, but may have been let go of when native code was about to run.
            views = [event for event in self._done.since(self._flushed) if event.kind == VIEW]
            waiting = [*views, *waiting]
            self._done = self._position
            self._worked = True
            run_events(waiting, self.values)

    def diverge(self) -> bool:
        """This call goes a way that none went before; returns whether it is taken down."""
        if self._next is not None:
            self.diverged += 1
        self.catch_up()
        self._next = None
        self._on = self._on and not self.trie.is_full
        return self._on

    def _pass(self, event: Event) -> None:
        """Go on behind an event whose work has been done."""
        self._position = self._done = event
        self._next = event.child
        self._worked = True

    def _bound(self, event: Event) -> None:
        """Go on behind a boundary."""
        self._pass(event)
        self._flushed = event
        self._first = len(self.values)
        self._stored = self._worked = False

    # -- what comes next ----------------------------------------------------------------------------------------------

    def _find(self, kind: int, operation: Operation | None, operands: Sequence[Tensor]) -> Event | None:
        """The event of a kind that comes next, if it fits; no slots are given yet."""
        return self._find_among(self._next, kind, operation, operands)

    def _find_among(
        self, event: Event | None, kind: int, operation: Operation | None, operands: Sequence[Tensor]
    ) -> Event | None:
        mark = len(self.values)
        while event is not None:
            if event.kind == kind and (operation is None or event.is_operation(operation)):
                fits = self._fits(event, operands)
                self._unbind(mark)
                if fits:
                    return event
            event = event.sibling
        return None

    def _fits(self, event: Event, operands: Sequence[Tensor]) -> bool:
        """Whether the operands are those of the event; arrays not met before get their slots then."""
        values = self.values
        if len(operands) != len(event.wanted):
            return False
        mark, number, place = len(values), 0, -1 if event.kind == STORE or event.kind == VIEW else 0
        for wanted, operand in zip(event.wanted, operands, strict=True):
            array = operand._data
            place += 1
            if type(wanted) is int:
                if wanted >= 0:
                    if values[wanted] is array and (not place or wanted not in self._exposed):
                        continue
                elif event.new[number].fits(array):
                    exposed = place > 0 and has_exposed_memory(operand)
                    if exposed is (wanted == COPIED) and (exposed or not self._knows(array)):
                        self._enter(self._copy_of(array) if exposed else array)
                        number += 1
                        continue
            elif operand._literal and wanted.fits(array):  # type: ignore[union-attr]
                continue
            self._unbind(mark)
            return False
        return True

    def _append(self, event: Event, operands: Sequence[Tensor]) -> Event:
        """Enter a new event in the trie; its operands' arrays get their slots."""
        varied = self._varied_numbers(event, operands)
        wanted: list[Operand] = []
        resolved: list[Operand] = []
        new: list[Layout] = []
        for position, operand in enumerate(operands):
            array = operand._data
            direct = position == 0 and event.kind in (STORE, VIEW)
            exposed = not direct and has_exposed_memory(operand)
            slot = self._slot_of(array)
            if operand._literal and not direct and position not in varied:
                wanted.append(Literal(array))
            elif slot is not None and not exposed:
                wanted.append(slot)
            else:
                wanted.append(COPIED if exposed else NEW)
                new.append(Layout.of(array))
                slot = self._enter(array.copy() if exposed else array)
                resolved.append(slot)
                continue
            resolved.append(wanted[-1])
        event.wanted, event.operands, event.new = tuple(wanted), tuple(resolved), tuple(new)
        self._position.append(event)
        self.trie.grew(event)
        return event

    def _varied_numbers(self, event: Event, operands: Sequence[Tensor]) -> set[int]:
        """Positions of numbers that were others when the same operation ran here before: they vary."""
        varied: set[int] = set()
        for other in self._position.children():
            same = other.kind == event.kind and other.operation == event.operation
            if same and len(other.wanted) == len(operands):
                for position, (wanted, operand) in enumerate(zip(other.wanted, operands, strict=True)):
                    if operand._literal and (wanted == NEW or isinstance(wanted, Literal)):
                        varied.add(position)
        return varied

    # -- slots --------------------------------------------------------------------------------------------------------

    def _slot_of(self, array: np.ndarray) -> int | None:
        """The slot of an array, None for one not met in this call."""
        for number in range(self._indexed, len(self.values)):
            self._slots[id(self.values[number])] = number
        self._indexed = len(self.values)
        slot = self._slots.get(id(array))
        return slot if slot is not None and slot < len(self.values) and self.values[slot] is array else None

    def _copy_of(self, array: np.ndarray) -> np.ndarray:
        """A copy of an array that others may write to; should it lie in memory of this call, that is filled first."""
        if self._knows(array):
            self.catch_up()
        return array.copy()

    def _knows(self, array: np.ndarray) -> bool:
        return self._slot_of(array) is not None

    def _unbind(self, mark: int) -> None:
        """Take back the slots from `mark` on."""
        del self.values[mark:]
        self._indexed = min(self._indexed, mark)

    def _enter(self, array: np.ndarray) -> int:
        """Give an array its slot."""
        slot = len(self.values)
        self.values.append(array)
        return slot

    # -- who holds what -----------------------------------------------------------------------------------------------

    def _sweep(self, made: Sequence[Event]) -> list[int]:
        """Let go of results that nobody holds, the latest first (a view holds what it is a view of);
        returns the slots of the others.
        """
        values, found = self.values, []
        for event in made:
            slot = event.slot
            if values[slot] is not None:
                if is_held(values, slot, view=event.kind == VIEW, known=0 if event.spare is None else 1):
                    found.append(slot)
                else:
                    values[slot] = None
        return found

    def ready(self, flush: Event) -> bool:
        """Whether native code for a flush computes everything that someone holds; if not, it is told for next time."""
        values: list[Any] = self.values
        for event in flush.dead:
            array = values[event.slot]
            alone = ALONE if event.spare is None else ALONE + 1
            if _count(array) > alone or (array.base is not None and event.kind != VIEW):
                unexpected = self._sweep(flush.dead)
                if unexpected:
                    self.trie.hold(flush, unexpected)
                return not unexpected
            values[event.slot] = None
        return True

    def _drop_dead(self) -> None:
        """Let go of arrays that nobody can ask for any more, so that memory is not kept until the call ends."""
        alive = self._alive
        alive.extend(range(self._first, len(self.values)))
        if len(alive) > self._many:
            values = self.values
            for slot in reversed(alive):
                if values[slot] is not None and not is_held(values, slot):
                    values[slot] = None
            self._alive = [slot for slot in alive if values[slot] is not None]
            self._many = _MANY + 2 * len(self._alive)
