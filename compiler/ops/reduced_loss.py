"""What losses have in common: the reduction, PyTorch's older words for it, and the shape of the target."""

import warnings
from typing import TYPE_CHECKING

from tracegraph.runtime.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []

REDUCTIONS = ("none", "mean", "sum")


def reduction_named(
    name: str,
    reduction: str,
    size_average: bool | None = None,
    reduce: bool | None = None,
    known: tuple[str, ...] = REDUCTIONS,
) -> str:
    """The reduction asked for. The older words, if one is given, stand for it: no `reduce` is "none", else
    `size_average` chooses between "mean" and "sum".

    Raises:
        ArgumentError: for a word that is not known.
    """
    if size_average is not None or reduce is not None:
        if reduce is not None and not reduce:
            return "none"
        return "mean" if size_average is None or size_average else "sum"
    if reduction not in known:
        raise ArgumentError(f"{name}: reduction must be one of {', '.join(map(repr, known))}, got {reduction!r}")
    return reduction


def reduced(loss: "Tensor", reduction: str) -> "Tensor":
    """The losses as they are, their mean or their sum."""
    if reduction == "mean":
        return loss.mean()  # type: ignore[no-any-return]
    return loss.sum() if reduction == "sum" else loss


def same_shape(name: str, input: "Tensor", target: "Tensor") -> None:
    """Refuse a target of another shape.

    Raises:
        ShapeError: it names both shapes.
    """
    if input.shape != target.shape:
        raise ShapeError(f"{name}: target of shape {target.shape} for input of shape {input.shape}; they must be equal")


def warn_of_broadcasting(input: "Tensor", target: "Tensor") -> None:
    """Warn the caller of a loss of a target of another shape: a column minus a row is a matrix."""
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}): "
            "both are broadcast, which is seldom meant",
            UserWarning,
            stacklevel=3,
        )
