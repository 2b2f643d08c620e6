"""`to_svg(graph)`: a drawing of the graph for notebooks and reports, without Graphviz."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from .description import CONSTANT_LENGTH, Facts, fill, group, label_with_constants, place, results, shorten
from .layout import Layout, layered
from .node import Node
from .printer import node_text

if TYPE_CHECKING:
    from .graph import Graph

_CHARACTER = 6.65
_BOX_HEIGHT = 38.0
_ROW_HEIGHT = 68.0
_MARGIN = 16.0
_GROUP_COLOURS = (
    "#1a73e8",
    "#d93025",
    "#188038",
    "#e37400",
    "#9334e6",
    "#007b83",
    "#c5221f",
    "#5f6368",
    "#a50e6a",
    "#7c5e10",
)
_STYLE = (
    "text{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#202124}"
    ".t{fill:#5f6368;font-size:10px}.b{font-weight:600}.e{fill:none;stroke:#80868b;stroke-width:1.1}"
)
_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
    '<path d="M0 0.5L8 4L0 7.5z" fill="#80868b"/></marker></defs>'
)


@dataclass(frozen=True)
class _Box:
    """A rectangle, or an oval at the edge of the graph, with two lines of text."""

    title: str
    subtitle: str
    tip: str
    fill: str
    oval: bool = False
    dashed: bool = False
    group: Any = None

    @property
    def width(self) -> float:
        """Width in pixels, from the length of the lines."""
        tag = len(str(self.group)) + 2 if self.group is not None else 0
        return max(len(self.title) + tag, len(self.subtitle) * 0.92, 6) * _CHARACTER + (34 if self.oval else 18)


def to_svg(graph: "Graph", facts: Facts | None = None, max_nodes: int = 300) -> str:
    """The graph as an SVG image.

    Data flow downwards. Boxes are coloured by kind and show the operation with its attributes and known operands, the
    type, and the place in the user's code; backward nodes have a dashed border. Nodes of one fusion group have a bar
    and a tag of one colour. Ovals are inputs, outputs and updates. Hovering shows the line of the text form.

    Args:
        graph: What to draw.
        facts: Per node what later stages know; `group` is used.
        max_nodes: Larger graphs are cut after so many nodes, and the drawing says so.
    """
    drawn = [node for node in graph.nodes if not node.is_constant or node in graph.roots]
    left_out = max(len(drawn) - max_nodes, 0)
    drawn = drawn[:max_nodes]
    number = {node: index for index, node in enumerate(drawn)}
    boxes = [_box(node, graph, facts) for node in drawn]
    edges = [(number[o], number[node]) for node in drawn for o in dict.fromkeys(node.operands) if o in number]
    for title, root in results(graph.outputs, graph.updates, graph.names):
        if root in number:
            edges.append((number[root], len(boxes)))
            boxes.append(_Box(title, str(root.spec), title, "#ffffff", oval=True))
    return _draw(boxes, edges, layered([box.width for box in boxes], edges), graph.name, left_out)


def _box(node: Node, graph: "Graph", facts: Facts | None) -> _Box:
    title = label_with_constants(node, graph.names[node])
    where = place(node)
    subtitle = f"{node.spec} · {where}" if where else str(node.spec)
    return _Box(
        shorten(title, 2 * CONSTANT_LENGTH),
        subtitle,
        node_text(node, graph) if len(graph.nodes) <= 1000 else title,
        fill(node),
        oval=node.is_input,
        dashed=node.backward,
        group=group(node, facts),
    )


def _draw(boxes: Sequence[_Box], edges: Sequence[tuple[int, int]], layout: Layout, name: str, left_out: int) -> str:
    rows = max(layout.row, default=0) + 1
    widest = max((x + box.width / 2 for x, box in zip(layout.x, boxes, strict=True)), default=100.0)
    bends = max((x for route in layout.routes for x, _ in route), default=0.0)
    width = max(widest, bends) + 2 * _MARGIN
    height = rows * _ROW_HEIGHT - (_ROW_HEIGHT - _BOX_HEIGHT) + 2 * _MARGIN + (20 if left_out else 0)
    colours = _group_colours(boxes)
    size = f'width="{width:.0f}" height="{height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        f"<title>{escape(name)}</title><style>{_STYLE}</style>{_ARROW}",
        f'<rect {size} fill="#ffffff"/>',
    ]
    parts += [_edge(route) for route in layout.routes]
    parts += [_shape(box, layout.x[i] + _MARGIN, _top(layout.row[i]), colours) for i, box in enumerate(boxes)]
    if left_out:
        parts.append(f'<text class="t" x="{_MARGIN}" y="{height - 10:.0f}">{left_out} more nodes are not drawn</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _group_colours(boxes: Sequence[_Box]) -> dict[Any, str]:
    groups = dict.fromkeys(box.group for box in boxes if box.group is not None)
    return {name: _GROUP_COLOURS[index % len(_GROUP_COLOURS)] for index, name in enumerate(groups)}


def _top(row: int) -> float:
    return _MARGIN + row * _ROW_HEIGHT


def _edge(route: Sequence[tuple[float, int]]) -> str:
    """A line that runs straight down beside the boxes of the rows it passes, and bends between rows."""
    x, row = route[0]
    y = _top(row) + _BOX_HEIGHT
    path = [f"M{x + _MARGIN:.1f} {y:.1f}"]
    for position, (to_x, to_row) in enumerate(route[1:], 1):
        to_y = _top(to_row) - (1 if position == len(route) - 1 else 0)
        middle = (y + to_y) / 2
        path.append(
            f"C{x + _MARGIN:.1f} {middle:.1f} {to_x + _MARGIN:.1f} {middle:.1f} {to_x + _MARGIN:.1f} {to_y:.1f}"
        )
        x, y = to_x, to_y
        if position < len(route) - 1:
            y += _BOX_HEIGHT
            path.append(f"V{y:.1f}")
    return f'<path class="e" d="{"".join(path)}" marker-end="url(#arrow)"/>'


def _shape(box: _Box, x: float, top: float, colours: dict[Any, str]) -> str:
    left = x - box.width / 2
    radius = _BOX_HEIGHT / 2 if box.oval else 5
    border = "#5f6368" if box.group is None else colours[box.group]
    dash = ' stroke-dasharray="4 3"' if box.dashed else ""
    outline = f'x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{_BOX_HEIGHT}" rx="{radius:.0f}"'
    parts = [f'<g><title>{escape(box.tip)}</title><rect {outline} fill="{box.fill}" stroke="{border}"{dash}/>']
    anchor, text_x = ("middle", x) if box.oval else ("start", left + 10)
    if box.group is not None:
        parts.append(f'<rect x="{left:.1f}" y="{top:.1f}" width="5" height="{_BOX_HEIGHT}" rx="2" fill="{border}"/>')
        tag = f'x="{left + box.width - 6:.1f}" y="{top + 15:.1f}" text-anchor="end" style="fill:{border}"'
        parts.append(f'<text class="t b" {tag}>{escape(str(box.group))}</text>')
    for offset, style, line in ((16, "b", box.title), (30, "t", box.subtitle)):
        position = f'x="{text_x:.1f}" y="{top + offset:.1f}" text-anchor="{anchor}"'
        parts.append(f'<text class="{style}" {position}>{escape(line)}</text>')
    return "".join([*parts, "</g>"])
