"""Objects that are plain records of data: which attributes a dataclass instance or a namespace has that can be read by
name without running anybody's code, and which containers can be read by position or key so.
"""

import abc
import collections
import dataclasses
import keyword
import types
from collections.abc import Iterator
from typing import Any, Final

from tracegraph.observe.values import (
    MISSING,
    class_dict,
    class_mro,
    instance_dict,
    is_immutable,
    is_python_class,
    read_slot,
)

_BASES: Final = (tuple, list, dict, collections.OrderedDict, collections.defaultdict, set)
_DATACLASSES: Final = str(dataclasses.__file__)
_READING_FIELDS: Final = frozenset(
    {"replace", "_replace", "fields", "is_dataclass", "_is_dataclass_instance", "asdict", "_asdict_inner", "astuple"}
    | {"_astuple_inner"}
)
_READING: Final = ("__getitem__", "__iter__", "__len__", "__getattribute__")


def first_in_mro(cls: type, name: str) -> Any:
    """What a class has under a name, from the first of its bases that has it; MISSING where none has."""
    for base in class_mro(cls):
        held = class_dict(base)
        if name in held:
            return held[name]
    return MISSING


def _is_overridden(cls: type, names: tuple[str, ...]) -> bool:
    return any(name in class_dict(base) for base in class_mro(cls) if is_python_class(base) for name in names)


def solid_base(cls: type) -> type:
    """The first base of a class that was not made by a `class` statement: it decides how instances are laid out."""
    return next(base for base in class_mro(cls) if not is_python_class(base))


def is_record(value: object) -> bool:
    """Tell whether an object is a dataclass instance or a namespace, whose attributes are read by name."""
    cls = type(value)
    marked = [base for base in class_mro(cls) if "__dataclass_fields__" in class_dict(base)]
    if not marked and not issubclass(cls, types.SimpleNamespace):
        return False
    if type(cls) not in (type, abc.ABCMeta):
        return False
    return solid_base(cls) in (object, types.SimpleNamespace) and not _is_overridden(cls, ("__getattribute__",))


def fields(value: object) -> Iterator[tuple[str, str, Any]]:
    """The attributes of a record: name, kind of place ("attribute" or "slot"), value.

    Attributes that a property hides are left out: reading them runs code.
    """
    cls = type(value)
    for name, held in (instance_dict(value) or {}).items():
        shared = first_in_mro(cls, name)
        hidden = shared is not MISSING and (_has(shared, "__set__") or _has(shared, "__delete__"))
        if type(name) is str and name.isidentifier() and not keyword.iskeyword(name) and not hidden:
            yield name, "attribute", held
    for base in class_mro(cls):
        for name, held in class_dict(base).items():
            if type(held) is types.MemberDescriptorType and is_python_class(base) and first_in_mro(cls, name) is held:
                found = read_slot(value, held)
                if found is not MISSING:
                    yield name, "slot", found


def _has(value: object, name: str) -> bool:
    return first_in_mro(type(value), name) is not MISSING


def is_plain_container(value: Any) -> bool:
    """Tell whether a tuple, list, dict or set (or an instance of a subclass) is read as these are, and can be so by an
    expression: keys are literals, sets hold immutables.
    """
    cls = type(value)
    if cls is tuple or cls is list:
        return True
    if not issubclass(cls, (dict, list, tuple, set)):
        return False
    base = next(kind for kind in (dict, list, tuple, set) if issubclass(cls, kind))
    if cls not in _BASES and (not is_python_class(cls) or solid_base(cls) not in _BASES):
        return False
    if cls not in _BASES and _is_overridden(cls, _READING):
        return False
    if base is dict:
        return all(is_literal(key) for key in dict.keys(value))
    return base is not set or all(is_immutable(item) for item in set.__iter__(value))


def is_literal(value: Any) -> bool:
    """Tell whether `repr(value)` is an expression that gives the value again."""
    kind = type(value)
    if kind is tuple:
        return all(is_literal(item) for item in value)
    if kind is float:
        return bool(value - value == 0)  # neither infinite nor NaN, which are no literals
    return kind in (str, int, bool, bytes, type(None))


def names_of_fields(frame: types.FrameType) -> list[str]:
    """The names that a function of `dataclasses` may look up: the fields of the instances and classes that it has in
    its hands. Empty for all other frames.
    """
    if frame.f_code.co_filename != _DATACLASSES or frame.f_code.co_name not in _READING_FIELDS:
        return []
    names = ["__dataclass_fields__", "__dataclass_params__"]
    for held in frame.f_locals.values():
        known = first_in_mro(held if issubclass(type(held), type) else type(held), "__dataclass_fields__")
        if type(known) is dict:
            names += [name for name in known if type(name) is str]
    return names
