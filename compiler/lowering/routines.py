"""Native routines for operations that are neither loops nor matrix products: convolution and pooling."""

from dataclasses import dataclass

from tracegraph.compiler.ir import Node


@dataclass(frozen=True)
class Routine:
    """A call in the dialect, with `{0}`, `{1}`, ... for the buffers of the operands and the last for the result's."""

    template: str
    title: str


def routine_for(node: Node) -> Routine | None:
    """The native routine that computes the node, or None: then it is a host step."""
    native = getattr(node.operation, "native", None)
    if native is None:
        return None
    made: Routine | None = native(*[operand.spec for operand in node.operands])
    return made
