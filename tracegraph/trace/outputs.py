"""What a traced call gives back: which results are fresh tensors, which are views,
which are objects that existed before.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracegraph.autograd.node import FreedNode
from tracegraph.compiler.ir import Node, make
from tracegraph.compiler.ops.movement import Permute
from tracegraph.observe.values import is_immutable
from tracegraph.tensor import Tensor
from tracegraph.trace.born import Layout, layout, set_attributes
from tracegraph.trace.recorded import Root, View
from tracegraph.trace.recorder import Recorder
from tracegraph.trace.sources import ArgumentSource, GradSource

_DISPLAYS: dict[type, str] = {list: "[{}]", tuple: "({})", dict: "dict([{}])"}


@dataclass
class OutputPlan:
    """How to make a call's results: lines of Python that name them, and the expression of the returned structure."""

    nodes: list[Node] = field(default_factory=list)
    """Outputs of the graph; the generated code has their arrays as o0, o1, ..."""
    lines: list[str] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    expression: str = "None"
    live: list[tuple[int, Tensor]] = field(default_factory=list)
    """Fresh outputs that carry a gradient out of the call:
    number of the output, and the tensor of the recording run."""
    fresh: dict[int, str] = field(default_factory=dict)
    """The name of the tensor over each output."""


def memory_order(array: np.ndarray) -> tuple[int, ...] | None:
    """The dimensions from the slowest to the fastest, where an array is contiguous in another than row-major order."""
    if array.flags.c_contiguous:
        return None
    order = tuple(sorted(range(array.ndim), key=lambda dim: -array.strides[dim]))
    return order if array.transpose(order).flags.c_contiguous else None


def inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes another."""
    return tuple(sorted(range(len(order)), key=order.__getitem__))


class OutputPlanner:
    """Works out the plan for the result of a recorded call."""

    def __init__(self, recorder: Recorder, is_external: Callable[[Any], bool]) -> None:
        self.recorder = recorder
        self.is_external = is_external
        self.plan = OutputPlan()
        self._names: dict[int, str] = {}
        self._objects: dict[int, str] = {}
        """Expressions of objects made in the call that are named because they stand at several places, or are needed
        before they are complete."""
        self._unfinished: set[int] = set()
        self._shared: set[int] = set()
        self._kept: list[Any] = []
        self._returned_ids: set[int] = set()
        self._made = 0

    def make(self, result: Any) -> OutputPlan:
        """The plan for the returned structure and for the gradients assigned in the call."""
        self._find_shared([result])
        self.plan.expression = self._structure(result)
        assigned = [
            f"{self.tensor(owner)}._grad = {'None' if value is None else self._returned(value)}"
            for owner, value in self.recorder.grad_now.values()
        ]
        self.plan.lines += assigned
        return self.plan

    def _constant(self, value: Any) -> str:
        name = f"k{len(self.plan.constants)}"
        self.plan.constants[name] = value
        return name

    def _find_shared(self, pending: list[Any]) -> None:
        """Find the objects made in the call that stand at several places of the result."""
        seen: set[int] = set()
        while pending:
            value = pending.pop()
            if self._is_known(value):
                continue
            if id(value) in seen:
                self._shared.add(id(value))
                continue
            seen.add(id(value))
            plan = layout(value)
            pending.extend(plan.parts() if plan is not None else ())

    def _is_known(self, value: Any) -> bool:
        """Whether a value is no object made in the call: a tensor, an immutable, something that existed before."""
        return (
            isinstance(value, Tensor | type | enum.Enum)
            or is_immutable(value)
            or id(value) in self.recorder.container_paths
            or self.is_external(value)
        )

    def _structure(self, value: Any) -> str:
        if isinstance(value, Tensor):
            return self._returned(value)
        path = self.recorder.container_paths.get(id(value))
        if path is not None:
            return path
        if self._is_known(value):
            return self._constant(value)
        named = self._objects.get(id(value))
        if named is not None:
            return named
        plan = layout(value)
        if plan is None or id(value) in self._unfinished:
            self.recorder.unsupported(f"returns an object of type {type(value).__name__} made in the call")
            return "None"
        self._unfinished.add(id(value))
        expression = self._made_again(value, plan)
        self._unfinished.discard(id(value))
        return expression

    def _made_again(self, value: Any, plan: Layout) -> str:
        """The expression of an object made in the call."""
        kind, shared = type(value), id(value) in self._shared
        if kind in _DISPLAYS and not shared:
            return _DISPLAYS[kind].format("".join(f"{item}, " for item in self._items(plan)))
        self._kept.append(value)
        name = f"b{len(self._kept)}"
        if plan.base is tuple:  # complete from the beginning
            items = "".join(f"{item}, " for item in self._items(plan))
            self.plan.lines.append(f"{name} = {self._constant(tuple.__new__)}({self._constant(kind)}, ({items}))")
        else:
            made_with = "".join(f", {self._structure(part)}" for part in plan.made_with)
            make = self._constant(plan.base.__new__)
            self.plan.lines.append(f"{name} = {make}({self._constant(kind)})")
            if plan.made_with:
                self.plan.lines.append(f"{self._constant(plan.base.__init__)}({name}{made_with})")  # type: ignore[misc]
        self._objects[id(value)] = name
        self._fill(name, plan)
        return name

    def _fill(self, name: str, plan: Layout) -> None:
        if plan.fill is not None and plan.items:
            items = "".join(f"{item}, " for item in self._items(plan))
            self.plan.lines.append(f"{self._constant(plan.fill)}({name}, ({items}))")
        if plan.attributes:
            items = "".join(
                f"{self._constant(key)}: {self._structure(part)}, " for key, part in plan.attributes.items()
            )
            self.plan.lines.append(f"{self._constant(set_attributes)}({name}, {{{items}}})")
        for descriptor, part in plan.slots:
            text = self._structure(part)
            self.plan.lines.append(f"{self._constant(descriptor)}.__set__({name}, {text})")

    def _items(self, plan: Layout) -> list[str]:
        if issubclass(plan.base, dict):
            return [f"({self._structure(key)}, {self._structure(item)})" for key, item in plan.items]
        return [self._structure(item) for item in plan.items]

    def _returned(self, tensor: Tensor) -> str:
        """The name of a tensor that leaves the call, with its gradient."""
        new = id(tensor) not in self._returned_ids
        name = self.tensor(tensor)
        entry = self.recorder.entries.get(id(tensor))
        if new and isinstance(entry, Root) and not entry.external:
            self._returned_ids.add(id(tensor))
            self._gradient(tensor, name)
            if tensor._grad is not None:
                self.plan.lines.append(f"{name}._grad = {self._returned(tensor._grad)}")
        return name

    def tensor(self, tensor: Tensor) -> str:
        """The name that holds the tensor in the generated code."""
        name = self._names.get(id(tensor))
        if name is None:
            name = self._names[id(tensor)] = self._make(tensor)
        return name

    def _make(self, tensor: Tensor) -> str:
        entry = self.recorder.entries.get(id(tensor))
        if entry is None or (isinstance(entry, Root) and entry.external):
            return self._existing(tensor, entry)
        self._made += 1
        name = f"t{self._made}"
        if isinstance(entry, View):
            return self._view(tensor, entry, name)
        array = f"o{len(self.plan.nodes)}"
        order = memory_order(tensor._data)
        if order is None:
            self.plan.nodes.append(entry.node)
        else:
            self.plan.nodes.append(make(Permute(order), entry.node))
            array += f".transpose({inverse(order)})"
        self.plan.lines += [f"{name} = new(Tensor)", f"{name}._data = {array}"]
        if type(tensor) is not Tensor:
            self.recorder.unsupported(f"returns a {type(tensor).__name__} made in the call")
        self.plan.fresh[len(self.plan.nodes) - 1] = name
        return name

    def _existing(self, tensor: Tensor, entry: Root | None) -> str:
        path = self.recorder.argument_paths.get(id(tensor))
        source = None if entry is None else entry.source
        if path is not None and (source is None or isinstance(source, ArgumentSource)):
            if source is not None and source.value is not tensor:
                self.recorder.unsupported("returns a tensor over an array argument")
            return path
        if isinstance(source, GradSource):
            self._made += 1
            self.plan.lines.append(f"t{self._made} = {self.tensor(source.owner)}._grad")
            return f"t{self._made}"
        if entry is None and not self.is_external(tensor) and not tensor._literal:
            self.recorder.unsupported("returns a tensor that did not come from recorded operations")
        return self._constant(tensor)

    def _view(self, tensor: Tensor, entry: View, name: str) -> str:
        parent = self.tensor(entry.parent.tensor)
        if tensor.requires_grad and tensor.grad_fn is not None:
            self.recorder.unsupported("returns a view that requires a gradient")
        if entry.operation is None:
            self.plan.lines.append(f"{name} = {parent}.detach()")
            if tensor._rg is True:
                self.plan.lines.append(f"{name}._rg = True")
        else:
            self.plan.lines.append(f"{name} = apply({self._constant(entry.operation)}, {parent})")
            if tensor._rg is False:
                self.plan.lines.append(f"{name}._rg = False")
        return name

    def _gradient(self, tensor: Tensor, name: str) -> None:
        if not tensor.requires_grad:
            return
        node = tensor.grad_fn
        if node is None:
            self.plan.lines.append(f"{name}._rg = True")
        elif node.released:
            freed = self._constant(FreedNode)
            self.plan.lines += [f"{name}._rg = True", f"{name}._node = {freed}({node.name!r})"]
        else:
            number = next(number for number, held in self.plan.fresh.items() if held == name)
            self.plan.live.append((number, tensor))
