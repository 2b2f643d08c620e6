"""Optimisers as objects: groups, closures, state dicts, copies, representation, and what is refused."""

import copy
import pickle
from typing import Any, cast

import numpy as np
import pytest

import tracegraph
from tracegraph import nn, optim

torch = pytest.importorskip("torch")


def trained(steps: int = 3, kind: Any = optim.Adam, **settings: Any) -> tuple[Any, Any, Any]:
    """A layer, its optimiser and a function that trains it for one step."""
    tracegraph.manual_seed(3)
    layer = nn.Linear(3, 2)
    optimizer = kind(layer.parameters(), **{"lr": 0.1, **settings})

    def step() -> Any:
        optimizer.zero_grad()
        loss = (layer(tracegraph.ones(4, 3)) ** 2).sum()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(steps):
        step()
    return layer, optimizer, step


def weights(layer: Any) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in layer.parameters()])


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(optim.Adam, {"amsgrad": True}), (optim.SGD, {"momentum": 0.9, "dampening": 0.1}), (optim.RMSprop, {})],
)
def test_state_dict_round_trip(kind: Any, settings: dict[str, Any]) -> None:
    first, first_optimizer, first_step = trained(3, kind, **settings)
    second, second_optimizer, second_step = trained(1, kind, **settings)
    second.load_state_dict(first.state_dict())
    before = {name: value for held in second_optimizer.state.values() for name, value in held.items()}
    second_optimizer.load_state_dict(first_optimizer.state_dict())
    after = {name: value for held in second_optimizer.state.values() for name, value in held.items()}
    assert all(after[name] is before[name] for name in before)
    for _ in range(3):
        first_step()
        second_step()
    np.testing.assert_array_equal(weights(first), weights(second))


def test_state_dict_has_torchs_form() -> None:
    _, optimizer, _ = trained()
    saved = optimizer.state_dict()
    layer = torch.nn.Linear(3, 2)
    theirs = torch.optim.Adam(layer.parameters(), lr=0.1)
    (layer(torch.ones(4, 3)) ** 2).sum().backward()
    theirs.step()
    expected = theirs.state_dict()
    assert set(saved["state"]) == set(expected["state"]) == {0, 1}
    assert set(saved["state"][0]) == set(expected["state"][0])
    assert set(saved["param_groups"][0]) == set(expected["param_groups"][0])
    assert saved["param_groups"][0]["params"] == [0, 1]
    expected["state"] = {
        number: {name: tracegraph.tensor(value.numpy()) for name, value in held.items()}
        for number, held in expected["state"].items()
    }
    optimizer.load_state_dict(expected)
    assert int(optimizer.state[optimizer.param_groups[0]["params"][0]]["step"]) == 1


def test_loading_an_untrained_state_starts_anew() -> None:
    fresh, fresh_optimizer, fresh_step = trained(0)
    used, used_optimizer, used_step = trained(4)
    used.load_state_dict(fresh.state_dict())
    used_optimizer.load_state_dict({"state": {}, "param_groups": fresh_optimizer.state_dict()["param_groups"]})
    fresh_step()
    used_step()
    np.testing.assert_array_equal(weights(fresh), weights(used))


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda held: pickle.loads(pickle.dumps(held))], ids=["deepcopy", "pickle"]
)
def test_copies_go_on_alike(duplicate: Any) -> None:
    layer, optimizer, step = trained()
    other_layer, other = duplicate((layer, optimizer))
    assert other.param_groups[0]["params"][0] is other_layer.weight
    step()
    other.zero_grad()
    (other_layer(tracegraph.ones(4, 3)) ** 2).sum().backward()
    other.step()
    np.testing.assert_array_equal(weights(layer), weights(other_layer))


def test_closure_and_zero_grad() -> None:
    layer, optimizer, _ = trained()

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (layer(tracegraph.ones(4, 3)) ** 2).sum()
        loss.backward()
        return loss

    with tracegraph.no_grad():
        first = optimizer.step(closure)
    assert float(optimizer.step(closure)) < float(first)
    gradient = layer.weight.grad
    optimizer.zero_grad(set_to_none=False)
    assert layer.weight.grad is gradient
    assert not gradient.numpy().any()
    optimizer.zero_grad()
    assert layer.weight.grad is None
    before = weights(layer)
    assert optimizer.step() is None
    np.testing.assert_array_equal(weights(layer), before)


def test_representation_is_torchs() -> None:
    ours = optim.SGD([tracegraph.ones(1, requires_grad=True)], lr=0.1, momentum=0.9)
    theirs = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1, momentum=0.9)
    assert repr(ours) == repr(theirs)


def test_settings_changed_later() -> None:
    layer, optimizer, step = trained(1, optim.SGD)
    optimizer.param_groups[0]["momentum"] = 0.9
    step()
    assert "momentum_buffer" in optimizer.state[layer.weight]
    _, adam, step = trained(1)
    adam.param_groups[0]["amsgrad"] = True
    step()
    group = adam.param_groups[0]
    assert dict(group) == group.copy() == dict(group.items())
    assert group.get("lr") == 0.1
    assert group.get("absent", 3) == 3
    assert {**group}["lr"] == 0.1


def leaf() -> Any:
    return tracegraph.ones(1, requires_grad=True)


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "tensor": (lambda: optim.SGD(leaf()), TypeError, "iterable of Tensors or dicts"),
    "empty": (lambda: optim.SGD([]), ValueError, "empty parameter list"),
    "number": (lambda: optim.SGD([1.0]), TypeError, "one of the params is float"),
    "not_a_leaf": (lambda: optim.SGD([leaf() * 2]), ValueError, "non-leaf"),
    "rate": (lambda: optim.Adam([leaf()], lr=-1.0), ValueError, "Invalid learning rate: -1.0"),
    "beta": (lambda: optim.Adam([leaf()], betas=(0.9, 1.0)), ValueError, "Invalid beta parameter at index 1"),
    "nesterov": (lambda: optim.SGD([leaf()], nesterov=True), ValueError, "Nesterov"),
    "group": (lambda: optim.SGD([leaf()]).add_param_group(cast("Any", [leaf()])), TypeError, "must be a dict"),
    "twice": (lambda: optim.SGD([leaf()] * 2), ValueError, "more than one parameter group"),
    "groups": (
        lambda: optim.SGD([leaf()]).load_state_dict({"state": {}, "param_groups": []}),
        ValueError,
        "number of parameter groups",
    ),
    "sizes": (
        lambda: optim.SGD([leaf()]).load_state_dict({"state": {}, "param_groups": [{"params": [0, 1]}]}),
        ValueError,
        "match the size",
    ),
    "scheduler": (lambda: optim.lr_scheduler.StepLR(3, 1), TypeError, "int is not an Optimizer"),  # type: ignore[arg-type]
    "resume": (lambda: optim.lr_scheduler.StepLR(optim.SGD([leaf()]), 1, last_epoch=2), KeyError, "initial_lr"),
    "lambdas": (
        lambda: optim.lr_scheduler.LambdaLR(optim.SGD([leaf()]), [abs, abs]),
        ValueError,
        "Expected 1 lr_lambdas",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    act, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        act()


def test_step_hooks() -> None:
    layer, optimizer, _ = trained(1)
    seen: list[Any] = []

    def before(held: Any, args: Any, kwargs: Any) -> Any:
        seen.append(("before", held is optimizer, len(args), kwargs))
        return args, {"closure": lambda: 7}

    handle = optimizer.register_step_pre_hook(before)
    optimizer.register_step_post_hook(lambda held, args, kwargs: seen.append(("after", len(args), list(kwargs))))
    assert optimizer.step() == 7
    assert seen == [("before", True, 1, {}), ("after", 1, ["closure"])]
    handle.remove()
    assert optimizer.step() is None
    assert seen[2:] == [("after", 1, [])]
    optimizer.register_step_pre_hook(lambda *_: 3)
    with pytest.raises(RuntimeError, match="pre-hook must return"):
        optimizer.step()
    assert copy.deepcopy(optimizer).step() is None
    assert layer.weight.grad is not None


def test_step_hooks_in_a_traced_step() -> None:
    def run(traced: bool) -> np.ndarray:
        layer, optimizer, step = trained(0, optim.SGD)
        function: Any = tracegraph.trace(step) if traced else step
        function()

        def clip(held: Any, args: Any, kwargs: Any) -> None:
            for parameter in held.param_groups[0]["params"]:
                parameter.grad.clamp_(-0.5, 0.5)

        handle = optimizer.register_step_pre_hook(clip)
        function(), function()
        handle.remove()
        function(), function()
        return weights(layer)

    np.testing.assert_allclose(run(True), run(False), rtol=1e-5)


def test_state_dict_hooks() -> None:
    _, optimizer, _ = trained()
    order: list[str] = []
    optimizer.register_state_dict_pre_hook(lambda held: order.append("save"))
    optimizer.register_state_dict_post_hook(lambda held, saved: {**saved, "more": 1})
    optimizer.register_state_dict_post_hook(lambda held, saved: order.append(f"first {'more' in saved}"), prepend=True)
    saved = optimizer.state_dict()
    assert saved["more"] == 1
    optimizer.register_load_state_dict_pre_hook(lambda held, given: {**given, "state": {}})
    optimizer.register_load_state_dict_post_hook(lambda held: order.append("loaded"))
    optimizer.load_state_dict(saved)
    assert order == ["save", "first False", "loaded"]
    assert not optimizer.state_dict()["state"]


def test_own_optimizer_in_pytorchs_manner() -> None:
    """A subclass that writes `step` alone, with a state made in the first step."""

    class Signs(optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        @tracegraph.no_grad
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for parameter in group["params"]:
                    state = self.state[parameter]
                    if not state:
                        state["sum"] = tracegraph.zeros_like(parameter)
                    state["sum"].add_(parameter.grad)
                    parameter.sub_(state["sum"].sign() * group["lr"])

    results = []
    for traced in (False, True):
        layer, optimizer, step = trained(0, Signs)
        function: Any = tracegraph.trace(step) if traced else step
        for _ in range(4):
            function()
        results.append(weights(layer))
        again = Signs(layer.parameters(), lr=0.5)
        again.load_state_dict(optimizer.state_dict())
        assert again.param_groups[0]["lr"] == 0.1
        np.testing.assert_array_equal(
            again.state[layer.weight]["sum"].numpy(), optimizer.state[layer.weight]["sum"].numpy()
        )
    np.testing.assert_allclose(results[1], results[0], rtol=1e-6)


@pytest.mark.parametrize("dampening", [0.0, 0.5])
def test_a_loaded_state_is_saved_again(dampening: float) -> None:
    """A run can be resumed from a run that was resumed: momentum without dampening has one tensor, before and after."""
    settings: dict[str, Any] = {"momentum": 0.9, "dampening": dampening}
    layer, optimizer, step = trained(kind=optim.SGD, **settings)
    resumed, other, other_step = trained(0, kind=optim.SGD, **settings)
    resumed.load_state_dict(layer.state_dict())
    other.load_state_dict(optimizer.state_dict())
    assert {name: list(held) for name, held in other.state_dict()["state"].items()} == {
        0: ["momentum_buffer"],
        1: ["momentum_buffer"],
    }
    step()
    other_step()
    np.testing.assert_array_equal(weights(layer), weights(resumed))


def test_representation_of_groups() -> None:
    """Groups are set apart by an empty line, as PyTorch's."""

    def shown(module: Any) -> str:
        a, b = module.ones(1, requires_grad=True), module.ones(1, requires_grad=True)
        return repr(module.optim.SGD([{"params": [a], "lr": 0.5}, {"params": [b]}], lr=0.1))

    assert shown(tracegraph) == shown(torch)
