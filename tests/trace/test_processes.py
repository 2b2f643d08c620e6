"""Traced functions in other processes, forked or spawned, and in threads that start together."""

import functools
import multiprocessing
import multiprocessing.pool
import os
import threading
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.test_arguments import ramp
from tests.trace.test_concurrency import in_threads
from tracegraph.trace import trace

METHODS = [method for method in ("fork", "spawn") if method in multiprocessing.get_all_start_methods()]
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


@trace
def scaled(x: Any, k: float = 2.0) -> Any:
    """A traced function that workers find by its name."""
    return (x * k + 1).sum(0)


class Model:
    """A picklable model with a traced method."""

    def __init__(self) -> None:
        self.weight = ramp(4, 4) / 16

    @trace
    def forward(self, x: Any) -> Any:
        """Two layers."""
        return (x @ self.weight).tanh() @ self.weight


class Squares:
    """A data set whose items come from a traced function."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, number: int) -> Any:
        return scaled(ramp(3, 2, start=number))._data


def call_twice(function: Any, start: int) -> tuple[Any, int]:
    """What a traced function gives for an array, and the number of calls that were replayed."""
    for _ in range(3):
        result = function(ramp(4, 4, start=start))
    traced = getattr(function, "__func__", function)
    return result._data, sum(entry.hits for entry in traced.entries)


def fetch(arguments: tuple[Any, int]) -> Any:
    """An item of a data set, as a loader's worker fetches it."""
    data, number = arguments
    return data[number]


@pytest.mark.parametrize("method", METHODS)
def test_workers_call_functions_and_methods(method: str) -> None:
    scaled(ramp(4, 4))
    model = Model()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        plain_method: Any = Model.forward.function
        for function, plain in ((scaled, scaled.function), (model.forward, functools.partial(plain_method, model))):
            found, hits = pool.submit(call_twice, function, 1).result(timeout=120)
            np.testing.assert_allclose(found, plain(ramp(4, 4, start=1))._data, rtol=1e-5)
            assert hits >= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_loader_with_workers(method: str) -> None:
    data = Squares()
    with multiprocessing.get_context(method).Pool(2) as pool:
        found = pool.map_async(fetch, [(data, number) for number in range(len(data))]).get(timeout=120)
    for number, item in enumerate(found):
        np.testing.assert_allclose(item, scaled.function(ramp(3, 2, start=number))._data)


@pytest.fixture
def in_child() -> Any:
    """`in_child(work)`: whether `work()` is true in a forked child that ends within a time."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")

    def run(work: Any, seconds: float = 60) -> bool:
        child = os.fork()
        if child == 0:
            good = False
            try:
                good = bool(work())
            except BaseException:  # noqa: BLE001 - the child must not go on with the parent's tests
                traceback.print_exc()
            finally:
                os._exit(0 if good else 1)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status) == 0
            time.sleep(0.01)
        os.kill(child, 9)
        os.waitpid(child, 0)
        return False

    return run


def test_a_child_forked_while_another_thread_records(in_child: Any) -> None:
    entered, finish = threading.Event(), threading.Event()
    waits = [True]  # the child must not use the events, whose locks the other thread may hold

    @trace
    def slow(x: Any) -> Any:
        if waits[0]:
            entered.set()
            finish.wait(60)
        return x + 1

    @trace
    def other(x: Any) -> Any:
        return x * 3

    def work() -> bool:
        waits[0] = False
        right = all(slow(ramp(2)).tolist() == [1, 2] for _ in range(2))
        return right and all(other(ramp(2)).tolist() == [0, 3] for _ in range(2)) and other.entries[0].hits == 1

    def begin() -> Any:
        return slow(ramp(2))

    thread = threading.Thread(target=begin)
    thread.start()
    assert entered.wait(60)
    try:
        assert in_child(work)
    finally:
        finish.set()
        thread.join()


def test_a_child_records_what_another_thread_was_recording(in_child: Any) -> None:
    entered, finish = threading.Event(), threading.Event()
    waits = [True]

    def wait() -> None:
        if waits[0]:
            entered.set()
            finish.wait(60)

    @trace
    def function(x: Any) -> Any:
        wait()
        return x + 1

    def work() -> bool:
        waits[0] = False
        results = [function(ramp(2)).tolist() for _ in range(3)]
        return results == [[1, 2]] * 3 and function.attempts != []

    thread = threading.Thread(target=function, args=(ramp(2),))
    thread.start()
    assert entered.wait(60)
    try:
        assert in_child(work)
    finally:
        finish.set()
        thread.join()


def test_a_function_that_forks(in_child: Any) -> None:
    @trace
    def forks(x: Any, run: Any) -> Any:
        good = run(lambda: (x + 1).tolist() == [1, 2])
        return x * 2 if good else x

    for _ in range(3):
        assert forks(ramp(2), in_child).tolist() == [0, 2]
    assert forks.explain().verdict != "static"


@pytest.mark.parametrize("shapes", ["same", "different"])
def test_first_calls_in_many_threads(shapes: str) -> None:
    weight = ramp(8, 8) / 64

    @trace
    def f(x: Any) -> Any:
        return ((x @ weight).tanh() * 2 + x).sum(0)

    def work(number: int) -> None:
        rows = 3 if shapes == "same" else 1 + number % 4
        for turn in range(30):
            x = ramp(rows, 8, start=number + turn) / 100
            np.testing.assert_allclose(f(x)._data, f.function(x)._data, rtol=1e-5, atol=1e-6)

    in_threads(work)
    assert len(f.entries) <= 8
    assert sum(entry.hits for entry in f.entries) > 0


def test_methods_and_nested_functions_in_threads() -> None:
    class Counted:
        def __init__(self, k: float) -> None:
            self.k = k

        @trace
        def run(self, x: Any) -> Any:
            return inner(x) * self.k

    @trace
    def inner(x: Any) -> Any:
        return x + 1

    models = [Counted(float(number)) for number in range(8)]

    def work(number: int) -> None:
        for _ in range(20):
            assert models[number].run(ramp(3)).tolist() == [number, 2 * number, 3 * number]
            assert tg.equal(inner(ramp(3)), ramp(3) + 1)

    in_threads(work)
