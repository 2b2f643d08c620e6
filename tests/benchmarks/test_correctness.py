"""The comparison with the reference notices what is wrong, and the worker then refuses to time it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks import variants, worker
from benchmarks.correctness import compare
from benchmarks.workload import Arrays, Case, Framework
from benchmarks.workloads import WORKLOADS

RIGHT = np.array([1.0, -4.0, 0.5])


def test_equal_arrays_have_no_error() -> None:
    assert compare([RIGHT], [RIGHT], 0).error == 0


def test_the_error_is_relative_to_the_largest_magnitude() -> None:
    verdict = compare([RIGHT + np.array([0, 0, 0.04])], [RIGHT], 0.02)
    assert verdict.error == pytest.approx(0.01)
    assert verdict.fault == ""


@pytest.mark.parametrize(
    ("found", "expected", "part"),
    [
        ([RIGHT + 0.1], [RIGHT], "result 0 is off by 2.5e-02"),
        ([RIGHT, RIGHT], [RIGHT], "gives 2 results where 1 are expected"),
        ([RIGHT[:2]], [RIGHT], "has shape (2,), not (3,)"),
        ([np.array([1.0, np.nan, 0.5])], [RIGHT], "result 0 is off by inf"),
        ([RIGHT], [np.array([1.0, np.nan, 0.5])], "result 0 is off by inf"),
        ([np.array([np.inf])], [np.array([-np.inf])], "result 0 is off by inf"),
        ([RIGHT, RIGHT * 2], [RIGHT, RIGHT], "result 1"),
    ],
)
def test_faults_are_told(found: list[Any], expected: list[Any], part: str) -> None:
    assert part in compare(found, expected, 1e-3).fault


def test_nan_and_infinity_in_their_places_are_right() -> None:
    values = np.array([np.nan, np.inf, -np.inf, 2.0])
    assert compare([values.astype(np.float32)], [values], 1e-6).error == 0


def _wrong_on_replay(framework: Framework, arrays: Arrays) -> Case:
    """Right on the first call only."""
    del framework
    made: list[int] = []

    def action() -> Any:
        made.append(1)
        x = arrays["x"]
        return np.tanh(2 * x + 1) / (1 + np.exp(-x)) + (len(made) > 1)

    return Case(action)


def test_the_worker_does_not_time_wrong_results(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(WORKLOADS["pointwise-small"], name="wrong", tensors=_wrong_on_replay)
    monkeypatch.setitem(WORKLOADS, "wrong", wrong)
    made = worker.Worker(0.001)
    answer = made.answer({"command": "prepare", "workload": "wrong", "variant": variants.EAGER, "scale": 0.1})
    assert answer["status"] == "wrong"
    assert "result 0 is off by" in answer["message"]
    assert made.cases == {}
    answer = made.answer({"command": "prepare", "workload": "wrong", "variant": variants.NUMPY, "scale": 0.1})
    assert answer["status"] == "ok"
    assert made.answer({"command": "turn", "variant": variants.NUMPY})["seconds"] > 0
