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
from tracegraph.sharing import has_exposed_memory
from tracegraph.tensor import Tensor
from tracegraph.trace.cursor import Cursor
from tracegraph.trace.events import (
    AWAITED,
    FLUSH,
    OPERATION,
    RAISES,
    STORE,
    VIEW,
    Event,
    Layout,
    may_raise,
)
from tracegraph.trace.outputs import inverse, memory_order
from tracegraph.trace.sites import user_location

_new = Tensor.__new__
_count = sys.getrefcount
_local = _state.local
_SPARE_ALONE = 3
"""What the count of an array says that only its event holds, and the place that asks."""


class Matcher(Cursor):
    """The recorder of a co-executed call; `trie` is what earlier calls of the function did."""

    # -- operations ---------------------------------------------------------------------------------------------------

    def matched(self, operation: Operation, first: Tensor, second: Tensor, arity: int) -> Tensor | None:
        """The quick way for almost all: one or two operands, both met before, on a path with native code."""
        event: Any = self._next
        if event is None or event.operation is not operation or event.arity != arity or self._exposed:
            return None
        values: list[Any] = self.values
        wanted = event.first
        if (values[wanted] if type(wanted) is int else wanted) is not first._data:
            return None
        wanted = event.second
        if (values[wanted] if type(wanted) is int else wanted) is not second._data:
            return None
        self._position, self._next = event, event.child
        data = event.spare
        if data is None or _count(data) > _SPARE_ALONE:
            data = event.memory()
        values.append(data)
        result: Tensor = _new(Tensor)
        result._data = data
        if (first._rg or second._rg) and operation.differentiable:
            self._link(operation, (first, second)[:arity], result)
        if event.reason:
            self._flush_raising(event, (first, second)[:arity])
        return result

    def execute(self, operation: Operation, operands: tuple[Tensor, ...], *, copied: bool = False) -> Tensor:
        """The result of an operation: at once, or, on a path with native code, memory that will hold it in time."""
        if 0 < len(operands) < 3:
            result = self.matched(operation, operands[0], operands[-1], len(operands))
            if result is not None:
                return result
        if operation.is_view and not copied:
            return self.view(operands[0], operation.evaluate(np, operands[0]._data), operation)
        event = self._next
        while event is not None:
            if event.kind == OPERATION and event.is_operation(operation) and self._fits(event, operands):
                break
            event = event.sibling
        else:
            return self._execute_now(operation, operands)
        if not event.lazy:
            return self._execute_matched(event, operation, operands)
        self._position, self._next = event, event.child
        result = _new(Tensor)
        result._data = event.memory()
        self.values.append(result._data)
        if operation.differentiable and any(operand._rg for operand in operands):
            self._link(operation, operands, result)
        if event.reason:
            self._flush_raising(event, operands)
        return result

    def _link(self, operation: Operation, operands: tuple[Tensor, ...], result: Tensor) -> None:
        """Enter a result that waits in the tape."""
        _local.recorder = None
        try:
            eager.link(operation, operands, result)
        finally:
            _local.recorder = self

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
            if not self.diverge():
                return result
            made = operation if isinstance(operation, Operation) else operation(parent)
            event = self._append(Event(VIEW, operation=made, result=Layout.of(data), offset=offset), (parent,))
            event.slot = len(self.values)
        if self._done is self._position:
            self._done = event
        self._position, self._next = event, event.child
        slot = self._enter(data)
        if has_exposed_memory(parent):
            self._exposed.add(slot)
        return result

    def store(self, target: Tensor, value: Tensor) -> None:
        """The value is to be copied into the target's memory."""
        operands = (target, value)
        event = self._find(STORE, None, operands) if self._on else None
        if event is not None:
            self._fits(event, operands)
        elif self._on and self.diverge():
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
            self._exposed.add(self._slot_of(target._data))  # type: ignore[arg-type]
            self._flush("it writes to memory that NumPy shares")

    # -- what values are needed for -----------------------------------------------------------------------------------

    def escape(self, tensor: Tensor, how: str) -> None:
        """The value of a tensor goes to Python."""
        if not self._on:
            self.catch_up()
        elif self._position is not self._flushed:
            slot = self._slot_of(tensor._data)
            if self._stored or (slot is not None and slot >= self._first):
                self._flush(f"it takes a value to Python by {how}")

    awaits = escape

    def exposed(self, tensor: Tensor) -> None:
        """From now on others may write to the memory of a tensor: it is read by copies only."""
        owner = tensor._data if tensor._data.base is None else tensor._data.base
        for slot, array in enumerate(self.values):
            if array is not None and (array is owner or array.base is owner):
                self._exposed.add(slot)

    def thread_starts(self) -> None:
        """Another thread may look at everything from now on: what follows runs at once."""
        self._flush_if_any("starts a thread")
        self._next, self._on = None, False

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
            if not self.diverge():
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


def _awaits(operation: Operation) -> str:
    return f"{operation.name} needs the values of its operands"


def _raising(operation: Operation) -> str:
    return f"{operation.name} raises"
