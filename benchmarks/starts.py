"""Cold and warm starts: whole processes until the first compiled training step, with empty and with filled caches.

`python -m benchmarks.starts VARIANT` is such a process; it prints the seconds that its parts took.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import variants
from benchmarks.processes import ROOT, bound, environment
from benchmarks.workloads import WORKLOADS

WORKLOAD = "mlp-training"
CACHES = {"TRACEGRAPH_CACHE_DIR": "tracegraph", "TORCHINDUCTOR_CACHE_DIR": "torch", "JAX_COMPILATION_CACHE_DIR": "jax"}
STORE_ALL = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}


def launch(variant: str, folder: Path, threads: int) -> dict[str, float]:
    """Seconds of one process of a variant whose caches lie in a folder: in total, and of its parts.

    Raises:
        subprocess.CalledProcessError: the process failed.
    """
    caches = {variable: str(folder / name) for variable, name in CACHES.items()}
    started = time.perf_counter()
    done = subprocess.run(
        [*bound(threads), "-m", "benchmarks.starts", variant],
        env={**environment(threads), **caches, **STORE_ALL}, check=True, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    total = time.perf_counter() - started
    parts: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {"total": total, **parts}


def measure(
    names: Sequence[str], *, threads: int, rounds: int, tell: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Median seconds of cold starts (each with empty caches) and of the warm starts that follow them, in turns."""
    times: dict[str, dict[str, list[dict[str, float]]]] = {name: {"cold": [], "warm": []} for name in names}
    failures: dict[str, str] = {}
    for number in range(rounds):
        for name in names:
            if name in failures:
                continue
            tell(f"starts: {name}, round {number + 1} of {rounds}")
            with tempfile.TemporaryDirectory() as folder:
                try:
                    for kind in ("cold", "warm"):
                        times[name][kind].append(launch(name, Path(folder), threads))
                except subprocess.CalledProcessError as error:
                    failures[name] = (error.stderr.strip().splitlines() or ["no message"])[-1]
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        if name in failures:
            found[name] = {"status": "failed", "message": failures[name]}
        else:
            found[name] = {"status": "ok", **{kind: _medians(runs) for kind, runs in times[name].items()}}
    return found


def _medians(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    return {part: statistics.median(run[part] for run in runs) for part in runs[0]}


def run(variant: str) -> dict[str, float]:
    """Import, build and step twice: the second step is the first that a tracer or compiler surely serves."""
    began = time.perf_counter()
    workload = WORKLOADS[WORKLOAD]
    case = variants.make(variant, workload, workload.inputs(1.0))
    if case is None:
        raise ValueError(f"{WORKLOAD} has no {variant} variant")
    built = time.perf_counter()
    case.action()
    first = time.perf_counter()
    case.action()
    return {"build": built - began, "first_call": first - built, "second_call": time.perf_counter() - first}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])), flush=True)
    # What libraries do when the interpreter ends is not part of a start.
    os._exit(0)
