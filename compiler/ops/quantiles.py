"""Elements in the middle, at a fraction, or most frequent: `median`, `nanmedian`, `quantile`, `nanquantile`, `mode`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, DimensionError, DTypeError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .dispatch import public
from .extrema import spread_evenly_or_to_nan
from .reductions import Sum
from .requirement import ensured
from .results import ValuesAndIndices
from .sorting import Ordering, lined_up, picked, sample_arrays, sort, sorted_positions
from .spec import Spec, float16, int64, normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["median", "mode", "nanmedian", "nanquantile", "quantile"]

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")
"""How a quantile between two elements is made of them."""


class Picking(Ordering):
    """Position of one element along dim, which is dropped."""

    word = ""

    def infer(self, *operands: Spec) -> Spec:
        spec = super().infer(*operands)
        if spec.shape and not spec.shape[self.dim]:
            raise DimensionError(f"{self.word}: dim {self.dim} of a tensor of shape {spec.shape} is empty")
        return Spec((*spec.shape[: self.dim], *spec.shape[self.dim + 1 :]), int64)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        a = lined_up(xp, operands[0], self.dim)
        if not a.shape[-1]:
            self.infer(Spec(operands[0].shape, operands[0].dtype))
        return self.positions(xp, a)


@operation
class Argmedian(Picking):
    """Position of the median along dim, the lower one of two: of the elements that are not NaN if `ignores_nan`, else
    of the first NaN where there is one.
    """

    dim: int
    ignores_nan: bool
    name = "argmedian"
    word = "median"

    def positions(self, xp: Any, a: Array) -> Array:
        order = sorted_positions(xp, a, False)
        unordered = a != a  # a NaN differs from itself, and is sorted to the end
        if self.ignores_nan:
            middle = xp.maximum(a.shape[-1] - 1 - unordered.sum(-1), 0) // 2
            return xp.take_along_axis(order, middle[..., None], -1)[..., 0]
        return xp.where(unordered.any(-1), unordered.argmax(-1), order[..., (a.shape[-1] - 1) // 2])

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for array, dim in sample_arrays(rng):
            for ignores_nan in (False, True):
                yield Sample(cls(dim, ignores_nan), (array,))


@operation
class Argmode(Picking):
    """Position of the last of the most frequent elements along dim, of equally frequent ones the smallest."""

    dim: int
    name = "argmode"
    word = "mode"

    def positions(self, xp: Any, a: Array) -> Array:
        order = sorted_positions(xp, a, False)
        ordered = xp.take_along_axis(a, order, -1)
        places = xp.arange(a.shape[-1])
        fresh = xp.ones(a.shape, bool)
        fresh[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
        run = places - xp.maximum.accumulate(xp.where(fresh, places, 0), axis=-1)
        return xp.take_along_axis(order, run.argmax(-1)[..., None], -1)[..., 0]

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for array, dim in sample_arrays(rng):
            yield Sample(cls(dim), (array,))
        for dtype in ("int64", "float32", "bool"):
            yield Sample(cls(1), (rng.integers(0, 3, (4, 9)).astype(dtype),))


@operation
class Median(Operation):
    """The median of all elements, the lower one of two; NaN if there is nothing, or, unless `ignores_nan`, a NaN."""

    ignores_nan: bool
    name = "median"
    kind = Kind.HOST
    differentiable = True
    saves = (0,)
    saves_output = True

    def infer(self, *operands: Spec) -> Spec:
        return Spec((), operands[0].dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        flat = operands[0].reshape(-1)
        if flat.dtype.kind == "f":
            unordered = xp.isnan(flat)
            if unordered.any():
                flat = flat[~unordered] if self.ignores_nan else flat[:0]
        if flat.size == 0:
            return xp.full((), xp.nan).astype(flat.dtype)
        middle = (flat.size - 1) // 2
        return xp.partition(flat, middle)[middle]

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        """Spread evenly over the elements equal to the median."""
        return (lambda: spread_evenly_or_to_nan(Sum(tuple(range(a.ndim))), g, out, a),)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for array, _ in sample_arrays(rng):
            for ignores_nan in (False, True):
                yield Sample(cls(ignores_nan), (array,))
        yield Sample(cls(False), (np.zeros((0, 3)),))


def _median(name: str, input: "Tensor", dim: int | None, keepdim: bool, ignores_nan: bool) -> Any:
    if input.dtype.kind == "b":
        raise DTypeError(f"{name}: not defined for bool tensors; cast them first")
    if dim is None:
        return dispatch.apply(Median(ignores_nan), input)
    return picked(input, Argmedian(normalize_dim(name, dim, input.ndim), ignores_nan), keepdim)


@public()
def median(input: "Tensor", dim: int | None = None, keepdim: bool = False) -> Any:
    """The median of all elements; with `dim`, the medians along it and their indices.

    Of an even number of elements the lower middle one; NaN where there is a NaN.

    Raises:
        DimensionError: when `dim` is out of range or empty.
        DTypeError: for a bool tensor.

    >>> tracegraph.median(tracegraph.tensor([4.0, 1.0, 3.0, 2.0]))
    tensor(2.)
    """
    return _median("median", input, dim, keepdim, False)


@public()
def nanmedian(input: "Tensor", dim: int | None = None, keepdim: bool = False) -> Any:
    """The median of the elements that are not NaN; with `dim`, the medians along it and their indices.

    Raises:
        DimensionError: when `dim` is out of range or empty.
        DTypeError: for a bool tensor.

    >>> tracegraph.nanmedian(tracegraph.tensor([4.0, float("nan"), 3.0]))
    tensor(3.)
    """
    return _median("nanmedian", input, dim, keepdim, True)


@public()
def mode(input: "Tensor", dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """The most frequent element along `dim`, of several the smallest, and the index of its last occurrence.

    Raises:
        DimensionError: when `dim` is out of range or empty.

    >>> tracegraph.mode(tracegraph.tensor([3, 1, 3, 2]))
    ValuesAndIndices(values=tensor(3), indices=tensor(2))
    """
    return picked(input, Argmode(normalize_dim("mode", dim, input.ndim)), keepdim)


def _fractions(name: str, q: Any, input: "Tensor") -> "Tensor":
    """`q` as tensor, found to lie between 0 and 1."""
    message = f"{name}: q must be between 0 and 1"
    if not hasattr(q, "_data"):
        if not 0 <= q <= 1:
            raise ArgumentError(f"{message}, got {q}")
        return dispatch.constant(float(q), input.dtype)  # type: ignore[no-any-return]
    if q.ndim > 1:
        raise ShapeError(f"{name}: q must be a number or a vector, got shape {q.shape}")
    if q.dtype != input.dtype:
        raise DTypeError(f"{name}: q must have the dtype {input.dtype} of the tensor, not {q.dtype}")
    return ensured(q, (q >= 0) & (q <= 1), message)


def _quantile(
    name: str, input: "Tensor", q: Any, dim: int | None, keepdim: bool, interpolation: str, ignores_nan: bool
) -> "Tensor":
    if input.dtype.kind != "f" or input.dtype is float16:
        raise DTypeError(f"{name}: takes float32 and float64 tensors, not {input.dtype}; cast the tensor")
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError(f"{name}: interpolation must be one of {INTERPOLATIONS}, got {interpolation!r}")
    if not input.numel():
        raise ShapeError(f"{name}: a tensor of shape {input.shape} has no quantiles")
    fractions = _fractions(name, q, input)
    place = normalize_dim(name, dim or 0, input.ndim)
    lined = input.reshape((-1,)) if dim is None or not input.ndim else input.movedim(place, -1)
    found = _between(sort(lined, -1).values, fractions.reshape((-1,)), interpolation, ignores_nan)
    if keepdim and input.ndim:
        found = found.unsqueeze(-2).movedim(-2, place) if dim is not None else found.reshape((1,) * input.ndim + (-1,))
    return found.movedim(-1, 0) if fractions.ndim else found.squeeze(-1)  # type: ignore[no-any-return]


def _between(ordered: "Tensor", fractions: "Tensor", interpolation: str, ignores_nan: bool) -> "Tensor":
    """Elements, or mixtures of two neighbours, of ascending rows at the fractions: (..., n), (m) to (..., m)."""
    unordered = ordered.isnan()
    last = ordered.shape[-1] - 1
    if ignores_nan:
        present = unordered.logical_not().sum(-1, True)
        ranks = (fractions * (present - 1).clamp(min=0)).to(ordered.dtype)
    else:
        ranks = (fractions * last).where(unordered.any(-1, True).logical_not(), float(last))
    if interpolation in ("lower", "higher", "nearest"):
        whole = {"lower": ranks.floor, "higher": ranks.ceil, "nearest": ranks.round}[interpolation]()
        return ordered.gather(-1, whole.to(int64))  # type: ignore[no-any-return]
    below = ranks.detach().floor()
    weight = ranks - below if interpolation == "linear" else 0.5
    lower, upper = ordered.gather(-1, below.to(int64)), ordered.gather(-1, ranks.detach().ceil().to(int64))
    return lower.lerp(upper, weight)  # type: ignore[no-any-return]


@public()
def quantile(
    input: "Tensor", q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> "Tensor":
    """The values below which the fractions `q` of the elements lie, over all elements or along `dim`.

    Args:
        input: float32 or float64 tensor of any shape, not empty.
        q: a number, or a tensor of the dtype of `input` with at most one dimension, which becomes the result's first.
        dim: the dimension to reduce.
        keepdim: keep the reduced dimensions with size 1.
        interpolation: of the two elements beside a quantile "linear" mixes by distance and "midpoint" in equal parts,
            "lower", "higher" and "nearest" take one.

    Raises:
        ArgumentError: when an element of `q` is not between 0 and 1.
        ShapeError: for an empty tensor.
        DTypeError: for other dtypes.

    >>> tracegraph.quantile(tracegraph.tensor([4.0, 1.0, 3.0, 2.0]), 0.5)
    tensor(2.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@public()
def nanquantile(
    input: "Tensor", q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> "Tensor":
    """`quantile` of the elements that are not NaN; NaN where there are none.

    >>> tracegraph.nanquantile(tracegraph.tensor([4.0, float("nan"), 3.0]), 0.5)
    tensor(3.5000)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
