"""Lists and dictionaries of parameters, all of which are registered: `ParameterList` and `ParameterDict`."""

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import Any, NoReturn, Self

from tracegraph.nn.container import pairs_of
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import Parameter
from tracegraph.nn.watched import WatchedDict
from tracegraph.runtime.errors import ArgumentTypeError, TracegraphError
from tracegraph.tensor import Tensor


class NotCallableError(TracegraphError, RuntimeError):
    """A container was called, which computes nothing."""


def _parameter(value: Any) -> Any:
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _described(items: Iterable[tuple[Any, Any]]) -> str:
    lines = []
    for key, value in items:
        if isinstance(value, Tensor):
            size = "x".join(str(size) for size in value.shape)
            kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
            lines.append(f"  ({key}): {kind} containing: [{value.dtype} of size {size}]")
        else:
            lines.append(f"  ({key}): Object of type: {type(value).__name__}")
    return "\n".join(lines)


class ParameterList(Module):
    """A list of parameters, all of which are registered; a tensor becomes one, anything else is only kept.

    >>> parameters = tracegraph.nn.ParameterList([tracegraph.ones(2), tracegraph.zeros(3)])
    >>> [name for name, _ in parameters.named_parameters()]
    ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def _key(self, position: Any) -> str:
        number: int = operator.index(position)
        if not -len(self) <= number < len(self):
            raise IndexError(f"index {number} is out of range")
        return str(number % len(self))

    def __getitem__(self, position: int | slice) -> Any:
        if isinstance(position, slice):
            return type(self)([self[number] for number in range(*position.indices(len(self)))])
        return getattr(self, self._key(position))

    def __setitem__(self, position: int, value: Any) -> None:
        setattr(self, self._key(position), _parameter(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter([self[number] for number in range(len(self))])

    def append(self, value: Any) -> Self:
        """Add a value at the end."""
        self._size += 1
        self[-1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add several values at the end.

        Raises:
            ArgumentTypeError: when it is no iterable, or a tensor.
        """
        if isinstance(values, Tensor) or not isinstance(values, Iterable):
            raise ArgumentTypeError(
                f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}"
            )
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]

    def extra_repr(self) -> str:
        """The kinds and sizes of the values."""
        return _described(enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse a call.

        Raises:
            NotCallableError: always.
        """
        raise NotCallableError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dictionary of parameters, all of which are registered; a tensor becomes one, anything else is only kept.

    >>> parameters = tracegraph.nn.ParameterDict({"scale": tracegraph.ones(1), "shift": tracegraph.zeros(1)})
    >>> parameters["scale"]
    Parameter containing:
    tensor([1.], requires_grad=True)
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys = WatchedDict()
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise ArgumentTypeError(
                f"Index given to ParameterDict cannot be used as a key as it is not a string (type is "
                f"'{type(key).__name__}')."
            )
        setattr(self, key, _parameter(value))
        self._keys[key] = True

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> "ParameterDict":
        """Another dictionary of the same parameters."""
        return ParameterDict(list(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, which is set to `default` if it is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove everything."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Remove a key and return its value."""
        found = self[key]
        del self[key]
        return found

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the last pair."""
        if not self._keys:
            raise KeyError("popitem(): the ParameterDict is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default`."""
        return self[key] if key in self._keys else default

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> "ParameterDict":
        """A new dictionary with the same value for all keys."""
        return ParameterDict([(key, default) for key in keys])

    def keys(self) -> KeysView[str]:
        """The keys."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """The pairs."""
        return iter([(key, self[key]) for key in self._keys])

    def values(self) -> Iterable[Any]:
        """The values."""
        return iter([self[key] for key in self._keys])

    def update(self, parameters: Any) -> None:
        """Add or replace values, from a mapping or from pairs; those of a plain dict by order of keys, as in PyTorch.

        Raises:
            ArgumentTypeError: for anything else.
            ArgumentError: for a pair that is none.
        """
        pairs = pairs_of(parameters, "ParameterDict")
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs.sort(key=lambda pair: pair[0])
        for key, value in pairs:
            self[key] = value

    def __or__(self, other: Any) -> "ParameterDict":
        result = self.copy()
        result.update(other)
        return result

    def __ror__(self, other: Any) -> "ParameterDict":
        result = ParameterDict(other)
        result.update(self)
        return result

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    def extra_repr(self) -> str:
        """The kinds and sizes of the values."""
        return _described(self.items())

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse a call.

        Raises:
            NotCallableError: always.
        """
        raise NotCallableError("ParameterDict should not be called.")


__all__ = ["ParameterDict", "ParameterList"]
