"""Decide for each argument whether its guard asks for the same object or only for the same structure and values."""

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracegraph.observe.model import Node
from tracegraph.observe.reach import Reach
from tracegraph.observe.records import fields, is_plain_container, is_record
from tracegraph.observe.values import MISSING, is_immutable, shallow_items


@dataclass(frozen=True, slots=True)
class ArgumentCheck:
    """A condition on the arguments; the word CONSTANT in it stands for `constant`."""

    check: str
    current: str
    subject: str
    was: str
    constant: Any = None
    has_constant: bool = False


@dataclass
class ArgumentPlan:
    """How the generated code reaches the arguments, and what it asks of them."""

    positional: int
    keywords: int
    variables: dict[str, str] = field(default_factory=dict)
    local_names: dict[int, str] = field(default_factory=dict)
    references: list["weakref.ref[Any]"] = field(default_factory=list)
    checks: list[ArgumentCheck] = field(default_factory=list)
    structural: set[int] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)
    distinct: list[str] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)


def plan_arguments(
    reach: Reach, args: tuple[Any, ...], kwargs: Mapping[str, Any], argument_values: str
) -> ArgumentPlan:
    """Plan the guards of the arguments of one call.

    Containers and records of data that only the arguments lead to, by one path, are compared by structure; other
    mutable objects by identity. Objects that the library guards itself are not compared where they stand as arguments.
    """
    plan = ArgumentPlan(len(args), len(kwargs))
    planner = _Planner(reach, plan, argument_values == "guard")
    for position, value in enumerate(args):
        planner.value(f"args[{position}]", value)
    for name, value in kwargs.items():
        planner.value(f"kwargs[{name!r}]", value)
    return plan


class _Planner:
    def __init__(self, reach: Reach, plan: ArgumentPlan, guard_values: bool) -> None:
        self.reach = reach
        self.plan = plan
        self.guard_values = guard_values
        self.references = self._count_references()

    def _count_references(self) -> dict[int, int]:
        counts: dict[int, int] = {}
        for node in self.reach.nodes.values():
            if not node.external:
                continue
            held = [edge.value for edge in node.outgoing]
            held.extend(self.reach.snapshots.get(id(node.value), ()))
            for value in held:
                counts[id(value)] = counts.get(id(value), 0) + 1
        return counts

    def value(self, place: str, value: Any, inside: bool = False) -> None:
        """Plan the guard of what stands at `place`, an expression over `args` and `kwargs`."""
        if is_immutable(value):
            if self.guard_values:
                check = f"({place} is CONSTANT or same({place}, CONSTANT))"
                self._check(check, place, _short(value), value)
                self.plan.values[place] = _short(value)
            return
        node = self.reach.nodes.get(id(value))
        if node is not None and node.kind == "leaf":
            return
        if node is not None and self._is_structural(node, inside):
            self._structure(place, value, node)
            return
        self._identity(place, value)

    def _check(self, check: str, place: str, was: str, constant: Any = None) -> None:
        self.plan.checks.append(ArgumentCheck(check, place, f"argument `{place}`", was, constant, "CONSTANT" in check))

    def _is_structural(self, node: Node, inside: bool) -> bool:
        value = node.value
        if id(value) in self.plan.structural or id(value) in self.plan.local_names:
            return False
        if is_record(value):
            if not self._fields_are_known(node):
                return False
        elif not is_plain_container(value) or not self._is_only_container(node):
            return False
        own = 1 if inside else 0
        return self.references.get(id(value), 0) == own and self._occurrences(value) <= 1

    def _fields_are_known(self, node: Node) -> bool:
        """Tell whether a record was only read by the names of its attributes, and all of these were noted."""
        known = {(edge.accessor, edge.name) for edge in node.outgoing}
        if any(accessor not in ("attribute", "slot") for accessor, _ in known):
            return False
        held = {(place, name) for name, place, _ in fields(node.value)}
        read = {(edge.accessor, edge.name) for edge in node.outgoing if edge.value is not MISSING}
        return node.kind == "instance" and held == read

    @staticmethod
    def _is_only_container(node: Node) -> bool:
        """Tell whether a container was read as such, and had no attributes of its own that were read."""
        return all(
            edge.accessor in ("part", "part_of") or (edge.accessor == "attribute" and edge.value is MISSING)
            for edge in node.outgoing
        )

    def _occurrences(self, value: Any) -> int:
        return self.reach.argument_counts.get(id(value), 0)

    def _structure(self, place: str, value: Any, node: Node) -> None:
        plan, cls = self.plan, type(value)
        plan.structural.add(id(value))
        if not issubclass(cls, tuple):
            plan.distinct.append(place)
        self._class(place, value, node)
        if is_record(value):
            for name, _, item in fields(value):
                self.value(f"{place}.{name}", item, inside=True)
            return
        if self.guard_values:
            if issubclass(cls, dict | set):
                keys = shallow_items(value)[: len(value)]
                word = "a dict with the same keys" if issubclass(cls, dict) else "a set with the same items"
                self._check(f"same((*{place},), CONSTANT)", place, word, keys)
            else:
                self._check(f"len({place}) == {len(value)}", place, f"{len(value)} items long")
        if issubclass(cls, dict):
            for key, item in dict.items(value):
                self.value(f"{place}[{key!r}]", item, inside=True)
        elif not issubclass(cls, set):
            for position, item in enumerate(shallow_items(value)):
                self.value(f"{place}[{position}]", item, inside=True)

    def _class(self, place: str, value: Any, node: Node) -> None:
        """Plan the guard of the class; what has guarded reads besides gets a variable, by which they find it."""
        plan, cls = self.plan, type(value)
        if node.outgoing and cls not in (list, tuple, dict, set):
            name = f"a{len(plan.variables)}"
            plan.variables[name] = place
            plan.local_names[id(value)] = name
            self._check(f"type({name} := {place}) is CONSTANT", place, f"one {cls.__name__} object", cls)
        elif self.guard_values and cls in (list, tuple, dict, set):
            self._check(f"type({place}) is {cls.__name__}", place, f"one {cls.__name__} object")
        elif self.guard_values:
            self._check(f"type({place}) is CONSTANT", place, f"one {cls.__name__} object", cls)

    def _identity(self, place: str, value: Any) -> None:
        plan = self.plan
        held = plan.local_names.get(id(value))
        if held is not None:
            self._check(f"{place} is {held}", place, "the same object as another argument")
            return
        try:
            reference = weakref.ref(value)
        except TypeError:
            self._check(f"{place} is CONSTANT", place, f"one particular {type(value).__name__} object", value)
            return
        name = f"a{len(plan.variables)}"
        plan.variables[name] = place
        plan.local_names[id(value)] = name
        self._check(
            f"w{len(plan.references)}() is ({name} := {place})", place, f"one particular {type(value).__name__} object"
        )
        plan.references.append(reference)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
