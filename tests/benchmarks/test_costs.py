"""What one call costs is counted exactly where it is known."""

import numpy as np

import tracegraph
from benchmarks import costs
from benchmarks.workloads import WORKLOADS


def test_operations_and_bytes_of_eager_execution() -> None:
    x = tracegraph.tensor(np.ones(100, np.float32))
    counts = costs.counted_operations(lambda: (x * x + x).reshape(10, 10))
    assert counts == {
        "operations": 3, "bytes_read": 1600, "bytes_written": 800, "allocations": 2, "allocated_bytes": 800,
    }  # fmt: skip


def test_an_in_place_operation_allocates_nothing() -> None:
    x = tracegraph.tensor(np.ones(100, np.float32))
    y = tracegraph.tensor(np.ones(100, np.float32))
    counts = costs.counted_operations(lambda: x.add_(y))
    assert counts == {"operations": 1, "bytes_read": 800, "bytes_written": 400, "allocations": 0, "allocated_bytes": 0}
    assert x.tolist() == [2.0] * 100


def test_a_broadcast_array_takes_the_bytes_it_has() -> None:
    assert costs.held(np.broadcast_to(np.ones((3, 1)), (3, 50))) == 24
    assert costs.held(np.ones((0, 4))) == 0


def test_python_calls_are_counted() -> None:
    def inner() -> int:
        return len("abc")

    assert costs.python_calls(lambda: inner() + inner()) == {"python_calls": 3, "c_calls": 2}


def test_one_kernel_replaces_the_operations_of_a_chain() -> None:
    workload = WORKLOADS["pointwise-small"]
    found = costs.measure(workload, workload.inputs(1.0))
    dynamic, static = found["dynamic"], found["static"]
    assert static["verdict"] == "static"
    assert static["recorded_operations"] == dynamic["operations"] == 5
    assert (static["kernels"], static["native_steps"], static["host_steps"]) == (1, 0, 0)
    assert static["bytes_read"] == static["bytes_written"] == static["allocated_bytes"] == 4000
    assert static["python_calls"] < dynamic["python_calls"]
