"""`Executable`: a compiled graph that takes arrays and gives arrays; `compile_graph` makes one."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tracegraph.compiler.codegen.module_source import Layout, ModuleSource, layout, modules
from tracegraph.compiler.ir import Graph
from tracegraph.compiler.loop_ir import Buffer
from tracegraph.compiler.lowering.lower import lower
from tracegraph.compiler.lowering.steps import HostStep, Lowered
from tracegraph.compiler.pipeline import PassRecord, optimise
from tracegraph.runtime import EntrySpec, OutputPool, Program, Workspace, Workspaces, load_program
from tracegraph.runtime.errors import IndexingError
from tracegraph.runtime.native.blas_library import find_blas

POOL = OutputPool()
"""Memory of results, shared by all executables."""


@dataclass(frozen=True)
class Segment:
    """A native program and the host step after it."""

    source: ModuleSource
    program: Program


class Executable:
    """Native code for one graph. Call `run` with arrays of the shapes and dtypes of the graph's inputs."""

    def __init__(self, graph: Graph, *, original: Graph, records: Sequence[PassRecord]) -> None:
        started = time.perf_counter()
        self.original = original
        self.records = tuple(records)
        self.lowered: Lowered = lower(graph, use_blas=find_blas() is not None)
        self.layout: Layout = layout(self.lowered)
        self.sources = modules(self.lowered, self.layout)
        self.lowering_seconds = time.perf_counter() - started
        started = time.perf_counter()
        self.entry_spec = EntrySpec(self._entry_arrays(), release_gil=self._is_long())
        self.segments = [
            Segment(source, load_program(source.text, name=graph.name, entry=self.entry_spec if first else EntrySpec()))
            for first, source in zip([True] + [False] * len(self.sources), self.sources, strict=False)
        ]
        self.loading_seconds = time.perf_counter() - started
        constants = tuple(
            (slot, np.ascontiguousarray(node.operation.value))  # type: ignore[attr-defined]
            for slot, (_, node) in zip(self.layout.constant_slots, self.lowered.constants, strict=True)
        )
        self.constant_arrays = dict(constants)
        self.workspaces = Workspaces(
            slots=self.layout.slots, arena_bytes=self.lowered.memory.arena_bytes, constants=constants
        )
        self.output_specs = tuple((output.shape, output.buffer.dtype) for output in self.lowered.outputs)
        self.single = len(self.segments) == 1
        self.entry = self.segments[0].program.entry

    def _entry_arrays(self) -> tuple[tuple[str, int, bool], ...]:
        inputs = [
            (buffer.dtype.name, slot, number in self.lowered.written)
            for number, (buffer, slot) in enumerate(zip(self.lowered.inputs, self.layout.input_slots, strict=True))
        ]
        outputs = [
            (output.buffer.dtype.name, slot, True)
            for output, slot in zip(self.lowered.outputs, self.layout.output_slots, strict=True)
        ]
        return (*inputs, *outputs)

    def bind_entry(self, arrays: tuple[tuple[str, int, bool], ...]) -> Callable[..., int]:
        """Another native entry: for some of the arrays only, the others' addresses being in the table already."""
        return self.segments[0].program.bind_entry(EntrySpec(arrays, release_gil=self._is_long()))

    def _is_long(self) -> bool:
        """Whether other Python threads should run meanwhile."""
        return sum(node.spec.size for node in self.lowered.graph.nodes) > 1 << 20

    @cached_property
    def source(self) -> str:
        """The generated modules as text."""
        return "\n\n".join(source.text for source in self.sources)

    @property
    def kernels(self) -> int:
        """The number of kernels in all modules."""
        return sum(source.kernels for source in self.sources)

    @property
    def host_steps(self) -> list[HostStep]:
        """The operations that NumPy computes."""
        return [step for step in self.lowered.steps if isinstance(step, HostStep)]

    def empty_outputs(self) -> list[np.ndarray]:
        """Uninitialised arrays for the outputs."""
        return [POOL.empty(shape, dtype) for shape, dtype in self.output_specs]

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run on C-contiguous arrays; updates are written into the arrays given. Returns the outputs.

        Raises:
            IndexingError: when an index read from a tensor is out of range; nothing has been written then.
        """
        outputs = self.empty_outputs()
        status = self.run_into(arrays, outputs)
        if status:
            raise IndexingError(f"{self.lowered.graph.name}: an index is out of range in kernel {status}")
        return outputs

    def run_into(self, arrays: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> int:
        """Run on C-contiguous arrays and fill those of the outputs.
        Returns the status: if it is not 0, no update has been written.
        """
        workspace = self.workspaces.take()
        try:
            status = self.entry(workspace.table, *arrays, *outputs)
            if status == 0 and not self.single:
                status = self.run_segments(workspace, (*arrays, *outputs))
        finally:
            self.workspaces.give_back(workspace)
        return status

    def run_segments(self, workspace: Workspace, arrays: Sequence[np.ndarray]) -> int:
        """Run the host steps and the segments after the first; returns the status."""
        by_slot: dict[int, np.ndarray] = dict(self.constant_arrays)
        for (_, slot, _), array in zip(self.entry_spec.arrays, arrays, strict=True):
            by_slot[slot] = array
        for number, segment in enumerate(self.segments):
            if number:
                status = segment.program.run(workspace.table)
                if status:
                    return status
            if segment.source.host is not None:
                self._run_host(segment.source.host, workspace, by_slot)
        return 0

    def _run_host(self, step: HostStep, workspace: Workspace, by_slot: dict[int, np.ndarray]) -> None:
        operands = [
            self._array(buffer, workspace, by_slot).reshape(operand.shape)
            for buffer, operand in zip(step.reads, step.node.operands, strict=True)
        ]
        with np.errstate(all="ignore"):
            result: Any = step.node.operation.evaluate(np, *operands)
        target = self._array(step.writes[0], workspace, by_slot)
        np.copyto(target, np.asarray(result).reshape(target.shape))

    def _array(self, buffer: Buffer, workspace: Workspace, by_slot: dict[int, np.ndarray]) -> np.ndarray:
        slot, offset = self.layout.locations[buffer]
        spec = buffer.spec
        if slot:
            return by_slot[slot].reshape(spec.shape)
        return workspace.arena[offset : offset + spec.nbytes].view(spec.dtype).reshape(spec.shape)


def compile_graph(graph: Graph, *, strict: bool = False) -> Executable:
    """Optimise, lower and compile a graph.

    With `strict` every pass is followed by the full verification.
    """
    optimised, records = optimise(graph, strict=strict)
    return Executable(optimised, original=graph, records=records)
