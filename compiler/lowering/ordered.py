"""Kernels whose turns depend on each other, written directly in the loop IR: scatters and running sums and products."""

import math
from typing import Any

from tracegraph.compiler.index import Index, Variable, broadcast, flatten, variable
from tracegraph.compiler.ir import Node
from tracegraph.compiler.loop_ir import (
    Accumulate,
    AccumulateInto,
    Buffer,
    CheckedIndex,
    Expression,
    Kernel,
    Literal,
    Load,
    Loop,
    Name,
    Start,
    Statement,
    Store,
)
from tracegraph.compiler.lowering.accesses import canonical_point
from tracegraph.compiler.ops.creation import Full
from tracegraph.compiler.ops.gather import IndexPut, Scatter
from tracegraph.compiler.ops.scans import Cumprod, Cumsum
from tracegraph.compiler.ops.spec import float16


def is_ordered(node: Node) -> bool:
    """Whether this module makes the node's kernel."""
    if any(spec.dtype == float16 for spec in (node.spec, *(operand.spec for operand in node.operands))):
        return False
    if isinstance(node.operation, Cumsum | Cumprod):
        return node.spec.size > 0 and bool(node.shape)
    return isinstance(node.operation, Scatter | IndexPut) and node.dtype.kind != "b"


def ordered_reads(node: Node) -> tuple[Node, ...]:
    """The operands read from memory: a scatter into one value does not need it spread out."""
    if isinstance(node.operation, Scatter | IndexPut) and isinstance(node.operands[0].operation, Full):
        return node.operands[1:]
    return node.operands


def ordered_kernel(node: Node, reads: tuple[Buffer, ...], out: Buffer, name: str, status: int) -> Kernel:
    """The kernel of a node for which `is_ordered` holds.

    The buffers hold the operands' elements in row-major order, but may have other shapes: a reshape is no copy.
    """
    if isinstance(node.operation, Cumsum | Cumprod):
        return _scan(node, reads[0], out, name)
    return _scatter(node, reads, out, name, status)


def _loops(variables: list[Variable], body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    for each in reversed(variables):
        body = (Loop(each, body),)
    return body


def _scan(node: Node, source: Buffer, out: Buffer, name: str) -> Kernel:
    """Rows along the scanned dimension, each with one running value; rows are independent."""
    operation: Any = node.operation
    point = canonical_point(node.shape)
    size = node.shape[operation.dim]
    turn = point[operation.dim]
    at = size - 1 - turn if operation.reverse else turn
    place = flatten((*point[: operation.dim], at, *point[operation.dim + 1 :]), node.shape)
    combine = "add" if isinstance(operation, Cumsum) else "multiply"
    total = Name("total", node.dtype)
    step: list[Statement] = [
        Accumulate("total", combine, Load(source, place, node.dtype), node.dtype, ordered=True),
        Store(out, place, total),
    ]
    if getattr(operation, "exclusive", False):
        step.reverse()
    inner: tuple[Statement, ...] = (
        Start("total", combine, node.dtype),
        *_loops([Variable(f"i{operation.dim}", size)] if size > 1 else [], tuple(step)),
    )
    outer = [Variable(f"i{d}", n) for d, n in enumerate(node.shape) if d != operation.dim and n > 1]
    return Kernel(
        name=name, body=_loops(outer, inner), rows=outer[0] if outer else None, reads=(source,), writes=(out,),
        work=node.spec.size * 4, title=f"{operation.name} over {node.shape}",
    )  # fmt: skip


def _scatter(node: Node, reads: tuple[Buffer, ...], out: Buffer, name: str, status: int) -> Kernel:
    """Copy the first operand, then write or add the values one after the other."""
    operation: Any = node.operation
    whole = node.spec
    copied: list[Statement] = []
    if len(reads) < len(node.operands):
        constant: Any = node.operands[0].operation
        filler: Expression = Literal(constant.value, whole.dtype)
    else:
        filler = Load(reads[0], variable("c", whole.size), whole.dtype)
        reads = reads[1:]
    if whole.size:
        copied = list(
            _loops(
                [Variable("c", whole.size)] if whole.size > 1 else [], (Store(out, variable("c", whole.size), filler),)
            )
        )
    values, body, shape = (_scatter_along if isinstance(operation, Scatter) else _put)(node, reads, status)
    place, checks, value = body
    adds = operation.reduce == "add" if isinstance(operation, Scatter) else operation.accumulate
    write: Statement = AccumulateInto(out, place, "add", value) if adds else Store(out, place, value)
    loops = [Variable(f"i{d}", n) for d, n in enumerate(shape) if n != 1]
    if math.prod(shape) == 0:
        scatter: tuple[Statement, ...] = ()
    else:
        scatter = _loops(loops, (*checks, write))
    every = tuple(node_buffer for node_buffer in dict.fromkeys((*_loaded(filler), values, *reads)))
    return Kernel(
        name=name, body=(*copied, *scatter), rows=None, reads=every, writes=(out,), work=whole.size,
        can_fail=bool(checks), splittable=False, title=f"{operation.name} into {whole.shape}",
    )  # fmt: skip


def _loaded(value: Any) -> tuple[Buffer, ...]:
    return (value.buffer,) if isinstance(value, Load) else ()


def _scatter_along(node: Node, reads: tuple[Buffer, ...], status: int) -> Any:
    index, values = reads  # their own shapes are those of what the operands are views of
    operation: Any = node.operation
    shape = node.operands[1].shape
    point = canonical_point(shape)
    size = node.shape[operation.dim]
    check = CheckedIndex("at0", Load(index, flatten(point, shape), index.dtype), size, status, wraps=False)
    target = (*point[: operation.dim], variable("at0", size), *point[operation.dim + 1 :])
    return values, (flatten(target, node.shape), [check], Load(values, flatten(point, shape), values.dtype)), shape


def _put(node: Node, reads: tuple[Buffer, ...], status: int) -> Any:
    values, *indices = reads
    operation: Any = node.operation
    dim, count = operation.dim, len(indices)
    value_shape, *index_shapes = [operand.shape for operand in node.operands[1:]]
    positions: tuple[int, ...] = ()
    for index_shape in index_shapes:
        positions = _broadcast_shape(positions, index_shape)
    shape = (*node.shape[:dim], *positions, *node.shape[dim + count :])
    point = canonical_point(shape)
    here = point[dim : dim + len(positions)]
    checks = []
    found: list[Index] = []
    for number, (index, index_shape) in enumerate(zip(indices, index_shapes, strict=True)):
        size = node.shape[dim + number]
        load = Load(index, flatten(broadcast(here, index_shape), index_shape), index.dtype)
        checks.append(CheckedIndex(f"at{number}", load, size, status, wraps=True))
        found.append(variable(f"at{number}", size))
    target = (*point[:dim], *found, *point[dim + len(positions) :])
    value = Load(values, flatten(broadcast(point, value_shape), value_shape), values.dtype)
    return values, (flatten(target, node.shape), checks, value), shape


def _broadcast_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    rank = max(len(a), len(b))
    padded = [(1,) * (rank - len(shape)) + shape for shape in (a, b)]
    return tuple(n if m == 1 else m for m, n in zip(*padded, strict=True))


__all__ = ["is_ordered", "ordered_kernel", "ordered_reads"]
