"""`Rewriter`: the loop in which local rewrites are tried on nodes until none applies."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from tracegraph.compiler.ir import Node, make
from tracegraph.compiler.ops.movement import Expand
from tracegraph.runtime.errors import GraphError

Rewrite = Callable[[Node], Node | None]
"""Gives an equal node, or None where it does not apply."""
_TURNS = 100


class Rewriter:
    """Simplifies nodes one by one, operands before users, by the rewrites that a function names for each."""

    def __init__(self, rewrites: Callable[[Node], Iterable[Rewrite]]) -> None:
        self.rewrites = rewrites
        self.done: set[Node] = set()

    def simplify(self, node: Node) -> Node:
        """The node after applying, again and again, the first rewrite that applies; nodes made thereby included.

        Raises:
            GraphError: when the rewrites go on for ever, which is a fault of theirs.
        """
        node = self._simplify_new_operands(node)
        for _ in range(_TURNS):
            for rewrite in self.rewrites(node):
                changed = rewrite(node)
                if changed is not None:
                    node = self._simplify_new_operands(changed)
                    break
            else:
                self.done.add(node)
                return node
        raise GraphError(f"the rewrites of {node} do not come to an end")

    def _simplify_new_operands(self, node: Node) -> Node:
        """Rewrites make few nodes at a time, so this goes no deeper than their right sides do."""
        if node in self.done or all(operand in self.done or operand.is_input for operand in node.operands):
            return node
        operands = tuple([o if o in self.done or o.is_input else self.simplify(o) for o in node.operands])
        return node if operands == node.operands else replace(node, operands=operands)


def expanded(value: Node, like: Node) -> Node:
    """The value, expanded to the shape of `like` if it has another."""
    if value.shape == like.shape:
        return value
    return make(Expand(like.shape), value, location=like.location, backward=like.backward)
