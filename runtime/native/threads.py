"""The process's thread pool for parallel loops: `set_num_threads`, `get_num_threads`; started when first needed.

A region that finds the pool taken by another Python thread runs alone on its caller, and so do all regions in a forked
child, where the workers do not exist: nothing waits and nothing aborts.
"""

import ctypes
import os
import threading
import time

from tracegraph.runtime.errors import ArgumentError

_LINE = 64
_MOST_WORKERS = 255
_WORKERS_OFFSET = 384
_CLOSED = -(2**63)
# How long an idle worker holds its core, and how long it stays awake offering it to others; sleepers wake slowly.
_HOLD_SECONDS, _AWAKE_SECONDS = 50e-6, 2e-3
_PROBE_PAUSES, _PROBE_YIELDS = 2000, 100


def _default_threads() -> int:
    for variable in ("TRACEGRAPH_NUM_THREADS", "NUMBA_NUM_THREADS"):
        text = os.environ.get(variable)
        if text:
            if not text.isdecimal() or int(text) < 1:
                raise ArgumentError(f"{variable} must be a number of threads from 1 on, got {text!r}")
            return min(int(text), _MOST_WORKERS + 1)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class ThreadPool:
    """The native memory that callers and workers share, and the worker threads started so far."""

    def __init__(self) -> None:
        allocate = ctypes.pythonapi.PyMem_RawCalloc
        allocate.restype, allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t, ctypes.c_size_t]
        raw = allocate(1, _WORKERS_OFFSET + _LINE * _MOST_WORKERS + _LINE)
        if raw is None:
            raise MemoryError("no memory for the thread pool")
        self.address = -(-raw // _LINE) * _LINE
        self._taken = ctypes.c_int32.from_address(self.address)
        self._threads = ctypes.c_int32.from_address(self.address + 4)
        self._epoch = ctypes.c_int64.from_address(self.address + 64)
        self._inside = ctypes.c_int64.from_address(self.address + 256)
        self._inside.value = _CLOSED
        self._threads.value = 1
        self._started = 0
        self._wanted: int | None = None
        self._worker_address: int | None = None
        self._change = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget_workers)

    def _forget_workers(self) -> None:
        self._change = threading.Lock()
        self._threads.value = 1
        self._taken.value = 0
        self._inside.value = _CLOSED
        self._started = 0
        self._wanted = 1

    @property
    def size(self) -> int:
        """The number of threads that a parallel region may use, the calling one included."""
        if self._wanted is None:
            self._wanted = _default_threads()
        return self._wanted

    def resize(self, count: int) -> None:
        """Use `count` threads from the next region on; starts missing workers if the pool is in use."""
        if not 1 <= count <= _MOST_WORKERS + 1:
            raise ArgumentError(f"the number of threads must be from 1 to {_MOST_WORKERS + 1}, got {count}")
        with self._change:
            self._wanted = count
            self._bring_up()

    def start(self, worker_address: int, idle_address: int) -> None:
        """Start the workers, which run the native function at `worker_address`; later calls do nothing.

        The function at `idle_address` pauses and yields a given number of times; it is timed once.
        """
        with self._change:
            if self._worker_address is None:
                self._set_patience(idle_address)
                self._worker_address = worker_address
                self._bring_up()

    def _set_patience(self, idle_address: int) -> None:
        idle = ctypes.PYFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)(idle_address)

        def seconds(pauses: int, yields: int) -> float:
            start = time.perf_counter()
            idle(pauses, yields)
            return max(time.perf_counter() - start, 1e-7)

        pauses = int(_HOLD_SECONDS * _PROBE_PAUSES / seconds(_PROBE_PAUSES, 0))
        yields = int(_AWAKE_SECONDS * _PROBE_YIELDS / seconds(0, _PROBE_YIELDS))
        ctypes.c_int64.from_address(self.address + 8).value = pauses
        ctypes.c_int64.from_address(self.address + 16).value = pauses + yields

    def _bring_up(self) -> None:
        if self._worker_address is None:
            return
        count = self.size
        start = ctypes.pythonapi.PyThread_start_new_thread
        start.restype, start.argtypes = ctypes.c_ulong, [ctypes.c_void_p, ctypes.c_void_p]
        while self._started < count - 1:
            record = self._prepare_record(self._started + 1)
            if start(self._worker_address, record) == ctypes.c_ulong(-1).value:
                count = self._started + 1
                break
            self._started += 1
        self._threads.value = count

    def _prepare_record(self, number: int) -> int:
        allocate = ctypes.pythonapi.PyThread_allocate_lock
        allocate.restype, allocate.argtypes = ctypes.c_void_p, []
        acquire = ctypes.pythonapi.PyThread_acquire_lock
        acquire.restype, acquire.argtypes = ctypes.c_int, [ctypes.c_void_p, ctypes.c_int]
        lock = allocate()
        if lock is None:
            raise MemoryError("no memory for the lock of a worker thread")
        acquire(lock, 0)
        record: int = self.address + _WORKERS_OFFSET + _LINE * (number - 1)
        ctypes.c_int32.from_address(record).value = 0
        ctypes.c_void_p.from_address(record + 8).value = lock
        ctypes.c_void_p.from_address(record + 16).value = self.address
        ctypes.c_int64.from_address(record + 24).value = self._epoch.value
        ctypes.c_int32.from_address(record + 32).value = number
        return record


pool = ThreadPool()


def set_num_threads(count: int) -> None:
    """Let parallel regions use `count` threads, the calling one included (1 runs everything on the caller).

    Raises:
        ArgumentError: `count` is not from 1 to 256.
    """
    pool.resize(count)


def get_num_threads() -> int:
    """The number of threads that parallel regions use: as set, else `TRACEGRAPH_NUM_THREADS`, else the usable cores."""
    return pool.size
