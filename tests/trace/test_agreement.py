"""When a replay and the plain call are said to have given the same."""

from typing import Any

import numpy as np
import pytest

from tracegraph.trace.agreement import agree, check_mode, shown


def floats(*values: float, dtype: Any = np.float32) -> Any:
    return np.array(values, dtype)


MANY = np.arange(1000)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (floats(1, 2), floats(1, 2)),
        (floats(1, 2), floats(1, 2.0001)),
        (floats(1e6, 1e-3), floats(1e6, 2e-3)),
        (floats(0, 0), floats(1e-8, -1e-8)),
        (floats(np.nan, np.inf, -np.inf, 1), floats(np.nan, np.inf, -np.inf, 1.00001)),
        (floats(np.nan), floats(np.nan)),
        (floats(), floats()),
        (floats(1, 2, dtype=np.float16), floats(1, 2.01, dtype=np.float16)),
        (np.array(3), np.array(3)),
        (MANY, np.where(MANY % 200, MANY, -1)),
        (MANY > 500, MANY > 503),
    ],
)
def test_rounding_is_no_difference(wanted: Any, found: Any) -> None:
    assert agree(wanted, found)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (floats(1, 2), floats(1, 2.01)),
        (floats(1, 2), floats(1, 2, dtype=np.float64)),
        (floats(1, 2), floats(1, 2).reshape(2, 1)),
        (floats(1, 2), floats(1, 2, 3)),
        (floats(1, np.nan), floats(1, 2)),
        (floats(1, 2), floats(1, np.nan)),
        (floats(1, np.inf), floats(1, -np.inf)),
        (floats(1, np.inf), floats(1, np.nan)),
        (floats(1, 2, dtype=np.float64), floats(1, 2.0001, dtype=np.float64)),
        (floats(0, 0), floats(1e-3, 0)),
        (np.array(3), np.array(4)),
        (np.array([True, False]), np.array([True, True])),
        (MANY, np.where(MANY % 50, MANY, -1)),
    ],
)
def test_what_differs(wanted: Any, found: Any) -> None:
    assert not agree(wanted, found)


def test_what_the_last_bit_changes_is_no_difference() -> None:
    wanted, found = floats(1, 2), floats(1, 2.02)
    assert agree(wanted, found, floats(1, 2.01))
    assert agree(wanted, found, floats(0.99, 2))
    assert not agree(wanted, found, floats(1, 2.001))
    assert not agree(wanted, found, floats(1, np.inf))
    assert not agree(wanted, floats(1, np.nan), floats(1, 3))
    assert not agree(np.array(3), np.array(4), np.array(5))


@pytest.mark.parametrize(("setting", "mode"), [(None, "first"), ("", "first"), ("1", "always"), ("0", "never")])
def test_modes(setting: str | None, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACEGRAPH_CHECK", raising=False)
    if setting is not None:
        monkeypatch.setenv("TRACEGRAPH_CHECK", setting)
    assert check_mode() == mode


def test_arrays_are_shown_in_few_words() -> None:
    assert shown(floats(1, 2.5)) == "[1. 2.5]"
    assert shown(np.zeros(10_000)) == "[0. 0. ... 0. 0.]"
    assert len(shown(np.random.default_rng(0).random((50, 50, 50)))) <= 80
