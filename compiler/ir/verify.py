"""`verify(graph)` raises a GraphError that names the first node that is not as it must be."""

from tracegraph.compiler.ops.leaves import Constant, Input
from tracegraph.runtime.errors import GraphError, TracegraphError

from .graph import Graph
from .node import Node
from .printer import node_text


def verify(graph: Graph, *, strict: bool = True) -> Graph:
    """Check a graph and return it.

    Checked always: inputs are numbered in order, every other leaf is a constant of the right number of bytes, operands
    stand before their users (there is no cycle), updates write each input at most once, with its own shape and dtype.
    With `strict` also: each node's shape and dtype are what its operation infers from the operands.

    Raises:
        GraphError: the message has the node as a line of text and the file and line it came from.
    """
    _verify_inputs(graph)
    seen: set[Node] = set()
    inputs = set(graph.inputs)
    for node in graph.nodes:
        if isinstance(node.operation, Input) and node not in inputs:
            raise _error(graph, node, "is an input that the graph does not list")
        if not node.is_input and any(operand not in seen for operand in node.operands):
            raise _error(graph, node, "takes part in a cycle")
        if isinstance(node.operation, Constant) and len(node.operation.data) != node.operation.spec.nbytes:
            found, wanted = len(node.operation.data), node.operation.spec.nbytes
            raise _error(graph, node, f"has {found} bytes of data where {wanted} are needed")
        if strict and not node.operation.data_dependent:
            _verify_spec(graph, node)
        seen.add(node)
    _verify_updates(graph)
    return graph


def _verify_inputs(graph: Graph) -> None:
    if len(set(graph.inputs)) != len(graph.inputs):
        raise GraphError(f"graph {graph.name}: an input is listed twice")
    for index, node in enumerate(graph.inputs):
        if not isinstance(node.operation, Input):
            raise _error(graph, node, "is listed among the inputs and is none")
        if node.operation.index != index:
            raise _error(graph, node, f"is input {index} by its place and {node.operation.index} by its number")
        if node.operation.spec != node.spec or node.operands:
            raise _error(graph, node, f"declares {node.operation.spec} and must have no operands")


def _verify_spec(graph: Graph, node: Node) -> None:
    try:
        inferred = node.operation.infer(*[operand.spec for operand in node.operands])
    except (TracegraphError, ValueError, IndexError) as error:
        reason = str(error).split("\n  at ")[0]
        raise _error(graph, node, f"does not fit its operands: {reason}") from error
    if inferred != node.spec:
        raise _error(graph, node, f"has type {node.spec}; its operation gives {inferred}")


def _verify_updates(graph: Graph) -> None:
    written: set[Node] = set()
    inputs = set(graph.inputs)
    for target, value in graph.updates:
        if target not in inputs:
            raise _error(graph, target, "is updated and is not an input of the graph")
        if target in written:
            raise _error(graph, target, "is updated twice")
        if target.spec != value.spec:
            raise _error(graph, value, f"has type {value.spec} and updates an input of type {target.spec}")
        written.add(target)


def _error(graph: Graph, node: Node, message: str) -> GraphError:
    where = f"\n  at {node.location[0]}:{node.location[1]}" if node.location else ""
    return GraphError(f"graph {graph.name}: `{node_text(node, graph)}` {message}{where}")
