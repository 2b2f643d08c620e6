"""What the drawings and exports say of a node: short label, type, place in the user's code, colours by kind."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tracegraph.compiler.ops.base import Kind

from .node import Node
from .printer import format_value, told_attributes

Facts = Mapping[Node, Mapping[str, Any]]
"""What later stages know of nodes: `group` (the kernel a node is computed in), `buffer`, `offset`, ..."""

FILL = {
    Kind.LEAF: "#e8eaed",
    Kind.POINTWISE: "#cfe5ff",
    Kind.REDUCTION: "#ffe0b3",
    Kind.MOVEMENT: "#eef3d2",
    Kind.CONTRACTION: "#f9c9c9",
    Kind.WINDOW: "#f3c6e2",
    Kind.GATHER: "#d3f0e0",
    Kind.SCATTER: "#bfe6d6",
    Kind.SCAN: "#ffeeb0",
    Kind.CREATION: "#e6ddf7",
    Kind.RANDOM: "#d7ccf5",
    Kind.HOST: "#dddddd",
}
INPUT_FILL = "#ffffff"
CONSTANT_LENGTH = 24
ATTRIBUTE_LENGTH = 40


def fill(node: Node) -> str:
    """The background colour of a node."""
    return INPUT_FILL if node.is_input else FILL[node.kind]


def operation_label(node: Node, name: str) -> str:
    """The operation with its attributes, in one short line; for inputs their name."""
    if node.is_input:
        return name.removeprefix("%")
    if node.is_constant:
        return shorten(str(node.operation).removeprefix("constant(")[:-1], CONSTANT_LENGTH)
    told = told_attributes(node.operation)
    inner = ", ".join(
        f"{key}={format_value(value)}" if len(told) > 1 else format_value(value) for key, value in told.items()
    )
    return f"{node.operation.name} {shorten(inner, ATTRIBUTE_LENGTH)}".rstrip()


def label_with_constants(node: Node, name: str) -> str:
    """The operation, and where operands are constants the list of operands with those written out."""
    known = [operation_label(operand, "") if operand.is_constant else "·" for operand in node.operands]
    label = operation_label(node, name)
    return label if all(mark == "·" for mark in known) else f"{label} ({', '.join(known)})"


def results(
    outputs: Sequence[Node], updates: Sequence[tuple[Node, Node]], names: Mapping[Node, str]
) -> list[tuple[str, Node]]:
    """Titles of a graph's results, and the nodes that give them."""
    titles = ["output"] if len(outputs) == 1 else [f"output {position}" for position in range(len(outputs))]
    written = [(f"update {names[target].removeprefix('%')}", value) for target, value in updates]
    return [*zip(titles, outputs, strict=True), *written]


def shorten(text: str, length: int) -> str:
    """The text, cut at a length."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def place(node: Node) -> str:
    """File (without its folder) and line of the user's code, or nothing."""
    return f"{os.path.basename(node.location[0])}:{node.location[1]}" if node.location else ""


def group(node: Node, facts: Facts | None) -> Any:
    """The fusion group of a node, or None."""
    return facts.get(node, {}).get("group") if facts is not None else None
