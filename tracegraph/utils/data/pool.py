"""`WorkerPool`: the worker processes of a `DataLoader` as the main process sees them."""

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection as connections
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any, NoReturn

from tracegraph.utils.data import transfer
from tracegraph.utils.data.errors import WorkerError
from tracegraph.utils.data.fetch import Fetching
from tracegraph.utils.data.worker import Assignment, Task, main_ends, run_worker

_PATIENCE = 5.0
"""Seconds that workers have to finish the sample they are at before they are terminated."""


@dataclass(frozen=True)
class _Worker:
    process: Any
    tasks: Connection
    answers: Connection


class WorkerPool:
    """Processes that make batches, each behind a pipe for its tasks and one for its answers.

    The main process has no thread of its own for them, so functions traced there are not disturbed.

    Args:
        context: of `multiprocessing`, which knows how to start a process.
        count: how many processes.
        base_seed: process i is seeded with `base_seed + i`.
        fetching: how batches are made.
        prepare: called with the number of the worker in each, before it makes the first batch.
        timeout: seconds to wait for an answer; 0 for ever.
    """

    def __init__(
        self,
        context: BaseContext,
        count: int,
        base_seed: int,
        fetching: Fetching,
        prepare: Callable[[int], Any] | None,
        timeout: float,
    ) -> None:
        self._owner = os.getpid()
        self._timeout = timeout
        self._workers: list[_Worker] = []
        try:
            for number in range(count):
                self._start(context, Assignment(number, count, base_seed, fetching, prepare))
        except BaseException:
            self.close()
            raise

    def _start(self, context: BaseContext, assignment: Assignment) -> None:
        task_reader, task_writer = context.Pipe(duplex=False)
        answer_reader, answer_writer = context.Pipe(duplex=False)
        transfer.widen(answer_writer)
        main_ends.update((task_writer, answer_reader))
        process = context.Process(  # type: ignore[attr-defined]
            target=run_worker, args=(assignment, task_reader, answer_writer), daemon=True
        )
        try:
            with warnings.catch_warnings():
                # A forked child works without the threads of its parent: the library's pool runs its regions alone
                # there, and OpenBLAS starts new threads.
                warnings.filterwarnings("ignore", r"This process \(pid=\d+\) is multi-threaded", DeprecationWarning)
                process.start()
        except BaseException:
            for end in (task_writer, answer_reader):
                end.close()
            raise
        finally:
            for end in (task_reader, answer_writer):
                end.close()
        self._workers.append(_Worker(process, task_writer, answer_reader))

    @property
    def is_open(self) -> bool:
        """Whether its workers can still be given tasks."""
        return bool(self._workers)

    def give(self, worker: int, task: Task) -> None:
        """Give a worker something to do.

        Raises:
            WorkerError: it is gone.
        """
        if not self._workers:
            raise WorkerError("DataLoader: the workers are gone; iterate over the loader anew")
        try:
            self._workers[worker].tasks.send(task)
        except (BrokenPipeError, ConnectionResetError):
            self._raise_dead(self._workers[worker])

    def answer(self) -> tuple[int, int, Any]:
        """The epoch and number of a task, and what came of it: the next to arrive.

        Raises:
            WorkerError: nothing came in time, or a worker has ended by itself.
        """
        if not self._workers:
            raise WorkerError("DataLoader: the workers are gone; iterate over the loader anew")
        by_source: dict[Any, _Worker] = {}
        for worker in self._workers:
            by_source[worker.answers] = by_source[worker.process.sentinel] = worker
        ready = connections.wait(list(by_source), self._timeout or None)
        if not ready:
            raise WorkerError(f"DataLoader: no batch came from the workers in {self._timeout} seconds (timeout)")
        # What a worker has said before it ended comes first.
        source = next((each for each in ready if not isinstance(each, int)), None)
        if source is None:
            self._raise_dead(by_source[ready[0]])
        try:
            return transfer.receive(by_source[source].answers)  # type: ignore[no-any-return]
        except (EOFError, ConnectionResetError):
            self._raise_dead(by_source[source])

    def _raise_dead(self, worker: _Worker) -> NoReturn:
        worker.process.join(_PATIENCE)
        code = worker.process.exitcode
        how = f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        message = (
            f"DataLoader: worker {self._workers.index(worker)} (pid {worker.process.pid}) exited unexpectedly ({how})"
        )
        self.close()
        raise WorkerError(message) from None

    def close(self) -> None:
        """End the processes: at once if they wait, else after the sample they are at, or by force."""
        workers, self._workers = self._workers, []
        if os.getpid() != self._owner:
            return  # a forked copy of the pool; the workers are another process's
        for worker in workers:
            # A worker that waits sees the end of its tasks, one that sends sees that nobody reads.
            worker.tasks.close()
            worker.answers.close()
        deadline = time.monotonic() + _PATIENCE
        for worker in workers:
            worker.process.join(max(deadline - time.monotonic(), 0))
            if worker.process.exitcode is None:
                worker.process.terminate()
                worker.process.join(1)
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join()
            worker.process.close()
