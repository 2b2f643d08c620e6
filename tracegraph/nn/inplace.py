"""Activation functions that replace their input: `relu_`, `elu_`, `threshold_` and others, under PyTorch's names."""

import functools
from collections.abc import Callable

from tracegraph.compiler.ops.activations import celu, elu, hardtanh, leaky_relu, relu, selu
from tracegraph.compiler.ops.shrinking import rrelu, threshold
from tracegraph.tensor import Tensor


def _replacing(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function with `inplace=True`."""

    @functools.wraps(function)
    def replacing(input: Tensor, *arguments: float, **options: float) -> Tensor:
        return function(input, *arguments, **options, inplace=True)

    replacing.__name__ = replacing.__qualname__ = f"{function.__name__}_"
    replacing.__doc__ = f"In-place version of `{function.__name__}`: the result replaces the input's content."
    return replacing


celu_ = _replacing(celu)
elu_ = _replacing(elu)
hardtanh_ = _replacing(hardtanh)
leaky_relu_ = _replacing(leaky_relu)
relu_ = _replacing(relu)
rrelu_ = _replacing(rrelu)
selu_ = _replacing(selu)
threshold_ = _replacing(threshold)

__all__ = ["celu_", "elu_", "hardtanh_", "leaky_relu_", "relu_", "rrelu_", "selu_", "threshold_"]
