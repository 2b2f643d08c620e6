"""Tells the observer of calls which objects the library guards itself: tensors by identity, modules by their parts."""

from collections.abc import Callable
from typing import Any

from tracegraph.observe import Child, Expand, Known, Leaf
from tracegraph.tensor import RemovableHandle, Tensor

Expander = Callable[[Any], list[Child]]
_expanders: dict[type, Expander] = {}
_leaves: tuple[type, ...] = (Tensor, RemovableHandle)


def register_expander(kind: type, expand: Expander) -> None:
    """Declare a library class whose attributes move the epoch when they change, and how to list the parts of an instance."""
    _expanders[kind] = expand


def register_leaf(kind: type) -> None:
    """Declare a library class whose instances are guarded elsewhere."""
    global _leaves
    _leaves = (*_leaves, kind)


class LibraryClassifier:
    """The classifier given to the observer."""

    def classify(self, value: object, /) -> Known | None:
        """How to treat an object: tensors are leaves, registered classes are expanded."""
        if isinstance(value, _leaves):
            return Leaf()
        for kind in type(value).__mro__:
            expand = _expanders.get(kind)
            if expand is not None:
                return Expand(expand(value), protected=True)
        return None
