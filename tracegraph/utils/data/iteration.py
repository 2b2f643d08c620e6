"""One iteration of a `DataLoader`: `LocalIteration` makes batches when they are asked for, `WorkerIteration` ahead."""

import itertools
import os
import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from typing import Any

from tracegraph.random import Generator
from tracegraph.runtime.errors import ArgumentError
from tracegraph.utils.data.fetch import Fetcher, Fetching
from tracegraph.utils.data.pool import WorkerPool
from tracegraph.utils.data.sampler import draw_seed
from tracegraph.utils.data.worker import Ended, Failure, Task


@dataclass(frozen=True)
class Plan:
    """What an iteration knows of its loader, which may be gone before it ends."""

    fetching: Fetching
    order: Iterable[Any]
    reported_length: int | None
    generator: Generator | None
    workers: int
    ahead: int
    prepare: Callable[[int], Any] | None
    context: BaseContext
    timeout: float
    persistent: bool
    in_order: bool

    def warn_if_longer(self, count: int) -> None:
        """Warn of more batches than the dataset's length, after that was asked for."""
        if self.reported_length is not None and count > self.reported_length:
            advice = "; with workers, each has to take a part, see get_worker_info" if self.workers else ""
            warnings.warn(
                f"DataLoader: the IterableDataset has a length of {self.reported_length}, but {count} came{advice}",
                stacklevel=3,
            )


class LocalIteration(Iterator[Any]):
    """The batches of one iteration, made in this process."""

    def __init__(self, plan: Plan) -> None:
        if plan.timeout != 0:
            raise ArgumentError("DataLoader: a timeout needs num_workers > 0")
        self._plan = plan
        self._indices = iter(plan.order)
        draw_seed(plan.generator)  # not needed, but drawn with workers, and the number of workers changes no result
        self._fetcher = Fetcher(plan.fetching)
        self._count = 0

    def __next__(self) -> Any:
        batch = self._fetcher.fetch(next(self._indices))
        self._count += 1
        self._plan.warn_if_longer(self._count)
        return batch

    def __len__(self) -> int:
        return len(self._plan.order)  # type: ignore[arg-type]


class WorkerIteration(Iterator[Any]):
    """The batches of one iteration, made ahead by processes, which end with it unless they are persistent."""

    def __init__(self, plan: Plan) -> None:
        _warn_of_many(plan.workers)
        self._epoch = 0
        self._begin(plan)
        seed = draw_seed(plan.generator)
        self._pool = WorkerPool(plan.context, plan.workers, seed, plan.fetching, plan.prepare, plan.timeout)
        self._close = weakref.finalize(self, self._pool.close)
        self._give_out()

    def _begin(self, plan: Plan) -> None:
        self._plan = plan
        self._indices = iter(plan.order)
        self._given = self._count = 0
        self._turns = itertools.cycle(range(plan.workers))
        self._left = set(range(plan.workers))
        """The workers whose iterable dataset, if it is one, has not ended."""
        self._under_way: dict[int, int] = {}
        """The worker of each task that was given out, in the order of the tasks."""
        self._arrived: dict[int, Any] = {}

    def restart(self, plan: Plan) -> bool:
        """Begin the next iteration with the same workers; False where they are gone."""
        if not self._pool.is_open:
            return False
        self._epoch += 1
        self._begin(plan)
        draw_seed(plan.generator)
        self._give_out()
        return True

    def __next__(self) -> Any:
        while self._under_way:
            number = self._await()
            worker, answer = self._under_way.pop(number), self._arrived.pop(number)
            if isinstance(answer, Ended):
                self._left.discard(worker)
            self._give_out()
            if isinstance(answer, Failure):
                answer.raise_again()
            if not isinstance(answer, Ended):
                self._count += 1
                self._plan.warn_if_longer(self._count)
                return answer
        if not self._plan.persistent:
            self._close()
        raise StopIteration

    def _await(self) -> int:
        """The number of the task whose answer comes next, once it is there."""
        wanted = next(iter(self._under_way))
        while wanted not in self._arrived and (self._plan.in_order or not self._arrived):
            epoch, number, answer = self._pool.answer()
            if epoch == self._epoch:  # else it belongs to an iteration that was left
                self._arrived[number] = answer
        return wanted if self._plan.in_order else next(iter(self._arrived))

    def _give_out(self) -> None:
        """Give out tasks until the workers have as many as they may make ahead."""
        while len(self._under_way) < self._plan.ahead * len(self._left):
            try:
                indices = next(self._indices)
            except StopIteration:
                return
            worker = self._next_worker()
            self._pool.give(worker, Task(self._epoch, self._given, indices))
            self._under_way[self._given] = worker
            self._given += 1

    def _next_worker(self) -> int:
        if self._plan.in_order:
            return next(worker for worker in self._turns if worker in self._left)
        loads = Counter(self._under_way.values())
        return min(self._left, key=lambda worker: loads[worker])

    def __len__(self) -> int:
        return len(self._plan.order)  # type: ignore[arg-type]


def _warn_of_many(workers: int) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if workers > cores:
        warnings.warn(
            f"DataLoader: {workers} worker processes on {cores} cores may be slower than {cores} would be", stacklevel=4
        )
