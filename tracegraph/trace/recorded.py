"""What a recorder takes down: tensors with memory of their own, views of them, decisions, reasons against replaying."""

from dataclasses import dataclass

from tracegraph.compiler.ir import Node
from tracegraph.compiler.ops.base import Operation
from tracegraph.tensor import Tensor
from tracegraph.trace.sources import Source

BEYOND = 1 << 63
"""The least whole number that int64 cannot hold."""
COPYING = ("item()", "tolist()")
"""Ways in which a value goes to Python that leave no way to change the tensor."""


@dataclass(eq=False)
class Root:
    """A tensor with memory of its own: its value now, and where it came from if it existed before the call."""

    tensor: Tensor
    node: Node
    source: Source | None = None
    initial: Node | None = None
    stamp: int = 0
    """Number of in-place changes so far."""

    @property
    def external(self) -> bool:
        """Whether the tensor existed before the call."""
        return self.source is not None

    @property
    def written(self) -> bool:
        """Whether a tensor from outside has a new value."""
        return self.external and self.node is not self.initial


@dataclass(eq=False)
class View:
    """A tensor that shares the memory of another: the operation that made it (None for an alias)."""

    tensor: Tensor
    parent: "Entry"
    operation: Operation | None
    node: Node
    stamp: int

    @property
    def root(self) -> Root:
        """The tensor that owns the memory."""
        entry: Entry = self
        while isinstance(entry, View):
            entry = entry.parent
        return entry


Entry = Root | View


@dataclass(frozen=True)
class Decision:
    """A value that Python asked for to decide how to go on: `outcome` is what it was in the recorded call."""

    node: Node
    outcome: int
    how: str
    location: tuple[str, int] | None


@dataclass(frozen=True)
class Reason:
    """Why a call cannot be replayed, with the user's file and line."""

    text: str
    filename: str = ""
    line: int = 0

    def __str__(self) -> str:
        if not self.filename or f":{self.line}" in self.text:
            return self.text
        return f"{self.text} ({self.filename}:{self.line})"
