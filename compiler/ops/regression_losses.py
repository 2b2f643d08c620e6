"""Losses of numbers: `mse_loss`, `l1_loss`, `smooth_l1_loss`, `huber_loss`, and the likelihoods `poisson_nll_loss` and
`gaussian_nll_loss`.

All take `reduction`: "mean" (the default), "sum", or "none" for one loss per element; `size_average` and `reduce` are
PyTorch's older words for it.
"""

import math
from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError

from . import dispatch
from .dispatch import public
from .reduced_loss import reduced, reduction_named, warn_of_broadcasting
from .requirement import ensured
from .selection import where

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []


def _float_difference(name: str, input: "Tensor", target: "Tensor") -> "Tensor":
    difference = input - target
    if difference.dtype.kind != "f":
        raise DTypeError(f"{name}: takes float tensors, not {input.dtype} and {target.dtype}")
    return difference


def _weighted(name: str, loss: "Tensor", weight: "Tensor | None") -> "Tensor":
    """The losses times weights of the same shape."""
    if weight is None:
        return loss
    if weight.shape != loss.shape:
        raise ShapeError(f"{name}: weight of shape {weight.shape} for losses of shape {loss.shape}; they must be equal")
    return loss * weight


def _weighted_mean(name: str, loss: "Tensor", weight: "Tensor | None", reduction: str) -> "Tensor":
    """The reduced losses, of which the mean is divided by the sum of the weights."""
    weighted = _weighted(name, loss, weight)
    if weight is not None and reduction == "mean":
        return weighted.sum() / weight.sum()  # type: ignore[no-any-return]
    return reduced(weighted, reduction)


@public(method=False)
def mse_loss(
    input: "Tensor",
    target: "Tensor",
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: "Tensor | None" = None,
) -> "Tensor":
    """Squared differences; with `weight` their mean is the weighted one.

    >>> zeros, target = tracegraph.tensor([0.0, 0.0]), tracegraph.tensor([1.0, 3.0])
    >>> tracegraph.nn.functional.mse_loss(zeros, target)
    tensor(5.)
    """
    reduction = reduction_named("mse_loss", reduction, size_average, reduce)
    warn_of_broadcasting(input, target)
    difference = _float_difference("mse_loss", input, target)
    return _weighted_mean("mse_loss", difference * difference, weight, reduction)


@public(method=False)
def l1_loss(
    input: "Tensor",
    target: "Tensor",
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: "Tensor | None" = None,
) -> "Tensor":
    """Absolute differences; with `weight` their mean is the weighted one.

    >>> zeros, target = tracegraph.tensor([0.0, 0.0]), tracegraph.tensor([1.0, -3.0])
    >>> tracegraph.nn.functional.l1_loss(zeros, target)
    tensor(2.)
    """
    reduction = reduction_named("l1_loss", reduction, size_average, reduce)
    warn_of_broadcasting(input, target)
    return _weighted_mean("l1_loss", (input - target).abs(), weight, reduction)


@public(method=False)
def smooth_l1_loss(
    input: "Tensor",
    target: "Tensor",
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> "Tensor":
    """`0.5 * d * d / beta` where the difference d is below `beta`, `|d| - 0.5 * beta` elsewhere.

    >>> zeros, target = tracegraph.tensor([0.0, 0.0]), tracegraph.tensor([1.0, 3.0])
    >>> tracegraph.nn.functional.smooth_l1_loss(zeros, target, reduction="none")
    tensor([0.5000, 2.5000])
    """
    reduction = reduction_named("smooth_l1_loss", reduction, size_average, reduce)
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    warn_of_broadcasting(input, target)
    difference = _float_difference("smooth_l1_loss", input, target)
    distance = difference.abs()
    if beta == 0:
        return reduced(distance, reduction)
    return reduced(where(distance < beta, difference * difference * (0.5 / beta), distance - 0.5 * beta), reduction)


@public(method=False)
def huber_loss(
    input: "Tensor", target: "Tensor", reduction: str = "mean", delta: float = 1.0, weight: "Tensor | None" = None
) -> "Tensor":
    """`0.5 * d * d` where the difference d is below `delta`, `delta * (|d| - 0.5 * delta)` elsewhere (Huber 1964).

    `weight` multiplies the losses; the mean is then still divided by their number. The dtype is that of `input`.

    >>> zeros, target = tracegraph.tensor([0.0, 0.0]), tracegraph.tensor([1.0, 3.0])
    >>> tracegraph.nn.functional.huber_loss(zeros, target, reduction="none")
    tensor([0.5000, 2.5000])
    """
    reduction = reduction_named("huber_loss", reduction)
    if delta <= 0:
        raise ArgumentError(f"huber_loss: delta must be positive, got {delta}")
    if input.dtype.kind != "f":
        raise DTypeError(f"huber_loss: input must be of floats, not {input.dtype}")
    warn_of_broadcasting(input, target)
    difference = input - target
    distance = difference.abs()
    loss = where(distance < delta, difference * difference * 0.5, (distance - 0.5 * delta) * delta)
    return reduced(_weighted("huber_loss", loss.to(input.dtype), weight), reduction)


@public(method=False)
def poisson_nll_loss(
    input: "Tensor",
    target: "Tensor",
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> "Tensor":
    """The negative log-likelihood of counts, `target`, under Poisson distributions: `rate - target * log(rate)`.

    Args:
        input: the rates' logarithms, or with `log_input=False` the rates.
        target: counts, in a shape that broadcasts with that of `input`.
        log_input: what `input` is.
        full: add Stirling's approximation of log(target!) where the target is more than 1.
        eps: added to rates before their logarithm is taken.
        size_average: an older word for `reduction`.
        reduce: another one.
        reduction: "mean", "sum" or "none".

    >>> tracegraph.nn.functional.poisson_nll_loss(tracegraph.tensor([0.0]), tracegraph.tensor([2.0]))
    tensor(1.)
    """
    reduction = reduction_named("poisson_nll_loss", reduction, size_average, reduce)
    loss: Any = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + (target * (2 * math.pi)).log() * 0.5
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return reduced(loss, reduction)


@public(method=False)
def gaussian_nll_loss(
    input: "Tensor",
    target: "Tensor",
    var: "Tensor | float",
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> "Tensor":
    """The negative log-likelihood of `target` under normal distributions: `(log(var) + (input - target)**2 / var) / 2`.

    Args:
        input: the means.
        target: in the shape of the means, or one that broadcasts with it.
        var: the variances: a number, or a tensor in the shape of the means, without its last dimension, or with a 1
            for one of its dimensions.
        full: add the constant log(2 * pi) / 2.
        eps: variances count as at least this, which does not change their gradient.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for a negative variance.
        ShapeError: for a shape of `var` that does not fit.

    Nix and Weigend, "Estimating the mean and variance of the target probability distribution", 1994.

    >>> tracegraph.nn.functional.gaussian_nll_loss(tracegraph.tensor([1.0]), tracegraph.tensor([3.0]), 1.0)
    tensor(2.)
    """
    negative = "gaussian_nll_loss: var has negative entries"
    if not hasattr(var, "_data"):
        if var < 0:
            raise ArgumentError(f"{negative}: {var}")
        variance: Any = dispatch.constant(float(var), input.dtype).expand(input.shape)
    else:
        variance = var
    if variance.shape != input.shape:
        if variance.shape == input.shape[:-1]:
            variance = variance.unsqueeze(-1)
        elif not _lacks_one_dimension(variance.shape, input.shape):
            raise ShapeError(f"gaussian_nll_loss: var of shape {variance.shape} for input of shape {input.shape}")
    reduction = reduction_named("gaussian_nll_loss", reduction)
    fixed = variance.detach()
    floored = variance + (fixed.clamp(min=eps) - fixed)
    loss = (floored.log() + (input - target).square() / floored) * 0.5
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    result = reduced(loss, reduction)
    return ensured(result, fixed >= 0, negative, fixed) if hasattr(var, "_data") else result


def _lacks_one_dimension(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether a shape equals another but for one dimension, where it has 1."""
    if len(shape) != len(whole):
        return False
    return [part for part, size in zip(shape, whole, strict=True) if part != size] == [1]
