"""`judge(program, library, wrap)` runs a program plain and traced, and says whether a user could tell the two apart."""

import contextlib
import io
import random
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.soundness.corpus import Program, Wrap
from tests.soundness.snapshot import Difference, Raised, difference, snapshot

RIGHT, WRONG, WARNED, RAISED = "right", "wrong", "warned", "raised"
"""Right; wrong in silence; wrong, but the tracer warned; an error that the plain program does not raise."""


@dataclass(frozen=True)
class Step:
    """What could be seen after one step."""

    value: Any
    printed: str


@dataclass
class Run:
    """What one run of a program showed."""

    steps: list[Step] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Judgement:
    """How the traced run compares with the plain one."""

    status: str
    step: int = 0
    why: Difference | None = None

    def __str__(self) -> str:
        return self.status if self.why is None else f"{self.status}: step {self.step}, {self.why}"


def judge(program: Program, library: Any, wrap: Wrap, *, texts: bool = True) -> Judgement:
    """Run a program plain and traced, and compare results, output, exceptions and state, step by step.

    Args:
        program: What to run.
        library: The module that the program calls `T`.
        wrap: What traces a function.
        texts: Whether the texts of exceptions must be the same, too.
    """
    plain, traced = run(program, library, lambda function: function), run(program, library, wrap)
    for number in range(max(len(plain.steps), len(traced.steps))):
        wanted, found = _step(plain, number), _step(traced, number)
        met = difference(wanted.value, found.value, texts=texts, path="result")
        if met is None:
            met = difference(wanted.printed, found.printed, path="output")
        if met is not None:
            wrong = WARNED if set(traced.warned) - set(plain.warned) else WRONG
            return Judgement(RAISED if isinstance(met.found, Raised) else wrong, number, met)
    return Judgement(RIGHT)


def _step(run: Run, number: int) -> Step:
    return run.steps[number] if number < len(run.steps) else Step("the program has ended", "")


def run(program: Program, library: Any, wrap: Wrap) -> Run:
    """Run a program from a fixed start and keep what it shows; an exception that leaves it is its last step."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - programs may draw from the global generator
    library.manual_seed(0)
    done, output = Run(), io.StringIO()
    with contextlib.redirect_stdout(output), warnings.catch_warnings(record=True) as caught, library.enable_grad():
        warnings.simplefilter("always")
        try:
            for value in program.steps(library, wrap):
                done.steps.append(Step(snapshot(value), _taken(output)))
        except Exception as error:  # noqa: BLE001 - any exception is an outcome to compare
            done.steps.append(Step(Raised.of(error), _taken(output)))
    done.warned = [f"{each.category.__name__}: {each.message}" for each in caught if _tells(each)]
    return done


def _tells(warning: warnings.WarningMessage) -> bool:
    """Whether a warning tells that a trace may be wrong, and not only that something is old."""
    old = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ResourceWarning)
    return not issubclass(warning.category, old)


def _taken(output: io.StringIO) -> str:
    """What was printed since the last time."""
    text = output.getvalue()
    output.seek(0)
    output.truncate()
    return text
