"""`python -m benchmarks.matching`: what matching one operation of a co-executed call costs beside NumPy's own call.

A matched operation costs what an eager one costs, less NumPy's call and its work, plus the matching.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import tracegraph
from benchmarks import report
from tracegraph import trace
from tracegraph.trace.trial import Trial

OPERATIONS = 200
SIZE = 8


def steps(x: Any, y: Any) -> Any:
    """A chain of tiny operations, and a value taken to Python."""
    for _ in range(OPERATIONS // 2):
        x = x + y
        x = x * y
    return x.sum().item()


def numpy_steps(x: Any, y: Any) -> Any:
    """The same by NumPy's functions."""
    for _ in range(OPERATIONS // 2):
        x = np.add(x, y)
        x = np.multiply(x, y)
    return x.sum().item()


def timed(run: Callable[[], Any]) -> float:
    """Seconds of one run, an operation."""
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) / OPERATIONS


class AlwaysMatched(Trial):
    """Never leaves the choice to the clock."""

    is_running = False

    def choose(self) -> bool:
        """Match."""
        return True


def main(rounds: int = 101) -> int:
    """Print the table; the status is 1 if matching costs more than NumPy's call."""
    array = np.full(SIZE, 0.9, np.float32)
    x, y = tracegraph.tensor(array), tracegraph.tensor(array)
    traced = trace(steps)
    traced.trie.trial = AlwaysMatched()
    for _ in range(6):
        traced(x, y)
    before = traced.trie.native_flushes
    variants: dict[str, Callable[[], Any]] = {
        "NumPy": lambda: numpy_steps(array, array),
        "eager": lambda: steps(x, y),
        "matched": lambda: traced(x, y),
    }
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            seconds[name].append(timed(run))
    assert traced.trie.native_flushes > before + 0.9 * rounds  # now and then a call is recorded again
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    matching = medians["matched"] - (medians["eager"] - medians["NumPy"])
    rows = [["an operation on 8 elements", "time"]]
    rows += [[name, report.duration(median)] for name, median in medians.items()]
    rows.append(["matching", report.duration(max(matching, 0.0))])
    print(report.table(rows))
    return int(matching > medians["NumPy"])


if __name__ == "__main__":
    raise SystemExit(main())
