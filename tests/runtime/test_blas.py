"""Matrix products through NumPy's BLAS: transpositions, strides, batches, vectors, threads, no BLAS at all."""

import numpy as np
import pytest

from tests.runtime.conftest import RunPython
from tests.runtime.helpers import HEADER
from tracegraph.runtime import EntrySpec, get_num_threads, load_program, set_num_threads
from tracegraph.runtime.native import blas_library

needs_blas = pytest.mark.skipif(blas_library.find_blas() is None, reason="NumPy's BLAS cannot be reached here")
DTYPES = [("f32", "float32"), ("f64", "float64")]


def _run(call: str, *arrays: np.ndarray, parallel: int = 0) -> None:
    dtypes = [array.dtype.name for array in arrays]
    opened = "".join(
        f"    {name} = buffer(table, {slot}, 0, {dtype})\n"
        for slot, (name, dtype) in enumerate(zip("abc", dtypes, strict=False), 1)
    )
    text = f"{HEADER}@program\ndef main(table):\n{opened}    {call}\n    return 0\n"
    if parallel:
        text = (
            f"{HEADER}@kernel\ndef work(lo, hi, table):\n{opened}    for i in range(lo, hi):\n        {call}\n"
            f"@program\ndef main(table):\n    parallel(work, 0, {parallel}, 1, table)\n    return 0\n"
        )
    spec = EntrySpec(tuple((dtype, slot, False) for slot, dtype in enumerate(dtypes, 1)))
    assert load_program(text, entry=spec).entry(np.zeros(4, dtype=np.uint64), *arrays) == 0


@needs_blas
@pytest.mark.parametrize(("suffix", "dtype"), DTYPES)
@pytest.mark.parametrize(("trans_a", "trans_b"), [(False, False), (False, True), (True, False), (True, True)])
def test_gemm(suffix: str, dtype: str, trans_a: bool, trans_b: bool) -> None:
    rng = np.random.default_rng(0)
    m, n, k = 5, 7, 3
    a = rng.standard_normal((k, m) if trans_a else (m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if trans_b else (k, n)).astype(dtype)
    c = rng.standard_normal((m, n)).astype(dtype)
    expected = 0.5 * (a.T if trans_a else a) @ (b.T if trans_b else b) + 2 * c
    _run(
        f"gemm_{suffix}({trans_a}, {trans_b}, {m}, {n}, {k}, 0.5, a, {a.shape[1]}, b, {b.shape[1]}, 2.0, c, {n})",
        a,
        b,
        c,
    )
    np.testing.assert_allclose(c, expected, rtol=1e-5)


@needs_blas
@pytest.mark.parametrize(("suffix", "dtype"), DTYPES)
def test_gemm_on_parts_of_matrices(suffix: str, dtype: str) -> None:
    rng = np.random.default_rng(1)
    a, b, c = (rng.standard_normal((6, 8)).astype(dtype) for _ in range(3))
    expected = c.copy()
    expected[2:5, 1:5] = a[1:4, 2:4] @ b[3:5, 4:8]
    _run(f"gemm_{suffix}(False, False, 3, 4, 2, 1.0, at(a, 10), 8, at(b, 28), 8, 0.0, at(c, 17), 8)", a, b, c)
    np.testing.assert_allclose(c, expected, rtol=1e-5)


@needs_blas
@pytest.mark.parametrize(("suffix", "dtype"), DTYPES)
def test_batches(suffix: str, dtype: str) -> None:
    rng = np.random.default_rng(2)
    a = rng.standard_normal((6, 4, 3)).astype(dtype)
    b = rng.standard_normal((5, 3)).astype(dtype)
    c = np.full((6, 4, 5), np.nan, dtype=dtype)
    _run(f"gemm_batched_{suffix}(6, False, True, 4, 5, 3, 1.0, a, 3, 12, b, 3, 0, 0.0, c, 5, 20)", a, b, c)
    np.testing.assert_allclose(c, a @ b.T, rtol=1e-5)


@needs_blas
@pytest.mark.parametrize(("suffix", "dtype"), DTYPES)
@pytest.mark.parametrize("trans", [False, True])
def test_gemv(suffix: str, dtype: str, trans: bool) -> None:
    rng = np.random.default_rng(3)
    a = rng.standard_normal((4, 6)).astype(dtype)
    x = rng.standard_normal((4 if trans else 6, 2)).astype(dtype)
    y = np.full(6 if trans else 4, np.nan, dtype=dtype)
    _run(f"gemv_{suffix}({trans}, 4, 6, 2.0, a, 6, at(b, 1), 2, 0.0, c, 1)", a, x, y)
    np.testing.assert_allclose(y, 2 * (a.T if trans else a) @ x[:, 1], rtol=1e-5)


@needs_blas
def test_products_inside_a_parallel_region() -> None:
    rng = np.random.default_rng(4)
    a, b = (rng.standard_normal((40, 9, 9)).astype(np.float32) for _ in range(2))
    c = np.empty_like(a)
    before = get_num_threads()
    set_num_threads(3)
    _run(
        "gemm_f32(False, False, 9, 9, 9, 1.0, at(a, 81 * i), 9, at(b, 81 * i), 9, 0.0, at(c, 81 * i), 9)",
        a,
        b,
        c,
        parallel=40,
    )
    set_num_threads(before)
    np.testing.assert_allclose(c, a @ b, rtol=1e-4, atol=1e-5)


@needs_blas
def test_a_large_product_uses_the_threads_of_the_library() -> None:
    rng = np.random.default_rng(5)
    a, b = (rng.standard_normal((300, 300)).astype(np.float32) for _ in range(2))
    c = np.empty_like(a)
    _run("gemm_f32(False, False, 300, 300, 300, 1.0, a, 300, b, 300, 0.0, c, 300)", a, b, c)
    np.testing.assert_allclose(c, a @ b, rtol=1e-3, atol=1e-3)


@needs_blas
def test_a_cached_product_works_in_a_new_process(run_python: RunPython, tmp_path: object) -> None:
    code = f"""
import numpy as np
from tracegraph.runtime import EntrySpec, load_program
text = {HEADER!r} + '''
@program
def main(table):
    a = buffer(table, 1, 0, float64)
    b = buffer(table, 2, 0, float64)
    gemm_f64(False, True, 3, 3, 3, 1.0, a, 3, a, 3, 0.0, b, 3)
    return 0
'''
a, b = np.arange(9.0).reshape(3, 3), np.empty((3, 3))
program = load_program(text, entry=EntrySpec((("float64", 1, False), ("float64", 2, True))))
program.entry(np.zeros(3, dtype=np.uint64), a, b)
assert (b == a @ a.T).all()
print(program.origin)
"""
    folder = str(tmp_path)
    assert run_python(code, TRACEGRAPH_CACHE_DIR=folder).strip() == "compiled"
    assert run_python(code, TRACEGRAPH_CACHE_DIR=folder).strip() == "disk"


def test_without_blas_products_are_refused_and_all_else_works(run_python: RunPython) -> None:
    code = f"""
from tracegraph.runtime import load_program
from tracegraph.runtime.errors import CompileError
from tracegraph.runtime.backends.numba_cpu import blas
import numpy as np
print(blas.available)
main = '@program\\ndef main(table):\\n    a = buffer(table, 1, 0, float32)\\n'
try:
    product = '    gemm_f32(False, False, 3, 3, 3, 1.0, a, 3, a, 3, 0.0, a, 3)\\n'
    load_program({HEADER!r} + main + product + '    return 0\\n')
except CompileError as error:
    print('not reachable' in str(error))
print(load_program({HEADER!r} + main + '    return 5\\n').run(np.zeros(2, dtype=np.uint64)))
"""
    assert run_python(code, TRACEGRAPH_NO_BLAS="1").split() == ["False", "True", "5"]


@needs_blas
def test_wrong_dtypes_are_refused() -> None:
    x = np.zeros((3, 3))
    with pytest.raises(RuntimeError, match="gemm_f32 needs buffers of float32"):
        _run("gemm_f32(False, False, 3, 3, 3, 1.0, a, 3, b, 3, 0.0, c, 3)", x, x, x)
