"""Activation functions: `relu`, `gelu`, `silu`, `softplus`, `leaky_relu`, `elu` and others, made of primitives."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, DTypeError

from . import dispatch
from .base import Array, Cotangent, operation
from .dispatch import public
from .pointwise import Pointwise, masked

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "celu", "elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish", "prelu", "relu",
    "relu6", "selu", "silu", "softplus", "softsign",
]  # fmt: skip


@operation
class Relu(Pointwise):
    """The operand where it is positive, else 0; NaN stays NaN. The gradient at 0 is 0."""

    name = "relu"
    expression = "maximum({0}, abs_{f}(0))"
    integer_expression = "maximum({0}, 0)"
    takes = "number"
    idempotent = True
    differentiable = True
    saves_output = True
    inlines = True
    sample_dtypes = ("float32", "float64", "int64")

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.maximum(operands[0], 0)

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (lambda: masked(out != 0, g),)


RELU = Relu()


def in_place(input: "Tensor", function: Callable[..., "Tensor"], *arguments: Any) -> "Tensor":
    """`input`, now holding the function's result; what the function keeps for its gradient is a copy."""
    return input.assign(function(input.clone() if input.requires_grad else input, *arguments))


def require_float(name: str, input: "Tensor") -> None:
    if input.dtype.kind != "f":
        raise DTypeError(f"{name}: takes float tensors, not {input.dtype}; cast it with float()")


@public(inplace=True)
def relu(input: "Tensor", inplace: bool = False) -> "Tensor":
    """The operand where it is positive, else 0. The gradient at 0 is 0.

    >>> tracegraph.relu(tracegraph.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if inplace:
        return in_place(input, relu)
    return dispatch.unary(RELU, input)  # type: ignore[no-any-return]


@public(method=False)
def hardtanh(input: "Tensor", min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> "Tensor":
    """The operand limited to the range from `min_val` to `max_val`; unlike `clamp`, without gradient at the bounds.

    >>> tracegraph.hardtanh(tracegraph.tensor([-2.0, 0.5]))
    tensor([-1.0000, 0.5000])
    """
    if min_val > max_val:
        raise ArgumentError(f"hardtanh: min_val {min_val} is above max_val {max_val}")
    if input.dtype.kind == "b" or (input.dtype.kind == "u" and min_val <= -1):
        raise DTypeError(f"hardtanh: the range from {min_val} to {max_val} is not defined for {input.dtype} tensors")
    low, high = dispatch.constant(min_val, input.dtype), dispatch.constant(max_val, input.dtype)
    if inplace:
        return in_place(input, hardtanh, min_val, max_val)
    return low.where(input <= low, high.where(input >= high, input))  # type: ignore[no-any-return]


@public(method=False)
def relu6(input: "Tensor", inplace: bool = False) -> "Tensor":
    """The operand limited to the range from 0 to 6.

    >>> tracegraph.relu6(tracegraph.tensor([-1.0, 2.0, 8.0]))
    tensor([0., 2., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


@public(method=False)
def leaky_relu(input: "Tensor", negative_slope: float = 0.01, inplace: bool = False) -> "Tensor":
    """The operand where it is positive, else `negative_slope` times the operand.

    >>> tracegraph.leaky_relu(tracegraph.tensor([-1.0, 2.0]), 0.5)
    tensor([-0.5000, 2.0000])
    """
    require_float("leaky_relu", input)
    if inplace:
        return in_place(input, leaky_relu, negative_slope)
    return input.where(input > 0, input * negative_slope)  # type: ignore[no-any-return]


@public()
def prelu(input: "Tensor", weight: "Tensor") -> "Tensor":
    """`leaky_relu` with a learned slope: one for all, or one per channel (dimension 1).

    Raises:
        ArgumentError: when the number of slopes is neither 1 nor that of the channels.

    >>> tracegraph.prelu(tracegraph.tensor([-1.0, 2.0]), tracegraph.tensor([0.5]))
    tensor([-0.5000, 2.0000])
    """
    require_float("prelu", input)
    if weight.numel() != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if weight.ndim != 1 or weight.shape[0] != channels:
            raise ArgumentError(f"prelu: weight of shape {weight.shape} for {channels} channels of shape {input.shape}")
        weight = weight.reshape((channels,) + (1,) * (input.ndim - 2))
    elif weight.ndim:
        weight = weight.reshape(())
    return input.where(input > 0, input * weight)  # type: ignore[no-any-return]


@public(method=False)
def elu(input: "Tensor", alpha: float = 1.0, inplace: bool = False) -> "Tensor":
    """The operand where it is positive, else `alpha * (exp(input) - 1)` (Clevert and others, arXiv:1511.07289).

    >>> tracegraph.elu(tracegraph.tensor([-1.0, 2.0]))
    tensor([-0.6321, 2.0000])
    """
    require_float("elu", input)
    negative = input.clamp(max=0).expm1()
    if inplace:
        return in_place(input, elu, alpha)
    return input.where(input > 0, negative if alpha == 1 else negative * alpha)  # type: ignore[no-any-return]


@public(method=False)
def celu(input: "Tensor", alpha: float = 1.0, inplace: bool = False) -> "Tensor":
    """The operand where it is positive, else `alpha * (exp(input / alpha) - 1)` (Barron, arXiv:1704.07483).

    >>> tracegraph.celu(tracegraph.tensor([-1.0, 2.0]), 2.0)
    tensor([-0.7869, 2.0000])
    """
    require_float("celu", input)
    if alpha == 0:
        raise ArgumentError("celu: alpha must not be 0")
    if inplace:
        return in_place(input, celu, alpha)
    return input.where(input > 0, (input.clamp(max=0) / alpha).expm1() * alpha)  # type: ignore[no-any-return]


_SELU_SCALE = 1.0507009873554804934193349852946
_SELU_ALPHA = 1.6732632423543772848170429916717


@public(method=False)
def selu(input: "Tensor", inplace: bool = False) -> "Tensor":
    """Scaled `elu` that keeps mean 0 and variance 1; the constants are from Klambauer and others, arXiv:1706.02515.

    >>> tracegraph.selu(tracegraph.tensor([-1.0, 2.0]))
    tensor([-1.1113, 2.1014])
    """
    if inplace:
        return in_place(input, selu)
    return elu(input, _SELU_ALPHA) * _SELU_SCALE


@public(method=False)
def silu(input: "Tensor", inplace: bool = False) -> "Tensor":
    """`input * sigmoid(input)` (Hendrycks and Gimpel, arXiv:1606.08415).

    >>> tracegraph.silu(tracegraph.tensor([-1.0, 2.0]))
    tensor([-0.2689, 1.7616])
    """
    require_float("silu", input)
    if inplace:
        return in_place(input, silu)
    return input * input.sigmoid()  # type: ignore[no-any-return]


_SQRT_HALF = math.sqrt(0.5)
_SQRT_TWO_OVER_PI = math.sqrt(2 / math.pi)


@public(method=False)
def gelu(input: "Tensor", approximate: str = "none") -> "Tensor":
    """`input` times the normal distribution function of `input`; `approximate="tanh"` takes a cheaper formula.

    Both formulas are those of Hendrycks and Gimpel, arXiv:1606.08415.

    Raises:
        ArgumentError: when `approximate` is neither "none" nor "tanh".

    >>> tracegraph.gelu(tracegraph.tensor([-1.0, 2.0]))
    tensor([-0.1587, 1.9545])
    """
    require_float("gelu", input)
    if approximate == "none":
        return input * 0.5 * ((input * _SQRT_HALF).erf() + 1)  # type: ignore[no-any-return]
    if approximate != "tanh":
        raise ArgumentError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    inner = (input + input.square() * input * 0.044715) * _SQRT_TWO_OVER_PI
    return input * 0.5 * (inner.tanh() + 1)  # type: ignore[no-any-return]


@public(method=False)
def softplus(input: "Tensor", beta: float = 1.0, threshold: float = 20.0) -> "Tensor":
    """`log(1 + exp(beta * input)) / beta`, a smooth `relu`; `input` itself where `beta * input` exceeds `threshold`.

    >>> tracegraph.softplus(tracegraph.tensor([-1.0, 30.0]))
    tensor([ 0.3133, 30.0000])
    """
    require_float("softplus", input)
    scaled = input if beta == 1 else input * beta
    smooth = scaled.clamp(max=threshold).exp().log1p()
    return input.where(scaled > threshold, smooth if beta == 1 else smooth / beta)  # type: ignore[no-any-return]


@public(method=False)
def logsigmoid(input: "Tensor") -> "Tensor":
    """`log(sigmoid(input))`, without overflow on the way.

    >>> tracegraph.logsigmoid(tracegraph.tensor([0.0, -100.0]))
    tensor([  -0.6931, -100.0000])
    """
    require_float("logsigmoid", input)
    return -dispatch.constant(0, input.dtype).logaddexp(-input)  # type: ignore[no-any-return]


@public(method=False)
def mish(input: "Tensor", inplace: bool = False) -> "Tensor":
    """`input * tanh(softplus(input))` (Misra, arXiv:1908.08681).

    >>> tracegraph.mish(tracegraph.tensor([-1.0, 2.0]))
    tensor([-0.3034, 1.9440])
    """
    if inplace:
        return in_place(input, mish)
    return input * softplus(input).tanh()  # type: ignore[no-any-return]


@public(method=False)
def softsign(input: "Tensor") -> "Tensor":
    """`input / (1 + abs(input))`.

    >>> tracegraph.softsign(tracegraph.tensor([-1.0, 3.0]))
    tensor([-0.5000, 0.7500])
    """
    return input / (input.abs() + 1)  # type: ignore[no-any-return]


@public(method=False)
def hardsigmoid(input: "Tensor", inplace: bool = False) -> "Tensor":
    """`relu6(input + 3) / 6`, a sigmoid made of straight lines.

    >>> tracegraph.hardsigmoid(tracegraph.tensor([-4.0, 0.0]))
    tensor([0.0000, 0.5000])
    """
    require_float("hardsigmoid", input)
    if inplace:
        return in_place(input, hardsigmoid)
    return relu6(input + 3) / 6


@public(method=False)
def hardswish(input: "Tensor", inplace: bool = False) -> "Tensor":
    """`input * relu6(input + 3) / 6` (Howard and others, arXiv:1905.02244).

    >>> tracegraph.hardswish(tracegraph.tensor([-4.0, 3.0]))
    tensor([-0., 3.])
    """
    require_float("hardswish", input)
    if inplace:
        return in_place(input, hardswish)
    return input * (relu6(input + 3) / 6)
