"""Traced functions over modules and optimisers: static, free of guards per module, and right again after any change."""

import abc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import nn, optim
from tracegraph.trace import TracedFunction

F = nn.functional


class Net(nn.Module):
    """A user's module with all that may change."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 5)
        self.norm = nn.BatchNorm1d(5)
        self.rest = nn.ModuleList([nn.Linear(5, 5), nn.Sequential(nn.ReLU(), nn.Linear(5, 3))])
        self.scale = nn.Parameter(tracegraph.tensor([2.0]))
        self.factor = 1.5
        self.offsets = [0.5, 1.0]

    def forward(self, x: Any) -> Any:
        x = self.norm(self.first(x))
        for layer in self.rest:
            x = layer(x)
        return x * self.scale * self.factor + self.offsets[0]


def batch(seed: int = 0) -> Any:
    return tracegraph.tensor(np.random.default_rng(seed).standard_normal((6, 4)).astype(np.float32))


def same(net: Any, traced: Any, x: Any) -> None:
    """The traced function gives what the module gives (the running statistics are put back in between)."""
    state = {name: value.clone() for name, value in net.state_dict().items()}
    expected = net(x).detach().numpy()
    net.load_state_dict(state)
    np.testing.assert_allclose(traced(x).detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def traced_forward(net: Any) -> TracedFunction[..., Any]:
    @tracegraph.trace
    def forward(x: Any) -> Any:
        with tracegraph.no_grad():
            return net(x)

    return forward


def swap(net: Any) -> None:
    net.rest[1][0] = nn.Tanh()


def hook(net: Any) -> None:
    net.first.register_forward_hook(lambda module, args, result: result * 2)


def frozen_forward(net: Any) -> None:
    net.first.forward = lambda x: x[:, :1] * tracegraph.ones(5)


def assign(net: Any) -> None:
    net.load_state_dict({name: value + 1 for name, value in net.state_dict().items()}, assign=True)


CHANGES: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "eval": (lambda net: net.eval(), True),
    "submodule_eval": (lambda net: net.norm.eval(), True),
    "factor": (lambda net: setattr(net, "factor", 3.0), True),
    "library_setting": (lambda net: setattr(net.norm, "momentum", 0.5), True),
    "list_item": (lambda net: net.offsets.__setitem__(0, 7.0), True),
    "layer": (lambda net: setattr(net, "first", nn.Linear(4, 5)), True),
    "nested_layer": (swap, True),
    "appended": (lambda net: net.rest.append(nn.Tanh()), True),
    "parameter": (lambda net: setattr(net, "scale", nn.Parameter(tracegraph.tensor([5.0]))), True),
    "no_bias": (lambda net: setattr(net.first, "bias", None), True),
    "buffer": (lambda net: setattr(net.norm, "running_mean", tracegraph.ones(5)), True),
    "hook": (hook, True),
    "forward_of_instance": (frozen_forward, True),
    "class": (lambda net: setattr(net.rest[1][0], "__class__", nn.Tanh), True),
    "state_dict_assigned": (assign, True),
    "state_dict": (lambda net: net.load_state_dict({n: v + 1 for n, v in net.state_dict().items()}), False),
    "in_place": (lambda net: net.scale.data.fill_(9.0), False),
    "nothing": (lambda net: net.train(), False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_change_is_noticed(name: str) -> None:
    change, again = CHANGES[name]
    tracegraph.manual_seed(0)
    net = Net()
    traced = traced_forward(net)
    same(net, traced, batch(1))
    same(net, traced, batch(2))
    assert len(traced.entries) == 1, traced.explain()
    assert traced.entries[0].hits == 1
    change(net)
    same(net, traced, batch(3))
    same(net, traced, batch(4))
    assert len(traced.attempts) == 1 + again, traced.explain()


def test_method_of_a_class_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    traced = traced_forward(net)
    same(net, traced, batch())
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, x: x * 2)
    same(net, traced, batch())


def test_no_unprotected_guard_per_module() -> None:
    def unprotected(depth: int) -> int:
        net = nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(depth)])
        traced = traced_forward(net)
        traced(batch())
        return sum(not text.endswith("(protected)") for text in traced.explain().guards)

    assert unprotected(50) == unprotected(1)


def test_a_module_itself_and_its_method_can_be_traced() -> None:
    net = Net().eval()
    for function in (net, net.forward):
        traced = tracegraph.trace(function)
        for seed in range(3):
            same(net, traced, batch(seed))
        assert len(traced.entries) == 1, traced.explain()


class Counting(nn.Module):
    """Changes its own attribute in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        return x * self.calls


class Growing(nn.Module):
    """Registers something in forward."""

    def forward(self, x: Any) -> Any:
        if not hasattr(self, "seen"):
            self.register_buffer("seen", x.detach() * 1.0)
        return x + self.seen


class OwnSetting(nn.Module):
    """Sets attributes so that the library does not see it."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "factor", 1.0)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def forward(self, x: Any) -> Any:
        return x * self.factor


def test_effects_in_forward_happen_on_every_call() -> None:
    plain, net = Counting(), Counting()
    traced = tracegraph.trace(net)
    for _ in range(4):
        np.testing.assert_array_equal(traced(batch()).numpy(), plain(batch()).numpy())
    assert net.calls == 4
    plain, net = Growing(), Growing()  # type: ignore[assignment]
    traced = tracegraph.trace(net)
    for seed in range(4):
        np.testing.assert_array_equal(traced(batch(seed)).numpy(), plain(batch(seed)).numpy())
    own = OwnSetting()
    traced = tracegraph.trace(own)
    for factor in (1.0, 2.0, 3.0):
        own.factor = factor
        np.testing.assert_array_equal(traced(batch()).numpy(), (batch() * factor).numpy())


def test_abstract_modules() -> None:
    class Layer(nn.Module, abc.ABC):
        @abc.abstractmethod
        def forward(self, x: Any) -> Any: ...

    class Double(Layer):
        def forward(self, x: Any) -> Any:
            return x * 2

    with pytest.raises(TypeError, match="abstract"):
        Layer()  # type: ignore[abstract]
    traced = tracegraph.trace(Double())
    assert isinstance(traced.function, nn.Module)
    for seed in range(2):
        np.testing.assert_array_equal(traced(batch(seed)).numpy(), (batch(seed) * 2).numpy())
    assert len(traced.entries) == 1


def test_dropout_draws_the_same_numbers() -> None:
    net = nn.Sequential(nn.Linear(4, 40), nn.Dropout(0.5))
    traced = traced_forward(net)
    tracegraph.manual_seed(5)
    expected = [net(batch()).detach().numpy() for _ in range(4)]
    tracegraph.manual_seed(5)
    for wanted in expected:
        np.testing.assert_allclose(traced(batch()).numpy(), wanted, rtol=1e-5, atol=1e-6)
    assert len(traced.entries) == 1, traced.explain()


def trainer(kind: str, seed: int = 0) -> tuple[Any, Any, Callable[..., Any]]:
    """A small classifier, its optimiser and the usual training step."""
    tracegraph.manual_seed(seed)
    net = nn.Sequential(nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    made = optim.SGD(net.parameters(), lr=0.1, momentum=0.9) if kind == "SGD" else optim.Adam(net.parameters(), lr=0.02)

    def step(x: Any, y: Any) -> Any:
        made.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        made.step()
        return loss

    return net, made, step


def freeze(net: Any, optimizer: Any) -> None:
    net[0].requires_grad_(False)


def restore(net: Any, optimizer: Any) -> None:
    net.load_state_dict({name: value * 0 + 1 for name, value in net.state_dict().items()})


def rate(net: Any, optimizer: Any) -> None:
    optimizer.param_groups[0]["lr"] = 0.01


def decay(net: Any, optimizer: Any) -> None:
    optimizer.param_groups[0]["weight_decay"] = 0.1


def momentum(net: Any, optimizer: Any) -> None:
    optimizer.param_groups[0].update({"betas": (0.5, 0.9), "momentum": 0.5})


def add(net: Any, optimizer: Any) -> None:
    net[3] = nn.Linear(8, 3)
    with tracegraph.no_grad():
        for parameter in net[3].parameters():
            parameter.fill_(0.1)
    optimizer.add_param_group({"params": net[3].parameters(), "lr": 0.5})


def evaluate(net: Any, optimizer: Any) -> None:
    net.eval()


def forget(net: Any, optimizer: Any) -> None:
    saved = optimizer.state_dict()
    optimizer.load_state_dict({"state": {}, "param_groups": saved["param_groups"]})


EVENTS: dict[str, tuple[Callable[[Any, Any], None] | None, int]] = {
    "none": (None, 1),
    "rate": (rate, 1),
    "restore": (restore, 1),
    "forget": (forget, 1),
    "freeze": (freeze, 2),
    "decay": (decay, 2),
    "momentum": (momentum, 2),
    "add": (add, 2),
    "evaluate": (evaluate, 2),
}


@pytest.mark.parametrize(("kind", "event"), [("SGD", "none"), ("SGD", "decay"), *[("Adam", event) for event in EVENTS]])
def test_training_step(kind: str, event: str) -> None:
    """The step is one static trace, equals the eager trajectory, and stays right through changes from outside."""
    net, optimizer, step = trainer(kind)
    other_net, other_optimizer, other_step = trainer(kind)
    traced = tracegraph.trace(step)
    act, traces = EVENTS[event]
    rng = np.random.default_rng(0)
    for number in range(20):
        x, y = (
            tracegraph.tensor(rng.standard_normal((6, 4)).astype(np.float32)),
            tracegraph.tensor(rng.integers(0, 3, 6)),
        )
        np.testing.assert_allclose(traced(x, y).item(), other_step(x, y).item(), rtol=1e-4, atol=1e-5)
        if number == 9 and act is not None:
            act(net, optimizer)
            act(other_net, other_optimizer)
    for name, value in net.state_dict().items():
        np.testing.assert_allclose(value.numpy(), other_net.state_dict()[name].numpy(), rtol=1e-4, atol=2e-5)
    assert len(traced.entries) == traces, traced.explain()
    splits_counts = kind == "Adam" and event in ("freeze", "add")  # a change of the state, seen by one recording
    assert len(traced.attempts) == traces + splits_counts, traced.explain()


def test_rate_changed_or_read_inside_is_right() -> None:
    _net, optimizer, step = trainer("SGD")
    _other_net, other_optimizer, other_step = trainer("SGD")

    def decaying(optimizer: Any, step: Any, x: Any, y: Any) -> Any:
        group = optimizer.param_groups[0]
        loss = step(x, y) * group["lr"]
        group["lr"] *= 0.5
        return loss

    traced = tracegraph.trace(lambda x, y: decaying(optimizer, step, x, y))
    for seed in range(5):
        x, y = batch(seed), tracegraph.tensor([0, 1, 2, 0, 1, 2])
        np.testing.assert_allclose(traced(x, y).item(), decaying(other_optimizer, other_step, x, y).item(), rtol=1e-5)
    assert optimizer.param_groups[0]["lr"] == other_optimizer.param_groups[0]["lr"] == 0.1 / 32
    reading = tracegraph.trace(lambda x: x * optimizer.param_groups[0]["lr"])
    for value in (0.5, 0.25):
        optimizer.param_groups[0]["lr"] = value
        np.testing.assert_allclose(reading(tracegraph.ones(2)).numpy(), value)


def test_scheduler_inside_is_right() -> None:
    _, optimizer, step = trainer("SGD")
    _, other_optimizer, other_step = trainer("SGD")
    schedule, other_schedule = (optim.lr_scheduler.StepLR(o, 2, 0.5) for o in (optimizer, other_optimizer))

    @tracegraph.trace
    def traced(x: Any, y: Any) -> Any:
        loss = step(x, y)
        schedule.step()
        return loss

    for seed in range(6):
        x, y = batch(seed), tracegraph.tensor([0, 1, 2, 0, 1, 2])
        expected = other_step(x, y).item()
        other_schedule.step()
        np.testing.assert_allclose(traced(x, y).item(), expected, rtol=1e-5)
    assert schedule.last_epoch == 6
    assert optimizer.param_groups[0]["lr"] == other_optimizer.param_groups[0]["lr"]


def test_clipping_inside_is_static() -> None:
    net, optimizer, _ = trainer("SGD")
    other_net, other_optimizer, _ = trainer("SGD")

    def step(net: Any, optimizer: Any, x: Any) -> Any:
        optimizer.zero_grad()
        (net(x) ** 2).sum().backward()
        norm = nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
        return norm

    traced = tracegraph.trace(lambda x: step(net, optimizer, x))
    for seed in range(5):
        np.testing.assert_allclose(
            traced(batch(seed)).item(), step(other_net, other_optimizer, batch(seed)).item(), rtol=1e-4
        )
    assert len(traced.entries) == 1, traced.explain()
