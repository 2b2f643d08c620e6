"""Observation does no work that nobody asked for: counted, since times depend on the machine."""

import gc
import sys
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.observe.programs import Program, reasons
from tracegraph import nn, trace
from tracegraph.compiler.ops.arithmetic import Multiply
from tracegraph.observe import Guards, observation
from tracegraph.observe.pauses import Pauses

never_paused = pytest.mark.skipif(sys.version_info >= (3, 12), reason="pausing costs more than it saves")


def counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[tuple[Any, ...]]:
    """Note the arguments of all calls of a function from now on."""
    calls: list[tuple[Any, ...]] = []
    original = getattr(owner, name)

    def noted(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, noted)
    return calls


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="the collector keeps no order there")
def test_objects_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program("def step(x):\n    return sum([x, x])")
    gc.collect()
    calls = counted(monkeypatch, gc, "get_objects")
    assert reasons(program.observe()) == ""
    assert () not in calls
    assert len(calls) <= 2


def test_guards_of_a_call_that_has_to_run_plain_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(monkeypatch, observation, "build_guards")

    @trace
    def plain(x: Any) -> Any:
        print(end="")
        return x + 1

    plain(tracegraph.ones(3))
    assert not calls

    @trace
    def static(x: Any) -> Any:
        return x + 1

    static(tracegraph.ones(3))
    assert len(calls) == 1


def test_guards_are_compiled_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(monkeypatch, Guards, "_compiled")
    program = Program("k = 2\ndef step(x):\n    return x * k")
    guards = program.observe().guards
    assert not calls
    assert guards.check(program.args, {})
    assert guards.check(program.args, {})
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("module", "verdict"),
    [
        pytest.param("tracegraph.compiler.ops.arithmetic", "static", marks=never_paused),
        ("elsewhere", "co-executed"),
    ],
)
def test_the_library_s_operations_run_unobserved_and_no_others(
    monkeypatch: pytest.MonkeyPatch, module: str, verdict: str
) -> None:
    seen: list[Any] = []

    def evaluate(self: Any, xp: Any, *operands: Any) -> Any:
        seen.append(1)
        return np.multiply(*operands)

    @trace
    def product(a: Any, b: Any) -> Any:
        return a * b

    monkeypatch.setattr(Multiply, "evaluate", evaluate)
    monkeypatch.setattr(Multiply, "__module__", module)
    product(tracegraph.ones(3), tracegraph.ones(3))
    assert product.explain().verdict == verdict


@pytest.mark.parametrize("needs_gradient", [False, True])
def test_the_profile_function_is_the_one_before(needs_gradient: bool) -> None:
    layer = nn.Linear(3, 3)

    @trace
    def through(x: Any) -> Any:
        return layer(x) if needs_gradient else x + 1

    before = sys.getprofile()
    through(tracegraph.ones(2, 3))
    assert sys.getprofile() is before


def test_pauses_end_with_observation() -> None:
    said: list[str] = []
    pauses = Pauses()
    pauses.pause()
    pauses.begin(lambda: said.append("pause"), lambda: said.append("resume"))
    pauses.pause()
    pauses.resume()
    pauses.end()
    pauses.resume()
    assert said == ["pause", "resume"]
