"""Formulas of pow, sqrt, rsqrt and cbrt, on expressions of either width.

pow takes its logarithm as a sum of two numbers (pairs after Dekker 1971), from the series of 2 atanh(s) with its first
terms in pairs. Coefficients: minimax fits (Remez at 60 digits) made for this module.
"""

from __future__ import annotations

import math

from .exponential import LN2_DOUBLE, LN2_SINGLE, exp_reduced
from .expression import (
    Expression,
    absolute,
    by_width,
    clamp,
    copy_sign,
    fma,
    intrinsic_call,
    nearest,
    polynomial,
    power_of_two,
    quick_two_sum,
    scale_by_power_of_two,
    select,
    square_root,
    two_product,
)
from .logarithm import split_any_exponent

# (2 atanh(s) - 2 s - (2/3) s**3) / s**5 as a polynomial in s**2, weighted errors 2**-36.7 and 2**-73.5.
_ATANH_TAIL_SINGLE = (0.400001504789139, 0.28547279213738463, 0.23415562722139405)
_ATANH_TAIL_DOUBLE = (0.3999999999999998, 0.2857142857144478, 0.22222222217603674, 0.18181818863294225,
                      0.15384557287864106, 0.13336303222056245, 0.11675077033991302, 0.11987060820829458)  # fmt: skip
_TWO_THIRDS_SINGLE = (0.6666666865348816, -1.9868215517249155e-08)
_TWO_THIRDS_DOUBLE = (0.6666666666666666, 3.700743415417188e-17)
# m**(-1/3) on [sqrt(1/2), sqrt(2)], error 2**-17.4.
_INVERSE_CUBE_ROOT = (1.999168395958989, -2.4859089800587735, 2.792190465631409, -1.8981139955311805,
                      0.7007307331575524, -0.10806277316826848)  # fmt: skip


def sqrt(x: Expression) -> Expression:
    """The square root, correctly rounded; NaN below 0."""
    return square_root(x)


def rsqrt(x: Expression) -> Expression:
    """1 / sqrt(x); infinite at 0."""
    return 1.0 / square_root(x)


def cbrt(x: Expression) -> Expression:
    """The cube root of any real number: an inverse root by Newton's iteration, then one corrected step for the root."""
    magnitude = absolute(x)
    exponent, mantissa = split_any_exponent(magnitude)
    third = nearest(exponent * (1.0 / 3.0))
    # mantissa * 2**remainder, remainder in {-1, 0, 1}, is the exact argument of the root; the seed needs the factor's.
    remainder = fma(third, -3.0, exponent)
    seed = select(
        remainder > 0.5, mantissa.lift(2.0 ** (-1 / 3)), select(remainder < -0.5, mantissa.lift(2.0 ** (1 / 3)), 1.0)
    )
    m = mantissa * power_of_two(remainder)
    y = polynomial(mantissa, _INVERSE_CUBE_ROOT) * seed
    for _ in range(by_width(x, 1, 2)):
        y = fma(y * (1.0 / 3.0), 1.0 - m * y * y * y, y)
    square = y * y
    root = m * square
    cube_base, cube_base_low = two_product(root, root)
    residual = fma(-cube_base_low, root, fma(-cube_base, root, m))
    correction = residual * (square * (1.0 / 3.0))
    result = (root + correction) * power_of_two(third)
    regular = (magnitude > 0.0) & (magnitude < math.inf)
    return copy_sign(select(regular, result, magnitude), x)


def _log_pair(x: Expression) -> tuple[Expression, Expression]:
    """log(x) for positive x as a rounded value and the rest: about 10 more bits than the width holds."""
    two_thirds, two_thirds_low = by_width(x, _TWO_THIRDS_SINGLE, _TWO_THIRDS_DOUBLE)
    ln2, ln2_low = by_width(x, LN2_SINGLE, LN2_DOUBLE)
    exponent, m = split_any_exponent(x)
    f = m - 1.0
    divisor, divisor_low = quick_two_sum(x.lift(2.0), f)
    inverse = 1.0 / divisor
    s = f * inverse
    s_low = fma(-s, divisor_low, fma(-s, divisor, f)) * inverse
    square, square_low = two_product(s, s)
    square_low = fma(s + s, s_low, square_low)
    cube, cube_low = two_product(square, s)
    cube_low = cube_low + fma(square, s_low, square_low * s)
    third, third_low = two_product(cube, two_thirds)
    third_low = third_low + fma(cube, two_thirds_low, cube_low * two_thirds)
    fifth = cube * square * polynomial(square, by_width(x, _ATANH_TAIL_SINGLE, _ATANH_TAIL_DOUBLE))
    shift, shift_low = two_product(exponent, ln2)
    shift_low = fma(exponent, ln2_low, shift_low)
    total, rest = quick_two_sum(shift, s + s)
    total, more = quick_two_sum(total, third)
    low = (rest + more) + (((s_low + s_low) + third_low) + (shift_low + fifth))
    return quick_two_sum(total, low)


def _power(magnitude: Expression, y: Expression) -> Expression:
    """magnitude**y, magnitude not negative."""
    high, low = _log_pair(magnitude)
    regular = (magnitude > 0.0) & (magnitude < math.inf)
    high = select(regular, high, select(magnitude.equals(0.0), -math.inf, magnitude))
    product = y * high
    error = fma(y, low, fma(y, high, -product))
    limited = clamp(product, *by_width(y, (-110.0, 95.0), (-760.0, 720.0)))
    error = select(limited.equals(product) & regular, error, 0.0)
    n, p = exp_reduced(limited, error)
    return scale_by_power_of_two(p, n)


def pow(x: Expression, y: Expression) -> Expression:
    """x**y with the C standard's special values: x**0 and 1**y are 1, NaN for negative x and fractional y."""
    magnitude = absolute(x)
    result = _power(magnitude, y)
    halved = 0.5 * y
    whole = intrinsic_call("llvm.trunc", y).equals(y)
    odd = whole & intrinsic_call("llvm.trunc", halved).differs(halved)
    negative = x < 0.0
    result = select(negative & (y.differs(0.0)) & ~whole & (magnitude < math.inf), math.nan, result)
    result = select(odd, copy_sign(result, x), result)
    is_one = y.equals(0.0) | x.equals(1.0) | (magnitude.equals(1.0) & absolute(y).equals(math.inf))
    return select(is_one, 1.0, result)
