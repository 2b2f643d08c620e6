"""The steps a lowered graph consists of, in the order in which they run."""

from dataclasses import dataclass, field

from tracegraph.compiler.ir import Graph, Node
from tracegraph.compiler.loop_ir import Buffer, Kernel
from tracegraph.compiler.lowering.fusion import Group
from tracegraph.compiler.lowering.memory import MemoryPlan
from tracegraph.compiler.lowering.routines import Routine


@dataclass(frozen=True)
class KernelStep:
    """A kernel made by fusion."""

    kernel: Kernel
    group: Group

    @property
    def reads(self) -> tuple[Buffer, ...]:
        """Buffers read."""
        return self.kernel.reads

    @property
    def writes(self) -> tuple[Buffer, ...]:
        """Buffers written."""
        return self.kernel.writes

    @property
    def nodes(self) -> list[Node]:
        """The nodes computed."""
        return self.group.nodes


@dataclass(frozen=True)
class NativeStep:
    """A native routine: kernels and lines of `main` written out (see `routines`)."""

    node: Node
    name: str
    routine: Routine
    reads: tuple[Buffer, ...]
    writes: tuple[Buffer, ...]
    scratch: tuple[Buffer, ...] = ()

    @property
    def nodes(self) -> list[Node]:
        """The node computed."""
        return [self.node]


@dataclass(frozen=True)
class HostStep:
    """An operation without native lowering: the program calls its `evaluate`."""

    node: Node
    reads: tuple[Buffer, ...]
    writes: tuple[Buffer, ...]

    @property
    def nodes(self) -> list[Node]:
        """The node computed."""
        return [self.node]


Step = KernelStep | NativeStep | HostStep


@dataclass(frozen=True)
class Output:
    """An array the program returns: which buffer holds it, in which shape."""

    buffer: Buffer
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Lowered:
    """A graph as steps over buffers, ready for code generation."""

    graph: Graph
    steps: tuple[Step, ...]
    commits: tuple[KernelStep, ...]
    """Kernels that write updates back to inputs, run when nothing has failed."""
    inputs: tuple[Buffer, ...]
    constants: tuple[tuple[Buffer, Node], ...]
    outputs: tuple[Output, ...]
    written: frozenset[int]
    """Numbers of the inputs that the program writes to."""
    memory: MemoryPlan
    buffers: dict[Node, Buffer] = field(default_factory=dict)
    """The buffer of every stored node."""
