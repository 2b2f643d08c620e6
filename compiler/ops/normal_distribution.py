"""Functions of the normal distribution, element by element: `erfinv`, and `ndtr`, `ndtri`, `log_ndtr` of `special`."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dispatch
from .base import Array, Cotangent, operation
from .dispatch import TensorLike, public
from .pointwise import FloatFunction
from .special import erfc, erfcx

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["erfinv"]

# M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37 (1988),
# 477-484, routine PPND16: quotients of two polynomials, lowest power first.
_CENTRE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
     3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
"""quantile / q in 0.425**2 - q**2, for q = p - 1/2 and |q| <= 0.425"""
_TAIL = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
     1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip
"""quantile in r - 1.6, for r = sqrt(-log(p)) <= 5"""
_FAR_TAIL = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, 7.86869131145613259100e-4,
     1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)  # fmt: skip
"""quantile in r - 5, for larger r"""
_SQRT_HALF = math.sqrt(0.5)


def _ratio(coefficients: tuple[tuple[float, ...], ...], x: Array) -> Array:
    numerator, divisor = (np.polynomial.polynomial.polyval(x, polynomial) for polynomial in coefficients)
    return numerator / divisor


def _quantile(xp: Any, centred: Array, rest: Array) -> Array:
    """The normal quantile of p, for p - 1/2 and the smaller of p and 1 - p, both in float64."""
    central = xp.abs(centred) <= 0.425
    near = centred * _ratio(_CENTRE, 0.180625 - xp.where(central, centred, 0.0) ** 2)
    r = xp.sqrt(-xp.log(xp.where(rest > 0, rest, 0.5)))
    far = xp.where(r <= 5, _ratio(_TAIL, r - 1.6), _ratio(_FAR_TAIL, r - 5))
    far = xp.where(rest > 0, far, xp.where(rest == 0, np.inf, np.nan))
    return xp.where(central, near, xp.copysign(far, centred))


@operation
class ErrorInverse(FloatFunction):
    """The inverse of the error function."""

    name = "erfinv"
    expression = "erfinv_{f}({0})"
    saves_output = True
    domain = (-0.9, 0.9)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        x = operands[0].astype(np.float64)
        return (_quantile(xp, x / 2, (1 - xp.abs(x)) / 2) * _SQRT_HALF).astype(operands[0].dtype)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (out.square().exp() * (math.sqrt(math.pi) / 2)),)


ERFINV = ErrorInverse()


@public(inplace=True)
def erfinv(input: TensorLike) -> "Tensor":
    """The inverse of the error function: infinite at -1 and 1, NaN beyond (Wichura 1988).

    >>> tracegraph.erfinv(tracegraph.tensor([0.0, 0.5]))
    tensor([0.0000, 0.4769])
    """
    return dispatch.unary(ERFINV, input)  # type: ignore[no-any-return]


@operation
class NormalQuantile(FloatFunction):
    """The number below which a standard normal one is with the probability given."""

    name = "ndtri"
    saves_output = True
    domain = (0.05, 0.95)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        p = operands[0].astype(np.float64)
        return _quantile(xp, p - 0.5, xp.minimum(p, 1 - p)).astype(operands[0].dtype)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * ((out.square() * 0.5).exp() * math.sqrt(2 * math.pi)),)


NDTRI = NormalQuantile()


def ndtri(input: TensorLike) -> "Tensor":
    """The inverse of `ndtr`: infinite at 0 and 1, NaN beyond (Wichura 1988).

    >>> tracegraph.special.ndtri(tracegraph.tensor([0.5, 0.975]))
    tensor([0.0000, 1.9600])
    """
    return dispatch.unary(NDTRI, input)  # type: ignore[no-any-return]


def ndtr(input: TensorLike) -> "Tensor":
    """The probability that a standard normal number is below `input`.

    >>> tracegraph.special.ndtr(tracegraph.tensor([0.0, 1.96]))
    tensor([0.5000, 0.9750])
    """
    (x,) = dispatch.promote(input, takes="float", name="ndtr")
    return erfc(x * -_SQRT_HALF) * 0.5


def log_ndtr(input: TensorLike) -> "Tensor":
    """The logarithm of `ndtr`, precise also where that is nearly 0 or 1.

    >>> tracegraph.special.log_ndtr(tracegraph.tensor([0.0, -20.0]))
    tensor([  -0.6931, -203.9172])
    """
    (x,) = dispatch.promote(input, takes="float", name="log_ndtr")
    lower = x.clamp(max=-1)
    below = (erfcx(lower * -_SQRT_HALF) * 0.5).log() - lower.square() * 0.5
    above = (erfc(x.clamp(min=-1) * _SQRT_HALF) * -0.5).log1p()
    return below.where(x < -1, above)  # type: ignore[no-any-return]
