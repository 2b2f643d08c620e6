"""Reductions of whole arrays (weighted sum, maximum, logarithm of a sum of exponentials) and of rows."""

from typing import Any

import numpy as np

from benchmarks.workload import Array, Arrays, Case, Framework, Workload, function_case, generator, jax_case, scaled


def _inputs(scale: float) -> Arrays:
    draw = generator()
    shape = scaled(4096, scale), scaled(1024, scale)
    return {name: (draw.standard_normal(shape) + 0.5).astype(np.float32) for name in ("x", "y")}


def _whole_formula(arrays: Arrays) -> list[Array]:
    x, y = arrays["x"], arrays["y"]
    largest = x.max()
    return [(x * y).sum(), largest, largest + np.log(np.exp(x - largest).sum())]


def whole(x: Any, y: Any) -> Any:
    return (x * y).sum(), x.amax(), x.logsumexp((0, 1))


def _whole_jax(jax: Any, arrays: Arrays) -> Case:
    def reduce(x: Any, y: Any) -> Any:
        return (x * y).sum(), x.max(), jax.nn.logsumexp(x)

    return jax_case(jax, reduce, arrays["x"], arrays["y"])


def row_products(x: Any, y: Any) -> Any:
    return (x * y).sum(1)


def _case(function: Any) -> Any:
    def tensors(framework: Framework, arrays: Arrays) -> Case:
        return function_case(framework, function, arrays["x"], arrays["y"])

    return tensors


WORKLOADS = (
    Workload(
        "reductions", "sum(x y), max(x), logsumexp(x), 4 M elements",
        _inputs, _whole_formula, _case(whole), _whole_jax,
    ),
    Workload(
        "row-products", "sum(x y) over rows, 4096 x 1024",
        _inputs, lambda arrays: [(arrays["x"] * arrays["y"]).sum(1)], _case(row_products),
        lambda jax, arrays: jax_case(jax, row_products, arrays["x"], arrays["y"]),
    ),
)  # fmt: skip
