"""Exponentials, logarithms and the logistic function, element by element."""

from typing import TYPE_CHECKING, Any

import numpy as np

from . import dispatch
from .base import Array, Cotangent, operation
from .dispatch import TensorLike, public
from .pointwise import FloatFunction

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

_LN2 = 0.6931471805599453
_LN10 = 2.302585092994046

__all__ = [
    "exp",
    "exp2",
    "expit",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logit",
    "sigmoid",
]  # fmt: skip


@operation
class Exp(FloatFunction):
    """e raised to the operand."""

    name = "exp"
    expression = "exp_{f}({0})"
    ufunc = np.exp
    saves_output = True

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * out,)


EXP = Exp()


@public(inplace=True)
def exp(input: TensorLike) -> "Tensor":
    """e raised to the operand; integers become floats.

    >>> tracegraph.exp(tracegraph.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return dispatch.unary(EXP, input)  # type: ignore[no-any-return]


@operation
class Exp2(FloatFunction):
    """2 raised to the operand."""

    name = "exp2"
    expression = "exp2_{f}({0})"
    ufunc = np.exp2
    saves_output = True

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (out * _LN2),)


EXP2 = Exp2()


@public(inplace=True)
def exp2(input: TensorLike) -> "Tensor":
    """2 raised to the operand; integers become floats.

    >>> tracegraph.exp2(tracegraph.tensor([0.0, 3.0]))
    tensor([1., 8.])
    """
    return dispatch.unary(EXP2, input)  # type: ignore[no-any-return]


@operation
class Expm1(FloatFunction):
    """e raised to the operand, minus 1, accurate near 0."""

    name = "expm1"
    expression = "expm1_{f}({0})"
    ufunc = np.expm1
    saves_output = True

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * (out + 1),)


EXPM1 = Expm1()


@public(inplace=True)
def expm1(input: TensorLike) -> "Tensor":
    """e raised to the operand, minus 1, accurate near 0; integers become floats.

    >>> tracegraph.expm1(tracegraph.tensor([0.0, 1.0]))
    tensor([0.0000, 1.7183])
    """
    return dispatch.unary(EXPM1, input)  # type: ignore[no-any-return]


@operation
class Log(FloatFunction):
    """Natural logarithm."""

    name = "log"
    expression = "log_{f}({0})"
    ufunc = np.log
    saves = (0,)
    domain = (0.1, 3.0)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g / a,)


LOG = Log()


@public(inplace=True)
def log(input: TensorLike) -> "Tensor":
    """Natural logarithm; integers become floats.

    >>> tracegraph.log(tracegraph.tensor([1.0, 10.0]))
    tensor([0.0000, 2.3026])
    """
    return dispatch.unary(LOG, input)  # type: ignore[no-any-return]


@operation
class Log2(FloatFunction):
    """Logarithm to base 2."""

    name = "log2"
    expression = "log2_{f}({0})"
    ufunc = np.log2
    saves = (0,)
    domain = (0.1, 3.0)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g / (a * _LN2),)


LOG2 = Log2()


@public(inplace=True)
def log2(input: TensorLike) -> "Tensor":
    """Logarithm to base 2; integers become floats.

    >>> tracegraph.log2(tracegraph.tensor([1.0, 8.0]))
    tensor([0., 3.])
    """
    return dispatch.unary(LOG2, input)  # type: ignore[no-any-return]


@operation
class Log10(FloatFunction):
    """Logarithm to base 10."""

    name = "log10"
    expression = "log10_{f}({0})"
    ufunc = np.log10
    saves = (0,)
    domain = (0.1, 3.0)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g / (a * _LN10),)


LOG10 = Log10()


@public(inplace=True)
def log10(input: TensorLike) -> "Tensor":
    """Logarithm to base 10; integers become floats.

    >>> tracegraph.log10(tracegraph.tensor([1.0, 1000.0]))
    tensor([0.0000, 3.0000])
    """
    return dispatch.unary(LOG10, input)  # type: ignore[no-any-return]


@operation
class Log1p(FloatFunction):
    """Natural logarithm of 1 plus the operand, accurate near 0."""

    name = "log1p"
    expression = "log1p_{f}({0})"
    ufunc = np.log1p
    saves = (0,)
    domain = (-0.9, 3.0)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g / (a + 1),)


LOG1P = Log1p()


@public(inplace=True)
def log1p(input: TensorLike) -> "Tensor":
    """Natural logarithm of 1 plus the operand, accurate near 0; integers become floats.

    >>> tracegraph.log1p(tracegraph.tensor([0.0, 1.0]))
    tensor([0.0000, 0.6931])
    """
    return dispatch.unary(LOG1P, input)  # type: ignore[no-any-return]


@operation
class Sigmoid(FloatFunction):
    """The logistic function 1 / (1 + exp(-x))."""

    name = "sigmoid"
    expression = "sigmoid_{f}({0})"
    saves_output = True

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        if a.dtype.itemsize == 2:
            return self.evaluate(xp, a.astype("float32")).astype(a.dtype)
        return xp.reciprocal(xp.exp(-a) + a.dtype.type(1))

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: g * ((1 - out) * out),)


SIGMOID = Sigmoid()


@public(inplace=True, aliases=("expit",))
def sigmoid(input: TensorLike) -> "Tensor":
    """The logistic function 1 / (1 + exp(-x)); integers become floats.

    >>> tracegraph.sigmoid(tracegraph.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    return dispatch.unary(SIGMOID, input)  # type: ignore[no-any-return]


expit = sigmoid


@operation
class LogAddExp(FloatFunction):
    """log(exp(a) + exp(b)), without overflow on the way."""

    name = "logaddexp"
    arity = 2
    numbers = "none"
    expression = (
        "select({0} == {1}, {0} + abs_{f}(0.6931471805599453), "
        "maximum({0}, {1}) + log1p_{f}(exp_{f}(-abs_{f}({0} - {1}))))"
    )
    ufunc = np.logaddexp
    commutative = True
    saves = (0, 1)

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return lambda: g * sigmoid(a - b), lambda: g * sigmoid(b - a)


LOGADDEXP = LogAddExp()


@public()
def logaddexp(input: TensorLike, other: TensorLike) -> "Tensor":
    """log(exp(a) + exp(b)), without overflow on the way.

    >>> tracegraph.logaddexp(tracegraph.tensor([0.0, 100.0]), tracegraph.tensor([0.0, 100.0]))
    tensor([  0.6931, 100.6931])
    """
    return dispatch.binary(LOGADDEXP, input, other)  # type: ignore[no-any-return]


@public(inplace=True)
def logit(input: TensorLike, eps: float | None = None) -> "Tensor":
    """log(x / (1 - x)), the inverse of `sigmoid`; with `eps` the numbers are first limited to [eps, 1 - eps].

    >>> tracegraph.logit(tracegraph.tensor([0.5, 0.9]))
    tensor([0.0000, 2.1972])
    """
    (x,) = dispatch.promote(input, takes="float", name="logit")
    if eps is not None:
        x = x.clamp(eps, 1 - eps)
    return log(x / (1 - x))
