"""The matching of co-executed calls: what varies, what raises, memory that others see, when nothing waits at all."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.differential import outcome, same
from tests.trace.test_coexecution import coexecuted, ramp, shift
from tests.trace.watching import is_same
from tracegraph import nn
from tracegraph.trace import trace
from tracegraph.trace.trie import Trie

pytestmark = pytest.mark.usefixtures("matched_always")

KEPT: list[Any] = []


def scaled(x: Any, factor: float) -> Any:
    y = (x * factor + 1).tanh() - factor
    KEPT.append(y.sum().item())
    return (y / factor).exp() * 2 - y


def test_numbers_that_vary_are_widened() -> None:
    f = trace(scaled)
    for turn in range(1, 40):
        factor = turn / 7
        is_same(scaled(ramp(3), factor), f(ramp(3), factor))
    assert f.trie.paths <= 4, "one more for each number of the program"
    assert len(f.trie.segments) <= 8
    assert f.trie.native_flushes > 40
    assert f.history.recordings <= 3


def test_numbers_that_decide_shapes_are_not_widened() -> None:
    @trace
    def f(x: Any, count: int) -> Any:
        y = shift(x[:count])
        KEPT.append(y.sum().item())
        return shift(y).repeat(count)

    for _ in range(4):
        for count in (1, 2, 3):
            is_same(f.function(ramp(3), count), f(ramp(3), count))
    assert f.trie.paths == 3
    assert f.trie.native_flushes > 0


@pytest.mark.parametrize("kept", ["first", "second", "view"])
def test_a_held_set_that_grows(kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [""]

    @trace
    def f(x: Any) -> Any:
        first = x * 2 + 1
        second = first.tanh() - x
        KEPT.append({"first": first, "second": second, "view": first[1:]}.get(wanted[0]))
        del first
        y = second.exp()
        del second
        KEPT.append(y.sum().item())
        return shift(y)

    grown: list[Any] = []

    def hold(*args: Any, original: Any = Trie.hold) -> None:
        grown.append(args[2])
        original(*args)

    monkeypatch.setattr(Trie, "hold", hold)
    for turn, wanted[0] in enumerate(["", "", "", kept, "", kept, kept, kept]):
        x = ramp(4, start=turn)
        seen = []
        for run in (f.function, f):
            KEPT.clear()
            seen.append((run(x), list(KEPT)))
        is_same(*seen)
    assert grown
    assert f.trie.paths <= 2


def test_operations_that_raise() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        state = tg.zeros(3)
        log: list[Any] = []

        @wrap
        def f(x: Any, bad: Any, index: Any) -> Any:
            y = shift(x)
            state.add_(y)
            log.append(len(log))
            try:
                y = y + bad
            except RuntimeError as error:
                log.append(str(error))
            z = shift(y)[index]
            log.append(z.sum().item())
            return shift(z)

        good = tg.tensor([0, 2])
        for turn in range(12):
            bad = ramp(4) if turn % 3 == 1 else ramp(3)
            index = tg.tensor([1, 3]) if turn % 4 == 2 else good
            yield outcome(lambda: f(ramp(3, start=turn), bad, index)), state, log  # noqa: B023

    (f,) = same(scenario)
    assert f.trie.native_flushes > 0


def test_an_exception_leaves_what_the_plain_call_leaves() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        state = tg.zeros(3)

        @wrap
        def f(x: Any) -> Any:
            KEPT.append(len(KEPT))
            y = shift(x)
            state.copy_(y)
            KEPT.append(y)
            state.mul_(2).add_(shift(y))
            raise ValueError(y)

        for turn in range(10):
            KEPT.clear()
            try:
                f(ramp(3, start=turn))
            except ValueError as error:
                yield error.args, state, list(KEPT)

    (f,) = same(scenario)
    assert f.trie.native_flushes > 0


def test_memory_shared_with_numpy() -> None:
    array = np.arange(6, dtype=np.float32)

    def f(x: Any) -> Any:
        own = x.clone()
        seen = own.numpy()
        y = shift(own)
        seen += 1  # y was made before
        z = shift(own) + y
        own.mul_(2)
        KEPT.append(seen.copy())
        array[:] = np.arange(6)
        outer = tg.from_numpy(array)
        w = shift(outer)
        array[:] = array[::-1].copy()
        KEPT.append(array.sum())
        return y, z, own, w, shift(outer)

    coexecuted(f)


def test_arguments_over_memory_of_numpy() -> None:
    array = np.ones(3, np.float32)
    x = tg.from_numpy(array)

    @trace
    def f() -> Any:
        y = shift(x)
        array[0] += 1
        KEPT.append(y.sum().item())
        x.add_(1)
        return y, shift(x)

    plain_array = array.copy()
    for _ in range(6):
        before = tg.tensor(plain_array)
        plain_array[0] += 1
        plain_array += 1
        is_same((shift(before), shift(tg.tensor(plain_array))), f())
        np.testing.assert_array_equal(plain_array, array)


def test_arguments_that_come_to_share_memory() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(x: Any, y: Any) -> Any:
            x.mul_(2).add_(1)
            z = shift(y) + x
            x.add_(z)
            KEPT.append(x.sum().item())
            return z * y

        for turn in range(12):
            x = ramp(6, start=turn)
            y = x[:] if turn in (5, 7, 8) else ramp(6)
            yield f(x, y), x, y

    (f,) = same(scenario)
    assert f.trie.native_flushes > 0


def test_gradients_inside() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        tg.manual_seed(0)
        layer: Any = nn.Linear(3, 2)
        losses: list[float] = []

        @wrap
        def step(x: Any) -> Any:
            layer.zero_grad()
            loss = shift(layer(x)).pow(2).mean()
            losses.append(loss.item())
            loss.backward()
            with tg.no_grad():
                for weight in layer.parameters():
                    weight.sub_(weight.grad * 0.1)
            return loss

        for turn in range(8):
            yield step(ramp(4, 3, start=turn) / 9), losses, list(layer.parameters()), layer.weight.grad

    (step,) = same(scenario)
    assert step.trie.native_flushes > 0


def test_gradients_outside() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        w = ramp(3, start=1).requires_grad_()

        @wrap
        def f(x: Any) -> Any:
            y = shift(x * w)
            KEPT.append(y.sum().item())
            return shift(y), y

        for turn in range(6):
            x = (ramp(3, start=turn) / 9).requires_grad_()
            z, y = f(x)
            (z.sum() * y).sum().backward(retain_graph=True)
            yield z, y, x.grad, w.grad
            z.sum().backward()
            yield x.grad, w.grad, z.requires_grad, z.is_leaf

    (f,) = same(scenario)
    assert f.trie.native_flushes > 0


def test_random_numbers_are_those_of_the_plain_call() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            y = shift(x + tg.rand(3))
            KEPT.append(random.random())
            return y * KEPT[-1] + tg.randn(3)

        random.seed(1)
        tg.manual_seed(1)
        for turn in range(6):
            yield f(ramp(3, start=turn)), KEPT[-1]

    same(scenario)


def test_ways_that_python_chooses() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        log: list[Any] = []

        @wrap
        def f(x: Any, way: int) -> Any:
            y = shift(x)
            log.append(y.sum().item())
            if way % 2:
                y = y.exp() + 1
            log.append(way)
            z = shift(y) if way < 4 else y * y * y
            return z + y

        for turn in range(24):
            yield f(ramp(3, start=turn), turn % 6), log

    (f,) = same(scenario)
    assert 4 <= f.trie.paths <= 6
    assert f.trie.native_flushes > 12
