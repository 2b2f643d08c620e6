"""Formulas of erf, erfc and erfinv, on expressions of either width.

erf is an odd polynomial up to 1 and 1 - exp(log erfc) beyond (N. Juffa's arrangement); erfc is exp(-x**2) times the
scaled function, a polynomial in (x - k) / (x + k) over 1 + 2x (M. Shepherd and J. Laframboise, Math. Comp. 36, 1981).
All coefficients are minimax fits (Remez at 60 digits) made for this module.
"""

from __future__ import annotations

import math

from .exponential import exp_bounded, exp_reduced
from .expression import (
    F32,
    Expression,
    absolute,
    by_width,
    clamp,
    copy_sign,
    fma,
    polynomial,
    scale_by_power_of_two,
    select,
    square_root,
    two_product,
)
from .logarithm import log

# erf(x) / x - 1 as a polynomial in x**2 on |x| <= 1, errors 2**-29.7 and 2**-57.
_ERF_SINGLE = (0.12837916591389711, -0.3761262713673525, 0.11283600180290786, -0.026854444665537904,
               0.005189535379382011, -0.0008020841077596806, 7.889117579333186e-05)  # fmt: skip
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
# erfinv(x) / x with w = -log(1 - x**2), s = sqrt(w): in w - 5/2 and s - 3; in w - 25/8, s - 13/4 and s - 5.
_INVERSE_SINGLE = (1.5014093592820081, 0.24664028615867897, -0.004177386781769584, -0.0012527418904867684,
                   0.00021834444014183992, -4.963340866097693e-06, -3.462705013516401e-06,
                   4.6616918485349417e-07, 2.3232670505950558e-08, -8.79095251529481e-09)  # fmt: skip
_INVERSE_SINGLE_TAIL = (2.832976819491502, 1.001674782786363, 0.009444228080946675, -0.007634460308127058,
                        0.005695640914517583, -0.003610250204508264, 0.001463373236355741,
                        -3.2702597215673555e-05, -0.0002928489634996621, 9.928452631805153e-05)  # fmt: skip
_INVERSE_DOUBLE = (1.6536545626831027, 0.24015818242558826, -0.006033670871427753, -0.0007407025341539553,
                   0.0001867342080242553, -1.3882523395790711e-05, -1.3654691844333487e-06,
                   4.234788190770324e-07, -2.9070382775987027e-08, -4.112661977658085e-09,
                   1.0512183989191747e-09, -5.414238993907007e-11, -1.297695842998806e-11,
                   2.630354549910052e-12, -8.117005884249096e-14, -3.998977249454499e-14,
                   6.594696496550371e-15, -4.286648738095759e-17, -1.3003880123499728e-16,
                   1.575985431935413e-17, 1.1443998770766364e-18, -3.5755345559126514e-19,
                   -1.008862799047824e-21, 3.3758217616145155e-21)  # fmt: skip
_INVERSE_DOUBLE_TAIL = (3.0838856104922208, 1.0052589676941657, 0.005370914553570923,
                        -0.003751208508262954, 0.002491442097017802, -0.001688275534251977,
                        0.0009532893630839252, -0.0003550378308213032, 2.403126305806091e-05,
                        6.82872487318778e-05, -4.731901520302086e-05, 1.2464433475912826e-05,
                        2.9258230781991684e-06, -3.984078291778555e-06, 1.4985478293037235e-06,
                        -3.026418599081734e-08, -2.7118829032782364e-07, 1.3394069154044592e-07,
                        6.349223670901844e-10, -1.618683180343203e-08)  # fmt: skip
_INVERSE_DOUBLE_END = (4.849906401408584, 1.0103004648645457, -0.00013871931837563376,
                       -0.00021503011984147095, 7.599527797158624e-05, -1.9681770517778484e-05,
                       4.526053843700749e-06, -9.930304837365095e-07, 2.2904594657199753e-07,
                       -6.755267489589009e-08, 2.9038613270208065e-08, -1.5261482344442184e-08,
                       7.78756590605676e-09, -3.464673912149169e-09, 1.349340060248658e-09,
                       -4.412204972228326e-10, 5.1914647454390524e-11, 4.369471910238349e-11,
                       -1.650500628398369e-11)  # fmt: skip


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


def erfinv(x: Expression) -> Expression:
    """The inverse of erf; infinite at +-1, NaN beyond. The two or three ranges of Giles (2010) are fitted anew."""
    w = -log((1.0 - x) * (1.0 + x))
    s = square_root(w)
    if x.format is F32:
        ratio = select(w < 5.0, polynomial(w - 2.5, _INVERSE_SINGLE), polynomial(s - 3.0, _INVERSE_SINGLE_TAIL))
    else:
        tail = select(w < 16.0, polynomial(s - 3.25, _INVERSE_DOUBLE_TAIL), polynomial(s - 5.0, _INVERSE_DOUBLE_END))
        ratio = select(w < 6.25, polynomial(w - 3.125, _INVERSE_DOUBLE), tail)
    return select(absolute(x).equals(1.0), copy_sign(x.lift(math.inf), x), x * ratio)
