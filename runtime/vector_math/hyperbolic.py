"""Formulas of the hyperbolic functions and their inverses, on expressions of either width.

tanh is the quotient expm1(2x) / (expm1(2x) + 2) carried in pairs; the inverses go through log1p
(Abramowitz and Stegun 4.6.20 to 4.6.22); sinh near 0 is a minimax polynomial made for this module (Remez, 60 digits).
"""

from __future__ import annotations

import math

from .exponential import exp_reduced, exp_tail, reduce_by_ln2
from .expression import (
    Expression,
    absolute,
    by_width,
    clamp,
    copy_sign,
    divide_pairs,
    fma,
    polynomial,
    power_of_two,
    quick_two_sum,
    scale_by_power_of_two,
    select,
    square_root,
)
from .logarithm import log1p

# (sinh(x) - x) / x**3 as a polynomial in x**2 on |x| <= 1, weighted errors 2**-34 and 2**-63.
_SINH_SINGLE = (0.1666666648882494, 0.008333350592564463, 0.00019836067103371163, 2.8174354944770237e-06)
_SINH_DOUBLE = (0.16666666666666669, 0.008333333333333139, 0.0001984126984143756, 2.7557319155369765e-06,
                2.505212339398921e-08, 1.60572406585047e-10, 7.759303479394474e-13)  # fmt: skip


def tanh(x: Expression) -> Expression:
    """The hyperbolic tangent."""
    doubled = clamp(2.0 * absolute(x), 0.0, by_width(x, 20.0, 40.0))
    n, r = reduce_by_ln2(doubled)
    scale = power_of_two(n)
    growth, low = quick_two_sum(fma(scale, r, scale - 1.0), scale * exp_tail(r))
    divisor = growth + 2.0
    return copy_sign(divide_pairs(growth, low, divisor, (growth - (divisor - 2.0)) + low), x)


def _half_exp(magnitude: Expression) -> Expression:
    """exp(magnitude) / 2, overflowing only where the half does."""
    n, p = exp_reduced(clamp(magnitude, 0.0, by_width(magnitude, 90.0, 711.0)))
    return scale_by_power_of_two(p, n - 1.0)


def cosh(x: Expression) -> Expression:
    """The hyperbolic cosine."""
    half = _half_exp(absolute(x))
    return half + 0.25 / half


def sinh(x: Expression) -> Expression:
    """The hyperbolic sine."""
    magnitude = absolute(x)
    square = x * x
    near = fma(square * x, polynomial(square, by_width(x, _SINH_SINGLE, _SINH_DOUBLE)), x)
    half = _half_exp(magnitude)
    return select(magnitude < 1.0, near, copy_sign(half - 0.25 / half, x))


def asinh(x: Expression) -> Expression:
    """The inverse hyperbolic sine; from 2**28 on it is log(2|x|)."""
    magnitude = absolute(x)
    square = magnitude * magnitude
    large = magnitude > by_width(x, 2.0**13, 2.0**28)
    growth = magnitude + square / (1.0 + square_root(square + 1.0))
    shifted = log1p(select(large, magnitude - 1.0, growth))
    return copy_sign(shifted + select(large, x.lift(math.log(2.0)), 0.0), x)


def acosh(x: Expression) -> Expression:
    """The inverse hyperbolic cosine; NaN below 1."""
    excess = x - 1.0
    large = x > by_width(x, 2.0**13, 2.0**28)
    growth = excess + square_root(fma(excess, excess, 2.0 * excess))
    shifted = log1p(select(large, excess, growth)) + select(large, x.lift(math.log(2.0)), 0.0)
    return select(x < 1.0, math.nan, shifted)


def atanh(x: Expression) -> Expression:
    """The inverse hyperbolic tangent; infinite at +-1, NaN beyond."""
    magnitude = absolute(x)
    return copy_sign(0.5 * log1p((magnitude + magnitude) / (1.0 - magnitude)), x)
