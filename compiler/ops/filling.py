"""Filling a tensor with random numbers in place: `x.uniform_()`, `normal_`, `exponential_`, `geometric_` and others."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, DTypeError

from . import dispatch
from .dispatch import public
from .random import bernoulli, float_dtype, integer_numbers, normal_numbers, uniform_numbers
from .spec import DType, float32, float64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []


def _positive(name: str, what: str, value: float, *, zero: bool = False) -> None:
    if not (value > 0 or (zero and value == 0)):
        raise ArgumentError(f"{name}: {what} must {'not be negative' if zero else 'be above 0'}, got {value}")


@public()
def uniform_(input: "Tensor", low: float = 0.0, high: float = 1.0, *, generator: Any = None) -> "Tensor":
    """Fill the tensor with uniform numbers of [low, high).

    >>> tracegraph.zeros(2).uniform_(3, 4).shape
    (2,)
    """
    if high < low:
        raise ArgumentError(f"uniform_: low must not be above high, got {low} and {high}")
    drawn = uniform_numbers(input.shape, float_dtype("uniform_", input.dtype), generator)
    return dispatch.assign(input, drawn if (low, high) == (0, 1) else drawn * (high - low) + low)  # type: ignore[no-any-return]


@public()
def normal_(input: "Tensor", mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> "Tensor":
    """Fill the tensor with normal numbers.

    >>> tracegraph.zeros(2).normal_(0, 0.1).shape
    (2,)
    """
    _positive("normal_", "std", std, zero=True)
    drawn = normal_numbers(input.shape, float_dtype("normal_", input.dtype), generator)
    return dispatch.assign(input, drawn if (mean, std) == (0, 1) else drawn * std + mean)  # type: ignore[no-any-return]


@public()
def log_normal_(input: "Tensor", mean: float = 1.0, std: float = 2.0, *, generator: Any = None) -> "Tensor":
    """Fill the tensor with numbers whose logarithms are normal numbers of this mean and standard deviation.

    >>> bool((tracegraph.zeros(4).log_normal_() > 0).all())
    True
    """
    _positive("log_normal_", "std", std)
    drawn = normal_numbers(input.shape, float_dtype("log_normal_", input.dtype), generator)
    return dispatch.assign(input, (drawn * std + mean).exp())  # type: ignore[no-any-return]


@public()
def bernoulli_(input: "Tensor", p: Any = 0.5, *, generator: Any = None) -> "Tensor":
    """Fill the tensor with ones of probability `p` (a number, or a tensor that broadcasts) and zeros.

    >>> tracegraph.zeros(2).bernoulli_(1.0)
    tensor([1., 1.])
    """
    drawn = (
        bernoulli(p.expand(input.shape), generator=generator)
        if hasattr(p, "_data")
        else bernoulli(input, p, generator=generator)
    )
    return dispatch.assign(input, drawn.to(input.dtype))  # type: ignore[no-any-return]


@public()
def random_(input: "Tensor", low: int = 0, high: int | None = None, *, generator: Any = None) -> "Tensor":
    """Fill the tensor with integers from `low` to below `high` (one number: from 0 to below it; none: below 2**24).

    >>> bool((tracegraph.zeros(4).random_(3) < 3).all())
    True
    """
    first, last = (low, high) if high is not None else (0, low or min(2**24, _largest(input.dtype) + 1))
    return dispatch.assign(input, integer_numbers(first, last, input.shape, input.dtype, generator))  # type: ignore[no-any-return]


def _largest(dtype: DType) -> int:
    if dtype.kind == "b":
        return 1
    return int(np.iinfo(dtype).max) if dtype.kind in "iu" else 2 ** np.finfo(dtype).nmant


@public()
def exponential_(input: "Tensor", lambd: float = 1.0, *, generator: Any = None) -> "Tensor":
    """Fill the tensor with numbers of the exponential distribution of rate `lambd`.

    >>> bool((tracegraph.zeros(4).exponential_() >= 0).all())
    True
    """
    if lambd <= 0:
        raise ArgumentError(f"exponential_: the rate must be above 0, got {lambd}")
    drawn = uniform_numbers(input.shape, float_dtype("exponential_", input.dtype), generator)
    return dispatch.assign(input, (1 - drawn).log() / -lambd)  # type: ignore[no-any-return]


@public()
def geometric_(input: "Tensor", p: float, *, generator: Any = None) -> "Tensor":
    """Fill the tensor with numbers of trials of probability `p` up to the first success: 1, 2, 3, ...

    >>> bool((tracegraph.zeros(4).geometric_(0.5) >= 1).all())
    True
    """
    if not 0 < p < 1:
        raise ArgumentError(f"geometric_: p must lie between 0 and 1, got {p}")
    if input.dtype.kind == "b":
        raise DTypeError("geometric_: not defined for bool tensors")
    drawn = uniform_numbers(input.shape, float64, generator)
    trials = ((1 - drawn).log() / math.log1p(-p)).ceil().clamp(min=1)
    return dispatch.assign(input, trials.to(input.dtype))  # type: ignore[no-any-return]


@public()
def cauchy_(input: "Tensor", median: float = 0.0, sigma: float = 1.0, *, generator: Any = None) -> "Tensor":
    """Fill the tensor with numbers of the Cauchy distribution of this median and half width at half maximum.

    >>> tracegraph.zeros(2).cauchy_().shape
    (2,)
    """
    _positive("cauchy_", "sigma", sigma)
    dtype = float_dtype("cauchy_", input.dtype)
    drawn = uniform_numbers(input.shape, float64 if dtype == float64 else float32, generator)
    return dispatch.assign(input, (((drawn - 0.5) * math.pi).tan() * sigma + median).to(dtype))  # type: ignore[no-any-return]
