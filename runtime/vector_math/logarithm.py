"""Formulas of the logarithms: log, log2, log10 and log1p, on expressions of either width.

x = m 2**e with m in [sqrt(1/2), sqrt(2)), f = m - 1. In float64 log(1+f) = f - f**2/2 + s (f**2/2 + R(s**2)) with
s = f / (2 + f) (K. C. Ng's scheme in FreeBSD's msun), in float32 one polynomial in f as in Cephes; coefficients are
minimax fits (Remez at 60 digits) made for this module.
"""

from __future__ import annotations

import math

from .exponential import LN2_DOUBLE, LN2_SINGLE
from .expression import (
    F32,
    Expression,
    absolute,
    by_width,
    fma,
    polynomial,
    power_of_two,
    quick_two_sum,
    select,
    two_product,
    two_sum,
)

# (log(1+f) - f + f**2/2) / f**3 on [sqrt(1/2) - 1, sqrt(2) - 1], weighted error 2**-30.3.
_CUBIC_SINGLE = (0.3333331259546043, -0.2500000952677562, 0.20002118984208575, -0.16667999933056868,
                 0.14219550563760897, -0.12405518614927302, 0.11888104577023974, -0.11676034215807402,
                 0.06747216538180648)  # fmt: skip
# (2 atanh(s) - 2 s) / s**3 as a polynomial in s**2, weighted error 2**-65.7.
_ATANH_DOUBLE = (0.6666666666666666, 0.4000000000000624, 0.28571428569086826, 0.22222222646677853, 0.1818177567379274,
                 0.15387090434094733, 0.13250124766314242, 0.13251273497864122)  # fmt: skip

_INVERSE_LN2_SINGLE = (1.4426950216293335, 1.925963033500011e-08)
_INVERSE_LN2_DOUBLE = (1.4426950408889634, 2.0355273740931033e-17)
_INVERSE_LN10_SINGLE = (0.4342944920063019, -1.0103049952192578e-08)
_INVERSE_LN10_DOUBLE = (0.4342944819032518, 1.098319650216765e-17)
_LOG10_2_SINGLE = (0.3010300099849701, -1.432098883924482e-08)
_LOG10_2_DOUBLE = (0.3010299956639812, -2.8037281277851704e-18)


def split_exponent(x: Expression) -> tuple[Expression, Expression]:
    """Exponent e (as a float) and mantissa m in [sqrt(1/2), sqrt(2)) with x = m 2**e; x positive, finite and normal."""
    shape = x.format
    root = shape.bits_of(math.sqrt(0.5))
    magic = 2.0**shape.fraction_bits
    shifted = x.bits() + (shape.bits_of(1.0) - root)
    exponent = (shifted.logical_shift_right(shape.fraction_bits) | shape.bits_of(magic)).as_float()
    mantissa = ((shifted & ((1 << shape.fraction_bits) - 1)) + root).as_float()
    return exponent - (magic + shape.bias), mantissa


def split_any_exponent(x: Expression) -> tuple[Expression, Expression]:
    """As `split_exponent`, for denormal x too."""
    smallest, digits = by_width(x, (2.0**-126, 25), (2.0**-1022, 54))
    tiny = x < smallest
    exponent, mantissa = split_exponent(select(tiny, x * 2.0**digits, x))
    return exponent - select(tiny, x.lift(float(digits)), 0.0), mantissa


def log_correction(f: Expression, half_square: Expression) -> Expression:
    """log(1 + f) - f + f**2/2, for 1 + f in [sqrt(1/2), sqrt(2)]."""
    if f.format is F32:
        return (f * f) * f * polynomial(f, _CUBIC_SINGLE)
    s = f / (2.0 + f)
    square = s * s
    return s * (half_square + square * polynomial(square, _ATANH_DOUBLE))


def _combine(exponent: Expression, f: Expression) -> Expression:
    """exponent * ln 2 + log(1 + f)."""
    high, low = by_width(f, LN2_SINGLE, LN2_DOUBLE)
    half_square = 0.5 * f * f
    correction = log_correction(f, half_square)
    return fma(exponent, high, f - (half_square - fma(exponent, low, correction)))


def _with_special_values(x: Expression, regular: Expression) -> Expression:
    """`regular` for 0 < x < infinity; -infinity at 0, infinity at infinity, NaN below 0."""
    edge = select(x.equals(0.0), x.lift(-math.inf), select(x > 0.0, x, math.nan))
    return select((x > 0.0) & (x < math.inf), regular, edge)


def log(x: Expression) -> Expression:
    """The natural logarithm."""
    exponent, mantissa = split_any_exponent(x)
    return _with_special_values(x, _combine(exponent, mantissa - 1.0))


def _log_in_base(x: Expression, scale: tuple[float, float], step: tuple[float, float]) -> Expression:
    """log(x) * scale with exponents counted in steps; scale and step = scale * ln 2 are given as pairs."""
    exponent, mantissa = split_any_exponent(x)
    f = mantissa - 1.0
    half_square = 0.5 * f * f
    # Only the leading term f * scale needs a pair: what follows it is below a sixth of the result.
    leading, error = two_product(f, scale[0])
    error = fma(log_correction(f, half_square) - half_square, scale[0], fma(f, scale[1], error))
    shift = exponent * step[0]
    total, rest = quick_two_sum(shift, leading)
    if step[1] != 0.0:
        rest = rest + fma(exponent, step[1], fma(exponent, step[0], -shift))
    return _with_special_values(x, total + (rest + error))


def log2(x: Expression) -> Expression:
    """The logarithm to base 2; exact at powers of 2."""
    return _log_in_base(x, by_width(x, _INVERSE_LN2_SINGLE, _INVERSE_LN2_DOUBLE), (1.0, 0.0))


def log10(x: Expression) -> Expression:
    """The logarithm to base 10."""
    scale = by_width(x, _INVERSE_LN10_SINGLE, _INVERSE_LN10_DOUBLE)
    return _log_in_base(x, scale, by_width(x, _LOG10_2_SINGLE, _LOG10_2_DOUBLE))


def log1p(x: Expression) -> Expression:
    """log(1 + x), with full relative accuracy near 0: the rounding error of 1 + x goes into the reduced argument."""
    total, residue = two_sum(x, 1.0)
    exponent, mantissa = split_exponent(total)
    # Beyond 2**100 the residue is far below the last place; the limit keeps the power of two normal.
    shift = select(exponent > 100.0, x.lift(-100.0), -exponent)
    result = _combine(exponent, fma(residue, power_of_two(shift), mantissa - 1.0))
    result = select(absolute(x) < by_width(x, 2.0**-26, 2.0**-55), x, result)
    edge = select(x.equals(-1.0), x.lift(-math.inf), select(x > 0.0, x, math.nan))
    return select((x > -1.0) & (x < math.inf), result, edge)
