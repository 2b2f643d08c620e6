"""`write_report(traced, path, arguments=...)`: everything known of a traced function in one HTML file."""

import inspect
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tracegraph._version import __version__
from tracegraph.report import sections
from tracegraph.report.markup import Markup, element
from tracegraph.report.page import page
from tracegraph.report.timing import Timings, measure
from tracegraph.trace import TracedFunction


def html_report(
    traced: TracedFunction[..., Any], *, timings: Timings | None = None, introduction: Sequence[Markup] = ()
) -> str:
    """The report on the latest trace of a function that has been called.

    Args:
        traced: The function.
        timings: What `measure` found, if it shall be shown.
        introduction: Sections shown before the others.
    """
    told = traced.explain()
    body: list[Markup | None] = [
        sections.heading(told, _place(traced.function)),
        sections.verdict(told),
        sections.tiles(told, timings),
    ]
    entry = traced.entries[0] if traced.entries else None
    if entry is not None:
        body.append(sections.flow(entry.executable, told))
    body += introduction
    if timings is not None:
        body.append(sections.timing(timings))
    if entry is not None:
        body += [
            sections.graphs(entry.executable),
            sections.memory(entry.executable),
            sections.passes(entry.executable),
            sections.kernels(entry.executable),
            sections.guards(told, entry.replay_source),
        ]
    body.append(_footer())
    return page(f"{told.name} – tracegraph", *body)


def write_report(
    traced: TracedFunction[..., Any],
    path: str | os.PathLike[str],
    *,
    arguments: Sequence[Any] = (),
    keywords: Mapping[str, Any] | None = None,
    seconds: float = 1.0,
) -> Timings | None:
    """Call the function, measure it, and write the report; returns the timings (None when the function runs plain).

    The function runs for real, many times: parameters that it updates change.

    Args:
        traced: The function.
        path: The HTML file.
        arguments: Positional arguments of a call.
        keywords: Keyword arguments of a call.
        seconds: About how long to measure; 0 leaves the measurement out.
    """
    named = dict(keywords or {})
    for _ in range(2):
        traced(*arguments, **named)
    timings = None
    if seconds > 0 and traced.entries:
        timings = measure(traced, arguments, named, seconds=seconds)
    pathlib.Path(path).write_text(html_report(traced, timings=timings), encoding="utf-8")
    return timings


def _place(function: Any) -> str:
    """File and line of a function."""
    inner = inspect.unwrap(function)
    code = getattr(inner, "__code__", None)
    if code is None:
        return type(inner).__name__
    return f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}"


def _footer() -> Markup:
    python = ".".join(map(str, sys.version_info[:3]))
    return element("footer", f"tracegraph {__version__}, Python {python}, NumPy {np.__version__}")
