"""A plain loop over any vector function becomes packed instructions, and Numba caches it on disk."""

from __future__ import annotations

import importlib.util
import math
import re
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np
import pytest

from tests.runtime.vector_math.support import BINARY, apply, compiled_loop
from tracegraph.runtime import vector_math
from tracegraph.runtime.vector_math import NAMES

needs_avx = pytest.mark.skipif(
    not llvmlite.binding.get_host_cpu_features().get("avx2", False), reason="the CPU has no 256-bit registers"
)


@needs_avx
@pytest.mark.parametrize("name", NAMES)
def test_a_plain_loop_is_vectorised(name: str) -> None:
    dtype = np.dtype(np.float32 if name.endswith("f32") else np.float64)
    operand = np.ones(3, dtype)
    two = name.rpartition("_")[0] in BINARY or name in ("maximum", "minimum")
    apply(name, *([operand] * (2 if two else 1)))
    loop = compiled_loop(name, fastmath=False)
    # Other tests may have compiled the loop for other dtypes and for arrays with steps.
    wanted = numba.from_dtype(dtype)
    signature = next(one for one in loop.signatures if all(a.dtype == wanted and a.layout == "C" for a in one))
    scalar = "float" if dtype == np.float32 else "double"
    lanes = [int(count) for count in re.findall(rf"store <(\d+) x {scalar}>", loop.inspect_llvm(signature))]
    assert lanes, "no packed store in the loop"
    # At least the 256 bits of four float64: some formulas for float32 compute in float64.
    assert max(lanes) >= 4
    assert re.search(r"\b[yz]mm\d+", loop.inspect_asm(signature))


def test_functions_compiled_apart_are_linked_together() -> None:
    sine = vector_math.sin_f64

    @numba.njit
    def inner(x: Any) -> Any:
        return sine(x)

    @numba.njit
    def other(x: Any) -> Any:
        return sine(x) + inner(x)

    @numba.njit
    def outer(x: Any, out: Any) -> None:
        for index in range(x.size):
            out[index] = other(x[index]) + sine(x[index])

    x = np.array([0.5, 1e300, -1e20] * 7)
    out = np.empty_like(x)
    outer(x, out)
    np.testing.assert_allclose(out, 3 * np.array([math.sin(value) for value in x]), rtol=1e-15)


SOURCE = """
import numba
from tracegraph.runtime.vector_math import exp_f32, sin_f32

@numba.njit(cache=True)
def wave(x, out):
    for index in range(x.size):
        out[index] = exp_f32(x[index]) * sin_f32(x[index])
"""


def test_compiled_code_is_cached_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "wave.py"
    path.write_text(SOURCE, encoding="utf-8")
    x = np.array([0.0, 1.0, 1e30, np.inf], np.float32)
    results = []
    hits = []
    for _ in range(2):
        specification = importlib.util.spec_from_file_location("wave", path)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        out = np.empty_like(x)
        module.wave(x, out)
        results.append(out)
        hits.append(sum(module.wave.stats.cache_hits.values()))
    assert hits == [0, 1]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_allclose(results[0][:2], np.exp(x[:2]) * np.sin(x[:2]), rtol=1e-6)
