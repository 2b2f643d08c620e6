"""Every optimiser in PyTorch's own configurations and in ours, against PyTorch over fifty steps, eager and traced."""

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import optim

torch = pytest.importorskip("torch")
database = pytest.importorskip("torch.testing._internal.common_optimizers")

pytestmark = pytest.mark.oracle

NAMES = (
    "ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD",
)  # fmt: skip
MORE: list[tuple[str, dict[str, Any]]] = [
    ("ASGD", {"lr": 0.05, "lambd": 0.01, "alpha": 0.5, "t0": 10}),
    ("Adadelta", {"eps": 1e-3, "rho": 0.5}),
    ("Adagrad", {"lr": 0.05, "eps": 1e-3}),
    ("Adam", {"lr": 0.02, "betas": (0.7, 0.9), "eps": 1e-3, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adam", {"lr": torch.tensor(0.02, dtype=torch.float64), "foreach": False}),
    ("Adamax", {"lr": 0.02, "betas": (0.7, 0.9), "eps": 1e-3}),
    ("NAdam", {"lr": 0.02, "betas": (0.7, 0.9), "eps": 1e-3, "momentum_decay": 0.1}),
    ("RAdam", {"lr": 0.02, "betas": (0.7, 0.9)}),
    ("RAdam", {"lr": torch.tensor([0.02], dtype=torch.float64)}),
    ("RMSprop", {"lr": 0.005, "alpha": 0.8, "eps": 1e-3, "momentum": 0.5}),
    ("Rprop", {"lr": 0.005, "maximize": True, "etas": (0.25, 2.0), "step_sizes": (1e-3, 0.1)}),
    ("SGD", {"momentum": 0.9, "dampening": 0.5, "maximize": True, "lr": 0.001}),
    ("SGD", {"weight_decay": torch.tensor(0.5), "lr": torch.tensor(0.01)}),
]
"""Arguments that PyTorch's own configurations leave out."""


def configurations() -> Iterator[Any]:
    infos = {info.optim_cls.__name__: info for info in database.optim_db}
    for name in NAMES:
        for number, given in enumerate(infos[name].optim_inputs_func(device="cpu")):
            yield pytest.param(name, given.kwargs, id=f"{name}-{number}")
    for number, (name, settings) in enumerate(MORE):
        yield pytest.param(name, settings, id=f"{name}-more{number}")


def ours(value: Any) -> Any:
    """A value of PyTorch's as one of tracegraph's."""
    if isinstance(value, torch.Tensor):
        return tracegraph.tensor(value.detach().numpy().copy())
    if isinstance(value, dict):
        return {key: ours(part) for key, part in value.items()}
    return [ours(part) for part in value] if isinstance(value, list) else value


class Problem:
    """Parameters of several shapes, a 0-d one among them, and a loss of them whose gradient changes sign."""

    def __init__(self, dtype: Any = np.float64) -> None:
        rng = np.random.default_rng(1)
        self.first = [rng.standard_normal(shape).astype(dtype) for shape in ((3, 2), (2,), ())]
        self.data = [rng.standard_normal((4, 3)).astype(dtype) for _ in range(50)]

    def parameters(self, library: Any) -> list[Any]:
        made = [library.tensor(value) for value in self.first]
        return [parameter.requires_grad_() for parameter in made]

    @staticmethod
    def loss(parameters: list[Any], x: Any) -> Any:
        matrix, vector, scale = parameters
        return ((x @ matrix + vector).sin() * scale + vector * vector).sum() + (matrix * matrix).sum() * 0.1


def pytorch_trajectory(problem: Problem, name: str, settings: dict[str, Any], change: Any = None) -> Any:
    parameters = problem.parameters(torch)
    optimiser = getattr(torch.optim, name)(parameters, **copy.deepcopy(settings))
    for number, x in enumerate(problem.data):
        optimiser.zero_grad()
        problem.loss(parameters, torch.from_numpy(x)).backward()
        optimiser.step()
        if change is not None:
            change(number, optimiser)
    return parameters, optimiser


def assert_equal(mine: Any, yours: Any, relative: float) -> None:
    for m, y in zip(mine, yours, strict=True):
        np.testing.assert_allclose(m.detach().numpy(), y.detach().numpy(), rtol=relative, atol=relative)


@pytest.mark.parametrize(("name", "settings"), list(configurations()))
def test_eager(name: str, settings: dict[str, Any]) -> None:
    for dtype, tolerance in ((np.float64, 1e-10), (np.float32, 1e-5)):
        problem = Problem(dtype)
        yours, theirs = pytorch_trajectory(problem, name, settings)
        mine = problem.parameters(tracegraph)
        optimiser = getattr(optim, name)(mine, **ours(settings))
        for x in problem.data:
            optimiser.zero_grad()
            problem.loss(mine, tracegraph.tensor(x)).backward()
            optimiser.step()
        assert_equal(mine, yours, tolerance)
        saved, expected = optimiser.state_dict(), theirs.state_dict()
        assert saved["param_groups"][0].keys() == expected["param_groups"][0].keys()
        assert saved["state"].keys() == expected["state"].keys()
        for number, held in expected["state"].items():
            held = {key: value for key, value in held.items() if value is not None}
            assert saved["state"][number].keys() == held.keys()
            for key, value in held.items():
                found = saved["state"][number][key].numpy()
                assert (found.dtype, found.shape) == (value.numpy().dtype, tuple(value.shape)), key
                np.testing.assert_allclose(found, value.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_goes_on_from_pytorchs_state(name: str) -> None:
    settings = {"lr": 0.02, **({"momentum": 0.9, "dampening": 0.5} if name == "SGD" else {})}
    problem = Problem()
    half, rest = problem.data[:20], problem.data[20:]
    problem.data = half
    yours, theirs = pytorch_trajectory(problem, name, settings)
    mine = [tracegraph.tensor(value.detach().numpy().copy()).requires_grad_() for value in yours]
    optimiser = getattr(optim, name)(mine, lr=3.0)
    optimiser.load_state_dict(ours(theirs.state_dict()))
    for x in rest:
        for library, parameters, each in ((torch, yours, theirs), (tracegraph, mine, optimiser)):
            each.zero_grad()
            problem.loss(parameters, library.tensor(x)).backward()
            each.step()
    assert_equal(mine, yours, 1e-10)
    again = getattr(torch.optim, name)(yours, lr=3.0)
    state = {
        number: {key: torch.from_numpy(np.array(value.numpy())) for key, value in held.items()}
        for number, held in optimiser.state_dict()["state"].items()
    }
    again.load_state_dict({**optimiser.state_dict(), "state": state})
    assert again.param_groups[0]["lr"] == 0.02


TRACED = [
    ("ASGD", {"lr": 0.05, "t0": 10}), ("Adadelta", {}), ("Adagrad", {"lr": 0.05, "lr_decay": 0.5}),
    ("Adamax", {"lr": 0.02, "weight_decay": 0.1}), ("NAdam", {"lr": 0.02, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}), ("Rprop", {"lr": 0.005}),
    ("SGD", {"lr": torch.tensor(0.02), "momentum": 0.9, "nesterov": True}),
    ("AdamW", {"lr": torch.tensor(0.02, dtype=torch.float64), "maximize": True}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings"), TRACED, ids=[name for name, _ in TRACED])
def test_traced(name: str, settings: dict[str, Any]) -> None:
    """One recording, no Python on later calls, and a rate that is halved on the way."""

    def halve(number: int, optimiser: Any) -> None:
        group = optimiser.param_groups[0]
        if number == 20 and isinstance(group["lr"], float):
            group["lr"] *= 0.5
        elif number == 20:
            group["lr"].mul_(0.5)

    problem = Problem()
    yours, _ = pytorch_trajectory(problem, name, settings, halve)
    mine = problem.parameters(tracegraph)
    optimiser = getattr(optim, name)(mine, **ours(settings))

    @tracegraph.trace
    def step(x: Any) -> Any:
        optimiser.zero_grad()
        problem.loss(mine, x).backward()
        optimiser.step()

    for number, x in enumerate(problem.data):
        step(tracegraph.tensor(x))
        halve(number, optimiser)
    assert_equal(mine, yours, 1e-10)
    assert step.explain().verdict == "static"
    assert len(step.entries) == 1


def errors() -> Iterator[Any]:
    infos = {info.optim_cls.__name__: info for info in database.optim_db}
    for name in (*NAMES, "LBFGS"):
        for given in infos[name].optim_error_inputs_func(device="cpu", dtype=torch.float32):
            wrong = given.optimizer_error_input
            if "foreach" in wrong.kwargs or "both floats or both" in wrong.desc or given.error_type is UserWarning:
                continue  # limits of PyTorch's kernels, which are none here; duplicates are an error here
            yield pytest.param(name, wrong, given, id=f"{name}-{wrong.desc}")


@pytest.mark.parametrize(("name", "wrong", "expected"), list(errors()))
def test_refused_as_in_pytorch(name: str, wrong: Any, expected: Any) -> None:
    made: dict[int, Any] = {}

    def mine(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return made.setdefault(id(value), tracegraph.tensor(value.detach().numpy()).requires_grad_())
        if isinstance(value, dict):
            return {key: mine(part) for key, part in value.items()}
        return type(value)(map(mine, value)) if isinstance(value, list | tuple) else value

    params = [tracegraph.ones(2, requires_grad=True)] if wrong.params is None else mine(wrong.params)
    with pytest.raises(expected.error_type, match=expected.error_regex):
        getattr(optim, name)(params, **ours(wrong.kwargs))


@pytest.mark.parametrize("name", NAMES)
def test_hints(name: str) -> None:
    parameters = [tracegraph.ones(2, requires_grad=True)]
    accepted = torch.optim.__dict__[name](problem_of_one(), lr=0.5).defaults
    make = getattr(optim, name)
    for hint in {"foreach", "fused", "capturable"} & set(accepted):
        assert make(parameters, lr=0.5, **{hint: True}).param_groups[0][hint] is True
    with pytest.raises(RuntimeError, match="differentiable"):
        make(parameters, differentiable=True)
    if "fused" in accepted:
        with pytest.raises(RuntimeError, match="cannot be `True` together"):
            make(parameters, fused=True, foreach=True)


def problem_of_one() -> list[Any]:
    return [torch.ones(2, requires_grad=True)]


def test_named_parameters() -> None:
    named = {"a": tracegraph.ones(1, requires_grad=True), "b": tracegraph.ones(2, requires_grad=True)}
    optimiser = optim.SGD(named.items(), lr=0.5)
    assert optimiser.state_dict()["param_groups"][0]["param_names"] == ["a", "b"]
    late = tracegraph.ones(1, requires_grad=True)
    with pytest.raises(ValueError, match="without names to the optimizer"):
        optimiser.add_param_group({"params": late})
    optimiser.add_param_group({"params": [("late", late)], "lr": 0.25})
    assert list(itertools.chain(*(group["param_names"] for group in optimiser.param_groups))) == ["a", "b", "late"]
    with pytest.raises(TypeError, match="ordered collections"):
        optim.SGD([{"params": {late}}], lr=0.5)
