"""Samplers: the order in which a `DataLoader` takes the samples of a dataset, one by one or in batches.

What is random comes from the library's generator, so that `tracegraph.manual_seed` repeats it.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from tracegraph import random
from tracegraph.construct import as_array
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.tensor import Tensor, wrap

_Index = TypeVar("_Index", covariant=True)

_SEEDS = 2**53
_CHUNK = 32


def draw_seed(generator: random.Generator | None = None) -> int:
    """A seed from the library's generator: an int of [0, 2**53)."""
    return int(random.randint(0, _SEEDS, (), generator=generator).item())


class Sampler(Generic[_Index]):
    """A sequence of indices, each time it is iterated over: a subclass gives `__iter__`, and `__len__` if known.

    >>> class Backwards(Sampler):
    ...     def __init__(self, data):
    ...         self.data = data
    ...
    ...     def __iter__(self):
    ...         return iter(range(len(self.data) - 1, -1, -1))
    >>> list(Backwards("abc"))
    [2, 1, 0]
    """

    def __iter__(self) -> Iterator[_Index]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class SequentialSampler(Sampler[int]):
    """All indices in order.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices in random order; with replacement, each drawn from all.

    Args:
        data_source: what has a length.
        replacement: whether an index may come again.
        num_samples: how many indices; as many as there are when left out. More than that are drawn in further rounds.
        generator: what to draw from. When left out, each iteration takes one number of the default generator as the
            seed of a generator of its own, so that what is drawn meanwhile changes nothing.

    Raises:
        ArgumentTypeError: when `replacement` is no bool.
        ArgumentError: when `num_samples` is no positive int.

    >>> sorted(RandomSampler("abc"))
    [0, 1, 2]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: Any = False,
        num_samples: Any = None,
        generator: random.Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise ArgumentTypeError(f"RandomSampler: replacement must be a bool, got {replacement!r}")
        self.data_source = data_source
        self.replacement = replacement
        self.generator = generator
        self._num_samples = num_samples
        count: Any = self.num_samples
        if not isinstance(count, int) or count <= 0:
            raise ArgumentError(f"RandomSampler: num_samples must be a positive int, got {count!r}")

    @property
    def num_samples(self) -> int:
        """How many indices an iteration gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        generator = self.generator
        if generator is None:
            generator = random.Generator().manual_seed(draw_seed())
        count = len(self.data_source)
        return itertools.islice(self._endless(count, generator), self.num_samples)

    def _endless(self, count: int, generator: random.Generator) -> Iterator[int]:
        while True:
            if self.replacement:
                yield from random.randint(0, count, (_CHUNK,), generator=generator).tolist()
            else:
                yield from random.randperm(count, generator=generator).tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in random order.

    >>> sorted(SubsetRandomSampler([3, 1, 7]))
    [1, 3, 7]
    """

    def __init__(self, indices: Sequence[int], generator: random.Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = random.randperm(len(self.indices), generator=self.generator).tolist()
        return (self.indices[place] for place in order)

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with given weights, which need not sum to one.

    Args:
        weights: one number for each sample.
        num_samples: how many to draw.
        replacement: whether an index may come again.
        generator: what to draw from; the default generator when left out.

    Raises:
        ArgumentError: for weights that are no vector, or arguments of another kind; while iterating, when a weight is
            negative or not finite, or fewer than wanted can be drawn.

    >>> list(WeightedRandomSampler([0.0, 1.0, 0.0], 2))
    [1, 1]
    """

    def __init__(
        self,
        weights: Any,
        num_samples: Any,
        replacement: Any = True,
        generator: random.Generator | None = None,
    ) -> None:
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ArgumentError(f"WeightedRandomSampler: num_samples must be a positive int, got {num_samples!r}")
        if not isinstance(replacement, bool):
            raise ArgumentError(f"WeightedRandomSampler: replacement must be a bool, got {replacement!r}")
        values = as_array(weights._data if isinstance(weights, Tensor) else weights, np.float64)
        if values.ndim != 1:
            raise ArgumentError(f"WeightedRandomSampler: weights must be a vector, got the shape {values.shape}")
        self.weights = wrap(values.copy())
        self.num_samples: int = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        weights = self.weights._data
        if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise ArgumentError("WeightedRandomSampler: weights must be finite, not negative, and not all zero")
        if not self.replacement:
            return iter(random.multinomial(self.weights, self.num_samples, generator=self.generator).tolist())
        # A binary search in the running sums, where `multinomial` compares each draw with each of them.
        ends = np.cumsum(weights)
        drawn = random.rand(self.num_samples, dtype=np.float64, generator=self.generator)._data
        last = int(np.flatnonzero(weights)[-1])
        return iter(np.minimum(np.searchsorted(ends, drawn * ends[-1], side="right"), last).tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler in lists of `batch_size`.

    Args:
        sampler: any iterable of indices.
        batch_size: how many indices make a batch.
        drop_last: whether a last batch of fewer is left out.

    Raises:
        ArgumentError: for arguments of another kind.

    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: Any, drop_last: Any) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ArgumentError(f"batch_size must be a positive int, got {batch_size!r}")
        if not isinstance(drop_last, bool):
            raise ArgumentError(f"drop_last must be a bool, got {drop_last!r}")
        self.sampler = sampler
        self.batch_size: int = batch_size
        self.drop_last: bool = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
