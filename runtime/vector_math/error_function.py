"""Formulas of erf and erfc, on expressions of either width.

erf is an odd polynomial up to 1 and 1 - exp(log erfc) beyond (N. Juffa's arrangement); erfc is exp(-x**2) times the
scaled function, a polynomial in (x - k) / (x + k) over 1 + 2x (M. Shepherd and J. Laframboise, Math. Comp. 36, 1981).
All coefficients are minimax fits (Remez at 60 digits) made for this module.
"""

from __future__ import annotations

from .exponential import exp_bounded, exp_reduced
from .expression import (
    Expression,
    absolute,
    by_width,
    clamp,
    copy_sign,
    fma,
    polynomial,
    scale_by_power_of_two,
    select,
    two_product,
)

# erf(x) / x - 1 as a polynomial in x**2 on |x| <= 1, errors 2**-29.7 and 2**-57.
_ERF_SINGLE = (0.12837916591389711, -0.3761262713673525, 0.11283600180290786, -0.026854444665537904, 0.005189535379382011,
               -0.0008020841077596806, 7.889117579333186e-05)  # fmt: skip
_ERF_DOUBLE = (0.12837916709551256, -0.3761263890318355, 0.11283791670945253, -0.026866170643276233,
               0.005223977607423621, -0.0008548325989705839, 0.00012055295320814803, -1.4924744670335886e-05,
               1.6447517773127726e-06, -1.6209176696725622e-07, 1.372297984820999e-08,
               -7.8011958187151e-10)  # fmt: skip
# log(erfc(x)) on [0.95, 4.1] and [0.99, 6.05], errors times erfc(x) 2**-35 and 2**-62.
_LOG_ERFC_SINGLE = (0.00018344352357860773, -1.1295568274232324, -0.6332626183192639, -0.1083724714720698,
                    0.025178962790444886, -0.0041936089587568445, 0.0004391058718223238,
                    -2.149606341068832e-05)  # fmt: skip
_LOG_ERFC_DOUBLE = (-2.447188386035629e-08, -1.1283789493804592, -0.6366205750648353, -0.10277128329608903,
                    0.019129002077617727, 0.00020085379863725027, -0.0016732772443851318, 0.0005508179700860353,
                    2.313207631714772e-05, -0.00011144202810364679, 6.507230414791194e-05, -2.439893288151584e-05,
                    6.820513234563202e-06, -1.478581007217839e-06, 2.498393202302025e-07, -3.2444567270921286e-08,
                    3.1353401586847216e-09, -2.1258214191987364e-10, 9.025480253544524e-12,
                    -1.8051195476262233e-13)  # fmt: skip
# (1 + 2x) exp(x**2) erfc(x) in (x - 2) / (x + 2) for x <= 11, and in (x - 4) / (x + 4) for x <= 28.
_SCALED_SINGLE = (1.2769783827133419, -0.09276381864085526, -0.1660305225895782, 0.16405097535874802,
                  -0.05421786616655949, -0.008030333881003715, 0.008709681653094617, 0.0012512068775302647,
                  -0.0014231385721251676, -0.00039990675507362537, 0.00017219821950929397,
                  8.061330313898628e-05)  # fmt: skip
_SCALED_DOUBLE = (1.2329951186255526, -0.1396211168405629, 0.015379652102619766, 0.0680970542547366,
                  -0.10103906603630124, 0.09373283499682387, -0.0663303658125625, 0.03716751556185385,
                  -0.01619773404843438, 0.005031969763549334, -0.0007577734048269725, -0.0001992555611473966,
                  0.00015062247152705278, -2.440294186580456e-05, -1.1225283114620945e-05, 5.7172958543473494e-06,
                  3.019567434169572e-07, -8.342409151742993e-07, 6.238864425077147e-08, 1.1456143519212326e-07,
                  -7.778666494498456e-09, -1.3386213003400055e-08, -1.7176318431967143e-09)  # fmt: skip


def erf(x: Expression) -> Expression:
    """The error function."""
    magnitude = absolute(x)
    square = x * x
    near = fma(x, polynomial(square, by_width(x, _ERF_SINGLE, _ERF_DOUBLE)), x)
    bounded = clamp(magnitude, 0.0, by_width(x, 4.05, 6.0))
    far = 1.0 - exp_bounded(polynomial(bounded, by_width(x, _LOG_ERFC_SINGLE, _LOG_ERFC_DOUBLE)))
    return select(magnitude < 1.0, near, copy_sign(far, x))


def erfc(x: Expression) -> Expression:
    """The complementary error function, with relative accuracy down to denormal results."""
    middle, end = by_width(x, (2.0, 11.0), (4.0, 28.0))
    magnitude = clamp(absolute(x), 0.0, end)
    divisor = magnitude + middle
    inverse = 1.0 / divisor
    quotient = (magnitude - middle) * inverse
    # The remainder (magnitude - middle) - quotient * (magnitude + middle), written so that nothing is rounded early.
    remainder = fma(-quotient, magnitude, fma(quotient + 1.0, -middle, magnitude))
    t = fma(remainder, inverse, quotient)
    scaled = polynomial(t, by_width(x, _SCALED_SINGLE, _SCALED_DOUBLE)) / fma(magnitude, 2.0, 1.0)
    square, square_low = two_product(magnitude, magnitude)
    n, p = exp_reduced(-square, -square_low)
    upper = scale_by_power_of_two(p * scaled, n)
    return select(x < 0.0, 2.0 - upper, upper)
