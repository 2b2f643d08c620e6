"""Walks through decision trees of native programs: branches, loops, what each walk is given, how it ends."""

import dataclasses
import gc
import sys
import threading
import weakref
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from tests.runtime.conftest import RunPython
from tests.runtime.helpers import source
from tracegraph.runtime import FAILED, UNSEEN, Program, Walker, WalkNode, address_of, load_program
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError

COUNT = """
    @kernel
    def count_0(lo, hi, table):
        x, step = buffer(table, 0, 0, int64), buffer(table, 1, 0, int64)
        small, value = buffer(table, 2, 0, bool_), buffer(table, 3, 0, int64)
        for i in range(lo, hi):
            x[i] = x[i] + step[i]
            small[i] = x[i] < 10
            value[i] = x[i]

    @program
    def main(table):
        count_0(0, 1, table)
        return 0
"""
"""Adds a node's own step to x, and leaves whether x is below 10, and x itself."""

FAIL = """
    @program
    def main(table):
        return 17
"""


class Memory:
    """What one node of `COUNT` works on; slot 0, x, is for a patch."""

    def __init__(self, step: int) -> None:
        self.step = np.array([step])
        self.small, self.value = np.zeros(1, dtype=bool), np.zeros(1, dtype=np.int64)
        self.table = np.array([0, *map(address_of, (self.step, self.small, self.value))], dtype=np.uint64)


@pytest.fixture(scope="module")
def count() -> Program:
    return load_program(source(COUNT), name="count")


@pytest.fixture(params=["native", "fallback"], autouse=True)
def entry_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs with the native entry, and as where arrays are laid out in another way."""
    if request.param == "fallback":
        monkeypatch.setattr("tracegraph.runtime.walker.layout_is_known", lambda: False)


def walk(walker: Walker, *values: int) -> tuple[int, list[int]]:
    """The result of a walk with the given x (and others), and what became of them."""
    arrays = [np.array([value]) for value in values]
    return walker.walk(walker.table, *arrays), [int(array[0]) for array in arrays]


def chain(count: Program, memories: Sequence[Memory]) -> Walker:
    """Goes on while x is small; leaf n where it was not any more after node n."""
    nodes = [
        WalkNode(count, memory.table, {0: -1 - n, 1: n + 1}, memory.small, ((0, 0),), memory)
        for n, memory in enumerate(memories)
    ]
    nodes[-1] = dataclasses.replace(nodes[-1], children={0: -len(nodes)})
    return Walker(nodes, [("int64", True)])


def test_nodes_without_decision_follow_each_other(count: Program) -> None:
    memories = [Memory(step) for step in (1, 20, 300)]
    nodes = [
        WalkNode(count, memory.table, {0: target}, patches=((0, 0),))
        for memory, target in zip(memories, (1, 2, -1 - 7), strict=True)
    ]
    walker = Walker(nodes, [("int64", True)])
    assert walk(walker, 4000) == (7, [4321])
    assert walker.stopped.tolist() == [2, 0]


def test_a_bool_leads_to_its_branch(count: Program) -> None:
    first, low, high = Memory(0), Memory(100), Memory(-100)
    nodes = [
        WalkNode(count, first.table, {True: 1, False: 2}, first.small, ((0, 0),)),
        WalkNode(count, low.table, {0: -1}, patches=((0, 0),)),
        WalkNode(count, high.table, {0: -2}, patches=((0, 0),)),
    ]
    walker = Walker(nodes, [("int64", True)])
    assert walk(walker, 9) == (0, [109])
    assert walk(walker, 10) == (1, [-90])
    assert walk(walker, 9) == (0, [109])


@pytest.mark.parametrize("size", [1, 2, 3, 16, 17, 100])
def test_an_integer_leads_to_its_child(count: Program, size: int) -> None:
    memory = Memory(0)
    outcomes = [3 * k - 7 for k in range(size)]
    children = {outcome: -1 - k for k, outcome in reversed(list(enumerate(outcomes)))}
    walker = Walker([WalkNode(count, memory.table, children, memory.value, ((0, 0),))], [("int64", True)])
    for value in (*range(-10, outcomes[-1] + 4), -(2**63), 2**63 - 1):
        assert walk(walker, value)[0] == (outcomes.index(value) if value in outcomes else UNSEEN)
        assert walker.stopped.tolist() == [0, value]


def test_an_unsigned_byte_is_not_negative(count: Program) -> None:
    memory, decision = Memory(0), np.array([200], dtype=np.uint8)
    walker = Walker([WalkNode(count, memory.table, {-56: -1, 200: -2}, decision, ((0, 0),))], [("int64", True)])
    assert walk(walker, 0)[0] == 1


def test_a_loop_of_a_thousand_rounds_shares_one_program(count: Program) -> None:
    memories = [Memory(1) for _ in range(1000)]
    walker = chain(count, memories)
    assert walk(walker, 9) == (0, [10])
    assert walk(walker, -20) == (29, [10])
    assert walk(walker, -989) == (998, [10])
    assert walk(walker, -990) == (999, [10])
    assert [int(memory.value[0]) for memory in memories] == list(range(-989, 11))


def test_an_unseen_outcome_is_told(count: Program) -> None:
    walker = chain(count, [Memory(1) for _ in range(3)])
    assert walk(walker, 0) == (UNSEEN, [3])
    assert walker.stopped.tolist() == [2, 1]
    assert walk(walker, 8) == (1, [10])
    assert walker.stopped.tolist() == [1, 0]


def test_a_node_may_have_no_child_yet(count: Program) -> None:
    memory = Memory(2)
    childless = WalkNode(count, memory.table, decision=memory.value, patches=((0, 0),))
    walker = Walker([childless, childless], [("int64", True)])
    assert walk(walker, -1) == (UNSEEN, [1])  # 1 is also what follows in the tree: the next node's number
    assert walker.stopped.tolist() == [0, 1]


def test_a_failing_program_ends_the_walk(count: Program) -> None:
    before, after = Memory(1), Memory(100)
    failing = load_program(source(FAIL), name="failing")
    nodes = [
        WalkNode(count, before.table, {0: 1}, patches=((0, 0),)),
        WalkNode(failing, np.zeros(1, dtype=np.uint64), {0: 2, 17: 2}),
        WalkNode(count, after.table, {0: -1}, patches=((0, 0),)),
    ]
    walker = Walker(nodes, [("int64", True)])
    assert walk(walker, 0) == (FAILED, [1])
    assert walker.stopped.tolist() == [1, 17]


def test_each_walk_works_on_the_arrays_it_is_given(count: Program) -> None:
    first, second = Memory(0), Memory(0)
    nodes = [
        WalkNode(count, first.table, {0: 1}, patches=((1, 1), (0, 0))),
        WalkNode(count, second.table, {0: -1}, patches=((0, 0), (1, 2))),
    ]
    walker = Walker(nodes, [("int64", True), ("int64", False), ("int64", False)])
    assert walk(walker, 1, 20, 300) == (0, [321, 20, 300])
    assert walk(walker, 5, 60, 700) == (0, [765, 60, 700])


def test_unfit_arrays_are_refused(count: Program) -> None:
    walker = chain(count, [Memory(1)])
    frozen = np.array([9])
    frozen.flags.writeable = False
    unfit: list[object] = [np.array([9.0]), np.array([9], dtype=np.int32), frozen, np.zeros(8, dtype=np.int64)[::2], 9]
    for argument in unfit:
        with pytest.raises(TypeError, match=r"argument 1 of a program does not fit.*int64 \(written\)"):
            walker.walk(walker.table, argument)
    with pytest.raises(TypeError, match="takes 2 arguments, the table included, got 1"):
        walker.walk(walker.table)
    assert walk(walker, 9) == (0, [10])


def test_a_walk_keeps_what_it_needs_alive(count: Program) -> None:
    walker = chain(count, [Memory(1) for _ in range(50)])
    node, memory = weakref.ref(walker.nodes[0]), weakref.ref(walker.nodes[0].memory)
    function, table = walker.walk, walker.table
    del walker
    gc.collect()
    assert node() is not None
    assert memory() is not None
    x = np.array([0])
    assert function(table, x) == 9
    assert x[0] == 10
    del function
    gc.collect()
    assert node() is None
    assert memory() is None


def test_walks_of_one_tree_do_not_add_references(count: Program) -> None:
    walker, x = chain(count, [Memory(1) for _ in range(3)]), np.array([0])
    before = sys.getrefcount(x), sys.getrefcount(walker.table)
    for _ in range(1000):
        walker.walk(walker.table, x)
    assert (sys.getrefcount(x), sys.getrefcount(walker.table)) == before


@pytest.mark.parametrize("release_gil", [False, True])
def test_threads_walk_at_once(count: Program, release_gil: bool) -> None:
    results: list[set[tuple[int, int]]] = []

    def work(start: int) -> None:
        nodes = chain(count, [Memory(1) for _ in range(100)]).nodes
        walker = Walker(nodes, [("int64", True)], release_gil=release_gil)
        seen = set()
        for _ in range(2000):
            x = np.array([start])
            seen.add((walker.walk(walker.table, x), int(x[0])))
        results.append(seen)

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, -50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(sorted, results)) == [[(9, 10)], [(59, 10)]]


def test_trees_that_cannot_run_are_refused(count: Program) -> None:
    memory = Memory(0)

    def node(target: int, patches: tuple[tuple[int, int], ...] = ()) -> WalkNode:
        return WalkNode(count, memory.table, {0: target}, patches=patches)

    with pytest.raises(ArgumentError, match="at least one node"):
        Walker([])
    for target in (0, 2):
        with pytest.raises(ArgumentError, match=f"node 0 leads to node {target}"):
            Walker([node(target), node(-1)])
    with pytest.raises(ArgumentError, match="node 0 takes array 1 of 1"):
        Walker([node(-1, ((0, 1),))], [("int64", True)])
    with pytest.raises(ArgumentError, match="slot 4 is patched in a table of 4 slots"):
        node(-1, ((4, 0),))


@pytest.mark.parametrize(
    "decision", [np.zeros(1, dtype=np.float32), np.zeros(1, dtype=np.int32), np.zeros(2, dtype=bool), np.zeros(0)]
)
def test_a_decision_is_one_element_of_a_known_kind(count: Program, decision: npt.NDArray[np.generic]) -> None:
    with pytest.raises(ArgumentTypeError, match="one element of dtype bool, uint8 or int64"):
        WalkNode(count, Memory(0).table, {}, decision)


@pytest.mark.parametrize("table", [np.zeros(4), np.zeros((2, 2), dtype=np.uint64), np.zeros(8, dtype=np.uint64)[::2]])
def test_a_table_is_a_row_of_addresses(count: Program, table: npt.NDArray[np.uint64]) -> None:
    with pytest.raises(ArgumentTypeError, match="uint64"):
        WalkNode(count, table)


def test_the_walker_comes_from_the_cache_on_disk(run_python: RunPython, tmp_path: object) -> None:
    code = f"""
import sys
import numpy as np
from tracegraph.runtime import Walker, WalkNode, load_program
program = load_program({source(FAIL)!r})
walker = Walker([WalkNode(program, np.zeros(1, dtype=np.uint64), {{}})])
print(walker.walk(walker.table), "numba" in sys.modules, end="")
"""
    assert run_python(code, TRACEGRAPH_CACHE_DIR=str(tmp_path)) == f"{FAILED} True"
    forbidden = "from tracegraph.runtime.native import machine\nmachine.parse_ir = None\n" + code
    assert run_python(forbidden, TRACEGRAPH_CACHE_DIR=str(tmp_path)) == f"{FAILED} False"
