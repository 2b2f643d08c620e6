"""Logic on truth values and on bits, element by element: `logical_and`, `bitwise_xor`, shifts and their relatives."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tracegraph.runtime.errors import DTypeError

from . import dispatch
from .base import operation
from .dispatch import TensorLike, public
from .pointwise import Pointwise, refuse_two_numbers

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "logical_and", "logical_not", "logical_or", "logical_xor",
]  # fmt: skip


class Logical(Pointwise):
    """Takes every number for true but zero; gives bools."""

    arity = 2
    numbers = "none"
    predicate = True
    commutative = True
    inlines = True
    sample_dtypes = ("float32", "int64", "bool")


class Bitwise(Pointwise):
    """Works on the bits of integers, and on bools."""

    arity = 2
    numbers = "one"
    takes = "integer"
    inlines = True
    sample_dtypes: ClassVar[tuple[str, ...]] = ("int64", "uint8", "bool")


@operation
class LogicalAnd(Logical):
    """Whether both operands are true."""

    name = "logical_and"
    expression = "({0} != 0) & ({1} != 0)"
    ufunc = np.logical_and


LOGICAL_AND = LogicalAnd()


@public(inplace=True)
def logical_and(input: TensorLike, other: TensorLike) -> "Tensor":
    """Whether both operands are true: a bool tensor. Every number but zero counts as true.

    >>> tracegraph.logical_and(tracegraph.tensor([1, 0]), tracegraph.tensor([2, 3]))
    tensor([ True, False])
    """
    return dispatch.binary(LOGICAL_AND, input, other)  # type: ignore[no-any-return]


@operation
class LogicalOr(Logical):
    """Whether one of the operands is true."""

    name = "logical_or"
    expression = "({0} != 0) | ({1} != 0)"
    ufunc = np.logical_or


LOGICAL_OR = LogicalOr()


@public(inplace=True)
def logical_or(input: TensorLike, other: TensorLike) -> "Tensor":
    """Whether one of the operands is true: a bool tensor. Every number but zero counts as true.

    >>> tracegraph.logical_or(tracegraph.tensor([1, 0]), tracegraph.tensor([2, 3]))
    tensor([True, True])
    """
    return dispatch.binary(LOGICAL_OR, input, other)  # type: ignore[no-any-return]


@operation
class LogicalXor(Logical):
    """Whether exactly one of the operands is true."""

    name = "logical_xor"
    expression = "({0} != 0) ^ ({1} != 0)"
    ufunc = np.logical_xor


LOGICAL_XOR = LogicalXor()


@public(inplace=True)
def logical_xor(input: TensorLike, other: TensorLike) -> "Tensor":
    """Whether exactly one of the operands is true: a bool tensor. Every number but zero counts as true.

    >>> tracegraph.logical_xor(tracegraph.tensor([1, 0]), tracegraph.tensor([2, 3]))
    tensor([False,  True])
    """
    return dispatch.binary(LOGICAL_XOR, input, other)  # type: ignore[no-any-return]


@operation
class LogicalNot(Logical):
    """Whether the operand is false."""

    name = "logical_not"
    arity = 1
    expression = "{0} == 0"
    commutative = False
    ufunc = np.logical_not


LOGICAL_NOT = LogicalNot()


@public(inplace=True)
def logical_not(input: TensorLike) -> "Tensor":
    """Whether the operand is false: a bool tensor. Every number but zero counts as true.

    >>> tracegraph.logical_not(tracegraph.tensor([2, 0]))
    tensor([False,  True])
    """
    return dispatch.unary(LOGICAL_NOT, input)  # type: ignore[no-any-return]


@operation
class BitwiseAnd(Bitwise):
    """The bits set in both operands."""

    name = "bitwise_and"
    expression = "{0} & {1}"
    ufunc = np.bitwise_and
    commutative = True


BITWISE_AND = BitwiseAnd()


@public(inplace=True)
def bitwise_and(input: TensorLike, other: TensorLike) -> "Tensor":
    """The bits set in both operands, for integers and bools; what `&` between tensors means.

    >>> tracegraph.bitwise_and(tracegraph.tensor([6, 5]), tracegraph.tensor([3, 0]))
    tensor([2, 0])
    """
    return dispatch.binary(BITWISE_AND, input, other)  # type: ignore[no-any-return]


@operation
class BitwiseOr(Bitwise):
    """The bits set in one of the operands."""

    name = "bitwise_or"
    expression = "{0} | {1}"
    ufunc = np.bitwise_or
    commutative = True


BITWISE_OR = BitwiseOr()


@public(inplace=True)
def bitwise_or(input: TensorLike, other: TensorLike) -> "Tensor":
    """The bits set in one of the operands, for integers and bools; what `|` between tensors means.

    >>> tracegraph.bitwise_or(tracegraph.tensor([6, 5]), tracegraph.tensor([3, 0]))
    tensor([7, 5])
    """
    return dispatch.binary(BITWISE_OR, input, other)  # type: ignore[no-any-return]


@operation
class BitwiseXor(Bitwise):
    """The bits set in exactly one of the operands."""

    name = "bitwise_xor"
    expression = "{0} ^ {1}"
    ufunc = np.bitwise_xor
    commutative = True


BITWISE_XOR = BitwiseXor()


@public(inplace=True)
def bitwise_xor(input: TensorLike, other: TensorLike) -> "Tensor":
    """The bits set in exactly one of the operands, for integers and bools; what `^` between tensors means.

    >>> tracegraph.bitwise_xor(tracegraph.tensor([6, 5]), tracegraph.tensor([3, 0]))
    tensor([5, 5])
    """
    return dispatch.binary(BITWISE_XOR, input, other)  # type: ignore[no-any-return]


@operation
class BitwiseNot(Bitwise):
    """All bits of an integer flipped."""

    name = "bitwise_not"
    arity = 1
    expression = "~{0}"
    involution = True
    ufunc = np.invert
    sample_dtypes = ("int64", "uint8")


BITWISE_NOT = BitwiseNot()


@public(inplace=True)
def bitwise_not(input: TensorLike) -> "Tensor":
    """All bits flipped, for integers; the logical not of bools; what `~` means.

    >>> tracegraph.bitwise_not(tracegraph.tensor([0, 5]))
    tensor([-1, -6])
    """
    if dispatch.result_type(input).kind == "b":
        return logical_not(input)
    return dispatch.unary(BITWISE_NOT, input)  # type: ignore[no-any-return]


class Shift(Bitwise):
    """Moves the bits of an integer; a shift by the width or more, or by a negative number, leaves only fill bits."""

    inlines = False
    sample_dtypes = ("int64", "int32", "uint8")


@operation
class LeftShift(Shift):
    """The bits moved to the left."""

    name = "left_shift"
    expression = "select(({1} >= 0) & ({1} < 64), {0} << ({1} & 63), 0)"
    ufunc = np.left_shift


LEFT_SHIFT = LeftShift()


@public(inplace=True)
def bitwise_left_shift(input: TensorLike, other: TensorLike) -> "Tensor":
    """The bits moved to the left by `other` places; zeros come in. `<<` between tensors. Bools are refused.

    >>> tracegraph.bitwise_left_shift(tracegraph.tensor([1, 3]), 2)
    tensor([ 4, 12])
    """
    return _shift(LEFT_SHIFT, input, other)


@operation
class RightShift(Shift):
    """The bits moved to the right."""

    name = "right_shift"
    expression = "{0} >> select(({1} >= 0) & ({1} < 63), {1}, 63)"
    ufunc = np.right_shift


RIGHT_SHIFT = RightShift()


@public(inplace=True)
def bitwise_right_shift(input: TensorLike, other: TensorLike) -> "Tensor":
    """The bits moved to the right by `other` places; copies of the sign come in. Bools are refused; `>>`.

    >>> tracegraph.bitwise_right_shift(tracegraph.tensor([1, 3]), 2)
    tensor([0, 0])
    """
    return _shift(RIGHT_SHIFT, input, other)


def _shift(operation: Shift, input: TensorLike, other: TensorLike) -> "Tensor":
    refuse_two_numbers(operation.name, input, other)
    a, b = dispatch.promote(input, other, takes="integer", name=operation.name)
    if a.dtype.kind == "b":
        raise DTypeError(f"{operation.name}: not defined for bool tensors; cast them first")
    return dispatch.binary(operation, a, b)  # type: ignore[no-any-return]
