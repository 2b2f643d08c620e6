"""Modules made of modules: `Sequential`, `ModuleList` and `ModuleDict`."""

import operator
from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Self, overload

from tracegraph.nn.module import Module
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError


class _Numbered(Module):
    """A module whose submodules have a place in a row."""

    def __init__(self) -> None:
        super().__init__()

    def _rows(self) -> list[Module]:
        return list(self._modules.values())  # type: ignore[arg-type]

    def _key(self, position: Any) -> str:
        number: int = operator.index(position)
        if not -len(self) <= number < len(self):
            raise IndexError(f"index {number} is out of range")
        return list(self._modules)[number]

    def _renumber(self, modules: Iterable[Module]) -> None:
        """Put modules in place of all there are, under their numbers."""
        rows = list(modules)
        self._modules.clear()
        for number, module in enumerate(rows):
            self.add_module(str(number), module)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._rows())

    def __setitem__(self, position: int, module: Module) -> None:
        setattr(self, self._key(position), module)

    def __delitem__(self, position: int | slice) -> None:
        rows = self._rows()
        del rows[position]
        self._renumber(rows)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end.

        Raises:
            ArgumentTypeError: when it is no iterable.
        """
        if not isinstance(modules, Iterable):
            raise ArgumentTypeError(
                f"{type(self).__name__}.extend should be called with an iterable, but got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before a position."""
        rows = self._rows()
        rows.insert(index, module)
        self._renumber(rows)
        return self

    def pop(self, key: int | slice) -> Any:
        """Remove a module and return it."""
        found = self[key]  # type: ignore[index]
        del self[key]
        return found

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]


class Sequential(_Numbered):
    """Modules applied one after the other: `Sequential(first, second)`, or with names in an ordered dict.

    >>> model = tracegraph.nn.Sequential(tracegraph.nn.Linear(4, 8), tracegraph.nn.ReLU(), tracegraph.nn.Linear(8, 2))
    >>> model(tracegraph.zeros(3, 4)).shape
    (3, 2)
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], OrderedDict):
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            for number, module in enumerate(modules):
                self.add_module(str(number), module)

    @overload
    def __getitem__(self, position: int) -> Module: ...
    @overload
    def __getitem__(self, position: slice) -> "Sequential": ...
    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return type(self)(OrderedDict(list(self._modules.items())[position]))
        return self._modules[self._key(position)]

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before a position.

        Raises:
            ArgumentTypeError: when it is no module.
            IndexError: when there is no such position.
        """
        if not isinstance(module, Module):
            raise ArgumentTypeError(f"Sequential.insert takes a Module, not a {type(module).__name__}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        return super().insert(index, module)

    def _rows_of(self, other: object) -> list[Module]:
        if not isinstance(other, Sequential):
            raise ArgumentError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return list(other)

    def __add__(self, other: "Sequential") -> "Sequential":
        return Sequential(*self, *self._rows_of(other))

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(self._rows_of(other))

    def _check_factor(self, factor: object) -> int:
        if not isinstance(factor, int):
            raise ArgumentTypeError(f"unsupported operand type(s) for *: {type(self)} and {type(factor)}")
        if factor <= 0:
            raise ArgumentError(f"Non-positive multiplication factor {factor} for {type(self)}")
        return factor

    def __mul__(self, factor: int) -> "Sequential":
        return Sequential(*self._rows() * self._check_factor(factor))

    def __rmul__(self, factor: int) -> "Sequential":
        return self * factor

    def __imul__(self, factor: int) -> Self:
        return self.extend(self._rows() * (self._check_factor(factor) - 1))

    def forward(self, input: Any) -> Any:
        """The input after all modules."""
        for module in self._rows():
            input = module(input)
        return input


class ModuleList(_Numbered):
    """A list of modules, all of which are registered."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    @overload
    def __getitem__(self, position: int) -> Module: ...
    @overload
    def __getitem__(self, position: slice) -> "ModuleList": ...
    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return type(self)(self._rows()[position])
        return self._modules[self._key(position)]

    def __add__(self, other: Iterable[Module]) -> "ModuleList":
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        lines: list[tuple[int, int, str]] = []
        for number, module in enumerate(self):
            text = repr(module).replace("\n", "\n  ")
            if lines and lines[-1][2] == text:
                lines[-1] = (lines[-1][0], number, text)
            else:
                lines.append((number, number, text))
        if not lines:
            return f"{self._get_name()}()"
        shown = [f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}" for a, b, text in lines]
        return f"{self._get_name()}(\n  " + "\n  ".join(shown) + "\n)"


class ModuleDict(Module):
    """A dictionary of modules, all of which are registered."""

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]  # type: ignore[return-value]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def keys(self) -> KeysView[str]:
        """The names, as they are now."""
        return dict(self._modules).keys()

    def values(self) -> ValuesView[Any]:
        """The modules, as they are now."""
        return dict(self._modules).values()

    def items(self) -> ItemsView[str, Any]:
        """The names with the modules, as they are now."""
        return dict(self._modules).items()

    def clear(self) -> None:
        """Remove everything."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Remove a module and return it."""
        found = self[key]
        del self[key]
        return found

    def update(self, modules: Any) -> None:
        """Add or replace modules, from a mapping or from pairs.

        Raises:
            ArgumentTypeError: for anything else.
            ArgumentError: for a pair that is none.
        """
        for name, module in pairs_of(modules, "ModuleDict"):
            self[name] = module


def pairs_of(given: Any, kind: str) -> list[tuple[Any, Any]]:
    """The pairs of a mapping, of a container like one, or of an iterable of pairs.

    Raises:
        ArgumentTypeError: for anything else.
        ArgumentError: for a pair of more or less than two.
    """
    if isinstance(given, Mapping) or (isinstance(given, Module) and hasattr(given, "items")):
        return list(given.items())
    if not isinstance(given, Iterable):
        raise ArgumentTypeError(
            f"{kind}.update should be called with an iterable of key/value pairs, but got {type(given).__name__}"
        )
    pairs = []
    for number, pair in enumerate(given):
        if not isinstance(pair, Iterable):
            raise ArgumentTypeError(
                f"{kind} update sequence element #{number} should be Iterable; is {type(pair).__name__}"
            )
        found = tuple(pair)
        if len(found) != 2:
            raise ArgumentError(f"{kind} update sequence element #{number} has length {len(found)}; 2 is required")
        pairs.append(found)
    return pairs


__all__ = ["ModuleDict", "ModuleList", "Sequential"]
