"""Compiled arithmetic is rounded as eager arithmetic is, operation by operation, also at the edges of the numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import Tensor, tensor, trace

TINY = [[0.0, 1e-40], [1e-39, 0.0]]
SQUARES = np.random.default_rng(0).random(1000, dtype=np.float32) * 3

CASES: dict[str, tuple[Callable[..., Tensor], tuple[Any, ...]]] = {
    "rows divided by their sums": (lambda x: x / x.sum(1, keepdim=True), (TINY,)),
    "a subnormal row as divisor": (lambda x, y: x / y, (np.zeros((3, 2), np.float32), [1e-40, 1e-39])),
    "a subnormal number as divisor": (lambda x: x / 1e-40 + x, ([0.0, 1e-39],)),
    "a huge divisor": (lambda x: x / 3e38 + x * 0, ([3e38, 1e38],)),
    "exact cancellation": (lambda a, b: a * a - b, (SQUARES, SQUARES * SQUARES)),
    "root of a cancellation": (lambda a, b: (a * a - b).sqrt(), (SQUARES, SQUARES * SQUARES)),
    "overflow before the sum": (lambda x, y: x * y + x, (np.full(5, 2e38, np.float32), np.full(5, -2.0, np.float32))),
    "signed zeros": (lambda x: x * -1.0 + 0.0 * x, ([0.0, -0.0, 1.0],)),
}


@pytest.mark.parametrize("case", CASES)
def test_replay_equals_eager_to_the_bit(case: str) -> None:
    function, values = CASES[case]
    arguments = [tensor(value, dtype=tracegraph.float32) for value in values]
    traced = trace(function)
    plain = traced(*arguments)
    replayed = traced(*arguments)
    assert traced.entries[0].hits == 1
    expected, found = plain.numpy(), replayed.numpy()
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))
