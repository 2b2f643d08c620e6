"""`LBFGS` against PyTorch: the points visited, its state, and steps that are traced or have a traced closure."""

import copy
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.optim.test_configurations import assert_equal, database, ours
from tracegraph import optim
from tracegraph.optim.line_search import Point, interpolated

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


def parameters(library: Any, dtype: Any = np.float64) -> list[Any]:
    rng = np.random.default_rng(4)
    made = [library.tensor(rng.standard_normal(shape).astype(dtype)) for shape in ((3, 2), (4,), (), (2,))]
    return [*(each.requires_grad_() for each in made[:3]), made[3]]


def valley(values: list[Any]) -> Any:
    """Rosenbrock's function of all parameters but the last, with something that keeps them near."""
    a, b, c, _ = values
    flat = a.reshape(-1)
    curved = ((flat[1:] - flat[:-1] ** 2) ** 2).sum() * 10 + ((1 - flat) ** 2).sum()
    return curved + ((b - c) ** 4).sum() + (b * b).sum() + (c - 2) ** 2 + (b * c).sin().sum()


def closure_of(optimiser: Any, values: list[Any], seen: list[float]) -> Any:
    def closure() -> Any:
        optimiser.zero_grad()
        loss = valley(values)
        loss.backward()
        seen.append(float(loss.detach()))
        return loss

    return closure


def run(library: Any, settings: dict[str, Any], steps: int, dtype: Any = np.float64) -> tuple[list[Any], Any, Any]:
    values: list[Any] = parameters(library, dtype)
    optimiser = library.optim.LBFGS(values, **settings)
    seen: list[float] = []
    closure = closure_of(optimiser, values, seen)
    for _ in range(steps):
        optimiser.step(closure)
    return values, optimiser, seen


SETTINGS: list[dict[str, Any]] = [
    *(given.kwargs for info in database.optim_db if info.optim_cls.__name__ == "LBFGS"
      for given in info.optim_inputs_func(device="cpu")),
    {"lr": 0.3, "max_iter": 5},
    {"lr": 0.3, "max_iter": 7, "history_size": 2},
    {"line_search_fn": "strong_wolfe", "max_iter": 4},
    {"line_search_fn": "strong_wolfe", "history_size": 3, "tolerance_grad": 1e-3},
    {"line_search_fn": "strong_wolfe", "max_iter": 10, "max_eval": 6, "lr": 5.0},
    {"line_search_fn": "strong_wolfe", "tolerance_change": 1e-2, "lr": 0.01},
]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_points_visited(settings: dict[str, Any]) -> None:
    yours, theirs, expected = run(torch, settings, 8)
    mine, optimiser, seen = run(tracegraph, ours(settings), 8)
    assert len(seen) == len(expected)
    np.testing.assert_allclose(seen, expected, rtol=1e-8, atol=1e-10)
    assert_equal(mine, yours, 1e-8)
    first, second = optimiser.state[mine[0]], theirs.state[yours[0]]
    assert set(first) <= set(second) <= set(first) | {"al"}
    assert (first["n_iter"], first["func_evals"]) == (second["n_iter"], second["func_evals"])


def test_single_precision_converges_to_the_same_place() -> None:
    settings = {"line_search_fn": "strong_wolfe"}
    yours, _, _ = run(torch, settings, 10, np.float32)
    mine, _, _ = run(tracegraph, settings, 10, np.float32)
    assert_equal(mine, yours, 1e-3)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_goes_on_from_pytorchs_state(search: Any) -> None:
    settings = {"max_iter": 4, "line_search_fn": search, "lr": 0.3}
    yours, theirs, _ = run(torch, settings, 3)
    mine = [tracegraph.tensor(value.detach().numpy().copy()).requires_grad_(value.requires_grad) for value in yours]
    optimiser = optim.LBFGS(mine)
    optimiser.load_state_dict(ours(theirs.state_dict()))
    seen: tuple[list[float], list[float]] = ([], [])
    for _ in range(3):
        theirs.step(closure_of(theirs, yours, seen[0]))
        optimiser.step(closure_of(optimiser, mine, seen[1]))
    np.testing.assert_allclose(seen[1], seen[0], rtol=1e-8)
    again = optim.LBFGS(mine)
    again.load_state_dict(optimiser.state_dict())
    assert again.state[mine[0]]["d"] is not optimiser.state[mine[0]]["d"]


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_traced(search: Any) -> None:
    """A traced step runs in Python, a traced closure is replayed; both go where the plain one goes."""

    def trained(traced: str) -> tuple[np.ndarray, Any]:
        value = tracegraph.tensor(np.array([2.0, -1.5])).requires_grad_()
        optimiser = optim.LBFGS([value], max_iter=2, line_search_fn=search, lr=0.3, history_size=1)

        def closure() -> Any:
            optimiser.zero_grad()
            loss = (value**4).sum() + (value.sum() - 1.0) ** 2
            loss.backward()
            return loss

        function: Any = tracegraph.trace(closure) if traced == "closure" else closure

        def step() -> Any:
            return optimiser.step(function)

        run: Any = tracegraph.trace(step) if traced == "step" else step
        for _ in range(5):
            run()
        copied = copy.deepcopy(optimiser)
        assert type(copied.state[copied.param_groups[0]["params"][0]]) is type(optimiser.state[value])
        return value.detach().numpy(), run if traced == "step" else function

    expected, _ = trained("nothing")
    found, function = trained("step")
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert function.explain().verdict != "static"
    found, function = trained("closure")
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert function.explain().verdict == "static"
    assert len(function.entries) == 1


def test_state_read_in_a_traced_function() -> None:
    values = parameters(tracegraph)
    optimiser = optim.LBFGS(values, max_iter=2)

    @tracegraph.trace
    def counted(x: Any) -> Any:
        return x * optimiser.state[values[0]]["n_iter"]

    for expected in (0, 1, 2):
        assert float(counted(tracegraph.tensor(1.0))) == expected == optimiser.state[values[0]]["n_iter"]
        optimiser.step(closure_of(optimiser, values, []))


def test_refused() -> None:
    values = parameters(tracegraph)[:2]
    with pytest.raises(ValueError, match="parameter groups"):
        optim.LBFGS([{"params": values[0]}, {"params": values[1]}])
    with pytest.raises(RuntimeError, match="strong_wolfe"):
        run(tracegraph, {"line_search_fn": "armijo"}, 1)
    with pytest.raises(TypeError):
        optim.LBFGS(values).step()  # type: ignore[call-arg]


def test_interpolation() -> None:
    """Exact for a cubic; the middle where there is no minimum."""

    def at(x: float) -> Point:
        return Point(x, x**3 - 3 * x, tracegraph.zeros(1), 3 * x**2 - 3)

    assert interpolated(at(0.25), at(2.0), 0.0, 5.0) == pytest.approx(1.0)
    assert interpolated(at(2.0), at(0.25), 0.0, 5.0) == pytest.approx(1.0)
    assert interpolated(at(2.0), at(0.25), 1.5, 5.0) == 1.5
    assert interpolated(at(1.0), at(1.0), 0.0, 5.0) == 2.5
