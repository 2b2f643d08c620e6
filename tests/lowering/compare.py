"""Runs graphs compiled and with the reference interpreter, and compares outputs and updates."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.compiler.executable import Executable, compile_graph
from tracegraph.compiler.ir import Graph, Node, evaluate
from tracegraph.compiler.ops.leaves import Input
from tracegraph.compiler.ops.spec import Spec

TOLERANCE = {"float16": (2e-3, 1e-3), "float32": (4e-6, 1e-6), "float64": (1e-13, 1e-13)}
"""Relative and absolute: a few units in the last place,
since sums are reordered and transcendental functions are ours."""


def placeholder(index: int, shape: tuple[int, ...], dtype: Any = "float32", label: str = "") -> Node:
    """An input of a graph."""
    spec = Spec(shape, np.dtype(dtype))
    return Node(Input(index, spec, label), (), spec)


def placeholders(arrays: Sequence[np.ndarray], first: int = 0) -> list[Node]:
    """Inputs for some arrays."""
    return [placeholder(first + number, np.shape(a), np.asarray(a).dtype) for number, a in enumerate(arrays)]


def contiguous(array: Any) -> np.ndarray:
    """A C-contiguous copy of the same shape, 0-d ones included."""
    return np.array(array, order="C")


def assert_close(found: np.ndarray, wanted: np.ndarray, what: str = "") -> None:
    """Equal for integers and bools, a few units in the last place apart for floats."""
    assert found.shape == wanted.shape, what
    assert found.dtype == wanted.dtype, what
    relative, absolute = TOLERANCE.get(wanted.dtype.name, (0, 0))
    np.testing.assert_allclose(found, wanted, rtol=relative, atol=absolute, err_msg=what)


def check(
    graph: Graph, arrays: Sequence[np.ndarray], *, passes: bool = False, executable: Executable | None = None
) -> Executable:
    """Compile the graph, run it twice, and compare with the reference; inputs that are not updated must not change."""
    if executable is None:
        executable = compile_graph(graph, strict=True) if passes else Executable(graph, original=graph, records=[])
    given = [contiguous(array) for array in arrays]
    outputs, updates = evaluate(graph, [array.copy() for array in given])
    for _ in range(2):
        work = [array.copy() for array in given]
        found = executable.run(work)
        what = str(graph)
        for a, b in zip(found, outputs, strict=True):
            assert_close(a, b, what)
        expected = list(given)
        for (target, _), value in zip(graph.updates, updates, strict=True):
            expected[graph.inputs.index(target)] = value
        for a, b in zip(work, expected, strict=True):
            assert_close(a, b, what)
        memory = [*found, *work]
        assert not any(
            np.may_share_memory(a, b) for n, a in enumerate(memory) for b in memory[:n] if a.size and b.size
        ), what
    return executable
