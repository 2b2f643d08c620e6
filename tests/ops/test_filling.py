"""Numbers of other distributions than the uniform one: distribution, dtypes, errors as in PyTorch, traced draws."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.tracing import assert_traced_like_eager
from tracegraph.runtime.errors import ArgumentError, DTypeError

torch = pytest.importorskip("torch")
N = 20_000


@pytest.fixture(autouse=True)
def seed() -> None:
    tracegraph.manual_seed(99)


def normal_distribution(x: np.ndarray) -> np.ndarray:
    return np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in x])


CONTINUOUS: dict[str, tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "uniform": (lambda x: x.uniform_(-1, 3), lambda x: (x + 1) / 4),
    "normal": (lambda x: x.normal_(2, 0.5), lambda x: normal_distribution((x - 2) / 0.5)),
    "log_normal": (lambda x: x.log_normal_(0.5, 0.25), lambda x: normal_distribution((np.log(x) - 0.5) / 0.25)),
    "exponential": (lambda x: x.exponential_(2.5), lambda x: 1 - np.exp(-2.5 * x)),
    "cauchy": (lambda x: x.cauchy_(1, 3), lambda x: 0.5 + np.arctan((x - 1) / 3) / math.pi),
    "normal of tensors": (
        lambda x: tracegraph.normal(x + 1, tracegraph.full_like(x, 2.0)), lambda x: normal_distribution((x - 1) / 2)),
}  # fmt: skip
"""How the numbers are drawn, and their distribution function."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distributions(name: str, dtype: str) -> None:
    """The greatest distance of the empirical distribution function: Kolmogorov's statistic, of which 1.95 is rare."""
    fill, distribution = CONTINUOUS[name]
    drawn = fill(tracegraph.zeros(N, dtype=dtype)).numpy()
    assert drawn.dtype == dtype
    expected = distribution(np.sort(drawn.astype(np.float64)))
    steps = np.arange(N + 1) / N
    distance = max(np.abs(expected - steps[1:]).max(), np.abs(expected - steps[:-1]).max())
    assert distance * math.sqrt(N) < 1.95


def chi_square(values: np.ndarray, probabilities: np.ndarray) -> float:
    """How far the counts of 0, 1, ... are from their probabilities, the last one standing for all that is above, in
    standard deviations of the statistic.
    """
    last = len(probabilities) - 1
    counts = np.bincount(np.minimum(values.astype(int), last), minlength=last + 1)
    expected = probabilities * values.size
    return float((((counts - expected) ** 2 / expected).sum() - last) / math.sqrt(2 * last))


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "float16"])
def test_trials_up_to_the_first_success(dtype: str) -> None:
    drawn = tracegraph.zeros(N, dtype=dtype).geometric_(0.3).numpy()
    assert drawn.dtype == dtype
    probabilities = np.array([0.3 * 0.7**k for k in range(12)] + [0.7**12])
    assert drawn.min() == 1
    assert chi_square(drawn - 1, probabilities) < 5


@pytest.mark.parametrize("rate", [0.3, 1.0, 4.7, 60.0])
def test_counts_of_a_rate(rate: float) -> None:
    drawn = tracegraph.poisson(tracegraph.full((N,), rate)).numpy()
    most = int(rate + 3 * math.sqrt(rate) + 2)
    first = max(0, int(rate - 3 * math.sqrt(rate)))
    exact = np.array([math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) for k in range(most)])
    middle = np.concatenate([[exact[: first + 1].sum()], exact[first + 1 :], [1 - exact.sum()]])
    assert chi_square(np.maximum(drawn - first, 0), middle) < 5


def test_counts_of_great_rates_and_of_none() -> None:
    drawn = tracegraph.poisson(tracegraph.full((4000,), 1e5, dtype=tracegraph.float64)).numpy()
    assert abs(drawn.mean() - 1e5) < 5 * math.sqrt(1e5 / 4000)
    assert abs(drawn.var() / 1e5 - 1) < 5 * math.sqrt(2 / 4000)
    assert not tracegraph.poisson(tracegraph.zeros(2, 3)).numpy().any()
    assert tracegraph.poisson(tracegraph.ones(0, dtype=tracegraph.float16)).dtype == tracegraph.float16


def test_standard_deviations_of_zero_and_first_dtype() -> None:
    mean = tracegraph.tensor([1.0, 2.0])
    assert tracegraph.normal(mean, tracegraph.zeros(2)).tolist() == [1.0, 2.0]
    assert tracegraph.normal(mean, tracegraph.ones(2, dtype=tracegraph.float64)).dtype == tracegraph.float32
    assert tracegraph.normal(5.0, tracegraph.zeros(2, 2)).tolist() == [[5.0, 5.0], [5.0, 5.0]]


def test_traced_draws_equal_eager_ones() -> None:
    x = tracegraph.tensor(np.random.default_rng(0).random((4, 3)).astype("float32"))

    def everything(x: Any) -> Any:
        fills = [fill(tracegraph.zeros(5)) for fill, _ in CONTINUOUS.values()]
        chosen = tracegraph.multinomial(x, 2), tracegraph.multinomial(x, 9, replacement=True)
        return fills, chosen, tracegraph.poisson(x * 9), tracegraph.bernoulli(x), tracegraph.zeros(3).geometric_(0.5)

    assert_traced_like_eager(everything, x)


ERRORS: list[tuple[Callable[[Any, Any], Any], type[Exception], str]] = [
    (lambda m, x: x.geometric_(1.0), ArgumentError, "geometric_: p must lie between 0 and 1, got 1.0"),
    (lambda m, x: x.bool().geometric_(0.5), DTypeError, "geometric_: not defined for bool"),
    (lambda m, x: x.cauchy_(0, 0), ArgumentError, "cauchy_: sigma must be above 0, got 0"),
    (lambda m, x: x.long().cauchy_(), DTypeError, "cauchy_: draws floats, not int64"),
    (lambda m, x: x.log_normal_(0, -1), ArgumentError, "log_normal_: std must be above 0, got -1"),
    (lambda m, x: x.long().exponential_(), DTypeError, "exponential_: draws floats, not int64"),
    (lambda m, x: x.bernoulli_(x * 2), ArgumentError, "probabilities must be between 0 and 1, got 2.0"),
    (lambda m, x: m.bernoulli(x * float("nan")), ArgumentError, "between 0 and 1, got nan"),
    (lambda m, x: m.poisson(-x), ArgumentError, "poisson: rates must be finite and not negative, got -1.0"),
    (lambda m, x: m.poisson(x.long()), DTypeError, "poisson: takes float tensors, not int64"),
    (lambda m, x: m.normal(x, -1.0), ArgumentError, "normal: std must not be negative, got -1.0"),
    (lambda m, x: m.normal(x, -x), ArgumentError, "normal: std must not be negative, got -1.0"),
    (lambda m, x: m.normal(x.long(), 1.0), DTypeError, "normal: takes float tensors, not int64"),
    (lambda m, x: m.multinomial(-x, 1), ArgumentError, "weights must be finite and not negative, got -1.0"),
    (lambda m, x: m.multinomial(x / 0, 1), ArgumentError, "weights must be finite and not negative, got inf"),
    (lambda m, x: m.multinomial(x * 0, 1), ArgumentError, "the weights of a row must not sum to 0"),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_what_pytorch_refuses_is_refused(call: Callable[..., Any], error: type[Exception], message: str) -> None:
    with pytest.raises((RuntimeError, TypeError)):
        call(torch, torch.ones(3))
    with pytest.raises(error, match=message):
        call(tracegraph, tracegraph.ones(3))
