"""What an optimiser holds: parameter groups and per-parameter state, which tell traces when they change."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.nn.watched import WatchedDict
from tracegraph.observe import Child
from tracegraph.observe.values import MISSING
from tracegraph.tensor import Tensor
from tracegraph.trace.classify import register_expander

_CYCLED = ("momentum", "betas")
"""Settings that a trace reads anew too, once a scheduler moves them to and fro with the rate."""
_CYCLES = "max_momentum"
"""The setting by which such a scheduler shows: it gives every group one."""


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int | np.floating | np.integer) and not isinstance(value, bool)


def pattern(name: str, value: Any) -> tuple[Any, ...] | None:
    """What a trace depends on of a setting that it reads anew on every call, or None for what is no number.

    Whether there is any momentum decides what is computed; all else is used in arithmetic alone.
    """
    if _is_number(value):
        return ("a number", value > 0, value == 0) if name == "momentum" else ("a number",)
    if type(value) in (tuple, list) and all(map(_is_number, value)):
        return ("numbers", len(value))
    return None


class ParamGroup(WatchedDict):
    """The parameters and settings of one group, a dict.

    A traced step takes the learning rate from here on each call, and what a scheduler moves with it. Other settings
    are part of the trace.
    """

    __slots__ = ()

    def varies(self, name: str) -> bool:
        """Whether traces read a setting anew on every call, so that changing it costs nothing."""
        return name == "lr" or (name in _CYCLED and dict.__contains__(self, _CYCLES))

    def setting(self, name: str) -> Any:
        """A setting for use in arithmetic: numbers of Python, or 0-d float64 tensors.

        These stand for a setting that is a tensor, and while recording for one that varies.
        """
        value = dict.__getitem__(self, name)
        if isinstance(value, Tensor):
            return _as_scalar(value)
        if type(value) in (tuple, list):
            return tuple(self._number(name, part, position) for position, part in enumerate(value))
        return self._number(name, value, None)

    def _number(self, name: str, value: Any, position: int | None) -> Any:
        if isinstance(value, Tensor):
            return _as_scalar(value)
        recorder = _state.active_recorder()
        if recorder is not None and self.varies(name) and _is_number(value):
            return recorder.scalar(lambda: self._part(name, position), value, np.float64, name)
        return float(value) if isinstance(value, np.generic) and _is_number(value) else value

    def _part(self, name: str, position: int | None) -> Any:
        value = dict.__getitem__(self, name)
        return value if position is None else value[position]

    def is_positive(self, name: str) -> bool:
        """Whether a number is more than zero (a tensor counts as such)."""
        value = dict.__getitem__(self, name)
        return isinstance(value, Tensor) or bool(value > 0)

    def is_nonzero(self, name: str) -> bool:
        """Whether a number is not zero (a tensor counts as such)."""
        value = dict.__getitem__(self, name)
        return isinstance(value, Tensor) or bool(value != 0)

    def _note_read(self, names: Iterable[Any]) -> None:
        """Python code has read settings: if a recording is under way, the trace depends on those that may vary."""
        recorder = _state.active_recorder()
        if recorder is None:
            return
        for name in names:
            if self.varies(name) and name in self:
                recorder.check(lambda name=name: dict.get(self, name), dict.get(self, name), f"{name} of an optimiser")

    def __getitem__(self, name: Any) -> Any:
        if _state.recording:
            self._note_read((name,))
        return super().__getitem__(name)

    def get(self, name: Any, default: Any = None) -> Any:
        """A setting, or `default` if it is missing."""
        if _state.recording:
            self._note_read((name,))
        return super().get(name, default)

    def __iter__(self) -> Iterator[Any]:
        return super().__iter__()

    def items(self) -> Any:
        """The settings with their values."""
        self._note_read(tuple(self))
        return super().items()

    def values(self) -> Any:
        """The values of the settings."""
        self._note_read(tuple(self))
        return super().values()

    def copy(self) -> dict[Any, Any]:
        """A plain dict of the settings."""
        self._note_read(tuple(self))
        return dict(super().items())

    def __repr__(self) -> str:
        self._note_read(tuple(self))
        return super().__repr__()

    def __eq__(self, other: object) -> bool:
        self._note_read(tuple(self))
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def __setitem__(self, name: Any, value: Any) -> None:
        wanted = pattern(name, value) if self.varies(name) else None
        if wanted is not None and wanted == pattern(name, dict.get(self, name)):
            recorder = _state.active_recorder()
            if recorder is not None:
                recorder.unsupported(f"sets {name!r} of an optimiser")
            dict.__setitem__(self, name, value)
        else:
            super().__setitem__(name, value)


class States(WatchedDict):
    """The state of an optimiser by parameter; asking for one that has none gives it an empty one."""

    __slots__ = ()

    def __missing__(self, parameter: Any) -> WatchedDict:
        self[parameter] = made = WatchedDict()
        return made


class Unguarded(WatchedDict):
    """The state of a parameter that changes in every step, which Python runs: no trace depends on it.

    A traced function that reads it is run by Python as well.
    """

    __slots__ = ()

    def _changed(self) -> None:
        pass

    def _note_read(self) -> None:
        recorder = _state.active_recorder()
        if recorder is not None:
            recorder.unsupported("reads the state of an optimiser that runs in Python")


def _noting(name: str) -> Callable[..., Any]:
    plain = getattr(dict, name)

    def method(self: Unguarded, *args: Any) -> Any:
        self._note_read()
        return plain(self, *args)

    method.__name__, method.__doc__ = name, plain.__doc__
    return method


for _name in ("__getitem__", "__iter__", "__len__", "__contains__", "__eq__", "__repr__", "get", "items", "keys",
              "values", "copy"):  # fmt: skip
    setattr(Unguarded, _name, _noting(_name))


def _guarded(group: ParamGroup, name: Any) -> object:
    """What a trace depends on of a setting."""
    value = dict.get(group, name, MISSING)
    found = pattern(name, value) if group.varies(name) else None
    return value if found is None else found


def expand_group(group: Any) -> Iterator[Child]:
    """The parts of a parameter group."""
    yield Child("(names)", lambda held: tuple(dict.keys(held)), tuple(dict.keys(group)))
    for name in dict.keys(group):
        yield Child(str(name), functools.partial(_guarded, name=name), _guarded(group, name))


register_expander(ParamGroup, expand_group)
register_expander(Unguarded, lambda held: ())


def _as_scalar(value: Tensor) -> Tensor:
    return value.detach().reshape(()).to(np.dtype(np.float64))  # type: ignore[no-any-return]


def as_dtype_of(value: Any, tensor: Tensor) -> Any:
    """A number as it is; a 0-d tensor in the dtype of another."""
    return value.to(tensor._data.dtype) if isinstance(value, Tensor) else value


__all__ = ["ParamGroup", "States", "Unguarded", "as_dtype_of", "expand_group"]
