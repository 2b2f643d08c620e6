"""Formulas of rounding, signs, remainders, maximum and minimum, on expressions of either width."""

from __future__ import annotations

import math

from .expression import F64, Expression, absolute, copy_sign, fma, intrinsic_call, nearest, select
from .rare_case import rare_call


def floor(x: Expression) -> Expression:
    """The largest integer not above x."""
    return intrinsic_call("llvm.floor", x)


def ceil(x: Expression) -> Expression:
    """The smallest integer not below x."""
    return intrinsic_call("llvm.ceil", x)


def trunc(x: Expression) -> Expression:
    """x without its fraction."""
    return intrinsic_call("llvm.trunc", x)


def round_half_even(x: Expression) -> Expression:
    """The nearest integer, ties to even."""
    return nearest(x)


def sign(x: Expression) -> Expression:
    """-1, 0 or 1; NaN stays NaN."""
    unit = copy_sign(x.lift(1.0), x)
    return select(x.is_nan(), x, select(x.equals(0.0), 0.0, unit))


def _has_long_quotient(x: Expression, y: Expression) -> Expression:
    # Where the product overflows, no finite x is beyond it.
    return absolute(x) > absolute(y) * 2.0**52


def fmod(x: Expression, y: Expression) -> Expression:
    """The remainder of x / y with the sign of x, exact; quotients beyond 2**52 are left to the C library's fmod."""
    dividend, divisor = absolute(x).to(F64), absolute(y).to(F64)
    quotient = trunc(dividend / divisor)
    # The division may have rounded up to the next integer; the remainder is then exact too, but negative.
    rest = fma(-quotient, divisor, dividend)
    rest = select(rest < 0.0, rest + divisor, rest)
    rest = select(divisor.equals(math.inf) & (dividend < math.inf), dividend, rest)
    library = rare_call("fmod", "fmod", _has_long_quotient, dividend, divisor)
    return copy_sign(select(_has_long_quotient(dividend, divisor), library, rest).to(x.format), x)


def remainder(x: Expression, y: Expression) -> Expression:
    """The remainder of x / y with the sign of y (Python's %)."""
    rest = fmod(x, y)
    opposed = rest.differs(0.0) & ((rest < 0.0) ^ (y < 0.0))
    return select(opposed, rest + y, select(rest.equals(0.0), copy_sign(rest, y), rest))


def maximum(x: Expression, y: Expression) -> Expression:
    """The larger float; NaN if either is NaN."""
    return select((x > y) | x.is_nan(), x, y)


def minimum(x: Expression, y: Expression) -> Expression:
    """The smaller float; NaN if either is NaN."""
    return select((x < y) | x.is_nan(), x, y)
