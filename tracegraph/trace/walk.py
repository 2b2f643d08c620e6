"""Memory and native code for going through a decision tree: each call takes a `WalkSpace` and walks from the root to a
leaf, with no Python in between where all code is native.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracegraph.compiler.ir import Node
from tracegraph.runtime import FAILED, UNSEEN, Walker, WalkNode, address_of, aligned_empty
from tracegraph.trace.tree import Branch, Leaf

_ALIGNMENT = 64


@dataclass(eq=False)
class Placement:
    """Where the values between branches lie: bytes from the start of the frame, for each branch and leaf."""

    branches: list[Branch] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    read: dict[int, dict[Node, int]] = field(default_factory=dict)
    """By id of the branch or leaf: the values from above."""
    left: dict[int, list[int]] = field(default_factory=dict)
    """By id of the branch: its decision and its outputs."""
    nbytes: int = 0


def place(root: Branch) -> Placement:
    """Give every value a place in the frame that no value still needed has on any path."""
    placement = Placement()
    waiting: list[tuple[Branch | Leaf, Mapping[Node, int]]] = [(root, {})]
    while waiting:
        position, above = waiting.pop()
        held = {node: above[node] for node in position.live}
        placement.read[id(position)] = held
        if isinstance(position, Leaf):
            placement.leaves.append(position)
            continue
        placement.branches.append(position)
        taken = sorted((offset, offset + _size(node)) for node, offset in held.items())
        left = placement.left[id(position)] = []
        for node in (position.decision, *position.outputs):
            offset = _gap(taken, _size(node))
            taken = sorted([*taken, (offset, offset + _size(node))])
            left.append(offset)
            placement.nbytes = max(placement.nbytes, offset + _size(node))
        below = held | dict(zip((position.decision, *position.outputs), left, strict=True))
        waiting.extend((child, below) for child in position.children.values())
    return placement


def _size(node: Node) -> int:
    return max(1, -(-node.spec.nbytes // _ALIGNMENT)) * _ALIGNMENT


def _gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    """The first offset at which so many bytes are free."""
    offset = 0
    for start, stop in taken:
        if start - offset >= size:
            break
        offset = max(offset, stop)
    return offset


class WalkSpace:
    """The memory of one walk at a time through a tree, and the walker over it.

    Args:
        placement: where values lie.
        positions: the number of each input among the arrays given to a walk.
    """

    def __init__(self, placement: Placement, positions: Mapping[Node, int]) -> None:
        self._placement, self._positions = placement, positions
        self._frame = aligned_empty(placement.nbytes)
        codes = [branch.executable for branch in placement.branches if branch.executable is not None]
        self._arena = aligned_empty(max(code.lowered.memory.arena_bytes for code in codes))
        numbers = {id(branch): number for number, branch in enumerate(placement.branches)}
        numbers |= {id(leaf): -1 - number for number, leaf in enumerate(placement.leaves)}
        self.frames = [
            tuple([self.read(leaf, node) for node in leaf.frame]) for leaf in placement.leaves
        ]  # fmt: skip
        if all(code.single for code in codes):
            nodes = [self._node(branch, numbers) for branch in placement.branches]
            arrays = tuple((node.dtype.name, False) for node in positions)
            self._walker: Any = Walker(nodes, arrays)
        else:
            self._walker = _HostWalker(self, placement.branches, positions, numbers)
        self.walk, self.table = self._walker.walk, self._walker.table

    def read(self, position: Branch | Leaf, node: Node) -> np.ndarray:
        """The array of a value from above, where a branch or leaf finds it."""
        return self._view(self._placement.read[id(position)][node], node)

    def left(self, branch: Branch) -> list[np.ndarray]:
        """The arrays that a branch fills: its decision, then its outputs."""
        nodes = (branch.decision, *branch.outputs)
        return [self._view(o, node) for o, node in zip(self._placement.left[id(branch)], nodes, strict=True)]

    def _view(self, offset: int, node: Node) -> np.ndarray:
        array: np.ndarray = self._frame[offset : offset + node.spec.nbytes].view(node.dtype)
        return array.reshape(node.shape)

    def _node(self, branch: Branch, numbers: Mapping[int, int]) -> WalkNode:
        code = branch.executable
        assert code is not None
        table = np.zeros(code.layout.slots, np.uint64)
        table[0] = address_of(self._arena)
        for slot, array in code.constant_arrays.items():
            table[slot] = address_of(array)
        patches = []
        for slot, node in zip(code.layout.input_slots, branch.inputs, strict=True):
            if node.is_input:
                patches.append((slot, self._positions[node]))
            else:
                table[slot] = address_of(self.read(branch, node))
        left = self.left(branch)
        for slot, array in zip(code.layout.output_slots, left, strict=True):
            table[slot] = address_of(array)
        decision = left[0].reshape(1)
        children = {outcome: numbers[id(child)] for outcome, child in branch.children.items()}
        memory = (self._frame, self._arena, code)
        return WalkNode(code.segments[0].program, table, children, decision, tuple(patches), memory)


class _HostWalker:
    """Goes through a tree some of whose operations NumPy computes."""

    def __init__(
        self, space: WalkSpace, branches: Sequence[Branch], positions: Mapping[Node, int], numbers: Mapping[int, int]
    ) -> None:
        self.table = np.zeros(1, np.uint64)
        self._steps = []
        for branch in branches:
            reads = [positions[node] if node.is_input else space.read(branch, node) for node in branch.inputs]
            left = space.left(branch)
            children = {outcome: numbers[id(child)] for outcome, child in branch.children.items()}
            self._steps.append((branch.executable, reads, left, children))

    def walk(self, _table: np.ndarray, *arrays: np.ndarray) -> int:
        """The number of the leaf come to, UNSEEN or FAILED."""
        number = 0
        while number >= 0:
            executable, reads, left, children = self._steps[number]
            assert executable is not None
            given = [arrays[array] if isinstance(array, int) else array for array in reads]
            try:
                failed = executable.run_into(given, left)
            except (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError):
                return FAILED
            if failed:
                return FAILED
            target = children.get(int(left[0]))
            if target is None:
                return UNSEEN
            number = target
        return -1 - number
