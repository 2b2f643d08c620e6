"""The generated modules of a few typical graphs, compared with files; TRACEGRAPH_UPDATE_GOLDEN=1 writes them anew."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.lowering.compare import check, placeholder
from tracegraph.compiler.ir import Graph, Node, constant, make
from tracegraph.compiler.ops.arithmetic import ADD, MULTIPLY, SUBTRACT
from tracegraph.compiler.ops.base import OPERATIONS
from tracegraph.compiler.ops.contraction import MATMUL
from tracegraph.compiler.ops.movement import Permute, Reshape
from tracegraph.runtime.native.blas_library import find_blas

FOLDER = Path(__file__).parent / "golden"
UPDATE = "TRACEGRAPH_UPDATE_GOLDEN"


def op(name: str, *operands: Node, dims: tuple[int, ...] | None = None) -> Node:
    """A node of an operation by name."""
    made = OPERATIONS[name]
    return make(made() if dims is None else made(dims), *operands)  # type: ignore[call-arg]


def softmax() -> Graph:
    x = placeholder(0, (32, 10), label="x")
    top = make(Reshape((32, 1)), op("amax", x, dims=(1,)))
    raised = op("exp", make(SUBTRACT, x, top))
    return Graph("softmax", (x,), (op("divide", raised, make(Reshape((32, 1)), op("sum", raised, dims=(1,)))),))


def layer_norm() -> Graph:
    x, scale, shift = (
        placeholder(0, (32, 10), label="x"),
        placeholder(1, (10,), label="scale"),
        placeholder(2, (10,), label="shift"),
    )
    tenth = constant(np.float32(0.1))
    mean = make(Reshape((32, 1)), make(MULTIPLY, op("sum", x, dims=(1,)), tenth))
    centred = make(SUBTRACT, x, mean)
    variance = make(Reshape((32, 1)), make(MULTIPLY, op("sum", make(MULTIPLY, centred, centred), dims=(1,)), tenth))
    spread = op("sqrt", make(ADD, variance, constant(np.float32(1e-5))))
    return Graph(
        "layer_norm", (x, scale, shift), (make(ADD, make(MULTIPLY, op("divide", centred, spread), scale), shift),)
    )


def rows_and_columns() -> Graph:
    x = placeholder(0, (32, 10), label="x")
    squared = make(MULTIPLY, x, x)
    sums = (op("sum", squared, dims=(1,)), op("sum", squared, dims=(0,)), op("amax", squared, dims=(0, 1)))
    return Graph("rows_and_columns", (x,), sums)


def descent_step() -> Graph:
    p, g, momentum, rate = (
        placeholder(n, s, label=name)
        for n, (name, s) in enumerate((("p", (8, 4)), ("g", (8, 4)), ("m", (8, 4)), ("rate", ())))
    )
    moved = make(ADD, make(MULTIPLY, momentum, constant(np.float32(0.9))), g)
    return Graph(
        "descent_step",
        (p, g, momentum, rate),
        (),
        ((momentum, moved), (p, make(SUBTRACT, p, make(MULTIPLY, moved, rate)))),
    )


def gather() -> Graph:
    table, index = placeholder(0, (7, 4), label="table"), placeholder(1, (3, 4), "int64", label="index")
    picked = make(OPERATIONS["gather"](0), table, index)  # type: ignore[call-arg]
    return Graph("gather", (table, index), (make(ADD, picked, picked),))


def dense_layer() -> Graph:
    x, weight, bias = (
        placeholder(0, (16, 8), label="x"),
        placeholder(1, (4, 8), label="weight"),
        placeholder(2, (4,), label="bias"),
    )
    product = make(MATMUL, x, make(Permute((1, 0)), weight))
    return Graph("dense_layer", (x, weight, bias), (op("maximum", make(ADD, product, bias), constant(np.float32(0))),))


@pytest.mark.parametrize("build", [softmax, layer_norm, rows_and_columns, descent_step, gather, dense_layer])
def test_generated_module(build: Callable[[], Graph]) -> None:
    if build is dense_layer and find_blas() is None:
        pytest.skip("no BLAS that can be called")
    graph = build()
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 7, node.shape) if node.dtype.kind == "i" else rng.standard_normal(node.shape).astype(node.dtype)
        for node in graph.inputs
    ]
    found = check(graph, arrays).source + "\n"
    path = FOLDER / f"{graph.name}.txt"
    if os.environ.get(UPDATE):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found)
    assert found == path.read_text(), f"the generated code has changed; {UPDATE}=1 accepts it"
