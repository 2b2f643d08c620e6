"""Programs without an effect come out static, their guards hold, and each change outside is noticed and named."""

import math

import pytest

from tests.observe.programs import Case, Program, read_cases, reasons
from tracegraph.observe.sources import SOURCES


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", read_cases("static.txt"), ids=lambda case: case.name)
def test_program_is_static_and_its_guards_hold(case: Case, source: str) -> None:
    program = Program(case.source)
    observation = program.observe(source=source)
    assert reasons(observation) == ""
    assert observation.guards.first_failure(program.args, program.kwargs) is None
    assert observation.guards.check(program.args, program.kwargs)
    assert reasons(program.observe(source=source)) == ""
    assert observation.guards.check(program.args, program.kwargs)


@pytest.mark.parametrize("case", read_cases("changes.txt"), ids=lambda case: case.name)
def test_change_outside_is_noticed_and_named(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(math, "sqrt", math.sqrt)  # one program replaces it: put it back afterwards
    program = Program(case.source)
    observation = program.observe()
    assert reasons(observation) == ""
    assert observation.guards.check(program.args, program.kwargs)
    program.run(case.fields["change"].replace("\\n", "\n"))
    assert not observation.guards.check(program.args, program.kwargs)
    assert case.fields["failure"] in str(observation.guards.first_failure(program.args, program.kwargs))
