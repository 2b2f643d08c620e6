"""Updates: inputs that take a new value at the end, while the graph reads their old one;
nothing is written when it fails.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.lowering.compare import check, placeholder
from tracegraph.compiler.executable import Executable
from tracegraph.compiler.ir import Graph, Node, constant, make
from tracegraph.compiler.ops.arithmetic import ADD, MULTIPLY, NEGATIVE, SUBTRACT
from tracegraph.compiler.ops.base import OPERATIONS
from tracegraph.compiler.ops.contraction import MATMUL
from tracegraph.compiler.ops.movement import Expand, Permute, Reshape
from tracegraph.compiler.ops.spec import Spec

Made = tuple[tuple[Node, ...], tuple[Node, ...], tuple[tuple[Node, Node], ...]]
a, b, c = (placeholder(n, (4, 4), label=name) for n, name in enumerate("abc"))


def op(name: str, *attributes: Any) -> Any:
    """An operation by name."""
    return OPERATIONS[name](*attributes)


def swap() -> Made:
    return (a, b), (), ((a, b), (b, a))


def rotate() -> Made:
    return (a, b, c), (a, c), ((a, b), (b, c), (c, a))


def swap_through_computation() -> Made:
    return (a, b), (make(SUBTRACT, a, b),), ((a, make(NEGATIVE, b)), (b, make(NEGATIVE, a)))


def sum_and_difference() -> Made:
    return (a, b), (), ((a, make(ADD, a, b)), (b, make(SUBTRACT, a, b)))


def one_value_twice() -> Made:
    value = make(MULTIPLY, a, b)
    return (a, b), (value, value), ((a, value), (b, value))


def transposed_onto_itself() -> Made:
    return (a, b), (), ((a, make(Permute((1, 0)), a)), (b, make(ADD, b, make(Permute((1, 0)), b))))


def reads_the_other_transposed() -> Made:
    return (a, b), (make(MULTIPLY, a, a),), ((a, make(ADD, a, b)), (b, make(ADD, b, make(Permute((1, 0)), a))))


def reshaped_value() -> Made:
    flat = make(NEGATIVE, make(Reshape((16,)), a))
    return (a,), (flat, make(Reshape((2, 8)), flat)), ((a, make(Reshape((4, 4)), flat)),)


def row_sums_taken_away() -> Made:
    total = make(op("sum", (1,)), a)
    return (a,), (total,), ((a, make(SUBTRACT, a, make(Reshape((4, 1)), total))),)


def column_sums_taken_away() -> Made:
    total = make(op("sum", (0,)), a)
    return (a,), (total,), ((a, make(SUBTRACT, a, total)),)


def softmax_in_place() -> Made:
    top = make(Reshape((4, 1)), make(op("amax", (1,)), a))
    raised = make(op("exp"), make(SUBTRACT, a, top))
    total = make(Reshape((4, 1)), make(op("sum", (1,)), raised))
    return (a,), (), ((a, make(op("divide"), raised, total)),)


def diagonal_replaced_while_the_rest_is_read() -> Made:
    diagonal = placeholder(1, (4,), label="d")
    changed = make(op("diagonal_scatter", 0, 0, 1), a, diagonal)
    return (a, diagonal), (make(ADD, changed, make(ADD, a, a)),), ((a, changed),)


def product_into_its_operand() -> Made:
    value = make(MATMUL, a, b)
    return (a, b), (make(ADD, value, a),), ((a, value), (b, make(MATMUL, b, value)))


def column_total_into_a_vector() -> Made:
    v = placeholder(1, (4,), label="v")
    total = make(op("sum", (0,)), make(MULTIPLY, a, v))
    return (a, v), (make(ADD, a, v),), ((v, total),)


def vector_broadcast_and_updated() -> Made:
    v = placeholder(1, (4,), label="v")
    wide = make(ADD, a, make(Expand((4, 4)), v))
    return (a, v), (make(op("sum", (0, 1)), wide),), ((v, make(NEGATIVE, v)), (a, wide))


def constants_and_outputs() -> Made:
    one = constant(np.ones((4, 4), np.float32))
    return (a, b), (one, a, one, b), ((a, one), (b, constant(np.arange(16, dtype=np.float32).reshape(4, 4))))


def flipped_and_rolled() -> Made:
    return (
        (a, b),
        (make(op("flip", (0, 1)), a),),
        ((a, make(op("flip", (0,)), a)), (b, make(ADD, make(op("flip", (1,)), b), a))),
    )


def unchanged() -> Made:
    return (a, b), (a,), ((a, a), (b, make(Reshape((4, 4)), make(Reshape((16,)), b))))


GRAPHS: list[Callable[[], Made]] = [
    swap, rotate, swap_through_computation, sum_and_difference, one_value_twice, transposed_onto_itself,
    reads_the_other_transposed, reshaped_value, row_sums_taken_away, column_sums_taken_away, softmax_in_place,
    diagonal_replaced_while_the_rest_is_read, product_into_its_operand, column_total_into_a_vector,
    vector_broadcast_and_updated, constants_and_outputs, flipped_and_rolled, unchanged,
]  # fmt: skip


@pytest.mark.parametrize("passes", [False, True])
@pytest.mark.parametrize("build", GRAPHS)
def test_updates(build: Callable[[], Made], passes: bool) -> None:
    inputs, outputs, updates = build()
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(node.shape).astype(node.dtype) for node in inputs]
    check(Graph(build.__name__, inputs, outputs, updates), arrays, passes=passes)


def failing_graph(last: Node, index: Node) -> Graph:
    """Updates of `a` and `b` around a step that may fail."""
    return Graph("failing", (a, b, index), (last,), ((a, make(NEGATIVE, a)), (b, make(ADD, b, a))))


def test_a_kernel_that_fails_writes_nothing() -> None:
    index = placeholder(2, (3,), "int64", label="index")
    executable = check(
        failing_graph(make(op("gather", 0), a, make(Expand((3, 4)), make(Reshape((3, 1)), index))), index), ramps()
    )
    assert_fails_cleanly(executable)


def test_a_host_step_that_fails_writes_nothing() -> None:
    index = placeholder(2, (3,), "int64", label="index")
    executable = check(failing_graph(make(FailingHost(), a, index), index), ramps())
    assert executable.host_steps
    assert_fails_cleanly(executable)


def ramps() -> list[np.ndarray]:
    """Arrays for `failing_graph` with good positions."""
    square = np.arange(16, dtype=np.float32).reshape(4, 4)
    return [square, square + 1, np.array([0, 3, 1])]


def assert_fails_cleanly(executable: Executable) -> None:
    """Bad positions raise, leave the inputs as they were, and do not spoil the next run."""
    arrays = ramps()
    for bad in (4, -5, 1 << 40):
        arrays[2][1] = bad
        before = [array.copy() for array in arrays]
        with pytest.raises(IndexError):
            executable.run(arrays)
        for array, old in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, old)
    arrays[2][1] = 2
    executable.run(arrays)
    np.testing.assert_array_equal(arrays[0], -ramps()[0])


class FailingHost(type(op("negative"))):  # type: ignore[misc]
    """Rows picked by NumPy, which raises for a position out of range; never lowered."""

    name = "failing_host"
    expression = ""
    integer_expression = ""
    arity = 2

    def infer(self, *operands: Any) -> Any:
        return Spec((*operands[1].shape, *operands[0].shape[1:]), operands[0].dtype)

    def evaluate(self, xp: Any, *operands: Any) -> Any:
        return operands[0][operands[1]]
