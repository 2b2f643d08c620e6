"""Run a small program under observation, as if it were the file `program.py`."""

import itertools
import sys
import textwrap
import types
from pathlib import Path
from typing import Any

from tracegraph.observe import Classifier, Observation, Observer

_numbers = itertools.count()


class Program:
    """A module made from source text whose function `step` is observed."""

    def __init__(self, source: str) -> None:
        self.module = types.ModuleType(f"program_{next(_numbers)}")
        sys.modules[self.module.__name__] = self.module
        exec(compile(textwrap.dedent(source), "program.py", "exec"), vars(self.module))
        self.args: tuple[Any, ...] = vars(self.module).get("ARGS", (1.5,))
        self.kwargs: dict[str, Any] = vars(self.module).get("KWARGS", {})
        self.result: Any = None

    def observe(self, classifier: Classifier | None = None, **options: Any) -> Observation:
        """Call `step` once under observation."""
        step = vars(self.module)["step"]
        with Observer(step, self.args, self.kwargs, classifier=classifier, **options) as observer:
            self.result = step(*self.args, **self.kwargs)
        return observer.observation

    def run(self, statement: str) -> None:
        """Run a statement in the module."""
        exec(compile(statement, "change.py", "exec"), vars(self.module))


def reasons(observation: Observation) -> str:
    """Return all reasons against a static replay as one text."""
    return "\n".join(effect.reason for effect in observation.effects)


class Case:
    """A program of a text file, with what its comment lines say: `reason`, `change`, `failure`."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        lines = text.splitlines()
        self.fields: dict[str, str] = {}
        while lines and lines[0].startswith("# "):
            key, _, value = lines.pop(0)[2:].partition(": ")
            self.fields[key.rstrip(":")] = value
        # Places in reasons count lines of the program itself, from 1.
        self.source = "\n".join(lines)


def read_cases(filename: str) -> list[Case]:
    """Return the programs of a text file beside this module; each begins with a line `=== name`."""
    text = (Path(__file__).parent / filename).read_text(encoding="utf-8")
    parts = [part.split("\n", 1) for part in text.split("=== ")[1:]]
    return [Case(name.strip(), body) for name, body in parts]
