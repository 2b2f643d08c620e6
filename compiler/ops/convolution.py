"""Convolutions over any number of spatial dimensions and their transposes: `conv1d`, `conv2d`, `conv_transpose1d`, `conv_transpose2d`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .dispatch import public
from .patches import Patches, in_single_precision, patches
from .slicing import Pad
from .spec import Spec
from .window import Sizes, output_sizes, per_dimension

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


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
                f"channels and gives a multiple of {self.groups}; the input of shape {x.shape} has {x.shape[1]} channels"
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
    """Cotangent of a convolution's input of shape `input_shape`, for g (n, d, *windows) and w: the transposed convolution."""

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
    return dispatch.apply(Convolution(made.stride, made.padding, made.dilation, made.groups), x, w)  # type: ignore[no-any-return]


def _input_gradient(made: _Window, shape: Sizes, g: "Tensor", w: "Tensor") -> "Tensor":
    applied = ConvolutionInputGradient(shape, made.stride, made.padding, made.dilation, made.groups)
    return dispatch.apply(applied, g, w)  # type: ignore[no-any-return]


def _weight_gradient(made: _Window, shape: Sizes, x: "Tensor", g: "Tensor") -> "Tensor":
    applied = ConvolutionWeightGradient(shape, made.stride, made.padding, made.dilation, made.groups)
    return dispatch.apply(applied, x, g)  # type: ignore[no-any-return]


def _batched(name: str, input: "Tensor", weight: "Tensor", rank: int) -> "Tensor":
    """The input with a batch dimension in front."""
    if weight.ndim != rank + 2 or input.ndim not in (rank + 1, rank + 2):
        raise ShapeError(
            f"{name}: expected a {rank + 2}-d weight and a {rank + 1}-d or {rank + 2}-d input, "
            f"got weight {weight.shape} and input {input.shape}"
        )
    return input if input.ndim == rank + 2 else input.reshape((1, *input.shape))


def _finish(name: str, result: "Tensor", bias: "Tensor | None", batched: bool) -> "Tensor":
    """Add the bias per channel and drop a batch dimension that was added."""
    if bias is not None:
        if bias.shape != result.shape[1:2]:
            raise ShapeError(f"{name}: bias of shape {bias.shape} for {result.shape[1]} output channels")
        result = result + bias.reshape((*bias.shape, *(1,) * (result.ndim - 2)))
    return result if batched else result.reshape(result.shape[1:])


def _convolve(
    name: str, rank: int, input: "Tensor", weight: "Tensor", bias: "Tensor | None", stride: Any, padding: Any, dilation: Any, groups: int
) -> "Tensor":
    x = _batched(name, input, weight, rank)
    strides = per_dimension(name, "stride", stride, rank, 1)
    dilations = per_dimension(name, "dilation", dilation, rank, 1)
    if groups < 1:
        raise ArgumentError(f"{name}: groups must be positive, got {groups}")
    surplus = (0,) * rank
    if padding == "same":
        if strides != (1,) * rank:
            raise ArgumentError(f"{name}: padding='same' needs stride 1, got {stride}")
        total = tuple(d * (k - 1) for d, k in zip(dilations, weight.shape[2:], strict=True))
        surplus = tuple(t % 2 for t in total)  # an odd total pads one more on the right: pad both, drop the first window
        pads = tuple(t // 2 + s for t, s in zip(total, surplus, strict=True))
    elif isinstance(padding, str) and padding != "valid":
        raise ArgumentError(f"{name}: padding must be ints, 'same' or 'valid', got {padding!r}")
    else:
        pads = per_dimension(name, "padding", 0 if padding == "valid" else padding, rank, 0)
    result = dispatch.apply(Convolution(strides, pads, dilations, groups), x, weight)
    if any(surplus):
        result = result[(slice(None), slice(None), *(slice(s, None) for s in surplus))]
    return _finish(name, result, bias, input.ndim == rank + 2)


def _convolve_transposed(
    name: str, rank: int, input: "Tensor", weight: "Tensor", bias: "Tensor | None", stride: Any, padding: Any, output_padding: Any,
    groups: int, dilation: Any,
) -> "Tensor":  # fmt: skip
    x = _batched(name, input, weight, rank)
    strides = per_dimension(name, "stride", stride, rank, 1)
    pads = per_dimension(name, "padding", padding, rank, 0)
    extra = per_dimension(name, "output_padding", output_padding, rank, 0)
    dilations = per_dimension(name, "dilation", dilation, rank, 1)
    if any(e >= max(s, d) for e, s, d in zip(extra, strides, dilations, strict=True)):
        raise ArgumentError(f"{name}: output_padding {extra} must be smaller than stride {strides} or dilation {dilations}")
    if groups < 1 or x.shape[1] != weight.shape[0] or x.shape[1] % groups:
        raise ShapeError(f"{name}: input {input.shape} does not fit weight {weight.shape} with groups={groups}")
    sizes = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, s, p, d, k, e in zip(x.shape[2:], strides, pads, dilations, weight.shape[2:], extra, strict=True)
    )
    if min(sizes) < 1:
        raise ShapeError(f"{name}: input {input.shape} and weight {weight.shape} would give sizes {sizes}")
    shape = (x.shape[0], weight.shape[1] * groups, *sizes)
    windows = output_sizes(name, sizes, weight.shape[2:], strides, pads, dilations)
    if windows != x.shape[2:]:  # output_padding made room for more windows, which get zeros
        x = dispatch.apply(Pad((*x.shape[:2], *windows), (0,) * x.ndim, (1,) * x.ndim), x)
    applied = ConvolutionInputGradient(shape, strides, pads, dilations, groups)
    return _finish(name, dispatch.apply(applied, x, weight), bias, input.ndim == rank + 2)


@public(method=False)
def conv1d(
    input: "Tensor", weight: "Tensor", bias: "Tensor | None" = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> "Tensor":
    """Cross-correlation of input (n, c, length) or (c, length) by weight (d, c/groups, kernel), plus bias (d).

    `padding` is an int, "same" (for stride 1) or "valid".

    Raises:
        ShapeError: when channels do not fit or no window fits.

    >>> tracegraph.conv1d(tracegraph.tensor([[1.0, 2.0, 4.0]]), tracegraph.tensor([[[-1.0, 1.0]]]))
    tensor([[1., 2.]])
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@public(method=False)
def conv2d(
    input: "Tensor", weight: "Tensor", bias: "Tensor | None" = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> "Tensor":
    """Cross-correlation of input (n, c, height, width) or (c, height, width) by weight (d, c/groups, *kernel), plus bias (d).

    `stride`, `padding` and `dilation` are an int or one per dimension; `padding` may be "same" (for stride 1) or "valid".

    Raises:
        ShapeError: when channels do not fit or no window fits.

    >>> tracegraph.conv2d(tracegraph.tensor([[[1.0, 2.0], [3.0, 4.0]]]), tracegraph.tensor([[[[1.0, 1.0], [1.0, 1.0]]]])).item()
    10.0
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@public(method=False)
def conv3d(
    input: "Tensor", weight: "Tensor", bias: "Tensor | None" = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> "Tensor":
    """Cross-correlation of input (n, c, depth, height, width), or without n, by weight (d, c/groups, *kernel), plus bias (d).

    >>> tracegraph.conv3d(tracegraph.tensor([[[[2.0]]]]), tracegraph.tensor([[[[[3.0]]]]])).item()
    6.0
    """
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@public(method=False)
def conv_transpose1d(
    input: "Tensor", weight: "Tensor", bias: "Tensor | None" = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> "Tensor":  # fmt: skip
    """The transpose of `conv1d` as a linear map: input (n, c, length), weight (c, d/groups, kernel), bias (d).

    The length becomes `(length - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1`.

    >>> tracegraph.conv_transpose1d(tracegraph.tensor([[1.0, 2.0]]), tracegraph.tensor([[[1.0, 10.0]]]), stride=2)
    tensor([[ 1., 10.,  2., 20.]])
    """
    return _convolve_transposed("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@public(method=False)
def conv_transpose2d(
    input: "Tensor", weight: "Tensor", bias: "Tensor | None" = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> "Tensor":  # fmt: skip
    """The transpose of `conv2d` as a linear map: input (n, c, height, width), weight (c, d/groups, *kernel), bias (d).

    >>> tracegraph.conv_transpose2d(tracegraph.tensor([[[3.0]]]), tracegraph.tensor([[[[1.0, 2.0]]]])).tolist()
    [[[3.0, 6.0]]]
    """
    return _convolve_transposed("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@public(method=False)
def conv_transpose3d(
    input: "Tensor", weight: "Tensor", bias: "Tensor | None" = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> "Tensor":  # fmt: skip
    """The transpose of `conv3d` as a linear map: input (n, c, depth, height, width), weight (c, d/groups, *kernel), bias (d).

    >>> tracegraph.conv_transpose3d(tracegraph.tensor([[[[3.0]]]]), tracegraph.tensor([[[[[2.0]]]]])).item()
    6.0
    """
    return _convolve_transposed("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation)
