"""Normalisation as functions: `layer_norm`, `rms_norm`, `batch_norm`, `group_norm`, `instance_norm`,
`local_response_norm` and `normalize`.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops.numpy_names import accept_numpy_names
from tracegraph.compiler.ops.padding import pad
from tracegraph.compiler.ops.pooling import avg_pool2d
from tracegraph.runtime.errors import ArgumentError, ShapeError
from tracegraph.tensor import Tensor


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Bring the last dimensions, those of `normalized_shape`, to mean 0 and variance 1.

    Then times `weight` plus `bias`.

    Ba and others, arXiv:1607.06450.

    Raises:
        ShapeError: when the input does not end in `normalized_shape`.

    >>> tracegraph.nn.functional.layer_norm(tracegraph.tensor([[1.0, 3.0]]), (2,), eps=0.0)
    tensor([[-1.,  1.]])
    """
    shape = tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ShapeError(f"layer_norm: input of shape {input.shape} does not end in normalized_shape {shape}")
    dims = tuple(range(-len(shape), 0))
    centred = input - input.mean(dims, keepdim=True)
    result = centred * ((centred * centred).mean(dims, keepdim=True) + eps).rsqrt()
    if weight is not None:
        result = result * weight
    return result if bias is None else result + bias  # type: ignore[no-any-return]


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root of the mean square over the last dimensions, those of `normalized_shape`; then times `weight`.

    Zhang and Sennrich, arXiv:1910.07467.

    Raises:
        ShapeError: when the input does not end in `normalized_shape`.
    """
    shape = tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ShapeError(f"rms_norm: input of shape {input.shape} does not end in normalized_shape {shape}")
    small = float(np.finfo(input.dtype).eps) if eps is None else eps
    result = input * ((input * input).mean(tuple(range(-len(shape), 0)), keepdim=True) + small).rsqrt()
    return result if weight is None else result * weight  # type: ignore[no-any-return]


def _channels(vector: Tensor, ndim: int) -> Tensor:
    """A vector (c,) laid along dimension 1 of `ndim` dimensions."""
    return vector.reshape((vector.numel(),) + (1,) * (ndim - 2))  # type: ignore[no-any-return]


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Bring each channel of (n, c, ...) to mean 0 and variance 1; then times `weight` plus `bias` per channel.

    While `training`, with the batch's own mean and variance, which also move the running ones (c,) by `momentum` (a
    number or a 0-d tensor), in place; else with the running ones. Ioffe and Szegedy, arXiv:1502.03167.

    Raises:
        ArgumentError: when `eps` is negative, or 0 while training, or running statistics are missing.
        ShapeError: for fewer than 2 dimensions, or one value per channel while training.
    """
    if eps < 0 or (training and eps == 0):
        raise ArgumentError(f"batch_norm: eps must be positive (or 0 in evaluation mode), got {eps}")
    if input.numel() == 0:
        return _of_nothing(input, weight, bias)
    if input.ndim < 2:
        raise ShapeError(f"batch_norm: takes (n, c, ...), got shape {input.shape}")
    _check_channels("batch_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if training:
        count = input.numel() // max(input.shape[1], 1)
        if count == 1:
            raise ShapeError(
                f"Expected more than 1 value per channel when training, got input size {list(input.shape)}"
            )
        dims = (0, *range(2, input.ndim))
        mean = input.mean(dims, keepdim=True)
        centred = input - mean
        variance = (centred * centred).mean(dims, keepdim=True)
        with GradMode(False):
            if running_mean is not None:
                _move(running_mean, mean, momentum)
            if running_var is not None:
                _move(running_var, variance * (count / (count - 1)), momentum)
    else:
        if running_mean is None or running_var is None:
            raise ArgumentError("batch_norm: running_mean and running_var are needed in evaluation mode")
        centred = input - _channels(running_mean, input.ndim)
        variance = _channels(running_var, input.ndim)
    return _scaled(centred * (variance + eps).rsqrt(), weight, bias)


def _scaled(normal: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Times a factor, plus an addend per channel."""
    result = normal if weight is None else normal * _channels(weight, normal.ndim)
    return result if bias is None else result + _channels(bias, normal.ndim)


def _of_nothing(input: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """The result for an empty input, which takes part in a gradient all the same."""
    result = input.clone() if weight is None else input * weight[0]
    return result if bias is None else result + bias[0]


def _check_channels(name: str, input: Tensor, **vectors: Tensor | None) -> None:
    for what, vector in vectors.items():
        if vector is not None and vector.numel() != input.shape[1]:
            raise ShapeError(f"{name}: {what} of shape {vector.shape} for {input.shape[1]} channels")


def _move(running: Tensor, now: Tensor, momentum: Any) -> None:
    """Move running statistics towards those of a batch."""
    running.assign(running * (1 - momentum) + now.detach().reshape(running.shape) * momentum)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Bring each of `num_groups` groups of channels of each sample (n, c, ...) to mean 0 and variance 1.

    Then times `weight` plus `bias` per channel. Wu and He, arXiv:1803.08494.

    Raises:
        ShapeError: when the channels do not divide into the groups.
    """
    if input.ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        raise ShapeError(f"group_norm: the channels of shape {input.shape} do not divide into {num_groups} groups")
    _check_channels("group_norm", input, weight=weight, bias=bias)
    if input.numel() == num_groups:
        raise ShapeError(f"group_norm: expected more than 1 value per group when training, got shape {input.shape}")
    grouped = input.reshape((input.shape[0], num_groups, math.prod(input.shape[1:]) // num_groups))
    centred = grouped - grouped.mean(-1, keepdim=True)
    result = (centred * ((centred * centred).mean(-1, keepdim=True) + eps).rsqrt()).reshape(input.shape)
    return _scaled(result, weight, bias)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Bring each channel of each sample of (n, c, ...) to mean 0 and variance 1; then times `weight` plus `bias`.

    With `use_input_stats` by each sample's own mean and variance, whose means over the batch also move the running
    ones (c,) by `momentum`, in place; else by the running ones. Ulyanov and others, arXiv:1607.08022.

    Raises:
        ShapeError: for fewer than 3 dimensions, or one value per channel of a sample.

    >>> tracegraph.nn.functional.instance_norm(tracegraph.tensor([[[1.0, 3.0]]]), eps=0.0)
    tensor([[[-1.,  1.]]])
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if input.ndim < 3:
        raise ShapeError(f"instance_norm: takes (n, c, ...), got shape {input.shape}")
    count = math.prod(input.shape[2:])
    if count == 1:
        raise ShapeError(f"Expected more than 1 spatial element when training, got input size {list(input.shape)}")
    if (running_mean is None) != (running_var is None):
        raise ArgumentError("instance_norm: running_mean and running_var must be given both or neither")
    _check_channels(
        "instance_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    dims = tuple(range(2, input.ndim))
    mean = input.mean(dims, keepdim=True)
    centred = input - mean
    variance = (centred * centred).mean(dims, keepdim=True)
    if running_mean is not None and running_var is not None:
        with GradMode(False):
            _move(running_mean, mean.mean(0), momentum)
            _move(running_var, variance.mean(0) * (count / (count - 1)), momentum)
    return _scaled(centred * (variance + eps).rsqrt(), weight, bias)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Divide by `(k + alpha * mean of squares over size neighbouring channels) ** beta`, for (n, c, length, ...).

    Krizhevsky and others, "ImageNet classification with deep convolutional neural networks", 2012.

    Raises:
        ShapeError: for fewer than 3 dimensions.

    >>> tracegraph.nn.functional.local_response_norm(tracegraph.tensor([[[2.0], [0.0]]]), 1, alpha=1.0, beta=1.0)
    tensor([[[0.4000],
             [0.0000]]])
    """
    if input.ndim < 3:
        raise ShapeError(f"local_response_norm: expected at least 3 dimensions, got shape {input.shape}")
    if input.numel() == 0:
        return input
    squares = (input * input).reshape((input.shape[0], input.shape[1], math.prod(input.shape[2:])))
    means = avg_pool2d(pad(squares, (0, 0, size // 2, (size - 1) // 2)), (size, 1), stride=1).reshape(input.shape)
    return input / (means * alpha + k).pow(beta)  # type: ignore[no-any-return]


@accept_numpy_names
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Divide by the `p`-norm along `dim`, at least `eps`.

    >>> tracegraph.nn.functional.normalize(tracegraph.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    return input / input.norm(p, dim, keepdim=True).clamp(min=eps)  # type: ignore[no-any-return]
