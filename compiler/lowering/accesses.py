"""Which elements of which stored values a node reads: found by running its element rule without making code."""

import itertools
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any

from tracegraph.compiler.index import Index, flatten, variable
from tracegraph.compiler.ir import Node
from tracegraph.compiler.loop_ir import Compare, Expression, Literal
from tracegraph.compiler.lowering.elements import IndexBuild, Point, element, is_virtual
from tracegraph.compiler.ops.base import Kind
from tracegraph.compiler.ops.spec import DType, Spec


@dataclass(frozen=True, slots=True)
class Access:
    """A read of one element of a node that is not virtual."""

    node: Node
    position: Index
    """Row-major position, in the reader's canonical loop variables i0, i1, ..."""


def loop_shape(node: Node) -> tuple[int, ...]:
    """The shape a node's own loops run over: its result's, or the operand's for a reduction."""
    return node.operands[0].shape if node.kind is Kind.REDUCTION else node.shape


def canonical_point(shape: tuple[int, ...]) -> Point:
    """One loop variable per dimension: i0, i1, ..."""
    return tuple(variable(f"i{dim}", size) for dim, size in enumerate(shape))


class AccessFinder:
    """Finds the reads of nodes; `materialised` are virtual nodes that are stored all the same."""

    def __init__(self, materialised: Set[Node]) -> None:
        self._materialised = materialised
        self._fresh = itertools.count()
        self._known: dict[Node, tuple[Access, ...]] = {}
        self.dynamic: set[Node] = set()
        """Nodes that read at indices which come from tensors."""

    def reads_through(self, node: Node) -> bool:
        """Whether elements of the node are computed where they are read."""
        return node not in self._materialised and is_virtual(node)

    def accesses(self, node: Node) -> tuple[Access, ...]:
        """The reads of one element of the node (of one turn of its loops, for a reduction)."""
        known = self._known.get(node)
        if known is None:
            found: list[Access] = []
            point = canonical_point(loop_shape(node))
            if node.kind is Kind.REDUCTION:
                self._note(node, node.operands[0], point, found)
            else:
                element(node, _Collector(self, node, node, found), point)
            known = self._known[node] = tuple(dict.fromkeys(found))
        return known

    def _note(self, reader: Node, node: Node, index: Point, found: list[Access]) -> None:
        if self.reads_through(node):
            element(node, _Collector(self, reader, node, found), index)
        else:
            found.append(Access(node, flatten(index, node.shape)))

    def fresh_index(self, reader: Node, extent: int) -> Index:
        """An index of unknown value for `reader`."""
        self.dynamic.add(reader)
        return variable(f"?{next(self._fresh)}", extent)


class _Collector(IndexBuild):
    """A `Build` that notes the reads and returns dummies."""

    def __init__(self, finder: AccessFinder, reader: Node, node: Node, found: list[Access]) -> None:
        self._finder, self._reader, self._node, self._found = finder, reader, node, found
        self.spec: Spec = node.spec
        self.specs = tuple(operand.spec for operand in node.operands)

    def read(self, operand: int, index: Point) -> Expression:
        self._finder._note(self._reader, self._node.operands[operand], index, self._found)
        return self.literal(0)

    def apply(self, template: str, *arguments: Expression, dtype: DType | None = None) -> Expression:
        return self.literal(0)

    def literal(self, value: Any, dtype: DType | None = None) -> Expression:
        return Literal(value, dtype or self.spec.dtype)

    def number(self, index: Index, dtype: DType | None = None) -> Expression:
        return self.literal(0)

    def choose(
        self, conditions: tuple[Compare, ...], then: Callable[[], Expression], otherwise: Callable[[], Expression]
    ) -> Expression:
        then()
        otherwise()
        return self.literal(0)

    def convert(self, value: Expression, dtype: DType) -> Expression:
        return self.literal(0)

    def dynamic(self, value: Expression, extent: int, *, wraps: bool = True) -> Index:
        return self._finder.fresh_index(self._reader, extent)
