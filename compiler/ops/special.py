"""Special functions, element by element: the error function `erf`, its complement `erfc`, and `erfcx` of `special`."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dispatch
from .base import Array, Cotangent, operation
from .dispatch import TensorLike, public
from .pointwise import FloatFunction

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["erf", "erfc"]

# Minimax rational approximations of W. J. Cody, "Rational Chebyshev approximation for the error function",
# Math. Comp. 23 (1969), 631-637, in the digits of his CALERF; highest power first.
_ERF_SMALL = (
    (
        1.85777706184603153e-1,
        3.16112374387056560e0,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)  # erf(x) / x in x**2, for |x| <= 0.46875
_ERFC_MIDDLE = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594e0,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ),
)  # exp(x**2) * erfc(x) in x, for 0.46875 <= x <= 4
_ERFC_LARGE = (
    (
        1.63153871373020978e-2,
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
    ),
    (
        1.0,
        2.56852019228982242e0,
        1.87295284992346725e0,
        5.27905102951428412e-1,
        6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)  # x**2 * (1/sqrt(pi) - x * exp(x**2) * erfc(x)) in 1 / x**2, for x >= 4
_THRESHOLD = 0.46875
_SCALAR_LIMIT = 24
_BLOCK = 8192
_ONE_OVER_SQRT_PI = 1 / math.sqrt(math.pi)


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    """Quotient of two polynomials, by Horner's rule."""
    values = []
    for polynomial in coefficients:
        total = x * polynomial[0] + polynomial[1]
        for coefficient in polynomial[2:]:
            total *= x
            total += coefficient
        values.append(total)
    return values[0] / values[1]


def _tail(xp: Any, x: Array) -> Array:
    """erfc(x) for x >= 0.46875. exp(-x**2) is split, so that the rounding of x**2 does not spoil it for large x."""
    coarse = xp.trunc(x * 16) / 16
    gaussian = xp.exp(-coarse * coarse) * xp.exp(-(x - coarse) * (x + coarse))
    large = x > 4
    middle = _ratio(_ERFC_MIDDLE, xp.where(large, 4, x))
    bounded = xp.where(large, x, 4)
    square = 1 / (bounded * bounded)
    scaled = xp.where(large, (_ONE_OVER_SQRT_PI - square * _ratio(_ERFC_LARGE, square)) / bounded, middle)
    return xp.where(gaussian == 0, 0.0, gaussian * scaled)


def _values(xp: Any, a: Array, *, complement: bool) -> Array:
    """erf or erfc, computed in float64."""
    x = a.astype(np.float64)
    magnitude = xp.abs(x)
    small = magnitude < _THRESHOLD
    inner = xp.where(small, x, 0)
    near = inner * _ratio(_ERF_SMALL, inner * inner)
    tail = _tail(xp, xp.where(small, 1, xp.minimum(magnitude, 30)))
    if complement:
        result = xp.where(small, 1 - near, xp.where(x < 0, 2 - tail, tail))
    else:
        result = xp.where(small, near, xp.copysign(1 - tail, x))
    return result.astype(a.dtype)


def _short_values(x: Array) -> Array:
    """erf of float32 in float32, where the tail beyond 4 and the rounding of x**2 do not show in the result."""
    magnitude = np.minimum(np.abs(x), np.float32(4))
    small = magnitude < np.float32(_THRESHOLD)
    near = x * _ratio(_ERF_SMALL, np.minimum(magnitude, np.float32(_THRESHOLD)) ** 2)
    tail = np.exp(-magnitude * magnitude) * _ratio(_ERFC_MIDDLE, magnitude)
    return np.where(small, near, np.copysign(1 - tail, x))


def _evaluate(xp: Any, a: Array, *, complement: bool) -> Array:
    """erf or erfc: few elements by the C library, many in blocks that stay in the cache."""
    if xp is not np:
        return _values(xp, a, complement=complement)
    if a.size <= _SCALAR_LIMIT:
        function = math.erfc if complement else math.erf
        return np.array([function(value) for value in a.ravel().tolist()], a.dtype).reshape(a.shape)
    flat = a.ravel()
    result = np.empty(flat.shape, a.dtype)
    short = a.dtype == np.float32 and not complement
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        result[start : start + _BLOCK] = _short_values(block) if short else _values(np, block, complement=complement)
    return result.reshape(a.shape)


@operation
class Erf(FloatFunction):
    """Error function: 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to the operand."""

    name = "erf"
    expression = "erf_{f}({0})"
    saves = (0,)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return _evaluate(xp, operands[0], complement=False)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * ((-a.square()).exp() * (2 * _ONE_OVER_SQRT_PI)),)


ERF = Erf()


@public(inplace=True)
def erf(input: TensorLike) -> "Tensor":
    """Error function: 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to `input` (Cody 1969).

    >>> tracegraph.erf(tracegraph.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8427])
    """
    return dispatch.unary(ERF, input)  # type: ignore[no-any-return]


@operation
class Erfc(FloatFunction):
    """Complement of the error function, 1 - erf(x), accurate for large x."""

    name = "erfc"
    expression = "erfc_{f}({0})"
    saves = (0,)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return _evaluate(xp, operands[0], complement=True)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * ((-a.square()).exp() * (-2 * _ONE_OVER_SQRT_PI)),)


ERFC = Erfc()


@public(inplace=True)
def erfc(input: TensorLike) -> "Tensor":
    """Complement of the error function, 1 - erf(x), accurate for large x (Cody 1969).

    >>> tracegraph.erfc(tracegraph.tensor([0.0, 1.0]))
    tensor([1.0000, 0.1573])
    """
    return dispatch.unary(ERFC, input)  # type: ignore[no-any-return]


@operation
class Erfcx(FloatFunction):
    """erfc(x) times exp(x**2), which does not vanish for large x."""

    name = "erfcx"
    saves = (0,)
    saves_output = True
    domain = (-0.5, 3.0)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        x = operands[0].astype(np.float64)
        magnitude = xp.abs(x)
        inner = xp.minimum(magnitude, _THRESHOLD)
        near = xp.exp(inner * inner) * (1 - inner * _ratio(_ERF_SMALL, inner * inner))
        outer = xp.maximum(magnitude, 4)
        square = 1 / (outer * outer)
        large = (_ONE_OVER_SQRT_PI - square * _ratio(_ERFC_LARGE, square)) / outer
        far = xp.where(magnitude > 4, large, _ratio(_ERFC_MIDDLE, xp.clip(magnitude, _THRESHOLD, 4)))
        value = xp.where(magnitude < _THRESHOLD, near, far)
        return xp.where(x < 0, 2 * xp.exp(x * x) - value, value).astype(operands[0].dtype)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (a * out * 2 - 2 * _ONE_OVER_SQRT_PI),)


ERFCX = Erfcx()


def erfcx(input: TensorLike) -> "Tensor":
    """`erfc(input)` times exp(input**2), which does not vanish for large numbers (Cody 1969).

    >>> tracegraph.special.erfcx(tracegraph.tensor([0.0, 10.0]))
    tensor([1.0000, 0.0561])
    """
    return dispatch.unary(ERFCX, input)  # type: ignore[no-any-return]
