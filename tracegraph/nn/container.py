"""Modules made of modules: `Sequential`, `ModuleList`, `ModuleDict`, and `Flatten` and `Unflatten` between layers."""

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from tracegraph.nn.module import Module
from tracegraph.nn.parameter import Parameter
from tracegraph.runtime.errors import ArgumentTypeError
from tracegraph.tensor import Tensor


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
        """Add several modules at the end."""
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

    def __add__(self, other: Iterable[Module]) -> Self:
        combined = type(self)()
        combined._renumber([*self, *other])
        return combined

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)


class Sequential(_Numbered):
    """Modules applied one after the other: `Sequential(first, second)`, or with names in an ordered dict.

    >>> model = tracegraph.nn.Sequential(tracegraph.nn.Linear(4, 8), tracegraph.nn.ReLU(), tracegraph.nn.Linear(8, 2))
    >>> model(tracegraph.zeros(3, 4)).shape
    (3, 2)
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], dict):
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
            return type(self)(dict(list(self._modules.items())[position]))
        return self._modules[self._key(position)]

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
        return iter(list(self._modules))

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def keys(self) -> Any:
        """The names."""
        return list(self._modules)

    def values(self) -> Any:
        """The modules."""
        return list(self._modules.values())

    def items(self) -> Any:
        """The names with the modules."""
        return list(self._modules.items())

    def clear(self) -> None:
        """Remove everything."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Remove a module and return it."""
        return self._modules.pop(key)  # type: ignore[return-value]

    def update(self, modules: Any) -> None:
        """Add or replace modules, from a mapping or from pairs.

        Raises:
            ArgumentTypeError: for anything else.
        """
        if isinstance(modules, Mapping | ModuleDict):
            modules = modules.items()
        elif not isinstance(modules, Iterable):
            raise ArgumentTypeError(
                f"ModuleDict.update should be called with an iterable of key/value pairs, but got {type(modules)}"
            )
        for name, module in modules:
            self[name] = module


class ParameterList(Module):
    """A list of parameters, all of which are registered."""

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        super().__init__()
        for value in values or ():
            self.append(value)

    def _key(self, position: int) -> str:
        size = len(self)
        if not -size <= position < size:
            raise IndexError(f"index {position} is out of range")
        return str(position % size)

    def append(self, value: Tensor) -> Self:
        """Add a parameter (a tensor becomes one) at the end."""
        self.register_parameter(str(len(self)), value if isinstance(value, Parameter) else Parameter(value))
        return self

    def extend(self, values: Iterable[Tensor]) -> Self:
        """Add several parameters at the end."""
        for value in values:
            self.append(value)
        return self

    def __getitem__(self, position: int) -> Parameter:
        return self._parameters[self._key(position)]  # type: ignore[return-value]

    def __setitem__(self, position: int, value: Tensor) -> None:
        self._parameters[self._key(position)] = value if isinstance(value, Parameter) else Parameter(value)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(list(self._parameters.values()))  # type: ignore[arg-type]


class Flatten(Module):
    """Joins the dimensions from `start_dim` to `end_dim` into one.

    >>> tracegraph.nn.Flatten()(tracegraph.zeros(2, 3, 4)).shape
    (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """The input in its new shape."""
        return input.flatten(self.start_dim, self.end_dim)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """The dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits a dimension into several.

    >>> tracegraph.nn.Unflatten(1, (3, 4))(tracegraph.zeros(2, 12)).shape
    (2, 3, 4)
    """

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """The input in its new shape."""
        return input.unflatten(self.dim, self.unflattened_size)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """The dimension and its new sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


__all__ = ["Flatten", "ModuleDict", "ModuleList", "ParameterList", "Sequential", "Unflatten"]
