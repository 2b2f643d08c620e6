"""`labels(function, args, kwargs)`: names for the tensors a function can reach, such as `network.0.weight`.

Graphs and kernels show them to people. Nothing is called and no attribute is computed to find them: only what lies in
dictionaries is read.
"""

import inspect
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from tracegraph import random
from tracegraph.observe.values import instance_dict
from tracegraph.tensor import Tensor

_MOST_OBJECTS = 3000
_DEEPEST = 8
_PARTS = frozenset({"_parameters", "_buffers", "_modules"})
"""Where a module keeps what people see as its attributes."""
_NOT_ENTERED = (
    str, bytes, int, float, complex, type(None), type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType,
    types.MethodType, types.CodeType,
)  # fmt: skip


def labels(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[int, str]:
    """A name per tensor, by its `id`: for arguments, the function's closure and globals, and what these hold."""
    found: dict[int, str] = {}
    seen: set[int] = set()
    for root, owner in _roots(function, args, kwargs):
        pending: deque[tuple[str, Any, int]] = deque([(root, owner, 0)])
        while pending and len(seen) < _MOST_OBJECTS:
            name, value, depth = pending.popleft()
            if _is_a(value, Tensor):
                found.setdefault(id(value), name)
            elif not _is_a(value, _NOT_ENTERED) and id(value) not in seen and depth < _DEEPEST:
                seen.add(id(value))
                pending.extend((inner, item, depth + 1) for inner, item in _contents(name, value, found))
    found.setdefault(id(random.default_generator._state), "random_state")
    return found


def _is_a(value: Any, kind: Any) -> bool:
    """`isinstance` without asking the object, whose `__class__` may be the user's code."""
    return issubclass(type(value), kind)


def _roots(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Arguments by the names of their parameters, then the closure and the globals; modules of a network first."""
    inner: Any = function
    while _is_a(inner, types.MethodType):
        args, inner = (inner.__self__, *args), inner.__func__
    code: Any = getattr(inner, "__code__", None)
    if not _is_a(code, types.CodeType):
        yield from [(f"argument{number}", value) for number, value in enumerate(args)]
        yield from kwargs.items()
        return
    names = code.co_varnames[: code.co_argcount]
    yield from zip(names, args, strict=False)
    if code.co_flags & inspect.CO_VARARGS:
        rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        yield from ((f"{rest}{number}", value) for number, value in enumerate(args[code.co_argcount :]))
    yield from kwargs.items()
    outer = {name: inner.__globals__[name] for name in code.co_names if name in inner.__globals__}
    for name, cell in zip(code.co_freevars, inner.__closure__ or (), strict=False):
        try:
            outer[name] = cell.cell_contents
        except ValueError:
            continue  # a variable that has no value yet
    ordered = sorted(outer.items(), key=lambda item: "_parameters" not in _attributes(item[1]))
    yield from ordered


def _attributes(value: Any) -> dict[str, Any]:
    """The instance's own dictionary, without asking the object."""
    return instance_dict(value) or {}


def _contents(name: str, value: Any, known: dict[int, str]) -> Iterator[tuple[str, Any]]:
    """What an object holds, with names."""
    if _is_a(value, dict):
        for key, item in dict.items(value):
            if _is_a(key, Tensor):
                # State that belongs to a parameter is called by the parameter.
                yield known.get(id(key), name), item
            elif _is_a(key, str | int):
                yield f"{name}.{key}", item
    elif _is_a(value, list | tuple | deque):
        for number, item in enumerate(value):
            yield f"{name}.{number}", item
    else:
        for key, item in _attributes(value).items():
            if key in _PARTS and _is_a(item, dict):
                yield from ((f"{name}.{part}", content) for part, content in dict.items(item))
            elif _is_a(key, str):
                yield f"{name}.{key.lstrip('_')}", item
