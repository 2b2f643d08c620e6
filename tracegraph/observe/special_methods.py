"""Tell which attributes of a class are run by operators and statements, whose bytecode does not name them."""

import builtins
import types
from typing import Any, Final

from tracegraph.observe.values import class_dict, is_immutable

# Methods behind a slot of a C type, and those that C code looks up by name.
_NAMES: Final = frozenset(
    name
    for cls in (*vars(builtins).values(), types.CoroutineType, types.AsyncGeneratorType, types.FunctionType)
    if isinstance(cls, type)
    for name, entry in vars(cls).items()
    if type(entry) is types.WrapperDescriptorType
) | {
    *("__new__", "__init_subclass__", "__class_getitem__", "__set_name__", "__prepare__", "__mro_entries__"),
    *("__getattr__", "__getattribute__", "__set__", "__delete__", "__instancecheck__", "__subclasscheck__"),
    *("__enter__", "__exit__", "__aenter__", "__aexit__", "__missing__", "__length_hint__", "__reversed__"),
    *("__format__", "__bytes__", "__complex__", "__round__", "__trunc__", "__floor__", "__ceil__", "__fspath__"),
    *("__matmul__", "__rmatmul__", "__imatmul__", "__imod__", "__ifloordiv__", "__itruediv__", "__ipow__", "__dir__"),
    *("__isub__", "__iand__", "__ixor__", "__ior__", "__ilshift__", "__irshift__", "__iadd__", "__imul__"),
    *("__sizeof__", "__subclasshook__", "__anext__", "__aiter__", "__await__"),
}


def unseen_special_methods(cls: type) -> list[str]:
    """Return the special methods that `cls` itself defines as something else than Python functions.

    When an operator runs them there is no event; a Python function gives one.
    """
    return [name for name, entry in class_dict(cls).items() if name in _NAMES and _gives_no_event(entry)]


def _gives_no_event(entry: Any) -> bool:
    held = entry.__func__ if type(entry) in (staticmethod, classmethod) else entry
    return type(held) is not types.FunctionType and not is_immutable(held)
