"""Compile a vector function into a plain loop, draw arguments for it, and measure errors in units of the last place."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from tracegraph.runtime import vector_math

Array = np.ndarray[Any, np.dtype[Any]]

BINARY = ("atan2", "pow", "copysign", "fmod", "remainder")
WIDTHS = {"f32": np.float32, "f64": np.float64}


@functools.cache
def compiled_loop(name: str, *, fastmath: bool) -> Any:
    """A compiled loop that applies the vector function `name` to one or two arrays, element by element."""
    function = getattr(vector_math, name)
    if name.rpartition("_")[0] in BINARY or name in ("maximum", "minimum"):

        def loop_of_two(x: Any, y: Any, out: Any) -> None:
            for index in range(x.size):
                out[index] = function(x[index], y[index])

        return numba.njit(fastmath=fastmath)(loop_of_two)

    def loop(x: Any, out: Any) -> None:
        for index in range(x.size):
            out[index] = function(x[index])

    return numba.njit(fastmath=fastmath)(loop)


def apply(name: str, *operands: Array, fastmath: bool = False) -> Array:
    """The results of the vector function `name` on arrays of one type."""
    out = np.empty_like(operands[0])
    compiled_loop(name, fastmath=fastmath)(*operands, out)
    return out


def largest_error(got: Array, exact: Array, rest: Array | float = 0.0) -> tuple[float, int]:
    """The largest error in units of the last place of `exact` + `rest`, and where; overflowing results are left out."""
    narrow = got.dtype
    limits = np.finfo(narrow)
    inside = np.abs(exact) <= float(limits.max)
    with np.errstate(all="ignore"):
        unit = np.spacing(np.abs(exact).astype(narrow)).astype(exact.dtype)
        distance = np.abs((got.astype(exact.dtype) - exact) - rest) / unit
    distance = np.where(inside, np.where(np.isfinite(distance), distance, np.inf), 0.0)
    position = int(np.argmax(distance))
    return float(distance[position]), position


def logistic(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow or cancellation."""
    decay = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, decay, 1.0) / (1.0 + decay))


# NumPy's functions in a wider type than the one under test.
REFERENCES: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "sigmoid": logistic,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1.0 / np.sqrt(x),
    "cbrt": np.cbrt,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "round": np.rint,
    "abs": np.abs,
    "sign": np.sign,
    "atan2": np.arctan2,
    "pow": np.power,
    "copysign": np.copysign,
    "fmod": np.fmod,
    "remainder": np.remainder,
}

# Where a function is defined and neither overflows nor underflows far: float32, then float64.
DOMAINS: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "exp": ((-103.9, 88.8), (-745.0, 709.7)),
    "exp2": ((-149.5, 128.0), (-1074.5, 1024.0)),
    "expm1": ((-20.0, 88.8), (-40.0, 709.7)),
    "sigmoid": ((-103.9, 40.0), (-745.0, 50.0)),
    "log": ((0.0, 1e38), (0.0, 1e308)),
    "log2": ((0.0, 1e38), (0.0, 1e308)),
    "log10": ((0.0, 1e38), (0.0, 1e308)),
    "log1p": ((-1.0, 1e38), (-1.0, 1e308)),
    "asin": ((-1.0, 1.0), (-1.0, 1.0)),
    "acos": ((-1.0, 1.0), (-1.0, 1.0)),
    "sinh": ((-89.4, 89.4), (-710.4, 710.4)),
    "cosh": ((-89.4, 89.4), (-710.4, 710.4)),
    "tanh": ((-12.0, 12.0), (-22.0, 22.0)),
    "acosh": ((1.0, 1e38), (1.0, 1e308)),
    "atanh": ((-1.0, 1.0), (-1.0, 1.0)),
    "sqrt": ((0.0, 1e38), (0.0, 1e308)),
    "rsqrt": ((0.0, 1e38), (0.0, 1e308)),
    "erf": ((-4.5, 4.5), (-6.5, 6.5)),
    "erfc": ((-4.0, 10.1), (-6.0, 27.0)),
    "erfinv": ((-1.0, 1.0), (-1.0, 1.0)),
    "digamma": ((0.0, 30.0), (0.0, 30.0)),
    "lgamma": ((0.0, 30.0), (0.0, 30.0)),
}
EVERYWHERE = ((-1e38, 1e38), (-1e308, 1e308))


def arguments(name: str, dtype: Any, count: int) -> Array:
    """Arguments in the domain of `name`: uniform, near 1 and 0, of all magnitudes, and at and beside likely seams."""
    generator = np.random.default_rng(sum(name.encode()))
    limits = np.finfo(dtype)
    low, high = DOMAINS.get(name, EVERYWHERE)[0 if dtype is np.float32 else 1]
    signs = generator.choice([-1.0, 1.0], count)
    seams = np.concatenate(
        [
            np.arange(-200, 201) / 8.0,
            np.arange(-300, 301) * (np.pi / 4),
            np.arange(-300, 301) * (np.log(2) / 2),
            np.array([np.sqrt(0.5), np.sqrt(2.0), np.sqrt(2) - 1, 0.975, 2.0**13, 2.0**28, 2.0**40, 1e5, 1e9, 1e22]),
            np.exp2(np.arange(limits.minexp - limits.nmant, limits.maxexp, dtype=np.float64)),
            1.0 - np.exp2(-np.arange(1.0, limits.nmant + 2)),
        ]
    ).astype(dtype)
    drawn = np.concatenate(
        [
            generator.uniform(max(low, -1e3), min(high, 1e3), count),
            generator.uniform(max(low, -4.0), min(high, 4.0), count),
            generator.uniform(max(low, 0.5), min(high, 2.0), count),
            signs * np.exp2(generator.uniform(limits.minexp - limits.nmant, limits.maxexp, count)),
            signs * np.exp2(generator.uniform(-20, 20, count)),
        ]
    ).astype(dtype)
    near_seams = [seams, np.nextafter(seams, dtype(np.inf)), np.nextafter(seams, dtype(-np.inf))]
    every = np.concatenate([drawn, *near_seams, *(-seam for seam in near_seams)])
    return np.asarray(every[(every >= dtype(low)) & (every <= dtype(high)) & np.isfinite(every)])


def special_values(dtype: Any) -> Array:
    """Zeros, infinities, NaN, denormals, the largest number, and common numbers, with both signs."""
    limits = np.finfo(dtype)
    positive = [0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 7.0, 1e30, 2.0**60, np.inf, np.nan, 1 / 3]
    values = np.array([*positive, limits.max, limits.tiny, limits.smallest_subnormal], dtype)
    return np.concatenate([values, -values])
