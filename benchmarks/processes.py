"""Starts workers and speaks with them: `Players` prepares variants and asks for their turns, wherever they run."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.variants import GROUPS, is_installed

THREAD_VARIABLES = (
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TRACEGRAPH_NUM_THREADS",
)

ROOT = Path(__file__).resolve().parent.parent
"""Where workers run, so that they find these benchmarks."""


def environment(threads: int) -> dict[str, str]:
    """This process's environment, with every library told how many threads to use."""
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}


def bound(threads: int) -> list[str]:
    """The interpreter's command, its process kept to as many cores as threads where the system can do that.

    Libraries that take no number of threads (XLA) use the cores they are allowed.
    """
    if not hasattr(os, "sched_setaffinity"):
        return [sys.executable]
    cores = sorted(os.sched_getaffinity(0))[:threads]
    program = (
        f"import os, sys; os.sched_setaffinity(0, {cores}); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    return [sys.executable, "-c", program]


class ProcessError(RuntimeError):
    """A worker ended when an answer was expected."""


class Player:
    """One worker process."""

    def __init__(self, variants: Sequence[str], *, threads: int, turn: float, log: Any) -> None:
        self.variants, self.threads, self.turn_seconds, self.log = tuple(variants), threads, turn, log
        self._process: subprocess.Popen[str] | None = None

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to a request; the process is started when needed."""
        process = self._process
        if process is None:
            process = self._process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise ProcessError(f"the process of {', '.join(self.variants)} ended with status {self.close()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> "subprocess.Popen[str]":
        command = [*bound(self.threads), "-m", "benchmarks.worker"]
        options = ["--threads", str(self.threads), "--turn", str(self.turn_seconds)]
        return subprocess.Popen(
            [*command, *options, *self.variants],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment(self.threads),
            cwd=ROOT,
        )  # fmt: skip

    def close(self) -> int | None:
        """End the process, if there is one, and tell its status."""
        process, self._process = self._process, None
        if process is None:
            return None
        # What could not be written to a process that has ended is of no use.
        with contextlib.suppress(BrokenPipeError):
            process.communicate()
        return process.returncode


class Players:
    """All workers; a context manager that ends them. What they print to stderr is kept in `log`."""

    def __init__(self, variants: Iterable[str], *, threads: int, turn: float, isolate: bool) -> None:
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the workers
        wanted = [variant for variant in variants if is_installed(variant)]
        groups = [(variant,) for variant in wanted] if isolate else GROUPS
        self.of: dict[str, Player] = {}
        for group in groups:
            members = [variant for variant in group if variant in wanted]
            player = Player(members, threads=threads, turn=turn, log=self.log)
            self.of.update(dict.fromkeys(members, player))

    def __enter__(self) -> "Players":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for player in set(self.of.values()):
            player.close()
        self.log.close()
