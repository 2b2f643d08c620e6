"""Losses as compositions: `cross_entropy`, `nll_loss`, `mse_loss`, `binary_cross_entropy_with_logits` and the others
of PyTorch's kind.

All take `reduction`: "mean" (the default), "sum", or "none" for one loss per element or sample.
"""

from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError

from . import dispatch
from .activations import logsigmoid
from .base import Array, Cotangent, operation
from .dispatch import public
from .pointwise import FloatFunction
from .selection import where

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []


def _reduced(name: str, loss: "Tensor", reduction: str) -> "Tensor":
    """The losses as they are, their mean or their sum."""
    if reduction == "mean":
        return loss.mean()  # type: ignore[no-any-return]
    if reduction == "sum":
        return loss.sum()  # type: ignore[no-any-return]
    if reduction == "none":
        return loss
    raise ArgumentError(f"{name}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")


def _weighted(name: str, loss: "Tensor", weight: "Tensor") -> "Tensor":
    """The losses times weights of the same shape."""
    if weight.shape != loss.shape:
        raise ShapeError(f"{name}: weight of shape {weight.shape} for losses of shape {loss.shape}; they must be equal")
    return loss * weight


@public(method=False)
def mse_loss(input: "Tensor", target: "Tensor", *, reduction: str = "mean", weight: "Tensor | None" = None) -> "Tensor":
    """Squared differences; with `weight` their mean is the weighted one.

    >>> zeros, target = tracegraph.tensor([0.0, 0.0]), tracegraph.tensor([1.0, 3.0])
    >>> tracegraph.nn.functional.mse_loss(zeros, target)
    tensor(5.)
    """
    difference = input - target
    return _weighted_mean("mse_loss", difference * difference, weight, reduction)


@public(method=False)
def l1_loss(input: "Tensor", target: "Tensor", *, reduction: str = "mean", weight: "Tensor | None" = None) -> "Tensor":
    """Absolute differences; with `weight` their mean is the weighted one.

    >>> zeros, target = tracegraph.tensor([0.0, 0.0]), tracegraph.tensor([1.0, -3.0])
    >>> tracegraph.nn.functional.l1_loss(zeros, target)
    tensor(2.)
    """
    return _weighted_mean("l1_loss", (input - target).abs(), weight, reduction)


def _weighted_mean(name: str, loss: "Tensor", weight: "Tensor | None", reduction: str) -> "Tensor":
    """The reduced losses, of which the mean is divided by the sum of the weights."""
    if weight is None:
        return _reduced(name, loss, reduction)
    weighted = _weighted(name, loss, weight)
    if reduction == "mean":
        return weighted.sum() / weight.sum()  # type: ignore[no-any-return]
    return _reduced(name, weighted, reduction)


@public(method=False)
def smooth_l1_loss(input: "Tensor", target: "Tensor", *, reduction: str = "mean", beta: float = 1.0) -> "Tensor":
    """`0.5 * d * d / beta` where the difference d is below `beta`, `|d| - 0.5 * beta` elsewhere.

    >>> zeros, target = tracegraph.tensor([0.0, 0.0]), tracegraph.tensor([1.0, 3.0])
    >>> tracegraph.nn.functional.smooth_l1_loss(zeros, target, reduction="none")
    tensor([0.5000, 2.5000])
    """
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    difference = input - target
    distance = difference.abs()
    loss = where(distance < beta, difference * difference * (0.5 / beta), distance - 0.5 * beta)
    return _reduced("smooth_l1_loss", loss, reduction)


@public(method=False)
def huber_loss(
    input: "Tensor", target: "Tensor", *, reduction: str = "mean", delta: float = 1.0, weight: "Tensor | None" = None
) -> "Tensor":
    """`0.5 * d * d` where the difference d is below `delta`, `delta * (|d| - 0.5 * delta)` elsewhere (Huber 1964).

    `weight` multiplies the losses; the mean is then still divided by their number.

    >>> zeros, target = tracegraph.tensor([0.0, 0.0]), tracegraph.tensor([1.0, 3.0])
    >>> tracegraph.nn.functional.huber_loss(zeros, target, reduction="none")
    tensor([0.5000, 2.5000])
    """
    if delta <= 0:
        raise ArgumentError(f"huber_loss: delta must be positive, got {delta}")
    difference = input - target
    distance = difference.abs()
    loss = where(distance < delta, difference * difference * 0.5, (distance - 0.5 * delta) * delta)
    return _reduced("huber_loss", loss if weight is None else _weighted("huber_loss", loss, weight), reduction)


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
    weights = each.index_select(0, chosen.reshape((chosen.numel(),))).reshape(chosen.shape)
    weights = where(counts, weights, 0.0)
    return where(counts, loss * weights, 0.0), weights, counts


@public(method=False)
def nll_loss(
    input: "Tensor",
    target: "Tensor",
    weight: "Tensor | None" = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> "Tensor":
    """The negative log-likelihood of class numbers, from log-probabilities.

    Args:
        input: log-probabilities (n, classes, ...) or (classes,).
        target: class numbers (n, ...) or (), integers.
        weight: (classes,), a factor per class; the mean is then the weighted one.
        ignore_index: targets equal to it count for nothing.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: when the shapes do not fit.
        IndexError: when a target is not a class.

    >>> log_p = tracegraph.tensor([[0.5, 0.5], [0.25, 0.75]]).log()
    >>> tracegraph.nn.functional.nll_loss(log_p, tracegraph.tensor([0, 1]))
    tensor(0.4904)
    """
    loss, weights, _ = _picked("nll_loss", input, target, weight, ignore_index)
    if reduction == "mean":
        return loss.sum() / weights.sum()  # type: ignore[no-any-return]
    return _reduced("nll_loss", loss, reduction)


@public(method=False)
def cross_entropy(
    input: "Tensor",
    target: "Tensor",
    weight: "Tensor | None" = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> "Tensor":
    """The cross entropy between logits and class numbers or class probabilities.

    Args:
        input: logits (n, classes, ...) or (classes,).
        target: class numbers (n, ...) or (), integers; or probabilities, floats in the shape of `input`.
        weight: (classes,), a factor per class; for class numbers the mean is then the weighted one.
        ignore_index: class numbers equal to it count for nothing.
        reduction: "mean", "sum" or "none".
        label_smoothing: from 0 to 1, the part of every target that is spread evenly over the classes (Szegedy et al.
        2016).

    Raises:
        ShapeError: when the shapes do not fit.
        IndexError: when a target is not a class.

    >>> tracegraph.nn.functional.cross_entropy(tracegraph.tensor([[0.0, 0.0]]), tracegraph.tensor([1]))
    tensor(0.6931)
    """
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(f"cross_entropy: label_smoothing must be between 0 and 1, got {label_smoothing}")
    dim = 1 if input.ndim > 1 else 0
    log_p = input.log_softmax(dim)
    if target.shape == input.shape:
        return _soft_cross_entropy(log_p, target, weight, dim, reduction, label_smoothing)
    if label_smoothing == 0:
        return nll_loss(log_p, target, weight, ignore_index=ignore_index, reduction=reduction)
    picked, weights, counts = _picked("cross_entropy", log_p, target, weight, ignore_index)
    classes = input.shape[dim]
    spread = -(log_p if weight is None else log_p * _along(weight, dim, input.ndim)).sum(dim)
    loss = picked * (1 - label_smoothing) + where(counts, spread, 0.0) * (label_smoothing / classes)
    if reduction == "mean":
        return loss.sum() / weights.sum()  # type: ignore[no-any-return]
    return _reduced("cross_entropy", loss, reduction)


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
    return _reduced("cross_entropy", -(log_p * target).sum(dim), reduction)


def _same_shape(name: str, input: "Tensor", target: "Tensor") -> None:
    if input.shape != target.shape:
        raise ShapeError(f"{name}: target of shape {target.shape} for input of shape {input.shape}; they must be equal")


@operation
class BinaryCrossEntropy(FloatFunction):
    """-(t log(p) + (1 - t) log(1 - p)) for probabilities p and targets t, with logarithms of at least -100."""

    name = "binary_cross_entropy"
    arity = 2
    expression = (
        "({1} - abs_{f}(1)) * maximum(log1p_{f}(-{0}), -abs_{f}(100)) - {1} * maximum(log_{f}({0}), -abs_{f}(100))"
    )
    saves = (0, 1)
    domain = (0.1, 0.9)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        p, t = operands
        return (t - 1) * xp.maximum(xp.log1p(-p), -100) - t * xp.maximum(xp.log(p), -100)

    def vjp(self, g: "Tensor", out: Any, a: Any, b: Any) -> tuple[Cotangent, ...]:
        return (
            lambda: g * ((a - b) / (a * (1 - a)).clamp(min=1e-12)),
            lambda: g * ((-a).log1p() - a.log()),
        )


BINARY_CROSS_ENTROPY = BinaryCrossEntropy()


@public(method=False)
def binary_cross_entropy(
    input: "Tensor", target: "Tensor", weight: "Tensor | None" = None, *, reduction: str = "mean"
) -> "Tensor":
    """`-(t * log(p) + (1 - t) * log(1 - p))` for probabilities p, `input`, and targets t from 0 to 1.

    Logarithms count as at least -100, and the gradient divides by at least 1e-12. Prefer
    `binary_cross_entropy_with_logits`, which is precise everywhere.

    >>> tracegraph.nn.functional.binary_cross_entropy(tracegraph.tensor([0.5]), tracegraph.tensor([1.0]))
    tensor(0.6931)
    """
    _same_shape("binary_cross_entropy", input, target)
    loss = dispatch.binary(BINARY_CROSS_ENTROPY, input, target)
    return _reduced("binary_cross_entropy", loss if weight is None else loss * weight, reduction)


@public(method=False)
def binary_cross_entropy_with_logits(
    input: "Tensor",
    target: "Tensor",
    weight: "Tensor | None" = None,
    *,
    reduction: str = "mean",
    pos_weight: "Tensor | None" = None,
) -> "Tensor":
    """`binary_cross_entropy(sigmoid(input), target)`, precise for all logits.

    `weight` multiplies the losses, `pos_weight` the part of the positive targets; both broadcast.

    >>> zero, one = tracegraph.tensor([0.0]), tracegraph.tensor([1.0])
    >>> tracegraph.nn.functional.binary_cross_entropy_with_logits(zero, one)
    tensor(0.6931)
    """
    _same_shape("binary_cross_entropy_with_logits", input, target)
    log_p = logsigmoid(input)
    if pos_weight is not None:
        log_p = log_p * ((pos_weight - 1) * target + 1)
    loss = (1 - target) * input - log_p
    return _reduced("binary_cross_entropy_with_logits", loss if weight is None else loss * weight, reduction)


@public(method=False)
def kl_div(input: "Tensor", target: "Tensor", *, reduction: str = "mean", log_target: bool = False) -> "Tensor":
    """The Kullback-Leibler divergence `t * (log(t) - input)` of log-probabilities `input` from probabilities t.

    With `log_target` the target too is given as log-probabilities. `reduction` may also be "batchmean": the sum
    divided by the size of the first dimension, which is the divergence by definition.

    >>> p = tracegraph.tensor([[0.5, 0.5]])
    >>> tracegraph.nn.functional.kl_div(p.log(), p, reduction="batchmean")
    tensor(0.)
    """
    loss: Any = target.exp() * (target - input) if log_target else target.xlogy(target) - target * input
    if reduction == "batchmean":
        return loss.sum() / input.shape[0] if input.ndim else loss  # type: ignore[no-any-return]
    return _reduced("kl_div", loss, reduction)
