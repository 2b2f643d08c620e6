"""Vectorisable mathematical functions for Numba-compiled CPU code."""

from .error_function import erf, erfc
from .exponential import exp, exp2, expm1, sigmoid
from .expression import F32, F64
from .hyperbolic import acosh, asinh, atanh, cosh, sinh, tanh
from .intrinsic import binary, extremum, unary
from .inverse_trigonometric import acos, asin, atan, atan2
from .logarithm import log, log1p, log2, log10
from .power import cbrt, pow, rsqrt, sqrt
from .rounding import fmod, remainder
from .trigonometric import cos, sin, tan

T = {}
for f in (erf, erfc, exp, exp2, expm1, sigmoid, acosh, asinh, atanh, cosh, sinh, tanh, acos, asin, atan, log, log1p, log2, log10, cbrt, rsqrt, sqrt, sin, cos, tan):
    for s in (F32, F64):
        T[f"{f.__name__}_{s.name}"] = unary(f.__name__, s, f)
for f in (atan2, pow, fmod, remainder):
    for s in (F32, F64):
        T[f"{f.__name__}_{s.name}"] = binary(f.__name__, s, f)
