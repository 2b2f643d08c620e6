"""Open exposed objects: follow what each kind of object gives away without a name being looked up on it."""

import collections
import enum
import functools
import gc
import types
from collections.abc import Callable
from typing import Any

from tracegraph.observe.exposure import Exposure, TooMuchError, has_receiver
from tracegraph.observe.format_strings import names_in_format_call
from tracegraph.observe.lookup import inside
from tracegraph.observe.model import Child, Classifier, Expand, Node, Site
from tracegraph.observe.records import fields, is_record
from tracegraph.observe.values import CONTAINERS, class_dict, is_immutable, is_python_class, read_cell, shallow_items


class Opening(Exposure):
    """The parts of the objects exposed so far: items, receivers, cells, defaults, parts of the library's objects."""

    def __init__(self, classifier: Classifier, limit: int, is_trusted: Callable[[types.CodeType], bool]) -> None:
        super().__init__(classifier, limit)
        self.is_trusted = is_trusted
        self.functions: dict[int, list[types.FunctionType]] = {}
        self.snapshots: dict[int, tuple[object, ...]] = {}
        self.opens_records = False
        """While arguments are opened: records among them are looked into whatever names the code has."""

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
        if has_receiver(node.value):
            self._part(node, node.value.__self__)
            self.add_names(names_in_format_call(node.value))

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

    def _part(self, node: Node, part: Any) -> None:
        """Follow a part that cannot be exchanged while the object lives."""
        if not is_immutable(part):
            key = f"part{len(node.outgoing)}"
            self._follow(self.edge(node.value, "part", key, lambda: part, node.path, guarded=False))

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
        may_be_called = type(wanted) in (types.FunctionType, types.MethodType, functools.partial)  # by the library
        if may_be_called or child.label in self.names or self._holds_library_objects(wanted, 4):
            self._push(wanted, path)

    def _holds_library_objects(self, value: Any, depth: int) -> bool:
        """Tell whether a part of a library object is, or holds in containers, objects that the library claims."""
        if self.classifier.classify(value) is not None:
            return True
        if depth == 0 or not issubclass(type(value), CONTAINERS):
            return False
        return any(self._holds_library_objects(item, depth - 1) for item in shallow_items(value))


def _itself(value: Any) -> Any:
    return value
