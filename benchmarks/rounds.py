"""Interleaved measurement: in every round each variant takes a turn, so what slows the machine slows all of them."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.processes import Players, ProcessError
from benchmarks.workload import Workload

SETTLE_SECONDS = 0.1
"""Pause before a turn: idle OpenMP and BLAS threads spin for nearly that long on cores that the next turn needs."""


@dataclass
class Measurement:
    """What a variant gave for a workload: a status, the error of its results, and the seconds per call of each round.

    `status` is "ok", "wrong" (not timed), "failed", or "absent" (not installed, or no such implementation).
    """

    status: str
    message: str = ""
    error: float | None = None
    calls: int = 0
    first_calls_seconds: float | None = None
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Seconds per call in the median round."""
        return statistics.median(self.seconds)

    @staticmethod
    def of(record: dict[str, Any]) -> "Measurement":
        """The measurement that a record in JSON tells of."""
        return Measurement(**{name: value for name, value in record.items() if name not in ("median", "min", "max")})

    def record(self) -> dict[str, Any]:
        """The measurement for JSON."""
        found = asdict(self)
        if self.seconds:
            found |= {"median": self.median, "min": min(self.seconds), "max": max(self.seconds)}
        return found


def ratio(slower: Measurement, faster: Measurement) -> float | None:
    """How many times as long one variant takes as another: the median over the rounds of the ratio within a round."""
    pairs = list(zip(slower.seconds, faster.seconds, strict=False))
    return statistics.median(a / b for a, b in pairs) if pairs else None


def measure(
    workload: Workload,
    names: Sequence[str],
    players: Players,
    *,
    scale: float,
    rounds: int,
    tell: Callable[[str], None],
) -> dict[str, Measurement]:
    """Measure a workload in all variants that are there, checking each first."""
    found: dict[str, Measurement] = {}
    for variant in names:
        player = players.of.get(variant)
        if player is None:
            found[variant] = Measurement("absent", "not installed")
            continue
        tell(f"{workload.name}: checking {variant}")
        try:
            answer = player.ask(command="prepare", workload=workload.name, variant=variant, scale=scale)
        except ProcessError as error:
            answer = {"status": "failed", "message": str(error)}
        found[variant] = Measurement(**answer)
    for number in range(rounds):
        tell(f"{workload.name}: round {number + 1} of {rounds}")
        for variant, measurement in found.items():
            if measurement.status == "ok":
                _turn(players, variant, measurement)
    return found


def _turn(players: Players, variant: str, measurement: Measurement) -> None:
    time.sleep(SETTLE_SECONDS)
    try:
        answer = players.of[variant].ask(command="turn", variant=variant)
    except ProcessError as error:
        answer = {"status": "failed", "message": str(error)}
    if "seconds" in answer:
        measurement.seconds.append(answer["seconds"])
    else:
        measurement.status, measurement.message = "failed", answer["message"]
        measurement.seconds.clear()
