"""Gradients kept in bounds: `clip_grad_norm_`, `clip_grad_value_` and the parts of the former."""

import math
from collections.abc import Iterable
from typing import Any

from tracegraph.autograd.modes import no_grad
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.joining import stack
from tracegraph.runtime.errors import GradientError
from tracegraph.tensor import Tensor


def _gradients(parameters: Any) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [gradient for parameter in listed if (gradient := parameter.grad) is not None]


@no_grad
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The `norm_type`-norm of all elements of several tensors taken together, a 0-d tensor.

    Raises:
        GradientError: with `error_if_nonfinite`, when it is infinite or NaN.
    """
    listed = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    order = float(norm_type)
    if not listed:
        return dispatch.constant(0.0, dispatch.default_dtype()).clone()  # type: ignore[no-any-return]
    if order == math.inf:
        total = stack([tensor.abs().max() for tensor in listed]).max()
    else:
        total = stack([tensor.norm(order) for tensor in listed]).norm(order)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise GradientError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it cannot be clipped"
        )
    return total  # type: ignore[no-any-return]


@no_grad
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients, in place, by `max_norm / total_norm` if that is less than 1."""
    factor = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
    for gradient in _gradients(parameters):
        gradient.mul_(factor.to(gradient.dtype))


@no_grad
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients, in place, so that their norm taken together is at most `max_norm`. Returns the norm before.

    Raises:
        GradientError: with `error_if_nonfinite`, when the norm is infinite or NaN.

    >>> weight = tracegraph.tensor([3.0, 4.0], requires_grad=True)
    >>> (weight * weight).sum().backward()
    >>> tracegraph.nn.utils.clip_grad_norm_([weight], 1.0)
    tensor(10.)
    >>> weight.grad
    tensor([0.6000, 0.8000])
    """
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    total = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, total)
    return total


@no_grad
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Limit each element of the gradients, in place, to the range from `-clip_value` to `clip_value`."""
    for gradient in _gradients(parameters):
        gradient.clamp_(-clip_value, clip_value)


__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]
