"""Every sample of PyTorch's operator database gives the same here: values, dtypes, shapes, gradients, errors."""

import fnmatch

import pytest

from .comparing import compare
from .database import DTYPES, OUT_OF_SCOPE, invocations, operators, torch
from .known import APPROXIMATE, DIFFERENT, RANDOM, VERDICTS
from .tracing import check

pytestmark = pytest.mark.oracle

OPERATORS = operators()
CASES = [
    (name, dtype) for name, entry in OPERATORS.items() for dtype in DTYPES if getattr(torch, dtype) in entry.dtypes
]
NAMES = {entry.name for entry in invocations.op_db}


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_as_in_torch(name: str, dtype: str) -> None:
    tally = compare(name, OPERATORS[name], dtype)
    known = DIFFERENT.get((name, dtype))
    if known is not None:
        assert tally.failures, f"{name} in {dtype} no longer differs: {known}"
        return
    assert not tally.failures, f"{len(tally.failures)} differ, the first:\n" + "\n".join(tally.failures[:3])
    assert tally.compared + tally.left_out


def traced_cases() -> list[tuple[str, str]]:
    """Each operator once: in float32, or in int64 if it takes no floats."""
    found: dict[str, str] = {}
    for name, dtype in CASES:
        if dtype != "bool":
            found.setdefault(name, dtype)
    return list(found.items())


@pytest.mark.parametrize(("name", "dtype"), traced_cases())
def test_traced(name: str, dtype: str) -> None:
    verdict = check(name, OPERATORS[name], dtype)
    assert verdict == VERDICTS.get(name, "static")


def test_the_tables_name_operators() -> None:
    entries = {*NAMES, *OPERATORS}
    named: set[str] = {*RANDOM, *APPROXIMATE, *VERDICTS, *(name for name, _ in DIFFERENT)}
    assert named <= entries, sorted(named - entries)
    patterns = [pattern for patterns in OUT_OF_SCOPE.values() for pattern in patterns.split()]
    idle = [pattern for pattern in patterns if not fnmatch.filter(NAMES, pattern)]
    assert not idle, idle
