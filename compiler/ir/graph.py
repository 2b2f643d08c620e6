"""`Graph`: inputs, outputs and updates over nodes, with the walks and the rewriting that passes are written with."""

import importlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tracegraph.compiler.ops.base import Kind

from .description import Facts
from .dot import to_dot
from .node import Node
from .printer import to_text, value_names
from .svg import to_svg

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A pure function of its inputs, and the inputs whose memory takes a new value at the end.

    `outputs` are the values returned, `updates` pairs (input, value) written back when all is computed.
    """

    name: str
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    updates: tuple[tuple[Node, Node], ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    """Facts for people and tools (statistics of passes); never read by the compiler."""

    @property
    def roots(self) -> tuple[Node, ...]:
        """The nodes everything else is needed for: outputs, then new values of updates."""
        return self.outputs + tuple(value for _, value in self.updates)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Inputs first, then all nodes the roots need, operands before users."""
        return topological(self.roots, first=self.inputs)

    @cached_property
    def uses(self) -> Counter[Node]:
        """How often each node is an operand or a root."""
        counted: Counter[Node] = Counter(self.roots)
        for node in self.nodes:
            counted.update(node.operands)
        return counted

    @cached_property
    def users(self) -> dict[Node, list[Node]]:
        """The nodes that have a node as an operand, in order, without repetition."""
        found: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            for operand in dict.fromkeys(node.operands):
                found[operand].append(node)
        return found

    @property
    def operations(self) -> int:
        """Number of nodes that compute something."""
        return sum(node.kind is not Kind.LEAF for node in self.nodes)

    @cached_property
    def names(self) -> dict[Node, str]:
        """A short unique name per node: `%` and the input's label, or a number."""
        return value_names(self)

    def __str__(self) -> str:
        """The graph as text, large constants abbreviated; `printer.to_text` gives the text that can be parsed."""
        return to_text(self, abbreviate=True)

    def __repr__(self) -> str:
        return (
            f"<graph {self.name}: {len(self.inputs)} inputs, {self.operations} operations, {len(self.outputs)} outputs>"
        )

    def to_networkx(self, facts: Facts | None = None) -> "nx.MultiDiGraph":
        """The graph as a networkx multigraph: a node per value, an edge per operand (see `networkx_export`)."""
        # networkx takes long to import, and only this needs it.
        export: Any = importlib.import_module("tracegraph.compiler.ir.networkx_export")
        return export.to_networkx(self, facts)

    def to_dot(self, facts: Facts | None = None) -> str:
        """The graph as Graphviz source; clusters are the groups that `facts` tells (see `dot`)."""
        return to_dot(self, facts)

    def to_svg(self, facts: Facts | None = None, max_nodes: int = 300) -> str:
        """The graph as a drawing that needs no Graphviz (see `svg`)."""
        return to_svg(self, facts, max_nodes)

    def _repr_svg_(self) -> str:
        """What notebooks show."""
        return to_svg(self)

    def rewrite(self, rule: Callable[[Node, tuple[Node, ...]], Node | None]) -> "Graph":
        """The graph with each node replaced by what `rule(node, new_operands)` gives (None: keep the operation).

        Operands are replaced before their users. Inputs are kept. The result shares all unchanged nodes, and is the
        graph itself when nothing changed.
        """
        new: dict[Node, Node] = {node: node for node in self.inputs}
        for node in self.nodes:
            if node in new:
                continue
            operands = tuple([new[operand] for operand in node.operands])
            made = rule(node, operands)
            if made is None:
                made = node if operands == node.operands else replace(node, operands=operands)
            new[node] = made
        outputs = tuple([new[node] for node in self.outputs])
        updates = tuple([(target, new[value]) for target, value in self.updates])
        if outputs == self.outputs and updates == self.updates:
            return self
        return replace(self, outputs=outputs, updates=updates)


def topological(roots: Iterable[Node], first: Iterable[Node] = ()) -> tuple[Node, ...]:
    """All nodes needed for the roots, operands before users; iterative, for chains longer than the stack is deep."""
    order: dict[Node, None] = dict.fromkeys(first)
    for root in roots:
        if root in order:
            continue
        stack: list[tuple[Node, int]] = [(root, 0)]
        entered = {root}
        while stack:
            node, position = stack.pop()
            operands = node.operands
            while position < len(operands) and (operands[position] in order or operands[position] in entered):
                position += 1
            if position < len(operands):
                stack.append((node, position + 1))
                stack.append((operands[position], 0))
                entered.add(operands[position])
            else:
                order[node] = None
    return tuple(order)
