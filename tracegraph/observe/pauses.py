"""Let library code that calls no code of others run unobserved: `pauses.pause()`, the work, `pauses.resume()`."""

from collections.abc import Callable


class Pauses:
    """What stops and resumes the observation of one thread; neither does anything while nobody observes."""

    __slots__ = ("pause", "resume")

    pause: Callable[[], object]
    resume: Callable[[], object]

    def __init__(self) -> None:
        self.end()

    def begin(self, pause: Callable[[], object], resume: Callable[[], object]) -> None:
        """Observation begins, and is stopped and resumed like this."""
        self.pause, self.resume = pause, resume

    def end(self) -> None:
        """Observation is over: `resume` must not begin it again."""
        self.pause = self.resume = _nothing


def _nothing() -> None:
    pass
