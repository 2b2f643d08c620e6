"""`verify` accepts what is right and names what is wrong."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from tests.strategies import GraphExample, graphs
from tracegraph.compiler.ir import Graph, Node, parse, verify
from tracegraph.compiler.ops.leaves import Constant, Input
from tracegraph.compiler.ops.spec import Spec
from tracegraph.runtime.errors import GraphError

FLOAT = np.dtype("float32")
TEXT = """
graph f(%x: float32[3], %w: float32[3]) {
  %0 = add(%x, %w)  # model.py:7
  %1 = constant([1.0, 2.0, 3.0])
  %2 = multiply(%0, %1)  # model.py:8
  update %w = %2
  return %0
}
"""


def broken(**changes: Any) -> Graph:
    return dataclasses.replace(parse(TEXT), **changes)


def with_output(node: Node) -> Graph:
    return broken(outputs=(node,))


@given(example=graphs())
def test_random_graphs_are_right(example: GraphExample) -> None:
    assert verify(example.graph) is example.graph
    assert verify(example.graph, strict=False) is example.graph


def test_a_wrong_type_is_found_by_the_strict_mode_only() -> None:
    graph = parse(TEXT)
    wrong = with_output(dataclasses.replace(graph.outputs[0], spec=Spec((4,), FLOAT)))
    verify(dataclasses.replace(wrong, inputs=graph.inputs, updates=()), strict=False)
    with pytest.raises(GraphError) as error:
        verify(dataclasses.replace(wrong, inputs=graph.inputs, updates=()))
    message = str(error.value)
    assert "`%0 = add(%x, %w) : float32[4]` has type float32[4]; its operation gives float32[3]" in message
    assert "at model.py:7" in message


def test_operands_that_do_not_fit() -> None:
    graph = parse(TEXT)
    other = Node(Constant.of(np.zeros(2, FLOAT)), (), Spec((2,), FLOAT))
    add = graph.outputs[0]
    wrong = dataclasses.replace(add, operands=(graph.inputs[0], other))
    with pytest.raises(GraphError, match=r"does not fit its operands: add: shapes \(3,\) and \(2,\) do not broadcast"):
        verify(dataclasses.replace(graph, outputs=(wrong,)))


def test_a_cycle() -> None:
    graph = parse(TEXT)
    value = graph.updates[0][1]
    object.__setattr__(graph.outputs[0], "operands", (graph.inputs[0], value))
    with pytest.raises(GraphError, match="takes part in a cycle"):
        verify(Graph("f", graph.inputs, graph.outputs, graph.updates), strict=False)


def test_constants_have_the_right_number_of_bytes() -> None:
    node = Node(Constant(b"123", Spec((3,), FLOAT)), (), Spec((3,), FLOAT))
    with pytest.raises(GraphError, match="has 3 bytes of data where 12 are needed"):
        verify(with_output(node), strict=False)


def test_inputs() -> None:
    graph = parse(TEXT)
    x, w = graph.inputs
    with pytest.raises(GraphError, match="is input 0 by its place and 1 by its number"):
        verify(dataclasses.replace(graph, inputs=(w, x)), strict=False)
    with pytest.raises(GraphError, match="listed twice"):
        verify(dataclasses.replace(graph, inputs=(x, x)), strict=False)
    with pytest.raises(GraphError, match="is an input that the graph does not list"):
        verify(dataclasses.replace(graph, inputs=(x,), updates=()), strict=False)
    with pytest.raises(GraphError, match="listed among the inputs and is none"):
        verify(dataclasses.replace(graph, inputs=(x, w, graph.outputs[0])), strict=False)
    odd = Node(Input(0, Spec((2,), FLOAT)), (), Spec((3,), FLOAT))
    with pytest.raises(GraphError, match=r"declares float32\[2\]"):
        verify(Graph("f", (odd,), (odd,)), strict=False)


def test_updates() -> None:
    graph = parse(TEXT)
    x, w = graph.inputs
    value = graph.updates[0][1]
    with pytest.raises(GraphError, match="is updated twice"):
        verify(dataclasses.replace(graph, updates=((w, value), (w, x))), strict=False)
    with pytest.raises(GraphError, match="is updated and is not an input"):
        verify(dataclasses.replace(graph, updates=((value, w),)), strict=False)
    number = Node(Constant.of(np.float32(1)), (), Spec((), FLOAT))
    with pytest.raises(GraphError, match=r"has type float32\[\] and updates an input of type float32\[3\]"):
        verify(dataclasses.replace(graph, updates=((w, number),)), strict=False)
