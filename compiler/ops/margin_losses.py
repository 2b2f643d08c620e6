"""Losses of scores and margins: `hinge_embedding_loss`, `soft_margin_loss`, `margin_ranking_loss`, and for classes
`multi_margin_loss`, `multilabel_margin_loss` and `multilabel_soft_margin_loss`.
"""

import math
from typing import TYPE_CHECKING

from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError

from . import dispatch
from .activations import logsigmoid, relu
from .creation import full_operation
from .dispatch import public
from .gather import Gather, Scatter, index_operation
from .reduced_loss import reduced, reduction_named
from .selection import where
from .spec import int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []


@public(method=False)
def hinge_embedding_loss(
    input: "Tensor",
    target: "Tensor",
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> "Tensor":
    """A distance, `input`, where the target is 1; what it lacks to the margin where the target is -1.

    >>> distance, target = tracegraph.tensor([0.25, 0.25]), tracegraph.tensor([1, -1])
    >>> tracegraph.nn.functional.hinge_embedding_loss(distance, target, reduction="none")
    tensor([0.2500, 0.7500])
    """
    reduction = reduction_named("hinge_embedding_loss", reduction, size_average, reduce)
    apart = where(target != 1, (margin - input).clamp(min=0), 0)
    return reduced(apart + where(target != -1, input, 0), reduction)


@public(method=False)
def soft_margin_loss(
    input: "Tensor",
    target: "Tensor",
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> "Tensor":
    """`log(1 + exp(-target * input))` for scores and targets 1 or -1.

    >>> tracegraph.nn.functional.soft_margin_loss(tracegraph.tensor([0.0]), tracegraph.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = reduction_named("soft_margin_loss", reduction, size_average, reduce)
    return reduced(-logsigmoid(target * input), reduction)


@public(method=False)
def margin_ranking_loss(
    input1: "Tensor",
    input2: "Tensor",
    target: "Tensor",
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> "Tensor":
    """What `input1` lacks to be above `input2` by the margin, where the target is 1; below it where that is -1.

    >>> tracegraph.nn.functional.margin_ranking_loss(
    ...     tracegraph.tensor([1.0, 1.0]), tracegraph.tensor([0.0, 3.0]), tracegraph.tensor([1, 1])
    ... )
    tensor(1.)
    """
    reduction = reduction_named("margin_ranking_loss", reduction, size_average, reduce)
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError(
            "margin_ranking_loss: inputs and target must have the same number of dimensions, "
            f"got shapes {input1.shape}, {input2.shape} and {target.shape}"
        )
    return reduced((-target * (input1 - input2) + margin).clamp(min=0), reduction)


def _rows(name: str, input: "Tensor", target: "Tensor", shape: tuple[int, ...]) -> "Tensor":
    """Scores (n, classes), of an input in this shape or for one sample; the target must have `shape`, or be the only
    number of one sample.
    """
    if input.ndim > 2 or (input.ndim and not input.shape[-1]):
        raise ShapeError(f"{name}: input must have shape (n, classes) or (classes,), got {input.shape}")
    if target.shape != shape and not (input.ndim < 2 and target.numel() == 1 == math.prod(shape)):
        raise ShapeError(f"{name}: target of shape {target.shape} does not fit input of shape {input.shape}")
    if target.dtype != int64:
        raise DTypeError(f"{name}: class numbers must be int64, got {target.dtype}")
    if input.dtype.kind != "f":
        raise DTypeError(f"{name}: input must be of floats, not {input.dtype}")
    return input if input.ndim == 2 else input.reshape((1, input.numel()))


def _shaped(losses: "Tensor", shape: tuple[int, ...]) -> "Tensor":
    """Losses (n,) in a shape; in that of one sample if there is one."""
    return losses if losses.shape == shape else losses.reshape(shape)


@public(method=False)
def multi_margin_loss(
    input: "Tensor",
    target: "Tensor",
    p: int = 1,
    margin: float = 1.0,
    weight: "Tensor | None" = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> "Tensor":
    """For each other class, what the target's score lacks to be above that class's by the margin, to the power `p`.

    Their sum is divided by the number of classes.

    Args:
        input: scores (n, classes) or (classes,).
        target: class numbers (n,) or (), int64.
        p: 1 or 2.
        margin: a number.
        weight: (classes,), a factor for each target class.
        size_average: an older word for `reduction`.
        reduce: another one.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: when the shapes do not fit.
        IndexError: when a target is not a class.

    >>> tracegraph.nn.functional.multi_margin_loss(tracegraph.tensor([[0.0, 0.5]]), tracegraph.tensor([1]))
    tensor(0.2500)
    """
    name = "multi_margin_loss"
    reduction = reduction_named(name, reduction, size_average, reduce)
    if p not in (1, 2):
        raise ArgumentError(f"{name}: p must be 1 or 2, got {p!r}")
    scores = _rows(name, input, target, input.shape[:-1])
    count, classes = scores.shape
    column = target.reshape((count, 1))
    lack = relu(scores - dispatch.apply(Gather(1), scores, column) + margin)
    lack = lack * lack if p == 2 else lack
    if weight is not None:
        if weight.shape != (classes,):
            raise ShapeError(f"{name}: weight must have shape ({classes},), one per class, got {weight.shape}")
        lack = lack * dispatch.apply(index_operation(0), weight, column)
    others = dispatch.as_tensor(range(classes), literal=True) != column
    losses = where(others, lack, 0).sum(1) / classes
    return reduced(_shaped(losses, target.shape) if reduction == "none" else losses, reduction)


@public(method=False)
def multilabel_margin_loss(
    input: "Tensor",
    target: "Tensor",
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> "Tensor":
    """For each target class and each class that is none, what the first's score lacks to be 1 above the other's.

    Their sum is divided by the number of classes.

    Args:
        input: scores (n, classes) or (classes,).
        target: in the same shape, int64: each row lists the target classes; they end at the first -1.
        size_average: an older word for `reduction`.
        reduce: another one.
        reduction: "mean", "sum" or "none".

    >>> tracegraph.nn.functional.multilabel_margin_loss(tracegraph.tensor([0.0, 0.5]), tracegraph.tensor([1, -1]))
    tensor(0.2500)
    """
    name = "multilabel_margin_loss"
    reduction = reduction_named(name, reduction, size_average, reduce)
    scores = _rows(name, input, target, input.shape)
    numbers = target.reshape(scores.shape)
    listed = (numbers >= 0).to(int64).cumprod(1)
    places = where(listed != 0, numbers, 0)
    zeros = dispatch.apply(full_operation(scores.shape, 0, int64))
    is_target = dispatch.apply(Scatter(1, "add"), zeros, places, listed) != 0
    chosen = dispatch.apply(Gather(1), scores, places)
    lack = relu(1 - chosen.unsqueeze(2) + scores.unsqueeze(1))
    counts = (listed != 0).unsqueeze(2) & is_target.logical_not().unsqueeze(1)
    losses = where(counts, lack, 0).sum((1, 2)) / scores.shape[1]
    return reduced(_shaped(losses, input.shape[:-1]) if reduction == "none" else losses, reduction)


@public(method=False)
def multilabel_soft_margin_loss(
    input: "Tensor",
    target: "Tensor",
    weight: "Tensor | None" = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> "Tensor":
    """The mean over the classes, the last dimension, of binary cross entropies of logits and targets 0 or 1.

    `weight` multiplies the losses of the classes.

    >>> zeros = tracegraph.zeros(1, 2)
    >>> tracegraph.nn.functional.multilabel_soft_margin_loss(zeros, zeros)
    tensor(0.6931)
    """
    name = "multilabel_soft_margin_loss"
    reduction = reduction_named(name, reduction, size_average, reduce)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return reduced(loss.sum(-1) / input.shape[-1], reduction)
