"""`measure(traced, arguments)`: the times of a call, plain and traced, in turns in one run."""

import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracegraph.trace import TracedFunction

_MOST_CALLS = 1000


@dataclass(frozen=True)
class Cost:
    """What one call of a function costs."""

    seconds: float
    """Median over the rounds."""
    python_calls: int
    """Python and C functions that the interpreter called, as its profiler counts them."""
    peak_bytes: int
    """Most memory newly allocated at one time during a call, as tracemalloc counts it (NumPy's arrays included)."""


@dataclass(frozen=True)
class Timings:
    """Plain and traced calls of one function, measured in turns in one run."""

    eager: Cost
    traced: Cost
    rounds: int
    calls: int
    """Calls in each of the rounds."""

    @property
    def ratio(self) -> float:
        """How many times as long the plain call takes."""
        return self.eager.seconds / self.traced.seconds


def measure(
    traced: TracedFunction[..., Any],
    arguments: Sequence[Any] = (),
    keywords: Mapping[str, Any] | None = None,
    *,
    seconds: float = 1.0,
    rounds: int = 15,
) -> Timings:
    """Call a traced function and the plain function behind it in turns.

    The function runs for real, so what it writes (parameters, for example) changes.

    Args:
        traced: The function; it should have been called with such arguments before.
        arguments: Positional arguments of each call.
        keywords: Keyword arguments of each call.
        seconds: About how long the measurement may take, in seconds.
        rounds: The most rounds; fewer are run when one takes long, but three at least.
    """
    named = dict(keywords or {})

    def plain() -> Any:
        return traced.function(*arguments, **named)

    def compiled() -> Any:
        return traced(*arguments, **named)

    plain()
    compiled()
    once = _elapsed(plain, 1) + _elapsed(compiled, 1)
    calls = max(1, min(_MOST_CALLS, int(seconds / rounds / once)))
    rounds = max(3, min(rounds, int(seconds / (once * calls))))
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for action, found in zip((plain, compiled), times, strict=True):
            found.append(_elapsed(action, calls) / calls)
    eager, native = (
        Cost(statistics.median(found), count_calls(action), peak_bytes(action))
        for action, found in zip((plain, compiled), times, strict=True)
    )
    return Timings(eager, native, rounds, calls)


def _elapsed(action: Callable[[], Any], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        action()
    return time.perf_counter() - started


def count_calls(action: Callable[[], Any]) -> int:
    """How many Python and C functions the interpreter calls during an action."""
    calls = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    previous = sys.getprofile()
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(previous)
    # The action itself and the call that ends the count are not the action's.
    return max(calls - 2, 0)


def peak_bytes(action: Callable[[], Any]) -> int:
    """The most bytes newly allocated at one time during an action."""
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        action()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        if not running:
            tracemalloc.stop()
    return max(peak - before, 0)
