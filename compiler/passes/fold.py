"""`FoldConstants`: computes what is known before the graph runs."""

from dataclasses import dataclass, replace

import numpy as np

from tracegraph.compiler.ir import Graph, Node
from tracegraph.compiler.ir.known import known
from tracegraph.compiler.ops.base import Kind
from tracegraph.compiler.ops.leaves import Constant
from tracegraph.compiler.ops.movement import Expand

_NEVER = (Kind.LEAF, Kind.HOST)


@dataclass(frozen=True)
class FoldConstants:
    """Nodes whose operands are all known become constants, computed by the operation's own `evaluate`.

    Before:
        graph f(%x: float32[2, 3]) {
          %0 = constant([1.0, 2.0, 3.0]) : float32[3]
          %1 = constant(2.0) : float32[]
          %2 = multiply(%0, %1) : float32[3]
          %3 = sum(%2, dims=(0,)) : float32[]
          %4 = add(%x, %3) : float32[2, 3]
          return %4
        }

    After:
        graph f(%x: float32[2, 3]) {
          %0 = constant(12.0) : float32[]
          %1 = add(%x, %0) : float32[2, 3]
          return %1
        }

    A result of equal elements becomes an expanded 0-d constant. Not folded: results of more than `limit` elements,
    operations that run on the host, and those whose shape depends on values.
    """

    limit: int = 4096
    name: str = "fold"

    def __call__(self, graph: Graph) -> Graph:
        """The graph with what is known computed."""
        values: dict[Node, np.ndarray] = {}

        def fold(node: Node, operands: tuple[Node, ...]) -> Node | None:
            if isinstance(node.operation, Constant):
                values[node] = node.operation.value
                return node
            if node.kind in _NEVER or node.spec.size > self.limit or node.operation.data_dependent:
                return None
            if any(operand not in values for operand in operands):
                return None
            if isinstance(node.operation, Expand) and operands[0].is_constant and operands[0].shape == ():
                made = node if operands == node.operands else replace(node, operands=operands)
                values[made] = np.broadcast_to(values[operands[0]], node.shape)
                return made
            with np.errstate(all="ignore"):
                array = node.operation.evaluate(np, *[np.asarray(values[operand], order="C") for operand in operands])
            made = known(array, node.dtype, like=node)
            values[made] = np.asarray(array, node.dtype)
            return made

        return graph.rewrite(fold)
