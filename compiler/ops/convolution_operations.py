"""`Convolution` and its two gradients as operations over any number of spatial dimensions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import DTypeError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .patches import Patches, in_single_precision, patches
from .spec import Spec
from .window import Sizes, output_sizes

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor


class _Window(Operation):
    """What the three convolution operations share: linear in both operands, closed under differentiation."""

    kind = Kind.WINDOW
    differentiable = True
    saves = (0, 1)
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int

    def convolved(self, x: Spec, w: Spec) -> Spec:
        """The spec of the convolution of `x` by `w`, which have been checked here."""
        rank = len(self.stride)
        if x.dtype != w.dtype or x.dtype.kind == "b":
            raise DTypeError(f"{self.name}: operands must have one numeric dtype, got {x.dtype} and {w.dtype}")
        if x.ndim != rank + 2 or w.ndim != rank + 2:
            raise ShapeError(f"{self.name}: expected {rank + 2}-d input and weight, got shapes {x.shape} and {w.shape}")
        if x.shape[1] != w.shape[1] * self.groups or w.shape[0] % self.groups:
            raise ShapeError(
                f"{self.name}: weight of shape {w.shape} with groups={self.groups} takes {w.shape[1] * self.groups} "
                f"channels and gives a multiple of {self.groups}; the input of shape {x.shape} has {x.shape[1]}"
            )
        windows = output_sizes(self.name, x.shape[2:], w.shape[2:], self.stride, self.padding, self.dilation)
        return Spec((x.shape[0], w.shape[0], *windows), x.dtype)

    def check_cotangent(self, x: Spec, w: Spec, g: Spec) -> None:
        """`g` must be what the convolution of `x` by `w` gives."""
        expected = self.convolved(x, w)
        if g != expected:
            raise ShapeError(f"{self.name}: a convolution of {x} by {w} gives {expected}, not {g}")

    def patches(self, x: Sizes, w: Sizes) -> Patches:
        """The geometry of the convolution of shape `x` by shape `w`."""
        return patches(x, w, self.stride, self.padding, self.dilation, self.groups)


@operation
class Convolution(_Window):
    """Cross-correlation of x (n, c, *sizes) by w (d, c/groups, *kernel): (n, d, *windows), zeros beyond the borders."""

    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int
    name = "convolution"

    def infer(self, *operands: Spec) -> Spec:
        return self.convolved(*operands)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        x, w = operands
        self.convolved(Spec(x.shape, x.dtype), Spec(w.shape, w.dtype))
        return in_single_precision(self.patches(x.shape, w.shape).convolve, xp, x, w)

    def vjp(self, g: "Tensor", out: Any, x: Any, w: Any) -> tuple[Cotangent, ...]:
        return lambda: _input_gradient(self, x.shape, g, w), lambda: _weight_gradient(self, w.shape, x, g)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for made, x, w in _sample_geometries(rng):
            yield Sample(cls(*made), (x, w))


@operation
class ConvolutionInputGradient(_Window):
    """Cotangent of a convolution's input of shape `input_shape`, for g (n, d, *windows) and w: the transposed
    convolution.
    """

    input_shape: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int
    name = "convolution_input_gradient"

    def infer(self, *operands: Spec) -> Spec:
        g, w = operands
        x = Spec(self.input_shape, g.dtype)
        self.check_cotangent(x, w, g)
        return x

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        g, w = operands
        self.infer(Spec(g.shape, g.dtype), Spec(w.shape, w.dtype))
        return in_single_precision(self.patches(self.input_shape, w.shape).input_gradient, xp, g, w)

    def vjp(self, g: "Tensor", out: Any, cotangent: Any, w: Any) -> tuple[Cotangent, ...]:
        return lambda: _convolution(self, g, w), lambda: _weight_gradient(self, w.shape, g, cotangent)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for made, x, w in _sample_geometries(rng):
            g = Convolution(*made).evaluate(np, x, w)
            yield Sample(cls(x.shape, *made), (rng.random(g.shape).astype(g.dtype), w))


@operation
class ConvolutionWeightGradient(_Window):
    """Cotangent of a convolution's weight of shape `weight_shape`, for x (n, c, *sizes) and g (n, d, *windows)."""

    weight_shape: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int
    name = "convolution_weight_gradient"

    def infer(self, *operands: Spec) -> Spec:
        x, g = operands
        w = Spec(self.weight_shape, x.dtype)
        self.check_cotangent(x, w, g)
        return w

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        x, g = operands
        self.infer(Spec(x.shape, x.dtype), Spec(g.shape, g.dtype))
        return in_single_precision(self.patches(x.shape, self.weight_shape).weight_gradient, xp, x, g)

    def vjp(self, g: "Tensor", out: Any, x: Any, cotangent: Any) -> tuple[Cotangent, ...]:
        return lambda: _input_gradient(self, x.shape, cotangent, g), lambda: _convolution(self, x, g)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for made, x, w in _sample_geometries(rng):
            g = Convolution(*made).evaluate(np, x, w)
            yield Sample(cls(w.shape, *made), (x, rng.random(g.shape).astype(g.dtype)))


def _sample_geometries(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], np.ndarray, np.ndarray]]:
    table = (
        ((2, 3, 6), (4, 3, 3), (1,), (0,), (1,), 1),
        ((2, 4, 7), (2, 2, 2), (2,), (1,), (2,), 2),
        ((2, 3, 5, 6), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
        ((1, 2, 6, 5), (4, 1, 2, 3), (2, 1), (0, 1), (1, 2), 2),
        ((2, 2, 4, 4), (3, 2, 1, 1), (1, 1), (0, 0), (1, 1), 1),
        ((0, 2, 4, 4), (3, 2, 2, 2), (1, 1), (0, 0), (1, 1), 1),
        ((1, 1, 3, 4, 3), (2, 1, 2, 2, 2), (1, 1, 1), (0, 1, 0), (1, 1, 1), 1),
    )
    for dtype in ("float32", "float64"):
        for x, w, *attributes in table:
            yield tuple(attributes), rng.standard_normal(x).astype(dtype), rng.standard_normal(w).astype(dtype)


def _convolution(made: _Window, x: "Tensor", w: "Tensor") -> "Tensor":
    applied = Convolution(made.stride, made.padding, made.dilation, made.groups)
    return dispatch.apply(applied, x, w)  # type: ignore[no-any-return]


def _input_gradient(made: _Window, shape: Sizes, g: "Tensor", w: "Tensor") -> "Tensor":
    applied = ConvolutionInputGradient(shape, made.stride, made.padding, made.dilation, made.groups)
    return dispatch.apply(applied, g, w)  # type: ignore[no-any-return]


def _weight_gradient(made: _Window, shape: Sizes, x: "Tensor", g: "Tensor") -> "Tensor":
    applied = ConvolutionWeightGradient(shape, made.stride, made.padding, made.dilation, made.groups)
    return dispatch.apply(applied, x, g)  # type: ignore[no-any-return]
