"""Traced functions called from several threads at once, and from a forked child."""

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.test_arguments import ramp
from tests.trace.test_gradients import leaf
from tracegraph.autograd import backward
from tracegraph.trace import trace

THREADS = 8


def in_threads(work: Callable[[int], None]) -> None:
    """Run `work(number)` in several threads that start together; raises what any of them raised."""
    barrier = threading.Barrier(THREADS)
    problems: list[BaseException] = []

    def run(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        except BaseException as problem:  # noqa: BLE001 - handed to the test
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


@pytest.mark.parametrize("warm", [False, True])
def test_many_threads_call_one_function(warm: bool) -> None:
    weight = ramp(64, 64) / 64

    @trace
    def f(x: Any) -> Any:
        return ((x @ weight) * 2 + x).exp().sum(1)

    if warm:
        f(ramp(4, 64))

    def work(number: int) -> None:
        x = ramp(4, 64, start=number) / 1e5
        wanted = f.function(x)._data
        for _ in range(40):
            np.testing.assert_allclose(f(x)._data, wanted, rtol=1e-5)

    in_threads(work)
    assert len(f.entries) == 1


def test_threads_make_gradients_of_their_own() -> None:
    @trace
    def step(w: Any, x: Any) -> Any:
        w.grad = None
        loss = ((x * w) ** 2).sum()
        backward(loss)
        with tg.no_grad():
            w.sub_(w.grad * 0.01)
        return loss.detach()

    def work(number: int) -> None:
        mine, plain = leaf(5), leaf(5)
        for turn in range(20):
            x = ramp(5, start=number + turn) / 20
            np.testing.assert_allclose(step(mine, x)._data, step.function(plain, x)._data, rtol=1e-5)
        np.testing.assert_allclose(mine._data, plain._data, rtol=1e-5)
        np.testing.assert_allclose(mine.grad._data, plain.grad._data, rtol=1e-5)

    in_threads(work)


def test_grad_mode_belongs_to_the_thread() -> None:
    w = leaf(3)

    @trace
    def f(x: Any) -> Any:
        return x * w

    def work(number: int) -> None:
        for _ in range(20):
            if number % 2:
                with tg.no_grad():
                    assert not f(ramp(3)).requires_grad
            else:
                assert f(ramp(3)).requires_grad

    in_threads(work)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_replays_and_records() -> None:
    @trace
    def f(x: Any) -> Any:
        return (x * 2 + 1).sum(0)

    large = ramp(600, 600) / 1e6
    wanted, small = f.function(large)._data, f.function(ramp(3, 2))._data
    f(large)
    np.testing.assert_allclose(f(large)._data, wanted, rtol=1e-4)
    child = os.fork()
    if child == 0:
        good = np.allclose(f(large)._data, wanted, rtol=1e-4) and np.allclose(f(ramp(3, 2))._data, small)
        good = good and np.allclose(f(ramp(3, 2))._data, small) and f.entries[0].hits == 1
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    np.testing.assert_allclose(f(large)._data, wanted, rtol=1e-4)


def test_a_thread_that_runs_while_another_records() -> None:
    entered, finish = threading.Event(), threading.Event()

    @trace
    def slow(x: Any) -> Any:
        entered.set()
        finish.wait(10)
        return x + 1

    @trace
    def quick(x: Any) -> Any:
        return x * 3

    thread = threading.Thread(target=slow, args=(ramp(2),))
    thread.start()
    assert entered.wait(10)
    try:
        for _ in range(3):
            assert quick(ramp(2)).tolist() == [0, 3]
            assert (ramp(2) + 1).tolist() == [1, 2]
    finally:
        finish.set()
        thread.join()
    assert quick.entries[0].hits >= 1
