"""Decide for each argument whether its guard asks for the same object or only for the same structure and values."""

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracegraph.observe.model import Node
from tracegraph.observe.reach import Reach
from tracegraph.observe.values import is_immutable, shallow_items


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
    distinct: list[str] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)


def plan_arguments(
    reach: Reach, args: tuple[Any, ...], kwargs: Mapping[str, Any], argument_values: str
) -> ArgumentPlan:
    """Plan the guards of the arguments of one call.

    Lists, tuples and dicts that only the arguments lead to, by one path, are compared by structure; other mutable
    objects by identity. Objects that the library guards itself are not compared where they stand as arguments.
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
        cls = type(node.value)
        if cls not in (list, tuple, dict) and not (issubclass(cls, tuple) and hasattr(cls, "_fields")):
            return False
        if id(node.value) in self.plan.structural or id(node.value) in self.plan.local_names:
            return False
        if cls is dict and not all(is_immutable(key) for key in node.value):
            return False
        own = 1 if inside else 0
        return self.references.get(id(node.value), 0) == own and self._occurrences(node.value) <= 1

    def _occurrences(self, value: Any) -> int:
        return self.reach.argument_counts.get(id(value), 0)

    def _structure(self, place: str, value: Any, node: Node) -> None:
        plan, cls = self.plan, type(value)
        plan.structural.add(id(value))
        if self.guard_values:
            if cls in (list, tuple, dict):
                self._check(f"type({place}) is {cls.__name__}", place, f"one {cls.__name__} object")
            else:
                self._check(f"type({place}) is CONSTANT", place, f"one {cls.__name__} object", cls)
            if cls is dict:
                self._check(f"same((*{place},), CONSTANT)", place, "a dict with the same keys", tuple(value))
            else:
                self._check(f"len({place}) == {len(value)}", place, f"{len(value)} items long")
        if not issubclass(cls, tuple):
            plan.distinct.append(place)
        if cls is dict:
            for key, item in value.items():
                self.value(f"{place}[{key!r}]", item, inside=True)
        else:
            for position, item in enumerate(shallow_items(value)):
                self.value(f"{place}[{position}]", item, inside=True)

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
        self._check(f"w{len(plan.references)}() is {name}", place, f"one particular {type(value).__name__} object")
        plan.references.append(reference)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
