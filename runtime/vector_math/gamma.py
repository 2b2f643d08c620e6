"""Formulas of lgamma and digamma: digamma is branch-free in float64, lgamma is the C library's, lane by lane.

digamma: a minimax polynomial of psi(x) / (x - root) on [1, 2] and the recurrence psi(x + 1) = psi(x) + 1/x up to 3,
seven steps of it and the asymptotic series beyond, reflection below 0 (DLMF 5.5.2, 5.5.4, 5.11.2).
"""

from __future__ import annotations

import math

from .expression import F64, Expression, absolute, copy_sign, nearest, polynomial, select, two_product
from .logarithm import log
from .rare_case import rare_call
from .trigonometric import cosine_of_reduced, sine_of_reduced

# The positive zero of psi as a sum; psi(x) / (x - root) in x - 3/2 on [1, 2], error 2**-58.5.
_ROOT = 1.4616321449683622
_ROOT_LOW = 9.549995429965697e-17
# _ROOT + 1 as a float64 is this much larger than _ROOT + 1.
_ROOT_ROUNDING = 2.220446049250313e-16
_NEAR_ROOT = (0.9510558760318328, -0.4236274212814606, 0.24054248424078722, -0.14840492305388028, 0.0949887244528496,
              -0.06192213327554232, 0.04076083394340033, -0.026975796657634128, 0.017907248235312413,
              -0.011908220153073563, 0.00792702333189278, -0.005279936636355902, 0.003518088656792942,
              -0.0023454998365568416, 0.0015635037426823333, -0.0010364320035288557, 0.0006902805407080307,
              -0.0004860346960377057, 0.0003258854247845324, -0.0001446562541391915, 9.328734271097736e-05,
              -0.0001783334843497166, 0.00012117889648290058)  # fmt: skip
# (psi(y) - log(y) + 1/(2y)) y**2 in 1/y**2 for y >= 9, weighted error 2**-73.
_ASYMPTOTIC = (-0.08333333333333333, 0.008333333333331038, -0.003968253966169093, 0.00416666574857528,
               -0.007575532892310924, 0.021060480991120203, -0.08058970777243839, 0.31238997360531934)  # fmt: skip


def _digamma_near_root(x: Expression) -> Expression:
    """digamma on (0, 3]."""
    below, above = x < 1.0, x > 2.0
    shift = select(below, x.lift(1.0), select(above, x.lift(-1.0), 0.0))
    distance = (x - (_ROOT - shift)) - select(above, x.lift(_ROOT_LOW - _ROOT_ROUNDING), _ROOT_LOW)
    step = select(below, x, select(above, 1.0 - x, math.inf))
    return distance * polynomial(x - (1.5 - shift), _NEAR_ROOT) - 1.0 / step


def _digamma_beyond(x: Expression) -> Expression:
    """digamma on [3, infinity]."""
    shifted = x < 10.0
    numerator, divisor = x.lift(1.0), x
    for step in range(1, 7):
        factor = x + float(step)
        numerator = numerator * factor + divisor
        divisor = divisor * factor
    y = select(shifted, x + 7.0, x)
    inverse = 1.0 / y
    square = inverse * inverse
    series = log(y) + (square * polynomial(square, _ASYMPTOTIC) - 0.5 * inverse)
    return series - select(shifted, numerator / divisor, 0.0)


def _pi_cotangent(x: Expression) -> Expression:
    """pi cot(pi x)."""
    fraction = x - nearest(x)
    size = absolute(fraction)
    outer = size > 0.25
    r, rest = two_product(select(outer, 0.5 - size, size), math.pi)
    square = r * r
    sine, cosine = sine_of_reduced(r, square, rest), cosine_of_reduced(r, square, rest)
    return copy_sign(math.pi * (select(outer, sine, cosine) / select(outer, cosine, sine)), fraction)


def digamma(x: Expression) -> Expression:
    """The logarithmic derivative of the gamma function; NaN at negative integers, -infinity at 0, infinity at -0."""
    wide = x.to(F64)
    reflected = wide < 0.0
    positive = select(reflected, 1.0 - wide, wide)
    value = select(positive <= 3.0, _digamma_near_root(positive), _digamma_beyond(positive))
    below = select(nearest(wide).equals(wide), math.nan, value - _pi_cotangent(wide))
    return select(reflected, below, value).to(x.format)


def _always(x: Expression) -> Expression:
    return x.equals(x) | x.is_nan()


def lgamma(x: Expression) -> Expression:
    """log|gamma(x)| by the C library's lgamma, called for each lane; the loop around it is still vectorised."""
    return rare_call("lgamma", "lgamma", _always, x.to(F64)).to(x.format)
