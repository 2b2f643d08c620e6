"""The gamma function and its relatives, element by element: `lgamma`, `digamma`, `polygamma`, `mvlgamma`, `zeta`."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, DTypeError

from . import dispatch
from .base import Array, Cotangent, Sample, operation
from .dispatch import TensorLike, public
from .pointwise import FloatFunction, Pointwise, draw

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["digamma", "lgamma", "mvlgamma", "polygamma"]

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
"""The Bernoulli numbers of even index from 2 on."""
_SHIFT = 10
"""From here on the asymptotic series have the precision of float64."""


def log_gamma(value: float) -> float:
    """log|gamma(x)| of one number, infinite at the poles and where it overflows."""
    try:
        return math.lgamma(value)
    except (ValueError, OverflowError):
        return math.inf


@operation
class LogGamma(FloatFunction):
    """Logarithm of the absolute value of the gamma function."""

    name = "lgamma"
    expression = "lgamma_{f}({0})"
    saves = (0,)
    domain = (0.2, 6.0)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        return xp.array([log_gamma(value) for value in a.ravel().tolist()], a.dtype).reshape(a.shape)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * digamma(a),)


LGAMMA = LogGamma()


@public(inplace=True)
def lgamma(input: TensorLike) -> "Tensor":
    """Logarithm of the absolute value of the gamma function; infinite at 0 and the negative integers.

    >>> tracegraph.lgamma(tracegraph.tensor([0.5, 5.0]))
    tensor([0.5724, 3.1781])
    """
    return dispatch.unary(LGAMMA, input)  # type: ignore[no-any-return]


def _digamma(xp: Any, a: Array) -> Array:
    """By the recurrence up to 10, the asymptotic series beyond and reflection below 0 (DLMF 5.5.2, 5.5.4, 5.11.2)."""
    x = a.astype(np.float64)
    reflected = x < 0
    positive = xp.where(reflected, 1 - x, x)
    near = positive < _SHIFT
    below = sum(1 / (positive + step) for step in range(_SHIFT))
    y = xp.where(near, positive + _SHIFT, positive)
    square = 1 / (y * y)
    series = 0.0
    for number in range(len(_BERNOULLI), 0, -1):
        series = (series + _BERNOULLI[number - 1] / (2 * number)) * square
    value = xp.log(y) - 0.5 / y - series - xp.where(near, below, 0.0)
    fraction = x - xp.rint(x)
    mirrored = value - xp.where(fraction == 0, np.nan, np.pi / xp.tan(np.pi * fraction))
    value = xp.where(reflected, mirrored, value)
    return xp.where(x == 0, xp.copysign(np.inf, -x), value).astype(a.dtype)


@operation
class Digamma(FloatFunction):
    """The derivative of `lgamma`."""

    name = "digamma"
    expression = "digamma_{f}({0})"
    saves = (0,)
    domain = (0.2, 6.0)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return _digamma(xp, operands[0])

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * polygamma(1, a),)


DIGAMMA = Digamma()


@public(inplace=True)
def digamma(input: TensorLike) -> "Tensor":
    """The derivative of `lgamma`; -inf at 0, NaN at the negative integers.

    >>> tracegraph.digamma(tracegraph.tensor([1.0, 0.5]))
    tensor([-0.5772, -1.9635])
    """
    return dispatch.unary(DIGAMMA, input)  # type: ignore[no-any-return]


def _positive_zeta(x: Array, q: Array) -> Array:
    """Hurwitz's zeta function for x > 1 and q > 0, by the sum of Euler and Maclaurin (DLMF 25.11.7)."""
    total = sum((q + step) ** -x for step in range(_SHIFT))
    w = q + _SHIFT
    power = w**-x
    total = total + power * w / (x - 1) + power / 2
    factor, power = x, power / w
    for number, bernoulli in enumerate(_BERNOULLI, 1):
        total = total + bernoulli / math.factorial(2 * number) * factor * power
        factor = factor * (x + 2 * number - 1) * (x + 2 * number)
        power = power / (w * w)
    return total


def _zeta(xp: Any, x: Array, q: Array) -> Array:
    """Hurwitz's zeta function of float64 arrays.

    For q < 0 and an integer x, the terms of either sign are sums from the fractional part r of q on: zeta(x, q) is
    zeta(x, r) + (-1)**x (zeta(x, 1 - r) - zeta(x, 1 - q)).
    """
    x, q = xp.broadcast_arrays(x, q)
    total = _positive_zeta(x, xp.where(q > 0, q, 1.0))
    negative = (q < 0) & xp.isfinite(q)
    pole = (q <= 0) & (q == xp.floor(q))
    if negative.any():
        y = xp.where(negative, q, -0.5)
        rest = xp.where(pole, 0.5, y - xp.floor(y))
        below = _positive_zeta(x, 1 - rest) - _positive_zeta(x, 1 - y)
        total = xp.where(negative, _positive_zeta(x, rest) + xp.where(x % 2 == 0, below, -below), total)
    total = xp.where(q == np.inf, 0.0, xp.where(pole, np.inf, total))
    undefined = (x < 1) | ((q < 0) & ~pole & (x != xp.floor(x))) | xp.isnan(q) | xp.isnan(x)
    return xp.where(undefined, np.nan, xp.where(x == 1, np.inf, total))


@operation
class Zeta(Pointwise):
    """Hurwitz's zeta function: the sum of (q + k) ** -x over all k >= 0."""

    name = "zeta"
    arity = 2
    numbers = "one"
    takes = "float"
    domain = (1.5, 6.0)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        x, q = operands
        return _zeta(xp, x.astype(np.float64), q.astype(np.float64)).astype(x.dtype)


ZETA = Zeta()


def zeta(input: TensorLike, other: TensorLike) -> "Tensor":
    """Hurwitz's zeta function, the sum of (other + k) ** -input over all k >= 0; it has no gradient.

    >>> tracegraph.special.zeta(tracegraph.tensor([2.0]), 1)
    tensor([1.6449])
    """
    return dispatch.binary(ZETA, input, other)  # type: ignore[no-any-return]


@operation
class Polygamma(FloatFunction):
    """The derivative of order n >= 1 of `digamma`: (-1)**(n+1) n! zeta(n + 1, x)."""

    n: int = 1
    name = "polygamma"
    saves = (0,)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        order = self.n + 1
        value = _zeta(xp, np.asarray(float(order)), a.astype(np.float64)) * math.gamma(order)
        return (value if order % 2 == 0 else -value).astype(a.dtype)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * polygamma(self.n + 1, a),)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for order, dtype in ((1, "float32"), (1, "float64"), (2, "float64"), (4, "float32")):
            for shape in ((3, 4), (), (0, 2)):
                yield Sample(cls(order), (draw(rng, shape, dtype, (0.5, 6.0)),))


@public(method=False)
def polygamma(n: int, input: TensorLike) -> "Tensor":
    """The derivative of order `n` of `digamma`.

    Raises:
        ArgumentError: for a negative order.

    >>> tracegraph.polygamma(1, tracegraph.tensor([1.0, 0.5]))
    tensor([1.6449, 4.9348])
    """
    if n < 0:
        raise ArgumentError(f"polygamma: the order n must not be negative, got {n}")
    return digamma(input) if n == 0 else dispatch.unary(Polygamma(n), input)


@public(inplace=True)
def mvlgamma(input: "Tensor", p: int) -> "Tensor":
    """Logarithm of the multivariate gamma function of dimension `p`, for elements above (p - 1) / 2.

    It is p (p - 1) / 4 log(pi) plus the sum of lgamma(input - i / 2) for i from 0 to p - 1 (DLMF 35.3.4).

    Raises:
        ArgumentError: for a dimension below 1.

    >>> tracegraph.mvlgamma(tracegraph.tensor([2.0, 3.5]), 2)
    tensor([0.4516, 2.4665])
    """
    if p < 1:
        raise ArgumentError(f"mvlgamma: the dimension p must be at least 1, got {p}")
    (x,) = dispatch.promote(input, takes="float", name="mvlgamma")
    if dispatch.result_type(input).kind == "b":
        raise DTypeError("mvlgamma: not defined for bool tensors; cast them first")
    total = lgamma(x)
    for half in range(1, p):
        total = total + lgamma(x - half / 2)
    return total + p * (p - 1) / 4 * math.log(math.pi)
