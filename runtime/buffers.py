"""Memory for programs: `aligned_empty`, tables and arenas in `Workspaces`, an `OutputPool` that recycles results."""

import dataclasses
import functools
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tracegraph.runtime.native.support import make_address_of

ALIGNMENT = 64
_MOST_PER_SPEC = 16


@functools.cache
def _native_address_of() -> Callable[[npt.NDArray[Any]], int]:
    return make_address_of()


def address_of(array: npt.NDArray[Any]) -> int:
    """The address of an array's first element.

    >>> address_of(np.empty(3)[1:]) % 8
    0
    """
    return _native_address_of()(array)


def aligned_empty(nbytes: int) -> npt.NDArray[np.uint8]:
    """An uninitialised byte array whose first element lies at a multiple of 64 bytes."""
    raw = np.empty(nbytes + ALIGNMENT, dtype=np.uint8)
    return np.ndarray((nbytes,), dtype=np.uint8, buffer=raw, offset=-address_of(raw) % ALIGNMENT)


@dataclasses.dataclass(frozen=True)
class Workspace:
    """A pointer table, and the arena whose address is in its slot 0."""

    table: npt.NDArray[np.uint64]
    arena: npt.NDArray[np.uint8]


class Workspaces:
    """Workspaces of one program. Each call takes one and gives it back, so concurrent calls never share.

    >>> workspaces = Workspaces(slots=3, arena_bytes=256)
    >>> one = workspaces.take()
    >>> int(one.table[0]) == address_of(one.arena)
    True
    >>> workspaces.give_back(one)
    """

    def __init__(
        self, *, slots: int, arena_bytes: int, constants: tuple[tuple[int, npt.NDArray[Any]], ...] = ()
    ) -> None:
        self._slots, self._arena_bytes, self._constants = max(slots, 1), arena_bytes, constants
        self._free = [self._create()]

    def _create(self) -> Workspace:
        table = np.zeros(self._slots, dtype=np.uint64)
        arena = aligned_empty(self._arena_bytes)
        table[0] = address_of(arena)
        for slot, array in self._constants:
            table[slot] = address_of(array)
        return Workspace(table, arena)

    def take(self) -> Workspace:
        """A workspace nobody else uses; a new one when all are in use."""
        try:
            return self._free.pop()
        except IndexError:
            return self._create()

    def give_back(self, workspace: Workspace) -> None:
        """Make a workspace available again."""
        self._free.append(workspace)


class OutputPool:
    """Gives out arrays and takes their memory back when the last reference to it is gone.

    Fresh memory from the operating system costs a page fault for every 4 KiB, often more than the kernel that fills it.
    Arrays below `small` bytes are plain `np.empty`; the pool keeps at most `keep` bytes.

    >>> pool = OutputPool(small=0)
    >>> first = pool.empty((256, 256), np.dtype(np.float32))
    >>> where = address_of(first)
    >>> del first
    >>> address_of(pool.empty((256, 256), np.dtype(np.float32))) == where
    True
    """

    def __init__(self, *, small: int = 2**16, keep: int = 2**29) -> None:
        self._small, self._keep = small, keep
        self._owners: dict[int, list[npt.NDArray[np.uint8]]] = {}
        self._kept_bytes = 0

    @property
    def kept_bytes(self) -> int:
        """The bytes the pool holds on to, whether in use or idle."""
        return self._kept_bytes

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """An uninitialised C-contiguous array, at a multiple of 64 bytes if it is not small."""
        nbytes = math.prod(shape) * dtype.itemsize
        if nbytes < self._small or not _COUNTS_ARE_EXACT:
            return np.empty(shape, dtype)
        owners = self._owners.setdefault(nbytes, [])
        for owner in owners:
            if sys.getrefcount(owner) == _IDLE_COUNT:
                return np.ndarray(shape, dtype, buffer=owner, offset=-address_of(owner) % ALIGNMENT)
        owner = np.empty(nbytes + ALIGNMENT, dtype=np.uint8)
        if self._make_room(nbytes) and len(owners) < _MOST_PER_SPEC:
            owners.append(owner)
            self._kept_bytes += nbytes
        return np.ndarray(shape, dtype, buffer=owner, offset=-address_of(owner) % ALIGNMENT)

    def _make_room(self, nbytes: int) -> bool:
        if self._kept_bytes + nbytes > self._keep:
            self.trim()
        return self._kept_bytes + nbytes <= self._keep

    def trim(self) -> None:
        """Give idle memory back to the operating system."""
        for nbytes, owners in self._owners.items():
            busy = [owner for owner in owners if sys.getrefcount(owner) > _IDLE_COUNT]
            self._kept_bytes -= nbytes * (len(owners) - len(busy))
            owners[:] = busy


def _idle_count() -> int:
    """What `sys.getrefcount` says, in a loop over a list, of an object that only the list holds."""
    owners = [np.empty(1, dtype=np.uint8)]
    for owner in owners:
        count = sys.getrefcount(owner)
    return count


_IDLE_COUNT = _idle_count()
_COUNTS_ARE_EXACT = bool(getattr(sys, "_is_gil_enabled", lambda: True)())
