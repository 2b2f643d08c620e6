"""Parallel regions: every row once, several Python threads, forked children, the number of threads."""

import os
import threading

import numpy as np
import pytest

from tests.runtime.conftest import RunPython
from tests.runtime.helpers import HEADER
from tracegraph.runtime import EntrySpec, Program, get_num_threads, load_program, set_num_threads
from tracegraph.runtime.errors import ArgumentError


def _counting_source(rows: int, grain: int, work: int = 0) -> str:
    return f"""{HEADER}
@kernel
def count_0(lo, hi, table):
    x = buffer(table, 1, 0, int64)
    for i in range(lo, hi):
        total = x[i]
        for k in range({work}):
            total = total ^ (total * 31 + k)
        x[i] = total + 1

@program
def main(table):
    parallel(count_0, 0, {rows}, {grain}, table)
    return 0
"""


def _counting(rows: int, grain: int, *, work: int = 0, release_gil: bool = False) -> Program:
    return load_program(_counting_source(rows, grain, work), entry=EntrySpec((("int64", 1, True),), release_gil))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize(("rows", "grain"), [(0, 8), (1, 8), (7, 8), (8, 8), (9, 1), (1000, 1), (1001, 64), (17, 0)])
def test_every_row_is_done_once(threads: int, rows: int, grain: int) -> None:
    before = get_num_threads()
    set_num_threads(threads)
    program = _counting(rows, grain)
    x = np.zeros(rows + 1, dtype=np.int64)
    table = np.zeros(2, dtype=np.uint64)
    for _ in range(50):
        assert program.entry(table, x) == 0
    set_num_threads(before)
    np.testing.assert_array_equal(x[:rows], 50)
    assert x[rows] == 0


def test_sleeping_workers_wake_up(two_threads: None) -> None:
    program = _counting(4096, 16)
    x, table = np.zeros(4096, dtype=np.int64), np.zeros(2, dtype=np.uint64)
    pause = threading.Event()
    for _ in range(20):
        pause.wait(0.003)
        assert program.entry(table, x) == 0
    np.testing.assert_array_equal(x, 20)


def test_two_threads_work_side_by_side(two_threads: None) -> None:
    """Each half waits until the other half has begun, which one thread alone could never see."""
    program = load_program(
        f"""{HEADER}
@kernel
def meet_0(lo, hi, table):
    for i in range(lo, hi):
        if i == 0:
            fail(table, 1, 1)
        else:
            fail(table, 2, 1)
        for turn in range(4000000000):
            if status(table, 1) + status(table, 2) == 2:
                break

@program
def main(table):
    reset_status(table, 1)
    reset_status(table, 2)
    parallel(meet_0, 0, 2, 1, table)
    return status(table, 1) + status(table, 2)
"""
    )
    table = np.zeros(3, dtype=np.uint64)
    for _ in range(20):
        assert program.run(table) == 2


def test_python_threads_enter_at_once(two_threads: None) -> None:
    program = _counting(3000, 16, work=50, release_gil=True)
    expected = np.zeros(3000, dtype=np.int64)
    for _ in range(100):
        program.entry(np.zeros(2, dtype=np.uint64), expected)
    results = [np.zeros(3000, dtype=np.int64) for _ in range(3)]

    def work(x: np.ndarray) -> None:
        table = np.zeros(2, dtype=np.uint64)
        for _ in range(100):
            assert program.entry(table, x) == 0

    threads = [threading.Thread(target=work, args=(x,)) for x in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for x in results:
        np.testing.assert_array_equal(x, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_a_forked_child_runs_alone_and_can_restart_the_pool(run_python: RunPython) -> None:
    code = f"""
import os, numpy as np
from tracegraph.runtime import EntrySpec, load_program, set_num_threads, get_num_threads
set_num_threads(2)
program = load_program({_counting_source(3000, 16)!r}, entry=EntrySpec((("int64", 1, True),)))
table, x = np.zeros(2, dtype=np.uint64), np.zeros(3000, dtype=np.int64)
for _ in range(10):
    program.entry(table, x)
child = os.fork()
if child == 0:
    for _ in range(10):
        program.entry(table, x)
    good = (x == 20).all() and get_num_threads() == 1
    set_num_threads(2)
    for _ in range(100):
        program.entry(table, x)
    os._exit(0 if good and (x == 120).all() else 1)
_, status = os.waitpid(child, 0)
for _ in range(10):
    program.entry(table, x)
print(os.waitstatus_to_exitcode(status), (x == 20).all(), get_num_threads())
"""
    assert run_python(code).split() == ["0", "True", "2"]


@pytest.mark.parametrize(
    ("variable", "text", "count"), [("TRACEGRAPH_NUM_THREADS", "3", 3), ("NUMBA_NUM_THREADS", "2", 2)]
)
def test_the_environment_sets_the_number_of_threads(
    variable: str, text: str, count: int, run_python: RunPython
) -> None:
    code = "import tracegraph.runtime as r; print(r.get_num_threads())"
    environment = {"TRACEGRAPH_NUM_THREADS": "", "NUMBA_NUM_THREADS": "", variable: text}
    assert int(run_python(code, **environment)) == count


def test_a_wrong_environment_is_explained(run_python: RunPython) -> None:
    code = """
import tracegraph.runtime as r
try:
    r.get_num_threads()
except ValueError as error:
    print(error)
"""
    assert "TRACEGRAPH_NUM_THREADS must be a number of threads" in run_python(code, TRACEGRAPH_NUM_THREADS="many")


@pytest.mark.parametrize("count", [0, -1, 257])
def test_a_wrong_number_of_threads_is_refused(count: int) -> None:
    with pytest.raises(ArgumentError, match="from 1 to 256"):
        set_num_threads(count)


def test_the_process_ends_with_workers_awake(run_python: RunPython) -> None:
    code = f"""
import numpy as np
from tracegraph.runtime import EntrySpec, load_program, set_num_threads
set_num_threads(4)
program = load_program({_counting_source(3000, 16)!r}, entry=EntrySpec((("int64", 1, True),)))
x = np.zeros(3000, dtype=np.int64)
for _ in range(5):
    program.entry(np.zeros(2, dtype=np.uint64), x)
print(int(x[0]))
"""
    for _ in range(3):
        assert run_python(code).split() == ["5"]
