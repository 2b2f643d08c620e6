"""Small pieces of HTML: `element("p", "text")` escapes what it is given, `Markup` marks what is HTML already."""

from html import escape
from typing import Any


class Markup(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


def element(tag: str, *children: Any, **attributes: Any) -> Markup:
    """An element; children and attribute values are escaped unless they are `Markup`, and None is left out.

    A trailing underscore of an attribute's name is dropped and other underscores become hyphens.

    >>> element("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    told = [
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    ]
    return Markup(f"<{tag}{''.join(told)}>{joined(*children)}</{tag}>")


def joined(*children: Any) -> Markup:
    """Pieces one after the other; lists are flattened, and what is not `Markup` is escaped."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, list | tuple):
            parts.append(joined(*child))
        elif child is not None:
            parts.append(escape(str(child), quote=False))
    return Markup("".join(parts))


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun.

    >>> count(1, "kernel"), count(1200, "kernel")
    ('1 kernel', '1,200 kernels')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def in_bytes(number: float) -> str:
    """A number of bytes with a binary unit.

    >>> in_bytes(512), in_bytes(1536), in_bytes(5 * 2**20)
    ('512 B', '1.5 KiB', '5.0 MiB')
    """
    if number < 1024:
        return f"{number:.0f} B"
    for unit in ("KiB", "MiB"):
        number /= 1024
        if number < 1024:
            return f"{number:.1f} {unit}"
    return f"{number / 1024:.2f} GiB"


def in_time(seconds: float) -> str:
    """A duration with a fitting unit, to three digits.

    >>> in_time(2.5e-6), in_time(0.01234), in_time(3.0)
    ('2.50 µs', '12.3 ms', '3.00 s')
    """
    for factor, unit in ((1e-3, "µs"), (1.0, "ms")):
        if seconds < factor:
            return f"{three_digits(seconds / factor * 1e3)} {unit}"
    return f"{three_digits(seconds)} s"


def three_digits(value: float) -> str:
    """A number to three significant digits, without an exponent.

    >>> three_digits(0.1234), three_digits(12.34), three_digits(1234.5)
    ('0.12', '12.3', '1,234')
    """
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"
