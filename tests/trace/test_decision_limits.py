"""Loops on values of tensors share code; trees have limits, keep nothing of their calls, and serve several threads."""

import functools
import gc
import sys
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.test_arguments import ramp
from tests.trace.test_concurrency import in_threads
from tests.trace.watching import frames, hits, is_same, tree_of, warm
from tracegraph.trace import compiling, recorder, trace, tree
from tracegraph.trace.replay import MISS


def halve(x: Any) -> Any:
    while x.abs().sum() > 1:
        x = x / 2
    return x * 3


def takes(rounds: int) -> Any:
    """What `halve` halves so many times."""
    return tg.tensor([2.0**rounds, 0.0])


def test_the_body_of_a_loop_is_compiled_once() -> None:
    f = trace(halve)
    warm(f, (takes(3),))
    codes = tree_of(f).compiler.executables
    assert len(codes) == 2, "the condition alone, and the body with the condition"
    warm(f, (takes(30),))
    assert tree_of(f).compiler.executables == codes
    branch: Any = tree_of(f).root
    bodies = set()
    while branch.children.keys() == {0, 1} or 1 in branch.children:
        branch = branch.children[1]
        bodies.add(branch.executable)
    assert len(bodies) == 1
    assert tree_of(f).leaves == 2


def events_of(call: Callable[[], Any]) -> list[str]:
    """Each Python frame entered and each C function called."""
    seen: list[str] = []

    def listen(frame: types.FrameType, event: str, argument: Any) -> None:
        if event == "call":
            seen.append(frame.f_code.co_name)
        elif event == "c_call":
            seen.append(argument.__name__)

    sys.setprofile(listen)
    try:
        call()
    finally:
        sys.setprofile(None)
    return seen


def test_thirty_rounds_run_without_python_in_between() -> None:
    f = trace(halve)
    warm(f, (takes(1),), (takes(30),))
    before = hits(f)
    few, many = (events_of(functools.partial(f, takes(rounds))) for rounds in (1, 30))
    assert few == many
    assert len(many) < 30
    assert halve.__name__ not in many
    assert hits(f) == before + 2


def test_a_count_is_recorded_once_and_never_again() -> None:
    f = trace(halve)
    for turn in range(4):
        for rounds in (3, 30, 0, 7, 29):
            ran = frames(f, lambda: is_same(tg.tensor([3.0, 0.0]), f(takes(rounds))))  # noqa: B023
            assert ran == (turn < 2), "recorded, then compared once"
    assert f.history.recordings == len(f.attempts) == tree_of(f).leaves == 5
    assert [entry.hits for entry in f.entries] == [3] * 5


def test_values_of_earlier_rounds_reach_later_ones() -> None:
    @trace
    def fibonacci(limit: Any, a: Any, b: Any) -> Any:
        first, seen = a + b, []
        while b < limit:
            a, b = b, a + b
            seen.append(a * first)
        return seen, a, b

    calls = [(tg.tensor(float(limit)), ramp(1), ramp(1, start=1)) for limit in (5, 100, 1, 30)]
    for _ in range(3):
        for args in calls:
            is_same(fibonacci.function(*args), fibonacci(*args))
    assert hits(fibonacci) == 8
    assert fibonacci.verdict == "static"


def whole(x: Any) -> Any:
    return x * int(x.sum())


def test_too_many_outcomes_of_one_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_OUTCOMES", 3)
    f = trace(whole)
    warm(f, *[(ramp(1, start=value),) for value in range(6)])
    for value in range(6):
        is_same(ramp(1, start=value * value), f(ramp(1, start=value)))
        assert f.verdict == ("static" if value < 3 else "co-executed")
    assert tree_of(f).leaves == 3
    assert "different values of a tensor" in f.explain().reasons[0]
    before = f.history.recordings
    assert before <= 5
    for value in (*range(6), *range(6)):
        is_same(ramp(1, start=value * value), f(ramp(1, start=value)))
    assert f.history.recordings == before, "the values beyond are not recorded in vain"


def two_decisions(x: Any) -> Any:
    y = x * 2 if x[0] > 0 else x
    z = y + 1 if x[1] > 0 else y
    return z - 3 if x[2] > 0 else z


def test_too_many_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "MAX_LEAVES", 5)
    f = trace(two_decisions)
    inputs = [tg.tensor([(1.0, -1.0)[number >> bit & 1] for bit in range(3)]) for number in range(8)]
    warm(f, *[(x,) for x in inputs])
    for number, x in enumerate(inputs):
        is_same(two_decisions(x), f(x))
        assert f.verdict == ("static" if number < 5 else "co-executed")
    assert tree_of(f).leaves == 5
    assert "goes more than 5 ways" in f.explain().reasons[0]


def test_too_many_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_DECISIONS", 10)
    f = trace(halve)
    warm(f, (takes(5),), (takes(20),))
    for rounds, verdict in ((5, "static"), (20, "co-executed"), (5, "static")):
        is_same(tg.tensor([3.0, 0.0]), f(takes(rounds)))
        assert f.verdict == verdict
    assert tree_of(f).leaves == 1


def test_a_thousand_rounds() -> None:
    """Deep trees are made without recursion; where Python's own would end, they go on."""

    def count(x: Any) -> Any:
        while x > 0:
            x = x - 1
        return x

    f = trace(count)
    warm(f, (tg.tensor(900.0),), (tg.tensor(899.0),))
    assert frames(f, lambda: is_same(tg.tensor(0.0), f(tg.tensor(900.0)))) == 0
    assert len(tree_of(f).compiler.executables) == 2


WEIGHT = ramp(3, start=1)


def weighted(x: Any) -> Any:
    y = x * WEIGHT
    return y + WEIGHT if y.sum() > 0 else y


def test_captured_tensors_that_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    f = trace(weighted)
    warm(f, (ramp(3),), (-ramp(3),))
    for start in (5, -5, 2):
        monkeypatch.setitem(globals(), "WEIGHT", ramp(3, start=start))
        for x in (ramp(3), -ramp(3)) * 3:
            is_same(weighted(x), f(x))
    assert f.verdict == "static"


def test_captured_tensors_with_other_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "WEIGHT", ramp(3, start=1))
    f = trace(weighted)
    warm(f, (ramp(3),), (-ramp(3),))
    recordings = f.history.recordings
    WEIGHT.data = ramp(3, start=4)
    for x in (ramp(3), -ramp(3)):
        is_same(weighted(x), f(x))
    assert f.history.recordings == recordings, "memory of the same kind is taken over"
    for shape in ((1,), (3,), (2, 3), (1,)):
        WEIGHT.data = ramp(*shape, start=2)
        for x in (ramp(3), -ramp(3)) * 2:
            is_same(weighted(x), f(x))
    WEIGHT.data = ramp(3, start=7)
    before = hits(f)
    is_same(weighted(ramp(3)), f(ramp(3)))
    assert hits(f) == before + 1


def test_no_walk_reads_memory_of_another_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "WEIGHT", ramp(3, start=1))
    f = trace(weighted)
    warm(f, (ramp(3),))
    (space,) = tree_of(f).replay.__globals__["spaces"]
    walks = []
    right = space.walk

    def walk(*arrays: Any) -> int:
        walks.append(arrays)
        return right(*arrays)  # type: ignore[no-any-return]

    space.walk = walk
    is_same(weighted(ramp(3)), f(ramp(3)))
    assert len(walks) == 1
    WEIGHT.data = ramp(1)
    assert tree_of(f).replay((ramp(3),), {}) is MISS
    assert len(walks) == 1


def test_captured_tensors_are_read_anew() -> None:
    state = ramp(3)

    @trace
    def f(x: Any) -> Any:
        return x + state if state.sum() > 0 else x - state

    for turn in range(9):
        state.copy_(ramp(3) * (-1 if turn % 2 else turn))
        is_same(f.function(ramp(3)), f(ramp(3)))
    assert f.history.recordings == 2


def test_several_threads_go_through_one_tree() -> None:
    f = trace(halve)
    counts = range(1, 9)
    warm(f, *[(takes(rounds),) for rounds in counts])

    def work(number: int) -> None:
        for turn in range(60):
            x = takes(1 + (number + turn) % 8) * (1 + number / 100)
            np.testing.assert_array_equal(f(x)._data, halve(x)._data)

    in_threads(work)
    assert f.verdict == "static"


def test_several_threads_grow_one_tree() -> None:
    f = trace(halve)

    def work(number: int) -> None:
        for turn in range(12):
            x = takes(1 + (number * turn) % 12)
            np.testing.assert_array_equal(f(x)._data, halve(x)._data)

    in_threads(work)
    warm(f, (takes(5),))
    is_same(tg.tensor([3.0, 0.0]), f(takes(5)))
    assert f.verdict == "static"


def branch(x: Any) -> Any:
    y = x.exp()
    return y * 2 if y.sum() > 20 else y.neg_()


def branch_in_place(x: Any) -> Any:
    return x.add_(1) * 2 if x.sum() > 9 else x


def branch_with_gradient(x: Any) -> Any:
    leaf = (x * 2).detach().requires_grad_()
    y = (leaf * WEIGHT).sum()
    y.backward()
    return leaf.grad * x if y > 20 else leaf.grad


@pytest.mark.parametrize("function", [branch, branch_in_place, branch_with_gradient])
def test_arguments_and_results_are_let_go(function: Callable[[Any], Any]) -> None:
    f = trace(function)
    for turn in range(6):
        x = ramp(3, start=8 * (turn % 2))
        result = f(x)
        held = [weakref.ref(value) for value in (x, x._data, result, result._data)]
        del x, result
        gc.collect()
        assert not any(reference() is not None for reference in held), f"call {turn}"
    assert tree_of(f).leaves == 2
    assert hits(f) == 4


def test_results_of_earlier_calls_stay() -> None:
    f = trace(branch)
    warm(f, (ramp(3),), (ramp(3, start=3),))
    first, second = f(ramp(3)), f(ramp(3, start=3))
    kept = first.clone(), second.clone()
    f(ramp(3) + 0.5)
    f(ramp(3, start=4))
    is_same(kept, (first, second))


def test_a_leaf_whose_guards_fail_each_time_is_not_recorded_forever() -> None:
    seen: list[int] = []

    @trace
    def f(x: Any) -> Any:
        if x.sum() > 10:
            seen.append(1)
        return x * len(seen)

    for number in range(60):
        x = tg.tensor([20.0 if number % 2 else 1.0])
        assert f(x).tolist() == [x.item() * len(seen)]
    assert len(seen) == 30
    assert len(f.attempts) <= 16
    assert f.history.recordings < 25


def test_a_walk_that_was_laid_out_before_the_tree_grew() -> None:
    f = trace(halve)
    warm(f, (takes(1),), (takes(2),))
    tree = tree_of(f)
    old: Any = tree.replay
    assert old((takes(1),), {}) is not MISS
    warm(f, (takes(5),))
    old.__globals__["spaces"].clear()  # as if another thread were walking there
    assert old((takes(1),), {}) is MISS
    assert tree.replay is not old
    np.testing.assert_array_equal(f(takes(5))._data, halve(takes(5))._data)
