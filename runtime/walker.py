"""Runs a decision tree of native programs in one native call: `Walker(nodes).walk(table)` gives the leaf it came to.

After each program the walker reads the outcome that the program left and goes on to the child of that outcome, so a
data-dependent loop of thirty iterations is one call from Python.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tracegraph.runtime.buffers import address_of
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.runtime.native.machine import NativeLibrary, load_object
from tracegraph.runtime.native.python_entry import (
    EntrySpec,
    entry_declarations,
    entry_ir,
    layout_is_known,
    python_fallback,
    python_function,
)
from tracegraph.runtime.native.support import cached_code, python_symbols
from tracegraph.runtime.native.walker_ir import (
    FAILED,
    FIRST_RECORD,
    NO_DECISION,
    RECORD_WORDS,
    STOPPED_NODE,
    STOPPED_VALUE,
    UNSEEN,
    walker_ir,
)
from tracegraph.runtime.program import Program

__all__ = ["FAILED", "UNSEEN", "WalkNode", "Walker"]

_WALK, _ENTRY = "tracegraph_walk", "tracegraph_walk_entry"
_DECISIONS = (np.dtype(bool), np.dtype(np.uint8), np.dtype(np.int64))
_MOST_ENTRIES = 1024
_WORD = 8


@dataclass(frozen=True, eq=False)
class WalkNode:
    """One program of a decision tree, with the memory it works on.

    Args:
        program: what runs, as `program.run(table)` would run it.
        table: its pointer table, uint64; no other node that may be running at the same time has it.
        children: where each outcome leads: to the node of that number, a later one, or with -1-k to leaf k.
        decision: one element of dtype bool, uint8 or int64 where the program leaves its outcome; without it the
            outcome is 0.
        patches: which slots of the table take, on each walk, the addresses of which of the arrays given to the walk.
        memory: what else the table points to, kept alive with the node.

    Raises:
        ArgumentTypeError: the table or the decision is not such an array.
        ArgumentError: a patch is outside of the table.

    See `Walker` for an example.
    """

    program: Program
    table: npt.NDArray[np.uint64]
    children: Mapping[int, int] = field(default_factory=dict)
    decision: npt.NDArray[np.generic] | None = None
    patches: tuple[tuple[int, int], ...] = ()
    memory: object = None

    def __post_init__(self) -> None:
        table, decision = self.table, self.decision
        if table.dtype != np.uint64 or table.ndim != 1 or not table.flags.carray:
            raise ArgumentTypeError("the table of a node is a contiguous, writable array of dtype uint64")
        if decision is not None and (
            decision.dtype not in _DECISIONS or decision.size != 1 or not decision.flags.aligned
        ):
            raise ArgumentTypeError(
                "the decision of a node is one element of dtype bool, uint8 or int64, "
                f"got {decision.size} of dtype {decision.dtype}"
            )
        for slot, _ in self.patches:
            if not 0 <= slot < table.size:
                raise ArgumentError(f"slot {slot} is patched in a table of {table.size} slots")


class Walker:
    """A decision tree of native programs: `walker.walk(walker.table, array, ...)` runs it from node 0 on.

    A walk returns the number of the leaf it came to, `UNSEEN` where a node has no child for its outcome, or `FAILED`
    where the status of a program was not 0. `stopped` then tells the node it ended at, and the outcome or status there.
    The nodes' tables belong to the walk while it runs: concurrent calls need walkers of their own.

    Args:
        nodes: the nodes by number, node 0 the root. One program may occur in many nodes.
        arrays: what is given to each walk, each (dtype name, written): C-contiguous NumPy arrays.
        release_gil: let other Python threads run during the walk.

    Raises:
        ArgumentError: there is no node, or a child or a patch refers to what is not there.

    >>> from tracegraph.runtime import EntrySpec, load_program
    >>> program = load_program('''from tracegraph.runtime.backends.numba_cpu.dialect import *
    ... @kernel
    ... def double_0(lo, hi, table):
    ...     x, small = buffer(table, 0, 0, int64), buffer(table, 1, 0, bool_)
    ...     for i in range(lo, hi):
    ...         x[i] = x[i] * 2
    ...         small[i] = x[i] < 100
    ... @program
    ... def main(table):
    ...     double_0(0, 1, table)
    ...     return 0
    ... ''')
    >>> small = np.zeros(1, dtype=bool)
    >>> table = np.array([0, address_of(small)], dtype=np.uint64)
    >>> nodes = [WalkNode(program, table, {1: n + 1, 0: -1 - n}, small, patches=((0, 0),)) for n in range(9)]
    >>> walker = Walker([*nodes, WalkNode(program, table, {0: -1 - 9}, small, patches=((0, 0),))], [("int64", True)])
    >>> x = np.array([3])
    >>> walker.walk(walker.table, x), x  # six times: leaf 5
    (5, array([192]))
    >>> walker.walk(walker.table, np.array([0]))  # ten times, and still small
    -1
    >>> walker.stopped.tolist()  # at node 9, with outcome 1
    [9, 1]
    """

    table: npt.NDArray[np.uint64]
    """The pointer table of a walk."""
    stopped: npt.NDArray[np.int64]
    """Node and outcome, or status, at which the last walk ended."""
    walk: Callable[..., int]
    """Walks the tree; it keeps the nodes alive."""

    def __init__(
        self, nodes: Sequence[WalkNode], arrays: Sequence[tuple[str, bool]] = (), *, release_gil: bool = False
    ) -> None:
        self.nodes = tuple(nodes)
        if not self.nodes:
            raise ArgumentError("a decision tree has at least one node")
        tree = _encode(self.nodes, len(arrays))
        spec = EntrySpec(
            tuple((dtype, slot, written) for slot, (dtype, written) in enumerate(arrays, 1)), release_gil=release_gil
        )
        self.table = np.zeros(len(arrays) + 1, dtype=np.uint64)
        self.table[0] = address_of(tree)
        self.stopped = tree[STOPPED_NODE : STOPPED_VALUE + 1]
        self.walk = _bind(spec, (self.nodes, tree))


@functools.cache
def _walking() -> NativeLibrary:
    return load_object(cached_code(walker_ir(_WALK), level=2), [_WALK], {})


@functools.lru_cache(_MOST_ENTRIES)
def _entry(spec: EntrySpec) -> NativeLibrary:
    text = entry_ir(spec, symbol=_ENTRY, main_symbol=_WALK) + entry_declarations(_WALK)
    return load_object(cached_code(text, level=1), [_ENTRY], {**python_symbols(), _WALK: _walking()[_WALK]})


def _bind(spec: EntrySpec, kept: object) -> Callable[..., int]:
    if not layout_is_known():
        return python_fallback(spec, _walking()[_WALK], code=(_walking(), kept))
    library = _entry(spec)
    return python_function(library[_ENTRY], name="walk", code=(_walking(), library, kept))


def _encode(nodes: Sequence[WalkNode], array_count: int) -> npt.NDArray[np.int64]:
    """The tree as `walker_ir` describes it."""
    positions, end = [], FIRST_RECORD
    for node in nodes:
        positions.append(end)
        end += RECORD_WORDS + 2 * (len(node.patches) + len(node.children))
    tree = np.zeros(end, dtype=np.int64)
    no_decision = address_of(tree) + NO_DECISION * _WORD
    words: list[int] = []
    for number, node in enumerate(nodes):
        decision = node.decision
        words += [
            number,
            node.program.main,
            address_of(node.table),
            no_decision if decision is None else address_of(decision),
            decision is None or decision.dtype == np.int64,
            len(node.patches),
            len(node.children),
        ]
        for slot, position in node.patches:
            if not 0 <= position < array_count:
                raise ArgumentError(f"node {number} takes array {position} of {array_count} given to the walk")
            words += [slot, position + 1]
        outcomes = sorted(node.children)
        words += outcomes
        words += [_target(number, node.children[outcome], positions) for outcome in outcomes]
    tree[FIRST_RECORD:] = np.array(words, dtype=np.int64)
    return tree


def _target(number: int, target: int, positions: Sequence[int]) -> int:
    """The word for a child; that children come later makes every walk end."""
    if target < 0:
        return target
    if not number < target < len(positions):
        raise ArgumentError(f"node {number} leads to node {target}, not to one of {number + 1} to {len(positions) - 1}")
    return positions[target]
