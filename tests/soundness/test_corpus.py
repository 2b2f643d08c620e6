"""The corpus as a whole: enough programs of every family, honest about what is static, each with a name of its own."""

import collections

import pytest

from tests.soundness.corpus import load, program

FAMILIES = (
    *("aliasing", "arguments", "attributes", "autograd", "closures", "co_execution", "complaints", "control_flow"),
    *("effects", "exceptions", "functions", "loops", "modes", "modules", "python", "randomness", "reads", "results"),
    *("value_reads", "writes"),
)
LEAST = 440


def test_there_are_enough_programs() -> None:
    assert len(load()) >= LEAST


def test_every_family_has_programs() -> None:
    counts = collections.Counter(each.family for each in load().values())
    assert sorted(counts) == sorted(FAMILIES)
    assert min(counts.values()) >= 4, counts


def test_both_main_verdicts_are_well_represented() -> None:
    counts = collections.Counter(each.verdict for each in load().values())
    assert counts["static"] >= 0.4 * len(load())
    assert counts["co-executed"] >= 0.2 * len(load())
    assert counts["plain"] >= 3


def test_most_programs_run_on_pytorch() -> None:
    assert sum(each.torch for each in load().values()) >= 0.9 * len(load())


def test_limits_are_few() -> None:
    assert sum(bool(each.limit) for each in load().values()) <= 3


def test_titles_are_sentences_of_their_own() -> None:
    titles = [each.title for each in load().values()]
    assert all(title.endswith(".") for title in titles)
    assert len(set(titles)) == len(titles)


def test_a_name_is_taken_once() -> None:
    name = next(iter(load()))

    def steps(T: object, wrap: object) -> object:
        """Shows nothing."""
        return iter(())

    steps.__name__ = name
    with pytest.raises(ValueError, match=name):
        program(verdict="static")(steps)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="verdict"):
        program(verdict="fast")
