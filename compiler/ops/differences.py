"""Differences and sums of neighbours along a dimension: `diff`, `gradient`, `trapezoid`, `cumulative_trapezoid`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, DimensionError, DTypeError, ShapeError

from . import dispatch
from .creation import zeros
from .dispatch import public
from .joining import cat
from .spec import normalize_dim, normalize_dims, uint8

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["cumulative_trapezoid", "diff", "gradient", "trapezoid", "trapz"]


def _part(input: "Tensor", dim: int, start: int, end: int | None) -> "Tensor":
    """The elements from `start` to before `end` along a dimension."""
    return input[(slice(None),) * dim + (slice(start, end),)]


def _place(name: str, dim: int, input: "Tensor") -> int:
    if not input.ndim:
        raise DimensionError(f"{name}: a number has no dimension to go along")
    return normalize_dim(name, dim, input.ndim)


@public()
def diff(
    input: "Tensor", n: int = 1, dim: int = -1, prepend: "Tensor | None" = None, append: "Tensor | None" = None
) -> "Tensor":
    """The differences of neighbours along `dim`, `n` times over; of bools, whether they differ.

    Args:
        input: tensor with at least one dimension.
        n: how many times to take the differences; each makes the dimension shorter by one.
        dim: the dimension along which neighbours lie.
        prepend: what is put before the elements first, of the same shape but for `dim`.
        append: what is put after them.

    Raises:
        ArgumentError: for a negative `n`.
        DimensionError: for a number, or when `dim` is out of range.
        ShapeError: when what is added does not fit.

    >>> tracegraph.diff(tracegraph.tensor([1, 3, 6]))
    tensor([2, 3])
    """
    place = _place("diff", dim, input)
    if n < 0:
        raise ArgumentError(f"diff: n must not be negative, got {n}")
    added = [part for part in (prepend, append) if part is not None]
    if any(part.ndim != input.ndim for part in added):
        raise ShapeError(f"diff: prepend and append need the {input.ndim} dimensions of the tensor")
    if not n:
        return input.clone()  # type: ignore[no-any-return]
    if added:
        input = cat([part for part in (prepend, input, append) if part is not None], place)
    for _ in range(min(n, input.shape[place])):
        after, before = _part(input, place, 1, None), _part(input, place, 0, max(input.shape[place] - 1, 0))
        input = after.logical_xor(before) if input.dtype.kind == "b" else after - before
    return input


def _spacings(input: "Tensor", spacing: Any, dim: Any) -> list[tuple[int, Any]]:
    """The dimensions to take gradients along, each with a distance or with a vector of coordinates."""
    listed = isinstance(spacing, list | tuple)
    if hasattr(spacing, "_data"):
        raise ArgumentTypeError("gradient: spacing must be a number, or a list of numbers or of vectors")
    dims = [dim] if hasattr(dim, "__index__") else range(input.ndim) if dim is None else dim
    chosen = [_place("gradient", one, input) for one in dims]
    normalize_dims("gradient", chosen, input.ndim)
    if not listed:
        return [(place, 1 if spacing is None else spacing) for place in chosen]
    if len(spacing) != len(chosen):
        raise ShapeError(f"gradient: {len(spacing)} spacings for {len(chosen)} dimensions")
    return list(zip(chosen, spacing, strict=True))


@public(method=False)
def gradient(
    input: "Tensor", *, spacing: Any = None, dim: int | Sequence[int] | None = None, edge_order: int = 1
) -> tuple["Tensor", ...]:
    """The derivatives of a function sampled on a grid, one tensor for each dimension, by finite differences.

    Inside, the derivative of the parabola through three neighbours; at the edges that through three elements
    (`edge_order` 2) or the slope between two (1).

    Args:
        input: the function's values; at least `edge_order` + 1 along each dimension.
        spacing: the distance of neighbours (1 unless given), or for each dimension a distance or a vector of
            coordinates.
        dim: the dimensions to take derivatives along, by default all.
        edge_order: 1 or 2.

    Raises:
        ArgumentError: for another `edge_order`.
        ShapeError: for a dimension that is too short, or spacings that do not fit.

    >>> tracegraph.gradient(tracegraph.tensor([1.0, 4.0, 9.0, 16.0]))
    (tensor([3., 4., 6., 7.]),)
    """
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    if input.dtype == uint8:
        raise DTypeError("gradient: not defined for uint8 tensors, which have no negative numbers; cast them first")
    if not input.ndim and dim is None and not isinstance(spacing, list | tuple):
        return ()
    results = []
    for place, distance in _spacings(input, spacing, dim):
        length = input.shape[place]
        if length <= edge_order:
            raise ShapeError(
                f"gradient: edge_order {edge_order} takes more than {edge_order} elements along a dimension, got "
                f"{length} along dimension {place}"
            )
        if hasattr(distance, "_data"):
            if distance.shape != (length,):
                raise ShapeError(f"gradient: coordinates of shape {distance.shape} for {length} elements")
            distance = diff(distance).reshape((-1,) + (1,) * (input.ndim - 1 - place))
        results.append(_derivative(input, place, distance, edge_order))
    return tuple(results)


def _derivative(values: "Tensor", place: int, steps: Any, edge_order: int) -> "Tensor":
    """The derivative along one dimension, for the distances of neighbours: one for all, or a tensor of them.

    Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids", 1988.
    """

    def at(start: int, end: int | None) -> "Tensor":
        return _part(values, place, start, end)

    def step(start: int, end: int | None) -> Any:
        return steps[start:end] if hasattr(steps, "_data") else steps

    if hasattr(steps, "_data"):
        before, after = step(0, -1), step(1, None)
        whole = before + after
        inner = (
            at(2, None) * (before / (after * whole))
            + at(1, -1) * ((after - before) / (before * after))
            - at(0, -2) * (after / (before * whole))
        )
    else:
        inner = (at(2, None) - at(0, -2)) / (2 * steps)
    if edge_order == 1:
        first, last = (at(1, 2) - at(0, 1)) / step(0, 1), (at(-1, None) - at(-2, -1)) / step(-1, None)
    else:
        first = _edge(at(0, 1), at(1, 2), at(2, 3), step(0, 1), step(1, 2))
        last = -_edge(at(-1, None), at(-2, -1), at(-3, -2), step(-1, None), step(-2, -1))
    return cat((first, inner, last), place)


def _edge(outer: "Tensor", middle: "Tensor", inner: "Tensor", near: Any, far: Any) -> "Tensor":
    """The derivative at the outer of three elements, going inwards."""
    whole = near + far
    slope: Tensor = middle * (whole / (near * far)) - outer * ((near + whole) / (near * whole))
    return slope.sub(inner * (near / (far * whole)))  # type: ignore[no-any-return]


def _areas(name: str, y: "Tensor", x: "Tensor | None", dx: float | None, dim: int) -> tuple["Tensor", int]:
    """The areas of the trapezoids between neighbours along a dimension."""
    place = _place(name, dim, y)
    if y.dtype.kind == "b" or (x is not None and x.dtype.kind == "b"):
        raise DTypeError(f"{name}: not defined for bool tensors; cast them first")
    if x is not None and dx is not None:
        raise ArgumentTypeError(f"{name}: give x or dx, not both")
    if isinstance(dx, bool | complex):
        raise ArgumentTypeError(f"{name}: dx must be a number, got {dx!r}")
    if y.dtype.kind != "f":
        (y,) = dispatch.promote(y, takes="float", name=name)
    before, after = _part(y, place, 0, max(y.shape[place] - 1, 0)), _part(y, place, 1, None)
    if x is None:
        return (before + after) * ((1.0 if dx is None else dx) / 2), place
    if x.ndim == 1:
        if x.shape[0] != y.shape[place]:
            raise ShapeError(f"{name}: {x.shape[0]} coordinates for {y.shape[place]} elements along dimension {place}")
        x = x.reshape((-1,) + (1,) * (y.ndim - 1 - place))
        return (before + after) * diff(x, dim=0) / 2, place
    if x.ndim < y.ndim:
        x = x.reshape((1,) * (y.ndim - x.ndim) + x.shape)
    return (before + after) * diff(x, dim=place) / 2, place


@public(method=False, aliases=("trapz",))
def trapezoid(y: "Tensor", x: "Tensor | None" = None, *, dx: float | None = None, dim: int = -1) -> "Tensor":
    """The integral along `dim` by the trapezoidal rule.

    Args:
        y: the values of a function.
        x: its coordinates, a vector or of a shape that broadcasts with `y`; else neighbours have the distance `dx`.
        dx: the distance of neighbours, 1 unless given.
        dim: the dimension to integrate along, which is dropped.

    Raises:
        ArgumentTypeError: when both `x` and `dx` are given.
        DTypeError: for bool tensors.
        ShapeError: when the coordinates do not fit.

    >>> tracegraph.trapezoid(tracegraph.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    """
    place = _place("trapezoid", dim, y)
    if not y.shape[place]:
        return zeros((*y.shape[:place], *y.shape[place + 1 :]), dtype=y.dtype)
    areas, place = _areas("trapezoid", y, x, dx, dim)
    return areas.sum(place)  # type: ignore[no-any-return]


trapz = trapezoid


@public(method=False)
def cumulative_trapezoid(y: "Tensor", x: "Tensor | None" = None, *, dx: float | None = None, dim: int = -1) -> "Tensor":
    """The integral along `dim` up to each element but the first, by the trapezoidal rule; arguments as `trapezoid`.

    >>> tracegraph.cumulative_trapezoid(tracegraph.tensor([1.0, 5.0, 10.0]))
    tensor([ 3.0000, 10.5000])
    """
    areas, place = _areas("cumulative_trapezoid", y, x, dx, dim)
    return areas.cumsum(place)  # type: ignore[no-any-return]
