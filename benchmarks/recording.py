"""`python -m benchmarks.recording`: what the recorded call of a traced function costs beside the plain call.

The compiler's time is not in it: it is that of the program, and is paid once for every machine (see `starts`).
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tracegraph
from benchmarks import report
from tracegraph import nn, optim, trace

LIMIT = 60
"""So many times the plain call recording may take for a small function."""
PLAIN_CALLS = 5
"""Plain calls in each round."""


@dataclass(frozen=True)
class Case:
    """A function and its arguments."""

    title: str
    function: Callable[..., Any]
    args: tuple[Any, ...]


def cases() -> Iterator[Case]:
    """From a few tiny operations to a hundred layers."""
    a, b, c = (tracegraph.rand(3) for _ in range(3))
    yield Case("(a + b * c) * 2, three elements", lambda a, b, c: (a + b * c) * 2.0, (a, b, c))

    perceptron = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimiser = optim.SGD(perceptron.parameters(), lr=0.1, momentum=0.9)

    def step(x: Any) -> Any:
        optimiser.zero_grad()
        loss = (perceptron(x) ** 2).mean()
        loss.backward()
        optimiser.step()
        return loss

    yield Case("training step of a small perceptron", step, (tracegraph.rand(4, 8),))

    layers = nn.Sequential(*[nn.Linear(8, 8) for _ in range(100)])

    def forward(x: Any) -> Any:
        return layers(x)

    yield Case("100 linear layers", forward, (tracegraph.rand(4, 8),))


def measure(case: Case, rounds: int) -> tuple[float, float]:
    """Median seconds of the plain and of the recorded call, which take turns."""
    plain: list[float] = []
    recorded: list[float] = []
    for _ in range(rounds):
        for _ in range(PLAIN_CALLS):
            started = time.perf_counter()
            case.function(*case.args)
            plain.append(time.perf_counter() - started)
        traced = trace(case.function)
        traced(*case.args)
        recorded.append(traced.attempts[-1].run_seconds)
    return statistics.median(plain), statistics.median(recorded)


def main(rounds: int = 21) -> int:
    """Print the table; the status is 1 if one is beyond the limit."""
    rows = [["function", "plain", "recorded", "times"]]
    worst = 0.0
    for case in cases():
        measure(case, 2)  # compiles, and warms up
        plain, recorded = measure(case, rounds)
        worst = max(worst, recorded / plain)
        rows.append([case.title, report.duration(plain), report.duration(recorded), f"{recorded / plain:.0f}"])
    print(report.table(rows))
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
