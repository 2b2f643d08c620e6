"""What one element of a node is, in terms of elements of its operands: the rule from which loops are made.

An operation states it with a method `element(build, index)` of its own, or belongs to one of the families treated here.
"""

from collections.abc import Callable
from typing import Any, Protocol

from tracegraph.compiler.index import Index, broadcast, flatten, unflatten
from tracegraph.compiler.ir import Node
from tracegraph.compiler.loop_ir import Apply, Compare, Convert, Expression, IndexValue, Literal
from tracegraph.compiler.ops.base import Kind, Operation
from tracegraph.compiler.ops.cast import Cast
from tracegraph.compiler.ops.leaves import Constant
from tracegraph.compiler.ops.movement import Expand, Permute, Reshape
from tracegraph.compiler.ops.pointwise import Pointwise
from tracegraph.compiler.ops.spec import DType, Spec

Point = tuple[Index, ...]


class Build(Protocol):
    """What an `element` rule is given to build the scalar expression of one element of a node."""

    spec: Spec
    """Of the result."""
    specs: tuple[Spec, ...]
    """Of the operands."""

    def read(self, operand: int, index: Point) -> Expression:
        """The element of an operand at an index."""

    def apply(self, template: str, *arguments: Expression, dtype: DType | None = None) -> Expression:
        """A scalar function; `dtype` is that of the result, by default the node's."""

    def literal(self, value: Any, dtype: DType | None = None) -> Expression:
        """A constant."""

    def number(self, index: Index, dtype: DType | None = None) -> Expression:
        """An index as a number."""

    def choose(
        self, conditions: tuple[Compare, ...], then: Callable[[], Expression], otherwise: Callable[[], Expression]
    ) -> Expression:
        """One of two expressions, by conditions on indices; only the chosen one is evaluated."""

    def convert(self, value: Expression, dtype: DType) -> Expression:
        """A scalar in another dtype."""

    def dynamic(self, value: Expression, extent: int, *, wraps: bool = True) -> Index:
        """An index read from a tensor; with `wraps` negative values count from the end;
        what is out of range is an error.
        """


class IndexBuild:
    """The part of `Build` that deals with indices alone."""

    @staticmethod
    def position(number: int) -> Index:
        """A constant index."""
        return Index((), number)

    @staticmethod
    def less(index: Index, bound: int) -> Compare:
        """The condition `index < bound`."""
        return Compare(index, bound, less=True)

    @staticmethod
    def at_least(index: Index, bound: int) -> Compare:
        """The condition `index >= bound`."""
        return Compare(index, bound, less=False)

    @staticmethod
    def broadcast(index: Point, shape: tuple[int, ...]) -> Point:
        """The index into an operand of `shape` that broadcasts to where `index` points."""
        return broadcast(index, shape)

    @staticmethod
    def flat(index: Point, shape: tuple[int, ...]) -> Index:
        """The row-major position of an element."""
        return flatten(index, shape)


def has_element(operation: Operation) -> bool:
    """Whether loops can be made for the operation."""
    if hasattr(operation, "element"):
        return True
    if isinstance(operation, Pointwise):
        return bool(operation.expression)
    return isinstance(operation, Cast | Reshape | Permute | Expand | Constant)


def element(node: Node, build: Build, index: Point) -> Expression:
    """The expression of the node's element at `index`."""
    operation = node.operation
    own = getattr(operation, "element", None)
    if own is not None:
        return own(build, index)  # type: ignore[no-any-return]
    if isinstance(operation, Cast):
        return Convert(build.read(0, broadcast(index, build.specs[0].shape)), operation.dtype)
    if isinstance(operation, Pointwise):
        arguments = [build.read(i, broadcast(index, spec.shape)) for i, spec in enumerate(build.specs)]
        integer = operation.integer_expression and build.specs[-1].dtype.kind in "iub"
        return build.apply(operation.integer_expression if integer else operation.expression, *arguments)
    if isinstance(operation, Reshape):
        return build.read(0, unflatten(flatten(index, build.spec.shape), build.specs[0].shape))
    if isinstance(operation, Permute):
        source: list[Index] = [Index()] * len(index)
        for position, dim in enumerate(operation.dims):
            source[dim] = index[position]
        return build.read(0, tuple(source))
    if isinstance(operation, Expand):
        return build.read(0, broadcast(index, build.specs[0].shape))
    if isinstance(operation, Constant) and build.spec.size == 1:
        return build.literal(operation.value.item())
    raise TypeError(f"no element rule for {operation}")


def is_virtual(node: Node) -> bool:
    """Whether elements of the node are computed where they are read, at next to no cost: views and made-up values."""
    if node.kind is Kind.LEAF:
        return node.is_constant and node.spec.size == 1
    return node.kind in (Kind.MOVEMENT, Kind.CREATION) and has_element(node.operation)


__all__ = ["Apply", "Build", "Convert", "IndexValue", "Literal", "Point", "element", "has_element", "is_virtual"]
