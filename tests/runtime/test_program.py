"""Programs: a whole generated module, its entries, argument checks, errors and sharing."""

import gc
import threading

import numpy as np
import pytest

from tests.runtime.helpers import load_kernel, source
from tracegraph.runtime import EntrySpec, Workspaces, address_of, load_program
from tracegraph.runtime.errors import ArgumentError, CompileError
from tracegraph.runtime.native import python_entry

SCALE = """
    @kernel
    def scale_0(lo, hi, table):
        x = buffer(table, 1, 0, float32)
        y = buffer(table, 2, 0, float32)
        for i in range(lo, hi):
            y[i] = x[i] * float32(2.0)

    @kernel
    def shift_1(lo, hi, table):
        y = buffer(table, 2, 0, float32)
        z = buffer(table, 0, 64, float32)
        for i in range(lo, hi):
            z[i] = y[i] + float32(1.0)

    @program
    def main(table):
        parallel(scale_0, 0, 1000, 16, table)
        shift_1(0, 1000, table)
        return 0
"""
SPEC = EntrySpec((("float32", 1, False), ("float32", 2, True)))


def test_a_program_runs_its_kernels_in_order() -> None:
    program = load_program(source(SCALE), name="scale", entry=SPEC)
    workspace = Workspaces(slots=3, arena_bytes=64 + 4000).take()
    x, y = np.arange(1000, dtype=np.float32), np.empty(1000, dtype=np.float32)
    assert program.entry(workspace.table, x, y) == 0
    np.testing.assert_array_equal(y, 2 * x)
    np.testing.assert_array_equal(workspace.arena[64:].view(np.float32), 2 * x + 1)


def test_run_uses_the_table_as_it_is() -> None:
    program = load_program(source(SCALE), entry=SPEC)
    x, y = np.ones(1000, dtype=np.float32), np.empty(1000, dtype=np.float32)
    arena = np.empty(5000, dtype=np.uint8)
    table = np.array([address_of(arena), address_of(x), address_of(y)], dtype=np.uint64)
    assert program.run(table) == 0
    np.testing.assert_array_equal(y, 2.0)


@pytest.mark.parametrize("release_gil", [False, True])
def test_another_entry_can_be_bound(release_gil: bool) -> None:
    program = load_program(source(SCALE), entry=SPEC)
    entry = program.bind_entry(EntrySpec((("float32", 2, True),), release_gil=release_gil))
    x, y, arena = np.ones(1000, dtype=np.float32), np.empty(1000, dtype=np.float32), np.empty(5000, dtype=np.uint8)
    table = np.array([address_of(arena), address_of(x), 0], dtype=np.uint64)
    assert entry(table, y) == 0
    np.testing.assert_array_equal(y, 2.0)


def _arguments() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros(3, dtype=np.uint64), np.zeros(1000, dtype=np.float32), np.zeros(1000, dtype=np.float32)


@pytest.mark.parametrize("known_layout", [True, False])
def test_unfit_arguments_are_refused(known_layout: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    program = load_kernel({"x": "float32", "y": "float32"}, "y[i] = x[i]", 1000)
    if not known_layout:
        monkeypatch.setattr("tracegraph.runtime.program.layout_is_known", lambda: False)
    entry = program.bind_entry(SPEC)
    table, x, y = _arguments()
    assert entry(table, x, y) == 0
    frozen = y.copy()
    frozen.flags.writeable = False
    swapped = x.astype(x.dtype.newbyteorder())
    wide = np.zeros(2000, dtype=np.float32)[::2]
    for arguments, position in [
        ((table, x.astype(np.float64), y), 1),
        ((table, wide, y), 1),
        ((table, swapped, y), 1),
        ((table, x, frozen), 2),
        ((table, x, [1.0]), 2),
        ((table, None, y), 1),
    ]:
        with pytest.raises(TypeError, match=f"argument {position} of a program does not fit.*float32"):
            entry(*arguments)
    assert entry(table, frozen, y) == 0
    with pytest.raises(TypeError, match="takes 3 arguments, the table included, got 2"):
        entry(table, x)


def test_the_table_itself_is_checked() -> None:
    program = load_kernel({"x": "float32"}, "x[i] = x[i]", 4)
    x = np.zeros(4, dtype=np.float32)
    with pytest.raises(TypeError, match="argument 0"):
        program.entry(np.zeros(2, dtype=np.float64), x)
    with pytest.raises(TypeError, match="pointer table alone"):
        program.run(np.zeros(4))  # type: ignore[arg-type]


def test_the_layout_of_arrays_is_known_here() -> None:
    assert python_entry.layout_is_known()


def test_an_entry_outlives_its_program() -> None:
    entry = load_kernel({"x": "int32"}, "x[i] = x[i] + 7", 8).bind_entry(EntrySpec((("int32", 1, True),)))
    gc.collect()
    x = np.zeros(8, dtype=np.int32)
    for _ in range(3):
        assert entry(np.zeros(2, dtype=np.uint64), x) == 0
    np.testing.assert_array_equal(x, 21)


def test_many_arrays_take_one_call() -> None:
    names = {f"x{number}": "int64" for number in range(60)}
    program = load_kernel(names, "x0[i] = " + " + ".join(f"{name}[i]" for name in names), 5)
    arrays = [np.full(5, number, dtype=np.int64) for number in range(60)]
    program.entry(np.zeros(61, dtype=np.uint64), *arrays)
    np.testing.assert_array_equal(arrays[0], sum(range(60)))


def test_modules_with_equal_kernel_names_stay_apart() -> None:
    x = np.zeros(4, dtype=np.int64)
    table = np.zeros(2, dtype=np.uint64)
    programs = [load_kernel({"x": "int64"}, f"x[i] = {value}", 4) for value in (3, 5)]
    for program, value in zip(programs, (3, 5), strict=True):
        program.entry(table, x)
        np.testing.assert_array_equal(x, value)


def test_a_source_without_program_is_refused(cache_folder: object) -> None:
    with pytest.raises(CompileError, match="must have one @program function, it has 0"):
        load_program(source("x = 1"), name="empty")


def test_a_fault_in_a_kernel_names_it(cache_folder: object) -> None:
    text = source(SCALE).replace("x[i] * float32(2.0)", "x[i] * missing")
    with pytest.raises(CompileError, match="scale_0 in <tracegraph program broken> does not compile"):
        load_program(text, name="broken", entry=SPEC)


def test_an_entry_needs_real_slots() -> None:
    with pytest.raises(ArgumentError, match="slot"):
        EntrySpec((("float32", -1, False),))
    assert SPEC.slots_needed == 3


def test_threads_that_load_at_once_get_one_program(cache_folder: object) -> None:
    text = source(SCALE)
    loaded: list[object] = []
    threads = [threading.Thread(target=lambda: loaded.append(load_program(text, entry=SPEC))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 4
    assert len({id(program) for program in loaded}) == 1


def test_a_failure_is_reported_by_status() -> None:
    program = load_program(
        source("""
            @kernel
            def gather_0(lo, hi, table):
                index = buffer(table, 1, 0, int64)
                y = buffer(table, 2, 0, int64)
                bad = False
                for i in range(lo, hi):
                    outside = (index[i] < 0) | (index[i] >= 10)
                    bad = bad | outside
                    y[i] = select(outside, 0, index[i])
                if bad:
                    fail(table, 3, 17)

            @program
            def main(table):
                reset_status(table, 3)
                gather_0(0, 6, table)
                return status(table, 3)
        """),
        entry=EntrySpec((("int64", 1, False), ("int64", 2, True))),
    )
    table, y = np.zeros(4, dtype=np.uint64), np.zeros(6, dtype=np.int64)
    assert program.entry(table, np.array([0, 9, 3, 4, 5, 10]), y) == 17
    assert program.entry(table, np.array([0, 9, 3, 4, 5, 1]), y) == 0
    np.testing.assert_array_equal(y, [0, 9, 3, 4, 5, 1])


def test_equal_kernels_share_a_body_through_subtables() -> None:
    program = load_program(
        source("""
            @kernel
            def update_0(lo, hi, table):
                x = buffer(table, 0, 0, float32)
                for i in range(lo, hi):
                    x[i] = x[i] + float32(1.0)

            @program
            def main(table):
                update_0(0, 3, subtable(table, 1))
                update_0(0, 5, subtable(table, 2))
                return 0
        """),
        entry=EntrySpec((("float32", 1, True), ("float32", 2, True))),
    )
    first, second = np.zeros(5, dtype=np.float32), np.zeros(5, dtype=np.float32)
    program.entry(np.zeros(3, dtype=np.uint64), first, second)
    np.testing.assert_array_equal(first, [1, 1, 1, 0, 0])
    np.testing.assert_array_equal(second, 1)
