"""Containers and classes that tell all traces when they change: what a module or an optimiser is made of."""

import abc
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from tracegraph import _state
from tracegraph.observe.values import MISSING, register_namespace, same
from tracegraph.runtime.errors import ArgumentTypeError


class WatchedMeta(abc.ABCMeta):
    """The class of classes whose every change moves the epoch, so that traces notice a method that was replaced.

    It extends `abc.ABCMeta` so that modules may have abstract methods; virtual subclasses (`register`) are not
    supported, which keeps `isinstance` fast.
    """

    __instancecheck__ = type.__instancecheck__
    __subclasscheck__ = type.__subclasscheck__

    def register(cls, subclass: type) -> NoReturn:
        """Refuse virtual subclasses.

        Raises:
            ArgumentTypeError: always.
        """
        raise ArgumentTypeError(
            f"{cls.__name__}.register: inherit from {cls.__name__} instead of registering {subclass!r}"
        )

    def __setattr__(cls, name: str, value: Any) -> None:
        if cls.__dict__.get(name, MISSING) is not value:
            _state.bump_epoch()
        super().__setattr__(name, value)

    def __delattr__(cls, name: str) -> None:
        _state.bump_epoch()
        super().__delattr__(name)


class WatchedDict(dict[Any, Any], metaclass=WatchedMeta):
    """A dict that moves the epoch whenever its content changes; setting what is there already changes nothing."""

    __slots__ = ()

    def _changed(self) -> None:
        _state.bump_epoch()

    def __setitem__(self, key: Any, value: Any) -> None:
        if not same(self.get(key, MISSING), value):
            super().__setitem__(key, value)
            self._changed()

    def __delitem__(self, key: Any) -> None:
        super().__delitem__(key)
        self._changed()

    def clear(self) -> None:
        """Remove everything."""
        if self:
            super().clear()
            self._changed()

    def pop(self, *args: Any) -> Any:
        """Remove a key and return its value."""
        found = super().pop(*args)
        self._changed()
        return found

    def popitem(self) -> tuple[Any, Any]:
        """Remove and return the last pair."""
        found = super().popitem()
        self._changed()
        return found

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """The value of a key, which is set to `default` if it is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set all pairs of a mapping."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __ior__(self, other: Any) -> "WatchedDict":  # type: ignore[misc]
        self.update(other)
        return self


class _Object(metaclass=WatchedMeta):
    """Its one attribute is how Python itself gets at the dictionary of an instance."""


namespace_of: Callable[[Any], dict[str, Any]] = _Object.__dict__["__dict__"].__get__
"""The dictionary in which an instance of `WatchedAttributes` keeps its attributes, for the library's own use."""
_set_namespace: Callable[[Any, dict[str, Any]], None] = _Object.__dict__["__dict__"].__set__
register_namespace(WatchedDict)


class WatchedAttributes(_Object):
    """An object whose `__dict__`, once somebody asks for it, tells all traces when it is changed.

    Changes by assignment are told by `__setattr__` of the subclass. A change by `object.__setattr__` goes past both.
    """

    def _get_namespace(self) -> dict[str, Any]:
        held = namespace_of(self)
        if type(held) is dict:
            held = WatchedDict(held)
            _set_namespace(self, held)
        return held

    def _replace_namespace(self, value: dict[str, Any]) -> None:
        _state.bump_epoch()
        _set_namespace(self, WatchedDict(value))

    __dict__ = property(_get_namespace, _replace_namespace)


class WatchedList(list[Any], metaclass=WatchedMeta):
    """A list that moves the epoch whenever its content changes."""

    __slots__ = ()

    def _changed(self) -> None:
        _state.bump_epoch()


def _watching(name: str) -> Callable[..., Any]:
    plain = getattr(list, name)

    def method(self: WatchedList, *args: Any, **kwargs: Any) -> Any:
        self._changed()
        return plain(self, *args, **kwargs)

    method.__name__, method.__doc__ = name, plain.__doc__
    return method


def _watch(names: Iterable[str]) -> None:
    for name in names:
        setattr(WatchedList, name, _watching(name))


_watch(
    (
        "__setitem__",
        "__delitem__",
        "__iadd__",
        "__imul__",
        "append",
        "extend",
        "insert",
        "pop",
        "remove",
        "clear",
        "sort",
        "reverse",
    )
)

__all__ = ["WatchedAttributes", "WatchedDict", "WatchedList", "WatchedMeta", "namespace_of"]
