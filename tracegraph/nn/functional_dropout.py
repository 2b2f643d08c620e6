"""Dropout as functions: `dropout`, whole channels with `dropout1d` to `dropout3d`, and the kinds that keep mean and
variance, `alpha_dropout` and `feature_alpha_dropout`.
"""

import math
from collections.abc import Sequence

from tracegraph.compiler.ops.random import rand
from tracegraph.runtime.errors import ArgumentError, ShapeError
from tracegraph.tensor import Tensor

_SELU_FLOOR = -1.7580993408473766
"""What SELU tends to: minus its scale times its alpha (Klambauer and others, arXiv:1706.02515)."""


def _check_probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise ArgumentError(f"dropout probability has to be between 0 and 1, but got {p}")


def _kept(input: Tensor, shape: Sequence[int], p: float) -> Tensor:
    """A random mask of a shape: 1 with probability `1 - p`."""
    return (rand(tuple(shape), dtype=input.dtype) >= p).to(input.dtype)  # type: ignore[no-any-return]


def _drop(input: Tensor, shape: Sequence[int], p: float, training: bool, inplace: bool) -> Tensor:
    """Zero what a random mask of `shape` says and scale the rest."""
    _check_probability(p)
    if not training or p == 0:
        return input
    result = input * 0.0 if p == 1 else input * (_kept(input, shape, p) * (1.0 / (1.0 - p)))
    return input.assign(result) if inplace else result


def _drop_to_floor(input: Tensor, shape: Sequence[int], p: float, training: bool, inplace: bool) -> Tensor:
    """Set to the value that SELU tends to what a random mask of `shape` says; then keep mean 0 and variance 1."""
    _check_probability(p)
    if not training or p == 0:
        return input
    if p == 1:
        result = input * 0.0
    else:
        factor = 1 / math.sqrt((_SELU_FLOOR * _SELU_FLOOR * p + 1) * (1 - p))
        kept = _kept(input, shape, p)
        addend = (kept - 1) * (-_SELU_FLOOR * factor) - _SELU_FLOOR * factor * p
        result = input * (kept * factor) + addend
    return input.assign(result) if inplace else result


def _channels(input: Tensor, first: int) -> tuple[int, ...]:
    """The shape of a mask of whole channels: the sizes before `first`, then ones."""
    return (*input.shape[:first], *[1] * (input.ndim - first))


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While `training`, set each element to 0 with probability `p`, and multiply the others by `1 / (1 - p)`.

    Srivastava and others, "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    Raises:
        ArgumentError: when `p` is no probability.

    >>> tracegraph.nn.functional.dropout(tracegraph.tensor([1.0, 2.0]), 0.5, training=False)
    tensor([1., 2.])
    """
    return _drop(input, input.shape, p, training, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While `training`, set each channel of (n, c, length) or (c, length) to 0 with probability `p`; scale the others.

    Raises:
        ArgumentError: when `p` is no probability.
        ShapeError: for another number of dimensions.

    >>> tracegraph.nn.functional.dropout1d(tracegraph.ones(1, 2), 0.5, training=False)
    tensor([[1., 1.]])
    """
    if input.ndim not in (2, 3):
        raise ShapeError(f"dropout1d: takes (n, c, length) or (c, length), got shape {input.shape}")
    return _drop(input, _channels(input, input.ndim - 1), p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While `training`, set each channel of (n, c, height, width) to 0 with probability `p` and scale the others.

    As in PyTorch, three dimensions are taken as (n, c, length).

    Raises:
        ArgumentError: when `p` is no probability.
        ShapeError: for fewer than two dimensions.

    >>> tracegraph.nn.functional.dropout2d(tracegraph.ones(1, 1, 1, 2), 0.5, training=False)
    tensor([[[[1., 1.]]]])
    """
    if input.ndim < 2:
        raise ShapeError(f"dropout2d: takes (n, c, ...), got shape {input.shape}")
    return _drop(input, _channels(input, 2), p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While `training`, set each channel of (n, c, depth, height, width), or without n, to 0 with probability `p`.

    And scale the others.

    Raises:
        ArgumentError: when `p` is no probability.

    >>> tracegraph.nn.functional.dropout3d(tracegraph.ones(1, 1, 1, 1, 2), 0.5, training=False).shape
    (1, 1, 1, 1, 2)
    """
    return _drop(input, _channels(input, 2 if input.ndim == 5 else 1), p, training, inplace)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """While `training`, set each element to SELU's lowest value with probability `p`, and keep mean and variance.

    Klambauer and others, "Self-normalizing neural networks", arXiv:1706.02515.

    Raises:
        ArgumentError: when `p` is no probability.

    >>> tracegraph.nn.functional.alpha_dropout(tracegraph.tensor([1.0, 2.0]), 0.5)
    tensor([1., 2.])
    """
    return _drop_to_floor(input, input.shape, p, training, inplace)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """While `training`, set each channel of (n, c, ...) to SELU's lowest value with probability `p`.

    And keep mean and variance, as `alpha_dropout`.

    Raises:
        ArgumentError: when `p` is no probability.
        ShapeError: for fewer than two dimensions, while training.

    >>> tracegraph.nn.functional.feature_alpha_dropout(tracegraph.tensor([[1.0, 2.0]]), 0.5)
    tensor([[1., 2.]])
    """
    if training and p != 0 and input.ndim < 2:
        raise ShapeError(f"feature_alpha_dropout: takes (n, c, ...), got shape {input.shape}")
    return _drop_to_floor(input, _channels(input, 2), p, training, inplace)
