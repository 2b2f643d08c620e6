"""The dialect: every name it promises is there, mathematical functions vectorise, arithmetic is rounded as written."""

import numpy as np
import pytest

from tests.runtime.helpers import is_vectorised, kernel_source, run_kernel
from tracegraph.runtime.backends.numba_cpu import dialect
from tracegraph.runtime.backends.numba_cpu.compile import inspect_source


def test_all_names_exist_once() -> None:
    assert len(set(dialect.__all__)) == len(dialect.__all__)
    missing = [name for name in dialect.__all__ if not hasattr(dialect, name)]
    assert missing == []


@pytest.mark.parametrize("name", ["exp", "tanh", "log", "sigmoid", "erf", "sin"])
def test_mathematical_functions_vectorise_in_kernels(name: str) -> None:
    ir_text, _ = inspect_source(kernel_source({"x": "float32", "y": "float32"}, f"y[i] = {name}_f32(x[i])", 5000))
    assert is_vectorised(ir_text, "float")


def test_mathematical_functions_compute() -> None:
    x = np.linspace(-3, 3, 1001, dtype=np.float32)
    y = np.empty_like(x)
    run_kernel({"x": x, "y": y}, "y[i] = tanh_f32(x[i]) + exp_f32(x[i])", 1001)
    np.testing.assert_allclose(y, np.tanh(x) + np.exp(x), rtol=1e-6, atol=1e-6)


def test_products_and_sums_are_rounded_as_written() -> None:
    buffers = dict.fromkeys(("a", "b", "c", "y"), "float32")
    _, assembly = inspect_source(kernel_source(buffers, "y[i] = a[i] * b[i] + c[i]", 5000))
    assert "fmadd" not in assembly


def test_nan_and_infinity_stay_what_they_are() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0, 1.0])
    y, flags = np.empty_like(x), np.empty(5, dtype=bool)
    run_kernel({"x": x, "y": y, "flags": flags}, "y[i] = x[i] * 0.0\nflags[i] = x[i] != x[i]", 5)
    np.testing.assert_array_equal(y, [np.nan, np.nan, np.nan, 0.0, 0.0])
    np.testing.assert_array_equal(flags, np.isnan(x))


def test_nested_loops_and_branches() -> None:
    x, y = np.arange(60, dtype=np.float64), np.zeros(10)
    body = """
        total = 0.0
        for k in range(6):
            value = x[i * 6 + k]
            if value > 20.0:
                total = accumulate_add(total, value)
            else:
                total = accumulate_add(total, 1.0)
        y[i] = total
    """
    run_kernel({"x": x, "y": y}, body, 10)
    np.testing.assert_allclose(y, np.where(x > 20, x, 1.0).reshape(10, 6).sum(axis=1))
