"""What is known of a value without running the graph: constants, also expanded ones."""

from typing import Any

import numpy as np

from tracegraph.compiler.ops.leaves import Constant
from tracegraph.compiler.ops.movement import Expand

from .node import Node, constant, make

_LOOKED_AT = 1 << 16


def known_scalar(node: Node) -> np.ndarray | None:
    """The 0-d value that all elements of a node have, to the bit; None where it is not known and for empty nodes."""
    while isinstance(node.operation, Expand):
        node = node.operands[0]
    if not isinstance(node.operation, Constant):
        return None
    data, size, item = node.operation.data, node.spec.size, node.dtype.itemsize
    if size == 0 or size > _LOOKED_AT or (size > 1 and data[:item] * size != data):
        return None
    return np.frombuffer(data[:item], node.dtype).reshape(())


def is_known(node: Node) -> bool:
    """Whether the node is a constant, or one expanded."""
    while isinstance(node.operation, Expand):
        node = node.operands[0]
    return node.is_constant


def is_number(node: Node, number: float) -> bool:
    """Whether all elements are known to be this number; for floats 0.0 and -0.0 are different numbers."""
    value = known_scalar(node)
    if value is None or value != number:
        return False
    return value.dtype.kind != "f" or bool(np.signbit(value)) == bool(np.signbit(float(number)))


def known(value: Any, dtype: Any = None, *, like: Node | None = None) -> Node:
    """A node for a known array: a constant, or where all elements are equal an expanded 0-d constant.

    Location and backward flag are those of `like`.
    """
    array = np.asarray(value, dtype)
    location, backward = (like.location, like.backward) if like is not None else (None, False)
    leaf = constant(array)
    scalar = known_scalar(leaf) if array.ndim else None
    operation = leaf.operation if scalar is None else Constant.of(scalar)
    made = make(operation, location=location, backward=backward)
    return made if made.shape == array.shape else make(Expand(array.shape), made, location=location, backward=backward)
