"""The self-check: a replay that is wrong is found, reported and never given to the caller."""

import functools
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.test_arguments import ramp
from tests.trace.watching import frames, hits, is_same, line_of, tree_of
from tracegraph.compiler.executable import Executable
from tracegraph.runtime.errors import MismatchWarning
from tracegraph.trace import TracedFunction, trace
from tracegraph.trace.checking import arm
from tracegraph.trace.entry import Entry


@pytest.fixture(autouse=True)
def first_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check as it is done when nobody asks for more or less."""
    monkeypatch.delenv("TRACEGRAPH_CHECK", raising=False)


def spoil(entry: Entry, wrong: Callable[[Any], None], *, after: int = 0) -> None:
    """Have a trace's replays do something wrong with what comes out, from the call number `after` on."""
    right, calls = entry.unchecked, 0

    def replay(*args: Any) -> Any:
        nonlocal calls
        result = right(*args)
        calls += 1
        if calls > after:
            wrong(result)
        return result

    entry.unchecked = replay
    if entry.replay is right:
        entry.replay = replay


def add_one(result: Any) -> None:
    result._data += 1


def two_lines(x: Any) -> Any:
    y = x * 2
    return y + 1


def test_a_wrong_result_is_reported_and_the_trace_dropped() -> None:
    f = trace(two_lines)
    f(ramp(3))
    spoil(f.entries[0], add_one)
    with pytest.warns(MismatchWarning) as caught:
        is_same(two_lines(ramp(3)), f(ramp(3)))
    (warning,) = caught
    first, last = line_of(__file__, "    y = x * 2"), line_of(__file__, "    return y + 1")
    where = f"(recorded from {__file__}:{first} to {__file__}:{last})"
    assert f"traced function two_lines: a replay differs from the plain call {where}" in str(warning.message)
    assert "the plain call gives [1. 3. 5.], the trace [2. 4. 6.]" in str(warning.message)
    assert warning.filename == __file__
    assert f.entries == f.roots == []
    for _ in range(3):
        is_same(two_lines(ramp(3)), f(ramp(3)))
        assert f.verdict == "co-executed"
    assert f.history.recordings == 1, "a function that was once replayed wrongly is not recorded again"


def test_the_check_runs_once() -> None:
    f = trace(two_lines)
    ran = [frames(two_lines, lambda: is_same(ramp(3) * 2 + 1, f(ramp(3)))) for _ in range(4)]
    assert ran == [1, 1, 0, 0]
    spoil(f.entries[0], add_one)
    is_same(ramp(3) * 2 + 2, f(ramp(3)))


def test_each_trace_is_checked() -> None:
    f = trace(two_lines)
    for size in (3, 4, 5):
        assert [frames(two_lines, functools.partial(f, ramp(size))) for _ in range(3)] == [1, 1, 0]


@pytest.mark.parametrize(("mode", "ran"), [("1", [1, 1, 1, 1]), ("0", [1, 0, 0, 0]), ("", [1, 1, 0, 0])])
def test_the_environment_asks_for_more_or_less(mode: str, ran: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEGRAPH_CHECK", mode)
    f = trace(two_lines)
    assert [frames(two_lines, functools.partial(f, ramp(3))) for _ in range(4)] == ran


def test_always_finds_what_goes_wrong_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEGRAPH_CHECK", "1")
    f = trace(two_lines)
    f(ramp(3))
    spoil(f.entries[0], add_one, after=3)
    for _ in range(3):
        is_same(two_lines(ramp(3)), f(ramp(3)))
    with pytest.warns(MismatchWarning):
        is_same(two_lines(ramp(3)), f(ramp(3)))
    assert not f.entries


def test_what_is_written_is_as_the_plain_call_leaves_it() -> None:
    state = ramp(3)

    @trace
    def f(x: Any) -> Any:
        state.add_(x)
        x.mul_(2)
        return state.sum()

    x = ramp(3)
    f(x)

    def wrong(_: Any) -> None:
        state._data += 5
        x._data *= 0

    spoil(f.entries[0], wrong)
    with pytest.warns(MismatchWarning, match=r"written tensor"):
        result = f(x)
    is_same((ramp(3) * 4, ramp(3) * 4, tg.tensor(12.0)), (state, x, result))


@pytest.mark.parametrize(("zeroed", "what"), [(True, "gradient 0"), (False, "written tensor 0")])
def test_gradients_are_as_the_plain_call_leaves_them(zeroed: bool, what: str) -> None:
    def make() -> tuple[Any, Callable[[Any], Any]]:
        w: Any = ramp(3, start=1).requires_grad_()
        w.grad = ramp(3)

        def step(x: Any) -> Any:
            if zeroed:
                w.grad = None
            loss = ((x * w) ** 2).sum()
            loss.backward()
            return loss.detach()

        return w, step

    (v, plain), (w, function) = make(), make()
    step = trace(function)

    def wrong(_: Any) -> None:
        w.grad._data += 1

    for turn in range(4):
        plain(ramp(3))
        if step.entries and not step.entries[0].hits:
            spoil(step.entries[0], wrong)
            with pytest.warns(MismatchWarning, match=what):
                step(ramp(3))
            assert step.entries == []
        else:
            step(ramp(3))
        is_same((v, v.grad), (w, w.grad))
        assert bool(step.entries) == (turn == 0)


def test_memory_of_gradients_is_as_the_plain_call_leaves_it() -> None:
    """The plain call accumulates into the gradient that was there before the trace did."""
    w: Any = ramp(3, start=1).requires_grad_()

    @trace
    def step(x: Any) -> Any:
        (x * w).sum().backward()
        return x + 1

    w.grad = ramp(3, start=10)
    for turn in range(1, 6):
        before = w.grad
        step(ramp(3))
        is_same(ramp(3, start=10) + ramp(3) * turn, w.grad)
        assert (w.grad is before) == (turn != 0)


def test_gradients_that_were_none_are_none_again_for_the_plain_call() -> None:
    w: Any = ramp(3, start=1).requires_grad_()

    @trace
    def step(x: Any) -> Any:
        (x * w).sum().backward()
        return x + 1

    for _ in range(4):
        w.grad = None
        step(ramp(3))
        is_same(ramp(3), w.grad)
    assert hits(step) == 3


def test_random_numbers_are_drawn_once() -> None:
    def draw(x: Any) -> Any:
        return x + tg.rand(3)

    f = trace(draw)
    tg.manual_seed(3)
    wanted = [draw(ramp(3)) for _ in range(5)]
    tg.manual_seed(3)
    is_same(wanted, [f(ramp(3)) for _ in range(5)])
    assert hits(f) == 4


def test_results_that_are_arguments_stay_these() -> None:
    @trace
    def f(x: Any) -> Any:
        x.add_(1)
        return x, x[1:]

    for _ in range(3):
        x = ramp(3)
        same, view = f(x)
        assert same is x
        view += 1
        is_same(tg.tensor([1.0, 3.0, 4.0]), x)


def test_an_exception_of_the_plain_function_is_raised() -> None:
    f = trace(two_lines)
    f(ramp(3))

    def failing(x: Any) -> Any:
        raise KeyError("plain")

    arm(f.entries[0], failing, f._drop)  # as if the guards had missed that the function is another now
    with pytest.warns(MismatchWarning, match="raises an exception"), pytest.raises(KeyError, match="plain"):
        f(ramp(3))
    assert f.entries == []


def branch(x: Any) -> Any:
    if x.sum() > 0:
        return x * 2
    return x - 1


def test_a_wrong_leaf_leaves_the_others() -> None:
    f = trace(branch)
    positive, negative = ramp(3), -ramp(3)
    for x in (positive, negative):
        f(x)
    spoil(f.entries[0], add_one)
    f(positive)
    with pytest.warns(MismatchWarning, match="traced function branch") as caught:
        is_same(branch(negative), f(negative))
    assert [warning.filename for warning in caught] == [__file__]
    assert len(f.entries) == 1
    assert frames(branch, functools.partial(f, positive)) == 0
    is_same(branch(negative), f(negative))
    assert tree_of(f).leaves == 2


def test_no_check_beside_other_threads() -> None:
    f = trace(two_lines)
    f(ramp(3))
    go_on = threading.Event()
    other = threading.Thread(target=go_on.wait)
    other.start()
    try:
        assert frames(two_lines, functools.partial(f, ramp(3))) == 0, "others may see the state in between"
    finally:
        go_on.set()
        other.join()
    assert frames(two_lines, functools.partial(f, ramp(3))) == 1
    assert frames(two_lines, functools.partial(f, ramp(3))) == 0


@pytest.fixture
def wrong_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Native code that fills the first array it is given one too high, results first."""
    right = Executable.run_into

    def run_into(self: Executable, arrays: Any, outputs: Any) -> int:
        failed = right(self, arrays, outputs)
        for array in list(outputs)[:1] or [arrays[number] for number in sorted(self.lowered.written)][:1]:
            array += 1
        return failed

    monkeypatch.setattr(Executable, "run_into", run_into)


def prints(x: Any) -> Any:
    y = (x * 2 + 1).exp() - x
    print(y.sum().item())
    return y / 3


@pytest.mark.usefixtures("matched_always", "wrong_segments")
def test_a_wrong_stretch_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    f: TracedFunction[..., Any] = trace(prints)
    for _ in range(2):
        is_same(prints(ramp(3)), f(ramp(3)))
    where = f"before {__file__}:{line_of(__file__, '    print(y.sum().item())')} differs from them"
    with pytest.warns(MismatchWarning) as caught:
        is_same(prints(ramp(3)), f(ramp(3)))
    assert any(where in str(warning.message) for warning in caught)
    assert {warning.filename for warning in caught} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            is_same(prints(ramp(3)), f(ramp(3)))
    printed = capsys.readouterr().out.split()
    assert len(printed) == 12
    assert len(set(printed)) == 1


@pytest.mark.usefixtures("matched_always", "wrong_segments")
def test_memory_that_a_wrong_stretch_changed_is_put_right() -> None:
    def counts(x: Any) -> Any:
        x.mul_(2)
        x.add_(1)
        x.mul_(x)
        return x.sum().item()

    f = trace(counts)
    found = []
    for _ in range(4):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            mine, its = tg.tensor([0.0, 1.0, 2.0]), ramp(3)
            is_same((counts(its), its), (f(mine), mine))
        found += [warning.category for warning in caught]
    assert MismatchWarning in found


@pytest.mark.usefixtures("matched_always", "wrong_segments")
def test_stretches_are_not_checked_where_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEGRAPH_CHECK", "0")
    f = trace(prints)
    found = [f(ramp(3))._data for _ in range(4)]
    assert not np.array_equal(found[0], found[-1]), "the wrong code was believed"


def shifting_step() -> tuple[Any, Any, Any]:
    """A step of Adam on a matrix and on a shift of all inputs of softmax, whose gradient is nothing but rounding."""
    tg.manual_seed(0)
    x, wanted = tg.randn(8, 50), tg.randn(8, 50)
    matrix, shift = tg.randn(50, 50).requires_grad_(), tg.zeros(8, 1).requires_grad_()
    optimiser = tg.optim.Adam([matrix, shift], lr=0.01)

    def step(x: Any) -> Any:
        optimiser.zero_grad()
        loss = ((x @ matrix + shift).softmax(-1) * wanted).sum()
        loss.backward()
        optimiser.step()
        return loss

    return step, x, matrix


def test_rounding_made_large_is_no_difference() -> None:
    step, x, matrix = shifting_step()
    f = trace(step)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = [f(x).item() for _ in range(3)]
    assert (f.verdict, len(f.entries)) == ("static", 1)
    found = matrix.detach().clone()
    step, x, matrix = shifting_step()
    assert losses == pytest.approx([step(x).item() for _ in range(3)], rel=1e-5)
    assert np.allclose(found.numpy(), matrix.detach().numpy(), atol=1e-4)


def test_an_error_beside_rounding_made_large_is_found() -> None:
    step, x, matrix = shifting_step()
    f = trace(step)
    f(x)

    def spoil_matrix(_: Any) -> None:
        matrix._data[0, 0] += 0.5

    spoil(f.entries[0], spoil_matrix)
    before = matrix.detach().clone()
    with pytest.warns(MismatchWarning):
        f(x)
    assert float((matrix.detach() - before).abs().max()) < 0.02
    assert f.entries == []
