"""The exports to networkx, DOT and SVG are complete, well-formed and quoted."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings

from tests.strategies import GraphExample, graphs
from tracegraph.compiler.ir import Graph, Node, constant, make, parse, to_dot, to_svg
from tracegraph.compiler.ir.description import FILL
from tracegraph.compiler.ir.layout import layered
from tracegraph.compiler.ir.networkx_export import to_networkx
from tracegraph.compiler.ops.arithmetic import ADD, NEGATIVE
from tracegraph.compiler.ops.base import Kind
from tracegraph.compiler.ops.leaves import Input
from tracegraph.compiler.ops.spec import Spec

STEP = parse(
    """
    graph step(%x: float32[64, 784], %model.weight: float32[784, 10]) {
      %0 = matmul(%x, %model.weight)                  # model.py:12
      %1 = constant(0.5)
      %2 = multiply(%0, %1)                # model.py:13
      %3 = subtract(%2, %2)                # backward of model.py:13
      %4 = sum(%3, dims=(0,))
      %5 = negative(%model.weight)
      update %model.weight = %5
      return %4, %2
    }
    """
)
ODD = 'a "quoted" <b> & \\ name\nwith lines {and} | bars'


def by_operation(graph: Graph, name: str) -> Node:
    return next(node for node in graph.nodes if node.operation.name == name)


FACTS: dict[Node, dict[str, Any]] = {
    by_operation(STEP, "multiply"): {"group": "kernel 1", "buffer": "arena", "offset": 128},
    by_operation(STEP, "subtract"): {"group": "kernel 1"},
    by_operation(STEP, "sum"): {"group": ODD},
}


def test_networkx() -> None:
    made = to_networkx(STEP, FACTS)
    assert nx.is_directed_acyclic_graph(made)
    assert list(made) == list(STEP.names.values())
    multiply = STEP.names[by_operation(STEP, "multiply")]
    told = made.nodes[multiply]
    assert told["operation"] == "multiply"
    assert told["shape"] == (64, 10)
    assert (told["dtype"], told["kind"]) == ("float32", "pointwise")
    assert (told["file"], told["line"], told["backward"]) == ("model.py", 13, False)
    assert (told["output"], told["updates"]) == ([1], None)
    assert (told["group"], told["buffer"], told["offset"]) == ("kernel 1", "arena", 128)
    subtract = STEP.names[by_operation(STEP, "subtract")]
    assert made.nodes[subtract]["backward"]
    assert sorted(made.get_edge_data(multiply, subtract)[key]["position"] for key in (0, 1)) == [0, 1]
    assert made.nodes[STEP.names[by_operation(STEP, "sum")]]["attributes"] == {"dims": (0,)}
    assert made.nodes[STEP.names[by_operation(STEP, "negative")]]["updates"] == "%model.weight"
    assert made.graph["inputs"] == ["%x", "%model.weight"]
    assert made.graph["updates"] == [("%model.weight", STEP.names[by_operation(STEP, "negative")])]


@given(example=graphs())
def test_networkx_has_every_operand(example: GraphExample) -> None:
    made = to_networkx(example.graph)
    assert made.number_of_nodes() == len(example.graph.nodes)
    assert made.number_of_edges() == sum(len(node.operands) for node in example.graph.nodes)
    for node in example.graph.nodes:
        name = example.graph.names[node]
        edges = sorted(made.in_edges(name, data="position"), key=lambda edge: edge[2])
        assert [source for source, _, _ in edges] == [example.graph.names[operand] for operand in node.operands]


_DOT_TOKEN = re.compile(r'\s+|"(?:[^"\\]|\\.)*"|->|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|[{}\[\];=,]')


def check_dot(source: str) -> None:
    """Every character belongs to a token of the DOT language, brackets nest, every edge joins declared nodes."""
    tokens = []
    position = 0
    while position < len(source):
        match = _DOT_TOKEN.match(source, position)
        assert match, source[position : position + 40]
        position = match.end()
        if not match.group().isspace():
            tokens.append(match.group())
    assert tokens[0] == "digraph"
    open_brackets = []
    for token in tokens:
        if token in "{[":
            open_brackets.append(token)
        elif token in "}]":
            assert open_brackets.pop() + token in ("{}", "[]")
    assert not open_brackets
    declared = {a for a, b in pairwise(tokens) if b == "[" and a not in ("node", "edge")}
    for place, token in enumerate(tokens):
        if token == "->":
            assert {tokens[place - 1], tokens[place + 1]} <= declared


def test_dot() -> None:
    source = to_dot(STEP, FACTS)
    check_dot(source)
    assert source.count("subgraph cluster_") == 2
    assert 'label="multiply (·, 0.5)\\nfloat32[64, 10]\\nbuffer arena offset 128\\nmodel.py:13"' in source
    assert "update model.weight" in source
    assert "output 0" in source
    assert "dashed" in source


@given(example=graphs())
def test_dot_is_well_formed_for_random_graphs(example: GraphExample) -> None:
    check_dot(to_dot(example.graph, {node: {"group": ODD} for node in example.graph.nodes[1:]}))


def odd_graph() -> Graph:
    x = make(Input(0, Spec((2,), np.dtype("float32")), ODD), location=(ODD, 1))
    big = constant(np.arange(2000, dtype=np.float32).reshape(1000, 2))
    return Graph(ODD, (x,), (make(ADD, x, big, location=(ODD, 2)), big))


def test_odd_names_and_large_constants() -> None:
    check_dot(to_dot(odd_graph(), {odd_graph().outputs[0]: {"group": ODD}}))
    assert len(to_dot(odd_graph())) < 3000
    assert len(to_svg(odd_graph())) < 6000
    ET.fromstring(to_svg(odd_graph()))


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws_it() -> None:
    for graph in (STEP, odd_graph()):
        facts = FACTS if graph is STEP else None
        done = subprocess.run(["dot", "-Tsvg"], input=to_dot(graph, facts), capture_output=True, text=True, check=True)
        assert not done.stderr
        assert "<svg" in done.stdout


def texts(svg: str) -> list[str]:
    root = ET.fromstring(svg)
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_every_kind_has_a_colour() -> None:
    assert FILL.keys() == set(Kind)


def test_svg() -> None:
    shown = texts(to_svg(STEP, FACTS))
    for text in ("matmul", "float32[64, 10] · model.py:12", "multiply (·, 0.5)", "kernel 1", "sum (0,)", "output 1"):
        assert text in shown
    assert "update model.weight" in shown
    assert "more nodes" not in "".join(shown)


def test_svg_says_what_is_left_out() -> None:
    (x,) = parse("graph f(%x: float32[2]) { return %x }").inputs
    node = x
    for _ in range(50):
        node = make(NEGATIVE, node)
    graph = Graph("chain", (x,), (node,))
    assert "41 more nodes are not drawn" in texts(to_svg(graph, max_nodes=10))
    assert len([text for text in texts(to_svg(graph)) if text == "negative"]) == 50


@given(example=graphs(max_nodes=25))
@settings(max_examples=20)
def test_svg_boxes_do_not_overlap(example: GraphExample) -> None:
    root = ET.fromstring(to_svg(example.graph))
    boxes = [
        [float(rect.get(key, 0)) for key in ("x", "y", "width", "height")]
        for group in root.iter("{http://www.w3.org/2000/svg}g")
        for rect in group.findall("{http://www.w3.org/2000/svg}rect")[:1]
    ]
    assert len(boxes) >= len(example.graph.inputs)
    for place, (x, y, width, height) in enumerate(boxes):
        assert x >= 0
        assert x + width <= float(root.get("width", 0))
        assert y + height <= float(root.get("height", 0))
        for other_x, other_y, other_width, _ in boxes[place + 1 :]:
            assert abs(y - other_y) > height or x + width <= other_x or other_x + other_width <= x


def test_layout() -> None:
    made = layered([50, 50, 50, 50, 50], [(0, 2), (1, 3), (2, 4), (3, 4), (0, 4)])
    assert made.row == [0, 0, 1, 1, 2]
    assert (made.x[0] < made.x[1]) == (made.x[2] < made.x[3]), "edges 0-2 and 1-3 need not cross"
    assert [row for _, row in made.routes[4]] == [0, 1, 2]
    crossing = layered([50] * 4, [(0, 3), (1, 2)])
    assert (crossing.x[0] < crossing.x[1]) == (crossing.x[3] < crossing.x[2])
    assert layered([], []).routes == []
