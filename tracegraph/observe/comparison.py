"""Compare containers with what they held before, and say in words what a value is: for guards and their reasons."""

from collections.abc import Collection
from operator import is_
from typing import Any

from tracegraph.observe.values import MISSING, is_immutable, same, shallow_items


def same_objects(now: Collection[Any], before: tuple[Any, ...]) -> bool:
    """Tell whether a collection holds the very same objects in the same order."""
    return len(now) == len(before) and all(map(is_, now, before))


def unchanged(container: Any, before: tuple[Any, ...]) -> bool:
    """Tell whether a builtin container holds what it held before."""
    return same_items(shallow_items(container), before)


def same_items(after: tuple[Any, ...], before: tuple[Any, ...]) -> bool:
    """Tell whether two tuples hold the same things, item by item."""
    return len(after) == len(before) and (all(map(is_, after, before)) or all(map(same, after, before)))


def list_unchanged(container: list[Any], before: tuple[Any, ...]) -> bool:
    """Tell whether a list holds what it held before."""
    return len(container) == len(before) and (all(map(is_, container, before)) or all(map(same, container, before)))


def dict_unchanged(container: dict[Any, Any], keys: tuple[Any, ...], values: tuple[Any, ...]) -> bool:
    """Tell whether a dict has the keys and values it had before, in the same order."""
    if len(container) != len(keys):
        return False
    if all(map(is_, container.values(), values)) and all(map(is_, container, keys)):
        return True
    return all(map(same, container, keys)) and all(map(same, container.values(), values))


def class_name(cls: type) -> str:
    """Return the name of a class without asking its metaclass."""
    return str(type.__dict__["__name__"].__get__(cls))


def describe(value: Any) -> str:
    """Say in a few words what a value is."""
    if value is MISSING:
        return "missing"
    if is_immutable(value):
        text = repr(value)
        return text if len(text) <= 60 else text[:57] + "..."
    name = value.__dict__.get("__name__") if type(value).__name__ == "module" else getattr(type(value), "__name__", "?")
    if type(value).__name__ in ("function", "builtin_function_or_method"):
        return f"the function `{value.__name__}`"
    if issubclass(type(value), type):
        return f"the class `{class_name(value)}`"
    return f"module `{name}`" if type(value).__name__ == "module" else f"one {name} object"
