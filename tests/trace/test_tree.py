"""Decision trees as data: entering paths, what code between decisions reads, and cutting it out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.lowering.compare import placeholder
from tracegraph.compiler.ir import Node, constant, make
from tracegraph.compiler.ops.arithmetic import ADD, MULTIPLY
from tracegraph.compiler.ops.base import OPERATIONS
from tracegraph.compiler.ops.movement import Reshape
from tracegraph.trace import tree
from tracegraph.trace.recorded import Decision
from tracegraph.trace.tree import (
    Branch,
    Compiler,
    Leaf,
    Path,
    TooManyOutcomesError,
    attach,
    available,
    cut,
    reads,
)

X = placeholder(0, (3,), label="x")
Y = placeholder(1, (3,), label="y")


def above_zero(node: Node) -> Node:
    """A decision: is the sum positive?"""
    total = make(OPERATIONS["sum"]((0,)), node)  # type: ignore[call-arg]
    return make(OPERATIONS["greater"](), total, constant(np.float32(0)))


SUM = make(ADD, X, Y)
PRODUCT = make(MULTIPLY, X, Y)
OF_SUM, OF_PRODUCT, OF_X = above_zero(SUM), above_zero(PRODUCT), above_zero(X)


def path(*steps: tuple[Node, int], births: dict[Node, int] | None = None) -> Path:
    """A path of decisions and their outcomes."""
    return Path(tuple([Decision(node, outcome, "bool", None) for node, outcome in steps]), births or {})


def entered(*paths: Path) -> tuple[Branch, list[Leaf]]:
    """A tree of paths, and their leaves."""
    root, leaves = None, []
    for each in paths:
        found = attach(root, each)
        assert found is not None
        root, leaf, _ = found
        leaves.append(leaf)
    assert root is not None
    return root, leaves


def test_a_path_makes_a_branch_for_each_decision() -> None:
    found = attach(None, path((OF_SUM, 1), (OF_X, 0)))
    assert found is not None
    root, leaf, above = found
    assert [branch.decision for branch in above] == [OF_SUM, OF_X]
    assert root is above[0]
    assert root.children == {1: above[1]}
    assert above[1].children == {0: leaf}


def test_paths_share_what_they_have_in_common() -> None:
    root, leaves = entered(path((OF_SUM, 1), (OF_X, 0)), path((OF_SUM, 1), (OF_X, 1)), path((OF_SUM, 0)))
    assert len(set(map(id, leaves))) == 3
    below: Any = root.children[1]
    assert below.children == {0: leaves[0], 1: leaves[1]}
    assert root.children[0] is leaves[2]
    again = attach(root, path((OF_SUM, 1), (OF_X, 1)))
    assert again is not None
    assert again[:2] == (root, leaves[1])


@pytest.mark.parametrize(
    "other",
    [
        path((OF_X, 1)),
        path((OF_SUM, 1), (OF_PRODUCT, 0)),
        path((OF_SUM, 1)),
        path((OF_SUM, 1), (OF_X, 0), (OF_PRODUCT, 0)),
        path(),
    ],
    ids=["another decision first", "another one later", "it ends earlier", "it goes on", "no decisions"],
)
def test_paths_that_have_no_place(other: Path) -> None:
    root, _ = entered(path((OF_SUM, 1), (OF_X, 0)))
    assert attach(root, other) is None


def test_no_path_without_decisions() -> None:
    assert attach(None, path()) is None


def test_the_number_of_outcomes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_OUTCOMES", 3)
    root, _ = entered(*[path((OF_SUM, outcome)) for outcome in range(3)])
    with pytest.raises(TooManyOutcomesError):
        attach(root, path((OF_SUM, 3)))
    with pytest.raises(TooManyOutcomesError):
        attach(root, path((OF_SUM, 4), (OF_X, 0)))
    assert len(root.children) == 3
    assert attach(root, path((OF_SUM, 2))) is not None


def test_what_was_computed_belongs_to_the_branch_before_it() -> None:
    births = {SUM: 0, OF_SUM: 0, PRODUCT: 1, OF_PRODUCT: 1}
    found = attach(None, path((OF_SUM, 1), (OF_PRODUCT, 1), births=births))
    assert found is not None
    first, second = found[2]
    assert list(first.born) == [SUM, OF_SUM]
    assert list(second.born) == [PRODUCT, OF_PRODUCT]
    assert list(available(found[2])) == [SUM, OF_SUM, PRODUCT, OF_PRODUCT]


def test_views_inputs_and_constants_are_made_again() -> None:
    view, number = make(Reshape((3, 1)), SUM), constant(np.float32(2))
    branch = Branch(OF_SUM, "bool", None, dict.fromkeys([X, SUM, view, number, OF_SUM]))
    assert list(available([branch])) == [SUM, OF_SUM]


def test_reads_are_inputs_and_held_values_in_the_order_of_use() -> None:
    root = make(ADD, make(MULTIPLY, SUM, Y), X)
    assert list(reads([root], {})) == [X, Y]
    assert list(reads([root], {SUM: None})) == [SUM, Y, X]
    assert list(reads([root, PRODUCT], {SUM: None, PRODUCT: None, root: None})) == [root, PRODUCT]
    assert list(reads([constant(np.float32(1))], {})) == []


def evaluated(node: Node, values: dict[Node, np.ndarray]) -> np.ndarray:
    """The value of a node of a graph."""
    if node not in values:
        values[node] = node.operation.evaluate(np, *[evaluated(operand, values) for operand in node.operands])
    return values[node]


def test_cutting_gives_a_graph_of_its_own() -> None:
    root = make(ADD, make(MULTIPLY, SUM, Y), PRODUCT)
    graph, new = cut("f", [root, SUM], [SUM, Y, X])
    assert graph.inputs == (new[SUM], new[Y], new[X])
    assert [node.operation.label for node in graph.inputs] == ["", "y", "x"]  # type: ignore[attr-defined]
    assert graph.outputs == (new[root], new[SUM])
    a, b, c = (np.arange(3, dtype=np.float32) * k for k in (5, 2, 1))
    found = evaluated(new[root], {new[SUM]: a, new[Y]: b, new[X]: c})
    np.testing.assert_array_equal(found, a * b + c * b)
    assert SUM not in graph.nodes


def test_cutting_is_not_recursive() -> None:
    node = X
    for _ in range(5000):
        node = make(ADD, node, Y)
    assert list(reads([node], {})) == [X, Y]
    graph, _ = cut("f", [node], [X, Y])
    assert len(graph.nodes) > 5000


def born(nodes: Sequence[Node]) -> dict[Node, int]:
    return dict.fromkeys(nodes, 0)


def test_code_leaves_what_is_read_below() -> None:
    root, (leaf, _) = entered(
        path((OF_SUM, 1), births=born([SUM, PRODUCT, OF_SUM])), path((OF_SUM, 0), births=born([SUM, PRODUCT, OF_SUM]))
    )
    compiler = Compiler("f")
    compiler.refresh(root)
    assert not root.outputs
    first = root.executable
    compiler.refresh(root)
    assert root.executable is first
    leaf.frame.append(PRODUCT)
    compiler.refresh(root)
    assert root.outputs == (PRODUCT,)
    assert root.inputs == (X, Y)
    assert root.live == frozenset()
    assert len(compiler.executables) == 2


def test_values_pass_through_branches_that_do_not_read_them() -> None:
    births = {SUM: 0, OF_SUM: 0, OF_X: 1}
    root, (leaf,) = entered(path((OF_SUM, 1), (OF_X, 0), births=births))
    leaf.frame.append(SUM)
    Compiler("f").refresh(root)
    below: Any = root.children[1]
    assert root.outputs == (SUM,)
    assert below.outputs == ()
    assert below.inputs == (X,)
    assert below.live == {SUM}


def test_equal_code_is_compiled_once() -> None:
    half = constant(np.float32(0.5))
    steps, value = [], X
    births: dict[Node, int] = {}
    for number in range(6):
        value = make(MULTIPLY, value, half)
        decision = above_zero(value)
        births |= {value: number, decision: number}
        steps.append((decision, 1))
    root, (leaf,) = entered(path(*steps, births=births))
    leaf.frame.append(value)
    compiler = Compiler("f")
    compiler.refresh(root)
    assert len(compiler.executables) == 1, "all but the numbers of the inputs is the same in each round"
    branches = 0
    position: Any = root
    while isinstance(position, Branch):
        assert position.executable is compiler.executables[0]
        branches, position = branches + 1, position.children[1]
    assert branches == 6
