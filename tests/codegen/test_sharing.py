"""Kernels that do the same on different memory have one body, and compute what they would compute with their own."""

import numpy as np
import pytest

from tests.lowering.compare import check, placeholder
from tracegraph.compiler.executable import Executable
from tracegraph.compiler.ir import Graph, Node, make
from tracegraph.compiler.ops.base import OPERATIONS
from tracegraph.compiler.ops.contraction import MATMUL
from tracegraph.compiler.ops.hyperbolic import TANH
from tracegraph.compiler.ops.slicing import basic_operation


def part(node: Node, number: int) -> Node:
    """One step's rows of the input."""
    return make(basic_operation(node.shape, (number,)), node)


def recurrence(steps: int, *, rows: int = 4) -> Graph:
    """`h = tanh(x[t] + h @ w)`, returning all states."""
    x, h, w = placeholder(0, (steps, rows, 8)), placeholder(1, (rows, 8)), placeholder(2, (8, 8))
    found = []
    state = h
    for number in range(steps):
        state = make(TANH, make(OPERATIONS["add"](), part(x, number), make(MATMUL, state, w)))
        found.append(state)
    return Graph("recurrence", (x, h, w), tuple(found))


def run(graph: Graph) -> Executable:
    """The compiled graph, compared with the reference."""
    rng = np.random.default_rng(0)
    return check(graph, [rng.uniform(-0.3, 0.3, node.shape).astype(np.float32) for node in graph.inputs], passes=True)


def bodies(executable: Executable) -> int:
    """How many kernels are compiled."""
    return executable.source.count("@kernel\n")


@pytest.mark.parametrize("rows", [4, 20_000], ids=["serial", "parallel"])
def test_steps_of_a_loop_share_their_kernels(rows: int) -> None:
    few, many = run(recurrence(3, rows=rows)), run(recurrence(9, rows=rows))
    for executable, steps in ((few, 3), (many, 9)):
        calls = [
            line.strip().removeprefix("parallel(") for line in executable.source.splitlines() if "subtable(" in line
        ]
        assert len(calls) == steps
        assert len({call.replace("(", ",").split(",")[0] for call in calls}) == 1
    assert ("parallel(fused" in many.source) == (rows > 1000)
    if rows == 4:  # a large matrix product is shared among threads by a kernel of its own
        assert bodies(few) == bodies(many)


def test_kernels_that_differ_keep_their_own() -> None:
    a, b = placeholder(0, (8,)), placeholder(1, (9,))
    graph = Graph("two", (a, b), (make(TANH, a), make(OPERATIONS["sin"](), b)))
    executable = run(graph)
    assert bodies(executable) == 2
    assert "subtable(" not in executable.source


def test_updates_share_their_kernels() -> None:
    inputs = tuple(placeholder(number, (8,)) for number in range(4))
    half = OPERATIONS["multiply"]()
    updates = tuple((node, make(half, node, node)) for node in inputs)
    executable = run(Graph("updates", inputs, (), updates))
    assert bodies(executable) < 4
