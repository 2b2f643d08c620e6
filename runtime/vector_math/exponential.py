"""Formulas of the exponential family: exp, exp2, expm1 and the logistic sigmoid, on expressions of either width.

Range reduction x = n ln 2 + r after Cody and Waite, "Software Manual for the Elementary Functions" (1980), exact
through fused multiply-add; the polynomials are minimax fits (Remez at 60 digits) made for this module.
"""

from __future__ import annotations

from .expression import (
    Expression,
    absolute,
    by_width,
    clamp,
    copy_sign,
    divide_pairs,
    fma,
    nearest,
    polynomial,
    power_of_two,
    scale_by_power_of_two,
    select,
)

# ln 2 as a sum of two numbers of the width, and 1 / ln 2.
LN2_SINGLE = (0.6931471824645996, -1.9046542121259336e-09)
LN2_DOUBLE = (0.6931471805599453, 2.3190468138462996e-17)
INVERSE_LN2 = 1.4426950408889634

# (exp(r) - 1 - r) / r**2 on |r| <= 0.347, errors of r**2 P(r) relative to expm1(r): 2**-32 and 2**-61.7.
_TAIL_SINGLE = (0.5000000046727232, 0.16666666818212386, 0.04166635325363124, 0.008333272770735074,
                0.0013941126228680868, 0.0001991433245060806)  # fmt: skip
_TAIL_DOUBLE = (0.5, 0.16666666666666677, 0.0416666666666667, 0.00833333333332151, 0.0013888888888866583,
                0.00019841269886464202, 2.4801587361050255e-05, 2.755724384137859e-06, 2.755724234188478e-07,
                2.5109174001009292e-08, 2.092457189126017e-09)  # fmt: skip

# Arguments beyond these give 0 and infinity by the rounding of the last multiplication.
EXP_RANGE_SINGLE = (-104.0, 89.0)
EXP_RANGE_DOUBLE = (-746.0, 710.0)


def reduce_by_ln2(x: Expression) -> tuple[Expression, Expression]:
    """Integer n (as a float) and r with x = n ln 2 + r, |r| <= 0.347."""
    high, low = by_width(x, LN2_SINGLE, LN2_DOUBLE)
    n = nearest(x * INVERSE_LN2)
    return n, fma(-n, low, fma(-n, high, x))


def exp_tail(r: Expression) -> Expression:
    """exp(r) - 1 - r for |r| <= 0.347."""
    return r * r * polynomial(r, by_width(r, _TAIL_SINGLE, _TAIL_DOUBLE))


def exp_reduced(x: Expression, low: Expression | None = None) -> tuple[Expression, Expression]:
    """n and p in [0.7, 1.42] with exp(x + low) = p 2**n; x finite and in the range of integers of the width."""
    n, r = reduce_by_ln2(x)
    if low is not None:
        r = r + low
    return n, 1.0 + (r + exp_tail(r))


def exp_bounded(x: Expression) -> Expression:
    """exp(x) for x between -87 and 88 (float32) or -708 and 709 (float64), without treatment of the ends."""
    n, p = exp_reduced(x)
    return p * power_of_two(n)


def exp(x: Expression) -> Expression:
    """e**x."""
    n, p = exp_reduced(clamp(x, *by_width(x, EXP_RANGE_SINGLE, EXP_RANGE_DOUBLE)))
    return scale_by_power_of_two(p, n)


def exp2(x: Expression) -> Expression:
    """2**x: the integer part is split off exactly, the rest is multiplied by ln 2 in two parts."""
    bounded = clamp(x, *by_width(x, (-151.0, 129.0), (-1076.0, 1025.0)))
    high, low = by_width(x, LN2_SINGLE, LN2_DOUBLE)
    n = nearest(bounded)
    fraction = bounded - n
    r = fraction * high
    r_low = fma(fraction, high, -r) + fraction * low
    return scale_by_power_of_two(1.0 + (r + (exp_tail(r) + r_low)), n)


def expm1(x: Expression) -> Expression:
    """e**x - 1, with full relative accuracy near 0."""
    low, high = by_width(x, (-18.0, 89.0), (-38.0, 710.0))
    n, r = reduce_by_ln2(clamp(x, low, high))
    tail = exp_tail(r)
    half = power_of_two(n - 1.0)
    doubled = fma(half, tail, fma(half, r, half - 0.5))
    return copy_sign(select(n.equals(0.0), r + tail, doubled + doubled), x)


def sigmoid(x: Expression) -> Expression:
    """1 / (1 + e**-x), from e**-|x|, so that neither side overflows and the left tail keeps its relative accuracy."""
    decay = exp(-absolute(x))
    divisor = 1.0 + decay
    return divide_pairs(select(x < 0.0, decay, 1.0), None, divisor, decay - (divisor - 1.0))
