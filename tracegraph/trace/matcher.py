"""Runs one call of a co-executed function: operations wait, matched against what earlier calls did, until a value is
needed; then a whole stretch of them is computed by native code at once.

Python runs as always, and sees the same values, gradients, exceptions and memory as without tracing: a result that
waits is a tensor over memory of its own that is filled before anyone can read it.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph import _state, eager
from tracegraph._state import unheard
from tracegraph.compiler.ops.base import Operation
from tracegraph.runtime import address_of
from tracegraph.tensor import Tensor, has_exposed_memory
from tracegraph.trace.events import (
    AWAITED,
    COPIED,
    FLUSH,
    NEW,
    OPERATION,
    RAISES,
    STORE,
    VIEW,
    Event,
    Layout,
    Literal,
    Operand,
    may_raise,
    run_events,
)
from tracegraph.trace.listener import Listener
from tracegraph.trace.liveness import ALONE, is_held
from tracegraph.trace.outputs import inverse, memory_order
from tracegraph.trace.sites import user_location
from tracegraph.trace.trie import Trie

_new = Tensor.__new__
_empty = np.empty
_count = sys.getrefcount
_local = _state.local
_SPARE_ALONE = 3
"""What the count of an array says that only its event holds, and the place that asks."""
_MANY = 256
"""So many arrays from before the last boundary, and those that nobody holds are let go of."""


class Matcher(Listener):
    """The recorder of a co-executed call; `trie` is what earlier calls of the function did."""

    def __init__(self, trie: Trie) -> None:
        self.trie = trie
        self.values: list[np.ndarray | None] = []
        """The arrays met in this call, by slot; None for one that nobody can ask for any more."""
        self._slots: dict[int, int] = {}
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
        self.flushes = self.native = self.diverged = 0
        self.unsettled = False

    # -- operations ---------------------------------------------------------------------------------------------------

    def execute(self, operation: Operation, operands: tuple[Tensor, ...], *, copied: bool = False) -> Tensor:
        """The result of an operation: at once, or, on a path with native code, memory that will hold it in time."""
        event: Any = self._next
        values: list[Any] = self.values
        # The quick way for almost all: one or two operands, both met before, and nothing else ever came next here.
        if event is not None and event.operation is operation and event.first is not None and not self._exposed:
            first, second = event.first, event.second
            if type(first) is int:
                first = values[first]
            if type(second) is int:
                second = values[second]
            quick = first is operands[0]._data and second is operands[-1]._data
        else:
            quick = False
        if not quick:
            if operation.is_view and not copied:
                return self.view(operands[0], operation.evaluate(np, operands[0]._data), operation)
            while event is not None:
                if event.kind == OPERATION and event.is_operation(operation) and self._fits(event, operands):
                    break
                event = event.sibling
            else:
                return self._execute_now(operation, operands)
            if not event.lazy:
                return self._execute_matched(event, operation, operands)
        self._position, self._next = event, event.child
        data = event.spare
        if data is None or _count(data) > _SPARE_ALONE:
            data = _empty(event.shape, event.result.dtype)
            if event.order is not None:
                data = data.transpose(event.order)
            elif event.spare is not None:
                event.spare = data
        result: Tensor = _new(Tensor)
        result._data = data
        self._slots[id(data)] = len(values)
        values.append(data)
        if operation.differentiable:
            for operand in operands:
                if operand._rg:
                    _local.recorder = None
                    try:
                        eager.link(operation, operands, result)
                    finally:
                        _local.recorder = self
                    break
        if event.reason:
            self._flush_raising(event, operands)
        return result

    def _flush_raising(self, event: Event, operands: tuple[Tensor, ...]) -> None:
        """Flush behind an operation that may refuse its operands' values; if it does, it has not happened."""
        try:
            self._flush(event.reason)
        except Exception:
            self._unbind(event.slot)
            self._position = self._done = event.parent  # type: ignore[assignment]
            self._next = self._position.child
            self._raised(event.operation, operands)  # type: ignore[arg-type]
            raise

    def _execute_matched(self, event: Event, operation: Operation, operands: tuple[Tensor, ...]) -> Tensor:
        """Run an operation that earlier calls ran here, too, but of which there is no native code."""
        self.catch_up()
        try:
            with unheard():
                result = eager.apply(operation, *operands)
        except Exception:
            self._unbind(len(self.values) - len(event.new))
            self._raised(operation, operands)
            raise
        if not event.result.fits(result._data):  # type: ignore[union-attr]
            self._unbind(len(self.values) - len(event.new))
            self._next = None
            return self._append_operation(operation, operands, result)
        self._pass(event)
        self._enter(result._data)
        if event.reason:
            self._flush(event.reason)
        return result

    def _execute_now(self, operation: Operation, operands: tuple[Tensor, ...]) -> Tensor:
        """Run an operation that needs values, or that raises, or that no earlier call ran here."""
        if not self._on:
            self.catch_up()
            with unheard():
                return eager.apply(operation, *operands)
        awaited = self._find_behind_flush(AWAITED, operation, operands, _awaits(operation))
        raising = None if awaited else self._find_behind_flush(RAISES, operation, operands, _raising(operation))
        if awaited is None and raising is None:
            if operation.data_dependent:
                self._flush_if_any(_awaits(operation))
            self.diverge()
        self.catch_up()
        try:
            with unheard():
                result = eager.apply(operation, *operands)
        except Exception:
            self._raised(operation, operands)
            raise
        if awaited is not None and awaited.result.fits(result._data):  # type: ignore[union-attr]
            self._fits(awaited, operands)
            self._bound(awaited)
            self._enter(result._data)
            return result
        return self._append_operation(operation, operands, result)

    def _raised(self, operation: Operation, operands: tuple[Tensor, ...]) -> None:
        """Take down that an operation raised."""
        if not self._on:
            return
        known = self._find_behind_flush(RAISES, operation, operands, _raising(operation))
        if known is None:
            self._flush_if_any(_raising(operation))
            known = self._append(Event(RAISES, operation=operation), operands)
        else:
            self._fits(known, operands)
        self._bound(known)

    def _append_operation(self, operation: Operation, operands: tuple[Tensor, ...], result: Tensor) -> Tensor:
        """Take down an operation that has just run here for the first time."""
        if not self._on:
            return result
        self._next = None
        data = result._data
        order = memory_order(data)
        waits = not operation.data_dependent and (order is not None or data.flags.c_contiguous)
        event = Event(OPERATION if waits else AWAITED, operation=operation, result=Layout.of(data), shape=data.shape)
        if order is not None:
            event.shape, event.order = tuple(data.shape[dim] for dim in order), inverse(order)
        if not waits:
            self._flush_if_any(_awaits(operation))
        elif may_raise(operation, len(operands)):
            event.reason = f"{operation.name} may refuse an index"
        self._append(event, operands)
        if waits:
            self._pass(event)
        else:
            self._bound(event)
        event.slot = self._enter(data)
        if event.reason:
            self._flush(event.reason)
        return result

    # -- views and writes ---------------------------------------------------------------------------------------------

    def view(self, parent: Tensor, data: np.ndarray, operation: Any) -> Tensor:
        """The tensor over a view that was made of the parent's memory."""
        source = parent._data
        if not eager.shares(data, source):
            made = operation if isinstance(operation, Operation) else operation(parent)
            return self.execute(made, (parent,), copied=True)
        with unheard():
            result = eager.view(parent, data, operation)
        if not self._on:
            return result
        offset = address_of(data) - address_of(source)
        event = self._next
        while event is not None:
            fits = event.kind == VIEW and event.offset == offset and event.result.fits(data)  # type: ignore[union-attr]
            if fits and self._fits(event, (parent,)):
                break
            event = event.sibling
        else:
            self.diverge()
            if not self._on:
                return result
            made = operation if isinstance(operation, Operation) else operation(parent)
            event = self._append(Event(VIEW, operation=made, result=Layout.of(data), offset=offset), (parent,))
            event.slot = len(self.values)
        if self._done is self._position:
            self._done = event
        self._position, self._next = event, event.child
        self._enter(data)
        return result

    def store(self, target: Tensor, value: Tensor) -> None:
        """The value is to be copied into the target's memory."""
        operands = (target, value)
        event = self._find(STORE, None, operands) if self._on else None
        if event is not None:
            self._fits(event, operands)
        elif self._on:
            self.diverge()
            if self._on:
                event = self._append(Event(STORE), operands)
        self._stored = True
        if event is not None and event.lazy:
            self._position, self._next = event, event.child
        else:
            self.catch_up()
            np.copyto(target._data, value._data)
            if event is not None:
                self._pass(event)
        if event is not None and has_exposed_memory(target):
            self._flush("writes to memory that NumPy shares")

    # -- what values are needed for -----------------------------------------------------------------------------------

    def escape(self, tensor: Tensor, how: str) -> None:
        """The value of a tensor goes to Python."""
        if not self._on:
            self.catch_up()
        elif self._position is not self._flushed:
            slot = self._slot_of(tensor._data)
            if self._stored or (slot is not None and slot >= self._first):
                self._flush(f"takes a value to Python by {how}")

    awaits = escape

    def exposed(self, tensor: Tensor) -> None:
        """From now on others may write to the memory of a tensor: it is read by copies only."""
        owner = tensor._data if tensor._data.base is None else tensor._data.base
        for slot, array in enumerate(self.values):
            if array is not None and (array is owner or array.base is owner):
                self._exposed.add(slot)

    def _flush_if_any(self, reason: str) -> None:
        if self._position is not self._flushed:
            self._flush(reason)

    def _flush(self, reason: str) -> None:
        """Everything that waits has to be done now."""
        event = self._next
        while event is not None and not (event.kind == FLUSH and event.reason == reason):
            event = event.sibling
        self.flushes += 1
        if event is None:
            self.diverge()
            if not self._on:
                return
            event = Event(FLUSH, reason=reason, location=user_location())
            self._position.append(event)
            self.trie.grew(event)
            event.made = tuple(made for made in reversed(event.stretch()) if made.slot >= 0)
            event.held = set(self._sweep(event.made))
            event.dead = tuple(made for made in event.made if made.slot not in event.held)
        else:
            event.visits += 1
            if not self._worked and event.segment is not None and event.segment.run(self, event):
                self.native += 1
                self._done = self._position
            else:
                self.catch_up()
        self.unsettled = self.unsettled or not event.settled
        self._drop_dead()
        self._bound(event)

    def finish(self, *, raised: bool = False) -> None:
        """The call has ended: what waits is done now, and new ways of the function are compiled."""
        if not self._on:
            self.catch_up()
        else:
            self._flush_if_any("the call raises" if raised else "the call ends")
        self.trie.finished(self, self._position)

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

    # -- the trie -----------------------------------------------------------------------------------------------------

    def diverge(self) -> None:
        """This call goes a way that none went before."""
        if self._next is not None:
            self.diverged += 1
        self.catch_up()
        self._next = None
        if self.trie.is_full:
            self._on = False

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

    def _find_behind_flush(
        self, kind: int, operation: Operation, operands: Sequence[Tensor], reason: str
    ) -> Event | None:
        """The event that comes next or behind the flush for it, which is then done."""
        if self._position is self._flushed:
            return self._find(kind, operation, operands)
        event = self._next
        while event is not None:
            if event.kind == FLUSH and event.reason == reason:
                found = self._find_among(event.child, kind, operation, operands)
                if found is not None:
                    self._flush(reason)
                    return found
            event = event.sibling
        return None

    def _fits(self, event: Event, operands: Sequence[Tensor]) -> bool:
        """Whether the operands are those of the event; arrays not met before get their slots then."""
        values = self.values
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
                        self._enter(array.copy() if exposed else array)
                        number += 1
                        continue
            elif operand._literal and wanted.fits(array):  # type: ignore[union-attr]
                continue
            self._unbind(mark)
            return False
        return True

    def _slot_of(self, array: np.ndarray) -> int | None:
        """The slot of an array, None for one not met in this call."""
        slot = self._slots.get(id(array))
        return slot if slot is not None and slot < len(self.values) and self.values[slot] is array else None

    def _knows(self, array: np.ndarray) -> bool:
        return self._slot_of(array) is not None

    def _unbind(self, mark: int) -> None:
        """Take back the slots from `mark` on."""
        del self.values[mark:]

    def _enter(self, array: np.ndarray) -> int:
        """Give an array its slot."""
        slot = len(self.values)
        self._slots[id(array)] = slot
        self.values.append(array)
        return slot

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


def _awaits(operation: Operation) -> str:
    return f"{operation.name} needs the values of its operands"


def _raising(operation: Operation) -> str:
    return f"{operation.name} raises"
