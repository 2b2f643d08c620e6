"""Lowers matrix products to calls of the BLAS, which reads transposed operands where they lie."""

from dataclasses import dataclass

from tracegraph.compiler.ir import Node
from tracegraph.compiler.ops.contraction import Matmul
from tracegraph.compiler.ops.movement import Permute
from tracegraph.compiler.ops.spec import float32, float64


@dataclass(frozen=True)
class Factor:
    """One operand of a product: the node stored, whether it is stored transposed, and the size of its batch."""

    node: Node
    transposed: bool
    batch: int


def is_product(node: Node) -> bool:
    """Whether the BLAS computes the node."""
    if not isinstance(node.operation, Matmul) or node.dtype not in (float32, float64):
        return False
    if 0 in node.shape or 0 in node.operands[0].shape or 0 in node.operands[1].shape:
        return False
    a, b = (operand.shape[:-2] for operand in node.operands)
    return a == b or 1 in (_size(a), _size(b))


def _size(shape: tuple[int, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def swaps_last(node: Node) -> bool:
    """Whether the node exchanges the last two dimensions of its operand."""
    if not isinstance(node.operation, Permute):
        return False
    rank = len(node.operation.dims)
    return rank >= 2 and node.operation.dims == (*range(rank - 2), rank - 1, rank - 2)


def factor(node: Node) -> Factor:
    """An operand, with a transposition of its last two dimensions left to the BLAS."""
    batch = _size(node.shape[:-2])
    return Factor(node.operands[0], True, batch) if swaps_last(node) else Factor(node, False, batch)


def call(node: Node) -> tuple[tuple[Node, Node], str]:
    """The operands to be stored and the call, with `{0}` and `{1}` for their buffers and `{out}` for the result's."""
    a, b = factor(node.operands[0]), factor(node.operands[1])
    left, right = node.operands[0].shape, node.operands[1].shape
    m = left[-2] if len(left) > 1 else 1
    k = left[-1]
    n = right[-1] if len(right) > 1 else 1
    suffix = "f32" if node.dtype == float32 else "f64"
    one, zero = (f"{node.dtype.name}({value})" for value in ("1.0", "0.0"))
    batch = max(a.batch, b.batch)
    if batch > 1 and b.batch == 1 and not a.transposed:
        m, batch = m * batch, 1
    lda, ldb = (m if a.transposed else k), (k if b.transposed else n)
    if batch == 1:
        if m == 1:
            flags = f"{not b.transposed}, {n if b.transposed else k}, {k if b.transposed else n}"
            text = f"gemv_{suffix}({flags}, {one}, {{1}}, {ldb}, {{0}}, 1, {zero}, {{out}}, 1)"
        else:
            text = (
                f"gemm_{suffix}({a.transposed}, {b.transposed}, {m}, {n}, {k}, {one}, "
                f"{{0}}, {lda}, {{1}}, {ldb}, {zero}, {{out}}, {n})"
            )
    else:
        steps = (m * k if a.batch > 1 else 0), (k * n if b.batch > 1 else 0), m * n
        text = (
            f"gemm_batched_{suffix}({batch}, {a.transposed}, {b.transposed}, {m}, {n}, {k}, {one}, "
            f"{{0}}, {lda}, {steps[0]}, {{1}}, {ldb}, {steps[1]}, {zero}, {{out}}, {n}, {steps[2]})"
        )
    return (a.node, b.node), text
