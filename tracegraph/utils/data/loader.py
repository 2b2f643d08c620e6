"""`DataLoader`: a dataset in batches, in order or shuffled, made here or by worker processes."""

import itertools
import math
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.context import BaseContext
from typing import Any

from tracegraph.random import Generator
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.utils.data.collate import default_collate, default_convert
from tracegraph.utils.data.dataset import IterableDataset
from tracegraph.utils.data.fetch import Fetching
from tracegraph.utils.data.iteration import LocalIteration, Plan, WorkerIteration
from tracegraph.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler

_FIXED = frozenset({"batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"})


class DataLoader:
    """The batches of a dataset, each time it is iterated over.

    Args:
        dataset: with `__getitem__` and `__len__`, or an `IterableDataset`.
        batch_size: samples in a batch; None for samples as they are.
        shuffle: whether the order is drawn anew for each iteration.
        sampler: another order of the indices.
        batch_sampler: another order of lists of indices.
        num_workers: how many processes make the batches; 0 for none but this one. They are started in the way usual
            on the platform; a forked one may use tensors.
        collate_fn: makes a batch of a list of samples; `default_collate`, or without batches `default_convert`.
        pin_memory: without effect, since there is no device but the CPU.
        drop_last: whether a last batch of fewer samples is left out.
        timeout: seconds to wait for a batch from the workers; 0 for ever.
        worker_init_fn: called with the number of the worker in each, after seeding and before the first batch.
        multiprocessing_context: a context of `multiprocessing`, or the name of a way to start processes.
        generator: what shuffling and the seeds of the workers are drawn from; the default generator when left out.
        prefetch_factor: batches that each worker makes ahead; 2 when left out.
        persistent_workers: whether the workers live on after an iteration, for the next one.
        pin_memory_device: without effect.
        in_order: whether batches keep their order; if not, the first one made comes first.

    Worker i seeds the library's generator and Python's `random` with a number drawn for the iteration plus i, and
    NumPy's global generator with both. What is raised in a worker is raised here as well, with
    its traceback as the message.

    Raises:
        ArgumentError: for arguments that exclude each other or are out of range.

    >>> data = tracegraph.utils.data.TensorDataset(tracegraph.arange(5), tracegraph.ones(5, 2))
    >>> [numbers.tolist() for numbers, ones in DataLoader(data, batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: BaseContext | str | None = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self._iterable = isinstance(dataset, IterableDataset)
        _check_order(self._iterable, batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = _context(multiprocessing_context, num_workers)
        self.in_order = in_order
        if sampler is None:
            sampler = _default_sampler(dataset, self._iterable, bool(shuffle), generator)
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.persistent_workers = persistent_workers
        self._reported_length: int | None = None
        self._iterator: WorkerIteration | None = None
        self._complete = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "_complete" in self.__dict__:
            raise ArgumentError(f"DataLoader: {name} cannot be changed; make another DataLoader")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        plan = self._plan()
        if not self.num_workers:
            return LocalIteration(plan)
        if not self.persistent_workers:
            return WorkerIteration(plan)
        if self._iterator is None or not self._iterator.restart(plan):
            self._iterator = WorkerIteration(plan)
        return self._iterator

    def __len__(self) -> int:
        if not self._iterable:
            return len(self._order)  # type: ignore[arg-type]
        self._reported_length = count = len(self.dataset)
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else math.ceil(count / self.batch_size)

    @property
    def _order(self) -> Iterable[Any]:
        """What is fetched one after another: lists of indices, or indices."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _plan(self) -> Plan:
        batched = self.batch_sampler is not None
        return Plan(
            fetching=Fetching(self.dataset, self._iterable, batched, self.collate_fn, self.drop_last),
            order=self._order,
            reported_length=self._reported_length,
            generator=self.generator,
            workers=self.num_workers,
            ahead=max(self.prefetch_factor or 1, 1),
            prepare=self.worker_init_fn,
            context=self.multiprocessing_context or multiprocessing.get_context(),
            timeout=self.timeout,
            persistent=self.persistent_workers,
            in_order=self.in_order,
        )


class _Endless:
    """The order of an iterable dataset, which has none: as many places as are asked for."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


def _default_sampler(dataset: Any, iterable: bool, shuffle: bool, generator: Generator | None) -> Iterable[Any]:
    if iterable:
        return _Endless()
    return RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    if num_workers < 0:
        raise ArgumentError(f"DataLoader: num_workers must not be negative, got {num_workers}; 0 is for no workers")
    if timeout < 0:
        raise ArgumentError(f"DataLoader: timeout must not be negative, got {timeout}")
    if prefetch_factor is not None and num_workers == 0:
        raise ArgumentError("DataLoader: prefetch_factor needs num_workers > 0")
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ArgumentError(f"DataLoader: prefetch_factor must not be negative, got {prefetch_factor}")
    if persistent_workers and num_workers == 0:
        raise ArgumentError("DataLoader: persistent_workers needs num_workers > 0")


def _check_order(
    iterable: bool, batch_size: int | None, shuffle: bool | None, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    if iterable:
        for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
            if value is not None:
                raise ArgumentError(f"DataLoader: an IterableDataset has its own order; {name} does not go with it")
    if sampler is not None and shuffle:
        raise ArgumentError("DataLoader: sampler and shuffle exclude each other")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ArgumentError("DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last")
    if batch_sampler is None and batch_size is None and drop_last:
        raise ArgumentError("DataLoader: batch_size=None makes no batches and excludes drop_last")


def _context(given: BaseContext | str | None, num_workers: int) -> BaseContext | None:
    if given is None:
        return None
    if not num_workers:
        raise ArgumentError("DataLoader: multiprocessing_context needs num_workers > 0")
    if isinstance(given, str):
        methods = multiprocessing.get_all_start_methods()
        if given not in methods:
            raise ArgumentError(f"DataLoader: multiprocessing_context must be one of {methods}, got {given!r}")
        return multiprocessing.get_context(given)
    if not isinstance(given, BaseContext):
        raise ArgumentTypeError(
            "DataLoader: multiprocessing_context must be a context of multiprocessing or the name of a start method, "
            f"got {type(given).__name__}"
        )
    return given
