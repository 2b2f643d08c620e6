"""Fifty steps of every optimiser against PyTorch's, eager and traced, from the same weights and data."""

from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import nn, optim

torch = pytest.importorskip("torch")

SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "dampening": 0.3}),
    ("SGD", {"lr": 0.01, "maximize": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.001, "maximize": True}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True}),
    ("RMSprop", {"lr": 0.005}),
    ("RMSprop", {"lr": 0.005, "momentum": 0.5, "centered": True, "weight_decay": 0.01, "eps": 1e-3}),
    ("Adagrad", {"lr": 0.05, "lr_decay": 0.01, "initial_accumulator_value": 0.1}),
]


def models() -> tuple[Any, Any]:
    """Two equal networks, ours and PyTorch's."""
    tracegraph.manual_seed(0)
    mine = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    yours = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    yours.load_state_dict({name: torch.from_numpy(value.numpy().copy()) for name, value in mine.state_dict().items()})
    return mine, yours


def batches(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((8, 6)).astype(np.float32), rng.integers(0, 3, 8)) for _ in range(count)]


def assert_equal(mine: Any, yours: Any, tolerance: float = 1e-6) -> None:
    for m, y in zip(mine.parameters(), yours.parameters(), strict=True):
        np.testing.assert_allclose(m.detach().numpy(), y.detach().numpy(), rtol=0, atol=tolerance)


@pytest.mark.parametrize("traced", [False, True], ids=["eager", "traced"])
@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=lambda value: value if isinstance(value, str) else "")
def test_like_torch(name: str, settings: dict[str, Any], traced: bool) -> None:
    mine, yours = models()
    ours, theirs = (
        getattr(optim, name)(mine.parameters(), **settings),
        getattr(torch.optim, name)(yours.parameters(), **settings),
    )

    def step(x: Any, y: Any) -> Any:
        ours.zero_grad()
        loss = nn.functional.cross_entropy(mine(x), y)
        loss.backward()
        ours.step()
        return loss

    run: Any = tracegraph.trace(step) if traced else step
    for number, (x, y) in enumerate(batches(50)):
        theirs.zero_grad()
        expected = torch.nn.functional.cross_entropy(yours(torch.from_numpy(x)), torch.from_numpy(y))
        expected.backward()
        theirs.step()
        loss = run(tracegraph.tensor(x), tracegraph.tensor(y))
        assert float(loss) == pytest.approx(expected.item(), abs=2e-6)
        if number == 25:
            ours.param_groups[0]["lr"] *= 0.5
            theirs.param_groups[0]["lr"] *= 0.5
    assert_equal(mine, yours, 2e-6)
    if traced:
        assert len(run.entries) == 1, run.explain()
        assert run.entries[0].hits == 49


def test_groups_with_settings_of_their_own() -> None:
    mine, yours = models()
    ours = optim.SGD([{"params": mine[0].parameters()}, {"params": mine[2].weight, "lr": 0.5, "momentum": 0.9}], lr=0.1)
    theirs = torch.optim.SGD(
        [{"params": yours[0].parameters()}, {"params": yours[2].weight, "lr": 0.5, "momentum": 0.9}], lr=0.1
    )
    ours.add_param_group({"params": [mine[2].bias], "lr": 0.01})
    theirs.add_param_group({"params": [yours[2].bias], "lr": 0.01})
    for x, y in batches(10):
        ours.zero_grad()
        theirs.zero_grad()
        nn.functional.cross_entropy(mine(tracegraph.tensor(x)), tracegraph.tensor(y)).backward()
        torch.nn.functional.cross_entropy(yours(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        ours.step()
        theirs.step()
    assert_equal(mine, yours)


@pytest.mark.parametrize(
    ("name", "settings"), [("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}), ("Adam", {"lr": 0.01})]
)
def test_parameters_without_gradient_rest(name: str, settings: dict[str, Any]) -> None:
    """A parameter that misses steps keeps its own count, as in PyTorch."""
    mine, yours = models()
    ours, theirs = (
        getattr(optim, name)(mine.parameters(), **settings),
        getattr(torch.optim, name)(yours.parameters(), **settings),
    )
    for number, (x, y) in enumerate(batches(12)):
        for model in (mine, yours):
            model[0].requires_grad_(number % 3 != 1)
        ours.zero_grad()
        theirs.zero_grad()
        nn.functional.cross_entropy(mine(tracegraph.tensor(x)), tracegraph.tensor(y)).backward()
        torch.nn.functional.cross_entropy(yours(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        ours.step()
        theirs.step()
    assert_equal(mine, yours)
    if name == "Adam":
        assert [int(ours.state[p]["step"]) for p in mine.parameters()] == [
            int(theirs.state[p]["step"]) for p in yours.parameters()
        ]


def test_double_precision() -> None:
    mine, yours = models()
    mine.double(), yours.double()
    ours, theirs = optim.Adam(mine.parameters(), lr=0.01), torch.optim.Adam(yours.parameters(), lr=0.01)
    for x, y in batches(20):
        ours.zero_grad()
        theirs.zero_grad()
        nn.functional.cross_entropy(mine(tracegraph.tensor(x).double()), tracegraph.tensor(y)).backward()
        torch.nn.functional.cross_entropy(yours(torch.from_numpy(x).double()), torch.from_numpy(y)).backward()
        ours.step()
        theirs.step()
    assert_equal(mine, yours, 1e-13)
