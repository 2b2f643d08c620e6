"""Every vector function stays within its documented error, over dense and structured arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.runtime.vector_math.reference_tables import TABLES
from tests.runtime.vector_math.support import (
    BINARY,
    REFERENCES,
    WIDTHS,
    Array,
    apply,
    arguments,
    largest_error,
)
from tracegraph.runtime.vector_math import BOUNDS

needs_extended = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="numpy.longdouble is not wider than float64 on this platform"
)
UNARY_REFERENCES = [name for name in REFERENCES if name not in BINARY]
EXACT = ("floor", "ceil", "trunc", "round", "abs", "sign", "copysign", "fmod", "remainder")


def require_bound(name: str, width: str, got: Array, exact: Array, rest: Array | float, *operands: Array) -> None:
    """Fail with the worst argument if the error is above the documented bound."""
    error, position = largest_error(got, exact, rest)
    bound = BOUNDS[name][0 if width == "f32" else 1]
    worst = ", ".join(float(operand[position]).hex() for operand in operands)
    assert error <= bound, f"{name}_{width}({worst}): {error:.3f} ulp, documented {bound}"


def widened(dtype: Any) -> Any:
    return np.float64 if dtype is np.float32 else np.longdouble


@pytest.mark.parametrize("name", UNARY_REFERENCES)
@pytest.mark.parametrize("width", ["f32", pytest.param("f64", marks=needs_extended)])
def test_functions_of_one_number(name: str, width: str) -> None:
    dtype = WIDTHS[width]
    x = arguments(name, dtype, 4000)
    with np.errstate(all="ignore"):
        exact = REFERENCES[name](x.astype(widened(dtype)))
    defined = np.isfinite(exact)
    require_bound(name, width, apply(f"{name}_{width}", x)[defined], exact[defined], 0.0, x[defined])


def pairs(name: str, dtype: Any) -> tuple[Array, Array]:
    """Operands of the binary functions; for pow such that most results are finite and many near the ends."""
    generator = np.random.default_rng(3)
    count = 20_000
    spread = np.exp2(generator.uniform(-60, 60, count)) * generator.choice([-1.0, 1.0], count)
    other = np.exp2(generator.uniform(-60, 60, count)) * generator.choice([-1.0, 1.0], count)
    if name == "pow":
        base = np.concatenate([np.abs(spread), generator.uniform(0.25, 4, count)]).astype(dtype)
        limit = 149.0 if dtype is np.float32 else 1074.0
        target = generator.uniform(-limit, limit, 2 * count)
        with np.errstate(all="ignore"):
            exponent = (target / np.log2(base.astype(np.float64))).astype(dtype)
        kept = np.isfinite(exponent)
        return base[kept], exponent[kept]
    near = generator.uniform(-4, 4, (2, count))
    return np.concatenate([spread, near[0]]).astype(dtype), np.concatenate([other, near[1]]).astype(dtype)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("width", ["f32", pytest.param("f64", marks=needs_extended)])
def test_functions_of_two_numbers(name: str, width: str) -> None:
    dtype = WIDTHS[width]
    x, y = pairs(name, dtype)
    got = apply(f"{name}_{width}", x, y)
    if name in EXACT:
        np.testing.assert_array_equal(got, REFERENCES[name](x, y))
        return
    with np.errstate(all="ignore"):
        exact = REFERENCES[name](x.astype(widened(dtype)), y.astype(widened(dtype)))
    require_bound(name, width, got, exact, 0.0, x, y)


@pytest.mark.parametrize("name", TABLES)
def test_against_tables(name: str) -> None:
    x, value, rest = (np.array(column) for column in zip(*TABLES[name], strict=True))
    require_bound(name, "f64", apply(f"{name}_f64", x), value, rest, x)


@pytest.mark.parametrize("name", ["erf", "erfc", "lgamma"])
def test_single_precision_against_the_standard_library(name: str) -> None:
    x = arguments(name, np.float32, 4000)
    x = x[x != 0] if name == "lgamma" else x
    exact = np.array([getattr(math, name)(float(value)) for value in x])
    require_bound(name, "f32", apply(f"{name}_f32", x), exact, 0.0, x)


@pytest.mark.parametrize("name", ["erfinv", "digamma"])
def test_single_precision_against_double(name: str) -> None:
    x = arguments(name, np.float32, 4000)
    x = x[(x != 0) & (np.abs(x) != 1)] if name == "erfinv" else x[x != 0]
    require_bound(name, "f32", apply(f"{name}_f32", x), apply(f"{name}_f64", x.astype(np.float64)), 0.0, x)


def test_digamma_of_negative_numbers_satisfies_the_reflection_formula() -> None:
    x = np.random.default_rng(5).uniform(-20, 0, 4000)
    cotangent = np.pi / np.tan(np.pi * (x - np.rint(x)))
    exact = apply("digamma_f64", 1.0 - x) - cotangent
    np.testing.assert_allclose(apply("digamma_f64", x), exact, rtol=0, atol=2e-15 * float(np.abs(cotangent).max()))


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
@pytest.mark.parametrize("width", WIDTHS)
def test_huge_angles_are_reduced_exactly(name: str, width: str) -> None:
    largest_exponent = 127 if width == "f32" else 1023
    x = np.exp2(np.random.default_rng(2).uniform(30, largest_exponent, 1003)).astype(WIDTHS[width])
    exact = np.array([getattr(math, name)(float(value)) for value in x])
    error, position = largest_error(apply(f"{name}_{width}", x), exact)
    assert error <= BOUNDS[name][0 if width == "f32" else 1] + 0.5, f"{x[position]}: {error} ulp"
