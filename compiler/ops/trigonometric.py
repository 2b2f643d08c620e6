"""Trigonometric functions of angles in radians and their inverses, element by element."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dispatch
from .base import Cotangent, operation
from .dispatch import TensorLike, public
from .pointwise import FloatFunction
from .spec import float16, float32

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "acos", "arccos", "arcsin", "arctan", "arctan2", "asin", "atan", "atan2", "cos", "deg2rad", "rad2deg", "sin",
    "sinc", "tan",
]  # fmt: skip


@operation
class Sin(FloatFunction):
    """Sine of an angle in radians."""

    name = "sin"
    expression = "sin_{f}({0})"
    ufunc = np.sin
    saves = (0,)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * a.cos(),)


SIN = Sin()


@public(inplace=True)
def sin(input: TensorLike) -> "Tensor":
    """Sine of an angle in radians; integers become floats.

    >>> tracegraph.sin(tracegraph.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8415])
    """
    return dispatch.unary(SIN, input)  # type: ignore[no-any-return]


@operation
class Cos(FloatFunction):
    """Cosine of an angle in radians."""

    name = "cos"
    expression = "cos_{f}({0})"
    ufunc = np.cos
    saves = (0,)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: -g * a.sin(),)


COS = Cos()


@public(inplace=True)
def cos(input: TensorLike) -> "Tensor":
    """Cosine of an angle in radians; integers become floats.

    >>> tracegraph.cos(tracegraph.tensor([0.0, 1.0]))
    tensor([1.0000, 0.5403])
    """
    return dispatch.unary(COS, input)  # type: ignore[no-any-return]


@operation
class Tan(FloatFunction):
    """Tangent of an angle in radians."""

    name = "tan"
    expression = "tan_{f}({0})"
    ufunc = np.tan
    saves_output = True
    domain = (-1.2, 1.2)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (out.square() + 1),)


TAN = Tan()


@public(inplace=True)
def tan(input: TensorLike) -> "Tensor":
    """Tangent of an angle in radians; integers become floats.

    >>> tracegraph.tan(tracegraph.tensor([0.0, 1.0]))
    tensor([0.0000, 1.5574])
    """
    return dispatch.unary(TAN, input)  # type: ignore[no-any-return]


@operation
class Asin(FloatFunction):
    """Arc sine in radians, from -pi/2 to pi/2."""

    name = "asin"
    expression = "asin_{f}({0})"
    ufunc = np.arcsin
    saves = (0,)
    domain = (-0.9, 0.9)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (1 - a.square()).rsqrt(),)


ASIN = Asin()


@public(inplace=True, aliases=("arcsin",))
def asin(input: TensorLike) -> "Tensor":
    """Arc sine in radians, from -pi/2 to pi/2; integers become floats.

    >>> tracegraph.asin(tracegraph.tensor([0.0, 0.5]))
    tensor([0.0000, 0.5236])
    """
    return dispatch.unary(ASIN, input)  # type: ignore[no-any-return]


arcsin = asin


@operation
class Acos(FloatFunction):
    """Arc cosine in radians, from 0 to pi."""

    name = "acos"
    expression = "acos_{f}({0})"
    ufunc = np.arccos
    saves = (0,)
    domain = (-0.9, 0.9)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: -g * (1 - a.square()).rsqrt(),)


ACOS = Acos()


@public(inplace=True, aliases=("arccos",))
def acos(input: TensorLike) -> "Tensor":
    """Arc cosine in radians, from 0 to pi; integers become floats.

    >>> tracegraph.acos(tracegraph.tensor([1.0, 0.5]))
    tensor([0.0000, 1.0472])
    """
    return dispatch.unary(ACOS, input)  # type: ignore[no-any-return]


arccos = acos


@operation
class Atan(FloatFunction):
    """Arc tangent in radians, from -pi/2 to pi/2."""

    name = "atan"
    expression = "atan_{f}({0})"
    ufunc = np.arctan
    saves = (0,)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g / (a.square() + 1),)


ATAN = Atan()


@public(inplace=True, aliases=("arctan",))
def atan(input: TensorLike) -> "Tensor":
    """Arc tangent in radians, from -pi/2 to pi/2; integers become floats.

    >>> tracegraph.atan(tracegraph.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7854])
    """
    return dispatch.unary(ATAN, input)  # type: ignore[no-any-return]


arctan = atan


@operation
class Atan2(FloatFunction):
    """Angle of the point (`other`, `input`) in radians, from -pi to pi."""

    name = "atan2"
    arity = 2
    numbers = "none"
    expression = "atan2_{f}({0}, {1})"
    ufunc = np.arctan2
    saves = (0, 1)

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        def inverse() -> "Tensor":
            return (a.square() + b.square()).reciprocal()  # type: ignore[no-any-return]

        return lambda: g * (b * inverse()), lambda: -g * (a * inverse())


ATAN2 = Atan2()


@public(inplace=True, aliases=("arctan2",))
def atan2(input: TensorLike, other: TensorLike) -> "Tensor":
    """Angle of the point (`other`, `input`) in radians, from -pi to pi.

    >>> tracegraph.atan2(tracegraph.tensor([1.0, -1.0]), tracegraph.tensor([1.0, -1.0]))
    tensor([ 0.7854, -2.3562])
    """
    return dispatch.binary(ATAN2, input, other)  # type: ignore[no-any-return]


arctan2 = atan2


@public(inplace=True)
def deg2rad(input: "Tensor") -> "Tensor":
    """An angle in degrees as one in radians.

    >>> tracegraph.deg2rad(tracegraph.tensor([90.0, 180.0]))
    tensor([1.5708, 3.1416])
    """
    return input * (math.pi / 180)


@public(inplace=True)
def rad2deg(input: "Tensor") -> "Tensor":
    """An angle in radians as one in degrees.

    >>> tracegraph.rad2deg(tracegraph.tensor([0.0, 3.14159265]))
    tensor([  0., 180.])
    """
    return input * (180 / math.pi)


@public(inplace=True)
def sinc(input: "Tensor") -> "Tensor":
    """sin(pi x) / (pi x), which is 1 at 0.

    >>> tracegraph.sinc(tracegraph.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """
    (x,) = dispatch.promote(input, takes="float", name="sinc")
    if x.dtype == float16:  # the angle would be rounded too coarsely
        return sinc(x.to(float32)).to(float16)  # type: ignore[no-any-return]
    zero = x == 0
    angle = x.masked_fill(zero, 1.0) * math.pi
    return (sin(angle) / angle).masked_fill(zero, 1.0)  # type: ignore[no-any-return]
