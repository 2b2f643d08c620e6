"""Native convolution and pooling over one or two spatial dimensions, on planes in row-major order (NCHW).

A convolution gathers the patches of a block of images in a matrix that fits the cache and multiplies it by the weight
(im2col; Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing", 2006).
"""

from dataclasses import dataclass
from typing import Any

from tracegraph.compiler.ir import Node
from tracegraph.compiler.ops.average_pooling import AveragePool, AveragePoolGradient
from tracegraph.compiler.ops.convolution_operations import (
    Convolution,
    ConvolutionInputGradient,
    ConvolutionWeightGradient,
)
from tracegraph.compiler.ops.max_pooling import MaxPool, MaxPoolGradient, MaxPoolIndices
from tracegraph.compiler.ops.spec import Spec, float32, float64

Parts = tuple[str, tuple[str, ...], tuple[str, ...], tuple[Spec, ...]]
"""Title, lines of main, kernels, scratch."""

MOST_SLOTS = 8
"""Shares that the images of a batch are divided in."""


@dataclass(frozen=True)
class Geometry:
    """A window sliding over two dimensions; one-dimensional cases have a first dimension of 1."""

    height: int
    width: int
    out_height: int
    out_width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]

    @property
    def plane(self) -> int:
        """Elements of one input plane."""
        return self.height * self.width

    @property
    def windows(self) -> int:
        """Elements of one output plane."""
        return self.out_height * self.out_width

    @property
    def taps(self) -> int:
        """Elements of one window."""
        return self.kernel[0] * self.kernel[1]

    @property
    def is_identity(self) -> bool:
        """Whether every window is one element, and every element a window."""
        return self.taps == 1 and self.stride == (1, 1) and self.padding == (0, 0)

    def loops(self, body: str, *, skipped: str = "") -> str:
        """Loops over the window's taps and, for each, over the windows whose tap lies inside of the plane.

        `body` sees `source` and `target`: positions in the input and output planes, and `tap`.
        `skipped` is run for the windows whose tap lies outside.
        """
        (_, kw), (sh, sw), (ph, pw), (dh, dw) = self.kernel, self.stride, self.padding, self.dilation
        lines = [
            f"        for tap in range({self.taps}):",
            f"            down = tap // {kw} * {dh} - {ph}",
            f"            right = tap % {kw} * {dw} - {pw}",
            f"            left_end = max(0, -(right // {sw}))",
            f"            right_end = min({self.out_width}, ({self.width} - right + {sw - 1}) // {sw})",
            "            right_end = max(left_end, right_end)",
            f"            for i in range({self.out_height}):",
            f"                row = i * {sh} + down",
            f"                if row >= 0 and row < {self.height}:",
        ]
        edge = [
            "                    for j in range({}):",
            f"                        target = i * {self.out_width} + j",
            f"                        {skipped}",
        ]
        if skipped and pw:
            lines += [line.format("left_end") for line in edge]
        lines += [
            "                    for j in range(left_end, right_end):",
            f"                        target = i * {self.out_width} + j",
            f"                        source = row * {self.width} + j * {sw} + right",
            f"                        {body}",
        ]
        if skipped and pw:
            lines += [line.format(f"right_end, {self.out_width}") for line in edge]
        if skipped and ph:
            lines += ["                else:", *[line.format(self.out_width) for line in edge]]
        return "\n".join(lines)


def _geometry(x: tuple[int, ...], out: tuple[int, ...], kernel: tuple[int, ...], operation: Any) -> Geometry | None:
    """The geometry of a window operation, if it has one or two spatial dimensions and is not empty."""
    rank = len(kernel)
    if rank not in (1, 2) or 0 in x or 0 in out or 0 in kernel:
        return None

    def pair(values: Any, filler: int) -> tuple[int, int]:
        values = tuple(values)
        return (filler, values[0]) if rank == 1 else (values[0], values[1])

    height, width = pair(x[-rank:], 1)
    out_height, out_width = pair(out[-rank:], 1)
    return Geometry(
        height, width, out_height, out_width, pair(kernel, 1), pair(operation.stride, 1), pair(operation.padding, 0),
        pair(operation.dilation, 1),
    )  # fmt: skip


def window_routine(node: Node, *, use_blas: bool) -> Parts | None:
    """The native routine of a convolution or pooling node, or None."""
    if node.operands[0].dtype not in (float32, float64):
        return None
    if isinstance(node.operation, Convolution | ConvolutionInputGradient | ConvolutionWeightGradient):
        return _convolution(node) if use_blas else None
    if isinstance(node.operation, MaxPool | MaxPoolIndices | MaxPoolGradient):
        return _max_pool(node)
    if isinstance(node.operation, AveragePool | AveragePoolGradient):
        return _average_pool(node)
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
    geometry = _geometry(x.shape, y.shape, w.shape[2:], operation)
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
    patches = f"at(x, (image * {groups} + group) * {depth * windows})" if direct else f"at(patches, start + group * {depth * windows})"
    body = [] if direct else _gather(sizes)
    body += [
        f"for group in range({groups}):",
        (f"    gemm_{s}(False, False, {filters}, {windows}, {depth}, {dtype}(1.0), at(w, group * {filters * depth}), {depth}, "
        f"{patches}, {windows}, {dtype}(0.0), at(y, (image * {groups} + group) * {filters * windows}), {windows})"),
    ]
    opened = ["x = {0}", "w = {1}", "y = {out}"] + ([] if direct else ["patches = {s0}"])
    kernel = _images_kernel(sizes, "Convolve some images.", opened, body)
    return "convolution", (_slots_call(sizes),), (kernel,), () if direct else (sizes.patches,)


def _weight_gradient(sizes: _Sizes) -> Parts:
    s, dtype = _suffix(sizes), sizes.dtype.name
    windows, depth, groups = sizes.geometry.windows, sizes.depth, sizes.groups
    filters = sizes.filters // groups
    direct = sizes.geometry.is_identity
    size = sizes.filters * depth
    parts = Spec((sizes.slots, size), sizes.dtype)
    patches = f"at(x, (image * {groups} + group) * {depth * windows})" if direct else f"at(patches, start + group * {depth * windows})"
    body = [] if direct else _gather(sizes)
    body += [
        f"keep = {dtype}(0.0) if image == slot * {sizes.images} // {sizes.slots} else {dtype}(1.0)",
        f"for group in range({groups}):",
        (f"    gemm_{s}(False, True, {filters}, {depth}, {windows}, {dtype}(1.0), "
        f"at(g, (image * {groups} + group) * {filters * windows}), {windows}, {patches}, {windows}, keep, "
        f"at(parts, slot * {size} + group * {filters * depth}), {depth})"),
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
    patches = f"at(x, (image * {groups} + group) * {depth * windows})" if direct else f"at(patches, start + group * {depth * windows})"
    body = [
        f"for group in range({groups}):",
        (f"    gemm_{s}(True, False, {depth}, {windows}, {filters}, {dtype}(1.0), at(w, group * {filters * depth}), {depth}, "
        f"at(g, (image * {groups} + group) * {filters * windows}), {windows}, {dtype}(0.0), {patches}, {windows})"),
        *([] if direct else _spread(sizes)),
    ]
    opened = ["g = {0}", "w = {1}", "x = {out}"] + ([] if direct else ["patches = {s0}"])
    kernel = _images_kernel(sizes, "The input gradient of some images.", opened, body)
    return "convolution input gradient", (_slots_call(sizes),), (kernel,), () if direct else (sizes.patches,)


# -- pooling -----------------------------------------------------------------------------------------------------------


def _max_pool(node: Node) -> Parts | None:
    operation: Any = node.operation
    x, y = (node.spec, node.operands[0].spec) if isinstance(operation, MaxPoolGradient) else (node.operands[0].spec, node.spec)
    geometry = _geometry(x.shape, y.shape, operation.kernel_size, operation)
    if geometry is None:
        return None
    planes = y.size // geometry.windows
    dtype = x.dtype.name
    head = ["@kernel", "def {name}_planes(lo, hi, table):"]
    start = [
        f"        at_x = r * {geometry.plane}",
        f"        at_y = r * {geometry.windows}",
    ]
    if isinstance(operation, MaxPool):
        body = [
            '    """The maximum of each window of some planes."""',
            "    x = {0}",
            "    y = {out}",
            "    for r in range(lo, hi):",
            *start,
            f"        for position in range({geometry.windows}):",
            f"            y[at_y + position] = {dtype}(-1e999)",
            geometry.loops("y[at_y + target] = maximum(y[at_y + target], x[at_x + source])"),
        ]
    elif isinstance(operation, MaxPoolIndices):
        body = [
            '    """Where the maximum of each window of some planes lies: the first of equal ones."""',
            "    x = {0}",
            "    y = {out}",
            "    for r in range(lo, hi):",
            *start,
            _search_loops(geometry, dtype),
        ]
    else:
        body = [
            '    """Send each cotangent to where the maximum was."""',
            "    g = {0}",
            "    y = {1}",
            "    x = {out}",
            "    for r in range(lo, hi):",
            *start,
            f"        for position in range({geometry.plane}):",
            f"            x[at_x + position] = {dtype}(0.0)",
            f"        for position in range({geometry.windows}):",
            "            x[at_x + y[at_y + position]] += g[at_y + position]",
        ]
    grain = max(1, (1 << 14) // (geometry.windows * geometry.taps))
    main = (f"parallel({{name}}_planes, 0, {planes}, {grain}, table)",)
    return f"{operation.name.replace('_', ' ')}", main, ("\n".join([*head, *body, ""]),), ()


def _average_pool(node: Node) -> Parts | None:
    """Averages over windows of one size; where they differ at the borders, NumPy computes them."""
    operation: Any = node.operation
    gradient = isinstance(operation, AveragePoolGradient)
    x, y = (node.spec, node.operands[0].spec) if gradient else (node.operands[0].spec, node.spec)
    geometry = _geometry(x.shape, y.shape, operation.kernel_size, operation)
    divisor = operation.divisor(x.shape)
    if geometry is None or not isinstance(divisor, int):
        return None
    dtype = x.dtype.name
    into, size = ("x", geometry.plane) if gradient else ("y", geometry.windows)
    move = "x[at_x + source] += y[at_y + target]" if gradient else "y[at_y + target] += x[at_x + source]"
    text = [
        "@kernel",
        "def {name}_planes(lo, hi, table):",
        f'    """The {"gradient of the " if gradient else ""}average of each window of some planes."""',
        f"    x = {'{out}' if gradient else '{0}'}",
        f"    y = {'{0}' if gradient else '{out}'}",
        "    for r in range(lo, hi):",
        f"        at_x = r * {geometry.plane}",
        f"        at_y = r * {geometry.windows}",
        f"        for position in range({size}):",
        f"            {into}[at_{into} + position] = {dtype}(0.0)",
        geometry.loops(move),
        f"        for position in range({size}):",
        f"            {into}[at_{into} + position] /= {dtype}({float(divisor)!r})",
        "",
    ]
    grain = max(1, (1 << 14) // (geometry.windows * geometry.taps))
    main = (f"parallel({{name}}_planes, 0, {y.size // geometry.windows}, {grain}, table)",)
    return operation.name.replace("_", " "), main, ("\n".join(text),), ()


def _search_loops(geometry: Geometry, dtype: str) -> str:
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = geometry.kernel, geometry.stride, geometry.padding, geometry.dilation
    return "\n".join(
        [
            f"        for i in range({geometry.out_height}):",
            f"            for j in range({geometry.out_width}):",
            f"                best = {dtype}(-1e999)",
            "                found = int64(-1)",
            f"                for down in range({kh}):",
            f"                    row = i * {sh} - {ph} + down * {dh}",
            f"                    if row >= 0 and row < {geometry.height}:",
            f"                        for right in range({kw}):",
            f"                            column = j * {sw} - {pw} + right * {dw}",
            f"                            if column >= 0 and column < {geometry.width}:",
            f"                                place = row * {geometry.width} + column",
            "                                value = x[at_x + place]",
            "                                if value > best or value != value or found < 0:",
            "                                    best = value",
            "                                    found = place",
            f"                y[at_y + i * {geometry.out_width} + j] = found",
        ]
    )
