"""Datasets, and datasets made of others: `TensorDataset`, `Subset`, `ConcatDataset`, `ChainDataset`, `random_split`."""

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from tracegraph import random
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.tensor import Tensor
from tracegraph.utils.data.errors import DatasetError

_Sample = TypeVar("_Sample", covariant=True)
_Any = TypeVar("_Any")


class Dataset(Generic[_Sample]):
    """Samples found by index: a subclass gives `__getitem__`, and `__len__` where a sampler or a split needs it.

    A `__getitems__(indices)` that gives a list of samples is used by `DataLoader` where there is one. `a + b` has the
    samples of both.

    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 4
    ...
    ...     def __getitem__(self, index):
    ...         return index * index
    >>> (Squares() + Squares())[6]
    4
    """

    def __getitem__(self, index: Any) -> _Sample:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __add__(self, other: "Dataset[Any]") -> "Dataset[Any]":
        return ConcatDataset([self, other])


class IterableDataset(Dataset[_Sample]):
    """Samples that come one after another: a subclass gives `__iter__`.

    With workers, each process iterates over its own copy: `get_worker_info` tells the copies apart.

    >>> class Countdown(IterableDataset):
    ...     def __iter__(self):
    ...         return iter([3, 2, 1])
    >>> list(Countdown() + Countdown())
    [3, 2, 1, 3, 2, 1]
    """

    def __iter__(self) -> Iterator[_Sample]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """The rows of tensors: sample i is a tuple of the i-th of each.

    Args:
        tensors: of equal size in the first dimension.

    Raises:
        DatasetError: when the sizes differ.

    >>> TensorDataset(tracegraph.arange(3), tracegraph.ones(3, 2))[1]
    (tensor(1), tensor([1., 1.]))
    """

    def __init__(self, *tensors: Tensor) -> None:
        sizes = [tensor.size(0) for tensor in tensors]
        if len(set(sizes)) > 1:
            raise DatasetError(f"TensorDataset: the tensors have different sizes in the first dimension: {sizes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].size(0))


class StackDataset(Dataset[Any]):
    """Datasets side by side: a sample is a tuple of one of each, or a dict when they are given by name.

    Raises:
        ArgumentError: when none are given, some by name and some not, or when they differ in length.

    >>> StackDataset(image=range(3), label="abc")[1]
    {'image': 1, 'label': 'b'}
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ArgumentError("StackDataset: takes at least one dataset, either all by position or all by name")
        self.datasets: tuple[Any, ...] | dict[str, Any] = args or kwargs
        lengths = [len(dataset) for dataset in self._parts()]
        if len(set(lengths)) > 1:
            raise ArgumentError(f"StackDataset: the datasets have different lengths: {lengths}")
        self._length = lengths[0]

    def _parts(self) -> list[Any]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _sample(self, values: Iterable[Any]) -> Any:
        return dict(zip(self.datasets, values, strict=True)) if isinstance(self.datasets, dict) else tuple(values)

    def __getitem__(self, index: Any) -> Any:
        return self._sample([dataset[index] for dataset in self._parts()])

    def __getitems__(self, indices: list[Any]) -> list[Any]:
        """The samples of several indices."""
        columns = [samples_of(dataset, indices) for dataset in self._parts()]
        for column in columns:
            if len(column) != len(indices):
                raise ArgumentError(f"StackDataset: a dataset gave {len(column)} samples for {len(indices)} indices")
        return [self._sample(values) for values in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[_Sample]):
    """Datasets one after another, found by one index.

    Raises:
        DatasetError: when there is none, or an `IterableDataset` among them.

    >>> ConcatDataset(["ab", "cd"])[-1]
    'd'
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise DatasetError("ConcatDataset: needs at least one dataset")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise DatasetError("ConcatDataset: an IterableDataset has no indices; use ChainDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """Where each dataset ends."""
        return list(itertools.accumulate(len(part) for part in sequence))

    def __getitem__(self, index: int) -> _Sample:
        if index < 0:
            if -index > len(self):
                raise ArgumentError(f"ConcatDataset: index {index} is before the first of {len(self)} samples")
            index += len(self)
        part = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[part - 1] if part else 0
        return self.datasets[part][index - before]  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset[_Sample]):
    """Iterable datasets one after another.

    Raises:
        DatasetError: while iterating, at one that is no `IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise DatasetError(f"ChainDataset: takes IterableDatasets, got {type(dataset).__name__}")
            yield dataset

    def __iter__(self) -> Iterator[_Sample]:
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())


class Subset(Dataset[_Sample]):
    """The samples of a dataset at some indices.

    Raises:
        NotImplementedError: for a subclass with its own `__getitem__` but no `__getitems__`, which would go past it.

    >>> list(Subset("abcdef", [4, 0, 1]))
    ['e', 'a', 'b']
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        own = type(self)
        if own.__getitem__ is not Subset.__getitem__ and own.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{own.__name__} has its own __getitem__ and needs a __getitems__, which DataLoader calls, such as\n"
                "    def __getitems__(self, indices):\n        return [self[index] for index in indices]"
            )
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> _Sample:
        if isinstance(index, list):
            return self.dataset[[self.indices[one] for one in index]]  # type: ignore[no-any-return]
        return self.dataset[self.indices[index]]  # type: ignore[no-any-return]

    def __getitems__(self, indices: list[int]) -> list[_Sample]:
        """The samples of several indices."""
        return samples_of(self.dataset, [self.indices[index] for index in indices])

    def __len__(self) -> int:
        return len(self.indices)


def samples_of(dataset: Any, indices: Sequence[Any]) -> list[Any]:
    """The samples of several indices, at once where the dataset can."""
    several = getattr(dataset, "__getitems__", None)
    return several(indices) if several else [dataset[index] for index in indices]


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: random.Generator | None = random.default_generator
) -> list[Subset[Any]]:
    """Split a dataset at random into parts of given lengths, or of given fractions that sum to 1.

    A fraction is rounded down; what is left over goes one by one to the first parts.

    Raises:
        ArgumentError: when the lengths do not sum to the dataset's, or a fraction is outside of [0, 1].

    >>> train, test = random_split(range(10), [0.75, 0.25])
    >>> len(train), len(test), sorted([*train, *test]) == list(range(10))
    (8, 2, True)
    """
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        counts = _lengths_of_fractions(len(dataset), lengths)
    else:
        counts = _checked_lengths(len(dataset), lengths)
    order = random.randperm(sum(counts), generator=generator).tolist()
    return [
        Subset(dataset, order[end - count : end])
        for end, count in zip(itertools.accumulate(counts), counts, strict=True)
    ]


def _checked_lengths(total: int, lengths: Sequence[int | float]) -> list[int]:
    if sum(lengths) != total:
        raise ArgumentError(f"random_split: {list(lengths)} do not sum to the {total} samples there are, or to 1")
    counts = [length for length in lengths if isinstance(length, int)]
    if len(counts) < len(lengths):
        raise ArgumentTypeError(f"random_split: lengths are ints, or fractions that sum to 1, got {list(lengths)}")
    return counts


def _lengths_of_fractions(total: int, fractions: Sequence[float]) -> list[int]:
    for position, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ArgumentError(f"random_split: fraction {position} is {fraction}, not between 0 and 1")
    counts = [math.floor(total * fraction) for fraction in fractions]
    for position in range(total - sum(counts)):
        counts[position % len(counts)] += 1
    for position, count in enumerate(counts):
        if count == 0:
            warnings.warn(f"random_split: part {position} is empty", stacklevel=3)
    return counts
