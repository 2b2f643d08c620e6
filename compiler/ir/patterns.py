"""Patterns written as expressions: `Pattern.parse("subtract(x, 0)")` finds nodes of that form and builds them.

A name is any node, the same wherever it occurs again; `c` and `d` are known ones only. A number is a node all of whose
elements are that number, 0 being +0.0. Operands of commutative operations match in either order.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from tracegraph.compiler.ops.base import OPERATIONS
from tracegraph.compiler.ops.movement import Expand

from .known import is_known, is_number, known
from .node import Node, make

Bindings = Mapping[str, Node]
KNOWN_NAMES = frozenset("cd")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A name, a number, or an operation (without attributes) on patterns."""

    name: str = ""
    number: float | None = None
    operation: str = ""
    operands: tuple["Pattern", ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """The pattern that an expression describes, such as `add(x, negative(y))`."""
        return _convert(ast.parse(text, mode="eval").body)

    def names(self) -> set[str]:
        """The names in it."""
        return {self.name} - {""} | {name for operand in self.operands for name in operand.names()}

    def operations(self) -> set[str]:
        """The operations in it."""
        return {self.operation} - {""} | {name for operand in self.operands for name in operand.operations()}

    def match(self, node: Node, bound: Bindings | None = None) -> dict[str, Node] | None:
        """What the names stand for when the node has this form, given those bound already; None when it has not."""
        bindings = dict(bound or {})
        if self.number is not None:
            return bindings if is_number(node, self.number) else None
        if self.name:
            if self.name in KNOWN_NAMES and not is_known(node):
                return None
            return bindings if bindings.setdefault(self.name, node) is node else None
        if node.operation.name != self.operation or len(node.operands) != len(self.operands):
            return None
        found = self._match_operands(node.operands, bindings)
        if found is None and getattr(node.operation, "commutative", False):
            found = self._match_operands(node.operands[::-1], bindings)
        return found

    def _match_operands(self, nodes: tuple[Node, ...], bindings: dict[str, Node]) -> dict[str, Node] | None:
        found: dict[str, Node] | None = bindings
        for pattern, node in zip(self.operands, nodes, strict=True):
            found = pattern.match(node, found)
            if found is None:
                return None
        return found

    def build(self, bindings: Bindings, like: Node) -> Node:
        """The node of this form, with shape, dtype, location and backward flag of `like`."""
        made = self._build(bindings, like, like.dtype)
        if made.shape == like.shape:
            return made
        return make(Expand(like.shape), made, location=like.location, backward=like.backward)

    def _build(self, bindings: Bindings, like: Node, dtype: object) -> Node:
        if self.name:
            return bindings[self.name]
        if self.number is not None:
            return known(self.number, dtype, like=like)
        inside = next((bindings[name].dtype for name in sorted(self.names())), dtype)
        operands = [operand._build(bindings, like, inside) for operand in self.operands]
        return make(OPERATIONS[self.operation](), *operands, location=like.location, backward=like.backward)


def _convert(tree: ast.expr) -> Pattern:
    if isinstance(tree, ast.Name):
        return Pattern(name=tree.id) if tree.id != "inf" else Pattern(number=float("inf"))
    if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float):
        return Pattern(number=tree.value)
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        inner = _convert(tree.operand)
        if inner.number is not None:
            return Pattern(number=-inner.number)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.keywords:
        return Pattern(operation=tree.func.id, operands=tuple(map(_convert, tree.args)))
    raise ValueError(f"{ast.unparse(tree)!r} is no pattern")
