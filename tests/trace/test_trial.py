"""Whether matching pays is told by the clock."""

import time
from typing import Any

import pytest

import tracegraph as tg
from tests.trace.watching import is_same
from tracegraph.trace import trace
from tracegraph.trace.trial import CALLS, FIRST_PAUSE, Trial


def judge(trial: Trial, matched: float, plain: float) -> list[bool]:
    """Go through one trial; returns which calls were matched."""
    choices = []
    while trial.is_running:
        choices.append(trial.choose())
        trial.took(choices[-1], matched if choices[-1] else plain)
    return choices


@pytest.mark.parametrize(("matched", "plain", "pays"), [(1.0, 2.0, True), (2.0, 1.0, False)])
def test_both_kinds_of_calls_are_timed_in_turn(matched: float, plain: float, pays: bool) -> None:
    trial = Trial()
    assert judge(trial, matched, plain) == [True, False] * CALLS
    assert trial.pays is pays
    assert [trial.choose() for _ in range(20)] == [pays] * 20


def test_the_quickest_call_of_each_kind_counts() -> None:
    trial = Trial()
    for seconds in (9.0, 1.0, *[5.0] * (2 * CALLS - 2)):
        matched = trial.choose()
        trial.took(matched, seconds if not matched else seconds - 3 if seconds == 5 else 9.0)
    assert trial.pays is False


def test_there_are_further_trials_ever_more_rarely() -> None:
    trial = Trial()
    judge(trial, 1.0, 2.0)
    for number in (1, 2, 3):
        pause = 0
        while not trial.is_running:
            assert trial.choose() is (number % 2 == 1)
            pause += 1
        assert pause == FIRST_PAUSE * 2**number
        assert judge(trial, 2.0, 1.0) if number % 2 else judge(trial, 1.0, 2.0)
        assert trial.pays is (number % 2 == 0)


KEPT: list[Any] = []


def keeps(x: Any) -> Any:
    y = (x * 2 + 1).tanh() - x
    KEPT.append(y.sum().item())
    return (y * 2 + 1).exp()


@pytest.mark.parametrize("pays", [True, False])
def test_calls_are_run_as_the_trial_has_judged(pays: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    f = trace(keeps)
    x = tg.tensor([1.0, 2.0, 3.0])
    wanted = keeps(x)
    clock = iter(range(10**9))

    def seconds() -> float:
        """Each look at the clock takes a second; a call that is matched takes none, or two more."""
        return float(next(clock))

    while not f.trie.native_flushes:
        is_same(wanted, f(x))
    monkeypatch.setattr(time, "perf_counter", seconds)
    original = f.trie.trial.took
    monkeypatch.setattr(
        f.trie.trial, "took", lambda matched, took: original(matched, took + (1 if matched is not pays else 0))
    )
    while f.trie.trial.is_running:
        is_same(wanted, f(x))
    calls = f.trie.calls
    for _ in range(10):
        is_same(wanted, f(x))
    assert f.trie.calls - calls == (10 if pays else 0)
    assert f.verdict == "co-executed"
    assert ("calls are matched" if pays else "calls are run without matching") in str(f.explain())


def test_functions_without_native_code_are_soon_left_alone() -> None:
    @trace
    def f(x: Any) -> Any:
        KEPT.append(x.sum().item())
        return x

    x = tg.tensor([1.0, 2.0, 3.0])
    for _ in range(40):
        is_same(x, f(x))
    assert f.trie.native_flushes == 0
    assert not f.trie.is_useful
    assert f.trie.calls < 20
