"""The native functions every program shares, compiled once per process: the thread pool and `address_of`."""

import ctypes
import functools
import hashlib
import sys
from collections.abc import Callable

import numpy as np

from tracegraph.runtime import cache
from tracegraph.runtime.native.machine import NativeLibrary, compile_ir, load_object, machine_key
from tracegraph.runtime.native.python_entry import address_of_ir, layout_is_known, python_function
from tracegraph.runtime.native.thread_pool_ir import STEERING_SYMBOLS, thread_pool_ir
from tracegraph.runtime.native.threads import pool

_ADDRESS_OF = "tracegraph_address_of"


def python_symbols() -> dict[str, int]:
    """Addresses of what native code uses of CPython and of the platform."""
    names = (
        "PyThread_acquire_lock",
        "PyThread_release_lock",
        "PyEval_SaveThread",
        "PyEval_RestoreThread",
        "PyErr_Format",
        "PyLong_FromSsize_t",
        "PyLong_FromVoidPtr",
    )
    found = {name: _address(getattr(ctypes.pythonapi, name)) for name in names}
    found["PyExc_TypeError"] = ctypes.addressof(ctypes.c_void_p.in_dll(ctypes.pythonapi, "PyExc_TypeError"))
    found["tracegraph_ndarray"] = id(np.ndarray)
    found["tracegraph_pool"] = pool.address
    found["tracegraph_yield"] = _yield_address()
    return found


def _address(function: object) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


def _yield_address() -> int:
    if sys.platform == "win32":
        return _address(ctypes.windll.kernel32.SwitchToThread)
    return _address(ctypes.CDLL(None).sched_yield)


def _steering_symbols() -> dict[str, int]:
    """Addresses of the functions that keep a waking worker off its waker's core; empty where there are none."""
    if sys.platform != "linux":
        return {}
    process = ctypes.CDLL(None)
    if not all(hasattr(process, name) for name in STEERING_SYMBOLS):
        return {}
    return {name: _address(getattr(process, name)) for name in STEERING_SYMBOLS}


def cached_code(text: str, *, level: int) -> bytes:
    """Object code of a module given as LLVM IR text, from the cache on disk if it is there."""
    digest = hashlib.sha256(repr((text, level, machine_key())).encode())
    key = digest.hexdigest()
    code = cache.read(key)
    if code is None:
        code = compile_ir(text, level=level)
        cache.write(key, code)
    return code


@functools.cache
def _support() -> NativeLibrary:
    steering = _steering_symbols()
    text = thread_pool_ir(steering=bool(steering)) + address_of_ir(_ADDRESS_OF)
    exports = ["tracegraph_parallel", "tracegraph_worker", "tracegraph_idle", _ADDRESS_OF]
    library = load_object(cached_code(text, level=2), exports, {**python_symbols(), **steering})
    # The workers run this code until the process ends, so it is never freed.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))
    return library


def parallel_address() -> int:
    """The address of `tracegraph_parallel(kernel, lo, hi, grain, table)`; starts the worker threads."""
    library = _support()
    pool.start(library["tracegraph_worker"], library["tracegraph_idle"])
    return library["tracegraph_parallel"]


def make_address_of() -> Callable[[np.ndarray], int]:
    """A fast function from a NumPy array to the address of its data; slower where arrays are laid out otherwise."""
    if not layout_is_known():
        return slow_address_of
    library = _support()
    return python_function(library[_ADDRESS_OF], name="address_of", code=library)


def slow_address_of(array: np.ndarray) -> int:
    """The same through `array.ctypes`, which any Python offers."""
    return int(array.ctypes.data)
