"""Scalar operations agree with NumPy on ordinary and on extreme values."""

import itertools

import numpy as np
import pytest

from tests.runtime.helpers import run_kernel

INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]
FLOATS = ["float32", "float64"]


def _extremes(dtype: str) -> np.ndarray:
    if dtype == "bool":
        return np.array([False, True])
    if dtype in FLOATS:
        values = [0.0, -0.0, 0.4, -0.4, 0.5, 1.0, -1.0, 1.5, 2.7, -2.7, 7.0, -7.5, 126.9, 255.5, 300.7, -300.7, 1e30]
        return np.array([*values, -1e30, np.inf, -np.inf, np.nan, 32768.5, 3e9, -3e9, 1e19, 2.0**31, -(2.0**31)], dtype)
    information = np.iinfo(dtype)
    whole = {0, 1, 2, 3, 7, 100, information.min, information.max, information.min + 1, information.max - 1}
    return np.array(sorted(whole | ({-1, -2, -7} if information.min else set())), dtype=dtype)


@pytest.mark.parametrize("target", ["bool", *INTEGERS, *FLOATS])
@pytest.mark.parametrize("origin", ["bool", *INTEGERS, *FLOATS])
def test_conversions(origin: str, target: str) -> None:
    x = np.tile(_extremes(origin), 5)
    y = np.empty(len(x), dtype=target)
    name = "bool_" if target == "bool" else target
    run_kernel({"x": x, "y": y}, f"y[i] = astype(x[i], {name})", len(x))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(y, x.astype(target))


def _pairs(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    pairs = list(itertools.product(_extremes(dtype), repeat=2))
    return np.array([a for a, _ in pairs], dtype=dtype), np.array([b for _, b in pairs], dtype=dtype)


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
@pytest.mark.parametrize(("name", "reference"), [("floor_divide", np.floor_divide), ("floor_modulo", np.remainder)])
def test_floor_division(dtype: str, name: str, reference: np.ufunc) -> None:
    a, b = _pairs(dtype)
    y = np.empty_like(a)
    run_kernel({"a": a, "b": b, "y": y}, f"y[i] = {name}(a[i], b[i])", len(a))
    with np.errstate(all="ignore"):
        expected = reference(a, b)
    np.testing.assert_array_equal(y, expected)
    if dtype in FLOATS:
        ordinary = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(y[ordinary]), np.signbit(expected[ordinary]))


@pytest.mark.parametrize("dtype", ["bool", *INTEGERS, *FLOATS])
@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_extrema(dtype: str, name: str) -> None:
    a, b = _pairs(dtype)
    y = np.empty_like(a)
    run_kernel({"a": a, "b": b, "y": y}, f"y[i] = {name}(a[i], b[i])", len(a))
    np.testing.assert_array_equal(y, getattr(np, name)(a, b))


def test_select_and_boolean_buffers() -> None:
    a, b = _pairs("float32")
    y, less = np.empty_like(a), np.empty(len(a), dtype=bool)
    body = "less[i] = a[i] < b[i]\ny[i] = select(less[i], a[i], b[i])"
    run_kernel({"a": a, "b": b, "y": y, "less": less}, body, len(a))
    np.testing.assert_array_equal(less, a < b)
    np.testing.assert_array_equal(y, np.where(a < b, a, b))


def test_a_boolean_byte_other_than_one_is_true() -> None:
    raw = np.array([0, 1, 2, 128, 255], dtype=np.uint8)
    y = np.empty(5, dtype=np.int32)
    run_kernel({"x": raw.view(bool), "y": y}, "y[i] = astype(x[i], int32)", 5)
    np.testing.assert_array_equal(y, [0, 1, 1, 1, 1])


def test_float_division_by_zero_does_not_raise() -> None:
    x, y = np.array([1.0, -1.0, 0.0]), np.empty(3)
    run_kernel({"x": x, "y": y}, "y[i] = x[i] / 0.0", 3)
    np.testing.assert_array_equal(y, [np.inf, -np.inf, np.nan])


def test_the_first_element_can_be_named_by_a_literal() -> None:
    x, y = np.array([5, 6], dtype=np.int32), np.zeros(3, dtype=np.int32)
    run_kernel({"x": x, "y": y}, "y[i] = x[1]", 3, after="y[0] = x[0]")
    np.testing.assert_array_equal(y, [5, 6, 6])
