"""`step_graph(executable)`: what runs, as a drawing: a box per step, arrows for what passes through memory."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from tracegraph.compiler.executable import Executable
from tracegraph.compiler.ir import Node
from tracegraph.compiler.ir.layout import layered
from tracegraph.compiler.loop_ir import Buffer
from tracegraph.compiler.lowering.steps import KernelStep, Step
from tracegraph.report.markup import Markup, in_bytes
from tracegraph.trace.looking import buffer_titles, step_kind, step_name

_CHARACTER = 6.65
_LINE = 15.0
_PADDING = 9.0
_GAP = 34.0
_MARGIN = 16.0
_MOST_CHARACTERS = 44
_MOST_LINES = 4
_MOST_OVALS = 8
"""Inputs or outputs drawn as ovals; where there are more they are named in the steps."""


@dataclass(frozen=True)
class _Box:
    title: str
    lines: tuple[str, ...]
    tip: str
    kind: str
    dashed: bool = False

    @property
    def width(self) -> float:
        longest = max(len(self.title) + 1, *[len(line) * 0.92 for line in self.lines], 7)
        return longest * _CHARACTER + (32 if self.kind == "leaf" else 20)

    @property
    def height(self) -> float:
        return 2 * _PADDING + _LINE * (1 + len(self.lines)) - 4


def operations(nodes: Sequence[Node]) -> str:
    """The operations of a step, repeated ones counted.

    >>> from tracegraph.compiler.ir import parse
    >>> operations(parse("graph f(%x: float32[3]) { %0 = exp(%x) %1 = exp(%0) return %1 }").nodes[1:])
    'exp ×2'
    """
    counted = Counter(node.operation.name for node in nodes)
    return ", ".join(name if number == 1 else f"{name} ×{number}" for name, number in counted.items())


def places(nodes: Sequence[Node]) -> str:
    """Files and lines of the user's code that a step computes."""
    by_file: dict[str, set[int]] = {}
    for node in nodes:
        if node.location:
            by_file.setdefault(os.path.basename(node.location[0]), set()).add(node.location[1])
    return "; ".join(f"{file}:{','.join(map(str, sorted(lines)))}" for file, lines in by_file.items())


def step_graph(executable: Executable) -> Markup:
    """The drawing. Data flow downwards; an oval is an input or an output, a dashed border marks gradients alone.

    What is updated in place (parameters, the state of optimisers) is not drawn but named in the steps that use it; so
    are inputs and outputs where there are many.
    """
    lowered, titles = executable.lowered, buffer_titles(executable)
    steps = [*lowered.steps, *lowered.commits]
    used = {buffer for step in steps for buffer in step.reads}
    inputs = [
        buffer for number, buffer in enumerate(lowered.inputs) if number not in lowered.written and buffer in used
    ]
    drawn = inputs if len(inputs) <= _MOST_OVALS else []
    named = {buffer for buffer in lowered.inputs if buffer not in drawn}
    boxes = [_leaf(buffer) for buffer in drawn]
    maker: dict[Buffer, int] = {buffer: number for number, buffer in enumerate(drawn)}
    edges: dict[tuple[int, int], list[Buffer]] = {}
    for step in steps:
        number = len(boxes)
        boxes.append(_step_box(step, titles, named))
        for buffer in dict.fromkeys(step.reads):
            if buffer in maker:
                edges.setdefault((maker[buffer], number), []).append(buffer)
        maker.update(dict.fromkeys((buffer for buffer in step.writes if buffer not in named), number))
    if len(lowered.outputs) <= _MOST_OVALS:
        for number, output in enumerate(lowered.outputs):
            title = "output" if len(lowered.outputs) == 1 else f"output {number}"
            if output.buffer in maker:
                edges.setdefault((maker[output.buffer], len(boxes)), []).append(output.buffer)
                boxes.append(_Box(title, (str(output.buffer.spec),), f"{title}: {output.buffer.spec}", "leaf"))
    return Markup(_draw(boxes, edges, titles, lowered.graph.name))


def _leaf(buffer: Buffer) -> _Box:
    tip = f"input {buffer.name}: {buffer.spec}, {in_bytes(buffer.spec.nbytes)}"
    return _Box(buffer.name, (str(buffer.spec),), tip, "leaf")


def _step_box(step: Step, titles: Mapping[Buffer, str], named: Set[Buffer]) -> _Box:
    nodes = [node for node in step.nodes if not node.is_constant]
    text = operations(nodes)
    writes = [buffer for buffer in dict.fromkeys(step.writes) if buffer in named]
    reads = [buffer for buffer in dict.fromkeys(step.reads) if buffer in named and buffer not in writes]
    lines = _shortened(text, _MOST_LINES)
    for verb, buffers in (("reads", reads), ("updates", writes)):
        if buffers:
            lines += _shortened(f"{verb} {', '.join(buffer.name for buffer in buffers)}", 2)
    lines += _shortened(places(nodes), 1)
    told = [f"{step_name(step)} ({step_kind(step)})", f"operations: {text}"]
    if isinstance(step, KernelStep):
        told.append(f"loops over {step.group.domain.shape}, about {step.kernel.work:,} scalar operations")
    told += [
        f"reads {_buffers(step.reads, titles)}",
        f"writes {_buffers(step.writes, titles)}",
        f"from {places(nodes)}",
    ]
    return _Box(
        step_name(step), tuple(lines), "\n".join(told), step_kind(step), dashed=all(node.backward for node in nodes)
    )


def _shortened(text: str, most: int) -> list[str]:
    """The text as at most so many lines, the end left out where there are more."""
    return wrap(text, _MOST_CHARACTERS, max_lines=most, placeholder=" …")


def _buffers(buffers: Sequence[Buffer], titles: Mapping[Buffer, str]) -> str:
    told = (f"{titles.get(b, b.name)} {b.spec} {in_bytes(b.spec.nbytes)}" for b in dict.fromkeys(buffers))
    return ", ".join(told) or "nothing"


def _draw(
    boxes: Sequence[_Box], edges: Mapping[tuple[int, int], list[Buffer]], titles: Mapping[Buffer, str], name: str
) -> str:
    layout = layered([box.width for box in boxes], list(edges))
    rows = max(layout.row, default=-1) + 1
    heights = [max(box.height for box, at in zip(boxes, layout.row, strict=True) if at == row) for row in range(rows)]
    tops = [_MARGIN + sum(heights[:row]) + _GAP * row for row in range(rows)]
    bends = [x for route in layout.routes for x, _ in route]
    right = [x + box.width / 2 for x, box in zip(layout.x, boxes, strict=True)]
    width = max([*bends, *right], default=100.0) + 2 * _MARGIN
    height = (tops[-1] + heights[-1] if rows else 20.0) + _MARGIN
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{escape(name)}</title>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">',
        '<path d="M0 0.5L8 4L0 7.5z"/></marker></defs>',
    ]
    for ((source, _), carried), route in zip(edges.items(), layout.routes, strict=True):
        start = tops[layout.row[source]] + boxes[source].height
        parts.append(f"<g><title>{escape(_buffers(carried, titles))}</title>{_edge(route, start, tops, heights)}</g>")
    parts += [_shape(box, layout.x[i] + _MARGIN, tops[layout.row[i]]) for i, box in enumerate(boxes)]
    return "".join([*parts, "</svg>"])


def _edge(route: Sequence[tuple[float, int]], start: float, tops: Sequence[float], heights: Sequence[float]) -> str:
    """A line that bends between rows and runs straight down beside the boxes of the rows that it passes."""
    x, y = route[0][0] + _MARGIN, start
    path = [f"M{x:.1f} {y:.1f}"]
    first_row = route[0][1]
    if y < tops[first_row] + heights[first_row]:
        y = tops[first_row] + heights[first_row]
        path.append(f"V{y:.1f}")
    for position, (to_x, row) in enumerate(route[1:], 1):
        last = position == len(route) - 1
        to_x, to_y = to_x + _MARGIN, tops[row] - (1 if last else 0)
        middle = (y + to_y) / 2
        path.append(f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
        if not last:
            y += heights[row]
            path.append(f"V{y:.1f}")
    return f'<path class="e" d="{"".join(path)}" marker-end="url(#tip)"/>'


def _shape(box: _Box, x: float, top: float) -> str:
    left = x - box.width / 2
    radius = box.height / 2 if box.kind == "leaf" else 6
    dash = ' stroke-dasharray="4 3"' if box.dashed else ""
    outline = f'x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{radius:.1f}"'
    parts = [f'<g><title>{escape(box.tip)}</title><rect class="step k-{box.kind}" {outline}{dash}/>']
    anchor, text_x = ("middle", x) if box.kind == "leaf" else ("start", left + 10)
    y = top + _PADDING + 10
    parts.append(f'<text class="b" x="{text_x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(box.title)}</text>')
    for number, line in enumerate(box.lines, 1):
        position = f'x="{text_x:.1f}" y="{y + number * _LINE:.1f}" text-anchor="{anchor}"'
        parts.append(f'<text class="t" {position}>{escape(line)}</text>')
    return "".join([*parts, "</g>"])
