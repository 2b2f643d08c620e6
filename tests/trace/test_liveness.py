"""Whether someone holds an array, told by reference counts."""

import gc
from typing import Any

import numpy as np

import tracegraph as tg
from tracegraph.trace.liveness import ALONE, is_held


def test_an_array_of_the_list_alone() -> None:
    values: list[Any] = [np.zeros(3), None, np.zeros((2, 2)).reshape(4)]
    assert [is_held(values, slot) for slot in range(3)] == [False] * 3


def test_someone_holds_it() -> None:
    values: list[Any] = [np.zeros(3) for _ in range(4)]
    holders: list[Any] = [
        values[0],
        {"x": values[1]},
        tg.from_numpy(values[2]),
        (lambda array: lambda: array)(values[3]),
    ]
    for slot in range(4):
        assert is_held(values, slot)
        holders[slot] = None
        gc.collect()
        assert not is_held(values, slot)


def test_someone_holds_a_view_of_it() -> None:
    values: list[Any] = [np.zeros(6)]
    part = values[0][2:]
    deeper = part.reshape(2, 2).T
    assert is_held(values, 0)
    del part
    assert is_held(values, 0)
    del deeper
    assert not is_held(values, 0)


def test_someone_holds_what_it_is_a_view_of() -> None:
    base = np.zeros(6)
    values: list[Any] = [base[2:]]
    assert is_held(values, 0)
    assert not is_held(values, 0, view=True), "what it is a view of is asked for by itself"
    part = values[0]
    assert is_held(values, 0, view=True)
    del part, base
    assert not is_held(values, 0)


def test_another_view_of_the_same_memory_is_held() -> None:
    base = np.zeros(6)
    values: list[Any] = [base[2:], base[:2]]
    del base
    assert is_held(values, 0), "the other view is in the list, but may be anyone's"
    assert not is_held(values, 0, view=True)
    values[1] = None
    assert not is_held(values, 0)


def test_known_holders_do_not_count() -> None:
    values: list[Any] = [np.zeros(3)]
    spare = values[0]
    assert is_held(values, 0)
    assert not is_held(values, 0, known=1)
    other = values[0]
    assert is_held(values, 0, known=1)
    assert spare is other
    assert ALONE > 0
