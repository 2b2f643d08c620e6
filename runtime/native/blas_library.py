"""Finds the matrix products inside the BLAS that NumPy itself uses: `find_blas()` gives addresses, or None.

Nothing is linked or installed: the functions are looked up in the libraries that NumPy has loaded, so SciPy is not
needed. Where they cannot be found the compiler leaves matrix products to NumPy.
"""

import ctypes
import dataclasses
import functools
import glob
import os
from collections.abc import Iterator

import numpy as np

ROUTINES = ("sgemm", "dgemm", "sgemv", "dgemv")
# How builds of NumPy decorate the names of CBLAS, and the width of the integers they take.
_DECORATIONS = (
    ("scipy_cblas_{}64_", 64),
    ("cblas_{}64_", 64),
    ("cblas_{}$NEWLAPACK$ILP64", 64),
    ("scipy_cblas_{}", 32),
    ("cblas_{}", 32),
    ("cblas_{}$NEWLAPACK", 32),
)


# Names of the functions that get and set the number of OpenBLAS's own threads.
_THREAD_DECORATIONS = (
    "scipy_openblas_{}_num_threads64_",
    "openblas_{}_num_threads64_",
    "scipy_openblas_{}_num_threads",
    "openblas_{}_num_threads",
)


@dataclasses.dataclass(frozen=True)
class BlasLibrary:
    """Addresses of CBLAS routines by plain name ("sgemm"), and the width of their integer arguments in bits.

    "get_threads" and "set_threads" are among them where the library has threads of its own that can be told to rest.
    """

    addresses: dict[str, int]
    integer_bits: int

    @property
    def has_threads(self) -> bool:
        """Whether the number of the library's own threads can be set."""
        return "set_threads" in self.addresses


def _candidates() -> Iterator[ctypes.CDLL]:
    root = os.path.dirname(np.__file__)
    extensions = glob.glob(os.path.join(root, "_core", "_multiarray_umath*"))
    bundled = glob.glob(os.path.join(os.path.dirname(root), "numpy.libs", "*openblas*"))
    for path in (
        *sorted(extensions),
        *sorted(bundled),
        *sorted(glob.glob(os.path.join(root, ".dylibs", "*openblas*"))),
    ):
        if path.endswith((".so", ".dylib", ".dll", ".pyd")):
            try:
                yield ctypes.CDLL(path)
            except OSError:
                continue


@functools.cache
def find_blas() -> BlasLibrary | None:
    """NumPy's BLAS, or None when its functions cannot be reached or `TRACEGRAPH_NO_BLAS` is set."""
    if os.environ.get("TRACEGRAPH_NO_BLAS"):
        return None
    for library in _candidates():
        for pattern, bits in _DECORATIONS:
            try:
                found = [getattr(library, pattern.format(name)) for name in ROUTINES]
            except AttributeError:
                continue
            pointers = [ctypes.cast(function, ctypes.c_void_p).value or 0 for function in found]
            return BlasLibrary(dict(zip(ROUTINES, pointers, strict=True)) | _thread_functions(library), bits)
    return None


def _thread_functions(library: ctypes.CDLL) -> dict[str, int]:
    """Addresses of the functions that get and set the number of threads, if the library has both."""
    for pattern in _THREAD_DECORATIONS:
        try:
            found = {f"{verb}_threads": getattr(library, pattern.format(verb)) for verb in ("get", "set")}
        except AttributeError:
            continue
        return {name: ctypes.cast(function, ctypes.c_void_p).value or 0 for name, function in found.items()}
    return {}


def blas_symbols() -> dict[str, int]:
    """The names under which compiled programs call BLAS, with their addresses; empty when there is no BLAS."""
    library = find_blas()
    return {} if library is None else {f"tracegraph_{name}": where for name, where in library.addresses.items()}
