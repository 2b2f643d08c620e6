"""The recorder: takes down in an IR graph what the eager execution of one call does,
with every write to existing tensors.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from tracegraph import _state, eager
from tracegraph.compiler.ir import Graph, Node, constant, make
from tracegraph.compiler.ops.arithmetic import ABSOLUTE
from tracegraph.compiler.ops.base import Operation
from tracegraph.compiler.ops.cast import Cast
from tracegraph.compiler.ops.comparison import LESS, NOT_EQUAL
from tracegraph.compiler.ops.leaves import Input
from tracegraph.compiler.ops.movement import reshape_operation
from tracegraph.compiler.ops.selection import WHERE
from tracegraph.compiler.ops.spec import Spec, bool_, float64, int64
from tracegraph.observe.pauses import Pauses
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor, wrap
from tracegraph.trace.listener import Listener
from tracegraph.trace.recorded import BEYOND, COPYING, Decision, Entry, Reason, Root, View
from tracegraph.trace.sites import user_location
from tracegraph.trace.sources import ArgumentSource, CapturedSource, GradSource, ScalarSource, Source

MAX_NODES = 200_000
MAX_DECISIONS = 1_000
"""Decisions on the values of tensors in one call."""
_LIBRARY = f"{__name__.partition('.')[0]}."
"""How the names of the library's modules begin: operations of others are observed while they run."""

_local = _state.local
_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


def _unobserved(
    method: "Callable[Concatenate[Recorder, _Parameters], _Result]",
) -> "Callable[Concatenate[Recorder, _Parameters], _Result]":
    """Make a method of the recorder, which calls nothing of the user's, run without being watched itself."""

    @functools.wraps(method)
    def unobserved(self: "Recorder", /, *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        self.pauses.pause()
        try:
            return method(self, *args, **kwargs)
        finally:
            self.pauses.resume()

    return unobserved


class Recorder(Listener):
    """Installed while the user's function runs for real; the eager executor and the tensors report to it."""

    def __init__(self, arguments: list[tuple[str, Any]]) -> None:
        self.argument_paths: dict[int, str] = {}
        for path, value in arguments:
            self.argument_paths.setdefault(id(value), path)
        self.container_paths: dict[int, str] = {}
        """The expressions that reach the containers among the arguments."""
        self._keep: list[Any] = [value for _, value in arguments]
        self.entries: dict[int, Entry] = {}
        self.inputs: list[tuple[Node, Source]] = []
        self.reasons: list[Reason] = []
        self.grad_before: dict[int, tuple[Tensor, Tensor | None]] = {}
        self.grad_now: dict[int, tuple[Tensor, Tensor | None]] = {}
        self.operations = 0
        self.bytes_moved = 0
        self.decisions: list[Decision] = []
        self.births: dict[Node, int] = {}
        """For each value computed, the number of decisions before it."""
        self.checks: list[tuple[Callable[[], Any], Any, str]] = []
        """Facts read by the library itself: a getter, the value it gave, and its name."""
        self.known_arrays: list[tuple[np.ndarray, Node]] = []
        self.arrays: list[tuple[np.ndarray, Root, Node, bool]] = []
        """Arrays that are no arguments, the tensors made of them, their values then, and whether they share memory."""
        self._by_data: dict[int, Entry] = {}
        """Tensors by the array they are over: the tape keeps arrays of results, not tensors."""
        self._outer_nodes: set[int] = set()
        """Tape entries of tensors from outside."""
        self._backward_location: tuple[str, int] | None = None
        self.pauses = Pauses()
        """Keeps the steps of the recorder from those who observe the call."""

    # -- notes about the call -----------------------------------------------------------------------------------------

    def location(self) -> tuple[str, int] | None:
        """The user's line that is running."""
        if self._backward_location is not None:
            return self._backward_location
        return user_location()

    def unsupported(self, text: str) -> None:
        """Note why the call cannot be replayed."""
        location = self.location()
        self.reasons.append(Reason(text, *location) if location else Reason(text))

    def reshaped(self, tensor: Tensor, view: Tensor, text: str) -> None:
        """A tensor has become in place what a view of it is."""
        self.unsupported(text)
        self.entries[id(tensor)] = Root(tensor, self.node(view))

    def escape(self, tensor: Tensor, how: str) -> None:
        """A value goes to Python; that of a constant is known to it already."""
        if how in COPYING and id(tensor) in self.entries and self.node(tensor).is_constant:
            return
        self.unsupported(f"reads the value of a tensor by {how}")

    def check(self, getter: Callable[[], Any], value: Any, name: str) -> None:
        """The library read something that the trace depends on; the getter must give an equal value on replay."""
        self.checks.append((getter, value, name))

    # -- tensors ------------------------------------------------------------------------------------------------------

    def entry(self, tensor: Tensor) -> Entry:
        """What is known of a tensor; one not seen before is an input,
        or a constant if the library made it from a number.
        """
        known = self.entries.get(id(tensor))
        if known is not None:
            return known
        if tensor._literal:
            made = Root(tensor, constant(tensor._data))
            self.entries[id(tensor)] = made
            return made
        path = self.argument_paths.get(id(tensor))
        source = CapturedSource(tensor) if path is None else ArgumentSource(path, tensor)
        return self.add_input(tensor, source)

    def add_input(self, tensor: Tensor, source: Source, label: str = "") -> Root:
        """Make a tensor an input of the graph."""
        spec = Spec(tensor._data.shape, tensor._data.dtype)
        node = Node(Input(len(self.inputs), spec, label), (), spec)
        self.inputs.append((node, source))
        root = Root(tensor, node, source, node)
        self.entries[id(tensor)] = root
        self._by_data.setdefault(id(tensor._data), root)
        if tensor._node is not None:
            self._outer_nodes.add(id(tensor._node))
        return root

    def node(self, tensor: Tensor) -> Node:
        """The current value of a tensor."""
        return self._current(self.entry(tensor))

    def _current(self, entry: Entry) -> Node:
        if isinstance(entry, Root):
            return entry.node
        stamp = entry.root.stamp
        if entry.stamp != stamp:
            parent = self._current(entry.parent)
            entry.node = (
                parent if entry.operation is None else self._make(entry.operation, parent, location=entry.node.location)
            )
            entry.stamp = stamp
        return entry.node

    # -- what the executor and the tensors report ---------------------------------------------------------------------

    @_unobserved
    def execute(self, operation: Operation, operands: tuple[Tensor, ...]) -> Tensor:
        """Run an operation, and take it down."""
        foreign = not type(operation).__module__.startswith(_LIBRARY)
        _local.recorder = None
        try:
            if foreign:
                self.pauses.resume()
            result: Tensor = eager.apply(operation, *operands)
        finally:
            _local.recorder = self
            if foreign:
                self.pauses.pause()
        self.record(operation, operands, result)
        return result

    @_unobserved
    def view(self, parent: Tensor, data: np.ndarray, operation: Any) -> Tensor:
        """Make the tensor over `data`, which a view operation has made of the parent's, and take that down."""
        if not isinstance(operation, Operation):
            operation = operation(parent)
        _local.recorder = None
        try:
            result = eager.view(parent, data, operation)
        finally:
            _local.recorder = self
        self.record(operation, (parent,), result)
        return result

    def record(self, operation: Operation, operands: tuple[Tensor, ...], result: Tensor) -> None:
        """An operation was executed."""
        self.operations += 1
        self.bytes_moved += result._data.nbytes
        if operation.data_dependent:
            self.unsupported(f"{operation.name} gives a shape that depends on values")
            self.entries[id(result)] = self._by_data[id(result._data)] = Root(result, constant(result._data))
            return
        nodes = []
        for operand in operands:
            known = self.entries.get(id(operand))
            nodes.append(known.node if type(known) is Root else self.node(operand))
        location = self._backward_location
        spec = operation.infer(*[operand.spec for operand in nodes])
        node = Node(operation, tuple(nodes), spec, location or user_location(), location is not None)
        self.births[node] = len(self.decisions)
        if spec.shape != result._data.shape or spec.dtype != result._data.dtype:
            self.unsupported(f"{operation.name} gave {result._spec} where {spec} was inferred (a fault of the library)")
        if result._base is not None and operation.is_view:
            parent = self.entries[id(operands[0])]
            root = parent if isinstance(parent, Root) else parent.root
            made: Entry = View(result, parent, operation, node, root.stamp)
        else:
            made = Root(result, node)
        self.entries[id(result)] = made
        self._by_data[id(result._data)] = made
        if self.operations > MAX_NODES:
            self.unsupported(f"more than {MAX_NODES} operations")

    @_unobserved
    def alias(self, tensor: Tensor, result: Tensor) -> None:
        """`result` is the same memory as `tensor` (detach)."""
        parent = self.entry(tensor)
        root = parent if isinstance(parent, Root) else parent.root
        self.entries[id(result)] = View(result, parent, None, self._current(parent), root.stamp)

    @_unobserved
    def same_value(self, tensor: Tensor, data: np.ndarray) -> None:
        """`tensor` is made anew for the tape over the data of a tensor saved before."""
        entry = self._by_data.get(id(data))
        if entry is None:
            self.add_input(tensor, CapturedSource(tensor))
            self.unsupported("uses a value that was saved for backward before the call")
            return
        root = entry if isinstance(entry, Root) else entry.root
        self.entries[id(tensor)] = View(tensor, entry, None, self._current(entry), root.stamp)

    @_unobserved
    def literal(self, tensor: Tensor) -> None:
        """A tensor was made from numbers of Python. It is a constant in this call only: later it may be changed."""
        tensor._literal = False
        self.entries[id(tensor)] = Root(tensor, constant(tensor._data))

    @_unobserved
    def from_array(self, array: np.ndarray, tensor: Tensor) -> None:
        """A tensor was made from a NumPy array."""
        path = self.argument_paths.get(id(array))
        if path is None:
            made = self.entries[id(tensor)] = Root(tensor, constant(tensor._data))
            self.arrays.append((array, made, made.node, tensor._data is array or tensor._data.base is not None))
            return
        if tensor._data is array:
            self.add_input(tensor, ArgumentSource(path, array))
            return
        spec = Spec(array.shape, array.dtype)
        node = next((node for known, node in self.known_arrays if known is array), None)
        if node is None:
            node = Node(Input(len(self.inputs), spec), (), spec)
            self.inputs.append((node, ArgumentSource(path, array)))
            self.known_arrays.append((array, node))
        if tensor._data.dtype != array.dtype:
            node = self._make(Cast(tensor._data.dtype), node)
        self.entries[id(tensor)] = Root(tensor, node)

    @_unobserved
    def scalar(self, get: Callable[[], Any], value: Any, dtype: Any, label: str) -> Tensor:
        """A 0-d tensor for a number that may differ on every call; `get` fetches it again."""
        tensor = wrap(np.array(value, dtype))
        self.add_input(tensor, ScalarSource(get, np.dtype(dtype), label), label)
        return tensor

    @_unobserved
    def assign(self, target: Tensor, value: Tensor) -> None:
        """`value` is written into the memory of `target`."""
        entry = self.entry(target)
        child = self.node(value)
        while isinstance(entry, View):
            if entry.operation is not None:
                try:
                    child = entry.operation.put(self._bind, self._current(entry.parent), child)
                except ArgumentError:  # eager execution may do it all the same, where no two elements share memory
                    self.unsupported("writes to a part of an expanded view")
                    return
            entry = entry.parent
        entry.node = child
        entry.stamp += 1

    def _bind(self, operation: Operation, *nodes: Node) -> Node:
        return self._make(operation, *nodes, location=self.location(), backward=self._backward_location is not None)

    def _make(self, operation: Operation, *nodes: Node, **notes: Any) -> Node:
        node = make(operation, *nodes, **notes)
        self.births[node] = len(self.decisions)
        return node

    @_unobserved
    def decides(self, tensor: Tensor, how: str, outcome: int) -> None:
        """Python asks for a truth value or a whole number, which decides how the call goes on."""
        node = self.node(tensor)
        if node.is_constant:
            return
        if isinstance(outcome, bool):
            if node.dtype != bool_:
                node = self._make(NOT_EQUAL, node, constant(0, node.dtype))
        elif not -BEYOND < outcome < BEYOND:
            self.unsupported(f"takes a whole number of more than 64 bits to Python by {how}")
            return
        elif node.dtype != int64:
            node = self._make(Cast(int64), self._within_range(node))
        if node.shape:
            node = self._make(reshape_operation(()), node)
        self.decisions.append(Decision(node, int(outcome), how, self.location()))
        if len(self.decisions) > MAX_DECISIONS:
            self.unsupported(f"makes more than {MAX_DECISIONS} decisions on values of tensors")

    def _within_range(self, node: Node) -> Node:
        """A value; for what is no whole number of 64 bits (NaN, infinities) one that is never decided on."""
        if node.dtype.kind != "f":
            return node
        if node.dtype != float64:
            node = self._make(Cast(float64), node)
        fits = self._make(LESS, self._make(ABSOLUTE, node), constant(BEYOND, float64))
        return self._make(WHERE, fits, node, constant(-BEYOND, float64))

    def is_outer(self, node: Any) -> bool:
        """Whether a tape entry was made before the call."""
        return id(node) in self._outer_nodes

    def is_value_of_one(self, node: Node) -> bool:
        """Whether exactly one tensor with memory of its own has this value."""
        return sum(isinstance(entry, Root) and entry.node is node for entry in self.entries.values()) == 1

    @_unobserved
    def enter_backward(self, node: Any) -> None:
        """Backward is about to run the rule of a tape entry (None: it is done)."""
        if id(node) in self._outer_nodes:
            self.unsupported("backward goes on into a graph that was made before the call")
        self._backward_location = None
        if node is not None:
            self._backward_location = self.location()

    def requires_grad_set(self, tensor: Tensor) -> None:
        """`requires_grad` of a leaf was changed."""
        entry = self.entries.get(id(tensor))
        if entry is None or (isinstance(entry, Root) and entry.external):
            self.unsupported("changes `requires_grad` of a tensor from outside")

    # -- gradients ----------------------------------------------------------------------------------------------------

    def _born(self, tensor: Tensor) -> bool:
        entry = self.entries.get(id(tensor))
        return entry is not None and not (isinstance(entry, Root) and entry.external) and not tensor._literal

    def read_grad(self, tensor: Tensor) -> Tensor | None:
        """`.grad` is read."""
        if self._born(tensor):
            return tensor._grad
        if id(tensor) in self.grad_now:
            return self.grad_now[id(tensor)][1]
        current = tensor._grad
        if id(tensor) not in self.grad_before:
            self.grad_before[id(tensor)] = (tensor, current)
            if current is not None and id(current) not in self.entries:
                self.add_input(current, GradSource(tensor, current))
        return current

    def write_grad(self, tensor: Tensor, value: Tensor | None) -> None:
        """`.grad` is assigned."""
        if not self._born(tensor):
            self.grad_now[id(tensor)] = (tensor, value)

    # -- the result ---------------------------------------------------------------------------------------------------

    def name_inputs(self, labels: Mapping[int, str]) -> None:
        """Give the inputs the names that people know them by: those of their tensors, by `id`."""
        for node, source in self.inputs:
            if isinstance(source, GradSource):
                owner = labels.get(id(source.owner))
                label = f"{owner}.grad" if owner else labels.get(id(source.tensor))
            elif isinstance(source, CapturedSource):
                label = labels.get(id(source.tensor))
            else:
                label = labels.get(id(source.value)) if isinstance(source, ArgumentSource) else None
            if label and isinstance(node.operation, Input):  # no graph holds the node yet
                object.__setattr__(node, "operation", Input(node.operation.index, node.spec, label))

    def written(self) -> list[Root]:
        """The tensors from outside that have new values."""
        return [entry for entry in self.entries.values() if isinstance(entry, Root) and entry.written]

    def graph(self, name: str, outputs: list[Node]) -> Graph:
        """The graph of everything needed for `outputs` and for the writes."""
        updates = []
        for root in self.written():
            assert root.initial is not None
            updates.append((root.initial, root.node))
        return Graph(name, tuple(node for node, _ in self.inputs), tuple(outputs), tuple(updates))
