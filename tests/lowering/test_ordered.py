"""Scatters and scans whose operands are reshaped: the reshape is no step of its own, the kernel reads what is below."""

from typing import Any

import numpy as np
import pytest

from tests.lowering.compare import check, placeholder
from tracegraph.compiler.ir import Graph, Node, constant, make
from tracegraph.compiler.ops.base import OPERATIONS
from tracegraph.compiler.ops.movement import Reshape

VALUES, INDEX = placeholder(0, (3, 2, 4), label="values"), np.array([[2, 0], [1, 1], [4, 0]])


def reshaped(node: Node, *shape: int) -> Node:
    """The node seen in another shape."""
    return make(Reshape(shape), node)


def nothing(*shape: int) -> Node:
    return constant(np.zeros(shape, np.float32))


def op(name: str, **attributes: Any) -> Any:
    """An operation by name."""
    made: Any = OPERATIONS[name]
    return made(**attributes)


GRAPHS: dict[str, Node] = {
    "put": make(
        op("index_put", dim=0, accumulate=True),
        nothing(5, 4),
        reshaped(VALUES, 6, 4),
        constant(INDEX.reshape(6)),
    ),
    "put_at_reshaped": make(
        op("index_put", dim=1, accumulate=True),
        nothing(4, 5),
        reshaped(VALUES, 4, 6),
        reshaped(constant(INDEX), 6),
    ),
    "scatter": make(
        op("scatter", dim=0, reduce="add"),
        nothing(5, 4),
        constant(np.repeat(INDEX.reshape(6, 1), 4, 1)),
        reshaped(VALUES, 6, 4),
    ),
    "scatter_at_reshaped": make(
        op("scatter", dim=0, reduce="add"),
        nothing(5, 4),
        reshaped(constant(np.repeat(INDEX[..., None], 4, 2)), 6, 4),
        reshaped(VALUES, 6, 4),
    ),
    "cumsum": make(op("cumsum", dim=0), reshaped(VALUES, 6, 4)),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_reshaped_operands(name: str) -> None:
    check(Graph(name, (VALUES,), (GRAPHS[name],)), [np.arange(24, dtype=np.float32).reshape(3, 2, 4)])
