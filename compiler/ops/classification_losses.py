"""Losses of classes: `cross_entropy` and `nll_loss`.

Both take `reduction`: "mean" (the default), "sum", or "none" for one loss per sample; `size_average` and `reduce` are
PyTorch's older words for it.
"""

from typing import TYPE_CHECKING

from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError

from .dispatch import public
from .reduced_loss import reduced, reduction_named
from .selection import where

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []


def _class_dim(name: str, input: "Tensor", target: "Tensor") -> int:
    """The dimension of the classes: the second, or the only one of a single sample."""
    dim = 1 if input.ndim > 1 else 0
    if input.ndim == 0 or target.shape != input.shape[:dim] + input.shape[dim + 1 :]:
        raise ShapeError(
            f"{name}: target of shape {target.shape} does not fit input of shape {input.shape}: "
            "(n, classes, ...) takes class numbers (n, ...)"
        )
    if target.dtype.kind not in "iu":
        raise DTypeError(f"{name}: class numbers must be integers, got {target.dtype}")
    return dim


def _class_weights(name: str, weight: "Tensor", classes: int) -> "Tensor":
    if weight.shape != (classes,):
        raise ShapeError(f"{name}: weight must have shape ({classes},), one per class, got {weight.shape}")
    return weight


def _picked(
    name: str, input: "Tensor", target: "Tensor", weight: "Tensor | None", ignore_index: int
) -> tuple["Tensor", "Tensor", "Tensor"]:
    """The negative elements of the targets' classes, times their weights; the targets' weights; the mask of those
    that count.

    Where the target is `ignore_index`, loss and weight are 0.
    """
    dim = _class_dim(name, input, target)
    counts = target != ignore_index
    chosen = where(counts, target, 0)
    column = chosen.unsqueeze(dim)
    loss = -input.gather(dim, column).squeeze(dim)
    if weight is None:
        return where(counts, loss, 0.0), counts.to(input.dtype), counts
    each = _class_weights(name, weight, input.shape[dim])
    if weight.dtype != input.dtype:
        raise DTypeError(f"{name}: weight must have the dtype of the input, {input.dtype}, not {weight.dtype}")
    weights = each.index_select(0, chosen.reshape((chosen.numel(),))).reshape(chosen.shape)
    weights = where(counts, weights, 0.0)
    return where(counts, loss * weights, 0.0), weights, counts


@public(method=False)
def nll_loss(
    input: "Tensor",
    target: "Tensor",
    weight: "Tensor | None" = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> "Tensor":
    """The negative log-likelihood of class numbers, from log-probabilities.

    Args:
        input: log-probabilities (n, classes, ...) or (classes,).
        target: class numbers (n, ...) or (), integers.
        weight: (classes,), a factor per class; the mean is then the weighted one.
        size_average: an older word for `reduction`.
        ignore_index: targets equal to it count for nothing.
        reduce: an older word for `reduction`.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: when the shapes do not fit.
        IndexError: when a target is not a class.

    >>> log_p = tracegraph.tensor([[0.5, 0.5], [0.25, 0.75]]).log()
    >>> tracegraph.nn.functional.nll_loss(log_p, tracegraph.tensor([0, 1]))
    tensor(0.4904)
    """
    reduction = reduction_named("nll_loss", reduction, size_average, reduce)
    loss, weights, _ = _picked("nll_loss", input, target, weight, ignore_index)
    if reduction == "mean":
        return loss.sum() / weights.sum()  # type: ignore[no-any-return]
    return reduced(loss, reduction)


@public(method=False)
def cross_entropy(
    input: "Tensor",
    target: "Tensor",
    weight: "Tensor | None" = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> "Tensor":
    """The cross entropy between logits and class numbers or class probabilities.

    Args:
        input: logits (n, classes, ...) or (classes,).
        target: class numbers (n, ...) or (), integers; or probabilities, floats in the shape of `input`.
        weight: (classes,), a factor per class; for class numbers the mean is then the weighted one.
        size_average: an older word for `reduction`.
        ignore_index: class numbers equal to it count for nothing.
        reduce: an older word for `reduction`.
        reduction: "mean", "sum" or "none".
        label_smoothing: from 0 to 1, the part of every target that is spread evenly over the classes (Szegedy et al.
        2016).

    Raises:
        ShapeError: when the shapes do not fit.
        IndexError: when a target is not a class.

    >>> tracegraph.nn.functional.cross_entropy(tracegraph.tensor([[0.0, 0.0]]), tracegraph.tensor([1]))
    tensor(0.6931)
    """
    reduction = reduction_named("cross_entropy", reduction, size_average, reduce)
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(f"cross_entropy: label_smoothing must be between 0 and 1, got {label_smoothing}")
    dim = 1 if input.ndim > 1 else 0
    log_p = input.log_softmax(dim)
    if target.shape == input.shape:
        if ignore_index >= 0:
            raise ArgumentError("cross_entropy: ignore_index is for class numbers, not for class probabilities")
        return _soft_cross_entropy(log_p, target, weight, dim, reduction, label_smoothing)
    if label_smoothing == 0:
        return nll_loss(log_p, target, weight, ignore_index=ignore_index, reduction=reduction)
    picked, weights, counts = _picked("cross_entropy", log_p, target, weight, ignore_index)
    classes = input.shape[dim]
    spread = -(log_p if weight is None else log_p * _along(weight, dim, input.ndim)).sum(dim)
    loss = picked * (1 - label_smoothing) + where(counts, spread, 0.0) * (label_smoothing / classes)
    if reduction == "mean":
        return loss.sum() / weights.sum()  # type: ignore[no-any-return]
    return reduced(loss, reduction)


def _along(weight: "Tensor", dim: int, ndim: int) -> "Tensor":
    """A vector laid along one of `ndim` dimensions."""
    return weight.reshape(weight.shape + (1,) * (ndim - dim - 1))  # type: ignore[no-any-return]


def _soft_cross_entropy(
    log_p: "Tensor", target: "Tensor", weight: "Tensor | None", dim: int, reduction: str, label_smoothing: float
) -> "Tensor":
    if target.dtype.kind != "f":
        raise DTypeError(
            f"cross_entropy: probabilities (a target in the shape of the input) must be floats, got {target.dtype}"
        )
    classes = log_p.shape[dim]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    if weight is not None:
        target = target * _along(_class_weights("cross_entropy", weight, classes), dim, log_p.ndim)
    return reduced(-(log_p * target).sum(dim), reduction)
