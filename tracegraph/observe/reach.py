"""Follow everything that running code can get hold of, and note each step as an edge with the value it had.

An object is *exposed* when running code can look up any of its names on it. The names of all code seen so far apply to
all exposed objects, so that an object handed from one function to another in a way that cannot be seen loses nothing.
"""

import abc
import collections
import enum
import functools
import gc
import types
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any, Final

import numpy as np

from tracegraph.observe.bytecode import Chain, CodeFacts
from tracegraph.observe.format_strings import names_in_format_call
from tracegraph.observe.holders import functions_in, holders
from tracegraph.observe.kinds import NOT_GUARDED
from tracegraph.observe.lookup import Lookups, inside, plain_step
from tracegraph.observe.model import Child, Classifier, Edge, Expand, Node, Site
from tracegraph.observe.purity import (
    EVENTED_TYPES,
    is_pure_function,
)
from tracegraph.observe.records import fields, is_record
from tracegraph.observe.special_methods import unseen_special_methods
from tracegraph.observe.values import (
    CONTAINERS,
    MISSING,
    class_dict,
    class_mro,
    is_immutable,
    is_python_class,
    read_cell,
    shallow_items,
)

_KNOWN_METACLASSES: Final = (abc.ABCMeta, enum.EnumMeta)


class TooMuchError(Exception):
    """The call can reach more objects than can be followed."""


class Reach(Lookups):
    """The objects and edges seen so far, and the names that code seen so far can look up."""

    def __init__(
        self, classifier: Classifier, limit: int, is_trusted: Callable[[types.CodeType], bool] = lambda code: False
    ) -> None:
        super().__init__(classifier)
        self.is_trusted = is_trusted
        self.limit = limit
        self.exposed: list[Node] = []
        self.names: dict[str, None] = {}
        self.stored: set[str] = set()
        self.rebinds_anything = False
        self.functions: dict[int, list[types.FunctionType]] = {}
        self.pending_chains: list[tuple[str, tuple[str, ...]]] = []
        self.snapshots: dict[int, tuple[object, ...]] = {}
        self.used_classes: dict[int, tuple[type, Site]] = {}
        self.argument_counts: dict[int, int] = {}
        self.adopted: dict[tuple[int, int], list[tuple[type, str, Any]]] = {}
        self.item_count = 0
        self.opens_records = False
        """While arguments are opened: records among them are looked into whatever names the code has."""
        self._queue: list[Node] = []

    # -- names -----------------------------------------------------------------------------------------------------

    def add_code(self, facts: CodeFacts, site: Site) -> None:
        """Take over the names of a code object that is about to run for the first time."""
        self.site = site
        self.rebinds_anything = self.rebinds_anything or facts.rebinds_anything
        for chain in facts.chains:
            if len(chain.names) > 0:
                self.pending_chains.append((chain.root, chain.names))
        self.stored.update(facts.stored)
        self.add_names(sorted(facts.general))
        self._promote_stored_chains()

    def add_names_of_format(self, function: Any, site: Site) -> None:
        """Take over the attribute names in a format string whose method `format` is about to be called."""
        names = names_in_format_call(function)
        if names:
            self.site = site
            self.add_names(names)

    def add_names(self, names: Iterable[str]) -> None:
        """Note that running code can look up these names on whatever it has in its hands."""
        fresh = [name for name in names if name not in self.names]
        if not fresh:
            return
        self.names.update(dict.fromkeys(fresh))
        for node in list(self.exposed):
            for name in fresh:
                self._attribute(node, name, node.path)
        self._drain()

    def _promote_stored_chains(self) -> None:
        """Make the names of a chain general where running code may rebind one of the chain's steps."""
        kept = []
        for root, names in self.pending_chains:
            before = [root, *names[:-1]]
            position = next((index for index, name in enumerate(before) if name in self.stored), None)
            if self.rebinds_anything:
                self.add_names(names)
            elif position is None:
                kept.append((root, names))
            else:
                self.add_names(names[position:])
        self.pending_chains = kept

    # -- nodes -----------------------------------------------------------------------------------------------------

    def expose(self, value: Any, path: str, site: Site) -> None:
        """Note that running code has `value` in its hands and may do anything with it."""
        self.site = site
        self._push(value, path)
        self._drain()

    def set_aside_arrays(self, values: Iterable[Any], site: Site, depth: int = 4) -> None:
        """NumPy arrays among the arguments are others on each call: their contents are not worth a guard."""
        for value in values:
            if issubclass(type(value), np.ndarray):
                self.nodes[id(value)] = Node(value, "an array among the arguments", site, "opaque", NOT_GUARDED)
            elif depth and type(value) in (list, tuple, dict):
                self.set_aside_arrays(shallow_items(value), site, depth - 1)

    def count_arguments(self, values: Iterable[Any]) -> None:
        """Count at how many argument positions each object stands."""
        for value in values:
            self.argument_counts[id(value)] = self.argument_counts.get(id(value), 0) + 1

    def _push(self, value: Any, path: str, called: bool = False, checked: bool = False) -> None:
        if is_immutable(value):
            return
        node = self.node_of(value, path)
        if node.named:
            return
        if node.kind == "leaf":  # no name of it is looked up
            node.named = True
            return
        if called and type(value) in EVENTED_TYPES and not (is_pure_function(value) and _has_receiver(value)):
            return  # the call itself gives a profile event, which is judged
        if checked and issubclass(type(value), type):
            self._use_metaclass(value)
            return
        node.named = True
        self._queue.append(node)

    def captured_leaves(self, structural: Set[int]) -> Iterator[Any]:
        """The library's leaves that are reached from elsewhere than the arguments,
        whose containers are `structural`.
        """
        for node in self.nodes.values():
            if not node.external or id(node.value) in structural:
                continue
            for value in (*[edge.value for edge in node.outgoing], *self.snapshots.get(id(node.value), ())):
                held = self.nodes.get(id(value))
                if held is not None and held.kind == "leaf":
                    yield value

    def _drain(self) -> None:
        while self._queue:
            node = self._queue.pop()
            if len(self.edges) + self.item_count > self.limit:
                raise TooMuchError
            self.exposed.append(node)
            self._open(node)
            for name in list(self.names):
                self._attribute(node, name, node.path)

    # -- edges -----------------------------------------------------------------------------------------------------

    def _follow(self, edge: Edge, called: bool = False, checked: bool = False) -> None:
        if edge.value is not MISSING:
            self._push(edge.value, edge.path, called, checked)

    # -- expanding -------------------------------------------------------------------------------------------------

    def _open(self, node: Node) -> None:
        value, kind = node.value, node.kind
        if kind == "container":
            self._open_container(node)
            self.use_class(type(value))
        elif kind == "function":
            self._open_function_object(value)
        elif kind == "wrapper":
            self._open_wrapper(node)
        elif kind in ("iterator", "view"):
            self._open_parts(node)
        elif kind == "class":
            self.use_class(value)
            if is_python_class(value) and issubclass(type(value), enum.EnumMeta):
                for table in ("_member_map_", "_value2member_map_"):  # the latter holds combined flags, too
                    for member in dict.values(class_dict(value).get(table, {})):
                        self._part(node, member)
        elif kind == "instance":
            self._open_instance(node)
        elif kind == "expand":
            self.use_class(type(value))
        elif kind == "c_function":
            self._open_c_function(node)

    def _open_parts(self, node: Node) -> None:
        for part in gc.get_referents(node.value):
            if not issubclass(type(part), type):
                self._part(node, part)

    def _open_function_object(self, function: types.FunctionType) -> None:
        self.register(function)
        if self.is_trusted(function.__code__):  # nobody tells when it runs what it holds
            for cell in function.__closure__ or ():
                self._push(read_cell(cell), f"a variable of `{function.__qualname__}`")

    def _open_c_function(self, node: Node) -> None:
        if _has_receiver(node.value):
            self._part(node, node.value.__self__)
            self.add_names(names_in_format_call(node.value))

    def _part(self, node: Node, part: Any) -> None:
        """Follow a part that cannot be exchanged while the object lives."""
        if not is_immutable(part):
            key = f"part{len(node.outgoing)}"
            self._follow(self.edge(node.value, "part", key, lambda: part, node.path, guarded=False))

    def _open_wrapper(self, node: Node) -> None:
        value = node.value
        for name in ("__func__", "__self__", "__wrapped__", "fget", "fset", "fdel", "func", "args", "keywords"):
            if name == "__wrapped__" and type(value) is types.MethodType:
                continue
            part = getattr(value, name, None)
            if part is not None:
                self._part(node, part)
        if type(value) is functools.partial and type(value.args) is tuple:
            for part in value.args:
                self._part(node, part)

    def _open_container(self, node: Node) -> None:
        value = node.value
        items = shallow_items(value)
        self.snapshots[id(value)] = items
        plain = sum(map(is_immutable, items))
        self.item_count += len(items) - plain + plain // 16
        if self.item_count > self.limit:
            raise TooMuchError
        half = len(items) // 2 if issubclass(type(value), dict) else 0
        for position, item in enumerate(items):
            if not is_immutable(item):
                label = repr(items[position - half]) if half and position >= half else str(position)
                if half and position >= half and not is_immutable(items[position - half]):
                    label = "..."
                path = f"{node.path}[{label}]" if "`" not in node.path else inside(node.path, f"[{label}]")
                self._push(item, path)
        if type(value) is collections.defaultdict:
            self._follow(self.edge(value, "part_of", "default_factory", lambda: value.default_factory, node.path))

    def _open_instance(self, node: Node) -> None:
        """Of a record among the arguments note all attributes, and follow the containers and records in them."""
        self.use_class(type(node.value))
        if not self.opens_records and type(node.value) is types.SimpleNamespace:
            self._attribute(node, "__dict__", node.path)  # it is printed and compared by all that is in it
        if not self.opens_records or not is_record(node.value):
            return
        for name, _, item in fields(node.value):
            path = inside(node.path, f".{name}")
            self.attribute_edges(node, name)
            if issubclass(type(item), CONTAINERS) or is_record(item):
                self._push(item, path)
            elif not is_immutable(item):
                self.node_of(item, path)

    def expand_library_object(self, node: Node) -> None:
        """Take down the parts of a library object, and follow those that are library objects themselves."""
        known = self.classifier.classify(node.value)
        if not isinstance(known, Expand):
            return
        node.protected = known.protected
        labels = []
        for child in known.children:
            labels.append(child.label)
            self._child(node, child, known.protected)
        node.children = tuple(labels)

    def _child(self, node: Node, child: Child, protected: bool) -> None:
        owner = node.value
        getter, wanted = child.getter, child.value
        path = inside(node.path, f".{child.label}" if child.label.isidentifier() else child.label)
        edge = self.edge(
            owner, "child", child.label, lambda: getter(owner), path,
            extra=getter, protected=protected, guarded=child.stable,
        )  # fmt: skip
        edge.value = wanted
        if is_immutable(wanted):
            return
        is_function = type(wanted) in (
            types.FunctionType,
            types.MethodType,
            functools.partial,
        )  # the library may call it
        if is_function or child.label in self.names or self._holds_library_objects(wanted, 4):
            self._push(wanted, path)

    def _holds_library_objects(self, value: Any, depth: int) -> bool:
        """Tell whether a part of a library object is, or holds in containers, objects that the library claims."""
        if self.classifier.classify(value) is not None:
            return True
        if depth == 0 or not issubclass(type(value), CONTAINERS):
            return False
        return any(self._holds_library_objects(item, depth - 1) for item in shallow_items(value))

    def use_class(self, cls: type) -> None:
        """Note that the behaviour of `cls` matters, so that its guards watch for added and removed methods."""
        for base in class_mro(cls):
            if id(base) not in self.used_classes and is_python_class(base):
                self.used_classes[id(base)] = (base, self.site)
                self._use_metaclass(base)
                if self.node_of(base, f"class `{base.__name__}`").kind != "leaf":
                    for name in unseen_special_methods(base):
                        self._follow(self.class_entry(base, name))
        if is_python_class(cls):
            node = self.node_of(cls, f"class `{cls.__name__}`")
            if not node.named and node.kind == "class":
                node.named = True
                self._queue.append(node)

    def _use_metaclass(self, cls: type) -> None:
        if is_python_class(type(cls)) and type(cls) not in _KNOWN_METACLASSES:
            self.use_class(type(cls))

    def register(self, function: types.FunctionType) -> None:
        """Note a function that may run, so that its cells and defaults are followed when it does."""
        held = self.functions.setdefault(id(function.__code__), [])
        if not any(other is function for other in held):
            held.append(function)
            self.node_of(function, f"function `{function.__name__}`")

    def open_function(self, function: types.FunctionType, site: Site) -> None:
        """Follow the code, defaults and closure of a function that is about to run."""
        self.site = site
        node = self.node_of(function, f"function `{function.__name__}`")
        label = f"`{function.__qualname__}`"
        self.edge(function, "part_of", "__code__", lambda: function.__code__, f"the code of {label}")
        for name in ("__defaults__", "__kwdefaults__"):
            reader = functools.partial(getattr, function, name)
            edge = self.edge(function, "part_of", name, reader, f"the defaults of {label}")
            self._follow(edge)
            if type(edge.value) is tuple:
                for part in edge.value:
                    self._part(node, part)
        for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            path = f"variable `{variable}` of {label}"
            self.edge(function, "part", variable, functools.partial(_itself, cell), label, guarded=False)
            self.node_of(cell, path)
            self.edge(cell, "cell", variable, functools.partial(read_cell, cell), path)
        self._drain()

    # -- attributes ------------------------------------------------------------------------------------------------

    def _attribute(self, node: Node, name: str, path: str) -> None:
        for edge in self.attribute_edges(node, name):
            self._follow(edge)

    # -- chains ----------------------------------------------------------------------------------------------------

    def follow_chain(self, chain: Chain, value: Any, path: str, site: Site) -> None:
        """Follow a chain of attributes from the value of its root variable."""
        self.site = site
        for position, name in enumerate(chain.names):
            last = position == len(chain.names) - 1
            if is_immutable(value):
                return
            node = self.node_of(value, path)
            if node.kind in ("instance", "container", "expand", "class") and not node.named:
                self._use_chain_class(node)
            handed_over = node.kind in ("container", "view", "iterator", "generator", "wrapper", "c_function")
            if handed_over or (node.opaque and node.kind in ("opaque", "instance")):
                self._push(value, path)
            edges = self.attribute_edges(node, name)
            if last:
                for edge in edges:
                    if chain.used:
                        self._follow(edge, chain.called, chain.checked)
                    elif edge.accessor == "class" and is_python_class(type(edge.value)):
                        self.use_class(type(edge.value))  # a store may run its `__set__`
                break
            step = plain_step(node, name, edges)
            if step is MISSING:
                self.add_names(chain.names[position + 1 :])
                for edge in edges:
                    self._follow(edge)
                break
            value, path = step, inside(path, f".{name}")
        else:
            if chain.used:
                self._push(value, path, chain.called, chain.checked)
        self._drain()

    def _use_chain_class(self, node: Node) -> None:
        self.use_class(node.value if node.kind == "class" else type(node.value))

    # -- adoption --------------------------------------------------------------------------------------------------

    def adopt(self, code: types.CodeType, receiver: Any, site: Site) -> bool:
        """Find the function of running code on the class of its first argument, and note that it was read there."""
        self.site = site
        is_class = issubclass(type(receiver), type)
        key = (id(code), id(receiver) if is_class else id(type(receiver)))
        entries = self.adopted.get(key)
        if entries is None:
            classes: list[type] = [*class_mro(type(receiver)), *(class_mro(receiver) if is_class else ())]
            entries = [
                (base, name, entry) for base in classes if is_python_class(base) for name, entry in holders(base, code)
            ]
            self.adopted[key] = entries
        for base, name, entry in entries:
            self._adopt_entry(base, name, entry, receiver)
        self._drain()
        return bool(entries)

    def _adopt_entry(self, base: type, name: str, entry: Any, receiver: Any) -> None:
        edge = self.class_entry(base, name)
        self.use_class(base)
        self._follow(edge)
        for function in functions_in(entry):
            self.register(function)
        special = name.startswith("__") and name.endswith("__")
        if not special and not issubclass(type(receiver), type):
            node = self.node_of(receiver, f"an object of class `{type(receiver).__name__}`")
            self.attribute_edges(node, name)
        self.use_class(receiver if issubclass(type(receiver), type) else type(receiver))


def _itself(value: Any) -> Any:
    return value


def _has_receiver(function: Any) -> bool:
    """Tell whether a C function is a method bound to an object (not to a module or a class)."""
    owner = getattr(function, "__self__", None)
    return owner is not None and not issubclass(type(owner), (type, types.ModuleType))
