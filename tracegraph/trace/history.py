"""`History`: which calls of a function were recorded to what effect, so that none is recorded in vain again."""

from collections.abc import Hashable, Sequence
from typing import Any

from tracegraph.tensor import Tensor
from tracegraph.trace.recorded import Reason
from tracegraph.trace.recording import RAISES

MAX_ENTRIES = 16
"""Traces (or decision trees) kept per function; beyond that other kinds of calls are co-executed."""
MAX_RECORDINGS = 200
"""Recordings of one function, in all."""
_TRIES = 3
"""Recordings in a row for one kind of call that may have an effect which happens only once."""
_MOST_IN_ROW = 8
"""So many recordings in a row without a trace, and other kinds of calls are not recorded either."""
_MOST_RAISED = 4
"""Recordings of one kind of call that may end in an exception, and the next is recorded all the same."""
_FIRST_RETRY = 64
"""After so many co-executed calls, and then after twice as many each time, one is recorded again."""
_ONCE = (" was created (", " was changed (", " was deleted (")


def signature_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
    """What makes two calls of one kind: shapes and dtypes of the arguments that are tensors, types of the others."""
    return (*map(_kind, args), *kwargs, *map(_kind, kwargs.values()))


def _kind(value: Any) -> tuple[Hashable, ...] | type:
    if isinstance(value, Tensor):
        data = value._data
        return data.shape, data.dtype.num
    return type(value)


class History:
    """What became of the recordings of one function, by the signature of the call."""

    def __init__(self) -> None:
        self._tries: dict[Hashable, int] = {}
        self._waits: dict[Hashable, int] = {}
        self._retries: dict[Hashable, int] = {}
        self._raised: dict[Hashable, int] = {}
        self._in_row = 0
        self.recordings = 0
        self.full = ""
        """Why nothing is recorded any more, if so."""

    def is_worth_recording(self, signature: Hashable) -> bool:
        """Whether a call should be recorded."""
        if self.full:
            return False
        if self._tries.setdefault(signature, _TRIES if self._in_row >= _MOST_IN_ROW else 0) < _TRIES:
            return True
        waits = self._waits[signature] = self._waits.get(signature, 0) + 1
        if waits < self._retries.setdefault(signature, _FIRST_RETRY):
            return False
        self._waits[signature] = 0
        self._retries[signature] *= 2
        return True

    def would_record(self, signature: Hashable) -> bool:
        """Whether the next call of this kind is surely recorded."""
        return not self.full and self._tries.get(signature, 0) < _TRIES

    def took(self, signature: Hashable, static: bool, reasons: Sequence[Reason], roots: int) -> str:
        """A call was recorded; returns why no more will be, or ""."""
        self.recordings += 1
        raised = any(reason.text.startswith(RAISES) for reason in reasons)
        self._in_row = 0 if static else self._in_row + 1
        if static:
            self._tries[signature] = 0
        elif raised and self._raised.setdefault(signature, 0) < _MOST_RAISED:
            self._raised[signature] += 1  # other calls of this kind may do better
        elif all(any(mark in reason.text for mark in _ONCE) for reason in reasons):
            self._tries[signature] = self._tries.get(signature, 0) + 1
        else:
            self._tries[signature] = _TRIES
        if roots >= MAX_ENTRIES:
            self.full = f"it was recorded {MAX_ENTRIES} times for different kinds of calls"
        elif self.recordings >= MAX_RECORDINGS:
            self.full = f"it was recorded {MAX_RECORDINGS} times"
        return self.full

    def went_another_way(self, signature: Hashable, ways: int) -> None:
        """A co-executed call went a way that none went before; at the 2nd, 4th, 8th, ... the next is recorded again."""
        if ways & (ways - 1) == 0 and ways > 1 and self._tries.get(signature, 0) >= _TRIES:
            self._tries[signature] = _TRIES - 1

    def give_up(self) -> None:
        """Record no more."""
        self.full = "a replay differed from the plain call"
