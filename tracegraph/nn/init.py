"""Initial values of parameters: functions that fill a tensor in place, drawing from tracegraph's generator.

The distributions are those of Glorot and Bengio (2010) for `xavier_*`, He and others (arXiv:1502.01852) for
`kaiming_*`, and Saxe and others (arXiv:1312.6120) for `orthogonal_`.
"""

import math
from typing import Any

import numpy as np

from tracegraph.autograd.modes import no_grad
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.random import normal_ as fill_normal
from tracegraph.compiler.ops.random import rand
from tracegraph.compiler.ops.random import uniform_ as fill_uniform
from tracegraph.runtime.errors import ArgumentError, ShapeError
from tracegraph.tensor import Tensor, wrap

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights are to be larger before a nonlinearity, to keep the variance of what flows through.

    Raises:
        ArgumentError: for a nonlinearity without a known factor.

    >>> tracegraph.nn.init.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise ArgumentError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ArgumentError(
            f"calculate_gain: nonlinearity {nonlinearity!r} is not one of {sorted([*_GAINS, 'leaky_relu'])}"
        )
    return _GAINS[nonlinearity]


def fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs and outputs an element of a weight (out, in, *kernel) is connected to.

    Raises:
        ShapeError: for fewer than 2 dimensions.
    """
    if tensor.ndim < 2:
        raise ShapeError(
            f"fan in and fan out can not be computed for a tensor of shape {tensor.shape}: 2 dimensions are needed"
        )
    receptive = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive, tensor.shape[0] * receptive


@no_grad
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with uniform numbers of [a, b)."""
    return fill_uniform(tensor, a, b, generator=generator)


@no_grad
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fill with normal numbers."""
    return fill_normal(tensor, mean, std, generator=generator)


def _inverse_erf(y: Tensor) -> Tensor:
    """The inverse of erf for float64: Winitzki's approximation (2008), then three of Halley's steps."""
    inside = y.clamp(-1 + 1e-15, 1 - 1e-15)
    logarithm = (1 - inside * inside).log()
    middle = 2 / (math.pi * 0.147) + logarithm / 2
    x = inside.sign() * ((middle * middle - logarithm / 0.147).sqrt() - middle).sqrt()
    for _ in range(3):
        step = (x.erf() - inside) / (2 / math.sqrt(math.pi) * (-x * x).exp())
        x = x - step / (1 + x * step)
    return x  # type: ignore[no-any-return]


@no_grad
def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> Tensor:
    """Fill with normal numbers cut off outside of [a, b], by inverting the distribution function."""

    def distribution(x: float) -> float:
        return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0

    low, high = distribution((a - mean) / std), distribution((b - mean) / std)
    drawn = rand(tensor.shape, generator=generator, dtype=np.float64) * (2 * (high - low)) + (2 * low - 1)
    values = _inverse_erf(drawn) * (std * math.sqrt(2.0)) + mean
    return tensor.copy_(values.clamp(a, b))  # type: ignore[no-any-return]


@no_grad
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number."""
    return tensor.fill_(val)  # type: ignore[no-any-return]


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


@no_grad
def eye_(tensor: Tensor) -> Tensor:
    """Make a matrix the identity.

    Raises:
        ShapeError: for anything but 2 dimensions.
    """
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: only tensors with 2 dimensions are supported, not {tensor.shape}")
    return tensor.copy_(dispatch.as_tensor(np.eye(tensor.shape[0], tensor.shape[1]), literal=True))  # type: ignore[no-any-return]


@no_grad
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Make a convolution's weight (out, in, *kernel) one that passes its input on, as far as there are channels.

    Raises:
        ShapeError: for anything but 3, 4 or 5 dimensions, or when `groups` do not divide the first.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(f"dirac_: only tensors with 3, 4, or 5 dimensions are supported, not {tensor.shape}")
    if tensor.shape[0] % groups:
        raise ShapeError(f"dirac_: dim 0 must be divisible by groups, {tensor.shape[0]} is not by {groups}")
    width = tensor.shape[0] // groups
    values = np.zeros(tensor.shape, tensor.dtype)
    middle = tuple(size // 2 for size in tensor.shape[2:])
    for group in range(groups):
        for channel in range(min(width, tensor.shape[1])):
            values[(group * width + channel, channel, *middle)] = 1
    return tensor.copy_(dispatch.as_tensor(values, literal=True))  # type: ignore[no-any-return]


@no_grad
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Fill a matrix with normal numbers, and that share of each column with zeros (Martens, ICML 2010).

    Raises:
        ShapeError: for anything but 2 dimensions.
    """
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: only tensors with 2 dimensions are supported, not {tensor.shape}")
    fill_normal(tensor, 0.0, std, generator=generator)
    order = rand(tensor.shape, generator=generator).argsort(dim=0).argsort(dim=0)
    return tensor.mul_((order >= math.ceil(sparsity * tensor.shape[0])).to(tensor.dtype))  # type: ignore[no-any-return]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform of variance `gain**2 * 2 / (fan_in + fan_out)`."""
    fan_in, fan_out = fans(tensor)
    bound = math.sqrt(3.0) * gain * math.sqrt(2.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal of variance `gain**2 * 2 / (fan_in + fan_out)`."""
    fan_in, fan_out = fans(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def _kaiming_deviation(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"mode {mode!r} is not supported, please use one of 'fan_in', 'fan_out'")
    fan = fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Tensor:
    """Uniform of variance `gain**2 / fan`, for the gain of a nonlinearity (`a`: the slope of a leaky ReLU)."""
    if not tensor.numel():
        return tensor
    bound = math.sqrt(3.0) * _kaiming_deviation(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Tensor:
    """Normal of variance `gain**2 / fan`, for the gain of a nonlinearity (`a`: the slope of a leaky ReLU)."""
    if not tensor.numel():
        return tensor
    return normal_(tensor, 0.0, _kaiming_deviation(tensor, a, mode, nonlinearity), generator)


@no_grad
def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Make the matrix (the first dimension by all others) have orthonormal rows or columns, times `gain`.

    Raises:
        ShapeError: for fewer than 2 dimensions.
    """
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: only tensors with 2 or more dimensions are supported, not {tensor.shape}")
    if not tensor.numel():
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    drawn = fill_normal(
        wrap(np.empty((max(rows, columns), min(rows, columns)), np.float64)), generator=generator
    ).numpy()
    q, r = np.linalg.qr(drawn)
    q *= np.sign(np.diag(r))
    matrix = (q if rows >= columns else q.T) * gain
    return tensor.copy_(dispatch.as_tensor(matrix.reshape(tensor.shape), literal=True))  # type: ignore[no-any-return]


__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]
