"""`Fetcher`: how indices become a batch, in the process of the loop as in a worker."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tracegraph.utils.data.dataset import samples_of


@dataclass(frozen=True)
class Fetching:
    """What batches are made of: the dataset, whether it is iterated over, whether samples are put together."""

    dataset: Any
    iterable: bool
    batched: bool
    collate: Callable[[Any], Any]
    drop_last: bool


class Fetcher:
    """Makes batches; an iterable dataset is iterated over from the start by each new fetcher."""

    def __init__(self, fetching: Fetching) -> None:
        self._fetching = fetching
        self._samples: Iterator[Any] | None = iter(fetching.dataset) if fetching.iterable else None
        self._ended = False

    def fetch(self, indices: Any) -> Any:
        """The batch of a list of indices, or, where nothing is put together, the sample of an index.

        Raises:
            StopIteration: the iterable dataset has no more.
        """
        how = self._fetching
        if self._samples is None:
            return how.collate(samples_of(how.dataset, indices) if how.batched else how.dataset[indices])
        if not how.batched:
            return how.collate(next(self._samples))
        return how.collate(self._next_samples(len(indices)))

    def _next_samples(self, count: int) -> list[Any]:
        if self._ended or self._samples is None:
            raise StopIteration
        batch = []
        for sample in self._samples:
            batch.append(sample)
            if len(batch) == count:
                return batch
        self._ended = True
        if not batch or self._fetching.drop_last:
            raise StopIteration
        return batch
