"""Follow everything that running code can get hold of, and note each step as an edge with the value it had.

An object is *exposed* when running code can look up any of its names on it. The names of all code seen so far apply to
all exposed objects, so that an object handed from one function to another in a way that cannot be seen loses nothing.
"""

import builtins
import collections
import enum
import functools
import gc
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from tracegraph.observe.bytecode import Chain, CodeFacts
from tracegraph.observe.model import Child, Classifier, Edge, Expand, Leaf, Node, Site
from tracegraph.observe.purity import (
    CONSTANT_TYPES,
    EVENTED_TYPES,
    GENERATORS,
    ITERATORS,
    c_bases_known,
    is_dynamic,
    is_pure_function,
    is_pure_type,
)
from tracegraph.observe.values import (
    CONTAINERS,
    MISSING,
    class_dict,
    class_mro,
    instance_dict,
    is_enum_member,
    is_immutable,
    is_python_class,
    read_cell,
    read_slot,
    shallow_items,
)

_FUNCTION_PARTS: Final = frozenset(
    {"__code__", "__defaults__", "__kwdefaults__", "__name__", "__qualname__", "__doc__", "__module__", "__annotations__"}
)
_CLASS_PARTS: Final = frozenset({"__name__", "__qualname__", "__bases__"})
_C_FUNCTIONS: Final = (
    *EVENTED_TYPES,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
)
_VIEWS: Final = (type({}.keys()), type({}.values()), type({}.items()), types.MappingProxyType)


class TooMuch(Exception):
    """The call can reach more objects than can be followed."""


class Reach:
    """The objects and edges seen so far, and the names that code seen so far can look up."""

    def __init__(self, classifier: Classifier, limit: int) -> None:
        self.classifier = classifier
        self.limit = limit
        self.nodes: dict[int, Node] = {}
        self.edges: dict[tuple[int, str, object], Edge] = {}
        self.exposed: list[Node] = []
        self.names: dict[str, None] = {}
        self.stored: set[str] = set()
        self.super_used = False
        self.functions: dict[int, list[types.FunctionType]] = {}
        self.pending_chains: list[tuple[set[str], tuple[str, ...]]] = []
        self.snapshots: dict[int, tuple[object, ...]] = {}
        self.used_classes: dict[int, tuple[type, Site]] = {}
        self.instance_dict_owner: dict[int, object] = {}
        self.item_count = 0
        self._queue: list[Node] = []
        self._site = Site()

    # -- names -----------------------------------------------------------------------------------------------------

    def add_code(self, facts: CodeFacts, site: Site) -> None:
        """Take over the names of a code object that is about to run for the first time."""
        self._site = site
        if facts.names_super and not self.super_used:
            self.super_used = True
        for chain in facts.chains:
            if len(chain.names) > 0:
                self.pending_chains.append(({chain.root}, chain.names))
        self.stored.update(facts.stored)
        self._add_names(facts.general)
        self._promote_stored_chains()

    def _add_names(self, names: Iterable[str]) -> None:
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
        for roots, names in self.pending_chains:
            before = [*roots, *names[:-1]]
            position = next((index for index, name in enumerate(before) if name in self.stored), None)
            if position is None:
                kept.append((roots, names))
            else:
                self._add_names(names[position:] if position else names)
        self.pending_chains = kept

    # -- nodes -----------------------------------------------------------------------------------------------------

    def expose(self, value: Any, path: str, site: Site) -> None:
        """Note that running code has `value` in its hands and may do anything with it."""
        self._site = site
        self._push(value, path)
        self._drain()

    def node_of(self, value: Any, path: str) -> Node:
        """Return the node of an object, made at its first sight."""
        node = self.nodes.get(id(value))
        if node is None:
            kind, opaque = self._kind(value)
            node = Node(value, path, self._site, kind, opaque)
            self.nodes[id(value)] = node
            if kind == "expand":
                self._expand_known(node)
        return node

    def _push(self, value: Any, path: str, called: bool = False, checked: bool = False) -> None:
        if is_immutable(value):
            return
        node = self.node_of(value, path)
        if node.named:
            return
        if called and type(value) in EVENTED_TYPES:
            node.opaque = node.opaque or ""
            return
        if checked and issubclass(type(value), type):
            return
        node.named = True
        self._queue.append(node)

    def _drain(self) -> None:
        while self._queue:
            node = self._queue.pop()
            if len(self.edges) + self.item_count > self.limit:
                raise TooMuch
            self.exposed.append(node)
            self._open(node)
            for name in list(self.names):
                self._attribute(node, name, node.path)

    def _kind(self, value: Any) -> tuple[str, str]:
        known = self.classifier.classify(value)
        if isinstance(known, Leaf):
            return "leaf", ""
        if isinstance(known, Expand):
            return "expand", ""
        cls = type(value)
        if issubclass(cls, types.ModuleType):
            return "module", ""
        if issubclass(cls, type):
            return self._kind_of_class(value)
        if cls is types.FunctionType:
            return "function", ""
        if cls in _C_FUNCTIONS:
            if is_pure_function(value):
                return "c_function", ""
            return "c_function", f"the C function `{value.__name__}`, whose effects are not known"
        if cls in (types.MethodType, property, staticmethod, classmethod, functools.partial, functools.cached_property):
            return "wrapper", ""
        if cls is types.CellType:
            return "cell", ""
        if cls in ITERATORS:
            return "iterator", f"an iterator ({cls.__name__})"
        if cls in GENERATORS:
            return "generator", f"a {cls.__name__}"
        if cls in _VIEWS:
            return "view", ""
        if issubclass(cls, CONTAINERS):
            known_kind = cls in CONTAINERS or cls in (collections.OrderedDict, collections.defaultdict)
            if known_kind or (is_python_class(cls) and c_bases_known(cls)):
                return "container", ""
        if cls in CONSTANT_TYPES or cls.__module__ == "typing":
            return "constant", ""
        if cls is types.SimpleNamespace or (is_python_class(cls) and c_bases_known(cls)):
            return "instance", ""
        if issubclass(cls, np.ndarray):
            return "opaque", "a NumPy array, whose contents are not guarded"
        if cls.__name__ == "_lru_cache_wrapper":
            return "opaque", "a function with functools.lru_cache, whose cache is hidden state"
        return "opaque", f"an object of type {cls.__module__}.{cls.__qualname__}, which cannot be looked into"

    def _kind_of_class(self, cls: type) -> tuple[str, str]:
        if is_python_class(cls):
            if not c_bases_known(cls):
                return "class", f"the class {cls.__name__}, which extends a C type that cannot be looked into"
            for base in class_mro(cls):
                if "__del__" in class_dict(base) and is_python_class(base):
                    return "class", f"the class {cls.__name__}, which has a finaliser (__del__)"
            return "class", ""
        if is_pure_type(cls) or cls.__module__ == "typing":
            return "class", ""
        return "class", f"the C type {cls.__module__}.{cls.__qualname__}, whose effects are not known"

    # -- edges -----------------------------------------------------------------------------------------------------

    def edge(
        self,
        owner: Any,
        accessor: str,
        name: Any,
        reader: Callable[[], object],
        path: str,
        *,
        extra: Any = None,
        protected: bool = False,
        guarded: bool = True,
    ) -> Edge:
        """Note one read, with the value it gives now, unless it was noted before."""
        key = (id(owner), accessor, name)
        found = self.edges.get(key)
        if found is None:
            found = Edge(owner, accessor, name, reader(), path, self._site, reader, protected, guarded, extra)
            self.edges[key] = found
            node = self.nodes.get(id(owner))
            if node is None:
                node = Node(owner, path, self._site, "holder")
                self.nodes[id(owner)] = node
            node.outgoing.append(found)
        return found

    def _follow(self, edge: Edge, called: bool = False, checked: bool = False) -> None:
        if edge.value is not MISSING:
            self._push(edge.value, edge.path, called, checked)

    def entry(self, holder: dict[str, Any], name: str, path: str) -> Edge:
        """Note the entry `name` of a namespace (globals, builtins, `sys.modules`, the dictionary of a module)."""
        return self.edge(holder, "entry", name, lambda: holder.get(name, MISSING), path)

    def global_entry(self, scope: dict[str, Any], inner: Any, name: str) -> Edge:
        """Note what the global `name` is, in the builtins where the module does not define it."""
        module = scope.get("__name__", "?")
        found = self.entry(scope, name, f"global `{name}`")
        if found.value is MISSING:
            found.extra = module
            held = inner if isinstance(inner, dict) else vars(builtins)
            return self.entry(held, name, f"builtin `{name}`")
        found.extra = module
        return found

    # -- expanding -------------------------------------------------------------------------------------------------

    def _open(self, node: Node) -> None:
        value, kind = node.value, node.kind
        if kind == "container":
            self._open_container(node)
            self.use_class(type(value))
        elif kind == "function":
            self.register(value)
        elif kind == "wrapper":
            self._open_wrapper(node)
        elif kind in ("iterator", "view"):
            for part in gc.get_referents(value):
                if not issubclass(type(part), type):
                    self._part(node, part)
        elif kind == "class":
            self.use_class(value)
            if is_python_class(value) and issubclass(type(value), enum.EnumMeta):
                for member in dict.values(class_dict(value).get("_member_map_", {})):  # type: ignore[arg-type]
                    self._part(node, member)
        elif kind == "instance":
            self.use_class(type(value))
        elif kind == "c_function":
            owner = getattr(value, "__self__", None) if type(value) in _C_FUNCTIONS else None
            if owner is not None and not isinstance(owner, (type, types.ModuleType)):
                self._part(node, owner)
        elif kind == "expand":
            self.use_class(type(value))

    def _part(self, node: Node, part: Any) -> None:
        """Follow a part that cannot be exchanged while the object lives."""
        if not is_immutable(part):
            key = f"part{len(node.outgoing)}"
            self._follow(self.edge(node.value, "part", key, lambda: part, node.path, guarded=False))

    def _open_wrapper(self, node: Node) -> None:
        value = node.value
        for name in ("__func__", "__self__", "__wrapped__", "fget", "fset", "fdel", "func", "args", "keywords"):
            if name in ("__wrapped__",) and type(value) is types.MethodType:
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
        self.item_count += len(items)
        if self.item_count > self.limit:
            raise TooMuch
        half = len(items) // 2 if issubclass(type(value), dict) else 0
        for position, item in enumerate(items):
            if not is_immutable(item):
                label = repr(items[position - half]) if half and position >= half else str(position)
                if half and position >= half and not is_immutable(items[position - half]):
                    label = "..."
                path = f"{node.path}[{label}]" if "`" not in node.path else _inside(node.path, f"[{label}]")
                self._push(item, path)
        if type(value) is collections.defaultdict:
            self._follow(
                self.edge(value, "part_of", "default_factory", lambda: value.default_factory, node.path)
            )

    def _expand_known(self, node: Node) -> None:
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
        path = _inside(node.path, f".{child.label}" if child.label.isidentifier() else child.label)
        edge = self.edge(
            owner, "child", child.label, lambda: getter(owner), path,
            extra=getter, protected=protected, guarded=child.stable,
        )  # fmt: skip
        edge.value = wanted
        if is_immutable(wanted):
            return
        if child.label in self.names or self._kind(wanted)[0] in ("leaf", "expand"):
            self._push(wanted, path)

    def use_class(self, cls: type) -> None:
        """Note that the behaviour of `cls` matters, so that its guards watch for added and removed methods."""
        for base in class_mro(cls):
            if id(base) not in self.used_classes and is_python_class(base):
                self.used_classes[id(base)] = (base, self._site)
        if is_python_class(cls):
            node = self.node_of(cls, f"class `{cls.__name__}`")
            if not node.named and node.kind == "class":
                node.named = True
                self._queue.append(node)

    def register(self, function: types.FunctionType) -> None:
        """Note a function that may run, so that its cells and defaults are followed when it does."""
        held = self.functions.setdefault(id(function.__code__), [])
        if not any(other is function for other in held):
            held.append(function)
            self.node_of(function, f"function `{function.__name__}`")

    def open_function(self, function: types.FunctionType, site: Site) -> None:
        """Follow the code, defaults and closure of a function that is about to run."""
        self._site = site
        node = self.node_of(function, f"function `{function.__name__}`")
        label = f"`{function.__qualname__}`"
        self.edge(function, "part_of", "__code__", lambda: function.__code__, f"the code of {label}")
        for name in ("__defaults__", "__kwdefaults__"):
            edge = self.edge(
                function, "part_of", name, lambda name=name: getattr(function, name), f"the defaults of {label}"  # type: ignore[misc]
            )
            self._follow(edge)
            if type(edge.value) is tuple:
                for part in edge.value:
                    self._part(node, part)
        for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            self.edge(function, "part", variable, lambda cell=cell: cell, label, guarded=False)  # type: ignore[misc]
            self.node_of(cell, f"variable `{variable}` of {label}")
            self.edge(
                cell, "cell", variable, lambda cell=cell: read_cell(cell), f"variable `{variable}` of {label}"  # type: ignore[misc]
            )
        self._drain()

    # -- attributes ------------------------------------------------------------------------------------------------

    def _attribute(self, node: Node, name: str, path: str) -> None:
        for edge in self.attribute_edges(node, name):
            self._follow(edge)

    def attribute_edges(self, node: Node, name: str) -> list[Edge]:
        """Note all places that a lookup of `name` on an object consults, and return them in no particular order."""
        value, kind = node.value, node.kind
        path = _inside(node.path, f".{name}")
        if kind in ("leaf", "constant", "iterator", "generator", "cell", "holder", "view", "c_function"):
            return []
        if kind == "opaque":
            return []
        if kind == "module":
            return self._module_edges(value, name, path)
        if kind == "class":
            return self._class_edges(value, name, path)
        found: list[Edge] = []
        if name in node.children:
            found.append(self.edges[(id(value), "child", name)])
        else:
            found += self._instance_edges(node, name, path)
        if kind == "function" and name in _FUNCTION_PARTS:
            found.append(self.edge(value, "part_of", name, lambda: getattr(value, name), path))
        if kind not in ("function", "wrapper"):
            found += self._mro_edges(type(value), value, name, path)
        return found

    def _instance_edges(self, node: Node, name: str, path: str) -> list[Edge]:
        value = node.value
        held = instance_dict(value)
        if held is None:
            return []
        if name == "__dict__":
            edge = self.edge(value, "instance_dict", name, lambda: instance_dict(value), path, protected=False)
            return [edge]
        found = [
            self.edge(
                value, "attribute", name, lambda: (instance_dict(value) or {}).get(name, MISSING), path,
                protected=node.protected,
            )  # fmt: skip
        ]
        if name in ("value", "name") and is_enum_member(value):
            found += self._instance_edges(node, f"_{name}_", path)
        return found

    def _mro_edges(self, cls: type, value: Any, name: str, path: str) -> list[Edge]:
        found = []
        for base in class_mro(cls):
            held = class_dict(base)
            if name not in held or not is_python_class(base):
                continue
            if self._kind(base)[0] == "leaf":
                continue
            edge = self._class_entry(base, name)
            found.append(edge)
            if type(edge.value) is types.MemberDescriptorType and value is not None:
                found.append(self._slot_edge(value, name, edge.value, path))
        return found

    def _slot_edge(self, value: Any, name: str, descriptor: Any, path: str) -> Edge:
        return self.edge(value, "slot", name, lambda: read_slot(value, descriptor), path, extra=descriptor)

    def _class_entry(self, base: type, name: str) -> Edge:
        held = class_dict(base)
        self.node_of(base, f"class `{base.__name__}`")
        return self.edge(base, "class", name, lambda: held.get(name, MISSING), f"`{base.__name__}.{name}`")

    def _class_edges(self, cls: type, name: str, path: str) -> list[Edge]:
        found = self._mro_edges(cls, None, name, path)
        if type(cls) is not type:
            found += self._mro_edges(type(cls), None, name, path)
        if name in _CLASS_PARTS and is_python_class(cls):
            reader = type.__dict__[name].__get__
            found.append(self.edge(cls, "class_part", name, lambda: reader(cls), path))
        return found

    def _module_edges(self, module: types.ModuleType, name: str, path: str) -> list[Edge]:
        held = instance_dict(module)
        if held is None:
            return []
        self.instance_dict_owner[id(held)] = module
        self.edge(module, "part", "namespace", lambda: held, path, guarded=False)
        if name == "__dict__":
            return [self.edge(module, "instance_dict", name, lambda: held, path)]
        found = [self.entry(held, name, path)]
        if found[0].value is MISSING:
            found.append(self.entry(held, "__getattr__", path))
        if type(module) is not types.ModuleType:
            self.use_class(type(module))
            found += self._mro_edges(type(module), module, name, path)
        return found

    # -- chains ----------------------------------------------------------------------------------------------------

    def follow_chain(self, chain: Chain, value: Any, path: str, site: Site) -> None:
        """Follow a chain of attributes from the value of its root variable."""
        self._site = site
        for position, name in enumerate(chain.names):
            last = position == len(chain.names) - 1
            if is_immutable(value):
                return
            node = self.node_of(value, path)
            if node.kind in ("instance", "container", "expand", "class") and not node.named:
                self._use_chain_class(node)
            if node.kind == "opaque" or (node.kind in ("iterator", "generator") and not node.named):
                self._push(value, path)
            edges = self.attribute_edges(node, name)
            if last:
                for edge in edges:
                    if chain.used:
                        self._follow(edge, chain.called, chain.checked)
                break
            step = self._plain_step(node, name, edges)
            if step is MISSING:
                self._add_names(chain.names[position + 1 :])
                for edge in edges:
                    self._follow(edge)
                break
            value, path = step, _inside(path, f".{name}")
        else:
            if chain.used:
                self._push(value, path, chain.called, chain.checked)
        self._drain()

    def _use_chain_class(self, node: Node) -> None:
        self.use_class(node.value if node.kind == "class" else type(node.value))

    def _plain_step(self, node: Node, name: str, edges: list[Edge]) -> Any:
        """Return the value of an attribute if that is certain without running code, else MISSING."""
        if node.kind in ("leaf", "opaque", "wrapper", "constant"):
            return MISSING
        in_class = [edge for edge in edges if edge.accessor == "class"]
        own = [edge for edge in edges if edge.accessor in ("entry", "attribute", "child", "slot") and edge.value is not MISSING]
        if node.kind == "module":
            return own[0].value if own and own[0].name == name and not in_class else MISSING
        if any("__getattribute__" in class_dict(base) for base in class_mro(type(node.value)) if is_python_class(base)):
            return MISSING
        if own and not [edge for edge in in_class if _has_get(edge.value) and edge.accessor != "slot" and not own[0].accessor == "slot"]:
            return own[0].value
        if node.kind == "class" and len(in_class) >= 1 and not _has_get(in_class[0].value):
            return in_class[0].value if type(node.value) is type else MISSING
        if not own and in_class and not _has_get(in_class[0].value):
            return in_class[0].value
        return MISSING

    # -- adoption --------------------------------------------------------------------------------------------------

    def adopt(self, code: types.CodeType, receiver: Any, site: Site) -> bool:
        """Find the function of running code on the class of its first argument, and note that it was looked up there."""
        self._site = site
        found = False
        classes: list[type] = [*class_mro(type(receiver))]
        if issubclass(type(receiver), type):
            classes += class_mro(receiver)
        for base in classes:
            if not is_python_class(base):
                continue
            for name, entry in list(class_dict(base).items()):
                if any(function.__code__ is code for function in functions_in(entry)):
                    found = True
                    self._adopt_entry(base, name, entry, receiver)
        self._drain()
        return found

    def _adopt_entry(self, base: type, name: str, entry: Any, receiver: Any) -> None:
        edge = self._class_entry(base, name)
        self.use_class(base)
        self._follow(edge)
        for function in functions_in(entry):
            self.register(function)
        special = name.startswith("__") and name.endswith("__")
        if not special and not issubclass(type(receiver), type):
            node = self.node_of(receiver, f"an object of class `{type(receiver).__name__}`")
            self.attribute_edges(node, name)
        self.use_class(receiver if issubclass(type(receiver), type) else type(receiver))


def functions_in(entry: Any) -> list[types.FunctionType]:
    """Return the Python functions that a class attribute wraps: itself, a property's, a static or class method's."""
    kind = type(entry)
    if kind is types.FunctionType:
        return [entry]
    if kind in (staticmethod, classmethod):
        return functions_in(entry.__func__)
    parts: list[Any] = []
    if kind is property or issubclass(kind, property):
        parts = [entry.fget, entry.fset, entry.fdel]
    elif kind is functools.cached_property:
        parts = [entry.func]
    return [function for part in parts if part is not None for function in functions_in(part)]


def module_named(name: str) -> Any:
    """Return an imported module, `MISSING` where it was not imported."""
    return sys.modules.get(name, MISSING)


def _has_get(value: Any) -> bool:
    return any("__get__" in class_dict(base) for base in class_mro(type(value)))


def _inside(path: str, suffix: str) -> str:
    """Put an accessor inside the closing back quote of a path: "global `a`" and ".b" give "global `a.b`"."""
    if path.endswith("`"):
        return f"{path[:-1]}{suffix}`"
    return f"{path}{suffix}"


__all__ = ["Reach", "TooMuch", "functions_in", "module_named"]
