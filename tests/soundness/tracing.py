"""Run a program with tracegraph's own `@trace`: is it right, which verdict did it reach, was anything replayed?"""

import functools
from dataclasses import dataclass
from typing import Any

import tracegraph
from tests.soundness.corpus import VERDICTS, Program
from tests.soundness.runner import Judgement, judge
from tracegraph.trace import TracedFunction, trace


@dataclass(frozen=True)
class Report:
    """What became of one program."""

    judgement: Judgement
    verdict: str
    replays: int
    explanations: tuple[str, ...]


@functools.cache
def report(program: Program) -> Report:
    """Run a program once, for all tests of it."""
    made: list[TracedFunction[..., Any]] = []

    def wrap(function: Any) -> Any:
        made.append(trace(function))
        return made[-1]

    judgement = judge(program, tracegraph, wrap)
    explained = [traced.explain() for traced in made]
    verdicts = [each.verdict for each in explained if each.verdict in VERDICTS]
    return Report(
        judgement,
        max(verdicts, key=VERDICTS.index, default="not called yet"),
        sum(entry.hits for traced in made for entry in traced.entries),
        tuple(map(str, explained)),
    )
