"""Every program of the corpus is right when traced, and reaches the verdict that it states."""

import pytest

from tests.soundness.corpus import Program, load
from tests.soundness.runner import RIGHT
from tests.soundness.tracing import report

PROGRAMS = [pytest.param(program, id=f"{program.family}-{name}") for name, program in load().items()]


@pytest.mark.parametrize("program", PROGRAMS)
def test_traced_is_as_plain(program: Program) -> None:
    judgement = report(program).judgement
    if program.limit:  # once it is right, it is no limit any more, and the documentation has to change
        assert judgement.status != RIGHT
        return
    assert judgement.status == RIGHT, f"{program.title}\n{judgement}"


@pytest.mark.parametrize("program", PROGRAMS)
def test_verdict(program: Program) -> None:
    found = report(program)
    assert found.verdict == program.verdict, "\n".join((program.title, *found.explanations))
    if program.verdict == "static":
        assert found.replays, "no call was replayed"
