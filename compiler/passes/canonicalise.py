"""`Canonicalise`: one spelling per concept, by the tables of algebraic rules and the declared facts of operations."""

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from tracegraph.compiler.ir import Graph, Node, make
from tracegraph.compiler.ir.known import is_known, is_number, known, known_scalar
from tracegraph.compiler.ir.node import operation_key
from tracegraph.compiler.ops.base import OPERATIONS, Operation
from tracegraph.compiler.ops.cast import Cast
from tracegraph.compiler.ops.creation import Full
from tracegraph.compiler.ops.pointwise import Pointwise
from tracegraph.compiler.ops.spec import DType

from .rewriting import Rewrite, Rewriter, expanded
from .rules import EXACT, INEXACT


@dataclass(frozen=True)
class Canonicalise:
    """One spelling per concept: constants on the right, no copies, no neutral elements, no double negation.

    Before:
        graph f(%x: float32[4], %y: float32[4]) {
          %0 = constant(0.25) : float32[]
          %1 = negative(%x) : float32[4]
          %2 = negative(%1) : float32[4]
          %3 = multiply(%0, %2) : float32[4]
          %4 = copy(%3) : float32[4]
          %5 = greater(%4, %y) : bool[4]
          %6 = cast(%5, dtype=int32) : int32[4]
          %7 = cast(%6, dtype=float32) : float32[4]
          return %7
        }

    After:
        graph f(%x: float32[4], %y: float32[4]) {
          %0 = constant(0.25) : float32[]
          %1 = multiply(%x, %0) : float32[4]
          %2 = less(%y, %1) : bool[4]
          %3 = cast(%2, dtype=float32) : float32[4]
          return %3
        }

    With `inexact` also rules that hold for real numbers but not for floats.
    """

    inexact: bool = False
    name: str = "canonicalise"

    def __call__(self, graph: Graph) -> Graph:
        """The graph with every node simplified until no rule applies."""
        rewrites = rewrites_by_operation(self.inexact)
        rewriter = Rewriter(lambda node: rewrites.get(node.operation.name, ()))

        def simplify(node: Node, operands: tuple[Node, ...]) -> Node:
            made = node if operands == node.operands else replace(node, operands=operands)
            return rewriter.simplify(made)

        return graph.rewrite(simplify)


@cache
def rewrites_by_operation(inexact: bool) -> dict[str, list[Rewrite]]:
    """What is tried on a node, by the name of its operation, in order."""
    found: dict[str, list[Rewrite]] = defaultdict(list)
    for name, made in OPERATIONS.items():
        found[name] += facts(made)
    found["cast"] += [drop_cast, join_casts]
    found["constant"] += [expand_constant]
    found["full"] += [expand_full]
    for rule in EXACT + (INEXACT if inexact else ()):
        if rule.pattern.operations() | rule.replacement.operations() <= OPERATIONS.keys():
            found[rule.pattern.operation].append(rule.apply)
    return found


def facts(made: type[Operation]) -> list[Rewrite]:
    """The rewrites that follow from what an operation declares."""
    if not issubclass(made, Pointwise):
        return []
    rewrites: list[Rewrite] = []
    if made.commutative and made.arity == 2:
        rewrites.append(constants_right)
    if made.identity is not None:
        rewrites.append(drop_identity)
    if made.involution:
        rewrites.append(drop_involution)
    if made.idempotent:
        rewrites.append(drop_repetition)
    return rewrites


def constants_right(node: Node) -> Node | None:
    """f(c, x) = f(x, c)."""
    left, right = node.operands
    return replace(node, operands=(right, left)) if is_known(left) and not is_known(right) else None


def drop_identity(node: Node) -> Node | None:
    """f(x, e) = x."""
    wanted: float = node.operation.identity  # type: ignore[attr-defined]
    if not is_number(node.operands[1], wanted) or node.operands[0].dtype != node.dtype:
        return None
    return expanded(node.operands[0], node)


def drop_involution(node: Node) -> Node | None:
    """f(f(x)) = x."""
    inner = node.operands[0]
    same = operation_key(inner.operation) == operation_key(node.operation)
    return inner.operands[0] if same else None


def drop_repetition(node: Node) -> Node | None:
    """f(f(x)) = f(x)."""
    inner = node.operands[0]
    return inner if operation_key(inner.operation) == operation_key(node.operation) else None


def expand_constant(node: Node) -> Node | None:
    """A constant of equal elements is one element, expanded."""
    value = known_scalar(node) if node.shape else None
    return None if value is None else expanded(known(value, like=node), node)


def expand_full(node: Node) -> Node | None:
    """A tensor filled with a number is a constant, expanded."""
    if not isinstance(node.operation, Full):
        return None
    return expanded(known(replace(node.operation, shape=()).evaluate(np), node.dtype, like=node), node)


def drop_cast(node: Node) -> Node | None:
    """A cast to the dtype a value has already."""
    return node.operands[0] if node.operands[0].dtype == node.dtype else None


def join_casts(node: Node) -> Node | None:
    """cast(cast(x)) = cast(x) where the first cast loses nothing that the second keeps."""
    inner = node.operands[0]
    if not isinstance(inner.operation, Cast):
        return None
    source = inner.operands[0]
    if not _cast_through(source.dtype, inner.dtype, node.dtype):
        return None
    return make(Cast(node.dtype), source, location=node.location, backward=node.backward)


def _cast_through(source: DType, middle: DType, target: DType) -> bool:
    """Whether a cast by way of `middle` is the same as a direct one."""
    if "f" in source.kind + middle.kind and target.kind in "iu" and source.kind != "b":
        # What becomes of floats out of range is the machine's choice and differs between float types.
        return source.kind in "iu" and _holds(middle, source) and _holds(target, source)
    if _holds(middle, source):
        return True
    return source.kind in "iu" and middle.kind in "iu" and target.kind in "iu" and middle.itemsize >= target.itemsize


def _value_bits(dtype: DType) -> int:
    """Bits of precision: of the significand for floats, without the sign for integers."""
    if dtype.kind == "f":
        return {2: 11, 4: 24, 8: 53}[dtype.itemsize]
    return 1 if dtype.kind == "b" else dtype.itemsize * 8 - (dtype.kind == "i")


def _holds(wide: DType, narrow: DType) -> bool:
    """Whether every value of `narrow` is one of `wide`."""
    if narrow.kind == "b" or wide == narrow:
        return True
    if wide.kind == "b" or (narrow.kind == "f" and wide.kind != "f") or (narrow.kind == "i" and wide.kind == "u"):
        return False
    return _value_bits(wide) >= _value_bits(narrow)
