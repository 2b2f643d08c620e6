"""`to_networkx(graph)`: the graph for the algorithms, drawings and file formats of networkx."""

from typing import TYPE_CHECKING, Any

import networkx as nx

from .description import Facts, operation_label
from .node import Node

if TYPE_CHECKING:
    from .graph import Graph


def to_networkx(graph: "Graph", facts: Facts | None = None) -> "nx.MultiDiGraph":
    """A directed multigraph with a node per value and an edge per operand.

    Nodes are the names of the values in the text form (`%x`, `%0`), operands before users, with the attributes
    `label`, `operation`, `attributes` (a dict), `shape`, `dtype`, `kind`, `file`, `line`, `backward`, `output`
    (positions among the outputs), `updates` (the name of the input it is written to, or None) and all that `facts`
    tells of the node. Edges run from operand to user with the attribute `position` (0 is the first operand). The graph
    has `name`, `inputs`, `outputs` and `updates`.

    >>> from tracegraph.compiler.ir import parse
    >>> made = to_networkx(parse("graph f(%x: float32[3]) { %0 = add(%x, %x) return %0 }"))
    >>> list(made.edges(data="position"))
    [('%x', '%0', 0), ('%x', '%0', 1)]
    """
    names = graph.names
    written = {value: names[target] for target, value in graph.updates}
    made = nx.MultiDiGraph(
        name=graph.name,
        inputs=[names[node] for node in graph.inputs],
        outputs=[names[node] for node in graph.outputs],
        updates=[(names[target], names[value]) for target, value in graph.updates],
    )
    for node in graph.nodes:
        made.add_node(
            names[node], **_attributes(node, names[node], graph, written), **dict((facts or {}).get(node, {}))
        )
    for node in graph.nodes:
        for position, operand in enumerate(node.operands):
            made.add_edge(names[operand], names[node], position=position)
    return made


def _attributes(node: Node, name: str, graph: "Graph", written: dict[Node, str]) -> dict[str, Any]:
    file, line = node.location or (None, None)
    return {
        "label": operation_label(node, name),
        "operation": node.operation.name,
        "attributes": node.operation.attributes(),
        "shape": node.shape,
        "dtype": node.dtype.name,
        "kind": node.kind.value,
        "file": file,
        "line": line,
        "backward": node.backward,
        "output": [position for position, output in enumerate(graph.outputs) if output is node],
        "updates": written.get(node),
    }
