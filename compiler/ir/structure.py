"""When two graphs are the same: `structurally_equal(a, b)`, and `structural_key(graph)`, a name for the structure."""

import hashlib
from collections.abc import Hashable

from .graph import Graph
from .node import operation_key

Structure = tuple[tuple[tuple[Hashable, ...], ...], tuple[int, ...], tuple[tuple[int, int], ...]]


def structure(graph: Graph) -> Structure:
    """All that determines what the graph computes: a row per node (operation, operands' numbers), outputs, updates.

    The names of the graph and of its inputs, locations, backward flags and notes are left out.
    """
    numbers = {node: number for number, node in enumerate(graph.nodes)}
    rows = tuple(
        ("input", str(node.spec))
        if node.is_input
        else (operation_key(node.operation), *[numbers[operand] for operand in node.operands])
        for node in graph.nodes
    )
    outputs = tuple(numbers[node] for node in graph.outputs)
    return rows, outputs, tuple((numbers[target], numbers[value]) for target, value in graph.updates)


def structurally_equal(a: Graph, b: Graph) -> bool:
    """Whether two graphs compute the same by the same operations; see `structure` for what does not count."""
    return a is b or structure(a) == structure(b)


def structural_key(graph: Graph) -> str:
    """A hexadecimal SHA-256 of the structure: equal for structurally equal graphs, in every process."""
    return hashlib.sha256(repr(structure(graph)).encode()).hexdigest()
