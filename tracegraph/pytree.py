"""Nested structures: which containers are looked into for tensors,
and how they are taken apart and put together again.
"""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

CONTAINERS = (tuple, list, dict, OrderedDict)


def is_namedtuple(value: Any) -> bool:
    """Whether a value is an instance of a named tuple class."""
    return isinstance(value, tuple) and hasattr(type(value), "_fields")


def is_container(value: Any) -> bool:
    """Whether a value is looked into."""
    return type(value) in CONTAINERS or is_namedtuple(value)


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The leaves of a structure, each with the Python expression that reaches it from `path`.

    >>> list(leaves({"a": (1, [2])}, "x"))
    [("x['a'][0]", 1), ("x['a'][1][0]", 2)]
    """
    if isinstance(value, tuple | list) and is_container(value):
        for number, item in enumerate(value):
            yield from leaves(item, f"{path}[{number}]")
    elif isinstance(value, dict) and is_container(value):
        for key, item in value.items():
            yield from leaves(item, f"{path}[{key!r}]")
    else:
        yield path, value


def containers(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The containers inside of a structure, each with the expression that reaches it from `path`.

    >>> list(containers({"a": (1, [2])}, "x"))
    [("x['a']", (1, [2])), ("x['a'][1]", [2])]
    """
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if is_container(item):
            inner = f"{path}[{key!r}]"
            yield inner, item
            yield from containers(item, inner)


def rebuild(value: Any, replace: Callable[[Any], Any]) -> Any:
    """The structure with new containers of the same kinds and its leaves replaced.

    >>> rebuild((1, {"k": [2, 3]}), lambda leaf: leaf * 10)
    (10, {'k': [20, 30]})
    """
    if is_namedtuple(value):
        return type(value)(*[rebuild(item, replace) for item in value])
    if type(value) in (tuple, list):
        return type(value)(rebuild(item, replace) for item in value)
    if type(value) in (dict, OrderedDict):
        return type(value)((key, rebuild(item, replace)) for key, item in value.items())
    return replace(value)


def is_dataclass_instance(value: Any) -> bool:
    """Whether a value is an instance of a dataclass."""
    return dataclasses.is_dataclass(value) and not isinstance(value, type)
