"""Writes generated modules for tests: `source(body)`, `run_kernel(...)`."""

import re
import textwrap
from typing import Any

import numpy as np
import numpy.typing as npt

from tracegraph.runtime import EntrySpec, Program, load_program

HEADER = "from tracegraph.runtime.backends.numba_cpu.dialect import *\n"


def source(text: str) -> str:
    """A generated module from an indented text."""
    return HEADER + textwrap.dedent(text)


def kernel_source(buffers: dict[str, str], body: str, rows: int, *, before: str = "", after: str = "") -> str:
    """A module with one kernel over `rows`; the named buffers are slots 1, 2, ..., `body` is the loop's body."""
    opened = "".join(
        f"    {name} = buffer(table, {slot}, 0, {dtype})\n" for slot, (name, dtype) in enumerate(buffers.items(), 1)
    )
    loop = textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8)
    start, end = (textwrap.indent(textwrap.dedent(part).strip("\n"), " " * 4) for part in (before, after))
    return (
        f"{HEADER}@kernel\ndef work(lo, hi, table):\n{opened}{start}\n    for i in range(lo, hi):\n{loop}\n{end}\n"
        f"@program\ndef main(table):\n    work(0, {rows}, table)\n    return 0\n"
    )


def load_kernel(buffers: dict[str, str], body: str, rows: int, **parts: str) -> Program:
    """The program of `kernel_source`, whose entry takes all its buffers."""
    spec = EntrySpec(tuple((dtype.rstrip("_"), slot, False) for slot, dtype in enumerate(buffers.values(), 1)))
    return load_program(kernel_source(buffers, body, rows, **parts), entry=spec)


def run_kernel(arrays: dict[str, npt.NDArray[Any]], body: str, rows: int, **parts: str) -> None:
    """Compile a kernel over the arrays and run it once."""
    buffers = {name: "bool_" if array.dtype == bool else array.dtype.name for name, array in arrays.items()}
    program = load_kernel(buffers, body, rows, **parts)
    table = np.zeros(len(arrays) + 1, dtype=np.uint64)
    assert program.entry(table, *arrays.values()) == 0


def is_vectorised(ir_text: str, element: str) -> bool:
    """Whether optimised IR stores or accumulates vectors of an element type such as "float"."""
    return re.search(rf"<\d+ x {element}>", ir_text) is not None and "vector.body" in ir_text
