"""What belongs to one way through a decision tree alone: guards, writes, effects, exceptions, gradients."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import pytest

import tracegraph as tg
from tests.trace.test_arguments import ramp
from tests.trace.watching import frames, hits, is_same, tree_of, warm
from tracegraph.trace import trace

LARGE = False


def test_what_is_read_besides_may_lead_to_other_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    @trace
    def f(x: Any) -> Any:
        if LARGE:
            return x * 2 if x.sum() > 10 else x
        return x * 3 if x.sum() > 0 else x

    for large in (False, True, False, True, True, False):
        monkeypatch.setitem(globals(), "LARGE", large)
        for start in (-5, 0, 9):
            is_same(f.function(ramp(3, start=start)), f(ramp(3, start=start)))
    assert len(f.roots) == 2  # the trees begin with other decisions
    assert f.history.recordings == 4
    assert f.verdict == "static"


SCALE = 2.0


def scaled(x: Any) -> Any:
    return x * SCALE


def test_traces_of_a_leaf_differ_in_what_they_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    @trace
    def f(x: Any) -> Any:
        return scaled(x) if x.sum() > 0 else x - 1

    positive, negative = ramp(3), -ramp(3)
    warm(f, (positive,), (negative,))
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    assert frames(f, lambda: is_same(negative - 1, f(negative))) == 0, "what the other way reads is no matter of this"
    assert frames(f, lambda: is_same(positive * 5, f(positive))) == 1
    warm(f, (positive,))
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    assert frames(f, lambda: is_same(positive * 2, f(positive))) == 0
    assert tree_of(f).leaves == 2
    assert len(f.entries) == f.history.recordings == 3


def test_writes_come_about_only_at_the_leaf() -> None:
    state = tg.zeros(2)

    @trace
    def f(x: Any) -> Any:
        state.add_(x)
        if state.sum() > 6:
            state.zero_()
            return x + 1
        x.mul_(-1)
        return state * 2

    mirror = tg.zeros(2)
    for step in range(12):
        x = tg.full((2,), 1.0 + step % 2)
        result = f(x)
        # The same by hand: had a walk to an unseen outcome left anything behind, both would go apart.
        mirror.add_(1.0 + step % 2)
        if mirror.sum() > 6:
            mirror.zero_()
            is_same(tg.full((2,), 2.0 + step % 2), result)
            is_same(tg.full((2,), 1.0 + step % 2), x)
        else:
            is_same(mirror * 2, result)
            is_same(tg.full((2,), -1.0 - step % 2), x)
        is_same(mirror, state)
    assert f.verdict == "static"
    assert f.history.recordings == 2


def test_an_unseen_outcome_runs_the_function_once(capsys: pytest.CaptureFixture[str]) -> None:
    count = tg.zeros(())

    @trace
    def f(x: Any) -> Any:
        count.add_(1)
        if x.sum() > 10:
            print("large")
        return x * 2

    for call in range(1, 9):
        is_same(ramp(3) * 2, f(ramp(3)))
        assert count.item() == call
    assert f.verdict == "static"
    for call in range(1, 5):
        large = ramp(3, start=9)
        assert frames(f, lambda: is_same(large * 2, f(large))) == 1  # noqa: B023
        assert capsys.readouterr().out == "large\n"
        assert count.item() == 8 + call
        assert f.verdict == "co-executed"
    assert frames(f, lambda: f(ramp(3))) == 0, "the other way is replayed as before"


def test_a_way_that_raises() -> None:
    count = tg.zeros(())

    @trace
    def f(x: Any) -> Any:
        count.add_(1)
        if x.min() < 0:
            raise ValueError(f"negative in {x.shape}")
        return x.sqrt()

    calls = 0
    for _ in range(4):
        for x in (ramp(3), -ramp(3)):
            calls += 1
            with contextlib.ExitStack() as stack:
                if float(x.min()) < 0:
                    stack.enter_context(pytest.raises(ValueError, match=r"negative in \(3,\)"))
                is_same(x.sqrt(), f(x))
            assert count.item() == calls
    assert tree_of(f).leaves == 1
    assert hits(f) == 3


def test_decisions_after_writes_to_arguments_and_views() -> None:
    @trace
    def f(x: Any) -> Any:
        x[0] += 3
        if x[0] > 4:
            x[1:] *= 2
        row = x.view(3, 1)[2]
        return row if row > 3 else row + 1

    for _ in range(3):
        for start in (0, 1, 2, 5):
            mine, its = ramp(3, start=start), ramp(3, start=start)
            is_same((f.function(its), its), (f(mine), mine))
    assert f.verdict == "static"
    assert hits(f) > 6


def test_gradients_from_outside_by_way() -> None:
    weight = ramp(3, start=1).requires_grad_()

    @trace
    def f(x: Any) -> Any:
        y = (x * weight).sum()
        if y > 0:
            return (y * y).exp() / 1e3
        return (y * weight).sum() * x

    def gradients(function: Callable[[Any], Any], start: float) -> Any:
        x = (ramp(3, start=start) / 4).requires_grad_()
        weight.grad = None
        result = function(x)
        result.sum().backward()
        return result, x.grad, weight.grad

    for _ in range(3):
        for start in (-3, -1, 0, -4):
            is_same(gradients(f.function, start), gradients(f, start))
    assert f.history.recordings == 2
    assert tree_of(f).leaves == 2
    assert all(entry.backward is not None for entry in f.entries)
    assert hits(f) == 10
    assert frames(f, lambda: gradients(f, 0)) == 0


def test_gradients_inside() -> None:
    def make() -> tuple[Any, Callable[[Any], Any]]:
        w: Any = ramp(3, start=1).requires_grad_()

        def step(x: Any) -> Any:
            w.grad = None
            loss = ((x * w) ** 2).sum()
            loss.backward()
            norm = w.grad.abs().max()
            if norm > 2:
                w.grad.div_(norm)
            with tg.no_grad():
                w.sub_(w.grad * 0.1)
            return loss.detach(), norm

        return w, step

    (w, plain), (v, function) = make(), make()
    step = trace(function)
    for turn in range(12):
        x = ramp(3, start=turn % 3) / 3
        is_same(plain(x), step(x))
        is_same((w, w.grad), (v, v.grad))
    assert tree_of(step).leaves == step.history.recordings == 2
    assert hits(step) == 10


def test_steps_that_numpy_computes() -> None:
    @trace
    def f(x: Any) -> Any:
        y = x.sort()[0]
        if y[0] > 0:
            return y * 2
        return y.cumsum(0)[y[1].long()]

    values = ([2.0, 1.0, 3.0], [-1.0, 2.0, 0.0], [-1.0, 1.0, 2.0])
    warm(f, *[(tg.tensor(each),) for each in values])
    tree = tree_of(f)
    assert not all(code.single for code in tree.compiler.executables), "sorting is a step of NumPy's"
    for each in values:
        assert frames(f, functools.partial(f, tg.tensor(each))) == 0
        is_same(f.function(tg.tensor(each)), f(tg.tensor(each)))
    assert tree.leaves == f.history.recordings


def test_an_index_that_a_walk_finds_out_of_range() -> None:
    table = ramp(4)

    @trace
    def f(index: Any) -> Any:
        value = table[index]
        return value * 2 if value.sum() > 2 else value

    warm(f, (tg.tensor([0, 1]),), (tg.tensor([2, 3]),))
    for _ in range(2):
        with pytest.raises(IndexError):
            f(tg.tensor([0, 4]))
        assert frames(f, lambda: is_same(table[:2], f(tg.tensor([0, 1])))) == 0
