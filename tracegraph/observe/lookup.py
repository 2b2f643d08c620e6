"""Note what a lookup consults, without running it: namespaces, instance dictionaries, slots and class dictionaries."""

import builtins
import types
from collections.abc import Callable
from typing import Any, Final

from tracegraph.observe.kinds import kind_of
from tracegraph.observe.model import Classifier, Edge, Leaf, Node, Site
from tracegraph.observe.values import (
    MISSING,
    class_dict,
    class_mro,
    instance_dict,
    is_enum_member,
    is_python_class,
    read_slot,
)

_FUNCTION_PARTS: Final = frozenset(
    {
        "__code__",
        "__defaults__",
        "__kwdefaults__",
        "__name__",
        "__qualname__",
        "__doc__",
        "__module__",
        "__annotations__",
    }
)
_CLASS_PARTS: Final = frozenset({"__name__", "__qualname__", "__bases__"})


class Lookups:
    """The objects seen so far, and the reads noted of them."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        self.nodes: dict[int, Node] = {}
        self.edges: dict[tuple[int, str, object], Edge] = {}
        self.namespaces: set[int] = set()
        self.site = Site()

    def node_of(self, value: Any, path: str) -> Node:
        """Return the node of an object, made at its first sight."""
        node = self.nodes.get(id(value))
        if node is None:
            kind, opaque = kind_of(value, self.classifier)
            node = Node(value, path, self.site, kind, opaque)
            self.nodes[id(value)] = node
            if kind == "expand":
                self.expand_library_object(node)
            elif kind == "leaf":
                node.foreign = foreign_attributes(value, self.classifier)
        return node

    def expand_library_object(self, node: Node) -> None:
        """Take down the parts of a library object; following them is the business of `Opening`."""
        raise NotImplementedError

    def use_class(self, cls: type) -> None:
        """Note that the behaviour of `cls` matters."""
        raise NotImplementedError

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
            found = Edge(owner, accessor, name, reader(), path, self.site, reader, protected, guarded, extra)
            self.edges[key] = found
            node = self.nodes.get(id(owner))
            if node is None:
                node = Node(owner, path, self.site, "holder")
                self.nodes[id(owner)] = node
            node.outgoing.append(found)
        return found

    def entry(self, holder: dict[str, Any], name: str, path: str) -> Edge:
        """Note the entry `name` of a namespace (globals, builtins, `sys.modules`, the dictionary of a module)."""
        self.namespaces.add(id(holder))
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

    def attribute_edges(self, node: Node, name: str) -> list[Edge]:
        """Note all places that a lookup of `name` on an object consults, and return them in no particular order."""
        value, kind = node.value, node.kind
        path = inside(node.path, f".{name}")
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
                value,
                "attribute",
                name,
                lambda: (instance_dict(value) or {}).get(name, MISSING),
                path,
                protected=node.protected,
            )
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
            if kind_of(base, self.classifier)[0] == "leaf":
                continue
            edge = self.class_entry(base, name)
            found.append(edge)
            if type(edge.value) is types.MemberDescriptorType and value is not None:
                found.append(self._slot_edge(value, name, edge.value, path))
        return found

    def _slot_edge(self, value: Any, name: str, descriptor: Any, path: str) -> Edge:
        return self.edge(value, "slot", name, lambda: read_slot(value, descriptor), path, extra=descriptor)

    def class_entry(self, base: type, name: str) -> Edge:
        """Note the attribute `name` that the class `base` itself defines."""
        held = class_dict(base)
        self.node_of(base, f"class `{base.__name__}`")
        return self.edge(base, "class", name, lambda: held.get(name, MISSING), f"`{base.__name__}.{name}`")

    def _class_edges(self, cls: type, name: str, path: str) -> list[Edge]:
        if name == "__dict__" and is_python_class(cls):
            return [self.class_entry(cls, own) for own in class_dict(cls)]
        found = self._mro_edges(cls, None, name, path)
        if name not in class_dict(cls) and is_python_class(cls):
            self.class_entry(cls, name)
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


def foreign_attributes(value: Any, classifier: Classifier) -> dict[str, Any] | None:
    """The attributes that others than the library have set on one of its objects; None where there are none."""
    known = classifier.classify(value)
    held = instance_dict(value)
    if not isinstance(known, Leaf) or known.own is None or held is None or held.keys() <= known.own:
        return None
    return {name: item for name, item in held.items() if name not in known.own}


def plain_step(node: Node, name: str, edges: list[Edge]) -> Any:
    """Return the value of an attribute if that is certain without running code, else MISSING."""
    if node.kind in ("leaf", "opaque", "wrapper", "constant"):
        return MISSING
    if node.kind == "module":
        return edges[0].value if edges and edges[0].accessor == "entry" and len(edges) == 1 else MISSING
    if node.kind == "class" and type(node.value) is not type:
        return MISSING
    if any("__getattribute__" in class_dict(base) for base in class_mro(type(node.value)) if is_python_class(base)):
        return MISSING
    own = next((e for e in edges if e.accessor in ("attribute", "child") and e.value is not MISSING), None)
    shared = next((e.value for e in edges if e.accessor == "class"), MISSING)
    if type(shared) is types.MemberDescriptorType:
        return next((e.value for e in edges if e.accessor == "slot"), MISSING)
    if own is not None and not has_method(shared, "__set__") and not has_method(shared, "__delete__"):
        return own.value
    return MISSING if own is not None or has_method(shared, "__get__") else shared


def has_method(value: Any, name: str) -> bool:
    """Tell whether the class of `value` defines the special method `name`."""
    return any(name in class_dict(base) for base in class_mro(type(value)))


def inside(path: str, suffix: str) -> str:
    """Put an accessor inside the closing back quote of a path: "global `a`" and ".b" give "global `a.b`"."""
    if path.endswith("`"):
        return f"{path[:-1]}{suffix}`"
    return f"{path}{suffix}"
