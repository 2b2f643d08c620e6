"""`MergeCommon`: computes equal things once."""

from collections.abc import Hashable
from dataclasses import dataclass, replace

from tracegraph.compiler.ir import Graph, Node


@dataclass(frozen=True)
class MergeCommon:
    """Nodes of the same operation on the same operands become one (common subexpression elimination).

    Before:
        graph f(%x: float32[4], %y: float32[4]) {
          %0 = add(%x, %y) : float32[4]
          %1 = add(%y, %x) : float32[4]
          %2 = multiply(%0, %1) : float32[4]
          return %2
        }

    After:
        graph f(%x: float32[4], %y: float32[4]) {
          %0 = add(%x, %y) : float32[4]
          %1 = multiply(%0, %0) : float32[4]
          return %1
        }

    The node met first stays, with its location. Attributes and constants are compared to the bit. Random numbers are
    functions of the generator's state, an operand, so equal draws are equal.
    """

    name: str = "cse"

    def __call__(self, graph: Graph) -> Graph:
        """The graph with equal nodes merged."""
        first: dict[tuple[Hashable, ...], Node] = {}

        def merge(node: Node, operands: tuple[Node, ...]) -> Node:
            made = node if operands == node.operands else replace(node, operands=operands)
            return first.setdefault(made.key(), made)

        return graph.rewrite(merge)
