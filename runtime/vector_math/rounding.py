"""Formulas of rounding, sign and remainder functions, on expressions of either width; maximum and minimum for any type."""

from __future__ import annotations

import math

from .expression import F32, F64, Expression, absolute, copy_sign, fma, intrinsic_call, nearest, select


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


def _positive_remainder_single(x: Expression, y: Expression) -> Expression:
    """|x| - trunc(|x| / |y|) |y|, exact, for float32 operands by steps in float64 that each remove 52 quotient bits."""
    remainder, divisor = absolute(x).to(F64), absolute(y).to(F64)
    for _ in range(6):
        # The quotient rounded by a last place only moves the remainder by a multiple of the divisor.
        quotient = intrinsic_call("llvm.trunc", remainder / divisor)
        remainder = absolute(fma(-quotient, divisor, remainder))
    return remainder.to(F32)


def fmod(x: Expression, y: Expression) -> Expression:
    """The remainder of x / y with the sign of x, exact (C's fmod)."""
    return x._wrap(x.builder.frem(x.value, y.value, flags=("arcp",)))


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
