"""The judge of the corpus sees what a tracer gets wrong: tracers with one fault each are caught."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tracegraph
from tests.soundness.corpus import Program
from tests.soundness.runner import RAISED, RIGHT, WARNED, WRONG, judge
from tests.soundness.snapshot import Raised, difference, outcome, snapshot


def steps(T: Any, wrap: Callable[[Any], Any]) -> Iterator[Any]:
    history: list[float] = []

    @wrap
    def f(x: Any, k: float) -> Any:
        history.append(k)
        print(k)
        if k > 3:
            raise ValueError(f"no {k}")
        return x * k, x

    x = T.tensor([1.0, 2.0])
    for k in (2.0, 3.0, 4.0):
        yield outcome(f, x, k), x, list(history)


PROGRAM = Program("steps", "runner", "co-executed", True, steps)


def frozen(function: Any) -> Any:
    """Gives the first result for ever."""
    return _Frozen(function)


class _Frozen:
    def __init__(self, function: Any) -> None:
        self.function = function
        self.first: Any = None

    def __call__(self, *args: Any) -> Any:
        self.first = self.function(*args) if self.first is None else self.first
        return self.first


def warned(function: Any) -> Any:
    def inner(*args: Any) -> Any:
        warnings.warn("this may be wrong", UserWarning, stacklevel=1)
        return frozen_once(*args)

    frozen_once = frozen(function)
    return inner


def twice(function: Any) -> Any:
    """Runs the function, its effects too, twice."""
    return lambda *args: outcome(function, *args) and function(*args)


def copied(function: Any) -> Any:
    """Gives a copy of the argument where the plain function gives the argument."""
    return lambda *args: tuple([part * 1 for part in function(*args)])


def refusing(function: Any) -> Any:
    """Raises an error of its own."""

    def inner(*args: Any) -> Any:
        raise NotImplementedError("append")

    return inner


@pytest.mark.parametrize(
    ("tracer", "status"),
    [(lambda f: f, RIGHT), (frozen, WRONG), (warned, WARNED), (twice, WRONG), (copied, WRONG), (refusing, RAISED)],
)
def test_faults_are_seen(tracer: Any, status: str) -> None:
    assert judge(PROGRAM, tracegraph, tracer).status == status


def test_an_error_text_counts_where_asked() -> None:
    wanted, found = Raised("ValueError", "a"), Raised("ValueError", "b")
    assert difference(wanted, found) is not None
    assert difference(wanted, found, texts=False) is None
    assert difference(wanted, Raised("KeyError", "a"), texts=False) is not None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (1, True), (1, 1.0), (0.0, -0.0), ((1, 2), [1, 2]), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ({1}, {2}),
        ([1], [1, 2]), (None, 0), ("a", "b"), (range(2), range(3)), (1.0, 1.001),
    ],
)  # fmt: skip
def test_unequal_values(wanted: Any, found: Any) -> None:
    assert difference(snapshot(wanted), snapshot(found)) is not None
    assert difference(snapshot(wanted), snapshot(wanted)) is None


def test_unequal_tensors() -> None:
    x = tracegraph.tensor([1.0, 2.0])
    for other in (x.double(), x.view(2, 1), x + 1, x.clone().requires_grad_(), tracegraph.nn.Parameter(x)):
        assert difference(snapshot(x), snapshot(other)) is not None
    assert difference(snapshot((x, x)), snapshot((x, x.clone()))) is not None
    assert difference(snapshot((x, x)), snapshot((x.clone(),) * 2)) is None
    leaf = tracegraph.tensor([1.0]).requires_grad_()
    before = snapshot(leaf)
    tracegraph.autograd.backward((leaf * 2).sum())
    assert difference(before, snapshot(leaf)) is not None


def test_modules_are_compared_by_state_and_mode() -> None:
    model = tracegraph.nn.Sequential(tracegraph.nn.Linear(2, 1), tracegraph.nn.Dropout(0.5))
    before = snapshot(model)
    assert difference(before, snapshot(model)) is None
    model[1].eval()
    assert difference(before, snapshot(model)) is not None
    model.train()
    model[0].bias.data.add_(1)
    assert difference(before, snapshot(model)) is not None


def test_rounding_is_forgiven() -> None:
    assert difference(1.0, 1.0 + 1e-7) is None
    assert difference(snapshot(tracegraph.tensor([1.0])), snapshot(tracegraph.tensor([1.0 + 1e-6]))) is None
