"""Native convolution and pooling over one or two spatial dimensions, on planes in row-major order (NCHW).

A convolution gathers the patches of a block of images in a matrix that fits the cache and multiplies it by the weight
(im2col; Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing", 2006).
"""

from dataclasses import dataclass
from typing import Any

from tracegraph.compiler.ir import Node
from tracegraph.compiler.lowering.pooling_loops import average_pool, max_pool
from tracegraph.compiler.lowering.window_geometry import Geometry, Parts, geometry_of
from tracegraph.compiler.ops.average_pooling import AveragePool, AveragePoolGradient
from tracegraph.compiler.ops.convolution_operations import (
    Convolution,
    ConvolutionInputGradient,
    ConvolutionWeightGradient,
)
from tracegraph.compiler.ops.max_pooling import MaxPool, MaxPoolGradient, MaxPoolIndices
from tracegraph.compiler.ops.spec import Spec, float32, float64

MOST_SLOTS = 8
"""Shares that the images of a batch are divided in."""


def window_routine(node: Node, *, use_blas: bool) -> Parts | None:
    """The native routine of a convolution or pooling node, or None."""
    if node.operands[0].dtype not in (float32, float64):
        return None
    if isinstance(node.operation, Convolution | ConvolutionInputGradient | ConvolutionWeightGradient):
        return _convolution(node) if use_blas else None
    if isinstance(node.operation, MaxPool | MaxPoolIndices | MaxPoolGradient):
        return max_pool(node)
    if isinstance(node.operation, AveragePool | AveragePoolGradient):
        return average_pool(node)
    return None


# -- convolution -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sizes:
    """The sizes of a convolution: images, channels in and out, groups, and its geometry."""

    images: int
    channels: int
    filters: int
    groups: int
    geometry: Geometry
    dtype: Any

    @property
    def depth(self) -> int:
        """Rows of the matrix of patches per group."""
        return self.channels // self.groups * self.geometry.taps

    @property
    def slots(self) -> int:
        """Shares of the images; each has a matrix of patches of its own, so that threads do not meet."""
        return min(self.images, MOST_SLOTS)

    @property
    def patches(self) -> Spec:
        """The matrices of patches of one image, for each slot."""
        return Spec((self.slots, self.groups, self.depth, self.geometry.windows), self.dtype)

    @property
    def image_patches(self) -> int:
        """Elements of the patches of one image."""
        return self.groups * self.depth * self.geometry.windows


def _convolution(node: Node) -> Parts | None:
    operation: Any = node.operation
    if isinstance(operation, Convolution):
        x, w, y = node.operands[0].spec, node.operands[1].spec, node.spec
    elif isinstance(operation, ConvolutionInputGradient):
        x, w, y = node.spec, node.operands[1].spec, node.operands[0].spec
    else:
        x, w, y = node.operands[0].spec, node.spec, node.operands[1].spec
    geometry = geometry_of(x.shape, y.shape, w.shape[2:], operation)
    if geometry is None or w.size == 0:
        return None
    sizes = _Sizes(x.shape[0], x.shape[1], w.shape[0], operation.groups, geometry, x.dtype)
    if isinstance(operation, Convolution):
        return _forward(sizes)
    if isinstance(operation, ConvolutionInputGradient):
        return _input_gradient(sizes)
    return _weight_gradient(sizes)


def _suffix(sizes: _Sizes) -> str:
    return "f32" if sizes.dtype == float32 else "f64"


def _images_kernel(sizes: _Sizes, title: str, opened: list[str], body: list[str]) -> str:
    """A kernel whose rows are slots; `body` is run for each image of a slot and sees `slot`,
    `image` and `start`, where the patches of the slot begin.
    """
    slots, images = sizes.slots, sizes.images
    return "\n".join(
        [
            "@kernel",
            "def {name}_images(lo, hi, table):",
            f'    """{title}"""',
            *(f"    {line}" for line in opened),
            "    for slot in range(lo, hi):",
            f"        start = slot * {sizes.image_patches}",
            f"        for image in range(slot * {images} // {slots}, (slot + 1) * {images} // {slots}):",
            *(f"            {line}" for line in body),
            "",
        ]
    )


def _for_channels(sizes: _Sizes, lines: str, first: list[str]) -> list[str]:
    """A loop over the channels of an image around the loops over its windows; they see `plane` and `patch`."""
    geometry = sizes.geometry
    return [
        f"for channel in range({sizes.channels}):",
        f"    plane = (image * {sizes.channels} + channel) * {geometry.plane}",
        f"    patch = start + channel * {geometry.taps * geometry.windows}",
        *(f"    {line}" for line in first),
        *(line[4:] for line in lines.split("\n")),
    ]


def _gather(sizes: _Sizes) -> list[str]:
    """Lines that gather the patches of an image."""
    geometry = sizes.geometry
    place = f"patches[patch + tap * {geometry.windows} + target]"
    zero = f"{place} = {sizes.dtype.name}(0.0)"
    return _for_channels(sizes, geometry.loops(f"{place} = x[plane + source]", skipped=zero), [])


def _spread(sizes: _Sizes) -> list[str]:
    """Lines that add up the cotangents of the patches of an image."""
    geometry = sizes.geometry
    clear = [f"for position in range({geometry.plane}):", f"    x[plane + position] = {sizes.dtype.name}(0.0)"]
    add = f"x[plane + source] += patches[patch + tap * {geometry.windows} + target]"
    return _for_channels(sizes, geometry.loops(add), clear)


def _slots_call(sizes: _Sizes) -> str:
    return f"parallel({{name}}_images, 0, {sizes.slots}, 1, table)"


def _forward(sizes: _Sizes) -> Parts:
    s, dtype = _suffix(sizes), sizes.dtype.name
    windows, depth, groups = sizes.geometry.windows, sizes.depth, sizes.groups
    filters = sizes.filters // groups
    direct = sizes.geometry.is_identity
    patches = _patches_of_group(sizes)
    body = [] if direct else _gather(sizes)
    body += [
        f"for group in range({groups}):",
        (
            f"    gemm_{s}(False, False, {filters}, {windows}, {depth}, {dtype}(1.0), "
            f"at(w, group * {filters * depth}), {depth}, {patches}, {windows}, {dtype}(0.0), "
            f"at(y, (image * {groups} + group) * {filters * windows}), {windows})"
        ),
    ]
    opened = ["x = {0}", "w = {1}", "y = {out}"] + ([] if direct else ["patches = {s0}"])
    kernel = _images_kernel(sizes, "Convolve some images.", opened, body)
    return "convolution", (_slots_call(sizes),), (kernel,), () if direct else (sizes.patches,)


def _patches_of_group(sizes: _Sizes) -> str:
    """Where the patches of one group of one image lie: the image itself where a window is one element."""
    one = sizes.depth * sizes.geometry.windows
    direct = sizes.geometry.is_identity
    return f"at(x, (image * {sizes.groups} + group) * {one})" if direct else f"at(patches, start + group * {one})"


def _weight_gradient(sizes: _Sizes) -> Parts:
    s, dtype = _suffix(sizes), sizes.dtype.name
    windows, depth, groups = sizes.geometry.windows, sizes.depth, sizes.groups
    filters = sizes.filters // groups
    direct = sizes.geometry.is_identity
    size = sizes.filters * depth
    parts = Spec((sizes.slots, size), sizes.dtype)
    patches = _patches_of_group(sizes)
    body = [] if direct else _gather(sizes)
    body += [
        f"keep = {dtype}(0.0) if image == slot * {sizes.images} // {sizes.slots} else {dtype}(1.0)",
        f"for group in range({groups}):",
        (
            f"    gemm_{s}(False, True, {filters}, {depth}, {windows}, {dtype}(1.0), "
            f"at(g, (image * {groups} + group) * {filters * windows}), {windows}, {patches}, {windows}, keep, "
            f"at(parts, slot * {size} + group * {filters * depth}), {depth})"
        ),
    ]
    opened = ["x = {0}", "g = {1}", "parts = {s0}"] + ([] if direct else ["patches = {s1}"])
    kernel = _images_kernel(sizes, "The weight gradient of some images.", opened, body)
    total = "\n".join(
        [
            "@kernel",
            "def {name}_total(lo, hi, table):",
            '    """Add up the weight gradients of the slots."""',
            "    parts = {s0}",
            "    w = {out}",
            "    for i in range(lo, hi):",
            "        total = parts[i]",
            f"        for slot in range(1, {sizes.slots}):",
            f"            total += parts[slot * {size} + i]",
            "        w[i] = total",
            "",
        ]
    )
    main = (_slots_call(sizes), f"{{name}}_total(0, {size}, table)")
    scratch = (parts,) if direct else (parts, sizes.patches)
    return "convolution weight gradient", main, (kernel, total), scratch


def _input_gradient(sizes: _Sizes) -> Parts:
    s, dtype = _suffix(sizes), sizes.dtype.name
    windows, depth, groups = sizes.geometry.windows, sizes.depth, sizes.groups
    filters = sizes.filters // groups
    direct = sizes.geometry.is_identity
    patches = _patches_of_group(sizes)
    body = [
        f"for group in range({groups}):",
        (
            f"    gemm_{s}(True, False, {depth}, {windows}, {filters}, {dtype}(1.0), at(w, group * {filters * depth}), "
            f"{depth}, at(g, (image * {groups} + group) * {filters * windows}), {windows}, "
            f"{dtype}(0.0), {patches}, {windows})"
        ),
        *([] if direct else _spread(sizes)),
    ]
    opened = ["g = {0}", "w = {1}", "x = {out}"] + ([] if direct else ["patches = {s0}"])
    kernel = _images_kernel(sizes, "The input gradient of some images.", opened, body)
    return "convolution input gradient", (_slots_call(sizes),), (kernel,), () if direct else (sizes.patches,)
