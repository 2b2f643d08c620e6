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


@dataclasses.dataclass(frozen=True)
class BlasLibrary:
    """Addresses of CBLAS routines by plain name ("sgemm"), and the width of their integer arguments in bits."""

    addresses: dict[str, int]
    integer_bits: int


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
            return BlasLibrary(dict(zip(ROUTINES, pointers, strict=True)), bits)
    return None


def blas_symbols() -> dict[str, int]:
    """The names under which compiled programs call BLAS, with their addresses; empty when there is no BLAS."""
    library = find_blas()
    return {} if library is None else {f"tracegraph_{name}": where for name, where in library.addresses.items()}
