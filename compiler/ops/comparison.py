"""Comparisons, element by element, which give bool tensors; `isclose`, `allclose` and `equal` for whole tensors."""

import builtins
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tracegraph.runtime.errors import ArgumentError, DTypeError

from . import dispatch
from .base import operation
from .dispatch import TensorLike, public
from .pointwise import Pointwise, require_tensors

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "allclose", "eq", "equal", "ge", "greater", "greater_equal", "gt", "isclose", "isfinite", "isinf", "isnan", "le",
    "less", "less_equal", "lt", "ne", "not_equal",
]  # fmt: skip


class Predicate(Pointwise):
    """A question about one element, answered with a bool."""

    predicate = True
    inlines = True
    sample_dtypes: ClassVar[tuple[str, ...]] = ("float32", "float64", "int64", "bool")


class Comparison(Predicate):
    """A question about two elements."""

    arity = 2
    numbers = "second"
    sample_dtypes = ("float32", "float64", "int64", "uint8", "bool")


@operation
class Equal(Comparison):
    """Whether the operands are equal."""

    name = "equal"
    expression = "{0} == {1}"
    ufunc = np.equal
    commutative = True


EQUAL = Equal()


@public(inplace=True)
def eq(input: TensorLike, other: TensorLike) -> "Tensor":
    """Whether the operands are equal: a bool tensor, what `==` between tensors means.

    >>> tracegraph.eq(tracegraph.tensor([1, 2, 3]), 2)
    tensor([False,  True, False])
    """
    return dispatch.binary(EQUAL, input, other)  # type: ignore[no-any-return]


@operation
class NotEqual(Comparison):
    """Whether the operands differ."""

    name = "not_equal"
    expression = "{0} != {1}"
    ufunc = np.not_equal
    commutative = True


NOT_EQUAL = NotEqual()


@public(inplace=True, aliases=("not_equal",))
def ne(input: TensorLike, other: TensorLike) -> "Tensor":
    """Whether the operands differ: a bool tensor, what `!=` between tensors means.

    >>> tracegraph.ne(tracegraph.tensor([1, 2, 3]), 2)
    tensor([ True, False,  True])
    """
    return dispatch.binary(NOT_EQUAL, input, other)  # type: ignore[no-any-return]


not_equal = ne


@operation
class Less(Comparison):
    """Whether the first operand is less than the second."""

    name = "less"
    expression = "{0} < {1}"
    ufunc = np.less


LESS = Less()


@public(inplace=True, aliases=("less",))
def lt(input: TensorLike, other: TensorLike) -> "Tensor":
    """Whether the first operand is less than the second: a bool tensor, what `<` between tensors means.

    >>> tracegraph.lt(tracegraph.tensor([1, 2, 3]), 2)
    tensor([ True, False, False])
    """
    return dispatch.binary(LESS, input, other)  # type: ignore[no-any-return]


less = lt


@operation
class LessEqual(Comparison):
    """Whether the first operand is at most the second."""

    name = "less_equal"
    expression = "{0} <= {1}"
    ufunc = np.less_equal


LESS_EQUAL = LessEqual()


@public(inplace=True, aliases=("less_equal",))
def le(input: TensorLike, other: TensorLike) -> "Tensor":
    """Whether the first operand is at most the second: a bool tensor, what `<=` between tensors means.

    >>> tracegraph.le(tracegraph.tensor([1, 2, 3]), 2)
    tensor([ True,  True, False])
    """
    return dispatch.binary(LESS_EQUAL, input, other)  # type: ignore[no-any-return]


less_equal = le


@operation
class Greater(Comparison):
    """Whether the first operand is greater than the second."""

    name = "greater"
    expression = "{0} > {1}"
    ufunc = np.greater


GREATER = Greater()


@public(inplace=True, aliases=("greater",))
def gt(input: TensorLike, other: TensorLike) -> "Tensor":
    """Whether the first operand is greater than the second: a bool tensor, what `>` between tensors means.

    >>> tracegraph.gt(tracegraph.tensor([1, 2, 3]), 2)
    tensor([False, False,  True])
    """
    return dispatch.binary(GREATER, input, other)  # type: ignore[no-any-return]


greater = gt


@operation
class GreaterEqual(Comparison):
    """Whether the first operand is at least the second."""

    name = "greater_equal"
    expression = "{0} >= {1}"
    ufunc = np.greater_equal


GREATER_EQUAL = GreaterEqual()


@public(inplace=True, aliases=("greater_equal",))
def ge(input: TensorLike, other: TensorLike) -> "Tensor":
    """Whether the first operand is at least the second: a bool tensor, what `>=` between tensors means.

    >>> tracegraph.ge(tracegraph.tensor([1, 2, 3]), 2)
    tensor([False,  True,  True])
    """
    return dispatch.binary(GREATER_EQUAL, input, other)  # type: ignore[no-any-return]


greater_equal = ge


@operation
class IsNan(Predicate):
    """Whether the operand is not a number."""

    name = "isnan"
    expression = "{0} != {0}"
    integer_expression = "False"
    ufunc = np.isnan


ISNAN = IsNan()


@public()
def isnan(input: TensorLike) -> "Tensor":
    """Whether the operand is not a number: a bool tensor.

    >>> tracegraph.isnan(tracegraph.tensor([1.0, float("inf"), float("nan")]))
    tensor([False, False,  True])
    """
    return dispatch.unary(ISNAN, input)  # type: ignore[no-any-return]


@operation
class IsInf(Predicate):
    """Whether the operand is infinite."""

    name = "isinf"
    expression = "({0} == {0}) & ({0} - {0} != {0} - {0})"
    integer_expression = "False"
    ufunc = np.isinf


ISINF = IsInf()


@public()
def isinf(input: TensorLike) -> "Tensor":
    """Whether the operand is infinite: a bool tensor.

    >>> tracegraph.isinf(tracegraph.tensor([1.0, float("inf"), float("nan")]))
    tensor([False,  True, False])
    """
    return dispatch.unary(ISINF, input)  # type: ignore[no-any-return]


@operation
class IsFinite(Predicate):
    """Whether the operand is neither infinite nor NaN."""

    name = "isfinite"
    expression = "{0} - {0} == {0} - {0}"
    integer_expression = "True"
    ufunc = np.isfinite


ISFINITE = IsFinite()


@public()
def isfinite(input: TensorLike) -> "Tensor":
    """Whether the operand is neither infinite nor NaN: a bool tensor.

    >>> tracegraph.isfinite(tracegraph.tensor([1.0, float("inf"), float("nan")]))
    tensor([ True, False, False])
    """
    return dispatch.unary(ISFINITE, input)  # type: ignore[no-any-return]


@public()
def isclose(
    input: "Tensor", other: "Tensor", rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> "Tensor":
    """Whether the operands differ by at most `atol + rtol * abs(other)`; infinities are close to themselves only.

    Raises:
        DTypeError: when the dtypes differ.
        ArgumentError: for a negative tolerance.

    >>> tracegraph.isclose(tracegraph.tensor([1.0, 2.0]), tracegraph.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    require_tensors("isclose", input, other)
    if input.dtype != other.dtype:
        raise DTypeError(f"isclose: operands must have one dtype, got {input.dtype} and {other.dtype}")
    if rtol < 0 or atol < 0:
        raise ArgumentError(f"isclose: rtol and atol must not be negative, got {rtol} and {atol}")
    close = eq(input, other)
    if input.dtype.kind == "f" and equal_nan:
        close = close | (isnan(input) & isnan(other))
    if rtol == 0 and atol == 0:
        return close
    if input.dtype.kind != "f":  # so that differences of unsigned integers do not wrap
        input, other = input.to(dispatch.default_dtype()), other.to(dispatch.default_dtype())
    difference = (input - other).abs()
    return close | (isfinite(difference) & (difference <= (other * rtol).abs() + atol))  # type: ignore[no-any-return]


@public()
def allclose(
    input: "Tensor", other: "Tensor", rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> builtins.bool:
    """Whether all elements are close, as a Python bool (see `isclose`).

    >>> tracegraph.allclose(tracegraph.tensor([1.0, 2.0]), tracegraph.tensor([1.0, 2.1]))
    False
    """
    return builtins.bool(isclose(input, other, rtol, atol, equal_nan).all())


@public()
def equal(input: "Tensor", other: "Tensor") -> builtins.bool:
    """Whether shape, dtype class and all elements are equal, as a Python bool; NaN equals nothing.

    >>> tracegraph.equal(tracegraph.tensor([1, 2]), tracegraph.tensor([1, 2]))
    True
    """
    require_tensors("equal", input, other)
    return input.shape == other.shape and builtins.bool(eq(input, other).all())
