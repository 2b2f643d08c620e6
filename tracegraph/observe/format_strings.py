"""Find the attribute names that a format string such as `"{0.shape} {point.x}"` looks up on what it is given."""

import re
import string
from typing import Any, Final

FORMAT_METHODS: Final = frozenset({"format", "format_map"})
_ITEMS: Final = re.compile(r"\[[^\]]*\]")
_formatter: Final = string.Formatter()


def names_in_format_call(function: Any) -> list[str]:
    """Return the attribute names that a call of the C method `function` looks up, if it formats a string."""
    if function.__name__ not in FORMAT_METHODS or not issubclass(type(function.__self__), str):
        return []
    return names_in_format(function.__self__)


def names_in_format(text: str) -> list[str]:
    """Return the attribute names in the fields of a format string; none where it is not a valid one.

    Example:
        >>> names_in_format("{0.shape} {points[1].x.y:{width.now}}")
        ['shape', 'x', 'y', 'now']
    """
    found: list[str] = []
    try:
        for _, field, spec, _ in _formatter.parse(text):
            found += _ITEMS.sub("", field or "").split(".")[1:]
            found += names_in_format(spec) if spec else []
    except ValueError:
        return found
    return found
