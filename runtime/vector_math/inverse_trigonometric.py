"""Formulas of asin, acos, atan and atan2, on expressions of either width.

asin and acos halve their argument through the square root (Abramowitz and Stegun 4.4.31 and following), atan reduces
to |t| <= tan(pi/8) with one division for all cases; polynomials are minimax fits (Remez, 60 digits) made here.
"""

from __future__ import annotations

import math

from .expression import (
    Expression,
    absolute,
    by_width,
    copy_sign,
    fma,
    polynomial,
    select,
    square_root,
)

# (asin(t) - t) / t**3 as a polynomial in t**2 on |t| <= 1/2, weighted errors 2**-31.7 and 2**-59.8.
_ASIN_SINGLE = (0.16666659890023472, 0.0750051044600129, 0.044515739936348296, 0.03181786811589951,
                0.014400399372973553, 0.03756972606773368)  # fmt: skip
_ASIN_DOUBLE = (0.1666666666666676, 0.07499999999970607, 0.04464285717488976, 0.03038194269155905, 0.022372215501326658,
                0.017351602044188154, 0.013980946816431642, 0.01139783574990982, 0.010786482188996015,
                0.003682267627344132, 0.021767440461969316, -0.021085492974444363, 0.03268351355899458)  # fmt: skip
# (atan(t) - t) / t**3 as a polynomial in t**2 on |t| <= sqrt(2) - 1, weighted errors 2**-30.5 and 2**-59.5.
_ATAN_SINGLE = (
    -0.333333155186547,
    0.1999848848244581,
    -0.14243808919039408,
    0.10595587843370133,
    -0.060821638055447165,
)
_ATAN_DOUBLE = (-0.33333333333333204, 0.1999999999995447, -0.14285714280270545, 0.11111110786652863,
                -0.09090897838705556, 0.07692061501925117, -0.06663117221595402, 0.058479759820274126,
                -0.05039658764464462, 0.03807272602460525, -0.017915328197386015)  # fmt: skip

_HALF_PI_SINGLE = (1.5707963705062866, -4.371138828673793e-08)
_HALF_PI_DOUBLE = (1.5707963267948966, 6.123233995736766e-17)


def _half_pi(x: Expression) -> tuple[float, float]:
    return by_width(x, _HALF_PI_SINGLE, _HALF_PI_DOUBLE)


def _reduced_asin(magnitude: Expression) -> tuple[Expression, Expression]:
    """asin of |x| where |x| <= 1/2, else of sqrt((1 - |x|) / 2); with the condition for the second case."""
    large = magnitude > 0.5
    square = select(large, 0.5 * (1.0 - magnitude), magnitude * magnitude)
    t = select(large, square_root(square), magnitude)
    return fma(square * t, polynomial(square, by_width(t, _ASIN_SINGLE, _ASIN_DOUBLE)), t), large


def asin(x: Expression) -> Expression:
    """The inverse sine; NaN beyond +-1."""
    angle, large = _reduced_asin(absolute(x))
    high, low = _half_pi(x)
    return copy_sign(select(large, high - (2.0 * angle - low), angle), x)


def acos(x: Expression) -> Expression:
    """The inverse cosine; NaN beyond +-1."""
    angle, large = _reduced_asin(absolute(x))
    high, low = _half_pi(x)
    negative = x < 0.0
    small_result = high - (copy_sign(angle, x) - low)
    doubled = angle + angle
    return select(large, select(negative, 2.0 * high - (doubled - 2.0 * low), doubled), small_result)


def _angle(small: Expression, large: Expression) -> Expression:
    """atan(small / large) for 0 <= small <= large, by one division; 0 for 0/0 and pi/4 for infinity/infinity."""
    high, low = _half_pi(small)
    steep = (small > (math.sqrt(2.0) - 1.0) * large) | small.equals(math.inf)
    numerator = select(steep, small - large, small)
    divisor = select(steep, small + large, large)
    t = select(small.equals(large), 0.0, numerator / divisor)
    square = t * t
    series = t * square * polynomial(square, by_width(t, _ATAN_SINGLE, _ATAN_DOUBLE))
    at_diagonal = 0.5 * high + (t + (series + 0.5 * low))
    return select(steep, at_diagonal, t + series)


def atan(x: Expression) -> Expression:
    """The inverse tangent."""
    magnitude = absolute(x)
    high, low = _half_pi(x)
    inverted = magnitude > 1.0
    angle = _angle(select(inverted, 1.0, magnitude), select(inverted, magnitude, 1.0))
    return copy_sign(select(inverted, high - (angle - low), angle), x)


def atan2(y: Expression, x: Expression) -> Expression:
    """The angle of the point (x, y), in [-pi, pi], with the C standard's values at zeros and infinities."""
    rise, run = absolute(y), absolute(x)
    huge = by_width(x, 2.0**126, 2.0**1022)
    high, low = _half_pi(x)
    swapped = rise > run
    small, large = select(swapped, run, rise), select(swapped, rise, run)
    scale = select(large > huge, x.lift(0.25), 1.0)
    angle = _angle(small * scale, large * scale)
    # At the origin `small > c * large` is false and the quotient is 0 by definition, so the angle is 0.
    angle = select(swapped, high - (angle - low), angle)
    behind = copy_sign(x.lift(1.0), x) < 0.0
    angle = select(behind, 2.0 * high - (angle - 2.0 * low), angle)
    return select(x.is_nan() | y.is_nan(), math.nan, copy_sign(angle, y))
