"""The reference interpreter: evaluates a graph node by node with NumPy. Passes and kernels are tested against it."""

from collections.abc import Sequence

import numpy as np

from tracegraph.compiler.ops.spec import Spec
from tracegraph.runtime.errors import GraphError

from .graph import Graph
from .node import Node


def evaluate(graph: Graph, inputs: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The graph's outputs and the new values of its updates, for these inputs.

    Raises:
        GraphError: when the inputs do not have the shapes and dtypes of the graph's.
    """
    if len(inputs) != len(graph.inputs):
        raise GraphError(f"graph {graph.name} takes {len(graph.inputs)} inputs, got {len(inputs)}")
    values: dict[Node, np.ndarray] = {}
    for node, array in zip(graph.inputs, inputs, strict=True):
        if array.shape != node.shape or array.dtype != node.dtype:
            given = Spec(array.shape, array.dtype)
            raise GraphError(f"graph {graph.name}: input {graph.names[node]} must be {node.spec}, not {given}")
        values[node] = np.asarray(array, order="C")
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if node not in values:
                result = node.operation.evaluate(np, *[values[operand] for operand in node.operands])
                # Row-major, so that the order of a NumPy summation never depends on which views came before.
                values[node] = np.asarray(result, order="C")
    return [values[node] for node in graph.outputs], [values[value] for _, value in graph.updates]
