"""The reference interpreter: evaluates a graph node by node with NumPy. It is the meaning every pass and kernel is tested against."""

from collections.abc import Sequence

import numpy as np

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
            raise GraphError(f"graph {graph.name}: input {node.operation} is {array.dtype}{array.shape}, not {node.spec}")
        values[node] = array
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if node not in values:
                values[node] = np.asarray(node.operation.evaluate(np, *[values[operand] for operand in node.operands]))
    return [values[node] for node in graph.outputs], [values[value] for _, value in graph.updates]
