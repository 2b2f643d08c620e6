"""Every scheduler's rates and momenta over sixty epochs against PyTorch: alone, combined, resumed, in traced steps."""

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

Make = Callable[[Any, Any], Any]
"""Makes a scheduler with a library's module of them, for an optimiser."""

ALONE: dict[str, Make] = {
    "lambda": lambda s, o: s.LambdaLR(o, [lambda e: 1 / (1 + e), lambda e: 0.95**e]),
    "lambda_numpy": lambda s, o: s.LambdaLR(o, lambda e: np.float64(0.9) ** e),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.9 if e % 2 else 1.05),
    "step": lambda s, o: s.StepLR(o, 7, gamma=0.5),
    "multi_step": lambda s, o: s.MultiStepLR(o, [5, 20, 20, 40], gamma=0.3),
    "constant": lambda s, o: s.ConstantLR(o, 0.25, total_iters=9),
    "linear": lambda s, o: s.LinearLR(o, 0.25, 0.75, total_iters=11),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, total_iters=30, power=2.5),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, T_max=13, eta_min=0.01),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2, eta_min=0.01),
    "restarts_equal": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=7),
    "one_cycle": lambda s, o: s.OneCycleLR(o, [0.5, 1.5], total_steps=80),
    "one_cycle_linear": lambda s, o: s.OneCycleLR(
        o, 0.5, epochs=8, steps_per_epoch=10, anneal_strategy="linear", pct_start=0.4, div_factor=10.0,
        final_div_factor=100.0, three_phase=True, base_momentum=[0.5, 0.6], max_momentum=0.9,
    ),
    "one_cycle_rate": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=61, cycle_momentum=False),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.1, [1.0, 2.0], step_size_up=5, step_size_down=9),
    "cyclic2": lambda s, o: s.CyclicLR(o, [0.1, 0.2], 1.0, 6, mode="triangular2", cycle_momentum=False),
    "cyclic_exp": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 6, mode="exp_range", gamma=0.97, base_momentum=0.5),
    "cyclic_own": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 6, scale_fn=lambda x: 1 / x, max_momentum=0.99),
    "cyclic_own_steps": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 6, scale_fn=lambda x: 0.9**x, scale_mode="iterations"),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 5), s.LinearLR(o, 0.5, 1.0, 8), s.CosineAnnealingLR(o, 20)], [6, 20]
    ),
    "sequential_nested": lambda s, o: s.SequentialLR(
        o,
        [s.SequentialLR(o, [s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9)], [4]), s.StepLR(o, 3, 0.5)],
        [10],
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.9)], optimizer=o),
    "swa": lambda s, o: swa_of(s).SWALR(o, [0.05, 0.01], anneal_epochs=7, anneal_strategy="linear"),
    "swa_cosine": lambda s, o: swa_of(s).SWALR(o, 0.05),
}  # fmt: skip


def swa_of(schedulers: Any) -> Any:
    return optim.swa_utils if schedulers is optim.lr_scheduler else torch.optim.swa_utils


def optimisers(kind: str = "SGD", **settings: Any) -> tuple[Any, Any]:
    """Two equal optimisers with two groups, ours and PyTorch's."""
    both = []
    for library in (tracegraph, torch):
        groups = [{"params": [library.ones(1, requires_grad=True)]}, {"params": [library.ones(1)], "lr": 2.0}]
        both.append(getattr(library.optim, kind)(groups, lr=0.5, **settings))
    return both[0], both[1]


def made(name: str, schedulers: Any, optimiser: Any) -> Any:
    """A scheduler of the table; of nested sequences both libraries warn that no step was made yet."""
    if name != "sequential_nested":
        return ALONE[name](schedulers, optimiser)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        return ALONE[name](schedulers, optimiser)


MODULES = (optim.lr_scheduler, torch.optim.lr_scheduler)


def seen(optimiser: Any, scheduler: Any) -> list[float]:
    numbers: list[float] = [float(rate) for rate in scheduler.get_last_lr()]
    for group in optimiser.param_groups:
        numbers += [float(group["lr"]), *([group["momentum"]] if "momentum" in group else group["betas"])]
    return numbers


def assert_same(mine: list[float], yours: list[float]) -> None:
    assert mine == pytest.approx(yours, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", ALONE)
def test_rates(name: str, kind: str) -> None:
    pairs = [(o, made(name, s, o)) for s, o in zip(MODULES, optimisers(kind), strict=True)]
    for _ in range(60):
        assert_same(seen(*pairs[0]), seen(*pairs[1]))
        for optimiser, scheduler in pairs:
            optimiser.step()
            scheduler.step()
    assert pairs[0][1].last_epoch == pairs[1][1].last_epoch if name != "chained" else True


@pytest.mark.parametrize("name", ALONE)
def test_resumed(name: str) -> None:
    """State dicts have the entries of PyTorch's, and a scheduler that loads one goes on as the first did."""
    pairs = [(o, made(name, s, o)) for s, o in zip(MODULES, optimisers(), strict=True)]
    for _ in range(11):
        for optimiser, scheduler in pairs:
            optimiser.step()
            scheduler.step()
    (first, scheduler), (theirs, expected) = pairs
    again, _ = optimisers()
    resumed = made(name, optim.lr_scheduler, again)
    again.load_state_dict(first.state_dict())
    saved = copy.deepcopy(scheduler.state_dict())
    assert set(saved) <= set(expected.state_dict()) | {"swa_lr"}
    resumed.load_state_dict(saved)
    for _ in range(20):
        for optimiser, each in ((again, resumed), (theirs, expected)):
            optimiser.step()
            each.step()
        assert_same(seen(again, resumed), seen(theirs, expected))


STACKS = [("linear", "exponential"), ("constant", "step", "multiplicative"), ("cosine", "polynomial")]


@pytest.mark.parametrize("names", STACKS, ids="-".join)
def test_stacked(names: tuple[str, ...]) -> None:
    pairs = [(o, [ALONE[name](s, o) for name in names]) for s, o in zip(MODULES, optimisers(), strict=True)]
    for _ in range(40):
        for optimiser, schedulers in pairs:
            optimiser.step()
            for scheduler in schedulers:
                scheduler.step()
        assert_same(seen(pairs[0][0], pairs[0][1][-1]), seen(pairs[1][0], pairs[1][1][-1]))


CLOSED = ["step", "multi_step", "constant", "linear", "exponential", "polynomial", "cosine", "lambda", "restarts"]


@pytest.mark.parametrize("name", CLOSED)
def test_any_epoch(name: str) -> None:
    pairs = [(o, ALONE[name](s, o)) for s, o in zip(MODULES, optimisers(), strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for epoch in (3, 17, 4, 29):
            for _, scheduler in pairs:
                scheduler.step(epoch)
            assert_same(seen(*pairs[0]), seen(*pairs[1]))
    if name != "restarts":
        with pytest.warns(UserWarning, match="epoch parameter"):
            pairs[0][1].step(5)


@pytest.mark.parametrize("name", ["step", "cosine", "cyclic2", "one_cycle_rate", "restarts"])
def test_begun_in_the_middle(name: str) -> None:
    rates = {}
    for library, schedulers in zip((tracegraph, torch), MODULES, strict=True):
        optimiser = library.optim.SGD([library.ones(1, requires_grad=True)], lr=0.25, momentum=0.9)
        group = optimiser.param_groups[0]
        group.update(initial_lr=0.5, max_lr=1.0, min_lr=0.001)
        makes = {
            "step": lambda s, o: s.StepLR(o, 5, last_epoch=9),
            "cosine": lambda s, o: s.CosineAnnealingLR(o, 13, last_epoch=9),
            "cyclic2": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 6, cycle_momentum=False, last_epoch=9),
            "one_cycle_rate": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=30, cycle_momentum=False, last_epoch=9),
            "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 2, last_epoch=9),
        }
        scheduler = makes[name](schedulers, optimiser)
        rates[library] = [scheduler.get_last_lr()[0]]
        for _ in range(15):
            optimiser.step()
            scheduler.step()
            rates[library].append(scheduler.get_last_lr()[0])
    assert_same(rates[tracegraph], rates[torch])


PLATEAUS: list[dict[str, Any]] = [
    {"patience": 2},
    {"mode": "max", "factor": 0.5, "patience": 1, "threshold": 0.1, "cooldown": 2},
    {"threshold_mode": "abs", "threshold": 0.3, "patience": 0, "min_lr": [0.01, 0.1]},
    {"mode": "max", "threshold_mode": "abs", "threshold": 0.2, "patience": 3, "factor": 0.9, "eps": 0.02},
]


@pytest.mark.parametrize("settings", PLATEAUS, ids=str)
def test_plateau(settings: dict[str, Any]) -> None:
    pairs = [(o, s.ReduceLROnPlateau(o, **settings)) for s, o in zip(MODULES, optimisers(), strict=True)]
    measures = np.random.default_rng(0).standard_normal(60).round(1) + np.linspace(1, 0, 60)
    for number, measure in enumerate(measures):
        for library, (_, scheduler) in zip((tracegraph, torch), pairs, strict=True):
            scheduler.step(library.tensor(measure) if number % 2 else float(measure))
        assert_same(seen(*pairs[0]), seen(*pairs[1]))
        assert pairs[0][1].in_cooldown == pairs[1][1].in_cooldown
    again, _ = optimisers()
    resumed = optim.lr_scheduler.ReduceLROnPlateau(again)
    resumed.load_state_dict(pairs[1][1].state_dict())
    assert resumed.state_dict().items() >= pairs[0][1].state_dict().items()


@pytest.mark.parametrize("name", ["step", "lambda", "cosine", "cyclic", "one_cycle", "exponential", "chained"])
def test_group_added_later(name: str) -> None:
    """Schedulers that go on from the rates take the new group along; those with base rates refuse, as in PyTorch."""
    outcomes = []
    for library, schedulers, optimiser in zip((tracegraph, torch), MODULES, optimisers(), strict=True):
        scheduler = ALONE[name](schedulers, optimiser)
        optimiser.step()
        optimiser.add_param_group({"params": [library.ones(1)], "lr": 3.0})
        try:
            for _ in range(10):
                scheduler.step()
            outcomes.append(scheduler.get_last_lr())
        except (ValueError, KeyError) as error:
            outcomes.append(isinstance(error, KeyError))
    assert outcomes[0] == pytest.approx(outcomes[1])


def test_rate_in_a_tensor() -> None:
    rates = []
    for library, schedulers in zip((tracegraph, torch), MODULES, strict=True):
        rate = library.tensor(0.5, dtype=library.float64)
        optimiser = library.optim.SGD([library.ones(1, requires_grad=True)], lr=rate)
        scheduler = schedulers.ChainedScheduler(
            [schedulers.LinearLR(optimiser, 0.5), schedulers.ExponentialLR(optimiser, 0.9)]
        )
        for _ in range(8):
            optimiser.step()
            scheduler.step()
        assert optimiser.param_groups[0]["lr"] is rate
        rates.append(float(rate))
    assert rates[0] == pytest.approx(rates[1], rel=1e-12)


def test_warnings() -> None:
    optimiser, _ = optimisers()
    scheduler = optim.lr_scheduler.ExponentialLR(optimiser, 0.9)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()
    again = optim.lr_scheduler.ExponentialLR(optimiser, 0.9)
    optimiser.step()
    again.step()


def test_own_scheduler() -> None:
    class Halved(optim.lr_scheduler.LRScheduler):
        def get_lr(self) -> list[Any]:
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    optimiser, _ = optimisers()
    scheduler = Halved(optimiser)
    optimiser.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.25, 1.0]


REFUSED: dict[str, Make] = {
    "lambda_list": lambda s, o: s.LambdaLR(o, [abs]),
    "multiplicative_number": lambda s, o: s.MultiplicativeLR(o, 0.5),
    "constant": lambda s, o: s.ConstantLR(o, factor=1.5),
    "linear_start": lambda s, o: s.LinearLR(o, start_factor=0.0),
    "linear_end": lambda s, o: s.LinearLR(o, end_factor=1.5),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "restarts_float": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, T_mult=1.5),
    "restarts_min": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, eta_min="0"),
    "restarts_epoch": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3).step(-1),
    "one_cycle_steps": lambda s, o: s.OneCycleLR(o, 1.0),
    "one_cycle_epochs": lambda s, o: s.OneCycleLR(o, 1.0, epochs=3),
    "one_cycle_float": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=3.5),
    "one_cycle_negative": lambda s, o: s.OneCycleLR(o, 1.0, epochs=-3, steps_per_epoch=3),
    "one_cycle_pct": lambda s, o: s.OneCycleLR(o, 1.0, 10, pct_start=2.0),
    "one_cycle_anneal": lambda s, o: s.OneCycleLR(o, 1.0, 10, anneal_strategy="up"),
    "one_cycle_list": lambda s, o: s.OneCycleLR(o, [1.0], 10),
    "one_cycle_over": lambda s, o: [c := s.OneCycleLR(o, 1.0, 2), o.step(), *[c.step() for _ in range(4)]],
    "cyclic_mode": lambda s, o: s.CyclicLR(o, 0.1, 1.0, mode="round"),
    "cyclic_list": lambda s, o: s.CyclicLR(o, [0.1], 1.0),
    "plateau_factor": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "plateau_mode": lambda s, o: s.ReduceLROnPlateau(o, mode="up"),
    "plateau_threshold": lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="up"),
    "plateau_list": lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1]),
    "sequential_none": lambda s, o: s.SequentialLR(o, [], []),
    "sequential_milestones": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 3)], [2]),
    "sequential_other": lambda s, o: s.SequentialLR(copy.copy(o), [s.StepLR(o, 3)], []),
    "sequential_plateau": lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
    "chained_none": lambda s, o: s.ChainedScheduler([]),
    "chained_number": lambda s, o: s.ChainedScheduler([3], o),
    "not_an_optimiser": lambda s, o: s.CyclicLR(3, 0.1, 1.0),
    "nor_this": lambda s, o: s.OneCycleLR([o], 0.1, 10),
    "nor_that": lambda s, o: s.ReduceLROnPlateau(None),
    "resumed_fresh": lambda s, o: s.StepLR(o, 3, last_epoch=4),
    "swa_anneal": lambda s, o: swa_of(s).SWALR(o, 0.1, anneal_strategy="up"),
    "swa_epochs": lambda s, o: swa_of(s).SWALR(o, 0.1, anneal_epochs=-1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    mine, yours = optimisers("SGD")
    with pytest.raises((ValueError, TypeError, KeyError)) as expected:
        REFUSED[name](MODULES[1], yours)
    with pytest.raises(expected.type, match=r".{9}"):
        REFUSED[name](MODULES[0], mine)


def test_no_momentum_to_cycle() -> None:
    for library, schedulers in zip((tracegraph, torch), MODULES, strict=True):
        optimiser = library.optim.Adagrad([library.ones(1, requires_grad=True)])
        for make in (schedulers.CyclicLR, schedulers.OneCycleLR):
            with pytest.raises(ValueError, match="momentum or beta1"):
                make(optimiser, 0.1, 10)


def test_rates_stay_finite() -> None:
    optimiser, _ = optimisers()
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimiser, 1)
    for _ in range(9):
        optimiser.step()
        scheduler.step()
        assert all(map(math.isfinite, scheduler.get_last_lr()))
