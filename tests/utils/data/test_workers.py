"""Worker processes: order, seeds, errors, deaths, timeouts, and that none is left behind."""

import gc
import multiprocessing
import os
import random as python_random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph.runtime.errors import ShapeError
from tracegraph.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info, pool

METHODS = [
    pytest.param(name, marks=[pytest.mark.slow] if name == "spawn" else [])  # a spawned process imports everything
    for name in ("fork", "spawn")
    if name in multiprocessing.get_all_start_methods()
]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    files = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    yield
    gc.collect()
    assert multiprocessing.active_children() == []
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) <= files + 2  # those of a fork server or resource tracker stay


@pytest.fixture(autouse=True)
def many_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


class Numbers(Dataset[Any]):
    """What `describe` finds for each index, in the worker."""

    def __init__(self, count: int, describe: str = "index") -> None:
        self.count, self.describe = count, describe

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return getattr(self, self.describe)(index)

    def index(self, index: int) -> Any:
        return index

    def who(self, index: int) -> Any:
        info = get_worker_info()
        assert info is not None
        return info.id, info.num_workers, info.seed - tracegraph.initial_seed(), info.dataset is self, os.getpid()

    def drawn(self, index: int) -> Any:
        return [tracegraph.rand(1).item(), python_random.random(), float(np.random.rand())]  # noqa: NPY002

    def products(self, index: int) -> Any:
        x = tracegraph.ones(200, 200)
        return (x @ x).sum() + index

    def slow_first(self, index: int) -> Any:
        time.sleep(0.3 if index == 0 else 0)
        return index

    def wrong(self, index: int) -> Any:
        if index == 3:
            raise {"key": KeyError("lost"), "shape": ShapeError("bad shape")}.get(os.environ["WRONG"], ValueError("no"))
        return index

    def odd_class(self, index: int) -> Any:
        class OddError(Exception):
            def __init__(self, first: int, second: int) -> None:
                super().__init__(first, second)

        raise OddError(1, 2)

    def unpicklable(self, index: int) -> Any:
        return lambda: index

    def killed(self, index: int) -> Any:
        if index == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return index

    def leaves(self, index: int) -> Any:
        os._exit(3)

    def sleeps(self, index: int) -> Any:
        time.sleep(60)
        return index


class Countdown(IterableDataset[int]):
    """The numbers from 0 on, shared out among the workers unless `whole`."""

    def __init__(self, count: int, whole: bool = False) -> None:
        self.count, self.whole = count, whole

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        if info is None or self.whole:
            return iter(range(self.count))
        return iter(range(info.id, self.count, info.num_workers))


def first(batch: list[Any]) -> Any:
    return batch


@pytest.mark.parametrize("method", METHODS)
def test_workers_of_each_kind(method: str) -> None:
    loader = DataLoader(Numbers(9, "products"), 2, num_workers=2, multiprocessing_context=method)
    assert [value for batch in loader for value in batch.tolist()] == [200**3 + index for index in range(9)]
    data = TensorDataset(tracegraph.arange(40000).reshape(2, 20000), tracegraph.ones(2))
    for number, (x, _) in enumerate(DataLoader(data, num_workers=1, multiprocessing_context=method)):
        np.testing.assert_array_equal(x.numpy()[0], np.arange(20000) + 20000 * number)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("prefetch", [1, 4])
def test_the_order_is_kept(workers: int, prefetch: int) -> None:
    loader = DataLoader(Numbers(11, "slow_first"), 2, num_workers=workers, prefetch_factor=prefetch)
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10]]


def test_out_of_order_the_first_made_comes_first() -> None:
    loader = DataLoader(Numbers(8, "slow_first"), num_workers=2, in_order=False)
    order = [batch.item() for batch in loader]
    assert sorted(order) == list(range(8))
    assert order[0] != 0


def test_each_worker_knows_who_it_is() -> None:
    found = [one for batch in DataLoader(Numbers(4, "who"), num_workers=2, collate_fn=first) for one in batch]
    assert [one[:4] for one in found] == [(number, 2, 0, True) for number in (0, 1, 0, 1)]
    assert len({one[4] for one in found} | {os.getpid()}) == 3
    assert get_worker_info() is None


def test_each_worker_draws_its_own_numbers() -> None:
    def drawn(seed: int) -> list[Any]:
        tracegraph.manual_seed(seed)
        loader = DataLoader(Numbers(2, "drawn"), batch_size=None, num_workers=2)
        return [tuple(sample) for _ in range(2) for sample in loader]

    numbers = drawn(1)
    assert numbers == drawn(1)
    assert all(len(set(column)) == 4 for column in zip(*numbers, strict=True))
    assert not set(numbers) & set(drawn(2))


def test_seeds_are_consecutive_and_drawn_from_the_generator() -> None:
    def seeds(generator: Any) -> list[int]:
        loader = DataLoader(Numbers(2), num_workers=2, generator=generator, collate_fn=seed_of)
        return list(loader)

    first_seed, second_seed = seeds(tracegraph.Generator().manual_seed(4))
    assert second_seed == first_seed + 1
    assert seeds(tracegraph.Generator().manual_seed(4)) == [first_seed, second_seed]


def seed_of(batch: Any) -> int:
    info = get_worker_info()
    assert info is not None
    return info.seed


def give_id(worker: int) -> None:
    info = get_worker_info()
    assert info is not None
    info.dataset.count = 100 + worker


def fail_to_start(worker: int) -> None:
    raise ValueError(f"not ready {worker}")


def test_the_init_function_prepares_the_dataset() -> None:
    loader = DataLoader(Numbers(2), num_workers=2, worker_init_fn=give_id, collate_fn=count_of)
    assert list(loader) == [100, 101]
    with pytest.raises(ValueError, match="not ready 0"):
        list(DataLoader(Numbers(2), num_workers=2, worker_init_fn=fail_to_start))


def count_of(batch: Any) -> int:
    info = get_worker_info()
    assert info is not None
    return int(info.dataset.count)


@pytest.mark.parametrize(("wrong", "kind"), [("key", KeyError), ("value", ValueError), ("shape", ShapeError)])
def test_errors_come_with_the_workers_traceback(wrong: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG", wrong)
    iterator = iter(DataLoader(Numbers(6, "wrong"), num_workers=2))
    assert [next(iterator).item() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(kind) as caught:
        next(iterator)
    text = str(caught.value)
    assert "in DataLoader worker process 1" in text
    assert "\n  File " in text
    assert "in wrong\n" in text
    assert [batch.item() for batch in iterator] == [4, 5]


def test_what_cannot_be_sent_is_explained() -> None:
    with pytest.raises(RuntimeError, match=r"Caught OddError in DataLoader worker process 0"):
        list(DataLoader(Numbers(1, "odd_class"), num_workers=1))
    with pytest.raises((AttributeError, TypeError, RuntimeError), match="pickle"):
        list(DataLoader(Numbers(1, "unpicklable"), num_workers=1, collate_fn=first))


def test_a_dead_worker_is_noticed() -> None:
    with pytest.raises(RuntimeError, match=r"worker 0 \(pid \d+\) exited unexpectedly \(killed by signal 9\)"):
        list(DataLoader(Numbers(6, "killed"), num_workers=2))
    persistent = DataLoader(Numbers(6, "leaves"), num_workers=1, persistent_workers=True)
    for _ in range(2):
        iterator = iter(persistent)
        with pytest.raises(RuntimeError, match=r"exit code 3"):
            next(iterator)
        with pytest.raises(RuntimeError, match="the workers are gone"):
            next(iterator)


def test_a_timeout_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_PATIENCE", 0.1)
    loader = DataLoader(Numbers(1, "sleeps"), num_workers=1, timeout=0.2)
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"no batch came from the workers in 0.2 seconds"):
        next(iter(loader))
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("method", METHODS)
def test_leaving_early_ends_the_workers(method: str) -> None:
    large = TensorDataset(tracegraph.zeros(40, 500_000))
    for batch in DataLoader(large, 4, num_workers=2, multiprocessing_context=method):
        assert batch[0].shape == (4, 500_000)
        break
    gc.collect()
    assert multiprocessing.active_children() == []


def test_persistent_workers_stay() -> None:
    loader = DataLoader(Numbers(5, "who"), num_workers=2, persistent_workers=True, collate_fn=first)
    processes = [{batch[0][4] for batch in loader} for _ in range(2)]
    assert processes[0] == processes[1]
    assert len(multiprocessing.active_children()) == 2
    for _ in loader:
        break
    assert [batch[0][0] for batch in loader] == [0, 1, 0, 1, 0]
    del loader
    gc.collect()


def test_iterable_datasets_are_shared_out() -> None:
    loader = DataLoader(Countdown(7), num_workers=3)
    assert [batch.item() for batch in loader] == list(range(7))
    loader = DataLoader(Countdown(7), 2, num_workers=2)
    assert [batch.tolist() for batch in loader] == [[0, 2], [1, 3], [4, 6], [5]]
    loader = DataLoader(Countdown(3, whole=True), num_workers=2, persistent_workers=True)
    for _ in range(2):
        assert sorted(batch.item() for batch in loader) == [0, 0, 1, 1, 2, 2]


def test_more_indices_than_a_pipe_holds() -> None:
    indices = list(range(200_000))
    loader = DataLoader(Numbers(1), batch_sampler=[indices] * 4, num_workers=1, prefetch_factor=4)
    assert [len(batch) for batch in loader] == [200_000] * 4


def test_too_many_workers_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    with pytest.warns(UserWarning, match="2 worker processes on 1 cores"):
        list(DataLoader(Numbers(1), num_workers=2))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_the_main_process(number: int, tmp_path: Path, project: Path) -> None:
    code = """
import sys, time
from tests.utils.data.test_workers import Numbers, first
from tracegraph.utils.data import DataLoader
iterator = iter(DataLoader(Numbers(10, "who"), num_workers=2, collate_fn=first))
print(next(iterator)[0][4], next(iterator)[0][4], flush=True)
time.sleep(60)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=project
    )
    with process:
        assert process.stdout is not None
        workers = [int(text) for text in process.stdout.readline().split()]
        assert len(workers) == 2
        process.send_signal(number)
        process.wait(20)
    deadline = time.monotonic() + 10
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, workers))


def is_running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    if status.parent.parent.joinpath("self").exists():
        return status.exists() and status.read_text().rpartition(")")[2].split()[0] not in "ZX"
    return subprocess.run(["ps", "-p", str(process)], capture_output=True, check=False).returncode == 0
