"""`snapshot(value)` keeps what can be seen of a value, as plain data; `difference(a, b)` says where two of them differ.

Both serve tracegraph and PyTorch: a tensor is whatever has `requires_grad` and `detach()`.
"""

import enum
import math
import types
import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

_ATOMS = (type(None), bool, int, complex, str, bytes, range, slice, type(Ellipsis), type(NotImplemented))
_NAMED = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)


@dataclass(frozen=True)
class Raised:
    """An exception as an outcome."""

    kind: str
    text: str

    @classmethod
    def of(cls, error: BaseException) -> "Raised":
        """Class and text of an exception."""
        return cls(type(error).__qualname__, str(error))


@dataclass(frozen=True)
class Seen:
    """What was seen of an object: its class, facts to be compared one by one, and its parts."""

    kind: str
    facts: tuple[Any, ...] = ()
    parts: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Difference:
    """Where two snapshots differ first."""

    path: str
    wanted: Any
    found: Any

    def __str__(self) -> str:
        return f"at {self.path or 'the value'}: plain gives {_brief(self.wanted)}, traced gives {_brief(self.found)}"


def _brief(value: Any) -> str:
    """A snapshot in a few words: of an object the class and the facts, not the parts."""
    if isinstance(value, Raised):
        return f"{value.kind}({value.text!r})"
    if isinstance(value, Seen):
        return f"{value.kind}{value.facts or ''} of {len(value.parts)} parts"
    return repr(value)


MISSING = Seen("nothing")


def outcome(function: Any, *args: Any, **kwargs: Any) -> Any:
    """What a call returns, or what it raises."""
    try:
        return function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - any exception is an outcome to compare
        return Raised.of(error)


def snapshot(value: Any) -> Any:
    """What can be seen of a value, as plain data; which objects occur twice is part of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _Snapshots().of(value)


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor of any library."""
    return hasattr(type(value), "requires_grad") and hasattr(type(value), "detach")


class _Snapshots:
    """The objects met so far, which are kept alive so that their ids stay their own."""

    def __init__(self) -> None:
        self._met: dict[int, tuple[int, Any]] = {}

    def of(self, value: Any) -> Any:
        """A snapshot of one value."""
        if isinstance(value, Raised):
            return value
        if isinstance(value, BaseException):
            return Raised.of(value)
        if isinstance(value, enum.Enum):
            return Seen("enum", (str(value),))
        if type(value) in _ATOMS or isinstance(value, float | np.generic):
            return value
        if isinstance(value, _NAMED):
            return Seen("name", (getattr(value, "__qualname__", value.__name__),))
        if id(value) in self._met:
            return Seen("again", (self._met[id(value)][0],))
        if not (isinstance(value, tuple) and not value):
            self._met[id(value)] = (len(self._met), value)
        return self._of_object(value)

    def _of_object(self, value: Any) -> Any:
        kind = type(value).__qualname__
        if is_tensor(value):
            return self._of_tensor(kind, value)
        if isinstance(value, np.ndarray):
            return value.copy()
        if hasattr(value, "named_parameters"):
            return Seen(kind, parts=tuple(self._of_module(value)))
        if isinstance(value, Mapping):
            pairs = [(f"[{key!r}]", (self.of(key), self.of(item))) for key, item in value.items()]
            return Seen(kind, parts=tuple(pairs))
        if isinstance(value, Set) and not isinstance(value, Sequence):
            return Seen(kind, (tuple(sorted(map(repr, value))),))
        if isinstance(value, Sequence) or kind == "deque":
            return Seen(kind, parts=tuple((f"[{number}]", self.of(item)) for number, item in enumerate(value)))
        if kind.lower().endswith("dtype"):
            return Seen("dtype", (str(value).rpartition(".")[2],))
        return Seen(kind, parts=tuple((f".{name}", self.of(item)) for name, item in _attributes(value)))

    def _of_tensor(self, kind: str, tensor: Any) -> Seen:
        shown = tensor.is_leaf or getattr(tensor, "retains_grad", False)
        grad = tensor.grad if shown else None
        parts = (("", tensor.detach().numpy().copy()), (".grad", None if grad is None else self.of(grad)))
        return Seen(kind, (bool(tensor.requires_grad), bool(tensor.is_leaf)), parts)

    def _of_module(self, module: Any) -> Iterator[tuple[str, Any]]:
        for name, inner in module.named_modules():
            yield f".{name}.training", (type(inner).__qualname__, inner.training)
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            yield f".{name}", self.of(tensor)


def _attributes(value: Any) -> list[tuple[str, Any]]:
    """The attributes of an object of a program's class; of other objects only the class is compared."""
    if not type(value).__module__.startswith("tests."):
        return []
    slots = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
    names = {*getattr(value, "__dict__", ()), *(name for name in slots if hasattr(value, name))}
    return [(name, getattr(value, name)) for name in sorted(names)]


def difference(wanted: Any, found: Any, *, texts: bool = True, path: str = "") -> Difference | None:
    """Where two snapshots differ first, floats up to the rounding of reordered sums, or None.

    Args:
        wanted: What the plain function gave.
        found: What the traced one gave.
        texts: Whether the texts of exceptions count, too.
        path: Where in the whole the two stand.
    """
    if type(wanted) is not type(found):
        return Difference(path, wanted, found)
    if isinstance(wanted, Seen):
        if wanted.kind != found.kind or wanted.facts != found.facts:
            return Difference(path, wanted, found)
        return _first(wanted.parts, found.parts, texts, path)
    if isinstance(wanted, tuple):
        names = [f"[{number}]" for number in range(max(len(wanted), len(found)))]
        return _first(tuple(zip(names, wanted, strict=False)), tuple(zip(names, found, strict=False)), texts, path)
    return None if _same(wanted, found, texts) else Difference(path, wanted, found)


def _first(
    wanted: tuple[tuple[str, Any], ...], found: tuple[tuple[str, Any], ...], texts: bool, path: str
) -> Difference | None:
    """The first difference of parts, in their order."""
    for number in range(max(len(wanted), len(found))):
        name, mine = wanted[number] if number < len(wanted) else (found[number][0], MISSING)
        other, yours = found[number] if number < len(found) else (name, MISSING)
        if name != other:
            return Difference(path, name, other)
        met = difference(mine, yours, texts=texts, path=path + name)
        if met is not None:
            return met
    return None


def _same(wanted: Any, found: Any, texts: bool) -> bool:
    """Whether two values of one type are equal."""
    if isinstance(wanted, Raised):
        return bool(wanted == found if texts else wanted.kind == found.kind)
    if isinstance(wanted, float):
        if wanted == 0 and found == 0:
            return math.copysign(1, wanted) == math.copysign(1, found)
        return math.isclose(wanted, found, rel_tol=2e-5, abs_tol=1e-6) or (math.isnan(wanted) and math.isnan(found))
    if isinstance(wanted, np.ndarray | np.generic):
        if wanted.shape != found.shape or wanted.dtype != found.dtype:
            return False
        if wanted.dtype.kind != "f":
            return bool(np.all(wanted == found))
        return bool(np.allclose(wanted, found, rtol=2e-5, atol=1e-6, equal_nan=True))
    return bool(wanted == found)
