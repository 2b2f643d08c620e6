"""Statistics of the elements over dimensions: variances, standard deviations, norms, counts, and sums without NaN."""

import math
from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError

from . import dispatch
from .cast import to
from .decompositions import SVD
from .dispatch import public
from .reductions import Dims, Sum, count, reduction, restore, sum
from .spec import as_dtype, float16, float32, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["count_nonzero", "nanmean", "nansum", "norm", "std", "std_mean", "var", "var_mean", "vector_norm"]


def root(x: "Tensor") -> "Tensor":
    """Square root whose gradient is 0, not infinite, at 0."""
    if not x.requires_grad:
        return x.sqrt()  # type: ignore[no-any-return]
    positive = x.ne(0)
    return x.where(positive, 1).sqrt().where(positive, 0)  # type: ignore[no-any-return]


def _moments(
    name: str, input: "Tensor", dim: Any, unbiased: bool | None, keepdim: bool, correction: float | None
) -> tuple["Tensor", "Tensor"]:
    """Variance and mean, in two passes: the mean, then the mean squared distance from it."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise ArgumentError(f"{name}: give unbiased or correction, not both")
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    dtype = input._data.dtype
    if dtype.kind != "f":
        raise DTypeError(f"{name}: takes float tensors, not {dtype}; cast the tensor with float()")
    if dtype is float16:
        variance, mean = _moments(name, to(input, float32), dim, None, keepdim, correction)
        return to(variance, float16), to(mean, float16)
    operation = reduction(Sum, dim, input._data.ndim)
    terms = count(operation, input)
    mean = dispatch.apply(operation, input) / terms
    centred = input.sub(restore(mean, operation, input))
    freedom = terms - correction
    variance = dispatch.apply(operation, centred * centred) / max(freedom, 0)
    if keepdim:
        return restore(variance, operation, input), restore(mean, operation, input)
    return variance, mean


@public()
def var(
    input: "Tensor",
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> "Tensor":
    """Variance over `dim` (an int, several, or all).

    Args:
        input: float tensor of any shape.
        dim: the dimensions to reduce.
        unbiased: divide by n - 1 (the default) rather than by n; the same as a correction of 1 or 0.
        keepdim: keep the reduced dimensions with size 1.
        correction: the sum of squares is divided by n - correction (1 by default).

    Raises:
        DTypeError: for an integer or bool tensor.

    >>> tracegraph.var(tracegraph.tensor([1.0, 2.0, 3.0, 4.0]), correction=0)
    tensor(1.2500)
    """
    return _moments("var", input, dim, unbiased, keepdim, correction)[0]


@public()
def std(
    input: "Tensor",
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> "Tensor":
    """Standard deviation over `dim`: the root of `var`, with the same arguments. Its gradient is 0 where it is 0.

    >>> tracegraph.std(tracegraph.tensor([1.0, 3.0, 5.0]))
    tensor(2.)
    """
    return root(_moments("std", input, dim, unbiased, keepdim, correction)[0])


@public(method=False)
def var_mean(
    input: "Tensor",
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple["Tensor", "Tensor"]:
    """Variance and mean over `dim`.

    >>> tracegraph.var_mean(tracegraph.tensor([1.0, 3.0, 5.0]))
    (tensor(4.), tensor(3.))
    """
    return _moments("var_mean", input, dim, unbiased, keepdim, correction)


@public(method=False)
def std_mean(
    input: "Tensor",
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple["Tensor", "Tensor"]:
    """Standard deviation and mean over `dim`.

    >>> tracegraph.std_mean(tracegraph.tensor([1.0, 3.0, 5.0]))
    (tensor(2.), tensor(3.))
    """
    variance, mean = _moments("std_mean", input, dim, unbiased, keepdim, correction)
    return root(variance), mean


@public(method=False)
def vector_norm(
    input: "Tensor", ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None
) -> "Tensor":
    """(sum of |x|**ord)**(1 / ord) over `dim` (an int, several, or all).

    Args:
        input: float tensor of any shape.
        ord: any number; 0 counts the elements that are not zero, inf and -inf give the largest and
            the smallest |x|.
        dim: the dimensions to reduce.
        keepdim: keep the reduced dimensions with size 1.
        dtype: cast to this dtype first.

    Raises:
        DTypeError: for an integer or bool tensor.
        ShapeError: for an infinite or negative order where there are no elements.

    >>> tracegraph.vector_norm(tracegraph.tensor([3.0, -4.0]))
    tensor(5.)
    """
    order = float(ord)
    if input._data.dtype.kind != "f":
        raise DTypeError(f"norm: takes float tensors, not {input.dtype}; cast the tensor with float()")
    if dtype is not None:
        input = to(input, as_dtype(dtype))
    if input._data.dtype is float16:
        return to(vector_norm(to(input, float32), ord, dim, keepdim), float16)
    if (order < 0 or math.isinf(order)) and not count(reduction(Sum, dim, input.ndim), input):
        raise ShapeError(
            f"norm: the norm of order {order} of no elements (shape {input.shape}, dim {dim}) does not exist"
        )
    if order == 2:
        return root(input.mul(input).sum(dim, keepdim))
    if order == 0:
        counted = input.ne(0).to(input.dtype)
        if input.requires_grad:  # of which the gradient is 0 everywhere
            counted = counted.where(input.ne(0), input * 0)
        return counted.sum(dim, keepdim)  # type: ignore[no-any-return]
    size = input.abs()
    if order == 1:
        return size.sum(dim, keepdim)  # type: ignore[no-any-return]
    if math.isinf(order):
        return size.amax(dim, keepdim) if order > 0 else size.amin(dim, keepdim)  # type: ignore[no-any-return]
    return _general_norm(size, order, dim, keepdim)


def _general_norm(size: "Tensor", order: float, dim: Dims, keepdim: bool) -> "Tensor":
    """(sum of size**order)**(1 / order), without infinite gradients where an element or the norm is 0."""
    if not size.requires_grad:
        return size.pow(order).sum(dim, keepdim).pow(1 / order)  # type: ignore[no-any-return]
    if order < 1:
        nonzero = size.ne(0)
        powers = size.where(nonzero, 1).pow(order).where(nonzero, 0.0 if order > 0 else math.inf)
    else:
        powers = size.pow(order)
    total = powers.sum(dim, keepdim)
    inside = total.ne(0) if order > 0 else total.ne(math.inf)
    return total.where(inside, 1).pow(1 / order).where(inside, 0)  # type: ignore[no-any-return]


@public()
def norm(
    input: "Tensor", p: float | str | None = "fro", dim: Dims = None, keepdim: bool = False, dtype: Any = None
) -> "Tensor":
    """The norm of order `p` of the elements over `dim`; "fro" and None mean 2. Its gradient is 0 where the norm is 0.

    "nuc" is the sum of the singular values of matrices, whose dimensions `dim` names (a matrix needs none).

    Raises:
        ArgumentError: for another word.
        ShapeError: when "nuc" is not given two dimensions.

    >>> tracegraph.norm(tracegraph.tensor([[3.0, 4.0], [0.0, 8.0]]), dim=1)
    tensor([5., 8.])
    """
    if p is None or p == "fro":
        p = 2
    if p == "nuc":
        return _nuclear_norm(input if dtype is None else to(input, as_dtype(dtype)), dim, keepdim)
    if isinstance(p, str):
        raise ArgumentError(f"norm: p={p!r} is not supported; give a number, 'fro' or 'nuc'")
    return vector_norm(input, p, dim, keepdim, dtype=dtype)


def _nuclear_norm(input: "Tensor", dim: Dims, keepdim: bool) -> "Tensor":
    given = tuple(range(input.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    places = [normalize_dim("norm", place, input.ndim) for place in given]
    if len(set(places)) != 2 or len(places) != 2:
        raise ShapeError(f"norm: 'nuc' is a norm over two dimensions, got dim {dim} of shape {input.shape}")
    total = SVD().apply(input.movedim(places, (-2, -1)))[1].sum(-1)
    shape = tuple(1 if place in places else size for place, size in enumerate(input.shape))
    return total.reshape(shape) if keepdim else total  # type: ignore[no-any-return]


@public()
def count_nonzero(input: "Tensor", dim: Dims = None) -> "Tensor":
    """Number of elements along `dim` that are not zero (a NaN is not), as int64.

    >>> tracegraph.count_nonzero(tracegraph.tensor([[0.0, 1.0], [2.0, 3.0]]), dim=1)
    tensor([1, 2])
    """
    return sum(input.ne(0), dim)


@public()
def nansum(input: "Tensor", dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> "Tensor":
    """Sum over `dim` of the elements that are not NaN.

    >>> tracegraph.nansum(tracegraph.tensor([1.0, float("nan"), 2.0]))
    tensor(3.)
    """
    if input._data.dtype.kind == "f":
        input = input.where(input.isnan().logical_not(), 0)
    return sum(input, dim, keepdim, dtype=dtype)


@public()
def nanmean(input: "Tensor", dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> "Tensor":
    """Mean over `dim` of the elements that are not NaN.

    >>> tracegraph.nanmean(tracegraph.tensor([1.0, float("nan"), 2.0]))
    tensor(1.5000)
    """
    if input._data.dtype.kind != "f":
        raise DTypeError(f"nanmean: takes float tensors, not {input.dtype}; cast the tensor with float()")
    present = sum(input.isnan().logical_not(), dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype).div(present)  # type: ignore[no-any-return]
