"""What a co-executed function did, as a trie of events: each path from the root is one way a call went.

Arrays are numbered in the order in which a call meets them (a *slot* each), so that two calls that go the same way give
the same numbers to arrays in the same place.
"""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.compiler.ir.node import operation_key
from tracegraph.compiler.ops.base import Kind, Operation

if TYPE_CHECKING:
    from tracegraph.trace.segment import PlacedSegment

OPERATION, VIEW, STORE, AWAITED, RAISES, FLUSH, START = range(7)
"""Kinds of events: an operation that can wait; a view, made at once; a write into memory; an operation that needs the
values of its operands at once; one that raised; a point at which everything that waits has to be done; the root."""

NEW, COPIED = -1, -2
"""Operand numbers: an array not met before in this call; the same, taken by a copy, since others may write to it."""

_SMALL = 4096
"""Bytes of a result up to which its memory is kept for the next call."""
_count = sys.getrefcount
_SPARE_ALONE = 2
"""What the count of an array says that only its event holds."""
_RAISING = (Kind.GATHER, Kind.SCATTER, Kind.HOST)


def may_raise(operation: Operation, operands: int) -> bool:
    """Whether an operation that fits its operands may still refuse their values (an index out of range)."""
    if operation.kind not in _RAISING:
        return operation.name == "integer_power"
    return operation.kind is Kind.HOST or operands != 2 or not operation.name.startswith("slice_")


@dataclass(eq=False, slots=True)
class Literal:
    """A number of the program, as an operand: its array is compared by identity first."""

    array: np.ndarray

    def fits(self, array: np.ndarray) -> bool:
        """Whether the operand is this number, to the bit."""
        mine = self.array
        return array is mine or (
            array.dtype == mine.dtype and array.shape == mine.shape and array.tobytes() == mine.tobytes()
        )


Operand = int | Literal


@dataclass(frozen=True, slots=True)
class Layout:
    """Shape, dtype and strides of an array; `order` permutes a C-contiguous array into it (None: it is one)."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    strides: tuple[int, ...]

    @classmethod
    def of(cls, array: np.ndarray) -> "Layout":
        """The layout of an array."""
        return cls(array.shape, array.dtype, array.strides)

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie in row-major order without gaps."""
        step = self.dtype.itemsize
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size != 1 and stride != step and 0 not in self.shape:
                return False
            step *= size
        return True

    def fits(self, array: np.ndarray) -> bool:
        """Whether an array has this layout."""
        return array.shape == self.shape and array.strides == self.strides and array.dtype == self.dtype


@dataclass(eq=False, slots=True)
class Event:
    """One step of a call, and those that were seen to follow it: its `child` and the child's `sibling`s."""

    kind: int
    parent: "Event | None" = None
    operation: Operation | None = None
    wanted: tuple[Operand, ...] = ()
    """The operands as they are matched: slots, numbers of the program, `NEW` or `COPIED`."""
    operands: tuple[Operand, ...] = ()
    """The same with the slots that new ones get."""
    new: tuple[Layout, ...] = ()
    """Layouts of the operands not met before, in their order."""
    slot: int = -1
    """Where the result is put."""
    result: Layout | None = None
    shape: tuple[int, ...] = ()
    """The shape of the C-contiguous array that the result is made over."""
    order: tuple[int, ...] | None = None
    offset: int = 0
    """Of a view: bytes from the parent's first element to its own."""
    reason: str = ""
    location: tuple[str, int] | None = None
    lazy: bool = False
    """Some path on which this event may wait has native code."""
    arity: int = -1
    """The number of operands, where there is a quick way to match them."""
    first: int | np.ndarray | None = None
    second: int | np.ndarray | None = None
    """Slots of one or two operands that were met before, or the arrays of numbers, where there are no others."""
    spare: np.ndarray | None = None
    """Memory for the result, used again by later calls when nobody holds it any more."""
    visits: int = 1
    held: set[int] = field(default_factory=set)
    """Of a flush: the results since the one before that someone still held then."""
    made: "tuple[Event, ...]" = ()
    """Of a flush: the events since the one before that gave a result, the latest first."""
    dead: "tuple[Event, ...]" = ()
    """Those of them whose result nobody held."""
    segment: "PlacedSegment | None" = None
    settled: bool = False
    """Of a flush: whether native code for it has been made, or decided against."""
    key: tuple[Any, ...] | None = None
    child: "Event | None" = None
    sibling: "Event | None" = None

    def is_operation(self, operation: Operation) -> bool:
        """Whether the event runs this operation, with the same attributes to the bit."""
        mine = self.operation
        if mine is operation:
            return True
        if type(mine) is not type(operation) or mine != operation:
            return False
        if self.key is None:
            assert mine is not None
            self.key = operation_key(mine)
        return operation_key(operation) == self.key

    def prepare(self) -> None:
        """Make what is needed for quick matching of an operation that may wait."""
        self.lazy = True
        known = [wanted.array if isinstance(wanted, Literal) else wanted for wanted in self.wanted]
        if self.kind == OPERATION and 0 < len(known) < 3 and NEW not in self.wanted and COPIED not in self.wanted:
            self.arity, self.first, self.second = len(known), known[0], known[-1]
        if self.kind == OPERATION and self.order is None and self.result is not None:
            small = math.prod(self.shape) * self.result.dtype.itemsize <= _SMALL
            self.spare = np.empty(self.shape, self.result.dtype) if small else None

    def memory(self) -> np.ndarray:
        """Memory for a result that waits."""
        assert self.result is not None
        if self.spare is not None and _count(self.spare) <= _SPARE_ALONE:
            return self.spare
        data = np.empty(self.shape, self.result.dtype)
        if self.order is not None:
            return data.transpose(self.order)
        if self.spare is not None:
            self.spare = data
        return data

    def append(self, event: "Event") -> "Event":
        """Enter an event after this one, behind those already there."""
        event.parent = self
        if self.child is None:
            self.child = event
            return event
        last = self.child
        while last.sibling is not None:
            last = last.sibling
        last.sibling = event
        return event

    def since(self, start: "Event | None") -> list["Event"]:
        """The events after `start` up to this one."""
        found: list[Event] = []
        event: Event | None = self
        while event is not start and event is not None:
            found.append(event)
            event = event.parent
        found.reverse()
        return found

    @property
    def is_boundary(self) -> bool:
        """Whether nothing waits behind it."""
        return self.kind in (FLUSH, AWAITED, RAISES, START)

    def stretch(self) -> list["Event"]:
        """Of a flush: the events since the boundary before it."""
        boundary = self.parent
        while boundary is not None and not boundary.is_boundary:
            boundary = boundary.parent
        return self.since(boundary)[:-1]

    def children(self) -> Iterator["Event"]:
        """Those seen to follow."""
        event = self.child
        while event is not None:
            yield event
            event = event.sibling


def run_events(events: Sequence[Event], values: list[np.ndarray | None]) -> None:
    """Do the work of events that wait, one after the other, as it would have been done at once."""
    with np.errstate(all="ignore"):
        for event in events:
            if event.kind == OPERATION:
                arrays = [_array_of(operand, values) for operand in event.operands]
                result = event.operation.evaluate(np, *arrays)  # type: ignore[union-attr]
                target = values[event.slot]
                if target is None:
                    values[event.slot] = np.asarray(result)
                else:
                    np.copyto(target, result)
            elif event.kind == STORE:
                target, value = (_array_of(operand, values) for operand in event.operands)
                np.copyto(target, value)
            elif event.kind == VIEW and values[event.slot] is None:
                (array,) = (_array_of(operand, values) for operand in event.operands)
                values[event.slot] = event.operation.evaluate(np, array)  # type: ignore[union-attr]


def _array_of(operand: Operand, values: list[np.ndarray | None]) -> np.ndarray:
    if isinstance(operand, Literal):
        return operand.array
    array = values[operand]
    assert array is not None
    return array
