"""`compile_recording(...)`: makes a trace of a recorded call that needs no Python to be replayed."""

from collections.abc import Sequence
from typing import Any, Protocol

from tracegraph import _state
from tracegraph.compiler.executable import compile_graph
from tracegraph.compiler.ir import Graph, Node
from tracegraph.observe import Observation
from tracegraph.tensor import Tensor
from tracegraph.trace.arguments import ArgumentGuards, data_of, owners
from tracegraph.trace.backward import CompiledBackward, record_backward
from tracegraph.trace.decisions import DecisionTree
from tracegraph.trace.entry import Entry
from tracegraph.trace.outputs import OutputPlan, OutputPlanner
from tracegraph.trace.recorded import Root
from tracegraph.trace.recorder import Recorder
from tracegraph.trace.recording import Recording
from tracegraph.trace.sources import CapturedSource, Source
from tracegraph.trace.tree import MAX_OUTCOMES, TooManyOutcomesError

MAX_PER_LEAF = 8
"""Traces at one leaf of a decision tree, which differ in what they guard."""
MAX_LEAVES = 64
"""Ways that calls of one kind may go, by the values of tensors."""


class Replays(Protocol):
    """Serves calls, or returns MISS: a trace by itself, or a decision tree."""

    @property
    def replay(self) -> Any:
        """The function of (args, kwargs)."""
        ...


def compile_recording(name: str, recording: Recording, roots: list[Replays]) -> Entry | None:
    """The trace of a recorded call, entered in `roots`; None if it cannot be replayed (the recording says why)."""
    previous = _state.begin_recording(recording.recorder)
    try:
        return _compile(name, recording, roots)
    finally:
        _state.end_recording(previous)


def _compile(name: str, recording: Recording, roots: list[Replays]) -> Entry | None:
    recorder, observation = recording.recorder, recording.observation
    if recording.error is not None:
        return None
    plan = OutputPlanner(recorder, observation.is_external).make(recording.result)
    written = recorder.written()
    _check_sharing(recorder, [root.tensor for root in written])
    captured = observation.captured if observation.is_static else ()  # here its guards are made
    reached = {id(value) for value in (*[leaf for _, leaf in recording.leaves], *captured)}
    if any(id(value) in reached for _, value in recorder.grad_before.values() if value is not None):
        recorder.unsupported("reads a `.grad` that it also reaches by another way")
    _check_arrays(recorder, observation, plan)
    if any(root.tensor.grad_fn is not None for root in written):
        recorder.unsupported("leaves the history of a gradient in a tensor from outside")
    if recorder.reasons or not observation.is_static:
        return None
    recording.name_inputs()
    nodes: list[Node] = list(plan.nodes)
    backward: CompiledBackward | None = None
    saved: list[int | Node] = []
    if plan.live:
        inputs = list(recorder.inputs)
        recorded = record_backward(recorder, plan.live, name)
        if recorded is None or recorder.reasons:
            return None
        recorder.inputs = inputs
        backward = CompiledBackward(recorded, name)
        saved = _kept_for_backward(recorder, plan, recorded.saved, nodes, written)
    values = [root.tensor for root in written]
    held = _captured(recorder, observation)
    arguments = ArgumentGuards(recording.args, recording.kwargs, recording.leaves, values, held, observation.absent)
    graph = recorder.graph(name, nodes)
    placed = _place(name, recording, arguments, graph, [node for node in saved if isinstance(node, Node)], roots)
    if placed is None:
        return None
    graph_here, sources, positions, tree, entries = placed
    executable = compile_graph(graph_here)
    observation.guards.accept_registry()
    entry = Entry(
        name=name,
        executable=executable,
        whole=graph,
        sources=sources,
        origins=[source for _, source in recorder.inputs],
        written=values,
        arguments=arguments,
        guards=observation.guards,
        checks=recorder.checks,
        grads=list(recorder.grad_before.values()),
        grads_assigned=[owner for owner, _ in recorder.grad_now.values()],
        outputs=plan,
        backward=backward,
        saved=[str(positions[item]) if isinstance(item, Node) else item for item in saved],
        grad_enabled=recording.grad_enabled,
        decisions=tuple(recorder.decisions),
    )
    entry.measure_guards(recording.args, recording.kwargs)
    entries.insert(0, entry)
    if tree is not None:
        tree.rebuild()
        if tree not in roots:
            roots.insert(0, tree)
    return entry


def _place(
    name: str, recording: Recording, arguments: ArgumentGuards, graph: Graph, more: Sequence[Node],
    roots: list[Replays],
) -> tuple[Graph, list[Source], dict[Node, int], DecisionTree | None, list[Any]] | None:  # fmt: skip
    """What the trace itself computes, its sources, the numbers of the recording's inputs among them, and where the
    trace is entered: among the roots, or at a leaf of a tree; None if there is no room.
    """
    recorder = recording.recorder
    if not recorder.decisions:
        positions = {node: number for number, (node, _) in enumerate(recorder.inputs)}
        return graph, [source for _, source in recorder.inputs], positions, None, roots
    plain = ArgumentGuards(recording.args, recording.kwargs, recording.leaves, (), ())
    key = plain.key()
    trees = [root for root in roots if isinstance(root, DecisionTree) and root.key == key and root.recheck()]
    if sum(tree.leaves for tree in trees) >= MAX_LEAVES:
        recorder.unsupported(f"goes more than {MAX_LEAVES} ways, by the values of tensors")
        return None
    for tree in (*trees, DecisionTree(name, plain, key)):
        try:
            found = tree.graft(recorder, recorder.argument_paths, graph, more)
        except TooManyOutcomesError:
            recorder.unsupported(f"takes more than {MAX_OUTCOMES} different values of a tensor to decide how to go on")
            return None
        if found is not None and len(found.leaf.entries) >= MAX_PER_LEAF:
            recorder.unsupported(f"goes one way with more than {MAX_PER_LEAF} different values from outside")
            tree.rebuild()
            return None
        if found is not None:
            return found.graph, found.sources, found.positions, tree, found.leaf.entries
    return None


def _kept_for_backward(
    recorder: Recorder, plan: OutputPlan, needed: Sequence[Node], nodes: list[Node], written: Sequence[Root]
) -> list[int | Node]:
    """Where backward finds each value it needs: an input of the graph, or the number of an output, which is added to
    `nodes` if there is none yet.
    """
    inputs = {node for node, _ in recorder.inputs} - {root.initial for root in written}
    saved: list[int | Node] = []
    for node in needed:
        if node in inputs:
            saved.append(node)
        elif node in plan.nodes and recorder.is_value_of_one(node):
            saved.append(plan.nodes.index(node))
        else:
            saved.append(len(nodes))
            nodes.append(node)
    return saved


def _check_arrays(recorder: Recorder, observation: Observation, plan: OutputPlan) -> None:
    """A tensor made of a NumPy array is a constant, since the contents are guarded; nobody may see whether its
    memory is shared.
    """
    for array, made, value, shares in recorder.arrays:
        if not observation.is_external(array):
            recorder.unsupported("makes a tensor of a NumPy array that cannot be followed")
        elif shares and (made.node is not value or made.node in plan.nodes):
            recorder.unsupported("writes to or returns a tensor that shares the memory of a NumPy array")


def _captured(recorder: Recorder, observation: Observation) -> list[Any]:
    """The tensors that the call reached from elsewhere than its arguments, in operations or only by name."""
    read = [source.tensor for _, source in recorder.inputs if isinstance(source, CapturedSource)]
    return [*read, *(value for value in observation.captured if isinstance(value, Tensor))]


def _check_sharing(recorder: Recorder, written: list[Tensor]) -> None:
    """Tensors that share memory, one of which is written, are beyond this tracer."""
    others = [entry.tensor for entry in recorder.entries.values() if getattr(entry, "external", False)]
    for target in written:
        mine = owners(data_of(target))
        for other in others:
            if other is not target and mine & owners(data_of(other)):
                recorder.unsupported("writes to a tensor whose memory another input shares")
                return
