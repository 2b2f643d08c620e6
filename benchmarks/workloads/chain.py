"""Two hundred tiny operations, each of which needs the one before: what is timed is dispatch."""

from typing import Any

import numpy as np

from benchmarks.workload import Array, Arrays, Case, Framework, Workload, function_case, generator, jax_case, scaled

STEPS = 50


def _inputs(scale: float) -> Arrays:
    draw, size = generator(), scaled(100, scale)
    return {name: draw.standard_normal(size).astype(np.float32) for name in ("x", "y")}


def _formula(arrays: Arrays) -> list[Array]:
    x, y = arrays["x"], arrays["y"]
    for _ in range(STEPS):
        x = np.tanh(x * 0.5 + 0.1) - y
    return [x]


def tiny_steps(x: Any, y: Any) -> Any:
    for _ in range(STEPS):
        x = (x * 0.5 + 0.1).tanh() - y
    return x


def _tensors(framework: Framework, arrays: Arrays) -> Case:
    return function_case(framework, tiny_steps, arrays["x"], arrays["y"])


def _jax(jax: Any, arrays: Arrays) -> Case:
    def steps(x: Any, y: Any) -> Any:
        for _ in range(STEPS):
            x = jax.numpy.tanh(x * 0.5 + 0.1) - y
        return x

    return jax_case(jax, steps, arrays["x"], arrays["y"])


WORKLOADS = (
    Workload(
        "chain", f"{4 * STEPS} chained operations on 100 elements", _inputs, _formula, _tensors, _jax, tolerance=1e-4
    ),
)
