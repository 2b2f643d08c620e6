"""Hyperbolic functions and their inverses, element by element."""

from typing import TYPE_CHECKING, Any

import numpy as np

from . import dispatch
from .base import Cotangent, operation
from .dispatch import TensorLike, public
from .pointwise import FloatFunction

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "acosh", "arccosh", "arcsinh", "arctanh", "asinh", "atanh", "cosh", "sinh", "tanh",
]  # fmt: skip


@operation
class Sinh(FloatFunction):
    """Hyperbolic sine."""

    name = "sinh"
    expression = "sinh_{f}({0})"
    ufunc = np.sinh
    saves = (0,)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * a.cosh(),)


SINH = Sinh()


@public(inplace=True)
def sinh(input: TensorLike) -> "Tensor":
    """Hyperbolic sine; integers become floats.

    >>> tracegraph.sinh(tracegraph.tensor([0.0, 1.0]))
    tensor([0.0000, 1.1752])
    """
    return dispatch.unary(SINH, input)  # type: ignore[no-any-return]


@operation
class Cosh(FloatFunction):
    """Hyperbolic cosine."""

    name = "cosh"
    expression = "cosh_{f}({0})"
    ufunc = np.cosh
    saves = (0,)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * a.sinh(),)


COSH = Cosh()


@public(inplace=True)
def cosh(input: TensorLike) -> "Tensor":
    """Hyperbolic cosine; integers become floats.

    >>> tracegraph.cosh(tracegraph.tensor([0.0, 1.0]))
    tensor([1.0000, 1.5431])
    """
    return dispatch.unary(COSH, input)  # type: ignore[no-any-return]


@operation
class Tanh(FloatFunction):
    """Hyperbolic tangent."""

    name = "tanh"
    expression = "tanh_{f}({0})"
    ufunc = np.tanh
    saves_output = True

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (1 - out.square()),)


TANH = Tanh()


@public(inplace=True)
def tanh(input: TensorLike) -> "Tensor":
    """Hyperbolic tangent; integers become floats.

    >>> tracegraph.tanh(tracegraph.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return dispatch.unary(TANH, input)  # type: ignore[no-any-return]


@operation
class Asinh(FloatFunction):
    """Inverse hyperbolic sine."""

    name = "asinh"
    expression = "asinh_{f}({0})"
    ufunc = np.arcsinh
    saves = (0,)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (a.square() + 1).rsqrt(),)


ASINH = Asinh()


@public(inplace=True, aliases=("arcsinh",))
def asinh(input: TensorLike) -> "Tensor":
    """Inverse hyperbolic sine; integers become floats.

    >>> tracegraph.asinh(tracegraph.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8814])
    """
    return dispatch.unary(ASINH, input)  # type: ignore[no-any-return]


arcsinh = asinh


@operation
class Acosh(FloatFunction):
    """Inverse hyperbolic cosine."""

    name = "acosh"
    expression = "acosh_{f}({0})"
    ufunc = np.arccosh
    saves = (0,)
    domain = (1.2, 3.0)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (a.square() - 1).rsqrt(),)


ACOSH = Acosh()


@public(inplace=True, aliases=("arccosh",))
def acosh(input: TensorLike) -> "Tensor":
    """Inverse hyperbolic cosine; integers become floats.

    >>> tracegraph.acosh(tracegraph.tensor([1.0, 2.0]))
    tensor([0.0000, 1.3170])
    """
    return dispatch.unary(ACOSH, input)  # type: ignore[no-any-return]


arccosh = acosh


@operation
class Atanh(FloatFunction):
    """Inverse hyperbolic tangent."""

    name = "atanh"
    expression = "atanh_{f}({0})"
    ufunc = np.arctanh
    saves = (0,)
    domain = (-0.9, 0.9)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g / (1 - a.square()),)


ATANH = Atanh()


@public(inplace=True, aliases=("arctanh",))
def atanh(input: TensorLike) -> "Tensor":
    """Inverse hyperbolic tangent; integers become floats.

    >>> tracegraph.atanh(tracegraph.tensor([0.0, 0.5]))
    tensor([0.0000, 0.5493])
    """
    return dispatch.unary(ATANH, input)  # type: ignore[no-any-return]


arctanh = atanh
