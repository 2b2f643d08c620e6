"""`hints(function, entries)`: which argument makes calls of many kinds, and what to change so that one trace serves
them.
"""

import inspect
import re
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracegraph.trace.entry import Entry

MANY = 3
"""Different shapes or values of one argument, from which on they are worth a word."""
_SHOWN = 3
_POSITION = re.compile(r"args\[(\d+)\](.*)", re.DOTALL)
_KEYWORD = re.compile(r"kwargs\['(\w+)'\](.*)", re.DOTALL)


def hints(function: Callable[..., Any], entries: Sequence["Entry"]) -> list[str]:
    """What to change, in words: one sentence for each argument that came in many shapes or with many values."""
    shapes: dict[str, dict[str, None]] = {}
    values: dict[str, dict[str, None]] = {}
    for entry in reversed(entries):
        for place, shape in entry.arguments.shapes.items():
            shapes.setdefault(place, {})[str(shape)] = None
        for place, value in entry.guards.argument_values.items():
            values.setdefault(place, {})[value] = None
    return [
        f"argument `{name_of(function, place)}` {verb} {len(seen)} {word} ({_some(seen)}), each recorded and compiled "
        f"for itself; {advice}"
        for found, verb, word, advice in (
            (shapes, "came in", "shapes", "pad it to a few sizes, or cut it into parts of one size"),
            (values, "had", "values", "where it takes part in arithmetic only, pass a 0-d tensor"),
        )
        for place, seen in found.items()
        if len(seen) >= MANY
    ]


def _some(seen: dict[str, None]) -> str:
    return ", ".join(list(seen)[:_SHOWN]) + (", ..." if len(seen) > _SHOWN else "")


def name_of(function: Callable[..., Any], place: str) -> str:
    """The place of an argument as the function's own code would write it: `args[0].x` as `batch.x`."""
    keyword = _KEYWORD.fullmatch(place)
    if keyword:
        return keyword[1] + keyword[2]
    position = _POSITION.fullmatch(place)
    inner: Any = function
    bound = 0
    while isinstance(inner, types.MethodType):
        inner, bound = inner.__func__, bound + 1
    code = getattr(inner, "__code__", None)
    if position is None or not isinstance(code, types.CodeType):
        return place
    number, rest = int(position[1]) + bound, position[2]
    if number < code.co_argcount:
        return code.co_varnames[number] + rest
    if code.co_flags & inspect.CO_VARARGS:
        varargs = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        return f"{varargs}[{number - code.co_argcount}]{rest}"
    return place
