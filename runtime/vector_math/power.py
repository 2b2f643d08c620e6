"""Formulas of pow, sqrt, rsqrt and cbrt, on expressions of either width.

pow in float64 takes its logarithm as a sum of two numbers (Dekker 1971; the series 2 atanh(s) with its first terms in
pairs), in float32 it is exp2(y log2 x) computed in float64. Coefficients: minimax fits (Remez, 60 digits) made here.
"""

from __future__ import annotations

import math

from .exponential import LN2_DOUBLE, exp_reduced
from .expression import (
    F32,
    F64,
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
from .logarithm import split_any_exponent, split_exponent

# (2 atanh(s) - 2 s - (2/3) s**3) / s**5 as a polynomial in s**2, weighted error 2**-73.5.
_ATANH_TAIL = (0.3999999999999998, 0.2857142857144478, 0.22222222217603674, 0.18181818863294225, 0.15384557287864106,
               0.13336303222056245, 0.11675077033991302, 0.11987060820829458)  # fmt: skip
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
# log2(1 + f) / f on [sqrt(1/2) - 1, sqrt(2) - 1], error 2**-38; 2**r on |r| <= 1/2, error 2**-34.5.
_LOG2_RATIO = (1.4426950408865737, -0.7213475203275922, 0.4808983488036186, -0.36067379313451, 0.28853879566727597,
               -0.2404464336079264, 0.20610712480542098, -0.1804367517294749, 0.16021664501313196,
               -0.14249861131381175, 0.13027574072960288, -0.13462948805836392, 0.13251179910698196,
               -0.06973876457164811)  # fmt: skip
_EXP2 = (0.9999999999595532, 0.6931471805350553, 0.24022651213561652, 0.05550410976004516, 0.009618025605612951,
         0.001333342271925151, 0.00015469731434728643, 1.5316447082493016e-05)  # fmt: skip
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
    seed = select(remainder > 0.5, mantissa.lift(2.0 ** (-1 / 3)), select(remainder < -0.5, mantissa.lift(2.0 ** (1 / 3)), 1.0))
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
    """log(x) for positive x of float64 as a rounded value and the rest, relative error near 2**-65."""
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
    third, third_low = two_product(cube, _TWO_THIRDS[0])
    third_low = third_low + fma(cube, _TWO_THIRDS[1], cube_low * _TWO_THIRDS[0])
    fifth = cube * square * polynomial(square, _ATANH_TAIL)
    shift, shift_low = two_product(exponent, LN2_DOUBLE[0])
    shift_low = fma(exponent, LN2_DOUBLE[1], shift_low)
    total, rest = quick_two_sum(shift, s + s)
    total, more = quick_two_sum(total, third)
    low = (rest + more) + (((s_low + s_low) + third_low) + (shift_low + fifth))
    return quick_two_sum(total, low)


def _power_double(magnitude: Expression, y: Expression) -> Expression:
    """magnitude**y in float64, magnitude not negative."""
    high, low = _log_pair(magnitude)
    regular = (magnitude > 0.0) & (magnitude < math.inf)
    high = select(regular, high, select(magnitude.equals(0.0), -math.inf, magnitude))
    product = y * high
    error = fma(y, low, fma(y, high, -product))
    limited = clamp(product, -800.0, 800.0)
    error = select(limited.equals(product) & regular, error, 0.0)
    n, p = exp_reduced(limited, error)
    return scale_by_power_of_two(p, n)


def _power_single(magnitude: Expression, y: Expression) -> Expression:
    """magnitude**y for float32 operands, computed in float64, magnitude not negative."""
    wide = magnitude.to(F64)
    exponent, mantissa = split_exponent(wide)
    f = mantissa - 1.0
    logarithm = fma(f, polynomial(f, _LOG2_RATIO), exponent)
    regular = (wide > 0.0) & (wide < math.inf)
    logarithm = select(regular, logarithm, select(wide.equals(0.0), -math.inf, wide))
    product = clamp(y.to(F64) * logarithm, -200.0, 200.0)
    n = nearest(product)
    return (polynomial(product - n, _EXP2) * power_of_two(n)).to(F32)


def pow(x: Expression, y: Expression) -> Expression:  # noqa: A001
    """x**y with the C standard's special values: x**0 and 1**y are 1, NaN for negative x and fractional y."""
    magnitude = absolute(x)
    result = (_power_single if x.format is F32 else _power_double)(magnitude, y)
    halved = 0.5 * y
    whole = intrinsic_call("llvm.trunc", y).equals(y)
    odd = whole & intrinsic_call("llvm.trunc", halved).differs(halved)
    negative = x < 0.0
    result = select(negative & (y.differs(0.0)) & ~whole & (magnitude < math.inf), math.nan, result)
    result = select(odd, copy_sign(result, x), result)
    is_one = y.equals(0.0) | x.equals(1.0) | (magnitude.equals(1.0) & absolute(y).equals(math.inf))
    return select(is_one, 1.0, result)
