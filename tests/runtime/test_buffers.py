"""Memory: alignment, addresses, workspaces that are never shared, outputs recycled only when nobody sees them."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tracegraph.runtime import OutputPool, Workspace, Workspaces, address_of, aligned_empty
from tracegraph.runtime.native.support import slow_address_of

FLOAT = np.dtype(np.float32)


@pytest.mark.parametrize("nbytes", [0, 1, 64, 1000, 2**20])
def test_aligned_memory(nbytes: int) -> None:
    array = aligned_empty(nbytes)
    assert array.nbytes == nbytes
    assert array.flags.c_contiguous
    assert address_of(array) % 64 == 0


def test_addresses() -> None:
    array = np.zeros((3, 4))
    for part in (array, array[1:], array[:, 2]):
        assert address_of(part) == slow_address_of(part) == part.__array_interface__["data"][0]
    wrong: Any
    for wrong in (None, [1.0], 3, memoryview(b"abc")):
        with pytest.raises(TypeError, match=r"numpy\.ndarray"):
            address_of(wrong)


def test_workspaces_are_reused_but_not_shared() -> None:
    constant = np.ones(3)
    workspaces = Workspaces(slots=3, arena_bytes=256, constants=((2, constant),))
    first = workspaces.take()
    second = workspaces.take()
    assert first is not second
    assert not np.shares_memory(first.arena, second.arena)
    for workspace in (first, second):
        assert int(workspace.table[0]) == address_of(workspace.arena)
        assert int(workspace.table[2]) == address_of(constant)
    workspaces.give_back(second)
    assert workspaces.take() is second


def test_workspaces_among_threads() -> None:
    workspaces = Workspaces(slots=1, arena_bytes=64)
    in_use: set[int] = set()
    faults: list[Workspace] = []

    def work() -> None:
        for _ in range(2000):
            workspace = workspaces.take()
            if id(workspace) in in_use:
                faults.append(workspace)
            in_use.add(id(workspace))
            in_use.discard(id(workspace))
            workspaces.give_back(workspace)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_memory_comes_back_when_the_last_reference_dies() -> None:
    pool = OutputPool(small=0)
    first = pool.empty((1000,), FLOAT)
    where = address_of(first)
    second = pool.empty((1000,), FLOAT)
    assert address_of(second) != where
    del first
    assert address_of(pool.empty((10, 100), FLOAT)) == where


VIEWS: dict[str, Callable[[Any], Any]] = {
    "slice": lambda array: array[3:],
    "transpose": lambda array: array.T,
    "reshape": lambda array: array.reshape(-1),
    "memoryview": memoryview,
    "dtype": lambda array: array.view(np.int32),
    "dlpack": np.from_dlpack,
    "view of view": lambda array: array[1:][1:][::2],
}


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_keeps_the_memory(view: str) -> None:
    pool = OutputPool(small=0)
    array = pool.empty((10, 10), FLOAT)
    array[...] = 7
    held = VIEWS[view](array)
    where = address_of(array)
    before = np.asarray(held).copy()
    del array
    other = pool.empty((10, 10), FLOAT)
    other[...] = 1
    assert address_of(other) != where
    np.testing.assert_array_equal(np.asarray(held), before)


def test_outputs_are_fresh_arrays() -> None:
    pool = OutputPool(small=0)
    array = pool.empty((4, 8), FLOAT)
    array.flags.writeable = False
    del array
    again = pool.empty((4, 8), FLOAT)
    assert again.shape == (4, 8)
    assert again.flags.writeable
    assert again.flags.c_contiguous
    assert address_of(again) % 64 == 0


def test_small_outputs_are_ordinary_arrays() -> None:
    pool = OutputPool()
    assert pool.empty((10,), FLOAT).base is None
    assert pool.kept_bytes == 0


def test_the_pool_keeps_no_more_than_allowed() -> None:
    pool = OutputPool(small=0, keep=10_000)
    arrays = [pool.empty((1000,), FLOAT) for _ in range(4)]
    assert pool.kept_bytes == 8_000
    del arrays
    pool.empty((2000,), FLOAT)
    assert pool.kept_bytes == 8_000
    pool.trim()
    assert pool.kept_bytes == 0


def test_many_live_outputs_do_not_slow_the_pool_down() -> None:
    pool = OutputPool(small=0)
    arrays = [pool.empty((1000,), FLOAT) for _ in range(100)]
    assert len({address_of(array) for array in arrays}) == 100
    assert pool.kept_bytes <= 16 * 4000
