"""`DataLoader` in one process: batches and refusals as PyTorch's, the same with workers, static traced steps."""

import multiprocessing
import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph
import tracegraph.nn.functional as F  # noqa: N812
from tests.utils.data.both import compare
from tests.utils.data.test_datasets import counting, listed, ranges
from tracegraph import nn, optim
from tracegraph.sharing import has_exposed_memory
from tracegraph.utils.data import DataLoader, TensorDataset


def samples(library: Any) -> Any:
    return listed(library, *[{"x": np.full(2, i, np.float32), "y": (i, str(i))} for i in range(7)])


LOADED: dict[str, Any] = {
    "defaults": (ranges, {}),
    "batches": (ranges, {"batch_size": 2}),
    "last dropped": (ranges, {"batch_size": 2, "drop_last": True}),
    "larger than the data": (ranges, {"batch_size": 9}),
    "larger, dropped": (ranges, {"batch_size": 9, "drop_last": True}),
    "structures": (samples, {"batch_size": 3}),
    "no batches": (samples, {"batch_size": None}),
    "sampler": (ranges, {"batch_size": 2, "sampler": [4, 0, 1]}),
    "batch sampler": (ranges, {"batch_sampler": [[4, 0], [1], [2, 2, 3]]}),
    "collate": (ranges, {"batch_size": 2, "collate_fn": len}),
    "collate one": (ranges, {"batch_size": None, "collate_fn": len}),
    "iterable": (lambda t: counting(t, 1, 2, 3, 4, 5), {"batch_size": 2}),
    "iterable, last dropped": (lambda t: counting(t, 1, 2, 3, 4, 5), {"batch_size": 2, "drop_last": True}),
    "iterable, no batches": (lambda t: counting(t, 1, 2.5, np.ones(2)), {"batch_size": None}),
    "iterable, no shuffle": (lambda t: counting(t, 1), {"shuffle": False}),
    "empty": (listed, {"batch_size": 2}),
    "a list": (lambda t: [1, 2, 3], {"batch_size": 2}),
    "past the end": (ranges, {"sampler": [7]}),
    "of other kinds": (lambda t: listed(t, 1, "a"), {"batch_size": 2}),
    "cannot be collated": (lambda t: listed(t, None, None), {"batch_size": 2}),
}


@pytest.mark.oracle
@pytest.mark.parametrize("case", LOADED)
def test_batches_are_pytorchs(case: str) -> None:
    dataset, arguments = LOADED[case]

    def batches(library: Any) -> Any:
        loader = library.utils.data.DataLoader(dataset(library), **arguments)
        return len(loader), list(loader), list(loader), loader.batch_size, loader.drop_last

    compare(batches)


REFUSED: dict[str, dict[str, Any]] = {
    "workers": {"num_workers": -1},
    "timeout": {"timeout": -1},
    "prefetch without workers": {"prefetch_factor": 2},
    "prefetch": {"num_workers": 1, "prefetch_factor": -1},
    "persistent": {"persistent_workers": True},
    "sampler and shuffle": {"sampler": [0], "shuffle": True},
    "batch sampler and size": {"batch_sampler": [[0]], "batch_size": 2},
    "batch sampler and shuffle": {"batch_sampler": [[0]], "shuffle": True},
    "batch sampler and sampler": {"batch_sampler": [[0]], "sampler": [0]},
    "batch sampler and last": {"batch_sampler": [[0]], "drop_last": True},
    "batch size and last": {"batch_size": None, "drop_last": True},
    "batch size": {"batch_size": 0},
    "batch size kind": {"batch_size": 1.5},
    "last kind": {"drop_last": 1},
    "context": {"multiprocessing_context": "fork"},
    "context name": {"multiprocessing_context": "thread", "num_workers": 1},
    "context kind": {"multiprocessing_context": 3, "num_workers": 1},
}


@pytest.mark.oracle
@pytest.mark.parametrize("case", REFUSED)
def test_arguments_are_refused_as_pytorch_does(case: str) -> None:
    compare(lambda t: type(t.utils.data.DataLoader(ranges(t), **REFUSED[case])).__name__)
    with pytest.raises((ValueError, TypeError)):
        DataLoader(ranges(tracegraph), **REFUSED[case])


@pytest.mark.oracle
@pytest.mark.parametrize("arguments", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}], ids=str)
def test_an_iterable_dataset_has_its_own_order(arguments: dict[str, Any]) -> None:
    compare(lambda t: len(t.utils.data.DataLoader(counting(t, 1), **arguments)))


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "num_workers"])
def test_what_can_be_changed(name: str) -> None:
    def change(library: Any) -> Any:
        loader = library.utils.data.DataLoader(ranges(library))
        setattr(loader, name, 0)
        return getattr(loader, name)

    compare(change)


@pytest.mark.oracle
def test_more_than_the_length_is_warned_of() -> None:
    def warned(library: Any) -> list[int]:
        class Longer(library.utils.data.IterableDataset):  # type: ignore[misc]
            def __iter__(self) -> Any:
                return iter(range(4))

            def __len__(self) -> int:
                return 3

        counts = []
        for asked in (False, True):
            loader = library.utils.data.DataLoader(Longer(), batch_size=None)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                if asked:
                    len(loader)
                list(loader)
            counts.append(len(caught))
        return counts

    compare(warned)


def test_a_timeout_needs_workers() -> None:
    with pytest.raises(ValueError, match="timeout needs num_workers"):
        iter(DataLoader([1], timeout=1))


def order(loader: DataLoader) -> list[Any]:
    return [batch.tolist() for batch in loader]


def test_shuffling_is_repeated_by_seed_and_generator() -> None:
    def orders(seed: int, **arguments: Any) -> list[Any]:
        tracegraph.manual_seed(seed)
        loader = DataLoader(range(30), batch_size=4, shuffle=True, **arguments)
        return [order(loader), order(loader)]

    first, again, other = orders(1), orders(1), orders(2)
    assert first == again != other
    assert first[0] != first[1]
    assert sorted(index for batch in first[0] for index in batch) == list(range(30))
    assert orders(1, num_workers=1) == first
    given = [orders(seed, generator=tracegraph.Generator().manual_seed(5)) for seed in (1, 2)]
    assert given[0] == given[1] != first


def test_batches_leave_a_traced_step_static() -> None:
    tracegraph.manual_seed(0)
    data = TensorDataset(tracegraph.rand(40, 3), tracegraph.randint(0, 2, (40,)))
    arrays = [(np.random.default_rng(i).random(3, np.float32), i % 2) for i in range(40)]
    model = nn.Linear(3, 2)
    optimiser = optim.SGD(model.parameters(), lr=0.1)

    @tracegraph.trace
    def step(x: Any, y: Any) -> Any:
        optimiser.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimiser.step()
        return loss

    for dataset in (data, arrays):
        for workers in (0, 1):
            for x, y in DataLoader(dataset, batch_size=8, shuffle=True, num_workers=workers):
                assert not has_exposed_memory(x)
                assert not has_exposed_memory(y)
                step(x, y)
    explained = step.explain()
    assert explained.verdict == "static", explained
    assert len(step.entries) == 1, explained
    assert multiprocessing.active_children() == []
