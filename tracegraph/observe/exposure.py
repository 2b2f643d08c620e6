"""Expose objects to running code: each name that it can look up is looked up on each object that it can have.

The names of all code seen so far apply to all exposed objects, so that an object handed from one function to another in
a way that cannot be seen loses nothing.
"""

import abc
import enum
import types
from collections.abc import Iterable
from typing import Any, Final

from tracegraph.observe.lookup import Lookups
from tracegraph.observe.model import Classifier, Edge, Node, Site
from tracegraph.observe.purity import EVENTED_TYPES, is_pure_function
from tracegraph.observe.special_methods import unseen_special_methods
from tracegraph.observe.values import MISSING, class_mro, is_immutable, is_python_class

_KNOWN_METACLASSES: Final = (abc.ABCMeta, enum.EnumMeta)


class TooMuchError(Exception):
    """The call can reach more objects than can be followed."""


class Exposure(Lookups):
    """The objects that running code can have in its hands, the names it can look up, and the classes it relies on."""

    def __init__(self, classifier: Classifier, limit: int) -> None:
        super().__init__(classifier)
        self.limit = limit
        self.item_count = 0
        self.exposed: list[Node] = []
        self.names: dict[str, None] = {}
        self.used_classes: dict[int, tuple[type, Site]] = {}
        self._queue: list[Node] = []

    def expose(self, value: Any, path: str, site: Site) -> None:
        """Note that running code has `value` in its hands and may do anything with it."""
        self.site = site
        self._push(value, path)
        self._drain()

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

    def _push(self, value: Any, path: str, called: bool = False, checked: bool = False) -> None:
        if is_immutable(value):
            return
        node = self.node_of(value, path)
        if node.named:
            return
        if node.kind == "leaf":  # no name of it is looked up
            node.named = True
            return
        if called and type(value) in EVENTED_TYPES and not (is_pure_function(value) and has_receiver(value)):
            return  # the call itself gives a profile event, which is judged
        if checked and issubclass(type(value), type):
            self._use_metaclass(value)
            return
        node.named = True
        self._queue.append(node)

    def _follow(self, edge: Edge, called: bool = False, checked: bool = False) -> None:
        if edge.value is not MISSING:
            self._push(edge.value, edge.path, called, checked)

    def _drain(self) -> None:
        while self._queue:
            node = self._queue.pop()
            if len(self.edges) + self.item_count > self.limit:
                raise TooMuchError
            self.exposed.append(node)
            self._open(node)
            for name in list(self.names):
                self._attribute(node, name, node.path)

    def _open(self, node: Node) -> None:
        """Follow what an object just exposed gives away without a name being looked up; the business of `Opening`."""
        raise NotImplementedError

    def _attribute(self, node: Node, name: str, path: str) -> None:
        for edge in self.attribute_edges(node, name):
            self._follow(edge)


def has_receiver(function: Any) -> bool:
    """Tell whether a C function is a method bound to an object (not to a module or a class)."""
    owner = getattr(function, "__self__", None)
    return owner is not None and not issubclass(type(owner), (type, types.ModuleType))
