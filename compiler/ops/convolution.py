"""Convolutions over any number of spatial dimensions and their transposes: `conv1d`, `conv2d`, `conv_transpose1d`,
`conv_transpose2d`.
"""

from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError

from . import dispatch
from .convolution_operations import Convolution, ConvolutionInputGradient
from .dispatch import public
from .slicing import Pad
from .window import output_sizes, per_dimension

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


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
        if bias.dtype != result.dtype:
            raise DTypeError(f"{name}: bias of {bias.dtype} for an input of {result.dtype}; they should be the same")
        result = result + bias.reshape((*bias.shape, *(1,) * (result.ndim - 2)))
    return result if batched else result.reshape(result.shape[1:])


def _convolve(
    name: str,
    rank: int,
    input: "Tensor",
    weight: "Tensor",
    bias: "Tensor | None",
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
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
        surplus = tuple(
            t % 2 for t in total
        )  # an odd total pads one more on the right: pad both, drop the first window
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
    name: str,
    rank: int,
    input: "Tensor",
    weight: "Tensor",
    bias: "Tensor | None",
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> "Tensor":
    x = _batched(name, input, weight, rank)
    strides = per_dimension(name, "stride", stride, rank, 1)
    pads = per_dimension(name, "padding", padding, rank, 0)
    extra = per_dimension(name, "output_padding", output_padding, rank, 0)
    dilations = per_dimension(name, "dilation", dilation, rank, 1)
    if any(e >= max(s, d) for e, s, d in zip(extra, strides, dilations, strict=True)):
        raise ArgumentError(
            f"{name}: output_padding {extra} must be smaller than stride {strides} or dilation {dilations}"
        )
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
    input: "Tensor",
    weight: "Tensor",
    bias: "Tensor | None" = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
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
    input: "Tensor",
    weight: "Tensor",
    bias: "Tensor | None" = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> "Tensor":
    """Cross-correlation of input (n, c, height, width) or (c, height, width) by weight (d, c/groups, *kernel), plus
    bias (d).

    `stride`, `padding` and `dilation` are an int or one per dimension; `padding` may be "same" (for stride 1) or
    "valid".

    Raises:
        ShapeError: when channels do not fit or no window fits.

    >>> image, ones = tracegraph.tensor([[[1.0, 2.0], [3.0, 4.0]]]), tracegraph.tensor([[[[1.0, 1.0], [1.0, 1.0]]]])
    >>> tracegraph.conv2d(image, ones).item()
    10.0
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@public(method=False)
def conv3d(
    input: "Tensor",
    weight: "Tensor",
    bias: "Tensor | None" = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> "Tensor":
    """Cross-correlation of input (n, c, depth, height, width), or without n, by weight (d, c/groups, *kernel), plus
    bias (d).

    >>> tracegraph.conv3d(tracegraph.tensor([[[[2.0]]]]), tracegraph.tensor([[[[[3.0]]]]])).item()
    6.0
    """
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@public(method=False)
def conv_transpose1d(
    input: "Tensor",
    weight: "Tensor",
    bias: "Tensor | None" = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> "Tensor":
    """The transpose of `conv1d` as a linear map: input (n, c, length), weight (c, d/groups, kernel), bias (d).

    The length becomes `(length - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1`.

    >>> tracegraph.conv_transpose1d(tracegraph.tensor([[1.0, 2.0]]), tracegraph.tensor([[[1.0, 3.0]]]), stride=2)
    tensor([[1., 3., 2., 6.]])
    """
    return _convolve_transposed(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@public(method=False)
def conv_transpose2d(
    input: "Tensor",
    weight: "Tensor",
    bias: "Tensor | None" = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> "Tensor":
    """The transpose of `conv2d` as a linear map: input (n, c, height, width), weight (c, d/groups, *kernel), bias (d).

    >>> tracegraph.conv_transpose2d(tracegraph.tensor([[[3.0]]]), tracegraph.tensor([[[[1.0, 2.0]]]])).tolist()
    [[[3.0, 6.0]]]
    """
    return _convolve_transposed(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@public(method=False)
def conv_transpose3d(
    input: "Tensor",
    weight: "Tensor",
    bias: "Tensor | None" = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> "Tensor":
    """The transpose of `conv3d` as a linear map: input (n, c, depth, height, width), weight (c, d/groups, *kernel),
    bias (d).

    >>> tracegraph.conv_transpose3d(tracegraph.tensor([[[[3.0]]]]), tracegraph.tensor([[[[[2.0]]]]])).item()
    6.0
    """
    return _convolve_transposed(
        "conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )
