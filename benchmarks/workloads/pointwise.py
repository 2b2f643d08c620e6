"""Chains of pointwise operations: `tanh(a x + b) sigmoid(x)` of few and many elements, GELU with bias and residual."""

import math
from typing import Any

import numpy as np

from benchmarks.workload import Array, Arrays, Case, Framework, Workload, function_case, generator, jax_case, scaled


def _inputs(size: int, scale: float) -> Arrays:
    return {"x": generator().standard_normal(scaled(size, scale)).astype(np.float32)}


def _formula(arrays: Arrays) -> list[Array]:
    x = arrays["x"]
    return [np.tanh(2 * x + 1) / (1 + np.exp(-x))]


def gated_tanh(x: Any) -> Any:
    return (x * 2.0 + 1.0).tanh() * x.sigmoid()


def _tensors(framework: Framework, arrays: Arrays) -> Case:
    return function_case(framework, gated_tanh, arrays["x"])


def _jax(jax: Any, arrays: Arrays) -> Case:
    return jax_case(jax, lambda x: jax.numpy.tanh(x * 2.0 + 1.0) * jax.nn.sigmoid(x), arrays["x"])


def _gated(name: str, title: str, size: int) -> Workload:
    return Workload(name, title, lambda scale: _inputs(size, scale), _formula, _tensors, _jax)


def _gelu_inputs(scale: float) -> Arrays:
    draw = generator()
    rows, columns = scaled(4096, scale), scaled(1024, scale)
    return {
        "x": draw.standard_normal((rows, columns)).astype(np.float32),
        "bias": draw.standard_normal(columns).astype(np.float32),
        "residual": draw.standard_normal((rows, columns)).astype(np.float32),
    }


def _gelu_formula(arrays: Arrays) -> list[Array]:
    shifted = arrays["x"] + arrays["bias"]
    inner = np.asarray(np.frompyfunc(math.erf, 1, 1)(shifted * math.sqrt(0.5)), shifted.dtype)
    return [0.5 * shifted * (1 + inner) + arrays["residual"]]


def _gelu_tanh_formula(arrays: Arrays) -> list[Array]:
    shifted = arrays["x"] + arrays["bias"]
    inner = np.tanh(math.sqrt(2 / math.pi) * (shifted + 0.044715 * shifted * shifted * shifted))
    return [0.5 * shifted * (1 + inner) + arrays["residual"]]


def _gelu(name: str, title: str, approximate: str) -> Workload:
    def tensors(framework: Framework, arrays: Arrays) -> Case:
        gelu = framework.functional.gelu

        def biased_gelu(x: Any, bias: Any, residual: Any) -> Any:
            return gelu(x + bias, approximate=approximate) + residual

        return function_case(framework, biased_gelu, arrays["x"], arrays["bias"], arrays["residual"])

    def jax_(jax: Any, arrays: Arrays) -> Case:
        def biased_gelu(x: Any, bias: Any, residual: Any) -> Any:
            return jax.nn.gelu(x + bias, approximate=approximate == "tanh") + residual

        return jax_case(jax, biased_gelu, arrays["x"], arrays["bias"], arrays["residual"])

    exact = approximate == "none"
    formula = _gelu_formula if exact else _gelu_tanh_formula
    return Workload(name, title, _gelu_inputs, formula, tensors, jax_, numpy=not exact)


WORKLOADS = (
    _gated("pointwise-small", "tanh(a x + b) sigmoid(x), 1,000 elements", 1_000),
    _gated("pointwise-large", "tanh(a x + b) sigmoid(x), 10 M elements", 10_000_000),
    _gelu("gelu", "gelu(x + bias) + residual with erf, 4096 x 1024", "none"),
    _gelu("gelu-tanh", "gelu(x + bias) + residual with tanh, 4096 x 1024", "tanh"),
)
