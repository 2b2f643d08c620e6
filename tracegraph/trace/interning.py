"""One node for equal values: `Interner` maps the graphs of several recordings onto common nodes, so that what two calls
have in common is found by identity.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracegraph.compiler.ir import Node, topological
from tracegraph.compiler.ir.node import operation_key
from tracegraph.compiler.ops.leaves import Input
from tracegraph.tensor import Tensor
from tracegraph.trace.sources import ArgumentSource, CapturedSource, GradSource, ScalarSource, Source


def source_key(source: Source, paths: dict[int, str]) -> Hashable:
    """What makes two sources the same; `paths` are the expressions of a call's arguments, by id."""
    if isinstance(source, ArgumentSource):
        return ("argument", source.path, type(source.value))
    if isinstance(source, CapturedSource):
        return ("captured", id(source.tensor), source.tensor._data.strides)
    if isinstance(source, GradSource):
        return ("gradient", paths.get(id(source.owner), id(source.owner)))
    assert isinstance(source, ScalarSource)
    cells: Iterable[Any] = getattr(source.get, "__closure__", None) or ()
    held = [cell.cell_contents for cell in cells]
    return (
        "number", getattr(source.get, "__code__", source.get), source.dtype,
        tuple([value if isinstance(value, str) else id(value) for value in held]),
    )  # fmt: skip


@dataclass(frozen=True)
class Fetch:
    """How each call finds the array of an input; nothing of the recorded call's arguments is kept for it."""

    lines: tuple[str, ...]
    """Python that puts the array into `{name}`; `{number}` makes names of its own unique."""
    names: dict[str, Any]
    """What these names stand for."""
    captured: Tensor | None = None
    kind: Hashable = None
    """Of a captured tensor: what the lines take for granted of its array."""

    @classmethod
    def of(cls, source: Source, paths: dict[int, str]) -> "Fetch":
        """For a source of a recorded call, `paths` being the expressions of its arguments by id."""
        if isinstance(source, ScalarSource):
            return cls(("{name} = array(get{number}(), d{number})",), {"get": source.get, "d": source.dtype})
        if isinstance(source, ArgumentSource):
            tensor = isinstance(source.value, Tensor)
            data = source.value._data if tensor else source.value
            lines = [f"{{name}} = {source.path}{'._data' if tensor else ''}"]
            return cls((*lines, *_contiguous(data)), {})
        if isinstance(source, CapturedSource):
            data = source.tensor._data
            fetch = ("{name} = c{number}._data", *_contiguous(data))
            return cls(fetch, {"c": source.tensor}, source.tensor, kind_of(data))
        assert isinstance(source, GradSource)
        owner = paths.get(id(source.owner))
        data = source.tensor._data
        names = {"k": kind_of(data)} | ({} if owner else {"c": source.owner})
        check = ("if kind_of({name}) != k{number}:", "    return MISS")
        return cls((f"{{name}} = {owner or 'c{number}'}._grad._data", *check, *_contiguous(data)), names)

    def write(self, number: int, names: dict[str, Any]) -> list[str]:
        """The lines for input `number`, whose array they call `a<number>`; names they need are put into `names`."""
        names |= {f"{name}{number}": value for name, value in self.names.items()}
        return [line.format(name=f"a{number}", number=number) for line in self.lines]


def _contiguous(data: np.ndarray) -> tuple[str, ...]:
    return () if data.flags.c_contiguous else ("{name} = ascontiguousarray({name})",)


def kind_of(array: np.ndarray) -> Hashable:
    """What native code takes for granted of an array."""
    return array.shape, array.dtype, array.strides


class Interner:
    """Common nodes for the recordings of one decision tree; inputs are common when they have the same source."""

    def __init__(self) -> None:
        self.inputs: list[tuple[Node, Fetch]] = []
        self._sources: dict[Hashable, Node] = {}
        self._nodes: dict[Hashable, Node] = {}

    def take(
        self, roots: Iterable[Node], inputs: Iterable[tuple[Node, Source]], paths: dict[int, str]
    ) -> dict[Node, Node]:
        """The common node of each node needed for the roots, and of each input."""
        found: dict[Node, Node] = {}
        for node, source in inputs:
            key = (source_key(source, paths), str(node.spec))
            if key not in self._sources:
                assert isinstance(node.operation, Input)
                common = Node(Input(len(self.inputs), node.spec, node.operation.label), (), node.spec)
                self._sources[key] = common
                self.inputs.append((common, Fetch.of(source, paths)))
            found[node] = self._sources[key]
        for node in topological(roots, first=found):
            if node not in found:
                found[node] = self._common(node, tuple([found[operand] for operand in node.operands]))
        return found

    def _common(self, node: Node, operands: tuple[Node, ...]) -> Node:
        key = (*operation_key(node.operation), *[id(operand) for operand in operands])
        known = self._nodes.get(key)
        if known is None:
            known = node
            if operands != node.operands:
                known = Node(node.operation, operands, node.spec, node.location, node.backward)
            self._nodes[key] = known
        return known
