"""`Progress`: a progress bar on stderr, by tqdm where it is installed and as a plain line otherwise."""

import contextlib
import importlib
import importlib.util
import sys
import time
from types import TracebackType
from typing import Any, TextIO

_WIDTH = 28
_INTERVAL = 0.1


class _Line:
    """A bar that rewrites one line on a terminal; elsewhere it writes nothing."""

    def __init__(self, total: int, description: str, stream: TextIO) -> None:
        self._total, self._description, self._stream = total, description, stream
        self._done, self._shown, self._note = 0, 0.0, ""

    def set_postfix_str(self, note: str, refresh: bool = False) -> None:
        self._note = note

    def update(self, number: int) -> None:
        self._done += number
        now = time.monotonic()
        if self._stream.isatty() and (now - self._shown > _INTERVAL or self._done == self._total):
            self._shown = now
            filled = _WIDTH * self._done // max(self._total, 1)
            bar = "█" * filled + "·" * (_WIDTH - filled)
            self._stream.write(f"\r{self._description} {bar} {self._done}/{self._total} {self._note}\x1b[K")
            self._stream.flush()

    def close(self) -> None:
        if self._stream.isatty() and self._done:
            self._stream.write("\n")


class Progress(contextlib.AbstractContextManager["Progress"]):
    """Counts steps on a bar, with a note beside it.

    Args:
        total: Number of steps.
        description: Written before the bar.
        stream: Where to write; stderr when left out.
    """

    def __init__(self, total: int, description: str, stream: TextIO | None = None) -> None:
        where = sys.stderr if stream is None else stream
        self._bar: Any
        # tqdm is not needed, and must not be imported with the library.
        if importlib.util.find_spec("tqdm") is not None:
            made: Any = importlib.import_module("tqdm")
            self._bar = made.tqdm(total=total, desc=description, file=where, leave=False, disable=None)
        else:
            self._bar = _Line(total, description, where)

    def advance(self, note: str = "", steps: int = 1) -> None:
        """One more step is done, or several."""
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(steps)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._bar.close()
