"""`optimise` runs, records and verifies; long and wide graphs go through everything without recursion."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest

from tests.strategies import same_values
from tracegraph.compiler.ir import (
    Graph,
    Node,
    constant,
    evaluate,
    make,
    parse,
    structurally_equal,
    to_dot,
    to_svg,
    to_text,
    verify,
)
from tracegraph.compiler.ir.networkx_export import to_networkx
from tracegraph.compiler.ops.arithmetic import ADD, MULTIPLY, NEGATIVE
from tracegraph.compiler.ops.leaves import Input
from tracegraph.compiler.ops.movement import Reshape
from tracegraph.compiler.ops.spec import Spec
from tracegraph.compiler.passes import Pass
from tracegraph.compiler.passes.rewriting import Rewriter
from tracegraph.compiler.pipeline import PASSES, ROUNDS, PassRecord, optimise
from tracegraph.runtime.errors import GraphError

TEXT = """
graph f(%x: float32[4], %y: float32[4]) {
  %0 = constant(2.0)
  %1 = multiply(%0, %x)
  %2 = multiply(%x, %0)
  %3 = copy(%1)
  %4 = add(%3, %2)
  %5 = power(%4, %0)
  return %5
}
"""


def test_golden() -> None:
    changed, _ = optimise(parse(TEXT), strict=True)
    assert str(changed) == (
        "graph f(%x: float32[4], %y: float32[4]) {\n"
        "  %0 = constant(2.0) : float32[]\n"
        "  %1 = multiply(%x, %0) : float32[4]\n"
        "  %2 = add(%1, %1) : float32[4]\n"
        "  %3 = square(%2) : float32[4]\n"
        "  return %3\n"
        "}\n"
    )


def test_records() -> None:
    seen: list[PassRecord] = []
    graph = parse(TEXT)
    changed, records = optimise(graph, observe=seen.append)
    assert seen == records
    assert records[0].before_nodes == len(graph.nodes)
    assert records[-1].after_nodes == len(changed.nodes)
    assert [record.name for record in records[: len(PASSES)]] == [step.name for step in PASSES]
    assert not any(record.changed for record in records[-len(PASSES) :])
    assert len(records) <= ROUNDS * len(PASSES)
    assert all(record.seconds >= 0 for record in records)
    assert "no change" in str(records[-1])
    assert "nodes" in str(records[0])


def test_nothing_to_do_gives_the_same_graph() -> None:
    changed, _ = optimise(parse(TEXT))
    assert optimise(changed)[0] is changed


@dataclass(frozen=True)
class Wrong:
    """A pass that forgets to change the type."""

    name: str = "wrong"

    def __call__(self, graph: Graph) -> Graph:
        return graph.rewrite(
            lambda node, operands: dataclasses.replace(node, spec=Spec((7,), node.dtype)) if operands else None
        )


def test_a_wrong_pass_is_named() -> None:
    with pytest.raises(GraphError, match=r"graph f after wrong: .* has type"):
        optimise(parse(TEXT), passes=[Wrong()], strict=True)


def test_endless_rewrites_are_an_error() -> None:
    (x,) = parse("graph f(%x: int8[2]) { return %x }").inputs
    rewriter = Rewriter(lambda node: [lambda node: make(Reshape(node.shape), x)])
    with pytest.raises(GraphError, match="do not come to an end"):
        rewriter.simplify(make(NEGATIVE, x))


def chain(length: int) -> Graph:
    x = make(Input(0, Spec((3,), np.dtype("float64")), "x"))
    node: Node = x
    for number in range(length):
        other = constant(number % 5 / 4) if number % 3 else x
        node = make((ADD, MULTIPLY)[number % 2], node, other) if number % 4 else make(NEGATIVE, node)
    return Graph("chain", (x,), (node,))


def test_long_chains_pass_through_everything() -> None:
    graph = chain(5000)
    verify(graph)
    changed, _ = optimise(graph, strict=True)
    array = np.array([0.5, -1.0, 2.0])
    assert same_values(evaluate(graph, [array])[0][0], evaluate(changed, [array])[0][0])
    assert structurally_equal(parse(to_text(changed)), changed)
    assert to_networkx(changed).number_of_nodes() == len(changed.nodes)
    assert to_dot(changed).count("->") >= len(changed.nodes) - len(changed.inputs) - 10
    assert "more nodes" in to_svg(changed)


@pytest.mark.parametrize("step", PASSES, ids=lambda step: step.name)
def test_an_empty_graph(step: Pass) -> None:
    graph = Graph("empty", (), ())
    assert step(graph) is graph
