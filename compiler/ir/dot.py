"""`to_dot(graph)`: the graph in the language of Graphviz; kernels are drawn as clusters where fusion groups are known."""

from collections import defaultdict
from typing import Any

from .description import Facts, fill, group, operation_label, place
from .graph import Graph
from .node import Node

_HEAD = """  rankdir=TB;
  fontname="Helvetica";
  node [shape=box, style="filled,rounded", fontname="Helvetica", fontsize=11, color="#5f6368", margin="0.12,0.06"];
  edge [color="#5f6368", fontname="Helvetica", fontsize=9, arrowsize=0.7];"""


def to_dot(graph: Graph, facts: Facts | None = None) -> str:
    """The graph as Graphviz source; render it with `dot -Tsvg`.

    Boxes are coloured by kind and show operation, attributes, type and place in the user's code; backward nodes have a
    dashed border. Inputs and outputs are ovals; an update is a dotted edge back to the input it writes. Constants used
    several times are drawn at each use.

    Args:
        graph: What to draw.
        facts: Per node, what later stages know: nodes of equal `group` stand in one cluster; `buffer` and `offset` are
            added to the label.

    >>> from tracegraph.compiler.ir import parse
    >>> print(to_dot(parse("graph f(%x: float32[3]) { %0 = negative(%x) return %0 }")).splitlines()[0])
    digraph "f" {
    """
    identifiers = {node: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = [f"digraph {_quote(graph.name)} {{", _HEAD]
    clusters: dict[Any, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        if not node.is_constant:
            clusters[group(node, facts)].append(node)
    for number, (name, members) in enumerate(clusters.items()):
        indent = "  " if name is None else "    "
        if name is not None:
            lines += [f"  subgraph cluster_{number} {{", f'    label={_quote(str(name))}; style="rounded"; color="#9aa0a6";']
        lines += [indent + _box(node, graph, identifiers, facts) for node in members]
        if name is not None:
            lines.append("  }")
    lines += _edges(graph, identifiers)
    lines += _results(graph, identifiers)
    return "\n".join([*lines, "}"]) + "\n"


def _box(node: Node, graph: Graph, identifiers: dict[Node, str], facts: Facts | None) -> str:
    told = (facts or {}).get(node, {})
    memory = " ".join(f"{key} {told[key]}" for key in ("buffer", "offset") if key in told)
    label = "\n".join(filter(None, [operation_label(node, graph.names[node]), str(node.spec), memory, place(node)]))
    extra = ', shape=oval, style="filled"' if node.is_input else ""
    if node.backward:
        extra += ', style="filled,rounded,dashed"'
    tip = graph.names[node]
    return f'{identifiers[node]} [label={_quote(label)}, fillcolor="{fill(node)}", tooltip={_quote(tip)}{extra}];'


def _edges(graph: Graph, identifiers: dict[Node, str]) -> list[str]:
    lines = []
    for node in graph.nodes:
        for position, operand in enumerate(node.operands):
            source = identifiers[operand]
            if operand.is_constant:
                source = f"{identifiers[node]}_{position}"
                lines.append(_constant(operand, source))
            label = f' [label="{position}"]' if len(node.operands) > 1 else ""
            lines.append(f"  {source} -> {identifiers[node]}{label};")
    return lines


def _results(graph: Graph, identifiers: dict[Node, str]) -> list[str]:
    lines = []
    roots = [*graph.outputs, *[value for _, value in graph.updates]]
    lines += [_constant(node, identifiers[node]) for node in dict.fromkeys(roots) if node.is_constant]
    for number, node in enumerate(graph.outputs):
        label = "output" if len(graph.outputs) == 1 else f"output {number}"
        lines.append(f'  out{number} [label="{label}", shape=oval, style="filled", fillcolor="#ffffff", penwidth=2];')
        lines.append(f"  {identifiers[node]} -> out{number};")
    for target, value in graph.updates:
        edge = f"{identifiers[value]} -> {identifiers[target]}"
        lines.append(f'  {edge} [style=dotted, label="update", constraint=false];')
    return lines


def _constant(node: Node, identifier: str) -> str:
    label = operation_label(node, "") + (f"\n{node.spec}" if node.shape else "")
    return f'  {identifier} [label={_quote(label)}, shape=plaintext, style="", fontsize=10];'


def _quote(text: str) -> str:
    """A quoted string of the DOT language; newlines are written as it wants them."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
