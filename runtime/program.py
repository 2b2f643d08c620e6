"""Turns a generated module into a native program: `load_program(source, name="step", entry=EntrySpec(...))`.

A program is looked for in memory, then on disk, and compiled only when it is in neither; Numba is imported for
compiling only.
"""

import dataclasses
import functools
import hashlib
import importlib
import json
import os
import pathlib
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tracegraph.runtime import cache
from tracegraph.runtime.errors import CompileError
from tracegraph.runtime.lazy import LazyModule
from tracegraph.runtime.native.blas_library import blas_symbols, find_blas
from tracegraph.runtime.native.machine import NativeLibrary, compile_ir, load_object, machine_key
from tracegraph.runtime.native.python_entry import (
    EntrySpec,
    entry_declarations,
    entry_ir,
    layout_is_known,
    python_fallback,
    python_function,
)
from tracegraph.runtime.native.support import parallel_address, python_symbols

_ENTRY, _RUN, _MAIN, _PARALLEL = "tracegraph_entry", "tracegraph_run", "tracegraph_main", "tracegraph_parallel"
_EXPORTS = (_ENTRY, _RUN, _MAIN)
_COMPILER = "tracegraph.runtime.backends.numba_cpu.compile"
_metadata = LazyModule("importlib.metadata")
_LENGTH = struct.Struct("<I")
_MOST_IN_MEMORY = 4096


@dataclasses.dataclass(frozen=True)
class Program:
    """Native code of one generated module.

    `entry(table, array, ...)` takes the arrays of the entry specification, `run(table)` the pointer table alone; both
    return the status of the program's `main`. Shapes are not checked: the caller guards them.
    """

    name: str
    source: str
    spec: EntrySpec
    key: str
    origin: str
    """Where it came from: "compiled" or "disk"."""
    load_seconds: float
    entry: Callable[..., int]
    run: Callable[[npt.NDArray[np.uint64]], int]
    library: NativeLibrary

    @property
    def main(self) -> int:
        """The address of the program's native `main(table)`, which returns the status."""
        return self.library[_MAIN]

    def bind_entry(self, spec: EntrySpec) -> Callable[..., int]:
        """Another native entry for the same program, for example with other arrays given in the call."""
        text = entry_ir(spec, symbol=_ENTRY, main_symbol=_MAIN) + entry_declarations(_MAIN)
        return _make_entry(self.library, spec, f"{self.name}_entry", text)


def _make_entry(program: NativeLibrary, spec: EntrySpec, name: str, text: str) -> Callable[..., int]:
    if not layout_is_known():
        return python_fallback(spec, program[_MAIN], code=program)
    imports = {**python_symbols(), _MAIN: program[_MAIN]}
    entry = load_object(compile_ir(text, level=1), [_ENTRY], imports)
    return python_function(entry[_ENTRY], name=name, code=(entry, program))


_programs: cache.MemoryCache[Program] = cache.MemoryCache(_MOST_IN_MEMORY)


class _Locks:
    """One loader at a time; a forked child gets a lock that nobody holds."""

    def __init__(self) -> None:
        self.loading = threading.RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.loading = threading.RLock()


_locks = _Locks()


@functools.cache
def _environment_key() -> bytes:
    """A digest of all that object code depends on besides the source: versions, processor, and our own code."""
    digest = hashlib.sha256()
    versions = [_metadata.version(name) for name in ("numba", "llvmlite", "numpy")]
    blas = find_blas()
    facts = (
        *versions,
        *machine_key(),
        sys.implementation.cache_tag,
        sys.version_info[:3],
        os.environ.get("NUMBA_CPU_NAME"),
        None if blas is None else blas.integer_bits,
        layout_is_known(),
    )
    digest.update(repr(facts).encode())
    root = pathlib.Path(__file__).parent
    for folder in ("backends", "native", "vector_math"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    digest.update((root / "philox.py").read_bytes())
    return digest.digest()


def program_key(source: str, entry: EntrySpec) -> str:
    """The name under which a program is cached: it changes with everything that its object code depends on."""
    digest = hashlib.sha256(_environment_key())
    digest.update(repr(entry).encode())
    digest.update(source.encode())
    return digest.hexdigest()


def load_program(source: str, *, name: str = "program", entry: EntrySpec | None = None) -> Program:
    """The native program of a generated module.

    Args:
        source: a Python module of `@kernel` functions and one `@program` function, which begins with
            `from tracegraph.runtime.backends.numba_cpu.dialect import *`.
        name: what error messages and profiles call it; it does not matter to the cache.
        entry: which arrays the program takes from Python, and in which table slots their addresses go.

    Raises:
        CompileError: the source is not such a module, or does not compile.
    """
    spec = EntrySpec() if entry is None else entry
    key = program_key(source, spec)
    known = _programs.get(key)
    if known is not None:
        return known
    with _locks.loading:
        known = _programs.get(key)
        if known is None:
            known = _load(source, name, spec, key)
            _programs.put(key, known)
    return known


def _load(source: str, name: str, spec: EntrySpec, key: str) -> Program:
    start = time.perf_counter()
    stored = cache.read(key)
    if stored is not None:
        try:
            return _link(source, name, spec, key, stored, "disk", start)
        except (CompileError, ValueError, struct.error) as error:
            cache.logger.debug("the cached program %s does not load and is compiled again: %s", key, error)
    payload = _compile(source, name, spec)
    cache.write(key, payload)
    return _link(source, name, spec, key, payload, "compiled", start)


def _compile(source: str, name: str, spec: EntrySpec) -> bytes:
    text = entry_ir(spec, symbol=_ENTRY, main_symbol=_MAIN) + entry_ir(EntrySpec(), symbol=_RUN, main_symbol=_MAIN)
    # Numba takes a quarter of a second to import, which a program from the cache does not need.
    compiler: Any = importlib.import_module(_COMPILER)
    compiled = compiler.compile_source(source, name=name, entry_text=text + entry_declarations(_MAIN), exports=_EXPORTS)
    header = json.dumps({"imports": compiled.imports}).encode()
    return _LENGTH.pack(len(header)) + header + bytes(compiled.code)


def _imports(names: list[str]) -> dict[str, int]:
    known = {**python_symbols(), **blas_symbols()}
    if _PARALLEL in names:
        known[_PARALLEL] = parallel_address()
    return {name: known[name] for name in names if name in known}


def _link(source: str, name: str, spec: EntrySpec, key: str, payload: bytes, origin: str, start: float) -> Program:
    (length,) = _LENGTH.unpack_from(payload)
    header = json.loads(payload[_LENGTH.size : _LENGTH.size + length])
    library = load_object(payload[_LENGTH.size + length :], _EXPORTS, _imports(header["imports"]))
    if layout_is_known():
        entry = python_function(library[_ENTRY], name=f"{name}_entry", code=library)
        run = python_function(library[_RUN], name=f"{name}_run", code=library)
    else:
        entry = python_fallback(spec, library[_MAIN], code=library)
        run = python_fallback(EntrySpec(), library[_MAIN], code=library)
    return Program(name, source, spec, key, origin, time.perf_counter() - start, entry, run, library)
