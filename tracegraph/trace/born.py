"""How to make again, on every replay, an object that a recorded call made: containers of all kinds, dataclass instances
and other objects of plain classes.

Such an object is what its class lays out: the content of a builtin container, a dictionary of attributes, slots. It is
made without `__init__`, whose doings the recording has seen.
"""

import collections
import types
import weakref
from dataclasses import dataclass
from typing import Any, Final

from tracegraph.observe.records import solid_base
from tracegraph.observe.values import (
    MISSING,
    class_dict,
    class_mro,
    instance_dict,
    is_immutable,
    is_python_class,
    read_slot,
    shallow_items,
)
from tracegraph.trace.classify import LibraryClassifier


def _fill_in_order(value: Any, pairs: tuple[tuple[Any, Any], ...]) -> None:
    """Set the items of an ordered dict, whatever its class does when one is set."""
    for key, item in pairs:
        collections.OrderedDict.__setitem__(value, key, item)


_FILLED_BY: Final[dict[type, Any]] = {
    list: list.extend,
    dict: dict.update,
    collections.OrderedDict: _fill_in_order,
    collections.defaultdict: dict.update,
    set: set.update,
    collections.deque: collections.deque.extend,
}
"""Builtin containers that can be made empty, and the method that fills them."""
_BASES: Final = (*_FILLED_BY, tuple, object, types.SimpleNamespace)


@dataclass(frozen=True)
class Layout:
    """What an object consists of.

    `items` are those of a builtin container (of a dict, pairs), `made_with` the arguments that an empty one is made
    with, `slots` pairs of a descriptor and a value.
    """

    base: type
    items: tuple[Any, ...]
    made_with: tuple[Any, ...]
    attributes: dict[str, Any]
    slots: tuple[tuple[Any, Any], ...]

    @property
    def fill(self) -> Any:
        """The method that fills an empty container of this base, None for tuples and objects."""
        return _FILLED_BY.get(self.base)

    def parts(self) -> list[Any]:
        """All objects that are held directly."""
        items = [part for pair in self.items for part in pair] if issubclass(self.base, dict) else list(self.items)
        return [*items, *self.made_with, *self.attributes.values(), *(value for _, value in self.slots)]


def layout(value: Any) -> Layout | None:
    """What an object consists of, None where it cannot be made again from that."""
    cls = type(value)
    base = solid_base(cls)
    if base not in _BASES or cls is object or LibraryClassifier().classify(value) is not None:
        return None
    if any("__del__" in class_dict(kind) for kind in class_mro(cls)) or _is_watched(value):
        return None
    items: tuple[Any, ...] = ()
    made_with: tuple[Any, ...] = ()
    if issubclass(base, dict):
        flat = shallow_items(value)
        items = tuple(zip(flat[: len(flat) // 2], flat[len(flat) // 2 :], strict=True))
    elif base not in (object, types.SimpleNamespace):
        items = shallow_items(value)
    if base is set and not (all(map(is_immutable, items)) and tuple(set(items)) == items):
        return None  # the order of a set depends on how it came about
    if base is collections.defaultdict:
        made_with = (value.default_factory,)
    elif base is collections.deque:
        made_with = ((), value.maxlen)
    return Layout(base, items, made_with, dict(instance_dict(value) or {}), _slots(value))


def _is_watched(value: Any) -> bool:
    """Whether a weak reference leads to an object: what asks for it may find it gone, or another."""
    try:
        return weakref.getweakrefcount(value) > 0
    except TypeError:
        return False


def _slots(value: Any) -> tuple[tuple[Any, Any], ...]:
    found = []
    for base in class_mro(type(value)):
        for descriptor in class_dict(base).values():
            if type(descriptor) is types.MemberDescriptorType and is_python_class(base):
                held = read_slot(value, descriptor)
                if held is not MISSING:
                    found.append((descriptor, held))
    return tuple(found)


def set_attributes(value: Any, attributes: dict[str, Any]) -> None:
    """Give a new object its attributes, whatever its class does when one is set."""
    held = instance_dict(value)
    assert held is not None
    held.update(attributes)
