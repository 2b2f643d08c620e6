"""Programs made to mislead co-execution and decision trees: each was wrong once."""

import copy
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.soundness.snapshot import difference, snapshot
from tests.trace.differential import Scenario, outcome, same
from tracegraph.trace import trace

Wrap = Callable[[Any], Any]


def same_matched(scenario: Scenario) -> None:
    """Run the scenario plain, and with every traced call matched from the first on; whatever it yields is equal."""
    expected = [snapshot(value) for value in scenario(lambda function: function)]

    def wrap(function: Any) -> Any:
        traced = trace(function)
        traced.history.full = "all calls are matched here"
        traced.trie.trial.choose = lambda: True  # type: ignore[method-assign]
        return traced

    for step, (wanted, value) in enumerate(zip(expected, scenario(wrap), strict=True)):
        met = difference(wanted, snapshot(value), path="result")
        assert met is None, f"step {step}, {met}"


# -- memory that others write to ---------------------------------------------------------------------------------------


def test_views_of_memory_that_has_come_to_be_shared_with_numpy() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any, array: Any) -> Any:
            part = x[0:2]
            z = ((part + 1) * 2) + part
            array[0] = 100.0
            return z, z * 1

        for start in (1.0, 2.0, 3.0):
            yield f(tg.tensor([start, 2.0, 3.0]), np.zeros(3, np.float32))
        for start in (1.0, 2.0, 3.0):
            array = np.array([start, 2.0, 3.0], np.float32)
            yield f(tg.from_numpy(array), array), array

    same_matched(scenario)


def by_data(array: Any) -> Any:
    made = tg.zeros(3)
    made.data = tg.from_numpy(array)
    return made


def by_data_of_a_view(array: Any) -> Any:
    made = tg.zeros(3)
    made.data = by_data(array)[:]
    return made


@pytest.mark.parametrize("share", [by_data, by_data_of_a_view])
def test_memory_taken_over_by_data_is_shared_with_numpy(share: Any) -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        array = np.array([1.0, 2.0, 3.0], np.float32)
        held = share(array)

        @wrap
        def f(x: Any) -> Any:
            z = (held * x + 1) * 2
            array[0] += 1
            return z, (z + held) * 2

        for start in (1.0, 2.0, 3.0):
            yield f(tg.tensor([start, 2.0, 3.0]))

    same_matched(scenario)


def test_memory_shared_with_numpy_through_a_copied_tensor() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        first = tg.zeros(3)
        second = copy.copy(first)
        array = first.numpy()

        @wrap
        def f(x: Any) -> Any:
            z = (second * x + second) * 2
            array[0] += 1
            return z, (z + second) * 2

        for start in (1.0, 2.0, 3.0):
            yield f(tg.tensor([start, 2.0, 3.0]))

    same_matched(scenario)


def test_results_that_become_the_memory_of_a_tensor_once_shared_with_numpy() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        held = tg.zeros(2)
        held.numpy()

        @wrap
        def f(x: Any) -> Any:
            y = x * 2 + 1
            z = held * 3 + 1
            held.data = y
            z = (held * 2 + z) * y
            held.add_(1)
            return z, y, held

        for start in (1.0, 2.0, 3.0, 4.0):
            yield f(tg.tensor([start, 2.0]))

    same_matched(scenario)


# -- threads -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("writes", [False, True])
def test_a_thread_started_in_the_call_sees_and_changes_values(writes: bool) -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        seen: list[Any] = []

        @wrap
        def f(x: Any) -> Any:
            y = (x * 2 + 1) * 3

            def work() -> None:
                seen.append(y.tolist())
                if writes:
                    y.add_(100)

            thread = threading.Thread(target=work)
            thread.start()
            z = y * 2
            thread.join()
            return y * 2 + 1, None if writes else z

        for start in (1.0, 2.0, 3.0):
            yield f(tg.tensor([start, 2.0])), list(seen)

    same(scenario, plain=True)
    same_matched(scenario)


# -- decisions ---------------------------------------------------------------------------------------------------------


def test_numbers_that_are_no_whole_numbers_of_64_bits() -> None:
    least, beyond = -9223372036854775808.0, 1e30

    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            return int(x), x * 0 + 1

        for value in (least, least, float("nan"), float("inf"), 0.0, float("nan"), beyond, beyond, -beyond, 2.0, 2.0):
            yield outcome(lambda value=value: f(tg.tensor(value)))  # type: ignore[misc]

    same(scenario)
    same_matched(scenario)


def test_what_only_a_branch_reads_no_longer_requires_a_gradient() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        weight = tg.tensor([1.0, 2.0], requires_grad=True)

        @wrap
        def f(x: Any) -> Any:
            y = weight * x
            return y + 1 if y.sum() > 1 else y

        for requires_grad in (True, True, True, False, False, True):
            yield f(tg.ones(2)), weight.requires_grad_(requires_grad)

    same(scenario, hits=2)


def test_a_tensor_that_got_its_memory_by_data_is_still_a_captured_tensor() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        weight = tg.zeros(2)
        f = wrap(lambda x: x * weight)
        for _ in range(3):
            weight.data = weight.data + 1
            yield f(tg.ones(2)), f(tg.ones(2))

    same(scenario, hits=3)


def test_a_captured_tensor_of_other_strides_in_a_decision_tree() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        weight = tg.tensor([[1.0, 20.0], [3.0, 4.0]])

        @wrap
        def f(x: Any) -> Any:
            return x * 2 if weight[0, 1] > x[0] else x - 1

        for start in (10.0, 1.0):
            for turn in (False, True, False):
                weight.data = weight.data.T if turn else tg.tensor([[1.0, 20.0], [3.0, 4.0]])
                for _ in range(3):
                    yield f(tg.tensor([start, 2.0]))

    same(scenario, hits=6)
