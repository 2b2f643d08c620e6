"""Errors, side effects and what cannot be compiled:
the traced function does what the plain one does, and says why it ran plain.
"""
# ruff: noqa: B023 - the lambdas run before the loop goes on

import contextlib
import copy
import io
import pickle
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.differential import outcome, same
from tests.trace.test_arguments import ramp
from tracegraph.trace import trace

Wrap = Callable[[Any], Any]
OUTER: list[Any] = []


def test_errors_in_the_function() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        state = ramp(3)

        @wrap
        def f(x: Any, y: Any) -> Any:
            state.add_(1)
            return x + y

        for _ in range(3):
            yield outcome(lambda: f(ramp(3), ramp(3))), state
            yield outcome(lambda: f(ramp(3), ramp(4))), state
            yield outcome(lambda: f(ramp(3), "no")), state
            yield outcome(lambda: f(ramp(3), None)), state

    same(scenario, hits=2)


def test_index_out_of_range_on_replay() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        table, count = ramp(5, 2), ramp(3)

        @wrap
        def f(index: Any) -> Any:
            count.add_(1)
            return table[index] * 2

        @wrap
        def g(index: Any) -> Any:
            count.add_(1)
            table[index] = count[:2]
            return table.cumsum(0)

        for function in (f, g):
            for positions in ([0, 1], [4, -5], [0, 5], [1, 2], [-6, 0], [3, 3]):
                index = tg.tensor(positions)
                yield outcome(lambda: function(index)), count, table

    same(scenario, hits=4)


def test_exceptions_raised_and_caught_inside() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any, bad: Any) -> Any:
            try:
                y = x + bad
            except Exception as error:  # noqa: BLE001
                return type(error).__name__, x
            if bad.ndim == 0:
                raise KeyError("nothing")
            return y

        for _ in range(3):
            for bad in (ramp(3), ramp(4), ramp(), "text"):
                yield outcome(lambda: f(ramp(3), bad))

    same(scenario)


def line_of(text: str) -> int:
    """The line of this file that has a text for the first time."""
    lines = Path(__file__).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def prints(x: Any) -> Any:
    print("printed")
    return x + 1


def appends(x: Any) -> Any:
    OUTER.append("appended")
    return x + 1


def times(x: Any) -> Any:
    time.monotonic()
    return x + 1


def draws(x: Any) -> Any:
    return x + random.random()


def reads_float(x: Any) -> Any:
    return x * float(x.sum())


def reads_item(x: Any) -> Any:
    return x * x[0].item()


def reads_numpy(x: Any) -> Any:
    return x.numpy() + 1


def stores_global(x: Any) -> Any:
    global STORED
    STORED = x
    return x + 1


def stores_attribute(x: Any) -> Any:
    prints.last = x  # type: ignore[attr-defined]
    return x + 1


STORED: Any = None


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (prints, 'print("printed")'),
        (appends, 'OUTER.append("appended")'),
        (times, "    time.monotonic()"),
        (draws, "x + random.random()"),
        (reads_float, "float(x.sum())"),
        (reads_item, "x[0].item()"),
        (reads_numpy, "x.numpy() + 1"),
        (stores_global, "    STORED = x"),
        (stores_attribute, "prints.last = x"),
    ],
)
def test_what_is_coexecuted_and_why(function: Callable[[Any], Any], line: str) -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        traced = wrap(function)
        OUTER.clear()
        random.seed(3)
        for number in range(5):
            text = io.StringIO()
            with contextlib.redirect_stdout(text):
                result = traced(ramp(3, start=number))
            yield result, text.getvalue(), list(OUTER), STORED

    (traced,) = same(scenario, plain=True)
    explanation = traced.explain()
    assert explanation.verdict == "co-executed"
    assert re.search(rf"{re.escape(Path(__file__).name)}:{line_of(line)}\b", str(explanation)), str(explanation)


def test_generators_and_coroutines_run_plain() -> None:
    @trace
    def numbers(x: Any) -> Iterator[Any]:
        yield x + 1
        yield x + 2

    @trace
    async def later(x: Any) -> Any:
        return x + 1

    for _ in range(2):
        assert [value.tolist() for value in numbers(ramp(2))] == [[1, 2], [2, 3]]
        with pytest.raises(StopIteration) as stopped:
            later(ramp(2)).send(None)
        assert stopped.value.value.tolist() == [1, 2]


def test_generator_objects_returned_or_given() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            return (x * k for k in range(3))

        @wrap
        def g(values: Any) -> Any:
            return sum(values)

        for _ in range(3):
            yield list(f(ramp(2)))
            yield g(ramp(2) + k for k in range(3))
            yield g(iter([ramp(2), ramp(2)]))

    same(scenario)


def test_nested_and_recursive_traced_functions() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def inner(x: Any) -> Any:
            return x * 2

        @wrap
        def outer(x: Any) -> Any:
            return inner(x) + inner(x + 1)

        @wrap
        def power(x: Any, n: int) -> Any:
            return x if n == 0 else power(x * x, n - 1)

        for _ in range(3):
            yield outer(ramp(3)), inner(ramp(3)), power(ramp(3), 3), power(ramp(3), 1)

    same(scenario, hits=4)


def test_strange_results() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def twice(x: Any) -> Any:
            made = [x + 1]
            return made, made, {"again": made}

        @wrap
        def tuples(x: Any) -> Any:
            pair = (x + 1, 2)
            return pair, pair, (), (), x.shape, x.shape

        @wrap
        def counts(x: Any) -> Any:
            return x.ndim, x.shape, x.dtype, None, "text", x.numel(), 1.5, x.dim

        for _ in range(3):
            yield twice(ramp(2))
            yield tuples(ramp(2))
            yield counts(ramp(2))[:-1]

    same(scenario)


def test_a_list_that_holds_itself() -> None:
    @trace
    def f(x: Any) -> Any:
        made: list[Any] = [x + 1]
        made.append(made)
        return made

    for _ in range(3):
        result = f(ramp(2))
        assert result[1] is result
        assert result[0].tolist() == [1, 2]


def double(x: Any) -> Any:
    return x * 2


traced_double = trace(double)


def test_pickling_and_copying() -> None:
    traced_double(ramp(2))
    for other in (
        pickle.loads(pickle.dumps(trace(reads_item))),
        copy.copy(traced_double),
        copy.deepcopy(traced_double),
    ):
        for _ in range(2):
            assert other(ramp(2, start=1)).tolist() in ([2, 4], [1, 2])


def test_different_kinds_of_calls_without_end() -> None:
    @trace
    def f(x: Any, k: int) -> Any:
        return x * k

    with pytest.warns(UserWarning, match="is not recorded for other calls"):
        results = [f(ramp(2), k).tolist() for k in range(20)]
    assert results == [[0, k] for k in range(20)]
    for k in range(20):
        assert f(ramp(2), k).tolist() == [0, k]


def test_an_array_result_is_plain() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            return np.asarray(x) + 1, np.zeros(2)

        for number in range(3):
            result = f(ramp(2, start=number))
            yield result
            result[1][0] = 5

    same(scenario)
