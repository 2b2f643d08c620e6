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


@dataclass(frozen=True)
class Product:
    """A product as source: the operands to be stored, lines of `main` and kernels (see `routines.Routine`)."""

    operands: tuple[Node, Node]
    main: tuple[str, ...]
    kernels: tuple[str, ...] = ()


PART_WORK = 1 << 20
"""Multiplications from which threads share a product."""
LEAST_ROWS = 16
"""Rows or columns of a part: with fewer the BLAS spends its time on packing."""


def product(node: Node, threads: int) -> Product:
    """The call that computes the node, shared among the program's own threads if it is large."""
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
    operands = (a.node, b.node)

    def gemm(rows: str, columns: str, at_a: str, at_b: str, at_c: str) -> str:
        return (
            f"gemm_{suffix}({a.transposed}, {b.transposed}, {rows}, {columns}, {k}, {one}, "
            f"at(a, {at_a}), {lda}, at(b, {at_b}), {ldb}, {zero}, at(c, {at_c}), {n})"
        )

    if batch == 1 and m == 1:
        flags = f"{not b.transposed}, {n if b.transposed else k}, {k if b.transposed else n}"
        return Product(operands, (f"gemv_{suffix}({flags}, {one}, {{1}}, {ldb}, {{0}}, 1, {zero}, {{out}}, 1)",))
    if batch > 1:
        steps = (m * k if a.batch > 1 else 0), (k * n if b.batch > 1 else 0), m * n
        text = gemm(str(m), str(n), f"part * {steps[0]}", f"part * {steps[1]}", f"part * {steps[2]}")
        return _shared(operands, batch, m * n * k, "for part in range(lo, hi):", (text,))
    if m * n * k < PART_WORK or threads == 1 or max(m, n) < 2 * LEAST_ROWS:
        text = gemm(str(m), str(n), "0", "0", "0").replace("at(a, 0)", "{0}").replace("at(b, 0)", "{1}")
        return Product(operands, (text.replace("at(c, 0)", "{out}"),))
    size = max(m, n)
    parts = min(size // LEAST_ROWS, threads * (2 if size >= 128 * threads else 1))
    bounds = (f"first = part * {size} // {parts}", f"count = (part + 1) * {size} // {parts} - first")
    if m >= n:
        text = gemm("count", str(n), "first" if a.transposed else f"first * {lda}", "0", f"first * {n}")
    else:
        text = gemm(str(m), "count", "0", f"first * {ldb}" if b.transposed else "first", "first")
    return _shared(operands, parts, m * n * k // parts, "for part in range(lo, hi):", (*bounds, text))


def _shared(operands: tuple[Node, Node], parts: int, work: int, loop: str, lines: tuple[str, ...]) -> Product:
    """A kernel whose rows are parts of the product."""
    kernel = [
        "@kernel",
        "def {name}_parts(lo, hi, table):",
        '    """Parts of a matrix product."""',
        "    a = {0}",
        "    b = {1}",
        "    c = {out}",
        f"    {loop}",
        *(f"        {line}" for line in lines),
        "",
    ]
    grain = max(1, -(-PART_WORK // max(work * 2, 1)))
    call = f"parallel({{name}}_parts, 0, {parts}, {grain}, table)"
    return Product(operands, (call,), ("\n".join(kernel),))
