"""`Trial`: whether matching a function's operations pays, told by the clock: a few calls of each kind, now and then."""

CALLS = 4
"""Calls of each kind in one trial."""
FIRST_PAUSE = 500
"""Calls until the next trial; twice as many after each."""


class Trial:
    """Chooses how the next co-executed call is run, and is told how long it took."""

    def __init__(self) -> None:
        self.matched_seconds: list[float] = []
        self.plain_seconds: list[float] = []
        self.pays = True
        self._left = 2 * CALLS
        self._pause = self._next_pause = FIRST_PAUSE

    @property
    def is_running(self) -> bool:
        """Whether calls are being timed."""
        return self._left > 0

    def choose(self) -> bool:
        """Whether the next call is to be matched."""
        if self._left:
            return self._left % 2 == 0
        self._pause -= 1
        if not self._pause:
            self._left = 2 * CALLS
            self.matched_seconds, self.plain_seconds = [], []
        return self.pays

    def took(self, matched: bool, seconds: float) -> None:
        """A call that was timed has ended."""
        (self.matched_seconds if matched else self.plain_seconds).append(seconds)
        self._left -= 1
        if not self._left:
            self.pays = min(self.matched_seconds) <= min(self.plain_seconds)
            self._pause = self._next_pause = 2 * self._next_pause
