"""`same(scenario)`: runs a scenario once with plain functions and once with traced ones, and compares all it observes.

A scenario is a generator function that takes `wrap` (the identity, or `trace`), defines its functions through it, calls
them, and yields what a user could see after each step.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tracegraph
from tracegraph import pytree
from tracegraph.trace import TracedFunction, trace

Scenario = Callable[[Callable[[Any], Any]], Iterator[Any]]


def snapshot(value: Any, seen: dict[int, int] | None = None) -> Any:
    """What can be seen of a value, as plain data; which objects occur twice is part of it."""
    seen = {} if seen is None else seen
    if isinstance(value, tracegraph.Tensor):
        first = seen.setdefault(id(value), len(seen))
        if first != len(seen) - 1:
            return ("again", first)
        grad = None if value.grad is None else snapshot(value.grad, seen)
        return ("tensor", type(value), value._data.copy(), value.requires_grad, value.is_leaf, grad)
    if pytree.is_container(value):
        first = seen.setdefault(id(value), len(seen))
        if first != len(seen) - 1 and value:
            return ("again", first)
        items = (
            [(k, snapshot(v, seen)) for k, v in value.items()]
            if isinstance(value, dict)
            else [snapshot(v, seen) for v in value]
        )
        return (type(value), items)
    if isinstance(value, np.ndarray):
        return ("array", value.copy())
    return value


def equal(a: Any, b: Any) -> bool:
    """Whether two snapshots show the same, floats up to the rounding of reordered sums."""
    if isinstance(a, np.ndarray):
        if not isinstance(b, np.ndarray) or a.shape != b.shape or a.dtype != b.dtype:
            return False
        if a.dtype.kind != "f":
            return bool((a == b).all())
        return bool(np.allclose(a, b, rtol=2e-5, atol=1e-6, equal_nan=True))
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (a != a and b != b)
    return type(a) is type(b) and bool(a == b)


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
        found = snapshot(value)
        assert equal(wanted, found), f"step {step}: plain gives\n{wanted}\ntraced gives\n{found}"
    replayed = sum(entry.hits for traced in made for entry in traced.entries)
    reasons = [str(reason) for traced in made for attempt in traced.attempts for reason in attempt.reasons]
    if hits is not None:
        assert replayed >= hits, f"{replayed} calls were replayed, not {hits}; plain because {reasons}"
    if plain:
        assert not any(traced.entries for traced in made), "it was compiled"
    return made
