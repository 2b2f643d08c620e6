"""Random tensors: which numbers come from which state, reproducibility, distributions, errors."""

import copy
import math
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph.compiler.ops.random import RandomUniform
from tracegraph.compiler.ops.spec import Spec, float16, float32, float64, int64
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, TracegraphError
from tracegraph.runtime.philox import philox4x32

N = 40_000


@pytest.fixture(autouse=True)
def seed() -> None:
    tracegraph.manual_seed(1234)


def _state(seed: int, offset: int) -> np.ndarray:
    return np.array([seed, offset], np.int64)


def test_uniform_is_made_of_the_words_of_the_documentation() -> None:
    words = [int(word) for word in philox4x32(5, 11, 16)]
    single = RandomUniform((2, 3), float32).evaluate(np, _state(5, 11))
    double = RandomUniform((2, 3), float64).evaluate(np, _state(5, 11))
    half = RandomUniform((6,), float16).evaluate(np, _state(5, 11))
    assert single.ravel().tolist() == [(word >> 8) * 2.0**-24 for word in words[:6]]
    assert half.tolist() == [(word >> 21) * 2.0**-11 for word in words[:6]]
    assert double.ravel().tolist() == [
        ((words[2 * i] >> 5) * 2**26 + (words[2 * i + 1] >> 6)) * 2.0**-53 for i in range(6)
    ]
    assert (single.dtype, double.dtype, half.dtype) == (float32, float64, float16)


@pytest.mark.parametrize(
    ("shape", "dtype", "blocks"),
    [((5,), float32, 2), ((5,), float64, 3), ((), float32, 1), ((0,), float32, 0), ((2, 4), float16, 2)],
)
def test_a_draw_advances_the_offset_by_its_blocks(shape: tuple[int, ...], dtype: Any, blocks: int) -> None:
    generator = tracegraph.Generator().manual_seed(3)
    tracegraph.rand(shape, dtype=dtype, generator=generator)
    assert generator.get_state().tolist() == [3, blocks]
    assert RandomUniform(shape, dtype).blocks == blocks


def test_draws_continue_one_stream() -> None:
    generator = tracegraph.Generator().manual_seed(3)
    parts = [tracegraph.rand(n, generator=generator).numpy() for n in (4, 8, 4)]
    whole = tracegraph.rand(16, generator=generator.manual_seed(3)).numpy()
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_seeds_beyond_int64_and_negative_ones() -> None:
    generator = tracegraph.Generator()
    assert generator.manual_seed(2**64 - 1).initial_seed() == 2**64 - 1
    first = tracegraph.rand(3, generator=generator).tolist()
    assert tracegraph.rand(3, generator=generator.manual_seed(-1)).tolist() == first
    with pytest.raises(ArgumentTypeError, match="float"):
        generator.manual_seed(0.5)  # type: ignore[arg-type]


DRAWS: dict[str, Callable[[Any], Any]] = {
    "rand": lambda g: tracegraph.rand(3, generator=g),
    "randn": lambda g: tracegraph.randn(3, generator=g),
    "rand_like": lambda g: tracegraph.rand_like(tracegraph.zeros(2), generator=g),
    "randn_like": lambda g: tracegraph.randn_like(tracegraph.zeros(2), generator=g),
    "randint": lambda g: tracegraph.randint(0, 1000, (4,), generator=g),
    "randint_like": lambda g: tracegraph.randint_like(tracegraph.zeros(4), 1000, generator=g),
    "randperm": lambda g: tracegraph.randperm(20, generator=g),
    "bernoulli": lambda g: tracegraph.bernoulli(tracegraph.full((40,), 0.5), generator=g),
    "normal": lambda g: tracegraph.normal(2.0, 3.0, (3,), generator=g),
    "multinomial": lambda g: tracegraph.multinomial(tracegraph.ones(90), 5, generator=g),
    "multinomial replaced": lambda g: tracegraph.multinomial(tracegraph.ones(90), 5, replacement=True, generator=g),
    "uniform_": lambda g: tracegraph.zeros(3).uniform_(1, 2, generator=g),
    "normal_": lambda g: tracegraph.zeros(3).normal_(1, 2, generator=g),
    "bernoulli_": lambda g: tracegraph.zeros(40).bernoulli_(0.5, generator=g),
    "random_": lambda g: tracegraph.zeros(4).random_(1000, generator=g),
    "exponential_": lambda g: tracegraph.zeros(4).exponential_(generator=g),
}


@pytest.mark.parametrize("name", DRAWS)
def test_the_seed_decides_and_each_draw_differs(name: str) -> None:
    draw = DRAWS[name]
    tracegraph.manual_seed(7)
    first, second = draw(None).tolist(), draw(None).tolist()
    tracegraph.manual_seed(7)
    assert draw(None).tolist() == first
    assert first != second
    own = tracegraph.Generator().manual_seed(7)
    before = tracegraph.get_rng_state().tolist()
    assert draw(own).tolist() == first
    assert draw(own).tolist() == second
    assert tracegraph.get_rng_state().tolist() == before


@pytest.mark.parametrize("dtype", [float32, float64])
def test_uniform_is_uniform(dtype: Any) -> None:
    x = tracegraph.rand(N, dtype=dtype).numpy()
    assert x.min() >= 0
    assert x.max() < 1
    assert abs(x.mean() - 0.5) < 5 / math.sqrt(12 * N)
    assert abs(x.var() - 1 / 12) < 5 * math.sqrt(1 / 180 / N)
    assert _chi_square(np.floor(x * 50).astype(int), np.full(50, 1 / 50)) < _limit(49)
    lag = np.corrcoef(x[:-1], x[1:])[0, 1]
    assert abs(lag) < 5 / math.sqrt(N)


def _chi_square(values: np.ndarray, probabilities: np.ndarray) -> float:
    counts = np.bincount(values, minlength=len(probabilities))
    expected = probabilities * values.size
    return float(((counts - expected) ** 2 / expected).sum())


def _limit(degrees: int) -> float:
    """Five standard deviations above the mean of the chi-square distribution."""
    return degrees + 5 * math.sqrt(2 * degrees)


@pytest.mark.parametrize("dtype", [float32, float64, float16])
def test_normal_is_normal(dtype: Any) -> None:
    x = tracegraph.randn(N, dtype=dtype).numpy().astype(np.float64)
    assert np.isfinite(x).all()
    assert abs(x.mean()) < 5 / math.sqrt(N)
    assert abs(x.var() - 1) < 5 * math.sqrt(2 / N)
    assert abs((x**3).mean()) < 5 * math.sqrt(15 / N)
    assert abs((x**4).mean() - 3) < 5 * math.sqrt(96 / N)
    edges = np.linspace(-2.5, 2.5, 21)
    distribution = np.array([0.0, *[0.5 * (1 + math.erf(edge / math.sqrt(2))) for edge in edges], 1.0])
    if dtype != float16:
        assert _chi_square(np.searchsorted(edges, x), np.diff(distribution)) < _limit(21)


def test_normal_of_odd_and_empty_sizes() -> None:
    assert tracegraph.randn(5).shape == (5,)
    assert tracegraph.randn(0, 3).shape == (0, 3)
    assert tracegraph.randn(()).shape == ()


def test_integers_cover_their_range_evenly() -> None:
    x = tracegraph.randint(-3, 7, (N,)).numpy()
    assert (x.min(), x.max(), x.dtype) == (-3, 6, int64)
    assert _chi_square(x + 3, np.full(10, 0.1)) < _limit(9)
    assert tracegraph.randint(5, (2, 3), dtype=tracegraph.uint8).dtype == np.uint8
    assert tracegraph.randint(5, size=(4,)).shape == (4,)
    assert int(tracegraph.randint(2**53, (N,)).max()) > 2**52


def test_permutations_are_permutations_evenly() -> None:
    assert sorted(tracegraph.randperm(1000).tolist()) == list(range(1000))
    assert tracegraph.randperm(0).shape == (0,)
    assert tracegraph.randperm(3, dtype=tracegraph.int32).dtype == np.int32
    firsts = np.array([tracegraph.randperm(5).tolist()[0] for _ in range(500)])
    assert _chi_square(firsts, np.full(5, 0.2)) < _limit(4)


def test_bernoulli_has_the_probabilities() -> None:
    p = tracegraph.tensor([0.0, 0.2, 0.7, 1.0]).expand(N // 4, 4)
    means = tracegraph.bernoulli(p).numpy().mean(0)
    np.testing.assert_allclose(means, [0, 0.2, 0.7, 1], atol=5 * 0.5 / math.sqrt(N / 4))
    assert means[0] == 0
    assert means[3] == 1
    mask = tracegraph.zeros(N, dtype=tracegraph.bool).bernoulli_(0.3).numpy()
    assert mask.dtype == bool
    assert abs(mask.mean() - 0.3) < 5 * 0.5 / math.sqrt(N)


def test_multinomial_follows_the_weights() -> None:
    weights = tracegraph.tensor([1.0, 0.0, 3.0, 4.0])
    drawn = tracegraph.multinomial(weights, N, replacement=True).numpy()
    assert not (drawn == 1).any()
    assert _chi_square(drawn[drawn != 1], np.array([1 / 8, 1e-12, 3 / 8, 1 / 2])) < _limit(2)
    rows = tracegraph.multinomial(weights.expand(2000, 4), 2).numpy()
    assert rows.shape == (2000, 2)
    assert (rows[:, 0] != rows[:, 1]).all()
    assert _chi_square(rows[:, 0], np.array([1 / 8, 1e-12, 3 / 8, 1 / 2])) < _limit(2)


def test_normal_takes_tensors() -> None:
    mean = tracegraph.tensor([0.0, 100.0])
    x = tracegraph.normal(mean, tracegraph.tensor([[1.0], [2.0]]))
    assert x.shape == (2, 2)
    assert float(x[:, 1].min()) > 50


def test_fills_respect_bounds_views_and_no_grad() -> None:
    x = tracegraph.zeros(3, 4)
    x[1].uniform_(5, 6)
    assert x[0].tolist() == [0] * 4
    assert bool(((x[1] >= 5) & (x[1] < 6)).all())
    weight = tracegraph.zeros(3, requires_grad=True)
    with tracegraph.no_grad():
        weight.normal_(0, 0.1)
    assert weight.requires_grad
    assert weight.detach().abs().max().item() > 0


def test_state_can_be_kept_and_brought_back() -> None:
    state = tracegraph.get_rng_state()
    first = tracegraph.rand(3).tolist()
    assert state.tolist() == [1234, 0]
    tracegraph.set_rng_state(state)
    assert tracegraph.rand(3).tolist() == first
    with tracegraph.random.fork_rng():
        inside = tracegraph.rand(3).tolist()
    assert tracegraph.rand(3).tolist() == inside
    with pytest.raises(ShapeError, match="get_state"):
        tracegraph.set_rng_state(tracegraph.zeros(3))


def test_generators_are_copied_and_pickled_with_their_state() -> None:
    generator = tracegraph.Generator().manual_seed(5)
    tracegraph.rand(7, generator=generator)
    for twin in (copy.deepcopy(generator), pickle.loads(pickle.dumps(generator))):
        assert twin.get_state().tolist() == generator.get_state().tolist()
        tracegraph.rand(1, generator=twin)
        assert twin.get_state().tolist() != generator.get_state().tolist()
    assert repr(generator) == "<tracegraph.Generator seed=5 offset=2>"


def test_seed_is_new_every_time() -> None:
    assert tracegraph.random.seed() != tracegraph.random.seed()
    assert tracegraph.random.initial_seed() == tracegraph.default_generator.initial_seed()


def test_threads_never_draw_the_same_numbers() -> None:
    drawn: list[float] = []

    def work() -> None:
        for _ in range(50):
            drawn.extend(tracegraph.rand(4).tolist())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawn) == 800
    tracegraph.manual_seed(1234)
    assert sorted(drawn) == sorted(tracegraph.rand(800).tolist())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tracegraph.rand(2, dtype=tracegraph.int64), DTypeError, "rand: draws floats"),
        (lambda: tracegraph.rand(-1), ShapeError, "negative"),
        (lambda: tracegraph.randint(3, 3, (2,)), ArgumentError, "below"),
        (lambda: tracegraph.randint(5), ArgumentError, "size"),
        (lambda: tracegraph.randint(0, 2**60, (2,)), ArgumentError, "2\\*\\*53"),
        (lambda: tracegraph.randperm(-1), ArgumentError, "negative"),
        (lambda: tracegraph.bernoulli(tracegraph.zeros(2), 1.5), ArgumentError, "between 0 and 1"),
        (lambda: tracegraph.bernoulli(tracegraph.tensor([1])), DTypeError, "int64"),
        (lambda: tracegraph.normal(0.0, 1.0), ArgumentError, "size"),
        (lambda: tracegraph.zeros(2).normal_(0, -1), ArgumentError, "std"),
        (lambda: tracegraph.zeros(2).uniform_(3, 1), ArgumentError, "low"),
        (lambda: tracegraph.zeros(2).exponential_(0), ArgumentError, "rate"),
        (lambda: tracegraph.multinomial(tracegraph.ones(2), 3), ArgumentError, "3 samples"),
        (lambda: tracegraph.multinomial(tracegraph.ones(2, 2, 2), 1), ShapeError, "vector or matrix"),
        (lambda: tracegraph.rand(2, generator=5), ArgumentTypeError, "Generator"),
        (lambda: RandomUniform((2,), float32).infer(Spec((3,), int64)), ShapeError, "state"),
    ],
)
def test_errors(call: Callable[[], Any], error: type[TracegraphError], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
