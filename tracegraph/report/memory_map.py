"""`memory_map(executable)`: the memory plan as a picture: steps from left to right, bytes from bottom to top."""

from html import escape

from tracegraph.compiler.executable import Executable
from tracegraph.compiler.lowering.memory import Lifetime
from tracegraph.report.markup import Markup, in_bytes
from tracegraph.trace.looking import buffer_titles, step_name

_WIDTH, _HEIGHT = 1140.0, 420.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 76.0, 14.0, 14.0, 42.0
_HUES = (214, 152, 28, 268, 340, 186, 48, 96)
_CHARACTER = 6.7


def memory_map(executable: Executable) -> Markup | None:
    """One rectangle per intermediate value: as wide as it lives, as high as its bytes. None when there are none."""
    lowered = executable.lowered
    plan = lowered.memory
    if not plan.lifetimes:
        return None
    steps = [step_name(step) for step in (*lowered.steps, *lowered.commits)]
    inner_width, inner_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(step: float) -> float:
        return _LEFT + inner_width * step / len(steps)

    def y(offset: float) -> float:
        return _TOP + inner_height * (1 - offset / plan.arena_bytes)

    size = f'width="{_WIDTH:.0f}" height="{_HEIGHT:.0f}" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>memory of intermediates</title>']
    for quarter in range(5):
        offset = plan.arena_bytes * quarter / 4
        parts.append(f'<path class="axis" d="M{_LEFT} {y(offset):.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(
            f'<text class="t" x="{_LEFT - 8}" y="{y(offset) + 4:.1f}" text-anchor="end">{in_bytes(offset)}</text>'
        )
    stride = max(1, -(-len(steps) // 30))
    for number in range(0, len(steps), stride):
        middle = x(number + 0.5)
        parts.append(
            f'<g><title>step {number}: {escape(steps[number])}</title><text class="t" x="{middle:.1f}" '
            f'y="{_HEIGHT - 24}" text-anchor="middle">{number}</text></g>'
        )
    parts.append(f'<text class="t" x="{_WIDTH / 2}" y="{_HEIGHT - 6}" text-anchor="middle">step</text>')
    titles = buffer_titles(executable)
    for number, life in enumerate(plan.lifetimes):
        top = y(plan.offsets[life.buffer] + life.buffer.spec.nbytes)
        height = y(plan.offsets[life.buffer]) - top
        width = x(life.last + 1) - x(life.first)
        box = (x(life.first), top, width, height)
        title = titles.get(life.buffer, life.buffer.name)
        parts.append(_block(life, title, steps, plan.offsets[life.buffer], box, number))
    return Markup("".join([*parts, "</svg>"]))


def _block(
    life: Lifetime, title: str, steps: list[str], offset: int, box: tuple[float, float, float, float], number: int
) -> str:
    left, top, width, height = box
    buffer = life.buffer
    tip = (
        f"{title}: {buffer.spec}, {in_bytes(buffer.spec.nbytes)} at byte {offset:,}\n"
        f"from step {life.first} ({steps[life.first]}) to step {life.last} ({steps[life.last]})"
    )
    fill = f"hsl({_HUES[number % len(_HUES)]} 62% {68 + 7 * (number // len(_HUES) % 2)}%)"
    outline = f'x="{left:.1f}" y="{top:.1f}" width="{max(width, 1):.1f}" height="{max(height, 1):.1f}" rx="2"'
    parts = [f'<g><title>{escape(tip)}</title><rect class="block" {outline} fill="{fill}"/>']
    size = in_bytes(buffer.spec.nbytes)
    label = next(
        (text for text in (f"{title} · {size}", title, f"%{buffer.name}") if len(text) * _CHARACTER + 6 < width), None
    )
    if label is not None and height >= 13:
        position = f'x="{left + width / 2:.1f}" y="{top + height / 2 + 4:.1f}" text-anchor="middle"'
        parts.append(f'<text {position} style="fill:#101418;pointer-events:none">{escape(label)}</text>')
    return "".join([*parts, "</g>"])
