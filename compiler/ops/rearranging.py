"""Channels moved into space and back, or among themselves: `pixel_shuffle`, `pixel_unshuffle`, `channel_shuffle`."""

from typing import TYPE_CHECKING

from tracegraph.runtime.errors import ArgumentError, ShapeError

from .dispatch import public

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


@public(method=False)
def pixel_shuffle(input: "Tensor", upscale_factor: int) -> "Tensor":
    """Channels laid out as blocks of r x r pixels, for r = `upscale_factor`: (..., c * r * r, h, w) to
    (..., c, h * r, w * r).

    Shi and others, "Real-time single image and video super-resolution", arXiv:1609.05158.

    Raises:
        ArgumentError: when the factor is not positive.
        ShapeError: for fewer than three dimensions, or channels that r * r does not divide.

    >>> tracegraph.pixel_shuffle(tracegraph.tensor([[[1]], [[2]], [[3]], [[4]]]), 2).tolist()
    [[[1, 2], [3, 4]]]
    """
    factor = _checked("pixel_shuffle", input, upscale_factor)
    *lead, channels, height, width = input.shape
    if channels % (factor * factor):
        raise ShapeError(f"pixel_shuffle: {channels} channels of shape {input.shape} do not divide by {factor} squared")
    channels //= factor * factor
    blocks = input.reshape((*lead, channels, factor, factor, height, width))
    first = len(lead)
    moved = blocks.permute((*range(first + 1), first + 3, first + 1, first + 4, first + 2))
    return moved.reshape((*lead, channels, height * factor, width * factor))  # type: ignore[no-any-return]


@public(method=False)
def pixel_unshuffle(input: "Tensor", downscale_factor: int) -> "Tensor":
    """Blocks of r x r pixels taken apart into channels, for r = `downscale_factor`: what `pixel_shuffle` undoes.

    Raises:
        ArgumentError: when the factor is not positive.
        ShapeError: for fewer than three dimensions, or sizes that r does not divide.

    >>> tracegraph.pixel_unshuffle(tracegraph.tensor([[[1, 2], [3, 4]]]), 2).tolist()
    [[[1]], [[2]], [[3]], [[4]]]
    """
    factor = _checked("pixel_unshuffle", input, downscale_factor)
    *lead, channels, height, width = input.shape
    if height % factor or width % factor:
        raise ShapeError(f"pixel_unshuffle: {height} x {width} pixels do not divide by {factor}")
    height, width = height // factor, width // factor
    blocks = input.reshape((*lead, channels, height, factor, width, factor))
    first = len(lead)
    moved = blocks.permute((*range(first + 1), first + 2, first + 4, first + 1, first + 3))
    return moved.reshape((*lead, channels * factor * factor, height, width))  # type: ignore[no-any-return]


def _checked(name: str, input: "Tensor", factor: int) -> int:
    if input.ndim < 3:
        raise ShapeError(f"{name}: expects at least 3 dimensions, got shape {input.shape}")
    if factor <= 0:
        raise ArgumentError(f"{name}: the factor must be positive, got {factor}")
    return int(factor)


@public(method=False)
def channel_shuffle(input: "Tensor", groups: int) -> "Tensor":
    """The channels of (n, c, ...) dealt out: the first of each of `groups` groups, then the second of each, and so on.

    Zhang and others, "ShuffleNet", arXiv:1707.01083.

    Raises:
        ArgumentError: when `groups` is not positive.
        ShapeError: for fewer than three dimensions, or channels that do not divide into the groups.

    >>> tracegraph.channel_shuffle(tracegraph.tensor([[[1], [2], [3], [4]]]), 2).flatten()
    tensor([1, 3, 2, 4])
    """
    if input.ndim < 3:
        raise ShapeError(f"channel_shuffle: expects at least 3 dimensions, got shape {input.shape}")
    if groups <= 0:
        raise ArgumentError(f"channel_shuffle: the number of groups must be positive, got {groups}")
    count, channels, *sizes = input.shape
    if channels % groups:
        raise ShapeError(f"channel_shuffle: {channels} channels do not divide into {groups} groups")
    grouped = input.reshape((count, groups, channels // groups, *sizes))
    return grouped.transpose(1, 2).reshape(input.shape)  # type: ignore[no-any-return]
