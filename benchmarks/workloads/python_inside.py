"""Functions whose Python matters: a loop that ends when the values say so, and a step that logs what it computes."""

from typing import Any

import numpy as np

from benchmarks.workload import Array, Arrays, Case, Framework, Workload, function_case, generator, jax_case, scaled

TOLERANCE = 1e-4


def _newton_inputs(scale: float) -> Arrays:
    return {"a": (1e6 * (1 + generator().random(scaled(1000, scale)))).astype(np.float32)}


def _newton_formula(arrays: Arrays) -> list[Array]:
    a = arrays["a"]
    x = a
    while np.abs(x * x / a - 1).max() > TOLERANCE:
        x = 0.5 * (x + a / x)
    return [x]


def square_root(a: Any) -> Any:
    """Newton's iteration for the square roots, until all are close."""
    x = a
    while (x * x / a - 1).abs().max() > TOLERANCE:
        x = 0.5 * (x + a / x)
    return x


def _newton(framework: Framework, arrays: Arrays) -> Case:
    return function_case(framework, square_root, arrays["a"])


def _newton_jax(jax: Any, arrays: Arrays) -> Case:
    np_ = jax.numpy

    def root(a: Any) -> Any:
        return jax.lax.while_loop(lambda x: np_.abs(x * x / a - 1).max() > TOLERANCE, lambda x: 0.5 * (x + a / x), a)

    return jax_case(jax, root, arrays["a"])


def _logged_inputs(scale: float) -> Arrays:
    draw, size = generator(), scaled(500_000, scale)
    return {name: draw.standard_normal(size).astype(np.float32) for name in ("x", "y")}


def _logged_formula(arrays: Arrays) -> list[Array]:
    x, y = arrays["x"], arrays["y"]
    hidden = np.tanh(x * 2 + y) * x - 0.5 * y
    return [hidden / (1 + np.abs(hidden.mean()))]


def _logged(framework: Framework, arrays: Arrays) -> Case:
    history: list[float] = []

    def step(x: Any, y: Any) -> Any:
        hidden = (x * 2 + y).tanh() * x - y * 0.5
        mean = hidden.mean().abs()
        history.append(mean.item())
        return hidden / (mean + 1)

    return function_case(framework, step, arrays["x"], arrays["y"])


def _logged_jax(jax: Any, arrays: Arrays) -> Case:
    history: list[float] = []

    def step(x: Any, y: Any) -> Any:
        hidden = jax.numpy.tanh(x * 2 + y) * x - y * 0.5
        mean = jax.numpy.abs(hidden.mean())
        return hidden / (mean + 1), mean

    compiled = jax.jit(step)
    moved = [jax.numpy.asarray(arrays[name]) for name in ("x", "y")]
    compiled = jax.jit(step)

    def action() -> Any:
        result, mean = jax.block_until_ready(compiled(*moved))
        history.append(float(mean))
        return result

    return Case(action)


WORKLOADS = (
    Workload(
        "newton", "square roots of 1,000 numbers by Newton's iteration, a `while` on the largest error",
        _newton_inputs, _newton_formula, _newton, _newton_jax, tolerance=1e-4,
    ),
    Workload(
        "logged", "a step on 500,000 elements that appends a mean to a list (co-executed)",
        _logged_inputs, _logged_formula, _logged, _logged_jax, tolerance=1e-4,
    ),
)  # fmt: skip
