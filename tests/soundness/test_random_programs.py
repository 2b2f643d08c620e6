"""Random programs, run plain and traced, do the same: results, output, exceptions, outer state, gradients.

`python -m tests.soundness.hunt` runs many more of them, and makes failing ones small.
"""

import random

import hypothesis
import hypothesis.strategies as st
import pytest

from tests.soundness.execution import compare, execute
from tests.soundness.grammar import program
from tests.soundness.hunt import shrink
from tracegraph.trace import trace

# The statements of a failing program are deleted one by one, which is quicker than to draw others like it; the profile
# that looks for new programs does both.
EXPLORES = hypothesis.settings.get_current_profile_name() == "explore"
PHASES = tuple(hypothesis.Phase) if EXPLORES else (hypothesis.Phase.explicit, hypothesis.Phase.generate)


def check(source: str) -> None:
    """Fail, with the program and the first step that differs."""
    found, _ = compare(source)
    if found is not None:
        small, found = shrink(source, found, seconds=20)
        pytest.fail(f"{found}\n\n{small}\n\nmade smaller from\n\n{source}", pytrace=False)


@hypothesis.given(source=st.randoms(use_true_random=False, note_method_calls=False).map(program))
@hypothesis.settings(max_examples=30, phases=PHASES, suppress_health_check=list(hypothesis.HealthCheck))
def test_drawn_programs(source: str) -> None:
    """Programs whose choices are Hypothesis's, which makes failing ones simple."""
    check(source)


@pytest.mark.parametrize("seed", range(30))
def test_seeded_programs(seed: int) -> None:
    """Programs with choices independent of each other, as the hunter runs them."""
    check(program(random.Random(seed)))


def test_many_programs_are_replayed() -> None:
    """Programs that all run plain would prove nothing."""
    replayed = [execute(program(random.Random(seed)), trace).replays > 0 for seed in range(12)]
    assert sum(replayed) >= 3
