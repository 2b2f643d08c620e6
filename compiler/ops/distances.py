"""Distances of vectors: `cdist`, `pdist`, `pairwise_distance`, `cosine_similarity`, `dist`; and `renorm`."""

from typing import TYPE_CHECKING

import numpy as np

from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError

from . import dispatch
from .dispatch import public
from .spec import broadcast_shapes, normalize_dim
from .statistics import root, vector_norm

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["cdist", "cosine_similarity", "dist", "pairwise_distance", "pdist", "renorm"]

_MODES = (
    "use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist",
)  # fmt: skip
_MANY = 25
"""From more rows than this on, Euclidean distances are made of a matrix product, as in PyTorch."""


def _norms(differences: "Tensor", p: float) -> "Tensor":
    """The norms along the last dimension, 0 where it is empty."""
    return vector_norm(differences, p if differences.shape[-1] else 2, -1)


def _need_order(name: str, p: float) -> None:
    if not p >= 0:
        raise ArgumentError(f"{name}: p must not be negative, got {p}")


@public(method=False)
def cdist(
    x1: "Tensor", x2: "Tensor", p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary"
) -> "Tensor":
    """The distances between each row of `x1` and each row of `x2`: (..., m, k), (..., n, k) to (..., m, n).

    Args:
        x1: float tensor of rows.
        x2: float tensor of rows of the same length and dtype; the other dimensions broadcast.
        p: the order of the norm, not negative.
        compute_mode: whether Euclidean distances are made of a matrix product, which is faster and less exact: by
            default where there are more than 25 rows.

    Raises:
        ArgumentError: for a negative `p` or an unknown `compute_mode`.
        DTypeError: for other dtypes than float32 and float64, or two different ones.
        ShapeError: when the shapes do not fit.

    >>> tracegraph.cdist(tracegraph.tensor([[0.0, 0.0]]), tracegraph.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    if compute_mode not in _MODES:
        raise ArgumentError(f"cdist: compute_mode must be one of {_MODES}, got {compute_mode!r}")
    _need_order("cdist", p)
    if x1.dtype != x2.dtype or x1.dtype.name not in ("float32", "float64"):
        raise DTypeError(f"cdist: takes two float32 or two float64 tensors, not {x1.dtype} and {x2.dtype}")
    if min(x1.ndim, x2.ndim) < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(f"cdist: takes (..., m, k) and (..., n, k), got shapes {x1.shape} and {x2.shape}")
    broadcast_shapes("cdist", x1.shape[:-2], x2.shape[:-2])
    many = max(x1.shape[-2], x2.shape[-2]) > _MANY
    if p == 2 and (compute_mode == _MODES[1] or (compute_mode == _MODES[0] and many)):
        squares = (x1 * x1).sum(-1, True) + (x2 * x2).sum(-1).unsqueeze(-2) - x1.matmul(x2.mT) * 2
        return root(squares.clamp(min=0))
    return _norms(x1.unsqueeze(-2) - x2.unsqueeze(-3), p)


@public(method=False)
def pdist(input: "Tensor", p: float = 2.0) -> "Tensor":
    """The distances between each row of a matrix and each after it, as a vector: (n, k) to (n * (n - 1) / 2).

    Raises:
        ArgumentError: for a negative `p`.
        DTypeError: for other dtypes than float32 and float64.
        ShapeError: for anything but a matrix.

    >>> tracegraph.pdist(tracegraph.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    _need_order("pdist", p)
    if input.dtype.name not in ("float32", "float64"):
        raise DTypeError(f"pdist: takes float32 and float64 tensors, not {input.dtype}")
    if input.ndim != 2:
        raise ShapeError(f"pdist: takes a matrix, got shape {input.shape}")
    first, second = (dispatch.as_tensor(rows, literal=True) for rows in np.triu_indices(input.shape[0], 1))
    return _norms(input[first] - input[second], p)


@public(method=False)
def pairwise_distance(x1: "Tensor", x2: "Tensor", p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> "Tensor":
    """The norms of order `p` of `x1 - x2 + eps` along the last dimension; the shapes broadcast.

    >>> tracegraph.pairwise_distance(tracegraph.tensor([[3.0, 4.0]]), tracegraph.tensor([[0.0, 0.0]]), eps=0.0)
    tensor([5.])
    """
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)


@public(method=False)
def cosine_similarity(x1: "Tensor", x2: "Tensor", dim: int = 1, eps: float = 1e-8) -> "Tensor":
    """The cosine of the angle between vectors along `dim`; the shapes broadcast.

    Norms below `eps` count as `eps`, which does not change their gradient.

    Raises:
        DimensionError: when `dim` is out of range.
        DTypeError: for integers.

    >>> tracegraph.cosine_similarity(tracegraph.tensor([[1.0, 1.0]]), tracegraph.tensor([[2.0, 0.0]]))
    tensor([0.7071])
    """
    x1, x2 = dispatch.promote(x1, x2, name="cosine_similarity")
    if x1.dtype.kind != "f":
        raise DTypeError(f"cosine_similarity: takes float tensors, not {x1.dtype}; cast them with float()")
    shape = broadcast_shapes("cosine_similarity", x1.shape, x2.shape)
    place = normalize_dim("cosine_similarity", dim, len(shape))
    first, second = (_unit(x.expand(shape), place, eps) for x in (x1, x2))
    return (first * second).sum(place)  # type: ignore[no-any-return]


def _unit(vectors: "Tensor", dim: int, eps: float) -> "Tensor":
    size = vector_norm(vectors, 2, dim, True)
    fixed = size.detach()
    return vectors.div(size + (fixed.clamp(min=eps) - fixed))  # type: ignore[no-any-return]


@public()
def dist(input: "Tensor", other: "Tensor", p: float = 2) -> "Tensor":
    """The norm of order `p` of all elements of `input - other`, whose shapes broadcast.

    >>> tracegraph.dist(tracegraph.tensor([3.0, 4.0]), tracegraph.tensor([0.0, 0.0]))
    tensor(5.)
    """
    return vector_norm(input - other, p)


@public(inplace=True)
def renorm(input: "Tensor", p: float, dim: int, maxnorm: float) -> "Tensor":
    """The slices along `dim` whose norm of order `p` is above `maxnorm` scaled down to it, the others as they are.

    Raises:
        ArgumentError: unless `p` is positive and `maxnorm` not negative.
        DimensionError: when `dim` is out of range.
        DTypeError: for integers.
        ShapeError: for less than two dimensions.

    >>> tracegraph.renorm(tracegraph.tensor([[3.0, 4.0], [0.0, 1.0]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """
    if not p > 0 or not maxnorm >= 0:
        raise ArgumentError(f"renorm: p must be positive and maxnorm not negative, got {p} and {maxnorm}")
    if input.ndim < 2:
        raise ShapeError(f"renorm: takes at least two dimensions, got shape {input.shape}")
    place = normalize_dim("renorm", dim, input.ndim)
    sizes = vector_norm(input, p, [other for other in range(input.ndim) if other != place], True)
    factor = (maxnorm / (sizes + _TINY)).where(sizes > maxnorm, 1)
    return input.mul(factor)  # type: ignore[no-any-return]


_TINY = 1e-7
"""Added to the norm before it divides, as in PyTorch."""
