"""The functions behind the layers, under PyTorch's names.

`relu`, `conv2d`, `cross_entropy`, `dropout`, `layer_norm` and others.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops.activations import (
    celu,
    elu,
    gelu,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    silu,
    softplus,
    softsign,
)
from tracegraph.compiler.ops.contraction import linear
from tracegraph.compiler.ops.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from tracegraph.compiler.ops.einsum import einsum
from tracegraph.compiler.ops.exponential import sigmoid
from tracegraph.compiler.ops.gates import glu, gumbel_softmax, softmin
from tracegraph.compiler.ops.hyperbolic import tanh
from tracegraph.compiler.ops.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from tracegraph.compiler.ops.normalisation import log_softmax, softmax
from tracegraph.compiler.ops.padding import pad
from tracegraph.compiler.ops.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from tracegraph.compiler.ops.positions import embedding, one_hot
from tracegraph.compiler.ops.shrinking import hardshrink, rrelu, softshrink, tanhshrink, threshold
from tracegraph.nn.functional_attention import multi_head_attention_forward, scaled_dot_product_attention
from tracegraph.nn.functional_dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from tracegraph.nn.inplace import celu_, elu_, hardtanh_, leaky_relu_, relu_, rrelu_, selu_, threshold_
from tracegraph.runtime.errors import ArgumentError, ShapeError
from tracegraph.tensor import Tensor


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`input1 @ weight[k] @ input2 + bias[k]` for each k: (..., n), (..., m), (out, n, m) and (out) to (..., out)."""
    product = einsum("...n,knm,...m->...k", input1, weight, input2)
    return product if bias is None else product + bias


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
        ShapeError: for fewer than 2 dimensions, or one value per channel while training.
    """
    if input.ndim < 2:
        raise ShapeError(f"batch_norm: takes (n, c, ...), got shape {input.shape}")
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
    result = centred * (variance + eps).rsqrt()
    if weight is not None:
        result = result * _channels(weight, input.ndim)
    return result if bias is None else result + _channels(bias, input.ndim)  # type: ignore[no-any-return]


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
    if input.ndim < 2 or input.shape[1] % num_groups:
        raise ShapeError(f"group_norm: the channels of shape {input.shape} do not divide into {num_groups} groups")
    grouped = input.reshape((input.shape[0], num_groups, -1))
    centred = grouped - grouped.mean(-1, keepdim=True)
    result = (centred * ((centred * centred).mean(-1, keepdim=True) + eps).rsqrt()).reshape(input.shape)
    if weight is not None:
        result = result * _channels(weight, input.ndim)
    return result if bias is None else result + _channels(bias, input.ndim)  # type: ignore[no-any-return]


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Divide by the `p`-norm along `dim`, at least `eps`.

    >>> tracegraph.nn.functional.normalize(tracegraph.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    return input / input.norm(p, dim, keepdim=True).clamp(min=eps)  # type: ignore[no-any-return]


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors that lie along `dim`; each length counts as at least `eps`."""
    lengths = x1.norm(2, dim).clamp(min=eps) * x2.norm(2, dim).clamp(min=eps)
    return (x1 * x2).sum(dim) / lengths  # type: ignore[no-any-return]


__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "embedding",
    "feature_alpha_dropout",
    "gelu",
    "glu",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "log_softmax",
    "logsigmoid",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mish",
    "mse_loss",
    "multi_head_attention_forward",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "rrelu_",
    "scaled_dot_product_attention",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]
