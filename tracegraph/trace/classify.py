"""Tells the observer of calls which objects the library guards itself: tensors by identity, modules by their parts."""

from collections.abc import Callable, Iterable
from typing import Any

from tracegraph.handles import RemovableHandle
from tracegraph.observe import LEAF, WATCHED, Child, Expand, Known, Leaf
from tracegraph.observe.values import class_mro
from tracegraph.random import Generator
from tracegraph.tensor import Tensor

Expander = Callable[[Any], Iterable[Child]]
_expanders: dict[type, tuple[Expander, Callable[[Any], bool]]] = {}
_leaves: tuple[type, ...] = (Tensor, RemovableHandle, Generator)
_metaclasses: tuple[type[type], ...] = ()
_TENSOR = Leaf(
    frozenset(
        {"_data", "_rg", "_node", "_grad", "_base", "_parent", "_view_operation", "_view_version", "_version"}
        | {"_hooks", "_literal", "_storage", "persistent"}
    )
)
"""Tensors are guarded by identity or kind, but people may set attributes of their own on them."""
_closed: dict[int, type] = {}


def _always(value: Any) -> bool:
    return True


def _never(value: Any) -> bool:
    return False


def register_expander(kind: type, expand: Expander, protected: Callable[[Any], bool] = _always) -> None:
    """Declare a library class whose attributes move the epoch when they change, and how to list the parts of an
    instance.

    `protected` tells of an instance whether that promise holds for it (a user's subclass may break it).
    """
    _expanders[kind] = (expand, protected)


def register_leaf(kind: type) -> None:
    """Declare a library class whose instances are guarded elsewhere."""
    global _leaves  # noqa: PLW0603 - read on every call, so a plain module variable
    _leaves = (*_leaves, kind)


def register_closed(kind: type, expand: Expander) -> None:
    """Declare a library class that nobody changes, and how to list those parts of an instance that user code is in.

    The class itself is not looked into.
    """
    _expanders[kind] = (expand, _never)
    _closed[id(kind)] = kind


def register_metaclass(kind: type[type]) -> None:
    """Declare a class of classes whose every change moves the epoch; it does not change itself."""
    _closed[id(kind)] = kind
    global _metaclasses  # noqa: PLW0603 - read on every call, so a plain module variable
    _metaclasses = (*_metaclasses, kind)


class LibraryClassifier:
    """The classifier given to the observer."""

    def classify(self, value: object, /) -> Known | None:
        """How to treat an object: tensors are leaves, registered classes are expanded."""
        cls = type(value)  # not isinstance, which asks the object for its `__class__`
        if issubclass(cls, Tensor):
            return _TENSOR
        if issubclass(cls, _leaves) or id(value) in _closed:
            return LEAF
        if issubclass(cls, _metaclasses):
            return WATCHED
        for kind in class_mro(cls):
            known = _expanders.get(kind)
            if known is not None:
                expand, protected = known
                return Expand(expand(value), protected=protected(value))
        return None
