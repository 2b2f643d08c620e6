"""Programs with an effect outside are found out, and the reason names what and where."""

import warnings

import pytest

from tests.observe.programs import Case, Program, read_cases, reasons
from tracegraph.observe.sources import SOURCES

CASES = [*read_cases("effects.txt"), *read_cases("unseen_effects.txt")]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_effect_is_found(case: Case, source: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = reasons(Program(case.source).observe(source=source))
    assert found, "no effect was seen"
    assert case.fields["reason"] in found
