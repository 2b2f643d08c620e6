"""Zeros, infinities, NaN, denormals and the largest numbers give what NumPy gives, with and without `fastmath`."""

from __future__ import annotations

import itertools
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

from tests.runtime.vector_math.support import BINARY, REFERENCES, WIDTHS, Array, apply, logistic, special_values
from tracegraph.runtime import vector_math
from tracegraph.runtime.vector_math import BOUNDS, NAMES

# Written with signs, so that -0 and 0 differ: argument, result.
INFINITY, NAN = float("inf"), float("nan")
TABULATED: dict[str, list[tuple[float, float]]] = {
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INFINITY, 1.0), (-INFINITY, -1.0), (NAN, NAN), (30.0, 1.0)],
    "erfc": [(0.0, 1.0), (-0.0, 1.0), (INFINITY, 0.0), (-INFINITY, 2.0), (NAN, NAN), (30.0, 0.0)],
    "erfinv": [(0.0, 0.0), (-0.0, -0.0), (1.0, INFINITY), (-1.0, -INFINITY), (1.5, NAN), (NAN, NAN)],
    "lgamma": [(0.0, INFINITY), (1.0, 0.0), (2.0, 0.0), (-3.0, INFINITY), (INFINITY, INFINITY), (NAN, NAN)],
    "digamma": [(0.0, -INFINITY), (-0.0, INFINITY), (-2.0, NAN), (INFINITY, INFINITY), (-INFINITY, NAN), (NAN, NAN)],
}


def require_same(name: str, got: Array, expected: Array, tolerance: float) -> None:
    """Fail unless both are equal with equal signs, both NaN, or finite and close."""
    with np.errstate(all="ignore"):
        close = np.isfinite(expected) & (np.abs(got - expected) <= tolerance * np.abs(expected))
    same = (np.isnan(got) & np.isnan(expected)) | ((got == expected) & (np.signbit(got) == np.signbit(expected)))
    wrong = np.flatnonzero(~(same | (close & (np.signbit(got) == np.signbit(expected)))))
    assert wrong.size == 0, f"{name}: results {got[wrong]}, expected {expected[wrong]} at positions {wrong}"


def reference(name: str) -> Any:
    return logistic if name == "sigmoid" else REFERENCES[name]


def combinations(dtype: Any) -> tuple[Array, Array]:
    x, y = np.meshgrid(special_values(dtype), special_values(dtype))
    return x.ravel().copy(), y.ravel().copy()


@pytest.mark.parametrize("name", [name for name in REFERENCES if name not in BINARY])
@pytest.mark.parametrize("width", WIDTHS)
def test_special_values_of_one_number(name: str, width: str) -> None:
    x = special_values(WIDTHS[width])
    with np.errstate(all="ignore"):
        expected = reference(name)(x)
    require_same(name, apply(f"{name}_{width}", x), expected, 8 * float(np.finfo(x.dtype).eps))


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("width", WIDTHS)
def test_special_values_of_two_numbers(name: str, width: str) -> None:
    x, y = combinations(WIDTHS[width])
    with np.errstate(all="ignore"):
        expected = reference(name)(x, y)
    require_same(name, apply(f"{name}_{width}", x, y), expected, 8 * float(np.finfo(x.dtype).eps))


@pytest.mark.parametrize(("name", "width"), list(itertools.product(TABULATED, WIDTHS)))
def test_special_values_by_table(name: str, width: str) -> None:
    x, expected = (np.array(column, WIDTHS[width]) for column in zip(*TABULATED[name], strict=True))
    require_same(name, apply(f"{name}_{width}", x), expected, 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_fastmath_outside_changes_nothing(name: str) -> None:
    dtype = np.float32 if name.endswith("f32") else np.float64
    two = name.rpartition("_")[0] in BINARY or name in ("maximum", "minimum")
    operands = combinations(dtype) if two else (special_values(dtype),)
    np.testing.assert_array_equal(apply(name, *operands, fastmath=True), apply(name, *operands))


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int64, np.uint8, np.uint64, np.bool_])
def test_extrema_follow_numpy(name: str, dtype: Any) -> None:
    if np.issubdtype(dtype, np.floating):
        x, y = combinations(dtype)
    else:
        x = np.random.default_rng(0).integers(-(2**62), 2**62, 1000).astype(dtype)
        y = x[::-1].copy()
    np.testing.assert_array_equal(apply(name, x, y), getattr(np, name)(x, y))


def test_powers_of_two_and_ten_are_exact() -> None:
    exponents = np.arange(-1074.0, 1024.0)
    np.testing.assert_array_equal(apply("log2_f64", np.ldexp(1.0, exponents.astype(int))), exponents)
    np.testing.assert_array_equal(apply("exp2_f64", exponents), np.ldexp(1.0, exponents.astype(int)))
    np.testing.assert_array_equal(apply("log10_f64", 10.0 ** np.arange(23.0)), np.arange(23.0))


def test_numbers_of_other_types_are_converted() -> None:
    exponential, root = vector_math.exp_f64, vector_math.sqrt_f32

    @numba.njit
    def mixed(count: Any, flag: Any) -> Any:
        return exponential(count) + root(flag)

    assert mixed(1, True) == pytest.approx(np.e + 1.0, rel=1e-15)


def test_what_is_no_number_is_refused_by_name() -> None:
    exponential = vector_math.exp_f64

    @numba.njit
    def wrong(text: Any) -> Any:
        return exponential(text)

    with pytest.raises(TypingError, match="exp_f64 takes numbers, but was given unicode_type"):
        wrong("one")


def test_every_name_is_exported_and_has_a_bound() -> None:
    exported = {name for name, value in vars(vector_math).items() if type(value) is type(vector_math.exp_f32)}
    assert exported == set(NAMES)
    assert {name.rpartition("_")[0] for name in NAMES if "_f" in name} == set(BOUNDS)
    assert set(BOUNDS) == set(REFERENCES) | set(TABULATED)
