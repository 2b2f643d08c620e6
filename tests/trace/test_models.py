"""Modules, optimisers and random draws in traced steps."""
# ruff: noqa: B023 - the lambdas run before the loop goes on

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.differential import Scenario, outcome, same
from tests.trace.test_arguments import ramp
from tests.trace.test_gradients import leaf
from tracegraph import nn, optim
from tracegraph.autograd import backward

Wrap = Callable[[Any], Any]
SCENARIOS: list[Scenario] = []


def scenario(run: Scenario) -> Scenario:
    """Enter a scenario in the list."""
    SCENARIOS.append(run)
    return run


@scenario
def mlp_train(wrap: Wrap) -> Iterator[Any]:
    tg.manual_seed(0)
    m = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    opt = optim.SGD(m.parameters(), lr=0.1, momentum=0.9)

    @wrap
    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        out = m(x)
        loss = ((out - y) ** 2).mean()
        loss.backward()
        opt.step()
        return loss

    for i in range(5):
        yield step(ramp(3, 4, start=i) / 10, ramp(3, 2) / 5), list(m.parameters())
        if i == 3:
            opt.param_groups[0]["lr"] = 0.01


@scenario
def sgd_dropout_batch_norm(wrap: Wrap) -> Iterator[Any]:
    tg.manual_seed(0)
    m = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 2))
    opt = optim.SGD(m.parameters(), lr=0.01)

    m.to(tg.float64)

    @wrap
    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = ((m(x) - y) ** 2).mean()
        loss.backward()
        opt.step()
        return loss

    @wrap
    def infer(x: Any) -> Any:
        return m(x)

    for i in range(6):
        yield (
            step(ramp(3, 4, start=i, dtype=np.float64) / 10, ramp(3, 2, dtype=np.float64) / 5),
            list(m.parameters()),
            list(m.buffers()),
        )
        if i == 2:
            m.eval()
        yield infer(ramp(3, 4, dtype=np.float64) / 10)
        if i == 4:
            m.train()


@scenario
def adam_with_decay(wrap: Wrap) -> Iterator[Any]:
    tg.manual_seed(0)
    m = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    opt = optim.AdamW(m.parameters(), lr=0.01, weight_decay=0.1)

    @wrap
    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = ((m(x) - y) ** 2).mean()
        loss.backward()
        opt.step()
        return loss

    for i in range(5):
        yield step(ramp(3, 4, start=i) / 10, ramp(3, 2) / 5), list(m.parameters())
        if i == 2:
            opt.param_groups[0]["lr"] = 0.001


@scenario
def module_changes(wrap: Wrap) -> Iterator[Any]:
    tg.manual_seed(0)
    m = nn.Sequential(nn.Linear(3, 3), nn.Tanh())

    @wrap
    def f(x: Any) -> Any:
        return m(x).sum()

    x = ramp(2, 3)
    yield f(x), f(x)
    m[0].weight = nn.Parameter(ramp(3, 3))
    yield f(x), f(x)
    m[1] = nn.ReLU()
    yield f(x), f(x)
    m.append(nn.Linear(3, 1))
    yield f(x), f(x)
    for p in m.parameters():
        p.requires_grad_(False)
    yield f(x), f(x)
    with tg.no_grad():
        m[0].weight.add_(1)
    yield f(x)
    m[0].register_forward_hook(lambda mod, i, o: o * 2)
    yield f(x), f(x)
    m.load_state_dict({k: v * 0 for k, v in m.state_dict().items()})
    yield f(x)


@scenario
def loss_outside_model_inside(wrap: Wrap) -> Iterator[Any]:
    tg.manual_seed(0)
    m = nn.Linear(3, 2)
    opt = optim.SGD(m.parameters(), lr=0.1)
    f = wrap(m.forward)
    for i in range(4):
        opt.zero_grad()
        loss = (f(ramp(2, 3, start=i)) ** 2).sum()
        loss.backward()
        opt.step()
        yield loss, list(m.parameters())


@scenario
def scheduler_like(wrap: Wrap) -> Iterator[Any]:
    w = leaf(3)
    lr = [0.1]

    @wrap
    def f(x: Any) -> Any:
        w.grad = None
        backward((w * x).sum())
        with tg.no_grad():
            w.sub_(w.grad * lr[0])

    for _ in range(4):
        f(ramp(3))
        yield w
        lr[0] *= 0.5


@scenario
def rng_twice(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        a = tg.rand(3)
        b = tg.rand(3)
        m = (tg.rand_like(x) > 0.5).to(tg.float32)
        return a, b, x * m, tg.randint(0, 5, (4,)), tg.randperm(5), tg.randn(3), tg.bernoulli(x * 0 + 0.5)

    tg.manual_seed(3)
    for _ in range(4):
        yield f(ramp(3))
    yield tg.get_rng_state()
    tg.manual_seed(3)
    yield f(ramp(3)), tg.rand(1)


@scenario
def rng_seed_inside(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        tg.manual_seed(5)
        return tg.rand(2) + x

    for _ in range(3):
        yield f(ramp(2)), tg.rand(2)


@scenario
def rng_generator(wrap: Wrap) -> Iterator[Any]:
    g = tg.Generator()
    g.manual_seed(1)

    @wrap
    def f(x: Any) -> Any:
        return tg.rand(2, generator=g) + x

    for _ in range(3):
        yield f(ramp(2)), tg.rand(2, generator=g)


@scenario
def rng_in_branch(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any, train: Any) -> Any:
        return x * tg.rand(2) if train else x

    tg.manual_seed(0)
    for i in range(6):
        yield f(ramp(2), i % 3 != 0), tg.rand(1)


@scenario
def rng_exception(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any, i: Any) -> Any:
        r = tg.rand(3)
        return x[i] * r

    tg.manual_seed(0)
    for i in ([0, 1, 2], [0, 9, 1], [1, 1, 1]):
        yield outcome(lambda: f(ramp(4), tg.tensor(i))), tg.rand(1)


@scenario
def rng_state_restored(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f() -> Any:
        s = tg.get_rng_state()
        a = tg.rand(2)
        tg.set_rng_state(s)
        return a, tg.rand(2)

    tg.manual_seed(0)
    for _ in range(3):
        yield f(), tg.rand(2)


@scenario
def conv_pool(wrap: Wrap) -> Iterator[Any]:
    w = leaf(4, 2, 3, 3)

    @wrap
    def f(x: Any) -> Any:
        w.grad = None
        y = tg.max_pool2d(tg.conv2d(x / 10, w / 10, padding=1).relu(), 2)
        backward(y.mean())
        return y.detach()

    for i in range(3):
        yield f(ramp(2, 2, 8, 8, start=i)), w


@pytest.mark.parametrize("run", SCENARIOS)
def test_traced_is_as_plain(run: Scenario) -> None:
    same(run)
