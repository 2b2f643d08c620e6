"""Modified Bessel functions of the first kind, element by element: `i0`, and `i0e`, `i1`, `i1e` of `special`.

They are computed from Chebyshev series, as C. W. Clenshaw has it ("Chebyshev series for mathematical functions",
National Physical Laboratory 1962); the coefficients were made for this module, by interpolation with 45 digits.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from . import dispatch
from .base import Array, Cotangent, operation
from .dispatch import TensorLike, public
from .pointwise import FloatFunction

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["i0"]

# exp(-x) I0(x) and exp(-x) I1(x) / x on [0, 8], in x / 4 - 1.
_I0_SMALL = (
    0.33839763720473803, -0.3046826723431984, 0.17162090152220877, -0.09490109704804764, 0.04930528423967071,
    -0.02373741480589947, 0.010546460394594998, -0.004324309995050576, 0.0016394756169413357, -0.0005763755745385824,
    0.00018850288509584165, -5.754195010082104e-05, 1.6448448070728896e-05, -4.4167383584587505e-06,
    1.1173875391201037e-06, -2.670793853940612e-07, 6.046995022541919e-08, -1.300025009986248e-08,
    2.6598237246823866e-09, -5.189795601635263e-10, 9.675809035373237e-11, -1.726826291441556e-11,
    2.95505266312964e-12, -4.856446783111929e-13, 7.676185498604936e-14, -1.1685332877993451e-14,
    1.715391285555133e-15, -2.431279846547955e-16, 3.3307945188222384e-17,
)  # fmt: skip
_I1_SMALL = (
    0.12629359322181682, -0.17641651835783406, 0.1026436586898471, -0.05294598120809499, 0.024726449030626516,
    -0.010564084894626197, 0.004156422944312888, -0.0015135724506312532, 0.0005122859561685758,
    -0.00016176081582589674, 4.781565107550054e-05, -1.3273163656039436e-05, 3.4702513081376785e-06,
    -8.568720264695455e-07, 2.0032947535521353e-07, -4.445059128796328e-08, 9.381537386495773e-09,
    -1.8872497517228294e-09, 3.625590281552117e-10, -6.663489723502027e-11, 1.1736186298890901e-11,
    -1.9839743977649436e-12, 3.223793365945575e-13, -5.042185504727912e-14, 7.600684294735408e-15,
    -1.1055969477353862e-15, 1.5536319577362005e-16, -2.111421214358166e-17,
)  # fmt: skip
# sqrt(x) exp(-x) I0(x) and sqrt(x) exp(-x) I1(x) from 8 on, in 16 / x - 1.
_I0_LARGE = (
    0.4022452055070544, 0.0033691164782556943, 6.889758346916825e-05, 2.8913705208347567e-06, 2.0489185894690638e-07,
    2.266668990498178e-08, 3.3962320257083865e-09, 4.94060238822497e-10, 1.1889147107846439e-11,
    -3.1499165279632416e-11, -1.3215811840447713e-11, -1.7941785315068062e-12, 7.180124451383666e-13,
    3.8527783827421426e-13, 1.54008621752141e-14, -4.150569347287222e-14, -9.554846698828307e-15,
    3.8116806693526224e-15, 1.7725601330565263e-15, -3.425485619677219e-16, -2.8276239805165836e-16,
    3.461222867697461e-17, 4.46562142029676e-17,
)  # fmt: skip
_I1_LARGE = (
    0.38928811750914005, -0.009761097491361469, -0.00011058893876262371, -3.882564808877691e-06,
    -2.512236237870209e-07, -2.6314688468895196e-08, -3.835380385964237e-09, -5.589743462196584e-10,
    -1.8974958123505413e-11, 3.2526035830154884e-11, 1.4125807436613782e-11, 2.0356285441470896e-12,
    -7.198551776245908e-13, -4.0835511110921974e-13, -2.1015418427726643e-14, 4.272440016711951e-14,
    1.0420276984128802e-14, -3.8144030724370075e-15, -1.8803547755107825e-15, 3.3082023109209285e-16,
    2.96262899764595e-16, -3.209525921993424e-17, -4.650305368489358e-17,
)  # fmt: skip


def _scaled(xp: Any, a: Array, order: int) -> Array:
    """exp(-|x|) I(x) of order 0 or 1, in float64."""
    x = a.astype(np.float64)
    magnitude = xp.abs(x)
    small, large = (_I0_SMALL, _I0_LARGE) if order == 0 else (_I1_SMALL, _I1_LARGE)
    near = np.polynomial.chebyshev.chebval(xp.minimum(magnitude, 8) / 4 - 1, small)
    beyond = xp.maximum(magnitude, 8)
    far = np.polynomial.chebyshev.chebval(16 / beyond - 1, large) / xp.sqrt(beyond)
    if order == 0:
        return xp.where(magnitude <= 8, near, far)
    return xp.where(magnitude <= 8, x * near, xp.copysign(far, x))


class Bessel(FloatFunction):
    """A modified Bessel function of the first kind, of order 0 or 1."""

    order = 0
    scaled = False
    saves = (0,)
    saves_output = True

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        """From the scaled function, in float64."""
        (a,) = operands
        value = _scaled(xp, a, self.order)
        if not self.scaled:
            value = value * xp.exp(xp.abs(a.astype(np.float64)))
        return value.astype(a.dtype)


@operation
class I0(Bessel):
    """Modified Bessel function of order 0."""

    name = "i0"
    saves_output = False

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * i1(a),)


@operation
class I0e(Bessel):
    """Modified Bessel function of order 0 times exp(-|x|)."""

    name = "i0e"
    scaled = True

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (i1e(a) - a.sign() * out),)


@operation
class I1(Bessel):
    """Modified Bessel function of order 1."""

    name = "i1"
    order = 1

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (i0(a) - _quotient(out, a)),)


@operation
class I1e(Bessel):
    """Modified Bessel function of order 1 times exp(-|x|)."""

    name = "i1e"
    order = 1
    scaled = True

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (i0e(a) - a.sign() * out - _quotient(out, a)),)


def _quotient(out: "Tensor", a: "Tensor") -> "Tensor":
    """I1(x) / x (scaled or not), which is 1/2 at 0."""
    zero = a == 0
    return (out / a.masked_fill(zero, 1.0)).masked_fill(zero, 0.5)  # type: ignore[no-any-return]


_I0, _I0E, _I1, _I1E = I0(), I0e(), I1(), I1e()


@public(inplace=True)
def i0(input: TensorLike) -> "Tensor":
    """Modified Bessel function of the first kind of order 0.

    >>> tracegraph.i0(tracegraph.tensor([0.0, 2.0]))
    tensor([1.0000, 2.2796])
    """
    return dispatch.unary(_I0, input)  # type: ignore[no-any-return]


def i0e(input: TensorLike) -> "Tensor":
    """Modified Bessel function of the first kind of order 0, times exp(-|input|).

    >>> tracegraph.special.i0e(tracegraph.tensor([0.0, 2.0]))
    tensor([1.0000, 0.3085])
    """
    return dispatch.unary(_I0E, input)  # type: ignore[no-any-return]


def i1(input: TensorLike) -> "Tensor":
    """Modified Bessel function of the first kind of order 1.

    >>> tracegraph.special.i1(tracegraph.tensor([0.0, 2.0]))
    tensor([0.0000, 1.5906])
    """
    return dispatch.unary(_I1, input)  # type: ignore[no-any-return]


def i1e(input: TensorLike) -> "Tensor":
    """Modified Bessel function of the first kind of order 1, times exp(-|input|).

    >>> tracegraph.special.i1e(tracegraph.tensor([0.0, 2.0]))
    tensor([0.0000, 0.2153])
    """
    return dispatch.unary(_I1E, input)  # type: ignore[no-any-return]
