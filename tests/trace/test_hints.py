"""Many shapes and values in turn are bounded, and `explain()` says which argument they are of."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.trace.records import (
    Frozen,
)
from tests.trace.test_arguments import ramp
from tracegraph.trace import trace

Wrap = Callable[[Any], Any]


def test_many_shapes_are_bounded_and_explained() -> None:
    @trace
    def f(x: Any, n: int, y: Any = None) -> Any:
        return x * 2 + n

    for size in range(1, 6):
        assert f(ramp(size), 1).tolist() == [2 * k + 1 for k in range(size)]
    text = str(f.explain())
    assert "argument `x` came in 5 shapes" in text
    assert "pad" in text
    for size in range(6, 16):
        f(ramp(size), 1)
    with pytest.warns(UserWarning, match="for other calls"):
        f(ramp(16), 1)
    assert len(f.entries) <= 16
    for size in range(1, 40):
        assert f(ramp(size), 1).tolist() == [2 * k + 1 for k in range(size)]
    assert "argument `x` came in 16 shapes" in str(f.explain())


def test_many_values_of_a_number_are_explained() -> None:
    @trace
    def f(x: Any, *, rate: float = 1.0) -> Any:
        return x * rate

    for rate in range(5):
        f(ramp(3), rate=float(rate))
    text = str(f.explain())
    assert "argument `rate` had 5 values" in text
    assert "tensor" in text
    assert "shapes" not in text


def test_shapes_in_a_record_are_explained_by_their_place() -> None:
    @trace
    def f(batch: Any) -> Any:
        return batch.x + 1

    for size in range(1, 5):
        f(Frozen(ramp(size)))
    assert "argument `batch.x` came in 4 shapes" in str(f.explain())
