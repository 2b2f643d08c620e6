"""`summary`: the table as text, its numbers, and that the model is as it was afterwards."""

from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import nn


class Body(nn.Module):
    """Two layers, one of them frozen and called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.up = nn.ConvTranspose2d(4, 4, 2, stride=2, bias=False)
        self.conv.requires_grad_(False)

    def forward(self, x: Any) -> Any:
        return self.norm(self.conv(x) + self.conv(x * 2))


class Net(nn.Module):
    """A model with a layer that is not called, one that has two names, and several results."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Body()
        self.flat = nn.Sequential(nn.Flatten(), nn.Dropout(0.5))
        self.first = nn.Linear(64, 3)
        self.second = self.first

    def forward(self, x: Any, scale: float = 1.0) -> Any:
        flat = self.flat(self.body(x))
        return self.second(flat) * scale, {"flat": flat}


GOLDEN = """\
Layer                      Output shape     Parameters  Trainable  Multiply-adds
--------------------------------------------------------------------------------
Net                        [2, 3], [2, 64]         307  partly             2,688
├─ body: Body              [2, 4, 4, 4]            112  partly             2,304
│  ├─ conv: Conv2d         [2, 4, 4, 4]             40  no                 2,304
│  ├─ norm: BatchNorm2d    [2, 4, 4, 4]              8  yes                    -
│  └─ up: ConvTranspose2d  -                        64  yes                    -
├─ flat: Sequential        [2, 64]                   -  -                      -
│  ├─ 0: Flatten           [2, 64]                   -  -                      -
│  └─ 1: Dropout           [2, 64]                   -  -                      -
├─ first: Linear           [2, 3]                  195  yes                  384
└─ second: Linear          [2, 3]              (above)  -                      -
--------------------------------------------------------------------------------
Parameters             307
Trainable parameters   267
Frozen parameters      40
Multiply-adds          2,688
Input                  128 bytes
Results of the layers  2.58 kB
Parameters in memory   1.23 kB"""


def test_text() -> None:
    made = tracegraph.summary(Net(), (2, 1, 4, 4))
    assert str(made) == GOLDEN
    assert repr(made) == GOLDEN
    assert str(nn.summary(Net(), tracegraph.ones(2, 1, 4, 4), depth=0)).splitlines()[2:4] == [
        "Net    [2, 3], [2, 64]         307  partly             2,688",
        "------------------------------------------------------------",
    ]


def test_the_model_is_as_it_was() -> None:
    net = Net()
    net.flat.eval()
    tracegraph.manual_seed(3)
    for mode in ("train", "eval", "same"):
        state = {name: value.clone() for name, value in net.state_dict().items()}
        random = np.asarray(tracegraph.get_rng_state())
        tracegraph.summary(net, [tracegraph.ones(2, 1, 4, 4), 2.0], mode=mode)
        assert [module.training for module in net.modules()] == [True] * 5 + [False] * 3 + [True]
        assert all((state[name] == value).all() for name, value in net.state_dict().items())
        np.testing.assert_array_equal(np.asarray(tracegraph.get_rng_state()), random)
        assert not any(module._forward_hooks for module in net.modules())
        assert all(parameter.grad is None for parameter in net.parameters())


def test_kinds_of_input() -> None:
    net = nn.Bilinear(2, 3, 4)
    for given in ([(5, 2), (5, 3)], {"input1": (5, 2), "input2": tracegraph.ones(5, 3)}, ((5, 2), (5, 3))):
        made = tracegraph.summary(net, given)
        assert made.layers[0].output == ((5, 4),)
        assert made.input_bytes == 4 * 25
    embedding = tracegraph.summary(nn.Embedding(5, 2), (3,), dtype=tracegraph.int64)
    assert embedding.layers[0].output == ((3, 2),)
    lazy = nn.Sequential(nn.LazyLinear(2))
    assert tracegraph.summary(lazy, (1, 3)).parameters == 8
    transposed = tracegraph.summary(nn.ConvTranspose2d(2, 6, 3, groups=2), (1, 2, 4, 4))
    assert transposed.multiply_adds == 16 * 2 * 3 * 9


def test_refused_and_put_back_after_an_error() -> None:
    net = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(RuntimeError):
        tracegraph.summary(net, (1, 3))
    assert net.training
    assert not net[0]._forward_hooks
    with pytest.raises(ValueError, match="mode 'fast'"):
        tracegraph.summary(net, (1, 2), mode="fast")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the input is a int"):
        tracegraph.summary(net, 3)
