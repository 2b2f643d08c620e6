"""Loops become vector code: many buffers without run-time alias checks; reductions, which alone are reordered."""

import numpy as np
import pytest

from tests.runtime.helpers import is_vectorised, kernel_source, run_kernel
from tracegraph.runtime.backends.numba_cpu.compile import inspect_source


def _many_buffers() -> tuple[dict[str, str], str]:
    names = [f"x{number}" for number in range(14)]
    total = " + ".join(f"{name}[i]" for name in names[:10])
    body = f"total = {total}\n" + "\n".join(f"{name}[i] = total * float32({name[1:]})" for name in names[10:])
    return dict.fromkeys(names, "float32"), body


def test_fourteen_buffers_vectorise_without_checks() -> None:
    buffers, body = _many_buffers()
    ir_text, _ = inspect_source(kernel_source(buffers, body, 1000))
    assert is_vectorised(ir_text, "float")
    assert "memcheck" not in ir_text
    assert "store <" in ir_text


def test_fourteen_buffers_compute_the_same() -> None:
    buffers, body = _many_buffers()
    arrays = {name: np.arange(1000, dtype=np.float32) + number for number, name in enumerate(buffers)}
    expected = sum(arrays[f"x{number}"] for number in range(10))
    run_kernel(arrays, body, 1000)
    for number in range(10, 14):
        np.testing.assert_array_equal(arrays[f"x{number}"], expected * np.float32(number))


def test_an_update_in_place_is_right() -> None:
    x = np.arange(1000, dtype=np.float32)
    run_kernel({"x": x}, "x[i] = x[i] * x[i]", 1000)
    np.testing.assert_array_equal(x, np.arange(1000, dtype=np.float32) ** 2)


def test_a_recurrence_in_one_buffer_keeps_its_order() -> None:
    x = np.ones(1000, dtype=np.int64)
    run_kernel({"x": x}, "x[i + 1] = x[i + 1] + x[i]", 999)
    np.testing.assert_array_equal(x, np.arange(1, 1001))


@pytest.mark.parametrize("offset", [1, 3, 64])
def test_one_memory_under_two_offsets_is_two_buffers(offset: int) -> None:
    x = np.zeros(512, dtype=np.uint8)
    text = kernel_source({"x": "uint8"}, "x[i] = i", offset).replace(
        "    for i in range", f"    y = buffer(table, 1, {offset}, uint8)\n    for i in range"
    )
    assert f"buffer(table, 1, {offset}, uint8)" in text
    ir_text, _ = inspect_source(text)
    assert "tracegraph_main" in ir_text
    run_kernel({"x": x}, "x[i] = i", offset)
    np.testing.assert_array_equal(x[:offset], np.arange(offset))
    np.testing.assert_array_equal(x[offset:], 0)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("operation", ["accumulate_add", "accumulate_maximum", "accumulate_minimum"])
def test_reductions_vectorise(dtype: str, operation: str) -> None:
    text = kernel_source(
        {"x": dtype, "y": dtype},
        f"total = {operation}(total, x[i])",
        5000,
        before=f"total = {dtype}(0)",
        after="y[0] = total",
    )
    element = {"float32": "float", "float64": "double", "int32": "i32", "int64": "i64"}[dtype]
    ir_text, _ = inspect_source(text)
    assert is_vectorised(ir_text, element)


def test_a_plain_sum_keeps_its_order() -> None:
    text = kernel_source(
        {"x": "float32", "y": "float32"},
        "total = total + x[i]",
        5000,
        before="total = float32(0)",
        after="y[0] = total",
    )
    ir_text, _ = inspect_source(text)
    assert not is_vectorised(ir_text, "float")
    assert "reassoc" not in ir_text


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8])
@pytest.mark.parametrize("name", ["add", "maximum", "minimum", "multiply"])
def test_reductions_agree_with_numpy(dtype: type[np.generic], name: str) -> None:
    x = np.random.default_rng(3).integers(1, 3, 777).astype(dtype)
    y = np.zeros(1, dtype=dtype)
    short = np.dtype(dtype).name
    run_kernel(
        {"x": x, "y": y},
        f"total = accumulate_{name}(total, x[i])",
        777,
        before=f"total = {short}(1)",
        after="y[0] = total",
    )
    with np.errstate(over="ignore"):
        expected = getattr(np, name).reduce(x, dtype=dtype, initial=1)
    np.testing.assert_allclose(y[0], expected, rtol=1e-5)


@pytest.mark.parametrize("operation", ["accumulate_maximum", "accumulate_minimum"])
@pytest.mark.parametrize("where", [0, 5, 776])
def test_extrema_propagate_nan(operation: str, where: int) -> None:
    x, y = np.ones(777, dtype=np.float32), np.zeros(1, dtype=np.float32)
    x[where] = np.nan
    run_kernel({"x": x, "y": y}, f"total = {operation}(total, x[i])", 777, before="total = x[0]", after="y[0] = total")
    assert np.isnan(y[0])
