"""Traced steps under each scheduler: one recording, whatever the scheduler changes, and the eager losses."""

import functools
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.optim.test_schedulers import ALONE, made
from tracegraph import optim

pytestmark = pytest.mark.oracle


def in_steps(name: str, kind: str, settings: dict[str, Any], traced: bool) -> tuple[list[float], Any]:
    tracegraph.manual_seed(0)
    parameters = [tracegraph.tensor(np.array(value)).requires_grad_() for value in ([1.0, -2.0, 0.5], 0.5)]
    groups = [{"params": [parameter]} for parameter in parameters]
    optimiser = getattr(optim, kind)(groups, lr=0.05, **settings)
    schedulers = optim.lr_scheduler
    if name == "plateau":
        plateau = schedulers.ReduceLROnPlateau(optimiser, patience=1)
        after: Any = functools.partial(plateau.step, 1.0)
    else:
        after = made(name, schedulers, optimiser).step

    def step(x: Any) -> Any:
        optimiser.zero_grad()
        loss = ((parameters[0] * x).tanh() + parameters[1]).square().sum()
        loss.backward()
        optimiser.step()
        return loss.detach()

    run: Any = tracegraph.trace(step) if traced else step
    losses = []
    for number in range(30):
        losses.append(float(run(tracegraph.tensor(np.array([1.0, 0.5, number / 30])))))
        after()
    return losses, run


@pytest.mark.parametrize("name", [*ALONE, "plateau"])
def test_one_recording(name: str) -> None:
    kind, settings = ("Adam", {}) if "cycl" in name and len(name) % 2 else ("SGD", {"momentum": 0.5})
    expected, _ = in_steps(name, kind, settings, traced=False)
    losses, run = in_steps(name, kind, settings, traced=True)
    assert losses == pytest.approx(expected, rel=1e-10)
    assert len({round(loss, 9) for loss in losses}) > 20
    assert len(run.entries) == 1, run.explain()
    assert run.entries[0].hits == 29
    assert run.history.recordings == 1
    assert run.explain().verdict == "static"


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop"])
def test_momentum_cycles_in_every_optimiser(kind: str) -> None:
    settings = {"momentum": 0.1} if kind == "RMSprop" else {}
    for name in ("cyclic", "one_cycle"):
        expected, _ = in_steps(name, kind, settings, traced=False)
        losses, run = in_steps(name, kind, settings, traced=True)
        assert losses == pytest.approx(expected, rel=1e-10)
        assert run.history.recordings == 1


def test_momentum_that_becomes_zero_is_another_trace() -> None:
    def run(traced: bool) -> tuple[list[float], Any]:
        parameter = tracegraph.tensor([1.0, 2.0], requires_grad=True)
        optimiser = optim.SGD([parameter], lr=0.1, momentum=0.9)
        optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=10)

        def step() -> Any:
            optimiser.zero_grad()
            loss = parameter.square().sum()
            loss.backward()
            optimiser.step()
            return loss.detach()

        function: Any = tracegraph.trace(step) if traced else step
        losses = []
        for momentum in (0.9, 0.8, 0.0, 0.0, 0.7, 0.5):
            optimiser.param_groups[0]["momentum"] = momentum
            losses.append(float(function()))
        return losses, function

    expected, _ = run(False)
    losses, function = run(True)
    assert losses == pytest.approx(expected, rel=1e-6)
    assert len(function.entries) == 2
    assert function.history.recordings == 2


def test_a_scheduler_stepped_in_the_traced_function() -> None:
    def run(traced: bool) -> list[float]:
        parameter = tracegraph.tensor([1.0, 2.0], requires_grad=True)
        optimiser = optim.SGD([parameter], lr=0.1, momentum=0.9)
        scheduler = optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=10)

        def step() -> Any:
            optimiser.zero_grad()
            parameter.square().sum().backward()
            optimiser.step()
            scheduler.step()
            return parameter.detach().sum()

        function: Any = tracegraph.trace(step) if traced else step
        return [float(function()) for _ in range(8)]

    assert run(True) == pytest.approx(run(False), rel=1e-6)
