"""Native pooling: maxima and averages over windows, and their gradients, plane by plane."""

from typing import Any

from tracegraph.compiler.ir import Node
from tracegraph.compiler.lowering.window_geometry import Geometry, Parts, geometry_of
from tracegraph.compiler.ops.average_pooling import AveragePoolGradient
from tracegraph.compiler.ops.max_pooling import MaxPool, MaxPoolGradient, MaxPoolIndices


def max_pool(node: Node) -> Parts | None:
    """Maxima over windows, where they lie, and the gradient, which goes there."""
    operation: Any = node.operation
    x, y = (
        (node.spec, node.operands[0].spec)
        if isinstance(operation, MaxPoolGradient)
        else (node.operands[0].spec, node.spec)
    )
    geometry = geometry_of(x.shape, y.shape, operation.kernel_size, operation)
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


def average_pool(node: Node) -> Parts | None:
    """Averages over windows of one size; where they differ at the borders, NumPy computes them."""
    operation: Any = node.operation
    gradient = isinstance(operation, AveragePoolGradient)
    x, y = (node.spec, node.operands[0].spec) if gradient else (node.operands[0].spec, node.spec)
    geometry = geometry_of(x.shape, y.shape, operation.kernel_size, operation)
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
