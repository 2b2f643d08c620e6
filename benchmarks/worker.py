"""A process that runs some variants: it prepares a workload and takes timed turns, as told on its standard input.

Requests and answers are lines of JSON. Between requests the process sleeps in a read and takes no core from others.
"""

import argparse
import gc
import json
import os
import statistics
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any, TextIO

from benchmarks import costs, variants
from benchmarks.correctness import check, reference
from benchmarks.workload import Array, Case
from benchmarks.workloads import WORKLOADS

MOST_CALLS = 100_000
PARTS = 5


class Worker:
    """The workload prepared last, and its cases by variant."""

    def __init__(self, turn_seconds: float) -> None:
        self.turn_seconds = turn_seconds
        self.cases: dict[str, Case] = {}
        self.calls: dict[str, int] = {}
        self._name: tuple[str, float] | None = None
        self._arrays: dict[str, Array] = {}
        self._expected: list[Array] = []

    def _open(self, name: str, scale: float) -> None:
        if self._name == (name, scale):
            return
        self.cases.clear()
        self.calls.clear()
        self._arrays = WORKLOADS[name].inputs(scale)
        self._expected = reference(WORKLOADS[name], self._arrays)
        self._name = (name, scale)

    def prepare(self, name: str, variant: str, scale: float) -> dict[str, Any]:
        """Build a case, check its results, and find how many calls make a turn."""
        workload = WORKLOADS[name]
        self._open(name, scale)
        traced: list[Any] = []
        case = variants.make(variant, workload, {key: array.copy() for key, array in self._arrays.items()}, traced)
        if case is None:
            return {"status": "absent", "message": "no such implementation of this workload"}
        started = time.perf_counter()
        verdict = check(case, self._expected, workload.tolerance)
        checked = time.perf_counter() - started
        if verdict.fault:
            return {"status": "wrong", "message": verdict.fault}
        self.cases[variant] = case
        self.calls[variant] = self._calibrate(case)
        gc.collect()
        gc.freeze()
        return {
            "status": "ok", "message": "; ".join(map(why_not_static, traced)).strip("; "), "error": verdict.error,
            "calls": self.calls[variant], "first_calls_seconds": checked,
        }  # fmt: skip

    def _calibrate(self, case: Case) -> int:
        """The number of calls that takes about a turn."""
        calls = 1
        while True:
            taken = min(seconds(case, calls) for _ in range(3))
            if taken * 4 > self.turn_seconds or calls >= MOST_CALLS:
                return min(MOST_CALLS, max(1, round(calls * self.turn_seconds / taken)))
            calls *= 4

    def turn(self, variant: str) -> dict[str, Any]:
        """Seconds per call of one turn, after a call that is not timed: the median of a few parts of the turn.

        A part in which the system gave the core to another process, for several milliseconds, does not count then.
        """
        case, calls = self.cases[variant], self.calls[variant]
        case.action()
        parts = min(PARTS, calls)
        return {"seconds": statistics.median(seconds(case, calls // parts) / (calls // parts) for _ in range(parts))}

    def costs(self, name: str, scale: float) -> dict[str, Any]:
        """What the dynamic and the static model do for one call."""
        self._open(name, scale)
        return costs.measure(WORKLOADS[name], self._arrays)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request."""
        command = request["command"]
        if command == "prepare":
            return self.prepare(request["workload"], request["variant"], request["scale"])
        if command == "turn":
            return self.turn(request["variant"])
        if command == "costs":
            return self.costs(request["workload"], request["scale"])
        raise ValueError(f"unknown command {command!r}")


def why_not_static(function: Any) -> str:
    """Why a traced function needs Python on each call, or nothing."""
    explained = function.explain()
    return "" if explained.verdict == "static" else f"{explained.verdict}, because it {', '.join(explained.reasons)}"


def seconds(case: Case, calls: int) -> float:
    """Seconds that a number of calls takes."""
    action = case.action
    started = time.perf_counter()
    for _ in range(calls):
        action()
    return time.perf_counter() - started


def serve(worker: Worker, requests: TextIO, answers: TextIO) -> None:
    """Answer requests until there are no more. What fails is answered too: the other variants go on."""
    for line in requests:
        try:
            answer = worker.answer(json.loads(line))
        except Exception as error:  # noqa: BLE001 - whatever a library raises is a result of the benchmark
            traceback.print_exc()
            answer = {"status": "failed", "message": "".join(traceback.format_exception_only(error)).splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)


def main(arguments: Sequence[str]) -> None:
    """Run as `python -m benchmarks.worker`: answers go to the standard output, all other printing to stderr."""
    parser = argparse.ArgumentParser(prog="benchmarks.worker")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--turn", type=float, required=True)
    parser.add_argument("variants", nargs="+")
    options = parser.parse_args(arguments)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for variant in options.variants:
        variants.set_threads(variant, options.threads)
    serve(Worker(options.turn), sys.stdin, answers)


if __name__ == "__main__":
    main(sys.argv[1:])
