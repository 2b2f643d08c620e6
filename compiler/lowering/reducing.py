"""How the reductions of a kernel combine: with what they start, in which dtype, at which position."""

from typing import Any

from tracegraph.compiler.index import Index, flatten, variable
from tracegraph.compiler.ir import Node
from tracegraph.compiler.ops.spec import DType

ARG_REDUCTIONS = ("argmax", "argmin")


def combine_of(node: Node) -> str:
    """How a reduction combines: the operation's own word, or its name where a position is kept besides the value."""
    operation: Any = node.operation
    return str(operation.name) if operation.name in ARG_REDUCTIONS else str(operation.combine)


def accumulated_dtype(node: Node) -> DType:
    """The dtype a reduction combines in: the result's, or that of the values whose positions are sought."""
    dtype: DType = node.operands[0].dtype if combine_of(node) in ARG_REDUCTIONS else node.dtype
    return dtype


def identity_of(node: Node) -> Any:
    """The value a reduction starts with."""
    combine = combine_of(node)
    if combine in ("maximum", "minimum"):
        return extreme(node.dtype, lowest=combine == "maximum")
    return {"add": 0, "multiply": 1}[combine]


def extreme(dtype: DType, *, lowest: bool) -> Any:
    """The least or greatest value of a dtype."""
    if dtype.kind == "f":
        return float("-inf") if lowest else float("inf")
    if dtype.kind == "b":
        return not lowest
    bits = 8 * dtype.itemsize
    if dtype.kind == "u":
        return 0 if lowest else (1 << bits) - 1
    return -(1 << bits - 1) if lowest else (1 << bits - 1) - 1


def reduced_position(node: Node) -> Index | None:
    """For argmax and argmin: the position within the reduced dimensions."""
    if combine_of(node) not in ARG_REDUCTIONS:
        return None
    shape = node.operands[0].shape
    dims = node.operation.dims  # type: ignore[attr-defined]
    return flatten(tuple(variable(f"i{dim}", shape[dim]) for dim in dims), tuple(shape[dim] for dim in dims))
