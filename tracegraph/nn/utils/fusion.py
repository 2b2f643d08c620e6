"""A batch normalisation in evaluation folded into the layer before it, and modules made without drawing numbers."""

import copy
from typing import Any, TypeVar

from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops.creation_like import ones_like, zeros_like
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import Parameter
from tracegraph.random import get_rng_state, set_rng_state
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor

_Module = TypeVar("_Module", bound=Module)


def _scaled(
    weight: Tensor,
    bias: Tensor | None,
    mean: Tensor,
    variance: Tensor,
    eps: float,
    factor: Tensor | None,
    addend: Tensor | None,
    dim: int,
) -> tuple[Parameter, Parameter]:
    with GradMode(False):
        bias = zeros_like(mean) if bias is None else bias
        factor = ones_like(mean) if factor is None else factor
        addend = zeros_like(mean) if addend is None else addend
        scale = factor * (variance + eps).rsqrt()
        shape = [1] * weight.ndim
        shape[dim] = -1
        fused = weight * scale.reshape(shape)
        return (
            Parameter(fused.to(weight.dtype), weight.requires_grad),
            Parameter(((bias - mean) * scale + addend).to(bias.dtype), bias.requires_grad),
        )


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution that does what it and a batch normalisation after it do in evaluation."""
    return _scaled(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 1 if transpose else 0)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of an affine map that does what it and a batch normalisation after it do in evaluation."""
    return _scaled(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 0)


def _fused(layer: _Module, bn: Any, dim: int) -> _Module:
    if layer.training or bn.training:
        raise ArgumentError("fusing a batch normalisation needs both modules in evaluation: call eval() first")
    if bn.running_mean is None:
        raise ArgumentError("fusing a batch normalisation needs its running statistics")
    fused: Any = copy.deepcopy(layer)
    fused.weight, fused.bias = _scaled(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, dim
    )
    return fused  # type: ignore[no-any-return]


def fuse_conv_bn_eval(conv: _Module, bn: Module, transpose: bool = False) -> _Module:
    """A copy of a convolution that also does what the batch normalisation after it does in evaluation.

    Raises:
        ArgumentError: when one of them is in training, or there are no running statistics.
    """
    return _fused(conv, bn, 1 if transpose else 0)


def fuse_linear_bn_eval(linear: _Module, bn: Module) -> _Module:
    """A copy of an affine map that also does what the batch normalisation after it does in evaluation.

    Raises:
        ArgumentError: when one of them is in training, or there are no running statistics.
    """
    return _fused(linear, bn, 0)


def skip_init(module_cls: type[_Module], *args: Any, **kwargs: Any) -> _Module:
    """A module whose parameters are not meant to be used as they are; the random generator is left as it was."""
    state = get_rng_state()
    try:
        return module_cls(*args, **kwargs)
    finally:
        set_rng_state(state)


__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights", "skip_init"]
