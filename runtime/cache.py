"""Keeps compiled programs between processes: a folder of checksummed files, `cache_info()` and `clear_cache()`.

The folder is `TRACEGRAPH_CACHE_DIR`, else `tracegraph` in the platform's cache folder; `TRACEGRAPH_CACHE_SIZE`
limits it (bytes, or with a suffix K, M or G; 512M when unset; 0 turns it off). A file that is damaged, foreign or
unreadable counts as absent and is replaced; a folder that cannot be written to costs time only. Files hold native
code, so the folder is private and files of other users are never read.
"""

import dataclasses
import hashlib
import logging
import os
import pathlib
import struct
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from tracegraph.runtime.errors import ArgumentError

logger = logging.getLogger("tracegraph.cache")

_MAGIC = b"tracegr\n"
_FORMAT = 1
_HEADER = struct.Struct("<8sIQ32s")
_SUFFIX = ".tgp"
_TEMPORARY = ".tmp"
_STALE_SECONDS = 3600.0
_DEFAULT_LIMIT = 512 * 2**20
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}

Value = TypeVar("Value")


@dataclasses.dataclass(frozen=True)
class CacheInfo:
    """What the cache holds on disk, and what happened to this process's look-ups.

    `failures` counts reads and writes that the file system or a damaged file made impossible.
    """

    directory: pathlib.Path
    entries: int
    bytes: int
    memory_hits: int
    hits: int
    misses: int
    failures: int


@dataclasses.dataclass
class _Counters:
    memory_hits: int = 0
    hits: int = 0
    misses: int = 0
    failures: int = 0


counters = _Counters()


def cache_directory() -> pathlib.Path:
    """The folder of the cache, as the environment says now; it need not exist."""
    chosen = os.environ.get("TRACEGRAPH_CACHE_DIR")
    if chosen:
        return pathlib.Path(chosen).expanduser()
    home = pathlib.Path.home()
    if sys.platform == "win32":
        base = pathlib.Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "tracegraph"


def size_limit() -> int:
    """The most bytes the folder may hold, from `TRACEGRAPH_CACHE_SIZE`."""
    text = os.environ.get("TRACEGRAPH_CACHE_SIZE", "").strip().upper()
    if not text:
        return _DEFAULT_LIMIT
    unit = _UNITS.get(text[-1], 1)
    number = text[:-1] if text[-1] in _UNITS else text
    if not number.isdecimal():
        raise ArgumentError(f"TRACEGRAPH_CACHE_SIZE must be a number of bytes such as 300M or 0, got {text!r}")
    return int(number) * unit


def _failed(action: str, path: pathlib.Path, reason: object) -> None:
    counters.failures += 1
    logger.debug("cannot %s %s: %s", action, path, reason)


def _is_ours(status: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def read(key: str) -> bytes | None:
    """The payload stored under a key, or None."""
    if size_limit() == 0:
        counters.misses += 1
        return None
    path = cache_directory() / (key + _SUFFIX)
    payload = _read_file(path)
    if payload is None:
        counters.misses += 1
        return None
    counters.hits += 1
    try:
        os.utime(path)
    except OSError as error:
        logger.debug("cannot mark %s as used: %s", path, error)
    return payload


def _read_file(path: pathlib.Path) -> bytes | None:
    try:
        with open(path, "rb") as file:
            if not _is_ours(os.fstat(file.fileno())) or not _is_ours(os.stat(path.parent)):
                _failed("trust", path, "it belongs to another user")
                return None
            content = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        _failed("read", path, error)
        return None
    payload = unpack(content)
    if payload is None:
        _failed("use", path, "it is damaged")
    return payload


def pack(payload: bytes) -> bytes:
    """The content of a cache file: magic, format number, length and SHA-256 of the payload, payload."""
    return _HEADER.pack(_MAGIC, _FORMAT, len(payload), hashlib.sha256(payload).digest()) + payload


def unpack(content: bytes) -> bytes | None:
    """The payload of a cache file's content, or None if anything about it is wrong."""
    if len(content) < _HEADER.size:
        return None
    magic, number, length, digest = _HEADER.unpack_from(content)
    payload = content[_HEADER.size :]
    if magic != _MAGIC or number != _FORMAT or length != len(payload):
        return None
    return payload if hashlib.sha256(payload).digest() == digest else None


def write(key: str, payload: bytes) -> bool:
    """Store a payload; readers see the old file or the new one, never a part. False when it could not be stored."""
    limit = size_limit()
    if len(payload) > limit:
        return False
    directory = cache_directory()
    temporary: str | None = None
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(os.stat(directory)):
            _failed("write to", directory, "it belongs to another user")
            return False
        handle, temporary = tempfile.mkstemp(suffix=_TEMPORARY, dir=directory)
        with os.fdopen(handle, "wb") as file:
            file.write(pack(payload))
        os.replace(temporary, directory / (key + _SUFFIX))
    except OSError as error:
        _failed("write", directory / (key + _SUFFIX), error)
        if temporary is not None:
            _remove(pathlib.Path(temporary))
        return False
    _evict(limit)
    return True


def _remove(path: pathlib.Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        _failed("remove", path, error)
        return False
    return True


def _files(suffix: str) -> Iterator[tuple[pathlib.Path, os.stat_result]]:
    try:
        found = [item for item in os.scandir(cache_directory()) if item.name.endswith(suffix)]
    except OSError:
        return
    for item in found:
        try:
            yield pathlib.Path(item.path), item.stat()
        except OSError as error:
            logger.debug("%s went away: %s", item.path, error)


def _evict(limit: int) -> None:
    files = sorted(_files(_SUFFIX), key=lambda item: item[1].st_mtime_ns)
    total = sum(status.st_size for _, status in files)
    for path, status in files:
        if total <= limit:
            break
        _remove(path)
        total -= status.st_size
    for path, status in _files(_TEMPORARY):
        if time.time() - status.st_mtime > _STALE_SECONDS:
            _remove(path)


_memory_caches: "list[MemoryCache[Any]]" = []


class MemoryCache(Generic[Value]):
    """The most recently used values of this process, by key; `clear_cache` empties it too."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[str, Value] = OrderedDict()
        _memory_caches.append(self)

    def get(self, key: str) -> Value | None:
        """The value under a key, or None."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
            counters.memory_hits += 1
        return value

    def put(self, key: str, value: Value) -> None:
        """Keep a value; the least recently used one goes when there are too many."""
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self._most:
            self._values.popitem(last=False)

    def clear(self) -> None:
        """Forget all values."""
        self._values.clear()


def clear_memory() -> None:
    """Forget what this process keeps in memory; the files stay."""
    for memory in _memory_caches:
        memory.clear()


def cache_info() -> CacheInfo:
    """What the cache of compiled programs holds and how it was used by this process.

    >>> cache_info().entries >= 0
    True
    """
    sizes = [status.st_size for _, status in _files(_SUFFIX)]
    return CacheInfo(cache_directory(), len(sizes), sum(sizes), **dataclasses.asdict(counters))


def clear_cache() -> int:
    """Delete all compiled programs from memory and from disk; returns the number of files deleted."""
    clear_memory()
    return sum(_remove(path) for suffix in (_SUFFIX, _TEMPORARY) for path, _ in list(_files(suffix)))
