"""Programs with an effect outside are found out, and the reason names what and where."""

import warnings

import pytest

from tests.observe.programs import Case, Program, read_cases, reasons


@pytest.mark.parametrize("case", read_cases("effects.txt"), ids=lambda case: case.name)
def test_effect_is_found(case: Case) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = reasons(Program(case.source).observe())
    assert found, "no effect was seen"
    assert case.fields["reason"] in found
