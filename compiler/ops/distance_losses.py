"""Losses of distances between vectors: `cosine_embedding_loss`, `triplet_margin_loss` and
`triplet_margin_with_distance_loss`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tracegraph.runtime.errors import ArgumentError, ShapeError

from .dispatch import public
from .distances import pairwise_distance
from .reduced_loss import reduced, reduction_named
from .selection import minimum, where

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []

_SMALL = 1e-12
"""Added to squared lengths, as in PyTorch, so that the vector zero has a cosine."""


@public(method=False)
def cosine_embedding_loss(
    input1: "Tensor",
    input2: "Tensor",
    target: "Tensor",
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> "Tensor":
    """What the cosine of two vectors lacks to 1 where the target is 1; what it exceeds the margin by where it is -1.

    Args:
        input1: vectors (n, size) or (size,).
        input2: vectors in the same shape.
        target: (n,) or (), of 1 and -1.
        margin: a number from -1 to 1.
        size_average: an older word for `reduction`.
        reduce: another one.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: when the shapes do not fit.

    >>> a, b = tracegraph.tensor([[1.0, 0.0]]), tracegraph.tensor([[0.0, 1.0]])
    >>> tracegraph.nn.functional.cosine_embedding_loss(a, b, tracegraph.tensor([1]))
    tensor(1.)
    """
    reduction = reduction_named("cosine_embedding_loss", reduction, size_average, reduce)
    if target.ndim > 1 or not input1.ndim == input2.ndim == target.ndim + 1:
        raise ShapeError(
            "cosine_embedding_loss: takes vectors (n, size) with targets (n,), or (size,) with (), "
            f"got shapes {input1.shape}, {input2.shape} and {target.shape}"
        )
    product = (input1 * input2).sum(-1)
    lengths = (((input1 * input1).sum(-1) + _SMALL) * ((input2 * input2).sum(-1) + _SMALL)).sqrt()
    cosine = product / lengths
    alike = where(target == 1, 1 - cosine, 0)
    return reduced(alike + where(target == -1, (cosine - margin).clamp(min=0), 0), reduction)


@public(method=False)
def triplet_margin_loss(
    anchor: "Tensor",
    positive: "Tensor",
    negative: "Tensor",
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> "Tensor":
    """What the anchor's distance to the negative lacks to be above that to the positive by the margin.

    Args:
        anchor: vectors (..., size).
        positive: vectors that should be near, in a shape that broadcasts with the anchors'.
        negative: vectors that should be far.
        margin: a positive number.
        p: the order of the norm that measures distances.
        eps: added to each difference.
        swap: take the smaller of the negative's distances to anchor and positive (Balntas et al. 2016).
        size_average: an older word for `reduction`.
        reduce: another one.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: for a margin that is not positive.

    >>> zero, one = tracegraph.zeros(1, 4), tracegraph.ones(1, 4)
    >>> tracegraph.nn.functional.triplet_margin_loss(zero, one, one)
    tensor(1.)
    """
    reduction = reduction_named("triplet_margin_loss", reduction, size_average, reduce)

    def distance(a: "Tensor", b: "Tensor") -> "Tensor":
        return pairwise_distance(a, b, p, eps)

    losses = _triplet_losses("triplet_margin_loss", anchor, positive, negative, distance, margin, swap)
    return reduced(losses, reduction)


@public(method=False)
def triplet_margin_with_distance_loss(
    anchor: "Tensor",
    positive: "Tensor",
    negative: "Tensor",
    *,
    distance_function: "Callable[[Tensor, Tensor], Tensor] | None" = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> "Tensor":
    """`triplet_margin_loss` with a distance of one's own: a function of two tensors; by default the Euclidean one.

    >>> zero, one = tracegraph.zeros(1, 4), tracegraph.ones(1, 4)
    >>> tracegraph.nn.functional.triplet_margin_with_distance_loss(
    ...     zero, one, one, distance_function=lambda a, b: (a - b).abs().amax(-1)
    ... )
    tensor(1.)
    """
    name = "triplet_margin_with_distance_loss"
    reduction = reduction_named(name, reduction)
    if distance_function is None:
        return triplet_margin_loss(anchor, positive, negative, margin, swap=swap, reduction=reduction)
    return reduced(_triplet_losses(name, anchor, positive, negative, distance_function, margin, swap), reduction)


def _triplet_losses(
    name: str,
    anchor: "Tensor",
    positive: "Tensor",
    negative: "Tensor",
    distance: "Callable[[Tensor, Tensor], Tensor]",
    margin: float,
    swap: bool,
) -> "Tensor":
    if margin <= 0:
        raise ArgumentError(f"{name}: margin must be positive, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"{name}: all three must have the same number of dimensions, "
            f"got shapes {anchor.shape}, {positive.shape} and {negative.shape}"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return (near - far + margin).clamp(min=0)  # type: ignore[no-any-return]
