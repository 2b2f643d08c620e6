"""What an optimiser holds: parameter groups and per-parameter state, which tell traces when they change."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.nn.watched import WatchedDict
from tracegraph.observe import Child
from tracegraph.observe.values import MISSING
from tracegraph.tensor import Tensor
from tracegraph.trace.classify import register_expander

VARYING = ("lr",)
"""Settings that a trace reads anew on every call, so that changing them costs nothing."""


def _is_number(value: Any) -> bool:
    return type(value) in (float, int)


class ParamGroup(WatchedDict):
    """The parameters and settings of one group, a dict.

    A traced step takes the learning rate from here on each call. Other settings are part of the trace.
    """

    __slots__ = ()

    def number(self, name: str) -> Any:
        """A setting for use in a step: the Python number.

        While recording, a 0-d tensor that each replay fetches anew.
        """
        value = dict.__getitem__(self, name)
        recorder = _state.active_recorder()
        if recorder is None or not _is_number(value):
            return value
        return recorder.scalar(lambda: dict.__getitem__(self, name), value, np.float64, name)

    def setting(self, name: str) -> Any:
        """A setting for use in a step, guarded by the epoch."""
        return dict.__getitem__(self, name)

    def _note_read(self, names: Iterable[Any]) -> None:
        """Python code has read settings: if a recording is under way, the trace depends on those that may vary."""
        recorder = _state.active_recorder()
        if recorder is None:
            return
        for name in names:
            if name in VARYING and name in self:
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
        self._note_read(VARYING)
        return super().items()

    def values(self) -> Any:
        """The values of the settings."""
        self._note_read(VARYING)
        return super().values()

    def copy(self) -> dict[Any, Any]:
        """A plain dict of the settings."""
        self._note_read(VARYING)
        return dict(super().items())

    def __repr__(self) -> str:
        self._note_read(VARYING)
        return super().__repr__()

    def __eq__(self, other: object) -> bool:
        self._note_read(VARYING)
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def __setitem__(self, name: Any, value: Any) -> None:
        if name in VARYING and _is_number(value) and _is_number(dict.get(self, name)):
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


def _setting(name: Any) -> Any:
    def read(group: Any) -> object:
        value = dict.get(group, name, MISSING)
        return _kind(value) if name in VARYING else value

    return read


def _kind(value: Any) -> Any:
    """What a trace depends on of a setting that may vary: whether it is a number, else the object itself."""
    return "a number" if _is_number(value) else value


def expand_group(group: Any) -> Iterator[Child]:
    """The parts of a parameter group."""
    yield Child("(names)", lambda held: tuple(dict.keys(held)), tuple(dict.keys(group)))
    for name, value in dict.items(group):
        yield Child(str(name), _setting(name), _kind(value) if name in VARYING else value)


register_expander(ParamGroup, expand_group)


def as_dtype_of(value: Any, tensor: Tensor) -> Any:
    """A number as it is; a 0-d tensor in the dtype of another."""
    return value.to(tensor._data.dtype) if isinstance(value, Tensor) else value


__all__ = ["VARYING", "ParamGroup", "States", "as_dtype_of", "expand_group"]
