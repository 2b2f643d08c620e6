"""`Node`: one value in a graph, made by an operation from other nodes. Immutable, compared by identity, checked when made."""

from dataclasses import dataclass
from typing import Any

from tracegraph.compiler.ops.base import Kind, Operation
from tracegraph.compiler.ops.leaves import Constant, Input
from tracegraph.compiler.ops.spec import Spec

Location = tuple[str, int]
"""File and line of the user's code that a node came from."""


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Node:
    """One value: an operation, the nodes it takes, and the shape and dtype it gives."""

    operation: Operation
    operands: tuple["Node", ...]
    spec: Spec
    location: Location | None = None
    backward: bool = False
    """Made by a gradient rule; the location is then that of the forward operation."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.spec.shape

    @property
    def dtype(self) -> Any:
        """Dtype of the value."""
        return self.spec.dtype

    @property
    def kind(self) -> Kind:
        """Lowering kind of the operation."""
        return self.operation.kind

    @property
    def is_constant(self) -> bool:
        """Whether the value is known."""
        return isinstance(self.operation, Constant)

    @property
    def is_input(self) -> bool:
        """Whether the value comes from outside."""
        return isinstance(self.operation, Input)

    def key(self) -> tuple[Any, ...]:
        """What makes two nodes interchangeable: equal operation and identical operands."""
        return (self.operation, *map(id, self.operands))

    def __repr__(self) -> str:
        return f"<{self.operation} : {self.spec}>"


def make(operation: Operation, *operands: Node, location: Location | None = None, backward: bool = False) -> Node:
    """A node, with its spec inferred; an operation that does not fit its operands raises here."""
    return Node(operation, operands, operation.infer(*[o.spec for o in operands]), location, backward)


def constant(value: Any, dtype: Any = None) -> Node:
    """A node for a known value."""
    operation = Constant.of(value, dtype)
    return Node(operation, (), operation.spec)
