"""A miniature of a tensor library, to be claimed by a classifier and trusted by file name."""

import contextlib
import dataclasses
import types
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from tracegraph.observe import Child, Expand, Known, Leaf

epoch = [0]


class Tensor:
    """A number that pretends to be a tensor."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __add__(self, other: Any) -> "Tensor":
        return Tensor(self.value + getattr(other, "value", other))

    def __mul__(self, other: Any) -> "Tensor":
        return Tensor(self.value * getattr(other, "value", other))

    def add_(self, other: float) -> "Tensor":
        """Change the value in place."""
        self.value += other
        return self


class Module:
    """A module whose attribute changes move the epoch."""

    def __setattr__(self, name: str, value: object) -> None:
        epoch[0] += 1
        object.__setattr__(self, name, value)

    def __call__(self, x: Any) -> Any:
        return self.forward(x)  # type: ignore[attr-defined]


class ModuleList(Module):
    """A list of modules."""

    def __init__(self, modules: list[Module]) -> None:
        self.members = modules

    def __getitem__(self, position: int) -> Module:
        return self.members[position]


def split(x: Tensor) -> list[Tensor]:
    """Return a fresh list."""
    return [x, x + 1]


@dataclasses.dataclass
class Sum:
    """What `total` adds up."""

    values: list[float]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    yield


def total(x: Tensor) -> Tensor:
    """Use NumPy, a dataclass and a context manager."""
    with _quiet():
        values = Sum([x.value, 1.0])
        return Tensor(float(np.sum(np.ones(2) * values.values)))


def enter(manager: AbstractContextManager[Any], x: Any) -> Any:
    """Return `x` from inside a context."""
    with manager:
        return x


def apply(function: Callable[[Any], Any], x: Any) -> Any:
    """Call back."""
    return function(x)


_hidden: list[Any] = []


def register(hook: Callable[[Any], Any]) -> None:
    """Keep a function where nobody can see it."""
    _hidden.append(hook)


def run_hooks(x: Any) -> Any:
    """Run the functions kept."""
    for hook in _hidden:
        x = hook(x)
    return x


def stored() -> Any:
    """Return what was kept last."""
    return _hidden[-1]


def trusted(code: types.CodeType) -> bool:
    """Tell whether code is of this library."""
    return code.co_filename == __file__


class LibraryClassifier:
    """Claims tensors and modules, and the library's own classes."""

    def classify(self, value: object, /) -> Known | None:
        """Return how the library wants `value` to be treated."""
        kind = type(value)
        if issubclass(kind, Tensor) or value in (Tensor, Module, ModuleList) if issubclass(kind, type) else False:
            return Leaf()
        if issubclass(kind, Tensor):
            return Leaf()
        if issubclass(kind, Module):
            return Expand([Child(name, _reader(name), held) for name, held in vars(value).items()], protected=True)
        return None


def _reader(name: str) -> Callable[[Any], object]:
    def read(owner: Any) -> object:
        return vars(owner)[name]

    return read
