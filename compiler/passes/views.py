"""`SimplifyViews`: fewer reshapes, permutations and expansions, and no work on repeated elements."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from tracegraph.compiler.ir import Graph, Node, make
from tracegraph.compiler.ir.known import known, known_scalar
from tracegraph.compiler.ops.arithmetic import MULTIPLY
from tracegraph.compiler.ops.base import Kind, Operation
from tracegraph.compiler.ops.contraction import Matmul
from tracegraph.compiler.ops.extrema import ExtremumIndex
from tracegraph.compiler.ops.movement import Expand, Movement, Permute, Reshape
from tracegraph.compiler.ops.reductions import Reduction
from tracegraph.compiler.ops.slicing import BasicIndex
from tracegraph.compiler.ops.spec import broadcast_shapes

from .rewriting import Rewrite, Rewriter, expanded


@dataclass(frozen=True)
class SimplifyViews:
    """Views of views become one view, idle ones go, and pointwise work is done before an expansion instead of after it.

    Before:
        graph f(%x: float32[4, 1], %y: float32[2, 3]) {
          %0 = reshape(%x, shape=(4,)) : float32[4]
          %1 = reshape(%0, shape=(2, 2)) : float32[2, 2]
          %2 = permute(%y, dims=(1, 0)) : float32[3, 2]
          %3 = permute(%2, dims=(1, 0)) : float32[2, 3]
          %4 = expand(%x, shape=(4, 1000)) : float32[4, 1000]
          %5 = negative(%4) : float32[4, 1000]
          return %1, %3, %5
        }

    After:
        graph f(%x: float32[4, 1], %y: float32[2, 3]) {
          %0 = reshape(%x, shape=(2, 2)) : float32[2, 2]
          %1 = negative(%x) : float32[4, 1]
          %2 = expand(%1, shape=(4, 1000)) : float32[4, 1000]
          return %0, %y, %2
        }

    A transposed product becomes the product of the transposed operands (in which the BLAS may add in another order):
    permutations of operands of matmul cost nothing, because the lowering tells the BLAS of them. With `inexact` a float
    sum over expanded dimensions becomes a product.
    """

    inexact: bool = False
    name: str = "views"

    def __call__(self, graph: Graph) -> Graph:
        """The graph with its views simplified."""
        rewriter = Rewriter(self._rewrites)

        def simplify(node: Node, operands: tuple[Node, ...]) -> Node:
            made = node if operands == node.operands else replace(node, operands=operands)
            if isinstance(made.operation, Reshape | Permute) and graph.uses[node.operands[0]] == 1:
                made = remove_pair(made) or transpose_product(made) or made
            return rewriter.simplify(made)

        return graph.rewrite(simplify)

    def _rewrites(self, node: Node) -> Iterable[Rewrite]:
        operation = node.operation
        if isinstance(operation, Movement):
            return _MOVEMENTS.get(type(operation), (view_of_repeated,))
        if node.kind is Kind.POINTWISE:
            return (expand_after,)
        if isinstance(operation, Reduction):
            return (reduce_nothing, partial(reduce_repeated, inexact=self.inexact))
        return ()


def _like(operation: Operation, operand: Node, node: Node) -> Node:
    """The operation on the operand, in place of `node`."""
    return make(operation, operand, location=node.location, backward=node.backward)


def drop_idle(node: Node) -> Node | None:
    """A view that changes nothing."""
    (source,) = node.operands
    if isinstance(node.operation, Permute):
        return source if node.operation.dims == tuple(range(len(node.shape))) else None
    return source if source.shape == node.shape else None


def join_reshapes(node: Node) -> Node | None:
    """reshape(reshape(x)) = reshape(x)."""
    inner = node.operands[0]
    return _like(node.operation, inner.operands[0], node) if isinstance(inner.operation, Reshape) else None


def join_expands(node: Node) -> Node | None:
    """expand(expand(x)) = expand(x)."""
    inner = node.operands[0]
    return _like(node.operation, inner.operands[0], node) if isinstance(inner.operation, Expand) else None


def join_permutes(node: Node) -> Node | None:
    """permute(permute(x, p), q) = permute(x, p after q)."""
    inner = node.operands[0]
    if not isinstance(inner.operation, Permute) or not isinstance(node.operation, Permute):
        return None
    return _like(Permute(tuple([inner.operation.dims[dim] for dim in node.operation.dims])), inner.operands[0], node)


def reshape_for_permute(node: Node) -> Node | None:
    """A permutation that keeps the order of all dimensions but those of size 1 is a reshape."""
    if not isinstance(node.operation, Permute):
        return None
    moved = [dim for dim in node.operation.dims if node.operands[0].shape[dim] != 1]
    return _like(Reshape(node.shape), node.operands[0], node) if moved == sorted(moved) else None


def reshape_for_expand(node: Node) -> Node | None:
    """An expansion that repeats nothing is a reshape: it adds dimensions of size 1. Known ones stay expanded."""
    source = node.operands[0]
    if known_scalar(source) is not None or source.shape != node.shape[len(node.shape) - len(source.shape) :]:
        return None
    return (
        _like(Reshape(node.shape), source, node)
        if set(node.shape[: len(node.shape) - len(source.shape)]) == {1}
        else None
    )


def reshape_for_index(node: Node) -> Node | None:
    """Indexing that takes all elements is a reshape."""
    return _like(Reshape(node.shape), node.operands[0], node) if node.spec.size == node.operands[0].spec.size else None


def expand_before_ones(node: Node) -> Node | None:
    """expand(reshape(x)) = expand(x) if the reshape only adds or drops leading dimensions of size 1."""
    inner = node.operands[0]
    if not isinstance(inner.operation, Reshape):
        return None
    source = inner.operands[0]
    if _without_leading_ones(source.shape) != _without_leading_ones(inner.shape) or len(source.shape) > len(node.shape):
        return None
    return _like(node.operation, source, node)


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    lead = next((position for position, size in enumerate(shape) if size != 1), len(shape))
    return shape[lead:]


def view_of_repeated(node: Node) -> Node | None:
    """Any view of one element repeated is that element repeated."""
    if isinstance(node.operation, Expand) or len(node.operands) != 1 or not node.spec.size:
        return None
    value = known_scalar(node.operands[0])
    return None if value is None else expanded(known(value, like=node), node)


def expand_after(node: Node) -> Node | None:
    """f(expand(x)) = expand(f(x)): broadcasting is implied in pointwise operations, and fewer elements are computed."""
    if not any(isinstance(operand.operation, Expand) for operand in node.operands):
        return None
    sources = tuple([o.operands[0] if isinstance(o.operation, Expand) else o for o in node.operands])
    shape = broadcast_shapes(node.operation.name, *[source.shape for source in sources])
    return expanded(replace(node, operands=sources, spec=replace(node.spec, shape=shape)), node)


def reduce_nothing(node: Node) -> Node | None:
    """A reduction over dimensions of size 1 is a reshape.

    Not a float sum: summing starts at +0, so that the sum of one -0 is +0.
    """
    (source,) = node.operands
    operation = node.operation
    if not isinstance(operation, Reduction) or not operation.combine or isinstance(operation, ExtremumIndex):
        return None
    if source.dtype != node.dtype:
        return None
    if (operation.combine == "add" and node.dtype.kind == "f") or any(source.shape[dim] != 1 for dim in operation.dims):
        return None
    return source if source.shape == node.shape else _like(Reshape(node.shape), source, node)


def reduce_repeated(node: Node, *, inexact: bool = False) -> Node | None:
    """What an expansion repeats need not be reduced: max(expand(x)) = max(x), sum(expand(x)) = sum(x) * count."""
    operation, expansion = node.operation, node.operands[0]
    if not isinstance(operation, Reduction) or not isinstance(expansion.operation, Expand) or not expansion.spec.size:
        return None
    if isinstance(operation, ExtremumIndex):
        return None
    source = expansion.operands[0]
    padded = (1,) * (len(expansion.shape) - len(source.shape)) + source.shape
    shape = tuple([padded[dim] if dim in operation.dims else size for dim, size in enumerate(expansion.shape)])
    if shape == expansion.shape or expansion.dtype != node.dtype:
        return None
    kept = source if source.shape == shape else _like(Expand(shape), source, expansion)
    smaller = _like(operation, kept, node)
    if operation.combine in ("maximum", "minimum"):
        return smaller
    if operation.combine == "add" and (inexact or node.dtype.kind in "iu"):
        repeats = expansion.spec.size // math.prod(shape)
        count = known(np.array(repeats).astype(node.dtype), like=node)
        return make(MULTIPLY, smaller, count, location=node.location, backward=node.backward)
    return None


def remove_pair(node: Node) -> Node | None:
    """view(f(inverse_view(x), ...)) = f(x, ...), for reshapes and permutations around a pointwise operation."""
    middle = node.operands[0]
    if middle.kind is not Kind.POINTWISE:
        return None
    sources = []
    for operand in middle.operands:
        if operand.shape == ():
            sources.append(operand)
        elif operand.shape == middle.shape and _undoes(node, operand):
            sources.append(operand.operands[0])
        else:
            return None
    if all(source.shape != node.shape for source in sources):
        return None
    return replace(middle, operands=tuple(sources), spec=node.spec)


def transpose_product(node: Node) -> Node | None:
    """transpose(a @ b) = transpose(b) @ transpose(a)."""
    product = node.operands[0]
    if not isinstance(product.operation, Matmul) or not isinstance(node.operation, Permute):
        return None
    if node.operation.dims != _transposition(len(node.shape)):
        return None
    left, right = [_like(Permute(_transposition(len(o.shape))), o, node) for o in reversed(product.operands)]
    return make(product.operation, left, right, location=product.location, backward=product.backward)


def _transposition(ndim: int) -> tuple[int, ...]:
    return (*range(ndim - 2), ndim - 1, ndim - 2)


def _undoes(outer: Node, inner: Node) -> bool:
    if isinstance(outer.operation, Permute) and isinstance(inner.operation, Permute):
        return outer.operation == inner.operation.inverse()
    reshapes = isinstance(outer.operation, Reshape) and isinstance(inner.operation, Reshape)
    return reshapes and inner.operands[0].shape == outer.shape


_MOVEMENTS: dict[type[Operation], tuple[Rewrite, ...]] = {
    Reshape: (drop_idle, join_reshapes, view_of_repeated),
    Permute: (drop_idle, join_permutes, reshape_for_permute, view_of_repeated),
    Expand: (drop_idle, join_expands, reshape_for_expand, expand_before_ones),
    BasicIndex: (reshape_for_index, view_of_repeated),
}
