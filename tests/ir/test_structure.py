"""Structural equality sees what a graph computes, and nothing else; node keys tell attributes apart to the bit."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given

from tests.strategies import GraphExample, graphs
from tracegraph.compiler.ir import Graph, constant, make, parse, structural_key, structurally_equal, to_text
from tracegraph.compiler.ir.node import exact
from tracegraph.compiler.ops.arithmetic import ADD, NEGATIVE
from tracegraph.compiler.ops.leaves import Input
from tracegraph.compiler.ops.spec import Spec

BASE = "graph f(%x: float32[3], %y: float32[3]) { %0 = subtract(%x, %y) update %x = %0 return %0, %y }"


@pytest.mark.parametrize(
    "text",
    [
        "graph g(%a: float32[3], %b: float32[3]) {\n %7 = subtract(%a, %b) # x.py:1\n update %a = %7 return %7, %b }",
        "graph f(%x: float32[3], %y: float32[3]) { %9 = exp(%x) %0 = subtract(%x, %y) update %x = %0 return %0, %y }",
    ],
)
def test_equal(text: str) -> None:
    assert structurally_equal(parse(text), parse(BASE))
    assert structural_key(parse(text)) == structural_key(parse(BASE))


@pytest.mark.parametrize(
    "text",
    [
        BASE.replace("subtract", "add"),
        BASE.replace("(%x, %y)", "(%y, %x)"),
        BASE.replace("%0, %y }", "%y, %0 }"),
        BASE.replace("%0, %y }", "%0 }"),
        BASE.replace("update %x", "update %y"),
        BASE.replace("float32", "float64"),
        BASE.replace("[3]", "[4]"),
    ],
)
def test_different(text: str) -> None:
    assert not structurally_equal(parse(text), parse(BASE))
    assert structural_key(parse(text)) != structural_key(parse(BASE))


@given(example=graphs())
def test_key_agrees_with_equality(example: GraphExample) -> None:
    again = parse(to_text(example.graph))
    assert structurally_equal(example.graph, again)
    assert structural_key(example.graph) == structural_key(again)
    fewer = dataclasses.replace(example.graph, outputs=example.graph.outputs[1:], updates=())
    if fewer.outputs != example.graph.outputs or example.graph.updates:
        assert structural_key(fewer) != structural_key(example.graph)


def test_key_is_the_same_in_another_process() -> None:
    program = f"from tracegraph.compiler.ir import parse, structural_key;print(structural_key(parse({BASE!r})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == structural_key(parse(BASE))


def test_exact_attributes() -> None:
    values = [0, 0.0, -0.0, False, 1, 1.0, True, None, float("nan"), (0,), (0.0,), (-0.0,), (False,), "0"]
    keys = [exact(value) for value in values]
    assert len(set(keys)) == len(values)
    assert exact(float("nan")) == exact(np.float64("nan"))
    assert exact((np.int64(1), np.float32(0.5))) == exact((1, 0.5))


def test_node_keys() -> None:
    x = make(Input(0, Spec((), np.dtype("float32"))))
    zero, minus = constant(0.0, "float32"), constant(-0.0, "float32")
    assert zero.key() != minus.key()
    assert zero.key() == constant(0.0, "float32").key()
    assert constant(0.0, "float32").key() != constant(0, "int32").key()
    assert constant(np.nan).key() == constant(np.nan).key()
    assert make(ADD, x, zero).key() == make(ADD, zero, x).key()
    assert make(NEGATIVE, x).key() != make(NEGATIVE, zero).key()
    assert repr(Graph("f", (x,), (x,))) == "<graph f: 1 inputs, 0 operations, 1 outputs>"
