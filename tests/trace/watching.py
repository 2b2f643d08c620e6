"""Calls of traced functions under watch: whether Python ran, which code was used, whether plain calls give the same."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.soundness.snapshot import difference, snapshot
from tracegraph.trace import TracedFunction
from tracegraph.trace.decisions import DecisionTree


def is_same(wanted: Any, found: Any) -> None:
    """Fail unless both look the same to a user."""
    met = difference(snapshot(wanted), snapshot(found), path="result")
    assert met is None, str(met)


def frames(function: Callable[..., Any], call: Callable[[], Any]) -> int:
    """How often Python entered the code of a function during a call."""
    code = getattr(function, "function", function).__code__
    entered = 0

    def count(frame: types.FrameType, event: str, _: Any) -> None:
        nonlocal entered
        entered += event == "call" and frame.f_code is code

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(before)
    return entered


def tree_of(traced: TracedFunction[..., Any]) -> DecisionTree:
    """The one decision tree of a traced function."""
    (root,) = traced.roots
    assert isinstance(root, DecisionTree)
    return root


def hits(traced: TracedFunction[..., Any]) -> int:
    """The calls that were replayed, over all traces."""
    return sum(entry.hits for entry in traced.entries)


def warm(traced: Any, *calls: tuple[Any, ...]) -> None:
    """Two rounds of calls: the first is recorded, the second compared with the plain function."""
    for args in (*calls, *calls):
        is_same(traced.function(*args), traced(*args))


def line_of(file: str, text: str) -> int:
    """The line of a file that has a text for the first time."""
    return next(number for number, line in enumerate(Path(file).read_text().splitlines(), 1) if text in line)
