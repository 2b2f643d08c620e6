"""A window sliding over one or two spatial dimensions: `Geometry`, and the loops over its windows and taps."""

from dataclasses import dataclass
from typing import Any

from tracegraph.compiler.ops.spec import Spec

Parts = tuple[str, tuple[str, ...], tuple[str, ...], tuple[Spec, ...]]
"""Title, lines of main, kernels, scratch."""


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


def geometry_of(x: tuple[int, ...], out: tuple[int, ...], kernel: tuple[int, ...], operation: Any) -> Geometry | None:
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
