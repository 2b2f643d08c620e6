"""Graphs as text: `to_text(graph)` prints one node a line, so that `parser.parse` reads the same graph back.

graph step(%x: float32[64, 784], %w: float32[784, 10]) {
  %0 = matmul(%x, %w) : float32[64, 10]  # model.py:12
  %1 = constant(0.1) : float32[]
  %2 = multiply(%0, %1) : float32[64, 10]
  return %2
}
"""

import base64
import json
import os
import re
from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.compiler.ops.base import Operation
from tracegraph.compiler.ops.leaves import Constant, Input
from tracegraph.compiler.ops.spec import Spec
from tracegraph.runtime.errors import GraphError

from .node import Node, exact

if TYPE_CHECKING:
    from .graph import Graph

INLINE_VALUES = 16
"""Constants of more elements are printed as base64 (or abbreviated)."""
_LINE = 110
_COMMENT_COLUMN = 60
_NAME = re.compile(r"[^\W\d][\w]*(?:\.\w+)*")
GRAPH_NAME = re.compile(r"[^\W\d][\w.]*")


def to_text(graph: "Graph", *, locations: bool = True, abbreviate: bool = False) -> str:
    """The graph as text, which `parse` reads back to an equal graph.

    Args:
        graph: What to print.
        locations: Add file and line of the user's code as a comment (the file without its folder).
        abbreviate: Print large constants as `<100 values>`. That is for people: it cannot be parsed.
    """
    names = value_names(graph)
    body = [(_definition(node, names, abbreviate), _comment(node)) for node in graph.nodes if not node.is_input]
    body += [(f"update {_name(target, names)} = {_name(value, names)}", "") for target, value in graph.updates]
    body.append((f"return {', '.join(_name(node, names) for node in graph.outputs)}".rstrip(), ""))
    column = max([len(line) for line, comment in body if comment and len(line) <= _COMMENT_COLUMN], default=0)
    lines = [f"  {line.ljust(column)}  # {comment}" if comment and locations else f"  {line}" for line, comment in body]
    return "\n".join([_header(graph, names), *lines, "}"]) + "\n"


def node_text(node: Node, graph: "Graph") -> str:
    """The line of one node, as it stands in the text of its graph; large constants abbreviated."""
    return _definition(node, value_names(graph), abbreviate=True)


def value_names(graph: "Graph") -> dict[Node, str]:
    """A short unique name per node: inputs by their label, the others numbered."""
    names: dict[Node, str] = {}
    taken: set[str] = set()
    for index, node in enumerate(graph.inputs):
        wanted = _identifier(getattr(node.operation, "label", "") or f"in{index}")
        name, count = wanted, 0
        while name in taken:
            count += 1
            name = f"{wanted}_{count}"
        taken.add(name)
        names[node] = f"%{name}"
    number = 0
    for node in graph.nodes:
        if node not in names:
            names[node] = f"%{number}"
            number += 1
    return names


def format_value(value: Any) -> str:
    """An attribute as text.

    Raises:
        GraphError: for a type that has no text form.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if value is Ellipsis:
        return "..."
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, Spec):
        return str(value)
    if isinstance(value, tuple):
        inner = ", ".join(map(format_value, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, Operation):
        return format_operation(value, ())
    raise GraphError(f"an attribute of type {type(value).__name__} has no text form")


def format_operation(operation: Operation, operands: Sequence[str], *, abbreviate: bool = False) -> str:
    """The operation with the names of its operands and those attributes that are not at their default."""
    if isinstance(operation, Constant):
        return f"constant({format_constant(operation, abbreviate=abbreviate)})"
    attributes = [f"{name}={format_value(value)}" for name, value in told_attributes(operation).items()]
    return f"{operation.name}({', '.join([*operands, *attributes])})"


def told_attributes(operation: Operation) -> dict[str, Any]:
    """The attributes that are not at their default."""
    told = {}
    for field in fields(operation):
        value = getattr(operation, field.name)
        if field.default is MISSING or exact(value) != exact(field.default):
            told[field.name] = value
    return told


def format_constant(operation: Constant, *, abbreviate: bool = False) -> str:
    """The values: as a number, `all` number, nested lists, or base64 of the bytes for many and for odd NaNs."""
    item, size = operation.spec.dtype.itemsize, operation.spec.size
    if size and len(operation.data) == size * item:
        first = operation.data[:item]
        number = _exact_number(first, operation.spec.dtype)
        if number is not None and operation.spec.shape == ():
            return number
        if number is not None and size > 1 and operation.data == first * size:
            return f"all {number}"
    if size <= INLINE_VALUES and len(operation.data) == size * item:
        numbers = [_exact_number(operation.data[i * item : (i + 1) * item], operation.spec.dtype) for i in range(size)]
        if all(number is not None for number in numbers):
            return _nested([number or "" for number in numbers], operation.spec.shape)
    if abbreviate:
        return f"<{size} values>"
    return f'base64 "{base64.b64encode(operation.data).decode()}"'


def _exact_number(data: bytes, dtype: Any) -> str | None:
    """The shortest number that reads back to these bytes; None for NaNs with a payload."""
    scalar = np.frombuffer(data, dtype)[0]
    text = repr(scalar.item()) if dtype.kind != "f" else str(scalar)
    value = scalar.item() if dtype.kind != "f" else float(text)
    return text if np.array(value, dtype).tobytes() == data else None


def _nested(numbers: list[str], shape: tuple[int, ...]) -> str:
    for size in reversed(shape[1:]):
        if size == 0:
            return "[]"
        numbers = [f"[{', '.join(numbers[i : i + size])}]" for i in range(0, len(numbers), size)]
    return f"[{', '.join(numbers)}]" if shape else numbers[0]


def _identifier(label: str) -> str:
    """The label with everything a name cannot hold replaced."""
    if _NAME.fullmatch(label):
        return label
    cleaned = re.sub(r"\W", "_", label)
    return f"_{cleaned}" if cleaned[:1].isdigit() else cleaned


def _name(node: Node, names: dict[Node, str]) -> str:
    return names.get(node, "%?")


def _definition(node: Node, names: dict[Node, str], abbreviate: bool) -> str:
    if isinstance(node.operation, Input):
        return f"input {_name(node, names)}: {node.spec}"
    operands = [_name(operand, names) for operand in node.operands]
    return f"{_name(node, names)} = {format_operation(node.operation, operands, abbreviate=abbreviate)} : {node.spec}"


def _comment(node: Node) -> str:
    where = f"{os.path.basename(node.location[0])}:{node.location[1]}" if node.location else ""
    if node.backward:
        return f"backward of {where}" if where else "backward"
    return where


def _header(graph: "Graph", names: dict[Node, str]) -> str:
    name = graph.name if GRAPH_NAME.fullmatch(graph.name) else json.dumps(graph.name)
    inputs = []
    for index, node in enumerate(graph.inputs):
        label = getattr(node.operation, "label", "")
        implied = "" if names[node] == f"%in{index}" else names[node][1:]
        inputs.append(f"{names[node]}{'' if label == implied else ' ' + json.dumps(label)}: {node.spec}")
    line = f"graph {name}({', '.join(inputs)}) {{"
    if len(line) <= _LINE:
        return line
    return "\n".join([f"graph {name}(", *[f"  {text}," for text in inputs], ") {"])
