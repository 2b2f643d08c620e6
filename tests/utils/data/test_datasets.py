"""Datasets and splits against PyTorch's."""

import collections
import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.utils.data.both import compare
from tracegraph.utils.data import Dataset, IterableDataset, Subset, random_split

pytestmark = pytest.mark.oracle


def counting(library: Any, *values: Any) -> Any:
    class Counting(library.utils.data.IterableDataset):  # type: ignore[misc]
        def __iter__(self) -> Any:
            return iter(values)

        def __len__(self) -> int:
            return len(values)

    return Counting()


def listed(library: Any, *values: Any) -> Any:
    class Listed(library.utils.data.Dataset):  # type: ignore[misc]
        def __getitem__(self, index: int) -> Any:
            return values[index]

        def __len__(self) -> int:
            return len(values)

    return Listed()


def ranges(library: Any) -> Any:
    return library.utils.data.TensorDataset(library.arange(5), library.arange(10).reshape(5, 2))


CASES: dict[str, Any] = {
    "tensors": lambda t: [ranges(t)[3], ranges(t)[-1], ranges(t)[1:3], len(ranges(t))],
    "tensors past the end": lambda t: ranges(t)[5],
    "tensors of two sizes": lambda t: t.utils.data.TensorDataset(t.zeros(2), t.zeros(3)),
    "no getitem": lambda t: t.utils.data.Dataset()[0],
    "stack tuple": lambda t: [t.utils.data.StackDataset(range(3), "abc")[2]],
    "stack dict": lambda t: t.utils.data.StackDataset(a=range(3), b="abc").__getitems__([2, 0]),
    "stack nested": lambda t: t.utils.data.StackDataset(t.utils.data.Subset("abc", [2, 1]), "de").__getitems__([1, 0]),
    "stack length": lambda t: len(t.utils.data.StackDataset(range(3), "abc")),
    "stack both": lambda t: t.utils.data.StackDataset(range(3), b="abc"),
    "stack none": lambda t: t.utils.data.StackDataset(),
    "stack sizes": lambda t: t.utils.data.StackDataset(range(3), "ab"),
    "concat": lambda t: [t.utils.data.ConcatDataset(["ab", "", "cde"])[i] for i in (0, 1, 2, 4, -1, -5)],
    "concat sizes": lambda t: t.utils.data.ConcatDataset(["ab", "", "cde"]).cumulative_sizes,
    "concat before": lambda t: t.utils.data.ConcatDataset(["ab"])[-3],
    "concat after": lambda t: t.utils.data.ConcatDataset(["ab"])[2],
    "concat none": lambda t: t.utils.data.ConcatDataset([]),
    "concat iterable": lambda t: t.utils.data.ConcatDataset([counting(t, 1)]),
    "add": lambda t: list(map((listed(t, 1, 2) + listed(t, 3)).__getitem__, range(3))),
    "add iterable": lambda t: list(counting(t, 1, 2) + counting(t, 3)),
    "chain": lambda t: list(t.utils.data.ChainDataset([counting(t, 1, 2), counting(t, 3)])),
    "chain length": lambda t: len(t.utils.data.ChainDataset([counting(t, 1, 2), counting(t, 3)])),
    "chain other": lambda t: list(t.utils.data.ChainDataset([counting(t, 1, 2), [3]])),
    "subset": lambda t: [t.utils.data.Subset("abcd", [3, 0])[i] for i in (0, 1, -1)],
    "subset list": lambda t: t.utils.data.Subset(t.arange(5), [3, 0, 4])[[2, 0]],
    "subset many": lambda t: t.utils.data.Subset("abcd", [3, 0, 1]).__getitems__([2, 0]),
    "subset past the end": lambda t: t.utils.data.Subset("abcd", [3, 0])[2],
}


@pytest.mark.parametrize("case", CASES)
def test_as_pytorch(case: str) -> None:
    compare(CASES[case])


@pytest.mark.parametrize("count", [0, 1, 2, 7, 10, 101])
@pytest.mark.parametrize(
    "parts",
    [
        [0.5, 0.5],
        [0.3, 0.3, 0.4],
        [1 / 3] * 3,
        [1.0],
        [0.99, 0.01],
        [0.9, 0.2, -0.1],
        [1.1, -0.1],
        [3, 4],
        [10],
        [1],
        [0.5, 1.5],
    ],
    ids=str,
)
def test_lengths_of_splits(parts: list[float], count: int) -> None:
    def lengths(library: Any) -> Any:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            split = library.utils.data.random_split(range(count), parts)
        assert sorted(value for part in split for value in part) == list(range(count))
        return [len(part) for part in split], len(caught)

    compare(lengths)


def test_a_split_is_repeated_by_its_generator() -> None:
    def indices(generator: tracegraph.Generator) -> Any:
        return [part.indices for part in random_split(range(50), [20, 30], generator=generator)]

    first, again, other = (indices(tracegraph.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first == again != other
    order = tracegraph.randperm(50, generator=tracegraph.Generator().manual_seed(1)).tolist()
    assert first == [order[:20], order[20:]]


def test_a_subset_cannot_be_half_overridden() -> None:
    class Half(Subset[Any]):
        def __getitem__(self, index: Any) -> Any:
            return -index

    class Whole(Half):
        def __getitems__(self, indices: list[int]) -> list[Any]:
            return [self[index] for index in indices]

    with pytest.raises(NotImplementedError, match="needs a __getitems__"):
        Half(range(3), [0])
    assert Whole(range(3), [0, 1]).__getitems__([1]) == [-1]


def test_a_dataset_says_what_is_missing() -> None:
    class Nothing(IterableDataset[int]):
        pass

    with pytest.raises(NotImplementedError, match="Nothing must define __iter__"):
        iter(Nothing())
    with pytest.raises(NotImplementedError, match="Dataset must define __getitem__"):
        Dataset()[0]


Point = collections.namedtuple("Point", ["x", "y"])


def tensor(library: Any, values: Any, dtype: str = "float32") -> Any:
    return library.tensor(values, dtype=getattr(library, dtype))


COLLATED: dict[str, Any] = {
    "tensors": lambda t: [t.ones(2, 3), t.zeros(2, 3)],
    "integers": lambda t: [t.arange(3), t.arange(3)],
    "scalars": lambda t: [t.tensor(1.5), t.tensor(2.5)],
    "dtypes": lambda t: [t.ones(2), tensor(t, [1, 2], "int64"), tensor(t, [1, 2], "float64")],
    "shapes": lambda t: [t.ones(2), t.ones(3)],
    "arrays": lambda t: [np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)],
    "doubles": lambda t: [np.ones(2), np.zeros(2)],
    "arrays of two shapes": lambda t: [np.ones(2), np.zeros(3)],
    "0-d arrays": lambda t: [np.array(1), np.array(2)],
    "uint8": lambda t: [np.arange(4, dtype=np.uint8).reshape(2, 2).T] * 2,
    "strings in arrays": lambda t: [np.array(["a"]), np.array(["b"])],
    "objects in arrays": lambda t: [np.array([None])] * 2,
    "numpy numbers": lambda t: [np.float32(1), np.float32(2)],
    "numpy doubles": lambda t: [np.float64(1), np.float64(2)],
    "numpy ints": lambda t: [np.int32(1), np.int32(2)],
    "numpy bools": lambda t: [np.bool_(True), np.bool_(False)],
    "floats": lambda t: [1.5, 2.5],
    "ints": lambda t: [1, 2],
    "bools": lambda t: [True, False],
    "int first": lambda t: [1, 2.5],
    "strings": lambda t: ["a", "b"],
    "bytes": lambda t: [b"a", b"b"],
    "tuples": lambda t: [(t.ones(2), 1), (t.zeros(2), 2)],
    "lists": lambda t: [[1, "a"], [2, "b"]],
    "nested": lambda t: [{"x": (1, [2.0])}, {"x": (3, [4.0])}],
    "named": lambda t: [Point(1, t.ones(1)), Point(2, t.ones(1))],
    "ordered": lambda t: [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
    "default dict": lambda t: [collections.defaultdict(int, a=1), collections.defaultdict(int, a=2)],
    "user dict": lambda t: [collections.UserDict(a=1), collections.UserDict(a=2)],
    "lengths": lambda t: [[1, 2], [3]],
    "missing key": lambda t: [{"a": 1}, {"b": 2}],
    "ranges": lambda t: [range(2), range(2)],
    "none": lambda t: [None, None],
    "objects": lambda t: [object(), object()],
    "empty": lambda t: [],
    "one": lambda t: [3],
}


@pytest.mark.parametrize("case", COLLATED)
def test_default_collate(case: str) -> None:
    compare(lambda t: t.utils.data.default_collate(COLLATED[case](t)))


@pytest.mark.parametrize("case", COLLATED)
def test_default_convert(case: str) -> None:
    compare(lambda t: t.utils.data.default_convert([x for x in COLLATED[case](t) if type(x) is not object]))


def test_collation_keeps_the_gradient() -> None:
    def gradient(library: Any) -> Any:
        x = library.ones(2, requires_grad=True)
        library.utils.data.default_collate([x * 2, x * 3]).sum().backward()
        return x.grad

    compare(gradient)


def test_a_batch_shares_no_memory() -> None:
    first = np.zeros(3, np.float32)
    for batch in (
        tracegraph.utils.data.default_collate([first]),
        tracegraph.utils.data.default_convert([first])[0],
        tracegraph.utils.data.default_collate([tracegraph.from_numpy(first)]),
    ):
        batch.fill_(1)
    assert not first.any()
