"""Lowering: a graph becomes steps (kernels, native calls, host steps) over buffers with a memory plan."""

from collections.abc import Sequence
from dataclasses import replace

from tracegraph.compiler.index import Variable, flatten
from tracegraph.compiler.ir import Graph, Node, make
from tracegraph.compiler.loop_ir import Buffer, Kernel, Load, Loop, Store
from tracegraph.compiler.lowering.accesses import AccessFinder
from tracegraph.compiler.lowering.collapse import collapse
from tracegraph.compiler.lowering.column_loops import unroll_columns
from tracegraph.compiler.lowering.elements import is_virtual
from tracegraph.compiler.lowering.fusion import Domain, Fusion, Group, is_loop_node
from tracegraph.compiler.lowering.kernels import KernelMaker
from tracegraph.compiler.lowering.memory import Lifetime, MemoryPlan, plan
from tracegraph.compiler.lowering.ordered import is_ordered, ordered_kernel, ordered_reads
from tracegraph.compiler.lowering.reduction_loops import precise, split
from tracegraph.compiler.lowering.routines import Routine, routine_for
from tracegraph.compiler.lowering.steps import HostStep, KernelStep, Lowered, NativeStep, Output, Step
from tracegraph.compiler.ops.base import Kind
from tracegraph.compiler.ops.cast import COPY
from tracegraph.compiler.ops.movement import Reshape


def stored(node: Node) -> Node:
    """The node whose memory holds the value: reshapes are only other names for what they reshape."""
    while isinstance(node.operation, Reshape):
        inner = node.operands[0]
        if is_virtual(inner) and not isinstance(inner.operation, Reshape):
            return node
        node = inner
    return node


def own_roots(graph: Graph) -> Graph:
    """The graph with every root in memory of its own: an input or a constant returned,
    or one value returned twice, is copied.
    """
    seen: set[Node] = set()

    def own(node: Node) -> Node:
        where = stored(node)
        if where.kind is Kind.LEAF or where in seen:
            node = make(COPY, node, location=node.location)
            where = node
        seen.add(where)
        return node

    outputs = tuple(own(node) for node in graph.outputs)
    updates = tuple((target, own(value)) for target, value in graph.updates)
    return replace(graph, outputs=outputs, updates=updates)


class _Lowering:
    """The work of `lower`, step by step."""

    def __init__(self, graph: Graph, *, use_blas: bool) -> None:
        self.graph = own_roots(graph)
        self.use_blas = use_blas
        self.opaque: dict[Node, tuple[Node, ...]] = {}
        self.routines: dict[Node, Routine] = {}
        self.materialised: set[Node] = set()
        self._find_opaque()
        for node in self.graph.roots:
            self._materialise(stored(node))
        self.finder = AccessFinder(self.materialised)
        self.fusion = Fusion(self.graph, self.finder, self.opaque)
        self.groups = self.fusion.schedule()
        self.position = {group.number: number for number, group in enumerate(self.groups)}
        self.buffers: dict[Node, Buffer] = {}
        self.constants: list[tuple[Buffer, Node]] = []

    def _materialise(self, node: Node) -> None:
        if is_virtual(node):
            self.materialised.add(node)

    def _find_opaque(self) -> None:
        """Find the nodes for which no loops are made, and the operands that they read from memory."""
        for node in self.graph.nodes:
            if node.kind is Kind.LEAF:
                continue
            routine = routine_for(node, use_blas=self.use_blas)
            if routine is None and is_loop_node(node):
                continue
            if routine is not None:
                self.routines[node] = routine
            operands = node.operands if routine is None or routine.operands is None else routine.operands
            if is_ordered(node):
                operands = ordered_reads(node)
            reads = tuple(stored(operand) for operand in operands)
            self.opaque[node] = reads
            for read in reads:
                self._materialise(read)

    # -- buffers ------------------------------------------------------------------------------------------------------

    def _readers(self) -> dict[Node, set[int]]:
        """The groups (by position) that read each stored node."""
        readers: dict[Node, set[int]] = {}
        for group in self.groups:
            for node in group.places:
                for read in self.fusion.reads(node):
                    readers.setdefault(read, set()).add(self.position[group.number])
        return readers

    def _make_buffers(self) -> None:
        readers = self._readers()
        self.readers = readers
        roots = {stored(node) for node in self.graph.roots}
        names = self.graph.names
        self.input_buffers = tuple(Buffer(names[node].lstrip("%"), node.spec) for node in self.graph.inputs)
        self.buffers.update(zip(self.graph.inputs, self.input_buffers, strict=True))
        for node in self.graph.nodes:
            if node.is_constant and (node.spec.size != 1 or self._read_by_opaque(node)):
                buffer = Buffer(f"c{len(self.constants)}", node.spec)
                self.constants.append((buffer, node))
                self.buffers[node] = buffer
        for group in self.groups:
            here = self.position[group.number]
            for node, place in group.places.items():
                outside = readers.get(node, set()) - {here}
                accumulates = place.level == "reduce" and group.domain.by_columns and not group.rows_only
                if group.opaque or outside or node in roots or accumulates:
                    self.buffers[node] = Buffer(names.get(node, "copy").lstrip("%"), node.spec)

    def _read_by_opaque(self, node: Node) -> bool:
        return any(node in reads for reads in self.opaque.values())

    def _update_in_place(self, last_failing: int) -> dict[Buffer, Buffer]:
        """Updates whose value may be computed straight into the input's memory: buffer of the value -> that of the
        input.

        Only steps after the last one that may fail write to inputs, so that a failed call changes nothing.
        """
        direct: dict[Buffer, Buffer] = {}
        for target, value in self.graph.updates:
            node = stored(value)
            group = self.fusion.group_of.get(node)
            if group is None or group.opaque or self.buffers[node].spec.size != target.spec.size:
                continue
            here = self.position[group.number]
            if here <= last_failing or any(reader > here for reader in self.readers.get(target, ())):
                continue
            place, phase = group.places[node], group.phases[node]
            if place.level == "reduce" or phase != max(group.phases.values()):
                continue
            aligned = all(
                access.position.substitute(group.places[member].mapping) == place.position
                and group.places[member].level == place.level
                for member in group.places
                for access in self.finder.accesses(member)
                if access.node is target
            )
            if aligned and node not in self.finder.dynamic:
                direct[self.buffers[node]] = self.buffers[target]
        return direct

    # -- steps --------------------------------------------------------------------------------------------------------

    def run(self) -> Lowered:
        """The lowered graph."""
        self._make_buffers()
        steps = self._steps()
        direct = self._update_in_place(self._last_failing_group(steps))
        if direct:
            self.buffers = {node: direct.get(buffer, buffer) for node, buffer in self.buffers.items()}
            steps = self._steps()
        commits = []
        for number, (target, value) in enumerate(self.graph.updates):
            source, destination = self.buffers[stored(value)], self.buffers[target]
            if source is not destination:
                commits.append(_copy_step(f"commit_{number}", source, destination, stored(value)))
        outputs = tuple(Output(self.buffers[stored(node)], node.shape) for node in self.graph.outputs)
        written = frozenset(
            number
            for number, node in enumerate(self.graph.inputs)
            if any(target is node for target, _ in self.graph.updates)
        )
        return Lowered(
            graph=self.graph,
            steps=tuple(steps),
            commits=tuple(commits),
            inputs=self.input_buffers,
            constants=tuple(self.constants),
            outputs=outputs,
            written=written,
            memory=self._plan(steps, commits, outputs),
            buffers=dict(self.buffers),
        )

    def _steps(self) -> list[Step]:
        return [step for number, group in enumerate(self.groups) for step in self._group_steps(number, group)]

    def _last_failing_group(self, steps: list[Step]) -> int:
        """Position of the last group that may fail (an index out of range, an error of NumPy's), -1 if none does."""
        failing = [self.fusion.group_of[step.nodes[0]] for step in steps if may_fail(step)]
        return max((self.position[group.number] for group in failing), default=-1)

    def _group_steps(self, number: int, group: Group) -> list[Step]:
        """The steps of a group: one, or two where a reduction is split."""
        step = self._step(number, group)
        if not isinstance(step, KernelStep):
            return [step]
        kernels, _ = split(step.kernel)
        return [KernelStep(replace(kernel, body=precise(kernel.body)), group) for kernel in kernels]

    def _step(self, number: int, group: Group) -> Step:
        if group.opaque:
            (node,) = group.places
            name = f"{node.operation.name}_{number}"
            reads = tuple(self.buffers[read] for read in self.opaque[node])
            writes = (self.buffers[node],)
            if is_ordered(node):
                return KernelStep(collapse(ordered_kernel(node, reads, self.buffers[node], name, number + 1)), group)
            routine = self.routines.get(node)
            if routine is None:
                return HostStep(node, reads, writes)
            scratch = tuple(Buffer(f"{name}_scratch{i}", spec) for i, spec in enumerate(routine.scratch))
            return NativeStep(node, name, routine, reads, writes, scratch)
        first = next(iter(group.places))
        name = f"{first.operation.name if len(group.places) == 1 else 'fused'}_{number}"
        kernel = KernelMaker(group, self.buffers, self.finder, name, status=number + 1).make()
        return KernelStep(unroll_columns(collapse(kernel)), group)

    def _plan(self, steps: list[Step], commits: list[KernelStep], outputs: tuple[Output, ...]) -> MemoryPlan:
        fixed = {*self.input_buffers, *(buffer for buffer, _ in self.constants), *(output.buffer for output in outputs)}
        alive: dict[Buffer, list[int]] = {}
        for number, step in enumerate((*steps, *commits)):
            scratch = step.scratch if isinstance(step, NativeStep) else ()
            for buffer in (*step.reads, *step.writes, *scratch):
                if buffer not in fixed:
                    alive.setdefault(buffer, []).append(number)
        return plan(Lifetime(buffer, numbers[0], numbers[-1]) for buffer, numbers in alive.items())


def last_failing_step(steps: Sequence[Step]) -> int:
    """Number of the last kernel that may find an index out of range, -1 if none does."""
    return max((n for n, step in enumerate(steps) if isinstance(step, KernelStep) and may_fail(step)), default=-1)


def may_fail(step: Step) -> bool:
    """Whether a step can end the run before updates may have been written."""
    return isinstance(step, HostStep) or (isinstance(step, KernelStep) and step.kernel.can_fail)


def _copy_step(name: str, source: Buffer, destination: Buffer, node: Node) -> KernelStep:
    """A kernel that copies one buffer to another."""
    size = source.spec.size
    variable = Variable("i0", size)
    domain = Domain((size,))
    position = flatten(domain.variables((0,)), (size,))
    body = Loop(variable, (Store(destination, position, Load(source, position, source.dtype)),))
    kernel = Kernel(
        name=name, body=(body,), rows=variable, reads=(source,), writes=(destination,), work=size,
        title=f"write back {destination.name}",
    )  # fmt: skip
    return KernelStep(kernel, Group(-1, domain, {node: None}))  # type: ignore[dict-item]


def lower(graph: Graph, *, use_blas: bool = True) -> Lowered:
    """Lower an optimised graph. `use_blas` is False where no BLAS can be called natively."""
    return _Lowering(graph, use_blas=use_blas).run()
