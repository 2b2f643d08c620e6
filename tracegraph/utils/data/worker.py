"""What a worker process of a `DataLoader` does: it is seeded, fetches the batches it is told to, and sends them back.

Each task is answered once, in order, with a batch, a `Failure` or `ENDED`. A thread of the worker reads the tasks, so
that the main process never waits to give one, and ends the worker when the main process is gone.
"""

import os
import queue
import random as python_random
import threading
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection as connections
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from tracegraph import random
from tracegraph.runtime import set_num_threads
from tracegraph.utils.data import transfer
from tracegraph.utils.data.errors import WorkerError
from tracegraph.utils.data.fetch import Fetcher, Fetching


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this process is: `id` of `num_workers`, its `seed`, and its copy of the `dataset`."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


@dataclass(frozen=True)
class Task:
    """One batch to make: `number` in the iteration `epoch`."""

    epoch: int
    number: int
    indices: Any


class Ended:
    """The answer that the worker's iterable dataset has no more."""


@dataclass(frozen=True)
class Failure:
    """An exception that travels as its class and the text of its traceback."""

    kind: type[BaseException]
    text: str

    def raise_again(self) -> None:
        """Raise an exception of the same class whose message holds the worker's traceback."""
        try:
            error = self.kind(_KeyText(self.text) if issubclass(self.kind, KeyError) else self.text)
        except Exception:  # noqa: BLE001 - a class that wants other arguments
            error = WorkerError(self.text)
        raise error


class _KeyText(str):
    """A text that a KeyError, which shows its argument by `repr`, shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Assignment:
    """All a worker is started with."""

    number: int
    workers: int
    base_seed: int
    fetching: Fetching
    prepare: Callable[[int], Any] | None


main_ends: "weakref.WeakSet[Connection]" = weakref.WeakSet()
"""The main process's ends of all pipes. A forked worker inherits and closes them: else no end would ever be noticed."""

_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Which worker of a `DataLoader` this process is; None in the main process.

    >>> get_worker_info() is None
    True
    """
    return _info


class _TaskReader(threading.Thread):
    """Reads tasks from the main process; None, after which there are none, ends the worker."""

    def __init__(self, tasks: Connection) -> None:
        super().__init__(name="tasks", daemon=True)
        self.newest_epoch = 0
        self.received: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._tasks = tasks

    def run(self) -> None:
        parent = parent_process()
        sources: list[Any] = [self._tasks, *([parent.sentinel] if parent is not None else [])]
        while True:
            if self._tasks not in connections.wait(sources):
                os._exit(1)  # the main process is gone; nobody reads what this one would say
            try:
                task = self._tasks.recv()
            except (EOFError, OSError):
                task = None
            if task is not None:
                self.newest_epoch = task.epoch
            self.received.put(task)
            if task is None:
                return


def run_worker(assignment: Assignment, tasks: Connection, answers: Connection) -> None:
    """The whole life of a worker process."""
    for inherited in list(main_ends):
        inherited.close()
    try:
        _work(assignment, tasks, answers)
    except (KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        return  # the main process has been interrupted itself, or has closed its end


def _work(assignment: Assignment, tasks: Connection, answers: Connection) -> None:
    global _info  # noqa: PLW0603 - it is set once in the life of the process
    number = assignment.number
    seed = assignment.base_seed + number
    _seed_everything(seed, assignment)
    _info = WorkerInfo(number, assignment.workers, seed, assignment.fetching.dataset)
    reader = _TaskReader(tasks)
    reader.start()
    broken: Failure | None = None
    if assignment.prepare is not None:
        try:
            assignment.prepare(number)
        except Exception as error:  # noqa: BLE001 - the main process raises it
            broken = _failure(error, number)
    fetcher, epoch = None, -1
    while (task := reader.received.get()) is not None:
        if task.epoch < reader.newest_epoch:
            continue
        try:
            if task.epoch != epoch:
                fetcher, epoch = None, task.epoch
            if broken is None and fetcher is None:
                fetcher = Fetcher(assignment.fetching)
            answer = broken if fetcher is None else fetcher.fetch(task.indices)
        except StopIteration as error:
            answer = Ended() if assignment.fetching.iterable else _failure(error, number)
        except Exception as error:  # noqa: BLE001 - the main process raises it
            answer = _failure(error, number)
        transfer.send(answers, _packed(task, answer, number))


def _seed_everything(seed: int, assignment: Assignment) -> None:
    set_num_threads(1)  # the cores are shared out by the number of workers
    random.manual_seed(seed)
    python_random.seed(seed)
    mixed = np.random.SeedSequence([assignment.base_seed, assignment.number]).generate_state(4)
    np.random.seed(mixed)  # noqa: NPY002 - datasets draw from the global generator


def _packed(task: Task, answer: Any, number: int) -> tuple[bytes, list[memoryview]]:
    try:
        return transfer.pack((task.epoch, task.number, answer))
    except Exception as error:  # noqa: BLE001 - a batch, or the class of an exception, that cannot be pickled
        text = answer.text if isinstance(answer, Failure) else _failure(error, number).text
        kind = WorkerError if isinstance(answer, Failure) else type(error)
        return transfer.pack((task.epoch, task.number, Failure(kind, text)))


def _failure(error: Exception, number: int) -> Failure:
    where = f"Caught {type(error).__name__} in DataLoader worker process {number}."
    return Failure(type(error), f"{where}\nOriginal {''.join(traceback.format_exception(error))}")
