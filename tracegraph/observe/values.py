"""Look at any Python object without running its class's code: class and instance dictionaries, equality of values."""

import collections
import enum
import types
import weakref
from collections.abc import Mapping
from typing import Any, Final

import numpy as np


class Missing:
    """The type of `MISSING`, which stands for "no such entry"."""

    def __repr__(self) -> str:
        return "<missing>"


MISSING: Final = Missing()

_class_dict_of = type.__dict__["__dict__"].__get__
_class_mro_of = type.__dict__["__mro__"].__get__

_SCALARS: Final = frozenset(
    {type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented), range}
)
_NUMPY: Final = (np.generic, np.dtype)
_DESCRIPTORS = (types.GetSetDescriptorType, types.MemberDescriptorType)
_IMMUTABLE_TYPE_FLAG: Final = 1 << 8
_HEAP_TYPE_FLAG: Final = 1 << 9
_C_DESCRIPTORS = (types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType)


def is_immutable(value: Any) -> bool:
    """Tell whether `value` is an immutable that a guard compares by type and value (tuples of such included)."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind is tuple or kind is frozenset:
        return all(is_immutable(item) for item in value)
    if kind is slice:
        return is_immutable(value.start) and is_immutable(value.stop) and is_immutable(value.step)
    if not issubclass(kind, _NUMPY):
        return False
    return issubclass(kind, np.dtype) or (kind.__module__ == "numpy" and not issubclass(kind, (np.void, np.object_)))


def same(first: Any, second: Any) -> bool:
    """Tell whether two values cannot be told apart: identical, or immutables of one type with one value.

    Signed zeros differ, a NaN equals a NaN, `1` and `True` differ. Mutable objects are the same only if identical.
    """
    if first is second:
        return True
    kind = type(first)
    if kind is not type(second):
        return False
    if kind is float:
        return bool(first.hex() == second.hex())
    if kind in (int, str, bytes, bool):
        return bool(first == second)
    if kind is complex:
        return same(first.real, second.real) and same(first.imag, second.imag)
    if kind is tuple:
        return len(first) == len(second) and all(map(same, first, second))
    if not (is_immutable(first) and is_immutable(second)):
        return False
    if kind is range or kind is slice:
        return same(
            (first.start, first.stop, first.step),
            (second.start, second.stop, second.step),
        )
    if kind is frozenset:
        return same(tuple(first), tuple(second))
    if issubclass(kind, np.generic):
        return bool(first.dtype == second.dtype) and first.tobytes() == second.tobytes()
    return bool(first == second)


def class_mro(cls: type) -> tuple[type, ...]:
    """Return the method resolution order of `cls`, whatever its metaclass does."""
    return _class_mro_of(cls)  # type: ignore[no-any-return]


def class_dict(cls: type) -> Mapping[str, Any]:
    """Return the live read-only view of the attributes that `cls` itself defines."""
    return _class_dict_of(cls)  # type: ignore[no-any-return]


def instance_dict(value: object) -> dict[str, Any] | None:
    """Return the `__dict__` of an instance, or None where it has none, without running a user's property."""
    for cls in class_mro(type(value)):
        descriptor = class_dict(cls).get("__dict__")
        if type(descriptor) in _DESCRIPTORS:
            try:
                found = descriptor.__get__(value)  # type: ignore[union-attr]
            except (AttributeError, TypeError):
                return None
            return found if type(found) in _namespaces else None
    return None


_namespaces: set[type] = {dict}


def register_namespace(kind: type) -> None:
    """Declare a subclass of dict that reads like a dict and may stand as the `__dict__` of an instance."""
    _namespaces.add(kind)


def read_slot(value: object, descriptor: Any) -> object:
    """Return the value of a slot of an instance, `MISSING` where it is empty."""
    try:
        return descriptor.__get__(value)
    except AttributeError:
        return MISSING


def read_cell(cell: types.CellType) -> object:
    """Return the content of a closure cell, `MISSING` where it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


_python_classes: weakref.WeakKeyDictionary[type, bool] = weakref.WeakKeyDictionary()


def is_python_class(cls: type) -> bool:
    """Tell whether `cls` was made by a `class` statement (or `type(...)`), as opposed to C code."""
    known = _python_classes.get(cls) if type(cls) is type else None
    if known is None:
        known = _made_by_python(cls)
        if type(cls) is type:
            _python_classes[cls] = known
    return known


def _made_by_python(cls: type) -> bool:
    flags = type.__dict__["__flags__"].__get__(cls)
    if not flags & _HEAP_TYPE_FLAG or flags & _IMMUTABLE_TYPE_FLAG:
        return False
    for name, value in class_dict(cls).items():
        if type(value) in _C_DESCRIPTORS and value.__objclass__ is cls:
            return False
        if type(value) is types.GetSetDescriptorType and name not in ("__dict__", "__weakref__"):
            return False
        if name == "__new__" and type(value) is types.BuiltinFunctionType and value.__self__ is cls:
            return False
    return True


def is_enum_member(value: object) -> bool:
    """Tell whether `value` is a member of an `enum.Enum` class."""
    return issubclass(type(value), enum.Enum)


def shallow_items(value: object) -> tuple[object, ...]:
    """Return the direct contents of a builtin container (or of an instance of its subclass) as a flat tuple.

    A dict gives its keys and then its values, in order; a bytearray its bytes.
    """
    kind = type(value)
    for base, reader in _CONTAINER_READERS:
        if issubclass(kind, base):
            return reader(value)  # type: ignore[no-any-return]
    raise TypeError(f"{kind.__name__} is not a container that can be looked into")


def _dict_items(value: Any) -> tuple[object, ...]:
    return (*dict.keys(value), *dict.values(value))


def _ordered_items(value: Any) -> tuple[object, ...]:
    keys = tuple(collections.OrderedDict.__iter__(value))
    return (*keys, *(dict.__getitem__(value, key) for key in keys))


_CONTAINER_READERS: Final[tuple[tuple[type, Any], ...]] = (
    (list, lambda value: tuple(list.__iter__(value))),
    (tuple, lambda value: tuple(tuple.__iter__(value))),
    (collections.OrderedDict, _ordered_items),
    (dict, _dict_items),
    (set, lambda value: tuple(set.__iter__(value))),
    (frozenset, lambda value: tuple(frozenset.__iter__(value))),
    (collections.deque, lambda value: tuple(collections.deque.__iter__(value))),
    (bytearray, lambda value: (bytes(memoryview(value)),)),
    (np.ndarray, lambda value: (value.dtype, value.shape, value.strides, value.tobytes())),
)
CONTAINERS: Final = tuple(base for base, _ in _CONTAINER_READERS)
