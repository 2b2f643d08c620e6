"""Tells the observer of traced calls what a module consists of.

Every part is guarded, at no cost until something changes.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tracegraph.nn.hooks import numbers
from tracegraph.nn.module import Module
from tracegraph.nn.watched import WatchedDict, WatchedList, WatchedMeta, namespace_of
from tracegraph.observe import Child
from tracegraph.observe.values import MISSING
from tracegraph.trace.classify import register_expander, register_metaclass

_TABLES = ("_parameters", "_buffers", "_modules")
_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
_OWN = frozenset((*_TABLES, *_HOOKS, "_non_persistent_buffers_set", "_compiled_call"))


def _entry(table: str, name: str) -> Callable[[Any], object]:
    return lambda module: namespace_of(module)[table].get(name, MISSING)


def _attribute(name: str) -> Callable[[Any], object]:
    return lambda module: namespace_of(module).get(name, MISSING)


def _structure(module: Any) -> tuple[Any, ...]:
    """The names of everything that the module holds, and the number of each hook, those of all modules included."""
    held = namespace_of(module)
    return (tuple(held), numbers(), *[tuple(held[table]) for table in (*_TABLES, *_HOOKS) if table in held])


def _hook(table: str, number: int) -> Callable[[Any], object]:
    return lambda module: namespace_of(module)[table].get(number, MISSING)


def expand(module: Any) -> Iterator[Child]:
    """The parts of a module: parameters, buffers, submodules, hooks and all attributes."""
    held = namespace_of(module)
    yield Child("(names)", _structure, _structure(module))
    for table in _TABLES:
        for name, value in held.get(table, {}).items():
            yield Child(name if name.isidentifier() else f"[{name}]", _entry(table, name), value)
    for table in _HOOKS:
        for number, hook in held.get(table, {}).items():
            yield Child(f"{table}[{number}]", _hook(table, number), hook)
    for name, value in held.items():
        if name not in _OWN:
            yield Child(name, _attribute(name), value)


def _item(key: Any) -> Callable[[Any], object]:
    return lambda table: dict.get(table, key, MISSING)


def expand_dict(table: Any) -> Iterator[Child]:
    """The parts of one of the dictionaries of a module."""
    yield Child("(keys)", lambda held: tuple(dict.keys(held)), tuple(dict.keys(table)))
    for number, (key, value) in enumerate(dict.items(table)):
        yield Child(f"({number})", _item(key), value)


def _position(number: int) -> Callable[[Any], object]:
    return lambda held: list.__getitem__(held, number) if number < len(held) else MISSING


def expand_list(held: Any) -> Iterator[Child]:
    """The parts of a watched list."""
    yield Child("(length)", len, len(held))
    for number, value in enumerate(list.__iter__(held)):
        yield Child(f"({number})", _position(number), value)


def has_own_attribute_access(value: Any) -> bool:
    """Whether the class of a module sets attributes in a way of its own, of which the epoch may learn nothing."""
    for cls in type(value).__mro__:
        if cls is Module:
            return False
        if "__setattr__" in cls.__dict__ or "__delattr__" in cls.__dict__:
            return True
    return True


register_metaclass(WatchedMeta)
register_expander(Module, expand, lambda module: not has_own_attribute_access(module))
register_expander(WatchedDict, expand_dict)
register_expander(WatchedList, expand_list)

__all__ = ["expand", "expand_dict", "expand_list", "has_own_attribute_access"]
