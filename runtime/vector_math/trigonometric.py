"""Formulas of sin, cos and tan, on expressions of either width.

x = n pi/2 + r: exact steps through fused multiply-add with pi/2 in three parts (Cody and Waite 1980). Polynomials of
sine and cosine on |r| <= pi/4: minimax fits (Remez, 60 digits) made for this module, summed as in FreeBSD's msun.
"""

from __future__ import annotations

from .expression import (
    F32,
    F64,
    Expression,
    absolute,
    fma,
    nearest,
    polynomial,
    quick_two_sum,
    select,
    two_product,
    two_sum,
)
from .rare_case import rare_call

_HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
# Up to here the multiple of pi/2 is found without error that matters; larger angles are left to the C library.
REDUCTION_LIMIT = 2.0**40
_TWO_OVER_PI = 0.6366197723675814

# (sin(r) - r) / r**3 and (cos(r) - 1 + r**2/2) / r**4 in r**2, weighted errors 2**-37.6, 2**-43.2; 2**-58, 2**-64.
_SIN_SINGLE = (-0.16666666641550817, 0.008333329376138275, -0.00019839331508013223, 2.7182784982938933e-06)
_COS_SINGLE = (0.04166666662279227, -0.0013888883747776237, 2.4799518054565e-05, -2.721004762574541e-07)
_SIN_DOUBLE = (-0.16666666666666632, 0.008333333333322384, -0.00019841269829780513, 2.7557313681432722e-06,
               -2.5050756342011326e-08, 1.5896686279384938e-10)  # fmt: skip
_COS_DOUBLE = (0.0416666666666666, -0.0013888888888874183, 2.4801587289508015e-05, -2.755731435721742e-07,
               2.0875723657915165e-09, -1.1359655779272033e-11)  # fmt: skip


def _quadrant_bits(n: Expression) -> Expression:
    """The two lowest bits of a float64 integer n below 2**51, in the low bits of an integer."""
    return (n + F64.magic).bits()


def _reduce(x: Expression) -> tuple[Expression, Expression, Expression]:
    """Quadrant (low two bits of an integer), r and its rest, with x = quadrant pi/2 + r + rest, |r| <= pi/4."""
    n = nearest(x * _TWO_OVER_PI)
    # Exact: n pi/2 (first part) is a multiple of 2**-52, as x is wherever n is not 0, and the difference is below 1.
    first = fma(-n, _HALF_PI[0], x)
    product, error = two_product(n, _HALF_PI[1])
    second, rest = two_sum(first, -product)
    r, rest = quick_two_sum(second, rest - fma(n, _HALF_PI[2], error))
    return _quadrant_bits(n), r, rest


def _reduce_single(x: Expression) -> tuple[Expression, Expression]:
    """As `_reduce` for a float32 x: everything in float64, then rounded."""
    wide = x.to(F64)
    n = nearest(wide * _TWO_OVER_PI)
    return _quadrant_bits(n), fma(-n, _HALF_PI[1], fma(-n, _HALF_PI[0], wide)).to(F32)


def sine_of_reduced(r: Expression, square: Expression, rest: Expression | None) -> Expression:
    """sin(r + rest) for |r| <= pi/4 and square = r**2; float32 without rest, float64 with."""
    if rest is None:
        return fma(r * square, polynomial(square, _SIN_SINGLE), r)
    cubed = r * square
    series = polynomial(square, _SIN_DOUBLE)
    return r + fma(cubed, series, fma(-0.5 * square, rest, rest))


def cosine_of_reduced(r: Expression, square: Expression, rest: Expression | None) -> Expression:
    """cos(r + rest) for |r| <= pi/4 and square = r**2; float32 without rest, float64 with."""
    half = 0.5 * square
    leading = 1.0 - half
    error = (1.0 - leading) - half
    quartic = square * square
    if rest is None:
        return leading + fma(quartic, polynomial(square, _COS_SINGLE), error)
    # The rounding error of r**2 is not felt: it is 2**-54 of a number below 0.62, times one half.
    return leading + fma(quartic, polynomial(square, _COS_DOUBLE), fma(-r, rest, error))


def _sine_and_cosine(x: Expression) -> tuple[Expression, Expression, Expression]:
    """The quadrant (low bits of an int64) and the sine and cosine of the reduced angle."""
    rest: Expression | None = None
    if x.format is F32:
        quadrant, r = _reduce_single(x)
    else:
        quadrant, r, rest = _reduce(x)
    square = r * r
    return quadrant, sine_of_reduced(r, square, rest), cosine_of_reduced(r, square, rest)


def _pick(quadrant: Expression, even: Expression, odd: Expression) -> Expression:
    """`even` or `odd` by the lowest bit of the quadrant, negated by the second."""
    chosen = select((quadrant & 1).equals(0), even, odd)
    return select((quadrant & 2).equals(0), chosen, -chosen)


def _is_huge(x: Expression) -> Expression:
    return absolute(x) > REDUCTION_LIMIT


def _with_huge_arguments(name: str, x: Expression, regular: Expression) -> Expression:
    """`regular`, or the C library's answer beyond the reduction's limit."""
    wide = x.to(F64)
    library = rare_call(name, name, _is_huge, wide).to(x.format)
    return select(_is_huge(wide), library, regular)


def sin(x: Expression) -> Expression:
    """The sine of an angle in radians; NaN for infinities."""
    quadrant, sine, cosine = _sine_and_cosine(x)
    return _with_huge_arguments("sin", x, select(x.equals(0.0), x, _pick(quadrant, sine, cosine)))


def cos(x: Expression) -> Expression:
    """The cosine of an angle in radians; NaN for infinities."""
    quadrant, sine, cosine = _sine_and_cosine(x)
    return _with_huge_arguments("cos", x, _pick(quadrant + 1, sine, cosine))


def tan(x: Expression) -> Expression:
    """The tangent of an angle in radians; NaN for infinities."""
    quadrant, sine, cosine = _sine_and_cosine(x)
    even = (quadrant & 1).equals(0)
    ratio = select(even, sine, -cosine) / select(even, cosine, sine)
    return _with_huge_arguments("tan", x, select(x.equals(0.0), x, ratio))
