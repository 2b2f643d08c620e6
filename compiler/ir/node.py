"""`Node`: one value in a graph, made by an operation from other nodes. Immutable, compared by identity."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

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

    def key(self) -> tuple[Hashable, ...]:
        """What makes nodes interchangeable: the same operation and identical operands, in any order if it commutes."""
        operands = [id(operand) for operand in self.operands]
        if getattr(self.operation, "commutative", False):
            operands.sort()
        return (*operation_key(self.operation), *operands)

    def __repr__(self) -> str:
        return f"<{self.operation} : {self.spec}>"


def operation_key(operation: Operation) -> tuple[Hashable, ...]:
    """A tuple equal for two operations exactly when they and all their attributes are the same, to the bit."""
    fields = operation.__dataclass_fields__
    if not fields:
        return (operation.name,)
    return (operation.name, *[exact(getattr(operation, name)) for name in fields])


def exact(value: Any) -> Hashable:
    """The attribute in a form equal only for the same: 1, 1.0 and True differ, so do 0.0 and -0.0; NaN is NaN."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, tuple):
        return tuple([exact(element) for element in value])
    if isinstance(value, float):
        return ("float", value.hex())
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, Operation):
        return operation_key(value)
    return value  # type: ignore[no-any-return]


def make(operation: Operation, *operands: Node, location: Location | None = None, backward: bool = False) -> Node:
    """A node, with its spec inferred; an operation that does not fit its operands raises here."""
    return Node(operation, operands, operation.infer(*[o.spec for o in operands]), location, backward)


def constant(value: Any, dtype: Any = None) -> Node:
    """A node for a known value."""
    operation = Constant.of(value, dtype)
    return Node(operation, (), operation.spec)
