"""Walks through decision trees: no two values that are still needed lie in the same memory."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.lowering.compare import placeholder
from tracegraph.compiler.ir import Node
from tracegraph.trace.tree import Branch, Leaf
from tracegraph.trace.walk import Placement, place

SIZES = (0, 1, 3, 15, 16, 17, 40, 100)
"""Numbers of float32 values: below, at and above the alignment, and none."""
ALIGNMENT = 64


def value(size: int) -> Node:
    return placeholder(0, (size,))


@st.composite
def trees(draw: st.DrawFn, above: tuple[Node, ...] = (), depth: int = 0) -> Branch | Leaf:
    """Random trees whose leaves and branches read any values from above."""
    read = draw(st.lists(st.sampled_from(above), unique=True, max_size=3)) if above else []
    if depth and (depth > 4 or draw(st.booleans())):
        return Leaf(frame=read)
    branch = Branch(value(1), "bool", None)
    made = tuple(value(size) for size in draw(st.lists(st.sampled_from(SIZES), max_size=3)))
    below = (*above, *made, branch.decision)
    for outcome in range(draw(st.integers(1, 3))):
        branch.children[outcome] = draw(trees(below, depth + 1))
    wanted = frozenset().union(*(child.live for child in branch.children.values()))
    branch.outputs = tuple(node for node in (*made, branch.decision) if node in wanted)
    branch.live = (wanted | frozenset(read)) - {*made, branch.decision}
    return branch


def check(position: Branch | Leaf, placement: Placement, memory: dict[int, Node]) -> None:
    """Follow all paths; `memory` tells which value lies in each block."""
    needed: set[int] = set()
    for node in position.live:
        mine = blocks(placement.read[id(position)][node], node)
        assert {memory.get(block) for block in mine} == {node}, "it was written over, or lies elsewhere"
        needed |= mine
    if isinstance(position, Leaf):
        return
    after = dict(memory)
    for node, offset in zip((position.decision, *position.outputs), placement.left[id(position)], strict=True):
        mine = blocks(offset, node)
        assert needed.isdisjoint(mine), "it would be written over what is needed here or below"
        assert (max(mine) + 1) * ALIGNMENT <= placement.nbytes
        needed |= mine
        after |= dict.fromkeys(mine, node)
    for child in position.children.values():
        check(child, placement, after)


def blocks(offset: int, node: Node) -> set[int]:
    assert offset % ALIGNMENT == 0
    return set(range(offset // ALIGNMENT, (offset + max(node.spec.nbytes, 1) - 1) // ALIGNMENT + 1))


@given(trees())
def test_no_two_live_values_overlap(root: Branch | Leaf) -> None:
    assert isinstance(root, Branch)
    placement = place(root)
    check(root, placement, {})
    assert len(placement.branches) + len(placement.leaves) == len(placement.read)


def chain(sizes: Sequence[int]) -> Branch:
    """A branch after the other, each reading only what the one before left."""
    leaf = Leaf(frame=[value(sizes[-1])])
    below: Branch | Leaf = leaf
    wanted = leaf.frame[0]
    for size in reversed(sizes[:-1]):
        branch = Branch(value(1), "bool", None, children={1: below}, outputs=(wanted,))
        wanted = value(size)
        branch.live = frozenset([wanted])
        below = branch
    return Branch(value(1), "bool", None, children={1: below}, outputs=(wanted,))


def test_memory_is_used_again() -> None:
    short, long = place(chain([16] * 4)), place(chain([16] * 40))
    assert short.nbytes == long.nbytes <= 4 * ALIGNMENT


def test_deep_trees_are_placed_without_recursion() -> None:
    assert len(place(chain([4] * 3000)).branches) == 3000


def test_ways_may_use_the_same_memory() -> None:
    big = [value(1000) for _ in range(6)]
    inner = {n: Branch(value(1), "bool", None, children={0: Leaf(frame=[big[n]])}, outputs=(big[n],)) for n in range(6)}
    root = Branch(value(1), "int", None, children=dict(inner))
    assert place(root).nbytes < 2 * big[0].spec.nbytes
