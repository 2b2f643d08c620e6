"""`to_dot(graph)`: the graph in the language of Graphviz; fusion groups are drawn as clusters where they are known."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from .description import Facts, fill, group, label_with_constants, place, results
from .node import Node

if TYPE_CHECKING:
    from .graph import Graph

_HEAD = """  rankdir=TB;
  fontname="Helvetica";
  node [shape=box, style="filled,rounded", fontname="Helvetica", fontsize=11, color="#5f6368", margin="0.12,0.06"];
  edge [color="#5f6368", fontname="Helvetica", fontsize=9, arrowsize=0.7];"""


def to_dot(graph: "Graph", facts: Facts | None = None) -> str:
    """The graph as Graphviz source; render it with `dot -Tsvg`.

    Boxes are coloured by kind and show operation, attributes, known operands, type and place in the user's code;
    backward nodes have a dashed border. Ovals are inputs, outputs and updates. Edges of operations that do not commute
    have the position of the operand.

    Args:
        graph: What to draw.
        facts: Per node, what later stages know: nodes of equal `group` stand in one cluster; `buffer` and `offset` are
            added to the label.

    >>> from tracegraph.compiler.ir import parse
    >>> print(to_dot(parse("graph f(%x: float32[3]) { %0 = negative(%x) return %0 }")).splitlines()[0])
    digraph "f" {
    """
    drawn = [node for node in graph.nodes if not node.is_constant or node in graph.roots]
    identifiers = {node: f"n{number}" for number, node in enumerate(drawn)}
    clusters: dict[Any, list[Node]] = defaultdict(list)
    for node in drawn:
        clusters[group(node, facts)].append(node)
    lines = [f"digraph {_quote(graph.name)} {{", _HEAD]
    for number, (name, members) in enumerate(clusters.items()):
        boxes = [f"{identifiers[node]} {_box(node, graph, facts)}" for node in members]
        if name is None:
            lines += [f"  {box}" for box in boxes]
        else:
            lines += [
                f"  subgraph cluster_{number} {{",
                f'    label={_quote(str(name))}; style="rounded"; color="#9aa0a6";',
            ]
            lines += [*[f"    {box}" for box in boxes], "  }"]
    lines += _edges(drawn, identifiers)
    lines += _results(graph, identifiers)
    return "\n".join([*lines, "}"]) + "\n"


def _box(node: Node, graph: "Graph", facts: Facts | None) -> str:
    told = (facts or {}).get(node, {})
    memory = " ".join(f"{key} {told[key]}" for key in ("buffer", "offset") if key in told)
    title = label_with_constants(node, graph.names[node])
    label = "\n".join(filter(None, [title, str(node.spec), memory, place(node)]))
    extra = ', shape=oval, style="filled"' if node.is_input else ""
    if node.backward:
        extra = ', style="filled,rounded,dashed"'
    return f'[label={_quote(label)}, fillcolor="{fill(node)}", tooltip={_quote(graph.names[node])}{extra}];'


def _edges(drawn: list[Node], identifiers: dict[Node, str]) -> list[str]:
    lines = []
    for node in drawn:
        ordered = len(node.operands) > 1 and not getattr(node.operation, "commutative", False)
        for position, operand in enumerate(node.operands):
            if operand in identifiers:
                label = f' [label="{position}"]' if ordered else ""
                lines.append(f"  {identifiers[operand]} -> {identifiers[node]}{label};")
    return lines


def _results(graph: "Graph", identifiers: dict[Node, str]) -> list[str]:
    lines = []
    for number, (title, root) in enumerate(results(graph.outputs, graph.updates, graph.names)):
        oval = 'shape=oval, style="filled", fillcolor="#ffffff", penwidth=2'
        lines.append(f"  r{number} [label={_quote(title)}, {oval}];")
        lines.append(f"  {identifiers[root]} -> r{number};")
    return lines


def _quote(text: str) -> str:
    """A quoted string of the DOT language; newlines are written as it wants them."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
