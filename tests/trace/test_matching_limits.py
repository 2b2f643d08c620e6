"""When co-executed calls are not matched, what they keep in memory, and traced functions inside of others."""

import concurrent.futures
import contextlib
import gc
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tracegraph as tg
from tests.trace.test_coexecution import ramp, shift
from tests.trace.watching import frames, is_same
from tracegraph.trace import cursor, trace, trie

pytestmark = pytest.mark.usefixtures("matched_always")

KEPT: list[Any] = []


@contextlib.contextmanager
def another_thread() -> Iterator[None]:
    """A second Python thread that waits."""
    go_on = threading.Event()
    other = threading.Thread(target=go_on.wait)
    other.start()
    try:
        yield
    finally:
        go_on.set()
        other.join()


def test_too_many_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trie, "MAX_EVENTS", 30)

    @trace
    def f(x: Any, ops: str) -> Any:
        for op in ops:
            x = {"a": x + 1, "b": x * 2, "c": x.tanh()}[op]
            KEPT.append(op)
        KEPT.append(x.sum().item())
        return x

    for number in range(27):
        ops = "".join("abc"[number // 3**place % 3] for place in range(3)) * 2
        is_same(f.function(ramp(3), ops), f(ramp(3), ops))
    assert f.trie.is_full
    assert f.trie.events < 60
    assert not f.trie.is_useful
    calls = f.trie.calls
    is_same(f.function(ramp(3), "abcabc"), f(ramp(3), "abcabc"))
    assert f.trie.calls == calls, "what cannot be taken down runs without matching"


def test_long_calls_let_go_of_what_nobody_can_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "_MANY", 32)

    @trace
    def f(x: Any) -> Any:
        held = []
        for step in range(64):
            y = x * 1.01 + step
            held.append(weakref.ref(y._data))
            x = y - x
            if step % 8 == 0:
                KEPT.append(x.sum().item())
        KEPT.append(sum(reference() is not None for reference in held))
        return x, KEPT[-1] < 20

    f(ramp(2000))  # recorded: all is kept until the call ends
    for turn in range(5):
        x = ramp(2000, start=turn)
        is_same(f.function(x), f(x))
    assert f.trie.native_flushes > 0


def returns(x: Any) -> Any:
    y = shift(x)
    KEPT.append(y.sum().item())
    return shift(y)


def differentiates(x: Any) -> Any:
    x.requires_grad_()
    y = shift(x).sum()
    KEPT.append(y.item())
    y.backward()
    return x.grad


@pytest.mark.parametrize("function", [returns, differentiates])
def test_arguments_and_results_are_let_go(function: Callable[[Any], Any]) -> None:
    f = trace(function)
    for turn in range(6):
        x = ramp(3, start=turn)
        result = f(x)
        held = [weakref.ref(value) for value in (x, x._data, result)]
        del x, result
        gc.collect()
        assert not any(reference() is not None for reference in held), f"call {turn}"


def test_large_results_are_let_go() -> None:
    f = trace(returns)
    for turn in range(6):
        result = f(ramp(2000, start=turn))
        held = weakref.ref(result._data)
        del result
        gc.collect()
        assert held() is None, f"call {turn}"


def test_results_of_earlier_calls_stay() -> None:
    f = trace(returns)
    results = [f(ramp(3, start=turn)) for turn in range(8)]
    is_same([returns(ramp(3, start=turn)) for turn in range(8)], results)


def test_nothing_waits_beside_other_threads() -> None:
    f = trace(returns)
    for _ in range(4):
        f(ramp(3))
    calls = f.trie.calls
    with another_thread():
        for turn in range(3):
            is_same(returns(ramp(3, start=turn)), f(ramp(3, start=turn)))
    assert f.trie.calls == calls
    f(ramp(3))
    assert f.trie.calls == calls + 1


def in_a_thread(x: Any) -> Any:
    y = shift(x)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(y.tolist()))
    thread.start()
    thread.join()
    return shift(y), found[0]


def in_a_pool(x: Any) -> Any:
    y = shift(x)
    x.mul_(2)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda z: (shift(z) + x).tolist(), [y, shift(y)]))
    return shift(y), found


@pytest.mark.parametrize("function", [in_a_thread, in_a_pool])
def test_a_thread_that_is_started_in_the_call(function: Callable[[Any], Any]) -> None:
    f = trace(function)
    for turn in range(6):
        is_same(function(ramp(3, start=turn)), f(ramp(3, start=turn)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_in_the_call() -> None:
    @trace
    def f(x: Any) -> Any:
        y = shift(x)
        z = shift(y)
        child = os.fork()
        if not child:
            status = 1
            try:
                w = shift(z) + y
                plain = tg.tensor(w.tolist()) - shift(tg.tensor(z.tolist())) - tg.tensor(y.tolist())
                status = 0 if float(plain.abs().max()) < 1e-5 and float(w.abs().sum()) > 0 else 2
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        KEPT.append(os.waitstatus_to_exitcode(status))
        return z * 2

    for turn in range(5):
        KEPT.clear()
        x = ramp(3, start=turn)
        is_same(shift(shift(x)) * 2, f(x))
        assert KEPT == [0]


def test_traced_functions_inside() -> None:
    @trace
    def inner(x: Any) -> Any:
        return shift(x) * 2

    @trace
    def outer(x: Any) -> Any:
        y = inner(x)
        KEPT.append(y.sum().item())
        return inner(y)

    inner(ramp(3))
    for turn in range(6):
        x = ramp(3, start=turn)
        is_same(outer.function(x), outer(x))
    assert outer.trie.native_flushes > 0


def test_recursion() -> None:
    @trace
    def f(x: Any, depth: int) -> Any:
        KEPT.append(depth)
        y = shift(x)
        return f(y, depth - 1) + y.sum().item() if depth else y

    def plain(x: Any, depth: int) -> Any:
        y = shift(x)
        return plain(y, depth - 1) + y.sum().item() if depth else y

    for turn in range(6):
        KEPT.clear()
        is_same(plain(ramp(3, start=turn), 3), f(ramp(3, start=turn), 3))
        assert KEPT == [3, 2, 1, 0]


def test_python_runs_on_each_call_exactly_once() -> None:
    f = trace(returns)
    assert [frames(returns, lambda: f(ramp(3))) for _ in range(8)] == [1] * 8
