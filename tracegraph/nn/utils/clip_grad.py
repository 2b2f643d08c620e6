"""Helpers for training loops: `clip_grad_norm_`, `clip_grad_value_`, and parameters as one vector."""

import math
from collections.abc import Iterable
from typing import Any

from tracegraph.autograd.modes import no_grad
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.joining import cat, stack
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor


def _gradients(parameters: Any) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [gradient for parameter in listed if (gradient := parameter.grad) is not None]


@no_grad
def get_total_norm(tensors: Iterable[Tensor], norm_type: float = 2.0) -> Tensor:
    """The `norm_type`-norm of all elements of several tensors taken together, a 0-d tensor."""
    listed = list(tensors)
    if not listed:
        return dispatch.constant(0.0, dispatch.default_dtype()).clone()  # type: ignore[no-any-return]
    if norm_type == math.inf:
        return stack([tensor.abs().max() for tensor in listed]).max()  # type: ignore[no-any-return]
    return stack([tensor.norm(norm_type) for tensor in listed]).norm(norm_type)  # type: ignore[no-any-return]


@no_grad
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scale the gradients, in place, so that their norm taken together is at most `max_norm`. Returns the norm before.

    Raises:
        ArgumentError: with `error_if_nonfinite`, when the norm is infinite or NaN.

    >>> weight = tracegraph.tensor([3.0, 4.0], requires_grad=True)
    >>> (weight * weight).sum().backward()
    >>> tracegraph.nn.utils.clip_grad_norm_([weight], 1.0)
    tensor(10.)
    >>> weight.grad
    tensor([0.6000, 0.8000])
    """
    gradients = _gradients(parameters)
    total = get_total_norm(gradients, norm_type)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise ArgumentError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it "
            f"cannot be clipped"
        )
    factor = (max_norm / (total + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.to(gradient.dtype))
    return total


@no_grad
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit each element of the gradients, in place, to the range from `-clip_value` to `clip_value`."""
    for gradient in _gradients(parameters):
        gradient.clamp_(-clip_value, clip_value)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of all parameters in one vector."""
    return cat([parameter.reshape((parameter.numel(),)) for parameter in parameters])


@no_grad
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy the elements of a vector into the parameters, in place."""
    start = 0
    for parameter in parameters:
        parameter.copy_(vec[start : start + parameter.numel()].reshape(parameter.shape))
        start += parameter.numel()


__all__ = ["clip_grad_norm_", "clip_grad_value_", "get_total_norm", "parameters_to_vector", "vector_to_parameters"]
