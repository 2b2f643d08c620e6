"""Declare a program with `@program(verdict=...)`, and get all declared ones with `load()`.

A program is a generator function of two arguments: `T`, the library (tracegraph or torch, whose names are alike), and
`wrap`, which traces a function (or leaves it as it is). It defines functions, wraps them, calls them, changes things
between the calls, and yields whatever a user could see after each step. What it changes in its module, it first sets.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.soundness import programs

VERDICTS = ("static", "co-executed", "plain")
"""From the best to the worst."""

Wrap = Callable[[Any], Any]
Steps = Callable[[Any, Wrap], Iterator[Any]]


@dataclass(frozen=True)
class Program:
    """One program of the corpus."""

    name: str
    family: str
    verdict: str
    """What `explain()` must say of its traced functions at the end, of the worst where there are several."""
    torch: bool
    """Whether it runs on PyTorch too."""
    steps: Steps
    limit: str = ""
    """Why tracing gives another result: one of the limits that docs/tracing.md names."""

    @property
    def title(self) -> str:
        """What the program shows."""
        return inspect.cleandoc(self.steps.__doc__ or "")


_declared: dict[str, Program] = {}


def program(*, verdict: str, torch: bool = True, limit: str = "") -> Callable[[Steps], Steps]:
    """Enter a program in the corpus.

    Args:
        verdict: One of `VERDICTS`.
        torch: Whether the program has a meaning on PyTorch.
        limit: Why it is known to be wrong when traced, if it is.

    Raises:
        ValueError: for an unknown verdict, a name that is taken, or a program that does not say what it shows.
    """
    if verdict not in VERDICTS:
        raise ValueError(f"the verdict is one of {', '.join(VERDICTS)}, not {verdict!r}")

    def enter(steps: Steps) -> Steps:
        name, family = steps.__name__, steps.__module__.rpartition(".")[2]
        if name in _declared:
            raise ValueError(f"{family}: {_declared[name].family} has a program {name} already")
        if not steps.__doc__:
            raise ValueError(f"{name} has no docstring")
        _declared[name] = Program(name, family, verdict, torch, steps, limit)
        return steps

    return enter


def load() -> dict[str, Program]:
    """All programs by name, family by family."""
    for module in sorted(pkgutil.iter_modules(programs.__path__), key=lambda found: found.name):
        importlib.import_module(f"{programs.__name__}.{module.name}")
    return dict(_declared)
