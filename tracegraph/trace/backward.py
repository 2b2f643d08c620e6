"""Gradients out of a traced call: its backward is recorded too, and compiled as a graph of its own.

The forward graph gets as further outputs exactly the values that the backward graph reads.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.autograd import engine
from tracegraph.autograd.node import FunctionNode, edge_of
from tracegraph.compiler.executable import Executable, compile_graph
from tracegraph.compiler.ir import Graph, Node, topological
from tracegraph.compiler.ops.base import Kind
from tracegraph.compiler.ops.leaves import Input
from tracegraph.runtime.errors import GradientError
from tracegraph.tensor import Tensor
from tracegraph.trace.recorder import Recorder, Root


@dataclass
class RecordedBackward:
    """The backward graph of a call: its inputs are the saved values, then the cotangents of the live outputs."""

    graph: Graph
    saved: list[Node]
    """Values of the forward graph to be kept for backward."""
    targets: list[Tensor]
    """The tensors from outside that get a gradient."""
    given: list[bool]
    """Which of the targets the outputs really depend on."""


def record_backward(recorder: Recorder, live: Sequence[tuple[int, Tensor]], name: str) -> RecordedBackward | None:
    """Record the gradients of the live outputs with respect to every tensor from outside. None, with a reason, if impossible."""
    targets = [
        entry.tensor
        for entry in list(recorder.entries.values())
        if isinstance(entry, Root) and entry.external and entry.tensor.requires_grad
    ]
    edges = [edge_of(target) for target in targets]
    order = engine.order([edge_of(tensor) for _, tensor in live])
    for node in order:
        if isinstance(node, FunctionNode):
            recorder.unsupported(f"returns a tensor whose gradient runs the custom function {node.name}")
            return None
        if isinstance(node, Tensor):
            if node._hooks:
                recorder.unsupported("returns a tensor whose gradient runs a hook")
                return None
        elif node.hooks:
            recorder.unsupported("returns a tensor whose gradient runs a hook")
            return None
    if any(root.tensor.requires_grad for root in recorder.written()):
        recorder.unsupported("changes a tensor that requires grad and returns a tensor that depends on it")
        return None
    forward = set(topological([recorder.node(tensor) for _, tensor in live]))
    before = len(recorder.inputs)
    roots = []
    cotangents = []
    for _, tensor in live:
        cotangent = Tensor(np.ones(tensor._data.shape, tensor._data.dtype))
        root = recorder.add_input(cotangent, None, "cotangent")  # type: ignore[arg-type]
        cotangents.append(root.node)
        roots.append((edge_of(tensor), cotangent))
    found = engine.run(roots, retain_graph=True, create_graph=False, targets=edges)
    del recorder.inputs[before:]
    given = [id(edge) in found for edge in edges]
    outputs = [recorder.node(found[id(edge)]) for edge in edges if id(edge) in found]
    return _cut(name, forward, cotangents, outputs, targets, given)


def _cut(
    name: str, forward: set[Node], cotangents: list[Node], outputs: list[Node], targets: list[Tensor], given: list[bool]
) -> RecordedBackward:
    """Cut the joint graph where backward begins to read what forward computed."""
    saved: dict[Node, Node] = {}
    new: dict[Node, Node] = {}

    def boundary(node: Node) -> Node:
        if node not in saved:
            saved[node] = Node(Input(len(saved), node.spec), (), node.spec)
        return saved[node]

    nodes = topological(outputs)
    for node in nodes:
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
    graph = graph.rewrite(lambda node, operands: None)
    graph = _replace_inputs(graph, numbered)
    return RecordedBackward(graph, list(saved), targets, given)


def _replace_inputs(graph: Graph, numbered: dict[Node, Node]) -> Graph:
    """The graph with some inputs replaced by others."""
    new: dict[Node, Node] = {node: numbered.get(node, node) for node in graph.inputs}
    for node in graph.nodes:
        if node not in new:
            operands = tuple(new[operand] for operand in node.operands)
            new[node] = node if operands == node.operands else Node(
                node.operation, operands, node.spec, node.location, node.backward
            )
    return Graph(graph.name, tuple(new[n] for n in graph.inputs), tuple(new[n] for n in graph.outputs))


class CompiledBackward:
    """Links the outputs of a replayed call to the tape: their gradients come from the compiled backward graph."""

    def __init__(self, recorded: RecordedBackward, name: str) -> None:
        self.executable: Executable = compile_graph(recorded.graph)
        self.targets = recorded.targets
        self.given = recorded.given
        self.name = name

    def link(
        self, outputs: Sequence[Tensor], targets: Sequence[Tensor], saved: Sequence[np.ndarray],
        watched: Sequence[tuple[Tensor, int]], make_output: Callable[..., Any],
    ) -> None:  # fmt: skip
        """Make the outputs require grad, with this backward behind them."""

        def call(*cotangents: Tensor) -> list[Tensor | None]:
            if _state.local.grad_enabled:
                raise GradientError(
                    f"{self.name}: the gradient of a traced function's result cannot be differentiated again from outside; "
                    "compute both derivatives inside of the traced function, or call it without @trace"
                )
            for tensor, version in watched:
                root = tensor if tensor._base is None else tensor._base
                if root._version is not None and root._version[0] != version:
                    raise GradientError(
                        f"{self.name}: a tensor of shape {tensor.shape} needed for the gradient of a traced call "
                        "was modified in place after the call"
                    )
            arrays = [np.ascontiguousarray(cotangent._data) for cotangent in cotangents]
            results = iter(self.executable.run([*saved, *arrays]))
            return [Tensor(next(results)) if given else None for given in self.given]

        node = FunctionNode(self.name, call, targets, outputs)
        for number, output in enumerate(outputs):
            output._rg = True
            output._node = make_output(node, number)
