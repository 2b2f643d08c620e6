"""Results that hold objects made in the call, and results of different structure by branch."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.trace.differential import outcome, same
from tests.trace.records import (
    Colour,
    Level,
    Node,
    Pair,
    State,
    Tricky,
    seen,
)
from tests.trace.test_arguments import ramp
from tracegraph.trace import trace

Wrap = Callable[[Any], Any]
pytestmark = pytest.mark.filterwarnings("ignore:traced function")


def test_dataclasses_replace_and_fields() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(s: Any) -> Any:
            names = [field.name for field in dataclasses.fields(s)]
            return dataclasses.replace(s, position=s.position * 2), names, dataclasses.is_dataclass(s)

        for number in range(3):
            yield seen(f(State(ramp(3, start=number), ramp(3))))
            yield seen(f(State(ramp(3, start=number), None, number % 2)))

    same(scenario, hits=3)


def test_keys_made_in_the_call() -> None:
    @trace
    def f(x: Any) -> Any:
        y = x + 1
        return {y: 1}, y

    results = [f(ramp(2, start=number)) for number in range(3)]
    for number, (table, y) in enumerate(results):
        assert next(iter(table)) is y
        assert y.tolist() == [number + 1, number + 2]


def test_one_object_at_several_places() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            items = [x + 1]
            table = {"items": items}
            pair = Pair(items, table)
            state = State(items, pair)
            return items, table, pair, state, [state, state], x + 1, (pair, pair)

        for number in range(4):
            items, table, pair, state, states, y, pairs = f(ramp(2, start=number))
            yield items, table["items"] is items, pair.first is items, pair.second is table, state.position is items
            yield state.velocity is pair, states[0] is states[1] is state, y is items[0], pairs[0] is pair
            items.append(number)
            yield len(table["items"])

    same(scenario, hits=3)


def test_results_that_contain_themselves() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            root = Node(x + 1)
            root.children += [Node(x * k, root) for k in range(2)]
            loop: list[Any] = []
            loop.append(loop)
            return root, loop

        for number in range(3):
            root, loop = f(ramp(2, start=number))
            yield root.value, [(child.value, child.parent is root) for child in root.children], loop[0] is loop

    same(scenario, hits=2)


def test_objects_of_plain_classes_made_in_the_call() -> None:
    class Output:
        made = 0

        def __init__(self, x: Any) -> None:
            self.x, self.extra = x, {"n": [1, 2]}

    class Counted(Output):
        def __init__(self, x: Any) -> None:
            super().__init__(x)
            type(self).made += 1

    class Finalised(Output):
        def __del__(self) -> None:
            Output.made += 1

    def scenario(wrap: Wrap) -> Iterator[Any]:
        Counted.made = Output.made = 0

        @wrap
        def f(x: Any) -> Any:
            return Output(x + 1), Tricky(x * 2)

        @wrap
        def g(x: Any) -> Any:
            return Counted(x)

        @wrap
        def h(x: Any) -> Any:
            return Finalised(x).x

        for number in range(3):
            output, tricky = f(ramp(2, start=number))
            yield seen(output), seen(tricky), outcome(lambda: setattr(tricky, "y", 1))  # noqa: B023
            output.extra["n"].append(3)
            yield seen(g(ramp(2))), Counted.made, h(ramp(2)), Output.made

    same(scenario, hits=2)


def test_results_that_cannot_be_made_again_run_plain() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        functions = [
            wrap(lambda x: (x + 1, (y for y in [x]))), wrap(lambda x: lambda: x), wrap(lambda x: iter([x])),
            wrap(lambda x: object()), wrap(lambda x: np.zeros(2)), wrap(lambda x: {x + 1}), wrap(lambda x: x.sum),
        ]  # fmt: skip
        for _ in range(3):
            for function in functions:
                yield type(function(ramp(2))).__name__

    same(scenario, plain=True)


def test_structures_that_differ_by_branch() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any, kind: Any = Colour.RED, *rest: Any, flag: Any = None, **more: Any) -> Any:
            if kind is Colour.RED:
                return x
            if kind is Colour.BLUE:
                return {"x": x + 1, "rest": rest, "more": more}
            if kind == Level.HIGH:
                return State(x, *rest)
            return None if flag is None else (flag, Pair(x, more.get("y")))

        for _ in range(3):
            x = ramp(2)
            yield f(x) is x, f(x, Colour.BLUE, 1, ramp(3)), f(x, Colour.BLUE, y=ramp(1), z=2)
            yield seen(f(x, Level.HIGH, ramp(2))), f(x, Level.LOW), f(x, None, flag="a", y=ramp(2)), f(x, False)
            yield f(x, flag=Colour.RED, kind=0), f(x, kind=0, flag=Colour.RED), f(x, 0, flag=np.float64(2))
            yield f(x, 0, flag=np.float32(2)), f(x, 0, flag=2), f(x, 0, flag=True), f(x, 0, flag=frozenset({1, 2}))

    same(scenario, hits=16)
