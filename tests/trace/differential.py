"""`same(scenario)`: runs a scenario once with plain functions and once with traced ones, and compares all it observes.

A scenario is a generator function that takes `wrap` (the identity, or `trace`), defines its functions through it, calls
them, and yields what a user could see after each step.
"""

from collections.abc import Callable, Iterator
from typing import Any

from tests.soundness.snapshot import difference, snapshot
from tracegraph.trace import TracedFunction, trace

Scenario = Callable[[Callable[[Any], Any]], Iterator[Any]]


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or class and text of the exception it raises."""
    try:
        return ("returned", call())
    except Exception as error:  # noqa: BLE001 - any exception is an outcome to compare
        return ("raised", type(error), str(error))


def same(scenario: Scenario, *, hits: int | None = None, plain: bool = False) -> list[TracedFunction[..., Any]]:
    """Run the scenario plain and traced; whatever it yields must be equal.

    Args:
        scenario: What to run.
        hits: The least number of calls that must have been replayed, over all traced functions.
        plain: No traced function may have been compiled.
    """
    expected = [snapshot(value) for value in scenario(lambda function: function)]
    made: list[TracedFunction[..., Any]] = []

    def wrap(function: Any) -> Any:
        traced: Any = trace(function)
        made.append(getattr(traced, "__func__", traced))  # of a static or class method
        return traced

    for step, (wanted, value) in enumerate(zip(expected, scenario(wrap), strict=True)):
        met = difference(wanted, snapshot(value), path="result")
        assert met is None, f"step {step}, {met}"
    replayed = sum(entry.hits for traced in made for entry in traced.entries)
    reasons = [str(reason) for traced in made for attempt in traced.attempts for reason in attempt.reasons]
    if hits is not None:
        assert replayed >= hits, f"{replayed} calls were replayed, not {hits}; plain because {reasons}"
    if plain:
        assert not any(traced.entries for traced in made), "it was compiled"
    return made
