"""Find the Python functions behind the attributes of a class: `functions_in(entry)`, `holders(cls, code)`."""

import functools
import types
from typing import Any, Final

from tracegraph.observe.values import class_dict

_Function: Final = types.FunctionType
_HOLD_NO_FUNCTION: Final = frozenset({str, int, tuple, dict, type(None), types.MemberDescriptorType, type})


def functions_in(entry: Any) -> list[types.FunctionType]:
    """Return the Python functions that a class attribute wraps: itself, a property's, a static or class method's."""
    kind = type(entry)
    if kind is types.FunctionType:
        return [entry]
    if kind in (staticmethod, classmethod):
        return functions_in(entry.__func__)
    parts: list[Any] = []
    if kind is property or issubclass(kind, property):
        parts = [entry.fget, entry.fset, entry.fdel]
    elif kind is functools.cached_property:
        parts = [entry.func]
    return [function for part in parts if part is not None for function in functions_in(part)]


def holders(cls: type, code: types.CodeType) -> list[tuple[str, Any]]:
    """Return the attributes of a class through which a function with the given code can be called."""
    found: list[tuple[str, Any]] = []
    for item in list(class_dict(cls).items()):
        entry = item[1]
        kind = type(entry)
        if kind is _Function:
            if entry.__code__ is code:
                found.append(item)
        elif kind not in _HOLD_NO_FUNCTION and any(function.__code__ is code for function in functions_in(entry)):
            found.append(item)
    return found
