"""Walking through nested lists, tuples and dicts, as tests of both libraries need it."""

from collections.abc import Callable, Iterator
from typing import Any


def leaves(value: Any) -> Iterator[Any]:
    """Everything in nested lists, tuples and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same nesting with changed leaves."""
    if isinstance(value, dict):
        return {key: rebuilt(part, change) for key, part in value.items()}
    if isinstance(value, list):
        return [rebuilt(part, change) for part in value]
    if isinstance(value, tuple):
        return tuple(rebuilt(part, change) for part in value)
    return change(value)
