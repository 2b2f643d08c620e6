"""Prices of European calls and puts (Black and Scholes, 1973) for four million options in float32."""

import math
from typing import Any

import numpy as np

from benchmarks.workload import Array, Arrays, Case, Framework, Workload, function_case, generator, jax_case, scaled

RATE, VOLATILITY = 0.02, 0.3
NAMES = ("price", "strike", "years")


def _inputs(scale: float) -> Arrays:
    draw, size = generator(), scaled(4_000_000, scale)
    bounds = {"price": (10.0, 50.0), "strike": (10.0, 50.0), "years": (1.0, 2.0)}
    return {name: draw.uniform(*bounds[name], size).astype(np.float32) for name in NAMES}


def _formula(arrays: Arrays) -> list[Array]:
    price, strike, years = (arrays[name] for name in NAMES)
    erf = np.frompyfunc(math.erf, 1, 1)

    def normal(x: Array) -> Array:
        return 0.5 + 0.5 * np.asarray(erf(x * math.sqrt(0.5)), x.dtype)

    width = VOLATILITY * np.sqrt(years)
    d1 = (np.log(price / strike) + (RATE + 0.5 * VOLATILITY**2) * years) / width
    d2 = d1 - width
    discounted = strike * np.exp(-RATE * years)
    call = price * normal(d1) - discounted * normal(d2)
    return [call, call - price + discounted]


def _prices(library: Any, erf: Any) -> Any:
    def prices(price: Any, strike: Any, years: Any) -> Any:
        width = VOLATILITY * library.sqrt(years)
        d1 = (library.log(price / strike) + (RATE + 0.5 * VOLATILITY**2) * years) / width
        d2 = d1 - width
        discounted = strike * library.exp(-RATE * years)
        call = price * (0.5 + 0.5 * erf(d1 * math.sqrt(0.5))) - discounted * (0.5 + 0.5 * erf(d2 * math.sqrt(0.5)))
        return call, call - price + discounted

    return prices


def _tensors(framework: Framework, arrays: Arrays) -> Case:
    prices = _prices(framework.library, framework.library.erf)
    return function_case(framework, prices, *(arrays[name] for name in NAMES))


def _jax(jax: Any, arrays: Arrays) -> Case:
    return jax_case(jax, _prices(jax.numpy, jax.lax.erf), *(arrays[name] for name in NAMES))


WORKLOADS = (
    Workload(
        "black-scholes", "Black-Scholes calls and puts, 4 M options", _inputs, _formula, _tensors, _jax, numpy=False
    ),
)
