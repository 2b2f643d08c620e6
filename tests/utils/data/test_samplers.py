"""Samplers: lengths and refusals as PyTorch's, the drawn indices by what they must be."""

from collections import Counter
from typing import Any

import pytest

import tracegraph
from tests.utils.data.both import compare
from tracegraph.utils.data import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

CASES: dict[str, Any] = {
    "sequential": lambda d: (list(d.SequentialSampler("abc")), len(d.SequentialSampler("abc"))),
    "abstract": lambda d: iter(d.Sampler()),
    "random": lambda d: sorted(d.RandomSampler(range(100))),
    "random twice": lambda d: sorted(d.RandomSampler(range(4), num_samples=8)),
    "random length": lambda d: [len(d.RandomSampler(range(4), num_samples=n)) for n in (None, 3, 9)],
    "random drawn length": lambda d: [
        len(list(d.RandomSampler(range(4), r, n))) for r in (False, True) for n in (3, 99)
    ],
    "random of nothing": lambda d: d.RandomSampler([]),
    "random number": lambda d: d.RandomSampler("abc", num_samples=0),
    "random fraction": lambda d: d.RandomSampler("abc", num_samples=1.5),
    "random replacement": lambda d: d.RandomSampler("abc", replacement=1),
    "subset": lambda d: sorted(d.SubsetRandomSampler([5, 2, 9])),
    "subset length": lambda d: len(d.SubsetRandomSampler([5, 2, 9])),
    "weighted": lambda d: list(d.WeightedRandomSampler([0, 0, 3.0, 0], 4)),
    "weighted once": lambda d: sorted(d.WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False)),
    "weighted length": lambda d: len(d.WeightedRandomSampler([1.0, 2.0], 7)),
    "weighted number": lambda d: d.WeightedRandomSampler([1.0], 0),
    "weighted bool": lambda d: d.WeightedRandomSampler([1.0], True),
    "weighted replacement": lambda d: d.WeightedRandomSampler([1.0], 1, replacement=1),
    "weighted matrix": lambda d: d.WeightedRandomSampler([[1.0]], 1),
    "batch": lambda d: [list(d.BatchSampler(range(n), 3, last)) for n in (0, 2, 3, 7) for last in (True, False)],
    "batch length": lambda d: [len(d.BatchSampler(range(n), 3, last)) for n in (0, 2, 3, 7) for last in (True, False)],
    "batch of any iterable": lambda d: list(d.BatchSampler(iter("abc"), 2, False)),
    "batch size": lambda d: d.BatchSampler(range(3), 0, False),
    "batch size bool": lambda d: d.BatchSampler(range(3), True, False),
    "batch last": lambda d: d.BatchSampler(range(3), 1, 0),
}


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES)
def test_as_pytorch(case: str) -> None:
    compare(lambda library: CASES[case](library.utils.data))


def test_seeds_repeat_orders() -> None:
    def orders(seed: int, generator: Any = None) -> list[list[int]]:
        tracegraph.manual_seed(seed)
        samplers = (
            RandomSampler(range(40), generator=generator),
            RandomSampler(range(40), replacement=True, generator=generator),
            SubsetRandomSampler(range(40), generator=generator),
            WeightedRandomSampler([1.0] * 40, 40, generator=generator),
            WeightedRandomSampler([1.0] * 40, 40, replacement=False, generator=generator),
        )
        return [list(sampler) for sampler in samplers]

    assert orders(1) == orders(1) != orders(2)
    assert all(order != sorted(order) for order in orders(3))
    first, again = (orders(seed, tracegraph.Generator().manual_seed(7)) for seed in (1, 2))
    assert first == again
    sampler = RandomSampler(range(40))
    assert list(sampler) != list(sampler)


def test_an_order_does_not_change_while_others_draw() -> None:
    def order(meanwhile: int) -> list[int]:
        tracegraph.manual_seed(0)
        drawn = []
        for index in RandomSampler(range(100), replacement=True):
            tracegraph.rand(meanwhile)
            drawn.append(index)
        return drawn

    assert order(0) == order(5)


def test_frequencies_follow_the_weights() -> None:
    tracegraph.manual_seed(0)
    counts = Counter(WeightedRandomSampler([1.0, 0.0, 3.0, 4.0], 8000))
    assert counts[1] == 0
    assert [counts[index] / 1000 for index in (0, 2, 3)] == pytest.approx([1, 3, 4], abs=0.15)
    counts = Counter(RandomSampler(range(4), replacement=True, num_samples=8000))
    assert [counts[index] / 1000 for index in range(4)] == pytest.approx([2] * 4, abs=0.15)


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -1.0], [1.0, float("inf")], [float("nan"), 1.0]], ids=str)
def test_impossible_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="finite, not negative, and not all zero"):
        list(WeightedRandomSampler(weights, 1))


def test_a_million_weights_are_no_matrix() -> None:
    drawn = list(WeightedRandomSampler([1.0] * 1_000_000, 100_000))
    assert 450_000 < sum(drawn) / len(drawn) < 550_000


def test_batches_of_batches() -> None:
    inner = BatchSampler(SequentialSampler(range(5)), 2, drop_last=False)
    assert list(BatchSampler(inner, 2, drop_last=False)) == [[[0, 1], [2, 3]], [[4]]]  # type: ignore[arg-type, comparison-overlap]
