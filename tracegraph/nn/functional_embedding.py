"""Rows of a table by number: `embedding`, and sums, means and maxima of such rows by `embedding_bag`."""

from typing import NamedTuple

import numpy as np

from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops import dispatch, positions
from tracegraph.compiler.ops.creation import arange, zeros
from tracegraph.compiler.ops.requirement import ensured
from tracegraph.compiler.ops.selection import where
from tracegraph.compiler.ops.spec import int64
from tracegraph.runtime.errors import ArgumentError, DTypeError, IndexingError, ShapeError
from tracegraph.tensor import Tensor

_SMALL = 1e-7
"""Added to a norm that a row is divided by, as in PyTorch."""


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` (rows, features) at the positions `input`: shape (*input.shape, features).

    Args:
        input: integers of any shape.
        weight: the table.
        padding_idx: the row with this number gets no gradient.
        max_norm: rows that are looked up and have a larger norm are scaled down to it first, in place.
        norm_type: the order of that norm.
        scale_grad_by_freq: divide a row's gradient by how often it is looked up.
        sparse: accepted; gradients are dense.

    Raises:
        IndexingError: for a number that is no row.

    >>> table = tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> tracegraph.nn.functional.embedding(tracegraph.tensor([1, 0]), table)
    tensor([[3., 4.],
            [1., 2.]])
    """
    _check_table("embedding", weight)
    row = _row("embedding", padding_idx, weight)
    if max_norm is not None:
        _limit_norms(weight, input, max_norm, norm_type)
    rows = positions.embedding(input, weight, row)
    if scale_grad_by_freq and weight.requires_grad:
        rows = _scaled_gradient(rows, input, weight.shape[0])
    return rows


def _check_table(name: str, weight: Tensor) -> None:
    if weight.ndim != 2:
        raise ShapeError(f"{name}: weight must be a matrix (rows, features), got shape {weight.shape}")


def _row(name: str, padding_idx: int | None, weight: Tensor) -> int | None:
    """The number of the padding row, not negative."""
    if padding_idx is None:
        return None
    count = weight.shape[0]
    if not -count <= padding_idx < count:
        raise IndexingError(f"{name}: padding_idx {padding_idx} is out of range for {count} rows")
    return padding_idx % count


def _limit_norms(weight: Tensor, numbers: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows of these numbers down to a norm, in place; rows below it keep their values."""
    with GradMode(False):
        table = weight.detach()
        places = numbers.reshape((numbers.numel(),))
        rows = table.index_select(0, places)
        norms = rows.norm(norm_type, 1, keepdim=True)
        weight.index_copy_(0, places, where(norms > max_norm, rows * (max_norm / (norms + _SMALL)), rows))


def _scaled_gradient(rows: Tensor, numbers: Tensor, count: int) -> Tensor:
    """The rows, whose gradient is divided by how often each number occurs."""
    places = numbers.reshape((numbers.numel(),)).to(int64)
    often = zeros(count, dtype=int64).index_add(0, places, (places * 0) + 1)
    share = 1 / often.index_select(0, places).reshape((*numbers.shape, 1)).to(rows.dtype)
    fixed = rows.detach()
    return fixed + (rows - fixed) * share  # type: ignore[no-any-return]


class _Bags(NamedTuple):
    """Numbers of rows (n,), the bag of each, which of them count, and how many bags there are."""

    numbers: Tensor
    bag: Tensor
    counts: Tensor | None
    size: int


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima of bags of rows of `weight` (rows, features): shape (bags, features); 0 for empty bags.

    Args:
        input: integers (bags, n), a bag per row; or (n,), all bags one after the other.
        weight: the table.
        offsets: for `input` (n,): where each bag begins; the first one at 0.
        max_norm: rows that are looked up and have a larger norm are scaled down to it first, in place.
        norm_type: the order of that norm.
        scale_grad_by_freq: divide a row's gradient by how often it is looked up; not for "max".
        mode: "sum", "mean" or "max".
        sparse: accepted; gradients are dense.
        per_sample_weights: in the shape of `input`: factors of the rows, for "sum" alone.
        include_last_offset: `offsets` has one more element, the end of the last bag.
        padding_idx: elements equal to it are left out of their bags.

    Raises:
        ShapeError: when the shapes do not fit.
        IndexingError: for a number that is no row.

    >>> table = tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> tracegraph.nn.functional.embedding_bag(tracegraph.tensor([[0, 1], [1, 1]]), table, mode="sum")
    tensor([[4., 6.],
            [6., 8.]])
    """
    _check_table("embedding_bag", weight)
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(f"embedding_bag: mode must be 'sum', 'mean' or 'max', got {mode!r}")
    if mode == "max" and (scale_grad_by_freq or sparse):
        raise ArgumentError("embedding_bag: mode 'max' goes neither with scale_grad_by_freq nor with sparse gradients")
    if per_sample_weights is not None:
        _check_weights(input, weight, per_sample_weights, mode)
        per_sample_weights = per_sample_weights.reshape((input.numel(),))
    bags = _bags(input, offsets, include_last_offset, _row("embedding_bag", padding_idx, weight))
    if max_norm is not None:
        _limit_norms(weight, bags.numbers, max_norm, norm_type)
    rows = positions.embedding(bags.numbers, weight)
    if scale_grad_by_freq and weight.requires_grad:
        rows = _scaled_gradient(rows, bags.numbers, weight.shape[0])
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    if mode == "max":
        return _largest(bags, rows)
    if bags.counts is not None:
        rows = where(bags.counts.unsqueeze(1), rows, 0)
    sums = zeros(bags.size, weight.shape[1], dtype=weight.dtype).index_add(0, bags.bag, rows)
    return sums if mode == "sum" else sums / _sizes(bags).clamp(min=1).unsqueeze(1).to(sums.dtype)  # type: ignore[no-any-return]


def _check_weights(input: Tensor, weight: Tensor, per_sample_weights: Tensor, mode: str) -> None:
    if mode != "sum":
        raise ArgumentError(f"embedding_bag: per_sample_weights go with mode 'sum' alone, not with {mode!r}")
    if per_sample_weights.shape != input.shape:
        raise ShapeError(
            f"embedding_bag: per_sample_weights of shape {per_sample_weights.shape} for input of shape {input.shape}"
        )
    if per_sample_weights.dtype != weight.dtype:
        raise DTypeError(
            f"embedding_bag: per_sample_weights of {per_sample_weights.dtype} for a table of {weight.dtype}"
        )


def _bags(input: Tensor, offsets: Tensor | None, include_last_offset: bool, padding: int | None) -> _Bags:
    if input.dtype.kind not in "iu":
        raise DTypeError(f"embedding_bag: input must be integers, not {input.dtype}")
    if input.ndim == 2:
        if offsets is not None:
            raise ArgumentError("embedding_bag: offsets go with an input of one dimension, this has two")
        count, size = input.shape
        numbers = input.reshape((count * size,))
        bag = dispatch.as_tensor(np.repeat(np.arange(count), size), literal=True)
    elif input.ndim == 1:
        if offsets is None or offsets.ndim != 1:
            raise ArgumentError("embedding_bag: an input of one dimension needs offsets of one dimension")
        count = offsets.shape[0] - include_last_offset
        if count < 0:
            raise ShapeError("embedding_bag: with include_last_offset there is at least one offset")
        numbers, bag = input, _bag_of_each(input.shape[0], offsets[:count])
    else:
        raise ShapeError(f"embedding_bag: input must have one or two dimensions, got shape {input.shape}")
    return _Bags(numbers, bag, None if padding is None else numbers != padding, count)


def _bag_of_each(size: int, offsets: Tensor) -> Tensor:
    """The number of the bag of each of `size` elements: how many offsets are not after it, less one."""
    if offsets.shape[0]:
        offsets = ensured(offsets.to(int64), offsets[0] == 0, "embedding_bag: the first offset must be 0")
    begins = zeros(size + 1, dtype=int64).index_add(0, offsets, offsets * 0 + 1)
    return begins.cumsum(0)[:size] - 1  # type: ignore[no-any-return]


def _sizes(bags: _Bags) -> Tensor:
    """How many elements count in each bag."""
    ones = bags.bag * 0 + 1 if bags.counts is None else bags.counts.to(int64)
    return zeros(bags.size, dtype=int64).scatter_add(0, bags.bag, ones)  # type: ignore[no-any-return]


def _largest(bags: _Bags, rows: Tensor) -> Tensor:
    """The largest rows, feature by feature: the bags are laid side by side, as long as the longest."""
    size = rows.shape[0]
    if not size or not bags.size:
        return zeros(bags.size, rows.shape[1], dtype=rows.dtype) + rows.sum() * 0  # type: ignore[no-any-return]
    whole = zeros(bags.size, dtype=int64).scatter_add(0, bags.bag, bags.bag * 0 + 1)
    starts = whole.cumsum(0) - whole
    steps = arange(int(whole.max()))
    inside = steps < whole.unsqueeze(1)
    places = where(inside, starts.unsqueeze(1) + steps, 0)
    if bags.counts is not None:
        inside = inside & bags.counts[places]
    laid = where(inside.unsqueeze(2), rows[places], -np.inf)
    return where(inside.any(1).unsqueeze(1), laid.max(1).values, 0)  # type: ignore[no-any-return]


__all__ = ["embedding", "embedding_bag"]
