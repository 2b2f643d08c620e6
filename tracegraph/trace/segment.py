"""Native code for a stretch of a co-executed call: the events between two points at which values are needed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.compiler.executable import Executable, compile_graph
from tracegraph.compiler.ir import Graph, Node, constant, make
from tracegraph.compiler.ops.base import Operation
from tracegraph.compiler.ops.leaves import Input
from tracegraph.compiler.ops.movement import Permute
from tracegraph.compiler.ops.spec import Spec
from tracegraph.runtime.errors import ArgumentError, GraphError, MismatchWarning
from tracegraph.trace.agreement import agree, check_mode, shown
from tracegraph.trace.events import OPERATION, STORE, VIEW, Event, Layout, Literal, Operand, run_events
from tracegraph.trace.outputs import inverse
from tracegraph.trace.sites import warn_user

if TYPE_CHECKING:
    from tracegraph.trace.matcher import Matcher

_FAILURES = (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError)


class NoGraphError(Exception):
    """A stretch does what graphs cannot say (a write to a part of an expanded view): it is run as it is."""


class Segment:
    """The native code of a graph; `at` places it on a stretch."""

    def __init__(self, graph: Graph) -> None:
        self.executable: Executable = compile_graph(graph)
        self.runs = 0
        self.checked = False

    @property
    def is_to_be_checked(self) -> bool:
        """Whether the next run is to be compared with the operations one by one."""
        mode = check_mode()
        return mode == "always" or (mode == "first" and not self.checked)

    def at(self, inputs: dict[int, bool], outputs: dict[int, bool]) -> "PlacedSegment":
        """The same code for the arrays of these slots, each with whether it is C-contiguous."""
        written = tuple(sorted(self.executable.lowered.written))
        copied = tuple(number for number, contiguous in enumerate(inputs.values()) if not contiguous)
        permuted = tuple(number for number, contiguous in enumerate(outputs.values()) if not contiguous)
        return PlacedSegment(self, tuple(inputs), tuple(outputs), written, copied, permuted)


@dataclass(frozen=True, eq=False)
class PlacedSegment:
    """Native code, and the slots of the arrays that it reads, fills and changes."""

    segment: Segment
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    written: tuple[int, ...]
    """Numbers of the inputs that are changed."""
    copied: tuple[int, ...]
    """Numbers of the inputs that have to be made contiguous."""
    permuted: tuple[int, ...]
    """Numbers of the outputs that lie over a contiguous array in another order of dimensions."""

    def run(self, matcher: "Matcher", flush: Event) -> bool:
        """Do the work of the stretch; False if it has to be done operation by operation. Nothing has changed then."""
        if not matcher.ready(flush):
            return False
        values: list[Any] = matcher.values
        arrays = [values[slot] for slot in self.inputs]
        if self.written and not self._is_apart(arrays):
            return False
        held = [arrays[number] for number in self.copied]
        for number in self.copied:
            arrays[number] = np.ascontiguousarray(arrays[number])
        outputs = [values[slot] for slot in self.outputs]
        for number in self.permuted:
            outputs[number] = outputs[number].base
        before = None
        if self.segment.is_to_be_checked:
            before = [np.array(arrays[number]) for number in self.written]
        try:
            failed = self.segment.executable.run_into(arrays, outputs)
        except _FAILURES:
            failed = -1
        if failed:
            return False
        for number, array in zip(self.copied, held, strict=True):
            if number in self.written:
                np.copyto(array, arrays[number])
        self.segment.runs += 1
        if before is not None:
            self._check(flush, values, before)
        return True

    def _check(self, flush: Event, values: list[Any], before: list[np.ndarray]) -> None:
        """Do the work again operation by operation, which gives what counts, and compare."""
        self.segment.checked = True
        changed = [values[self.inputs[number]] for number in self.written]
        places = [values[slot] for slot in self.outputs] + changed
        native = [np.array(array) for array in places]
        for array, data in zip(changed, before, strict=True):
            np.copyto(array, data)
        run_events(flush.stretch(), values)
        for found, wanted in zip(native, places, strict=True):
            if not agree(wanted, found):
                flush.segment = None
                where = "" if flush.location is None else f" before {flush.location[0]}:{flush.location[1]}"
                warn_user(
                    f"native code for a stretch of operations{where} differs from them: they give {shown(wanted)}, it "
                    f"gives {shown(found)}. It is not used any more; please report this with the function",
                    MismatchWarning,
                )
                return

    def _is_apart(self, arrays: list[np.ndarray]) -> bool:
        """Whether what is changed shares memory with no other input."""
        owners = [id(a if a.base is None else a.base) for a in arrays]
        changed = {owners[number] for number in self.written}
        others = {owner for number, owner in enumerate(owners) if number not in self.written}
        return len(changed) == len(self.written) and changed.isdisjoint(others)


def segment_graph(name: str, flush: Event) -> tuple[Graph, dict[int, bool], dict[int, bool]]:
    """The graph of the stretch before a flush, and the slots of its inputs and of its outputs, each with whether its
    array is C-contiguous.

    Raises:
        NoGraphError: when there is none.
        GraphError: when what was inferred is not what the run gave (a fault of the library).
    """
    builder = _Builder(flush)
    for event in flush.stretch():
        builder.add(event)
    return builder.graph(name, flush)


class _Builder:
    """Makes the graph: writes become new values of what owns the memory, reads through views are made of these."""

    def __init__(self, flush: Event) -> None:
        self._views: dict[int, tuple[int, Operation]] = {}
        self._layouts: dict[int, Layout] = {}
        for event in flush.since(None):
            self._note(event)
        self._owners: dict[int, Node] = {}
        self._inputs: dict[int, Node] = {}
        self._made: dict[int, Event] = {}

    def _note(self, event: Event) -> None:
        new = iter(event.new)
        for wanted, operand in zip(event.wanted, event.operands, strict=True):
            if isinstance(wanted, int) and wanted < 0:
                layout = next(new)
                assert isinstance(operand, int)
                self._layouts[operand] = layout
        if event.slot >= 0 and event.result is not None:
            self._layouts[event.slot] = event.result
        if event.kind == VIEW:
            (parent,) = event.operands
            assert isinstance(parent, int)
            assert event.operation is not None
            self._views[event.slot] = (parent, event.operation)

    def add(self, event: Event) -> None:
        """Take one event into the graph."""
        if event.kind == OPERATION:
            assert event.operation is not None
            assert event.result is not None
            operands = [self._value(operand) for operand in event.operands]
            node = make(event.operation, *operands, location=event.location)
            if node.shape != event.result.shape or node.dtype != event.result.dtype:
                raise GraphError(f"{event.operation.name} gave a {event.result} where {node.spec} was inferred")
            self._owners[event.slot] = node
            self._made[event.slot] = event
        elif event.kind == STORE:
            target, value = event.operands
            child = self._value(value)
            assert isinstance(target, int)
            while target in self._views:
                parent, operation = self._views[target]
                try:
                    child = operation.put(make, self._value(parent), child)
                except ArgumentError as error:
                    raise NoGraphError(str(error)) from error
                target = parent
            self._value(target)
            self._owners[target] = child

    def _value(self, operand: Operand) -> Node:
        if isinstance(operand, Literal):
            return constant(operand.array)
        chain = []
        while operand in self._views:
            operand, operation = self._views[operand]
            chain.append(operation)
        node = self._owners.get(operand)
        if node is None:
            layout = self._layouts[operand]
            spec = Spec(layout.shape, layout.dtype)
            node = Node(Input(len(self._inputs), spec), (), spec)
            self._owners[operand] = self._inputs[operand] = node
        for operation in reversed(chain):
            node = make(operation, node)
        return node

    def graph(self, name: str, flush: Event) -> tuple[Graph, dict[int, bool], dict[int, bool]]:
        """The graph, with the slots of inputs and outputs."""
        outputs: list[Node] = []
        slots: dict[int, bool] = {}
        for slot, event in self._made.items():
            if slot in flush.held:
                node = self._owners[slot]
                outputs.append(node if event.order is None else make(Permute(inverse(event.order)), node))
                slots[slot] = event.order is None
        updates = [(node, self._owners[slot]) for slot, node in self._inputs.items() if self._owners[slot] is not node]
        graph = Graph(name, tuple(self._inputs.values()), tuple(outputs), tuple(updates))
        return graph, {slot: self._layouts[slot].is_contiguous for slot in self._inputs}, slots
