"""Nested structures: which containers and records of data are looked into for tensors, and by which expressions their
parts are reached.
"""

from collections.abc import Iterator
from typing import Any

from tracegraph.observe.records import fields, is_plain_container, is_record


def is_namedtuple(value: Any) -> bool:
    """Whether a value is an instance of a named tuple class."""
    return isinstance(value, tuple) and hasattr(type(value), "_fields")


def is_container(value: Any) -> bool:
    """Whether a value is looked into: tuples, lists, dicts, sets of immutables, dataclass instances, namespaces."""
    return is_plain_container(value) or is_record(value)


def parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """What a container or record holds, each with the Python expression that reaches it from `path`."""
    if is_record(value):
        for name, _, item in fields(value):
            yield f"{path}.{name}", item
    elif isinstance(value, dict):
        for key, item in dict.items(value):
            yield f"{path}[{key!r}]", item
    elif isinstance(value, tuple | list):
        for number, item in enumerate(value):
            yield f"{path}[{number}]", item


def walk(value: Any, path: str) -> Iterator[tuple[str, Any, bool]]:
    """All parts of a structure with their expressions, outer before inner; True stands by what is looked into.

    What is reached by several ways, or contains itself, is looked into once.
    """
    seen: set[int] = set()
    pending = [(path, value)]
    while pending:
        place, part = pending.pop()
        inside = is_container(part)
        yield place, part, inside
        if inside and id(part) not in seen:
            seen.add(id(part))
            pending += [*parts(part, place)][::-1]


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The leaves of a structure, each with the Python expression that reaches it from `path`.

    >>> list(leaves({"a": (1, [2])}, "x"))
    [("x['a'][0]", 1), ("x['a'][1][0]", 2)]
    """
    return ((place, part) for place, part, inside in walk(value, path) if not inside)


def containers(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The containers inside of a structure, each with the expression that reaches it from `path`.

    >>> list(containers({"a": (1, [2])}, "x"))
    [("x['a']", (1, [2])), ("x['a'][1]", [2])]
    """
    return ((place, part) for place, part, inside in walk(value, path) if inside and place != path)
