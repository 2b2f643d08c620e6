"""Make the guards of one observed run: for each read a condition in Python, and a name for each object in it."""

import abc
import keyword
from collections.abc import Mapping
from typing import Any, Final

from tracegraph.observe.arguments import plan_arguments
from tracegraph.observe.comparison import (
    class_name,
    describe,
    dict_unchanged,
    list_unchanged,
    same_objects,
    unchanged,
)
from tracegraph.observe.guards import Guard, Guards
from tracegraph.observe.model import Edge, Leaf, Node, Watched
from tracegraph.observe.reach import Reach
from tracegraph.observe.values import (
    MISSING,
    class_dict,
    class_mro,
    instance_dict,
    is_immutable,
    is_python_class,
    read_cell,
    read_slot,
    same,
)

_SINGLETONS: Final = (None, True, False, Ellipsis, NotImplemented)
_STABLE_MODULES: Final = frozenset(
    {"enum", "abc", "typing", "collections.abc", "_collections_abc", "numbers", "contextlib", "functools", "types"}
)
_UNROLLED: Final = 8


def build_guards(
    reach: Reach,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    catches: bool,
    abc_token: bool,
    argument_values: str,
) -> Guards:
    """Make the guards of all external reads. `catches`: running code may notice that an attribute is missing."""
    return _Builder(reach, args, kwargs, catches, argument_values).build(abc_token)


class _Builder:
    def __init__(
        self, reach: Reach, args: tuple[Any, ...], kwargs: Mapping[str, Any], catches: bool, argument_values: str
    ) -> None:
        self.reach = reach
        self.catches = catches
        self.guards: list[Guard] = []
        self.names: dict[int, str] = {}
        self.constants: dict[str, Any] = {
            "same": same, "M": MISSING, "instance_dict": instance_dict, "read_cell": read_cell, "read_slot": read_slot,
            "unchanged": unchanged, "class_mro": class_mro, "abc_token": abc.get_cache_token,
            "same_objects": same_objects, "list_unchanged": list_unchanged, "dict_unchanged": dict_unchanged,
        }  # fmt: skip
        self.plan = plan_arguments(reach, args, kwargs, argument_values)

    def build(self, abc_token: bool) -> Guards:
        for index, reference in enumerate(self.plan.references):
            self.constants[f"w{index}"] = reference
        self.names.update(self.plan.local_names)
        for part in self.plan.checks:
            check = part.check
            if part.has_constant:
                check = check.replace("CONSTANT", self._name(part.constant))
            self.guards.append(Guard(check, part.current, part.subject, part.was))
        if self.plan.distinct:
            self._distinct()
        self._classes()
        external = [node for node in self.reach.nodes.values() if node.external]
        for node in external:
            self._type(node)
        for node in external:
            self._edges(node)
            self._items(node)
        if abc_token:
            self.constants["registry"] = abc.get_cache_token()
            self._add(
                "same(abc_token(), registry)", "abc_token()", "the registry of abstract base classes", "as it was"
            )
        return Guards(self.guards, self.constants, self.plan)

    def _name(self, value: Any) -> str:
        found = self.names.get(id(value))
        if found is None:
            found = f"c{len(self.constants)}"
            self.names[id(value)] = found
            self.constants[found] = value
        return found

    def _add(self, check: str, current: str, subject: str, was: str, protected: bool = False) -> None:
        self.guards.append(Guard(check, current, subject, was, protected))

    def _equals(self, expression: str, value: Any) -> str:
        # Tuples are made anew by those who list keys; `same` compares what is in them, by identity where that can
        # change.
        compared = is_immutable(value) or type(value) is tuple
        if any(value is one for one in _SINGLETONS) or not compared:
            return f"{expression} is {self._name(value)}"
        constant = self._name(value)
        return f"({expression} is {constant} or same({expression}, {constant}))"

    def _distinct(self) -> None:
        places = ", ".join(f"id({place})" for place in self.plan.distinct)
        held = frozenset(
            id(node.value)
            for node in self.reach.nodes.values()
            if node.external and node.kind == "container" and id(node.value) not in self.plan.structural
        )
        self.plan.kept.extend(node.value for node in self.reach.nodes.values() if id(node.value) in held)
        count = len(self.plan.distinct)
        check = f"{self._name(held)}.isdisjoint(({places},))"
        if count > 1:
            check = f"len({{{places}}}) == {count} and {check}"
        self._add(check, "args", "the arguments' containers", "different objects")

    def _classes(self) -> None:
        for cls, _site in self.reach.used_classes.values():
            if cls.__module__ in _STABLE_MODULES or isinstance(self.reach.classifier.classify(cls), Leaf):
                continue
            view, name = self._view(cls), class_name(cls)
            keys = self._name(tuple(class_dict(cls)))
            watched = self._is_watched(cls)
            subject = f"the list of attributes of class `{name}`"
            self._add(f"(*{view},) == {keys}", f"(*{view},)", subject, "as it was", watched)
            if watched:  # library code looks things up unobserved, and guards that wait for the epoch cost nothing
                held = self._name(tuple(class_dict(cls).values()))
                content = f"the attributes of class `{name}`"
                self._add(f"same_objects({view}.values(), {held})", f"(*{view},)", content, "as they were", True)
            reader = f"{self._name(cls)}.__mro__" if type(cls) is type else f"class_mro({self._name(cls)})"
            mro = self._name(class_mro(cls))
            all_watched = watched and all(
                not is_python_class(base) or self._is_watched(base) for base in class_mro(cls)
            )
            self._add(f"{reader} is {mro}", reader, f"the bases of class `{name}`", "as they were", all_watched)

    def _is_watched(self, cls: type) -> bool:
        """Tell whether every change of a class moves the epoch."""
        return isinstance(self.reach.classifier.classify(cls), Watched)

    def _view(self, cls: type) -> str:
        key = f"view of {id(cls)}"
        found = self.constants.setdefault("views", {}).get(key)
        if found is None:
            found = f"v{len(self.constants)}"
            self.constants[found] = class_dict(cls)
            self.constants["views"][key] = found
            self._name(cls)
        return str(found)

    def _type(self, node: Node) -> None:
        cls = type(node.value)
        if node.kind not in ("instance", "expand", "container") or not is_python_class(cls):
            return
        if id(node.value) in self.plan.structural or not (node.named or node.outgoing):
            return
        owner = self._name(node.value)
        subject = f"the class of {node.path}"
        self._add(f"type({owner}) is {self._name(cls)}", f"type({owner})", subject, class_name(cls), node.protected)

    def _edges(self, node: Node) -> None:
        missing: list[str] = []
        protected = False
        seen_to = ("attribute", "slot") if id(node.value) in self.plan.structural else ()
        for edge in node.outgoing:
            if not edge.guarded or (edge.accessor in seen_to and edge.value is not MISSING):
                continue
            if edge.accessor == "attribute" and edge.value is MISSING:
                if self._missing_matters(node, str(edge.name)):
                    missing.append(str(edge.name))
                    protected = edge.protected
                continue
            self._edge(node, edge)
        if missing:
            owner = self._name(node.value)
            names = self._name(frozenset(missing))
            listed = ", ".join(sorted(missing)[:3]) + (", ..." if len(missing) > 3 else "")
            held = f"instance_dict({owner})" if node.kind == "expand" else f"{owner}.__dict__"
            if not self._plain(node, "__dict__"):
                held = f"instance_dict({owner})"
            self._add(
                f"{names}.isdisjoint({held})", f"{names}.intersection({held})",
                f"the own attributes of {node.path}", f"without {listed}", protected,
            )  # fmt: skip

    def _missing_matters(self, node: Node, name: str) -> bool:
        if self.catches:
            return True
        bases = class_mro(type(node.value))
        return any(name in class_dict(base) or "__getattr__" in class_dict(base) for base in bases)

    def _plain(self, node: Node, name: str) -> bool:
        """Tell whether `owner.name` reads the instance dictionary and runs no user code."""
        if not name.isidentifier() or keyword.iskeyword(name):
            return False
        for base in class_mro(type(node.value)):
            held = class_dict(base)
            if base is not object and "__getattribute__" in held and is_python_class(base):
                return False
            if name in held and name != "__dict__" and is_python_class(base):
                return False
            if name == "__dict__" and name in held and type(held[name]) is property:
                return False
        return True

    def _edge(self, node: Node, edge: Edge) -> None:
        accessor, name, value = edge.accessor, edge.name, edge.value
        subject = f"{edge.path} ({edge.site})" if edge.site.filename else edge.path
        if accessor == "entry":
            holder = self._name(edge.owner)
            if value is MISSING:
                if edge.extra is not None or self.catches or name == "__getattr__" or "__getattr__" in edge.owner:
                    read = f"{holder}.get({name!r}, M)"
                    self._add(f"{name!r} not in {holder}", read, subject, "missing", edge.protected)
                return
            expression = f"{holder}[{name!r}]"
        elif accessor == "class":
            if value is MISSING:
                return
            if isinstance(self.reach.classifier.classify(edge.owner), Leaf) or edge.owner.__module__ in _STABLE_MODULES:
                return
            expression = f"{self._view(edge.owner)}[{name!r}]"
            self._add(
                self._equals(expression, value), expression, subject, describe(value), self._is_watched(edge.owner)
            )
            return
        elif accessor == "attribute":
            owner = self._name(edge.owner)
            expression = f"{owner}.{name}" if self._plain(node, name) else f"instance_dict({owner})[{name!r}]"
        elif accessor == "part_of":
            expression = f"{self._name(edge.owner)}.{name}"
        elif accessor == "cell":
            cell = self._name(edge.owner)
            expression = f"{cell}.cell_contents" if value is not MISSING else f"read_cell({cell})"
        elif accessor == "slot":
            expression = f"read_slot({self._name(edge.owner)}, {self._name(edge.extra)})"
        elif accessor == "child":
            expression = f"{self._name(edge.extra)}({self._name(edge.owner)})"
        elif accessor == "class_part":
            expression = f"{self._name(type.__dict__[name].__get__)}({self._name(edge.owner)})"
        elif accessor == "instance_dict":
            expression = f"instance_dict({self._name(edge.owner)})"
        else:
            raise AssertionError(f"unknown kind of read: {accessor}")
        self._add(self._equals(expression, value), expression, subject, describe(value), edge.protected)

    def _items(self, node: Node) -> None:
        before = self.reach.snapshots.get(id(node.value))
        kind = type(node.value)
        if before is None or issubclass(kind, (tuple, frozenset)) or id(node.value) in self.plan.structural:
            return
        owner = self._name(node.value)
        subject = f"the contents of {node.path} ({node.site})"
        if kind is list and len(before) <= _UNROLLED:
            self._add(f"len({owner}) == {len(before)}", f"len({owner})", f"the length of {node.path}", str(len(before)))
            for position, item in enumerate(before):
                read = f"{owner}[{position}]"
                self._add(
                    self._equals(read, item), read, f"item {position} of {node.path} ({node.site})", describe(item)
                )
            return
        half = len(before) // 2
        if kind is dict and half <= _UNROLLED and all(type(key) is str for key in before[:half]):
            keys = self._name(before[:half])
            self._add(f"(*{owner},) == {keys}", f"(*{owner},)", f"the keys of {node.path}", describe(before[:half]))
            for key, item in zip(before[:half], before[half:], strict=True):
                read = f"{owner}[{key!r}]"
                self._add(self._equals(read, item), read, f"item {key!r} of {node.path} ({node.site})", describe(item))
            return
        if kind is dict:
            check = f"dict_unchanged({owner}, {self._name(before[:half])}, {self._name(before[half:])})"
        else:
            reader = "list_unchanged" if kind is list else "unchanged"
            check = f"{reader}({owner}, {self._name(before)})"
        self._add(check, owner, subject, f"{half if issubclass(kind, dict) else len(before)} items as they were")
