"""Charts as inline SVG: `line_chart(series)`, and bars that are plain HTML."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from tracegraph.report.markup import Markup, element

_WIDTH, _HEIGHT = 900.0, 320.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 16.0, 34.0, 40.0
COLOURS = ("#e37400", "#1a73e8", "#188038", "#9334e6")


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers that cover a range, at most so many.

    >>> ticks(0.0, 2.3)
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    span = high - low
    if span <= 0:
        return [low]
    raw = span / most
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def line_chart(series: Mapping[str, Sequence[float]], *, x_label: str, y_label: str) -> Markup:
    """Lines over the step number; later ones are thinner and dashed, so that equal lines are seen to be equal."""
    points = [value for values in series.values() for value in values if math.isfinite(value)]
    longest = max((len(values) for values in series.values()), default=0)
    low, high = min([0.0, *points]), max([*points, 1e-9])
    inner_width, inner_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(position: float) -> float:
        return _LEFT + inner_width * position / max(longest - 1, 1)

    def y(value: float) -> float:
        return _TOP + inner_height * (high - value) / (high - low)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH:.0f}" height="{_HEIGHT:.0f}" ']
    parts.append(f'viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img"><title>{escape(y_label)}</title>')
    for tick in ticks(low, high):
        parts.append(f'<path class="axis" d="M{_LEFT} {y(tick):.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="t" x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    parts += [
        f'<text class="t" x="{x(tick):.1f}" y="{_HEIGHT - 22}" text-anchor="middle">{int(tick)}</text>'
        for tick in ticks(0, max(longest - 1, 1), 10)
        if tick == int(tick)
    ]
    parts.append(f'<text class="t" x="{_WIDTH / 2}" y="{_HEIGHT - 4}" text-anchor="middle">{escape(x_label)}</text>')
    for number, (name, values) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        line = "M" + "L".join(f"{x(i):.1f} {y(v):.1f}" for i, v in enumerate(values) if math.isfinite(v))
        stroke = f'stroke="{colour}" stroke-width="{4 if number == 0 else 1.8}"'
        dash = "" if number == 0 else ' stroke-dasharray="6 4"'
        faint = ' opacity="0.55"' if number == 0 else ""
        parts.append(f'<path d="{line}" fill="none" {stroke}{dash}{faint} stroke-linejoin="round"/>')
        left = _LEFT + 190 * number
        parts.append(f'<path d="M{left} 15H{left + 26}" {stroke}{dash}{faint}/>')
        parts.append(f'<text x="{left + 33}" y="19">{escape(name)}</text>')
    return Markup("".join([*parts, "</svg>"]))


def bars(rows: Sequence[tuple[str, float, str, bool]]) -> Markup:
    """Horizontal bars: label, length, what is written at the end, and whether the bar stands out."""
    longest = max((value for _, value, _, _ in rows), default=0.0) or 1.0
    cells = []
    for label, value, text, hot in rows:
        fill = element("div", class_=f"fill{' hot' if hot else ''}", style=f"width:{100 * value / longest:.2f}%")
        cells += [
            element("span", label),
            element("div", fill, class_="rail"),
            element("span", text, class_="value"),
        ]
    return element("div", cells, class_="bars")
