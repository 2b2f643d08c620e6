"""Native routines: steps written out as kernels and calls of the BLAS,
for operations that are neither loops nor one product.
"""

from dataclasses import dataclass

from tracegraph.compiler.ir import Node
from tracegraph.compiler.lowering import products
from tracegraph.compiler.lowering.windows import window_routine
from tracegraph.compiler.ops.base import Kind
from tracegraph.compiler.ops.spec import Spec
from tracegraph.runtime import get_num_threads


@dataclass(frozen=True)
class Routine:
    """Source of a step in the dialect, as templates.

    In `main` and `kernels`, `{0}`, `{1}`, ... stand for the operands' buffers, `{out}` for the result's, `{s0}`, ...
    for scratch buffers, and `{name}` for a prefix that makes the kernels' names unique.
    """

    title: str
    main: tuple[str, ...]
    kernels: tuple[str, ...] = ()
    scratch: tuple[Spec, ...] = ()
    operands: tuple[Node, ...] | None = None
    """What is read, where it is not the node's operands (a transposition left to the BLAS)."""
    blas: bool = False
    """It calls the BLAS, whose own threads rest while the program runs."""


def routine_for(node: Node, *, use_blas: bool) -> Routine | None:
    """The native routine that computes the node, or None: then it is a host step."""
    if use_blas and products.is_product(node):
        made = products.product(node, get_num_threads())
        return Routine("matrix product", made.main, made.kernels, operands=made.operands, blas=True)
    if node.kind is Kind.WINDOW:
        parts = window_routine(node, use_blas=use_blas)
        if parts is not None:
            title, main, kernels, scratch = parts
            return Routine(title, main, kernels, scratch, blas="convolution" in title)
    return None
