"""Averages of models and their batch statistics against PyTorch."""

from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import nn, optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


def models() -> tuple[Any, Any]:
    mine = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    yours = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    yours.load_state_dict({name: torch.from_numpy(value.numpy().copy()) for name, value in mine.state_dict().items()})
    return mine, yours


def batches() -> list[np.ndarray]:
    return list(np.random.default_rng(0).standard_normal((6, 8, 3)).astype(np.float32))


def assert_states(mine: Any, yours: Any) -> None:
    saved, expected = mine.state_dict(), yours.state_dict()
    assert list(saved) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(saved[name].numpy(), value.numpy(), rtol=1e-5, atol=1e-6)


AVERAGES: list[tuple[str, bool]] = [
    ("", False),
    ("", True),
    ("ema_avg_fn", True),
    ("swa_avg_fn", False),
    ("ema_multi_avg_fn", False),
    ("swa_multi_avg_fn", False),
]


@pytest.mark.parametrize(("name", "use_buffers"), AVERAGES)
def test_average(name: str, use_buffers: bool) -> None:
    tracegraph.manual_seed(0)
    pair, averaged = models(), []
    for library, model in zip((tracegraph, torch), pair, strict=True):
        swa, settings = library.optim.swa_utils, {}
        if name:
            decay = (0.8,) if "ema" in name else ()
            settings = {"multi_avg_fn" if "multi" in name else "avg_fn": getattr(swa, f"get_{name}")(*decay)}
        averaged.append(swa.AveragedModel(model, use_buffers=use_buffers and "swa" not in name, **settings))
    for number, x in enumerate(batches()):
        for library, model, average in zip((tracegraph, torch), pair, averaged, strict=True):
            model(library.tensor(x))
            with library.no_grad():
                for parameter in model.parameters():
                    parameter.add_(0.1 * (number + 1))
            average.update_parameters(model)
    assert_states(*averaged)
    for library, average in zip((tracegraph, torch), averaged, strict=True):
        library.optim.swa_utils.update_bn([(library.tensor(x), 0) for x in batches()], average)
        assert average.training
        assert average.module[1].momentum == 0.1
    assert_states(*averaged)
    outputs = [
        average.eval()(library.ones(2, 3)) for library, average in zip((tracegraph, torch), averaged, strict=True)
    ]
    np.testing.assert_allclose(outputs[0].detach().numpy(), outputs[1].detach().numpy(), rtol=1e-4, atol=1e-5)


def test_traced() -> None:
    model = nn.Linear(3, 2)
    average, expected = (optim.swa_utils.AveragedModel(model) for _ in range(2))
    traced = tracegraph.trace(average.update_parameters)
    for _ in range(5):
        with tracegraph.no_grad():
            model.weight.add_(1.0)
        traced(model)
        expected.update_parameters(model)
    for mine, yours in zip(average.parameters(), expected.parameters(), strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), yours.detach().numpy(), rtol=1e-6)


def test_refused() -> None:
    swa = optim.swa_utils
    with pytest.raises(ValueError, match="decay value 2"):
        swa.get_ema_avg_fn(2.0)
    with pytest.raises(ValueError, match="Only one"):
        swa.AveragedModel(nn.Linear(1, 1), avg_fn=swa.get_swa_avg_fn(), multi_avg_fn=swa.get_swa_multi_avg_fn())
    linear = nn.Linear(1, 1)
    swa.update_bn([], linear)
