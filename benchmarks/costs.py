"""What one call costs in the dynamic and in the static model: operations, kernels, Python calls, bytes, arrays.

Nothing here is timed but the two calls themselves; the rest is counted, so it is the same on every machine.
"""

import importlib
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks import variants
from benchmarks.workload import Arrays, Workload

TIMED_CALLS = 7

Counts = dict[str, Any]


def python_calls(action: Callable[[], Any]) -> dict[str, int]:
    """How many functions in Python and in C one call of an action enters."""
    counts = {"call": 0, "c_call": 0}

    def count(frame: Any, event: str, argument: Any) -> None:
        del frame, argument
        if event in counts:
            counts[event] += 1

    previous = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(previous)
    # The last C call counted is the one that switches counting off.
    return {"python_calls": counts["call"], "c_calls": counts["c_call"] - 1}


def counted_operations(action: Callable[[], Any]) -> Counts:
    """The operations that eager execution dispatches in one call, and the bytes of their operands and results.

    They are counted by the library's own recorder, without a trace being made. A view moves nothing. An in-place
    operation is recorded as an operation and a write of its result; it is counted as one pass that allocates
    nothing, as eager execution does it when nobody records. Memory that NumPy takes inside one operation is not seen.
    """
    recorder_type = importlib.import_module("tracegraph.trace.recorder").Recorder
    state = importlib.import_module("tracegraph._state")
    counts = {"operations": 0, "bytes_read": 0, "bytes_written": 0, "allocations": 0, "allocated_bytes": 0}
    fresh: dict[int, Any] = {}

    class Counter(recorder_type):  # type: ignore[misc, valid-type]
        def record(self, operation: Any, operands: tuple[Any, ...], result: Any) -> None:
            super().record(operation, operands, result)
            counts["operations"] += 1
            if result._base is not None:
                return
            counts["bytes_read"] += sum(held(operand._data) for operand in operands)
            counts["bytes_written"] += result._data.nbytes
            counts["allocations"] += 1
            counts["allocated_bytes"] += result._data.nbytes
            fresh[id(result)] = result

        def assign(self, target: Any, value: Any) -> None:
            super().assign(target, value)
            if fresh.pop(id(value), None) is not None:
                counts["allocations"] -= 1
                counts["allocated_bytes"] -= value._data.nbytes
            else:
                counts["bytes_read"] += held(value._data)
                counts["bytes_written"] += target._data.nbytes

    previous = state.begin_recording(Counter([]))
    try:
        action()
    finally:
        state.end_recording(previous)
    return counts


def held(array: Any) -> int:
    """The bytes that an array's elements take in memory: what is broadcast counts once."""
    total = int(array.itemsize)
    for size, stride in zip(array.shape, array.strides, strict=True):
        total *= size if stride else min(size, 1)
    return total


def step_counts(executable: Any) -> Counts:
    """The steps of a compiled graph, the bytes they read and write, and the memory they use."""
    steps_module = importlib.import_module("tracegraph.compiler.lowering.steps")
    lowered = executable.lowered
    steps = (*lowered.steps, *lowered.commits)

    def number_of(kind: str) -> int:
        return sum(isinstance(step, getattr(steps_module, kind)) for step in steps)

    return {
        "kernels": number_of("KernelStep"),
        "native_steps": number_of("NativeStep"),
        "host_steps": number_of("HostStep"),
        "bytes_read": sum(buffer_bytes(step.reads) for step in steps),
        "bytes_written": sum(buffer_bytes(step.writes) for step in steps),
        "allocations": len(lowered.outputs),
        "allocated_bytes": sum(output.buffer.spec.nbytes for output in lowered.outputs),
        "arena_bytes": lowered.memory.arena_bytes,
        "unshared_arena_bytes": lowered.memory.unshared_bytes,
    }


def buffer_bytes(buffers: Iterable[Any]) -> int:
    """The bytes of some buffers, each counted once."""
    return sum(buffer.spec.nbytes for buffer in dict.fromkeys(buffers))


def _seconds(actions: Iterable[Callable[[], Any]]) -> list[float]:
    """The median seconds of each action, called in turns."""
    actions = list(actions)
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(TIMED_CALLS):
        for action, taken in zip(actions, times, strict=True):
            started = time.perf_counter()
            action()
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in times]


def measure(workload: Workload, arrays: Arrays) -> Counts:
    """Costs of the dynamic and the static model for one call in the steady state, by the keys of the README."""
    made: list[Any] = []

    def copies() -> Arrays:
        return {name: array.copy() for name, array in arrays.items()}

    eager = workload.tensors(variants.tracegraph_framework(), copies())
    traced = workload.tensors(variants.tracegraph_framework(variants.tracer(made)), copies())
    for _ in range(3):
        eager.action()
        traced.action()
    eager_seconds, traced_seconds = _seconds((eager.action, traced.action))
    dynamic: Counts = {**counted_operations(eager.action), **python_calls(eager.action), "seconds": eager_seconds}
    static: Counts = {**python_calls(traced.action), "seconds": traced_seconds}
    (function,) = made
    explained = function.explain()
    static |= {"verdict": explained.verdict, "reasons": explained.reasons, "traces": explained.traces}
    if function.entries:
        static |= {"recorded_operations": explained.operations, **step_counts(function.entries[0].executable)}
    return {"dynamic": dynamic, "static": static}
