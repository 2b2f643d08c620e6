"""`facts(executable)`: for each node of the scheduled graph the step that computes it and the memory that holds it.

The drawings and exports (`traced.to_dot()`, `traced.to_networkx()`) and the report show them.
"""

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from tracegraph.compiler.executable import Executable
from tracegraph.compiler.ir import Node
from tracegraph.compiler.loop_ir import Buffer
from tracegraph.compiler.lowering.lower import stored
from tracegraph.compiler.lowering.steps import HostStep, KernelStep, NativeStep, Step

if TYPE_CHECKING:
    from tracegraph.trace.function import TracedFunction

NOTEBOOK_NODES = 150
"""Nodes drawn in a notebook's cell; the report draws more."""


def step_name(step: Step) -> str:
    """The name of a step: that of its kernel in the generated source, or of the operation that NumPy computes."""
    if isinstance(step, KernelStep):
        return step.kernel.name
    if isinstance(step, HostStep):
        return f"host {step.node.operation.name}"
    return step.name


def step_kind(step: Step) -> str:
    """What a step is: "kernel", "routine" (written out, or a call of the BLAS), or "host" (NumPy)."""
    if isinstance(step, KernelStep):
        return "kernel"
    return "host" if isinstance(step, HostStep) else "routine"


def memory_facts(executable: Executable, buffer: Buffer) -> dict[str, Any]:
    """The name of a buffer, its bytes, its slot in the pointer table (0 is the arena) and its byte offset there."""
    slot, offset = executable.layout.locations[buffer]
    told: dict[str, Any] = {"buffer": buffer.name, "bytes": buffer.spec.nbytes, "slot": slot}
    return {**told, "offset": offset} if slot == 0 else told


def buffer_titles(executable: Executable) -> dict[Buffer, str]:
    """What people call the buffers: inputs by their names, others by the operation that filled them (`relu %2`)."""
    lowered = executable.lowered
    titles = {buffer: buffer.name for buffer in lowered.inputs}
    for node, buffer in lowered.buffers.items():
        if node.is_constant:
            titles.setdefault(buffer, f"constant {buffer.name}")
        else:
            titles.setdefault(buffer, f"{node.operation.name} %{buffer.name}")
    for step in lowered.steps:
        if isinstance(step, NativeStep):
            titles.update((buffer, f"scratch of {step.name}") for buffer in step.scratch)
    return titles


def facts(executable: Executable) -> Mapping[Node, dict[str, Any]]:
    """What is known of the nodes of the scheduled graph.

    Per node: `step` (number of the step that computes it), `group` (the name of that step), and, where the value is
    stored, `buffer`, `bytes`, `slot` and, inside the arena, `offset` (bytes). Nodes that a kernel keeps in registers
    have no buffer.
    """
    lowered = executable.lowered
    found: dict[Node, dict[str, Any]] = {}
    for number, step in enumerate((*lowered.steps, *lowered.commits)):
        for node in step.nodes:
            found.setdefault(node, {"step": number, "group": step_name(step)})
    for node in lowered.graph.nodes:
        buffer = lowered.buffers.get(stored(node))
        if buffer is not None:
            found.setdefault(node, {}).update(memory_facts(executable, buffer))
    return found


def notebook_html(traced: "TracedFunction[..., Any]") -> str:
    """What a notebook shows for a traced function: the explanation, and the scheduled graph as a drawing."""
    text = f"<pre>{escape(str(traced.explain()))}</pre>"
    if not traced.entries:
        return text
    executable = traced.entries[0].executable
    drawing = executable.lowered.graph.to_svg(facts(executable), max_nodes=NOTEBOOK_NODES)
    return f'{text}<div style="overflow:auto">{drawing}</div>'
