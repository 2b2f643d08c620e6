"""`History`: no kind of call is recorded in vain again and again."""

import pytest

import tracegraph as tg
from tracegraph.trace.history import MAX_ENTRIES, MAX_RECORDINGS, History, signature_of
from tracegraph.trace.recorded import Reason

PRINTS = [Reason("calls builtin print", "model.py", 3)]
CREATED = [Reason("the attribute `step` was created (model.py:3)")]
RAISED = [Reason("raises ValueError", "model.py", 3)]


def recorded(history: History, kind: str, reasons: list[Reason] | None, calls: int, roots: int = 0) -> int:
    """How many of so many calls are recorded, each with this outcome (None: a trace)."""
    times = 0
    for _ in range(calls):
        if history.is_worth_recording(kind):
            times += 1
            history.took(kind, reasons is None, reasons or [], roots)
    return times


def test_kinds_of_calls() -> None:
    x, y = tg.zeros(2, 3), tg.zeros(3)
    assert signature_of((x, 1), {"k": "a"}) == signature_of((x + 1, 5), {"k": "b"})
    others = [
        ((y, 1), {"k": "a"}),
        ((x, 1.0), {"k": "a"}),
        ((x, 1), {"n": "a"}),
        ((x, 1), {}),
        ((x.long(), 1), {"k": "a"}),
    ]
    assert len({signature_of((x, 1), {"k": "a"}), *[signature_of(*other) for other in others]}) == 6


@pytest.mark.parametrize(("reasons", "times"), [(PRINTS, 1), (CREATED, 3), ([*CREATED, *PRINTS], 1), (RAISED, 4 + 1)])
def test_recordings_without_a_trace(reasons: list[Reason], times: int) -> None:
    history = History()
    assert recorded(history, "a", reasons, 60) == times
    assert not history.would_record("a")
    assert history.would_record("b")
    assert recorded(history, "b", reasons, 60) == times, "another kind of call is another matter"


def test_they_are_tried_again_ever_more_rarely() -> None:
    history = History()
    tried = []
    for call in range(1000):
        if history.is_worth_recording("a"):
            tried.append(call)
            history.took("a", False, PRINTS, 0)
    assert tried == [0, 64, 64 + 128, 64 + 128 + 256, 64 + 128 + 256 + 512]


def test_a_trace_gives_new_tries() -> None:
    history = History()
    assert recorded(history, "a", CREATED, 2) == 2
    assert recorded(history, "a", None, 1) == 1
    assert recorded(history, "a", CREATED, 10) == 3


def test_after_many_in_a_row_other_kinds_are_not_recorded_either() -> None:
    history = History()
    assert [recorded(history, str(kind), PRINTS, 2) for kind in range(10)] == [1] * 8 + [0] * 2
    assert recorded(history, "0", None, 63) == 1, "one that is tried again may yet do better"
    assert recorded(history, "new", PRINTS, 2) == 1


def test_ways_that_are_new_give_another_try() -> None:
    history = History()
    recorded(history, "a", PRINTS, 1)
    tried = []
    for ways in range(1, 40):
        history.went_another_way("a", ways)
        if recorded(history, "a", PRINTS, 1):
            tried.append(ways)
    assert tried == [2, 4, 8, 16, 32]


def test_the_number_of_traces_is_bounded() -> None:
    history = History()
    assert not history.took("a", True, [], MAX_ENTRIES - 1)
    assert str(MAX_ENTRIES) in history.took("a", True, [], MAX_ENTRIES)
    assert recorded(history, "b", None, 200) == 0
    assert not history.would_record("b")


def test_the_number_of_recordings_is_bounded() -> None:
    history = History()
    assert recorded(history, "a", None, 2 * MAX_RECORDINGS) == MAX_RECORDINGS
    assert str(MAX_RECORDINGS) in history.full


def test_nothing_is_recorded_after_a_mismatch() -> None:
    history = History()
    history.give_up()
    assert recorded(history, "a", None, 100) == 0
    assert not history.would_record("a")
