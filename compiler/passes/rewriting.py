"""`apply_until_stable`: the loop in which local rewrites are tried on a node."""

from collections.abc import Callable, Iterable

from tracegraph.compiler.ir import Node, make
from tracegraph.compiler.ops.movement import Expand
from tracegraph.runtime.errors import GraphError

Rewrite = Callable[[Node], Node | None]
"""Gives an equal node, or None where it does not apply."""
_TURNS = 100


def apply_until_stable(node: Node, rewrites: Callable[[Node], Iterable[Rewrite]]) -> Node:
    """The node after applying, again and again, the first of `rewrites(node)` that applies.

    Raises:
        GraphError: when the rewrites go on for ever, which is a fault of theirs.
    """
    for _ in range(_TURNS):
        for rewrite in rewrites(node):
            changed = rewrite(node)
            if changed is not None:
                node = changed
                break
        else:
            return node
    raise GraphError(f"the rewrites of {node} do not come to an end")


def expanded(value: Node, like: Node) -> Node:
    """The value, expanded to the shape of `like` if it has another."""
    if value.shape == like.shape:
        return value
    return make(Expand(like.shape), value, location=like.location, backward=like.backward)
