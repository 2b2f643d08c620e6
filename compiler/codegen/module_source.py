"""Prints a lowered graph as one or more generated modules: the kernels, and a `main` that calls them in order.

A host step ends a module, since NumPy has to run between what comes before and after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracegraph.compiler.codegen.python_source import STATUS_SLOT, KernelPrinter, Location, dtype_name
from tracegraph.compiler.codegen.sharing import Movable, shared
from tracegraph.compiler.loop_ir import Buffer, Kernel
from tracegraph.compiler.lowering.lower import last_failing_step
from tracegraph.compiler.lowering.steps import HostStep, KernelStep, Lowered, NativeStep, Step

FIRST_SLOT = 2
"""Slots 0 and 1 hold the arena and the status; then come inputs, constants and outputs."""
PARALLEL_WORK = 1 << 16
"""Scalar operations from which a kernel is shared among threads;
a parallel region costs about as much as 2^13 of them."""
GRAIN_WORK = 1 << 14
"""Least scalar operations of one thread's share."""


@dataclass(frozen=True)
class ModuleSource:
    """A generated module and the host step after it, if any."""

    text: str
    host: HostStep | None
    kernels: int


@dataclass(frozen=True)
class Layout:
    """Where everything lies: the slot and offset of every buffer, and the number of slots."""

    locations: Mapping[Buffer, Location]
    input_slots: tuple[int, ...]
    constant_slots: tuple[int, ...]
    output_slots: tuple[int, ...]
    window: int
    """The slot from which on the pointers of kernels that share a body are put."""
    slots: int


def layout(lowered: Lowered) -> Layout:
    """Give every buffer its place."""
    locations: dict[Buffer, Location] = {buffer: (0, offset) for buffer, offset in lowered.memory.offsets.items()}
    slot = FIRST_SLOT
    groups: list[tuple[int, ...]] = []
    for buffers in (lowered.inputs, [buffer for buffer, _ in lowered.constants], [o.buffer for o in lowered.outputs]):
        slots = []
        for buffer in buffers:
            locations[buffer] = (slot, 0)
            slots.append(slot)
            slot += 1
        groups.append(tuple(slots))
    kernels = [step.kernel for step in (*lowered.steps, *lowered.commits) if isinstance(step, KernelStep)]
    room = max((len({*kernel.reads, *kernel.writes}) for kernel in kernels), default=0)
    return Layout(locations, groups[0], groups[1], groups[2], slot, slot + room)


def _places(step: NativeStep, locations: Mapping[Buffer, Location]) -> dict[str, str]:
    """What the named placeholders of a routine stand for."""
    places = {"name": step.name, "out": _buffer(step.writes[0], locations)}
    places |= {f"s{number}": _buffer(buffer, locations) for number, buffer in enumerate(step.scratch)}
    return places


def _operands(step: NativeStep, locations: Mapping[Buffer, Location]) -> list[str]:
    """What the numbered placeholders of a routine stand for."""
    return [_buffer(buffer, locations) for buffer in step.reads]


def _buffer(buffer: Buffer, locations: Mapping[Buffer, Location]) -> str:
    slot, offset = locations[buffer]
    return f"buffer(table, {slot}, {offset}, {dtype_name(buffer.dtype)})"


def _call(step: Step, places: Layout, sharing: Mapping[Kernel, tuple[Kernel, Movable]]) -> list[str]:
    """The lines of `main` for one step."""
    if isinstance(step, NativeStep):
        operands = _operands(step, places.locations)
        return [line.format(*operands, **_places(step, places.locations)) for line in step.routine.main]
    assert isinstance(step, KernelStep)
    kernel, name, table, lines = step.kernel, step.kernel.name, "table", []
    if kernel in sharing:
        body, form = sharing[kernel]
        name, table = body.name, f"subtable(table, {places.window})"
        pointers = enumerate(form.pointers, places.window)
        lines = [f"point(table, {number}, {slot}, {offset})" for number, (slot, offset) in pointers]
    rows = 1 if kernel.rows is None else kernel.rows.extent
    if kernel.splittable and kernel.work >= PARALLEL_WORK and rows > 1:
        grain = max(1, rows * GRAIN_WORK // kernel.work)
        return [*lines, f"parallel({name}, 0, {rows}, {grain}, {table})"]
    return [*lines, f"{name}(0, {rows}, {table})"]


def _body(kernel: Kernel, places: Layout, sharing: Mapping[Kernel, tuple[Kernel, Movable]]) -> list[str]:
    """The source of a kernel, unless another one's serves it."""
    if kernel not in sharing:
        return [KernelPrinter(kernel, places.locations).source()]
    first, form = sharing[kernel]
    return [form.source] if first is kernel else []


def _module(name: str, steps: Sequence[Step], commits: Sequence[KernelStep], layout: Layout) -> tuple[str, int]:
    locations = layout.locations
    sharing = shared([step.kernel for step in (*steps, *commits) if isinstance(step, KernelStep)], locations)
    kernels: list[str] = []
    lines: list[str] = []
    failing = last_failing_step(steps)
    uses_blas = any(isinstance(step, NativeStep) and step.routine.blas for step in steps)
    for number, step in enumerate(steps):
        if isinstance(step, KernelStep):
            kernels += _body(step.kernel, layout, sharing)
        elif isinstance(step, NativeStep):
            places = _places(step, locations)
            kernels += [text.format(*_operands(step, locations), **places) for text in step.routine.kernels]
        lines.extend(_call(step, layout, sharing))
        if number == failing:
            lines = [f"reset_status(table, {STATUS_SLOT})", *lines, f"failed = status(table, {STATUS_SLOT})"]
            lines += ["if failed != 0:", *["    blas_threads(before)"] * uses_blas, "    return failed"]
    for step in commits:
        kernels += _body(step.kernel, layout, sharing)
        lines.extend(_call(step, layout, sharing))
    if uses_blas:
        lines = ["before = blas_threads(1)", *lines, "blas_threads(before)"]
    count = len(kernels)
    parts = [
        (
            f'"""Generated by tracegraph: `{name}`, {count} kernel{"s" if count != 1 else ""}."""\n\n'
            "from tracegraph.runtime.backends.numba_cpu.dialect import *\n"
        ),
        *kernels,
        "\n".join(["@program", "def main(table):", *("    " + line for line in lines), "    return 0"]) + "\n",
    ]
    return "\n\n".join(parts), count


def modules(lowered: Lowered, places: Layout) -> list[ModuleSource]:
    """The generated modules, in order. The last one writes the updates back;
    an index out of range before that ends the run.
    """
    made: list[ModuleSource] = []
    pending: list[Step] = []
    name = lowered.graph.name
    for step in lowered.steps:
        if isinstance(step, HostStep):
            text, count = _module(name, pending, (), places)
            made.append(ModuleSource(text, step, count))
            pending = []
        else:
            pending.append(step)
    text, count = _module(name, pending, lowered.commits, places)
    made.append(ModuleSource(text, None, count))
    return made
