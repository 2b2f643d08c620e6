"""Gradients out of a traced call: its backward is recorded too, and compiled as graphs of their own.

The forward graph gets as further outputs exactly the values that the backward graphs read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.autograd import engine
from tracegraph.autograd.node import FunctionNode, edge_of
from tracegraph.compiler.executable import Executable, compile_graph
from tracegraph.compiler.ir import Graph, Node, make, topological
from tracegraph.compiler.ops.base import Kind
from tracegraph.compiler.ops.leaves import Input
from tracegraph.compiler.ops.movement import Permute
from tracegraph.runtime.errors import GradientError
from tracegraph.tensor import Tensor, wrap
from tracegraph.trace.outputs import inverse, memory_order
from tracegraph.trace.recorded import Root
from tracegraph.trace.recorder import Recorder

Pattern = tuple[bool, ...]
"""Which of the outputs of a part have a cotangent."""
Watch = tuple[Tensor, int] | None
"""A tensor whose value backward reads, and the number of its in-place changes by then."""


@dataclass(frozen=True)
class Variant:
    """The backward graph for one pattern: its inputs are the saved values, then the cotangents;
    None for a target not reached.
    """

    graph: Graph
    saved: list[Node]
    given: list[bool]
    orders: list[tuple[int, ...] | None]
    """For each result how its dimensions are to be exchanged, so that it lies in memory as the plain gradient does."""


@dataclass(frozen=True)
class Part:
    """Outputs whose gradients share the tape, so that one backward of any of them consumes it."""

    outputs: tuple[int, ...]
    """Positions among the live outputs."""
    variants: dict[Pattern, Variant]
    """For all outputs together, and where there are several for each alone:
    an unused output is not one with gradient 0."""


@dataclass(frozen=True)
class RecordedBackward:
    """The backward of a call."""

    parts: list[Part]
    targets: list[Tensor]
    """The tensors from outside that get a gradient."""

    @property
    def saved(self) -> list[Node]:
        """The values of the forward graph that some variant reads."""
        return list(
            dict.fromkeys(n for part in self.parts for variant in part.variants.values() for n in variant.saved)
        )


def record_backward(recorder: Recorder, live: Sequence[tuple[int, Tensor]], name: str) -> RecordedBackward | None:
    """Record the gradients of the live outputs with respect to every tensor from outside.
    None, with a reason, if impossible.
    """
    targets = [
        entry.tensor
        for entry in list(recorder.entries.values())
        if isinstance(entry, Root) and entry.external and entry.tensor.requires_grad
    ]
    tensors = [tensor for _, tensor in live]
    refused = _refusal(recorder, tensors)
    groups = _shared_parts(recorder, tensors)
    if refused is None and groups is None:
        refused = "returns tensors some of whose gradients have parts in common and some have not"
    if refused is not None or groups is None:
        recorder.unsupported(refused or "")
        return None
    parts = []
    for group in groups:
        patterns = [(True,) * len(group)]
        if len(group) > 1:
            patterns += [tuple(other == one for other in range(len(group))) for one in range(len(group))]
        variants = {}
        for pattern in patterns:
            used = [tensors[position] for position, wanted in zip(group, pattern, strict=True) if wanted]
            try:
                variants[pattern] = _record_variant(recorder, used, targets, name)
            except GradientError as error:
                recorder.unsupported(f"returns a tensor that cannot be differentiated ({error})")
                return None
        parts.append(Part(group, variants))
    return RecordedBackward(parts, targets)


def _refusal(recorder: Recorder, tensors: Sequence[Tensor]) -> str | None:
    """Why the gradients of the tensors cannot be compiled."""
    for node in engine.order([edge_of(tensor) for tensor in tensors]):
        if isinstance(node, FunctionNode):
            return f"returns a tensor whose gradient runs the custom function {node.name}"
        if node._hooks if isinstance(node, Tensor) else node.hooks:
            return "returns a tensor whose gradient runs a hook"
    if any(root.tensor.requires_grad for root in recorder.written()):
        return "changes a tensor that requires grad and returns a tensor that depends on it"
    return None


def _shared_parts(recorder: Recorder, tensors: Sequence[Tensor]) -> list[tuple[int, ...]] | None:
    """Groups of outputs whose tapes have entries in common; None if in some group not every two have."""
    reached = [_tape_of(recorder, tensor) for tensor in tensors]
    groups: list[list[int]] = []
    for position, mine in enumerate(reached):
        touching = [group for group in groups if any(mine & reached[other] for other in group)]
        if len(touching) > 1 or any(not mine & reached[other] for group in touching for other in group):
            return None
        if touching:
            touching[0].append(position)
        else:
            groups.append([position])
    return [tuple(group) for group in groups]


def _tape_of(recorder: Recorder, tensor: Tensor) -> set[int]:
    """Ids of the tape entries made in the call that the tensor's backward runs through."""
    found: set[int] = set()
    waiting = [edge_of(tensor)]
    while waiting:
        node = waiting.pop()
        if node is None or isinstance(node, Tensor) or id(node) in found or recorder.is_outer(node):
            continue
        found.add(id(node))
        waiting.extend(engine.parents(node))
    return found


def _record_variant(recorder: Recorder, tensors: Sequence[Tensor], targets: Sequence[Tensor], name: str) -> Variant:
    """The backward graph of some outputs."""
    edges = [edge_of(target) for target in targets]
    forward = set(topological([recorder.node(tensor) for tensor in tensors]))
    before = len(recorder.inputs)
    roots = []
    cotangents = []
    for tensor in tensors:
        cotangent = wrap(np.ones(tensor._data.shape, tensor._data.dtype))
        cotangents.append(recorder.add_input(cotangent, None, "cotangent").node)  # type: ignore[arg-type]
        roots.append((edge_of(tensor), cotangent))
    try:
        found = engine.run(roots, retain_graph=True, create_graph=False, targets=edges)
    finally:
        del recorder.inputs[before:]
    given = [id(edge) in found for edge in edges]
    outputs, orders = [], []
    for edge in edges:
        if id(edge) in found:
            order = memory_order(found[id(edge)]._data)
            node = recorder.node(found[id(edge)])
            outputs.append(node if order is None else make(Permute(order), node, backward=True))
            orders.append(None if order is None else inverse(order))
    graph, saved = _cut(name, forward, cotangents, outputs)
    return Variant(graph, saved, given, orders)


def _cut(name: str, forward: set[Node], cotangents: list[Node], outputs: list[Node]) -> tuple[Graph, list[Node]]:
    """Cut the joint graph where backward begins to read what forward computed:
    the backward graph, and the values it reads.
    """
    saved: dict[Node, Node] = {}
    new: dict[Node, Node] = {}

    def boundary(node: Node) -> Node:
        if node not in saved:
            saved[node] = Node(Input(len(saved), node.spec), (), node.spec)
        return saved[node]

    for node in topological(outputs):
        if node in forward or (node.is_input and node not in cotangents):
            continue
        if node.kind is Kind.LEAF:
            new[node] = node
            continue
        operands = []
        for operand in node.operands:
            outside = operand not in new
            operands.append((operand if operand.is_constant else boundary(operand)) if outside else new[operand])
        new[node] = Node(node.operation, tuple(operands), node.spec, node.location, node.backward)
    results = tuple(new[node] if node in new else (node if node.is_constant else boundary(node)) for node in outputs)
    inputs = list(saved.values())
    numbered: dict[Node, Node] = {}
    for number, node in enumerate(cotangents):
        numbered[node] = Node(Input(len(inputs) + number, node.spec, f"cotangent{number}"), (), node.spec)
    graph = Graph(f"{name}_backward", (*inputs, *cotangents), results)
    return _replace_inputs(graph, numbered), list(saved)


def _replace_inputs(graph: Graph, numbered: dict[Node, Node]) -> Graph:
    """The graph with some inputs replaced by others."""
    new: dict[Node, Node] = {node: numbered.get(node, node) for node in graph.inputs}
    for node in graph.nodes:
        if node not in new:
            operands = tuple(new[operand] for operand in node.operands)
            new[node] = (
                node
                if operands == node.operands
                else Node(node.operation, operands, node.spec, node.location, node.backward)
            )
    return Graph(graph.name, tuple(new[n] for n in graph.inputs), tuple(new[n] for n in graph.outputs))


class _CompiledVariant:
    """A variant, compiled when it is first needed."""

    def __init__(self, variant: Variant, positions: dict[Node, int]) -> None:
        self._graph = variant.graph
        self._executable: Executable | None = None
        self.given = variant.given
        self.orders = variant.orders
        self.saved = [positions[node] for node in variant.saved]

    def executable(self) -> Executable:
        """The native program."""
        if self._executable is None:
            self._executable = compile_graph(self._graph)
        return self._executable

    def run(self, saved: Sequence[np.ndarray], cotangents: Sequence[Tensor]) -> list[Tensor | None]:
        """The gradients of the targets."""
        dtypes = [node.dtype for node in self._graph.inputs[len(self.saved) :]]
        arrays = [np.ascontiguousarray(g._data, dtype) for g, dtype in zip(cotangents, dtypes, strict=True)]
        found = self.executable().run([*[saved[number] for number in self.saved], *arrays])
        results = iter(
            [a if order is None else a.transpose(order) for a, order in zip(found, self.orders, strict=True)]
        )
        return [wrap(next(results)) if given else None for given in self.given]


class _CompiledNode(FunctionNode):
    """The tape entry of a part: unlike a custom function's it is told which outputs have no cotangent."""

    __slots__ = ()

    def cotangents(self, g: Sequence[Tensor | None]) -> list[Any]:
        """Gradients of the targets."""
        if self.released or self.call is None:
            return super().cotangents(g)
        return self.call(g)  # type: ignore[no-any-return]


class CompiledBackward:
    """Links the outputs of a replayed call to the tape: their gradients come from the compiled backward graphs."""

    def __init__(self, recorded: RecordedBackward, name: str) -> None:
        positions = {node: number for number, node in enumerate(recorded.saved)}
        self.parts = [
            (part.outputs, {p: _CompiledVariant(variant, positions) for p, variant in part.variants.items()})
            for part in recorded.parts
        ]
        self.targets = recorded.targets
        self._count = len(recorded.targets)
        self.name = name
        for outputs, variants in self.parts:
            if len(outputs) == 1:
                variants[(True,)].executable()

    def forget(self) -> None:
        """Let go of the recorded call's tensors: `link` is told those of each call."""
        self.targets = []

    def link(
        self, outputs: Sequence[Tensor], targets: Sequence[Tensor], saved: Sequence[np.ndarray],
        watched: Sequence[Watch], make_output: Callable[..., Any],
    ) -> None:  # fmt: skip
        """Make the outputs require grad, with this backward behind them."""
        for positions, variants in self.parts:
            mine = [outputs[position] for position in positions]
            node = _CompiledNode(self.name, self._call(variants, saved, watched), targets, mine)
            for number, output in enumerate(mine):
                output._rg = True
                output._node = make_output(node, number)

    def _call(
        self, variants: dict[Pattern, _CompiledVariant], saved: Sequence[np.ndarray], watched: Sequence[Watch]
    ) -> Callable[..., Any]:
        def call(cotangents: Sequence[Tensor | None]) -> list[Tensor | None]:
            if _state.local.grad_enabled:
                raise GradientError(
                    f"{self.name}: the gradient of a traced function's result cannot be differentiated again from "
                    "outside; compute both derivatives inside of the traced function, or call it without @trace"
                )
            pattern = tuple(g is not None for g in cotangents)
            together = variants.get(pattern)
            if together is not None:
                self._check(together, watched)
                return together.run(saved, [g for g in cotangents if g is not None])
            total: list[Tensor | None] = [None] * self._count
            for number, g in enumerate(cotangents):
                if g is not None:
                    alone = variants[tuple(other == number for other in range(len(cotangents)))]
                    self._check(alone, watched)
                    total = [
                        b if a is None else a if b is None else a + b
                        for a, b in zip(total, alone.run(saved, [g]), strict=True)
                    ]
            return total

        return call

    def _check(self, variant: _CompiledVariant, watched: Sequence[Watch]) -> None:
        """Raise if a value that the variant reads was modified since the call."""
        for number in variant.saved:
            watch = watched[number]
            if watch is None:
                continue
            tensor, version = watch
            root = tensor if tensor._base is None else tensor._base
            if root._version is not None and root._version[0] != version:
                raise GradientError(
                    f"{self.name}: a tensor of shape {tensor.shape} needed for the gradient of a traced call "
                    "was modified in place after the call"
                )
