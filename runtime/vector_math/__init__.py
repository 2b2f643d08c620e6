"""Mathematical functions for Numba-compiled CPU code that LLVM vectorises: call `exp_f32(x)` in an `njit` loop.

`<name>_f32` and `<name>_f64` take numbers, convert them to the width and return it; `maximum` and `minimum` take any
real numbers and pass NaN on. All are IEEE-faithful (NaN, infinities, signed zeros, denormals) whatever `fastmath` says
outside, and hold the errors of `BOUNDS`. Only lgamma calls the C library for each element.

    >>> import numba, numpy
    >>> from tracegraph.runtime.vector_math import exp_f32
    >>> @numba.njit
    ... def exponentials(x, out):
    ...     for i in range(x.size):
    ...         out[i] = exp_f32(x[i])
    >>> out = numpy.empty(2, numpy.float32)
    >>> exponentials(numpy.zeros(2, numpy.float32), out)
    >>> out
    array([1., 1.], dtype=float32)
"""

from . import (
    error_function,
    exponential,
    expression,
    gamma,
    hyperbolic,
    inverse_trigonometric,
    logarithm,
    power,
    rounding,
    trigonometric,
)
from .bounds import BOUNDS as BOUNDS
from .intrinsic import binary, extremum, unary

exp_f32, exp_f64 = unary("exp", exponential.exp)
exp2_f32, exp2_f64 = unary("exp2", exponential.exp2)
expm1_f32, expm1_f64 = unary("expm1", exponential.expm1)
sigmoid_f32, sigmoid_f64 = unary("sigmoid", exponential.sigmoid)
log_f32, log_f64 = unary("log", logarithm.log)
log2_f32, log2_f64 = unary("log2", logarithm.log2)
log10_f32, log10_f64 = unary("log10", logarithm.log10)
log1p_f32, log1p_f64 = unary("log1p", logarithm.log1p)
sin_f32, sin_f64 = unary("sin", trigonometric.sin)
cos_f32, cos_f64 = unary("cos", trigonometric.cos)
tan_f32, tan_f64 = unary("tan", trigonometric.tan)
asin_f32, asin_f64 = unary("asin", inverse_trigonometric.asin)
acos_f32, acos_f64 = unary("acos", inverse_trigonometric.acos)
atan_f32, atan_f64 = unary("atan", inverse_trigonometric.atan)
sinh_f32, sinh_f64 = unary("sinh", hyperbolic.sinh)
cosh_f32, cosh_f64 = unary("cosh", hyperbolic.cosh)
tanh_f32, tanh_f64 = unary("tanh", hyperbolic.tanh)
asinh_f32, asinh_f64 = unary("asinh", hyperbolic.asinh)
acosh_f32, acosh_f64 = unary("acosh", hyperbolic.acosh)
atanh_f32, atanh_f64 = unary("atanh", hyperbolic.atanh)
erf_f32, erf_f64 = unary("erf", error_function.erf)
erfc_f32, erfc_f64 = unary("erfc", error_function.erfc)
erfinv_f32, erfinv_f64 = unary("erfinv", error_function.erfinv)
lgamma_f32, lgamma_f64 = unary("lgamma", gamma.lgamma)
digamma_f32, digamma_f64 = unary("digamma", gamma.digamma)
sqrt_f32, sqrt_f64 = unary("sqrt", power.sqrt)
rsqrt_f32, rsqrt_f64 = unary("rsqrt", power.rsqrt)
cbrt_f32, cbrt_f64 = unary("cbrt", power.cbrt)
floor_f32, floor_f64 = unary("floor", rounding.floor)
ceil_f32, ceil_f64 = unary("ceil", rounding.ceil)
trunc_f32, trunc_f64 = unary("trunc", rounding.trunc)
round_f32, round_f64 = unary("round", rounding.round_half_even)
abs_f32, abs_f64 = unary("abs", expression.absolute)
sign_f32, sign_f64 = unary("sign", rounding.sign)
atan2_f32, atan2_f64 = binary("atan2", inverse_trigonometric.atan2)
pow_f32, pow_f64 = binary("pow", power.pow)
copysign_f32, copysign_f64 = binary("copysign", expression.copy_sign)
fmod_f32, fmod_f64 = binary("fmod", rounding.fmod)
remainder_f32, remainder_f64 = binary("remainder", rounding.remainder)
maximum = extremum("maximum", rounding.maximum, ">")
minimum = extremum("minimum", rounding.minimum, "<")

# The names of all functions, as one calls them.
NAMES: tuple[str, ...] = (*(f"{name}_{width}" for name in BOUNDS for width in ("f32", "f64")), "maximum", "minimum")
