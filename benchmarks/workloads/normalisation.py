"""Softmax and layer norm over rows of 1024, forward and with the gradients of their inputs."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Array, Arrays, Case, Framework, Workload, function_case, generator, jax_case, scaled

EPSILON = 1e-5


def _inputs(scale: float) -> Arrays:
    draw = generator()
    rows, columns = scaled(4096, scale), scaled(1024, scale)
    return {
        "x": draw.standard_normal((rows, columns)).astype(np.float32),
        "cotangent": draw.standard_normal((rows, columns)).astype(np.float32),
        "weight": draw.uniform(0.5, 1.5, columns).astype(np.float32),
        "bias": draw.standard_normal(columns).astype(np.float32),
    }


def _softmax(x: Array) -> Array:
    y: Array = np.exp(x - x.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)
    return y


def _softmax_backward(arrays: Arrays) -> list[Array]:
    y, g = _softmax(arrays["x"]), arrays["cotangent"]
    return [y, y * (g - (y * g).sum(axis=1, keepdims=True))]


def _standardised(x: Array) -> tuple[Array, Array]:
    centred = x - x.mean(axis=1, keepdims=True)
    inverse = 1 / np.sqrt((centred * centred).mean(axis=1, keepdims=True) + x.dtype.type(EPSILON))
    return centred * inverse, inverse


def _layer_norm(arrays: Arrays) -> list[Array]:
    return [_standardised(arrays["x"])[0] * arrays["weight"] + arrays["bias"]]


def _layer_norm_backward(arrays: Arrays) -> list[Array]:
    normal, inverse = _standardised(arrays["x"])
    cotangent = arrays["cotangent"]
    g = cotangent * arrays["weight"]
    inner = g - g.mean(axis=1, keepdims=True) - normal * (g * normal).mean(axis=1, keepdims=True)
    y = normal * arrays["weight"] + arrays["bias"]
    return [y, inner * inverse, (cotangent * normal).sum(axis=0), cotangent.sum(axis=0)]


def _with_gradient(framework: Framework, function: Callable[..., Any], cotangent: Array, *arrays: Array) -> Case:
    """A case that computes a function of leaves, and the gradients of the leaves for the cotangent of the result."""
    gradient = framework.library.autograd.grad

    def forward_and_backward(g: Any, *leaves: Any) -> Any:
        y = function(*leaves)
        return y.detach(), *gradient(y, leaves, g)

    compiled = framework.compiled(forward_and_backward)
    g, leaves = framework.tensor(cotangent), [framework.tensor(array).requires_grad_() for array in arrays]
    return Case(lambda: compiled(g, *leaves))


def _with_gradient_jax(jax: Any, function: Callable[..., Any], cotangent: Array, *arrays: Array) -> Case:
    def forward_and_backward(g: Any, *leaves: Any) -> Any:
        y, pull = jax.vjp(function, *leaves)
        return y, *pull(g)

    return jax_case(jax, forward_and_backward, cotangent, *arrays)


def _norm(framework: Framework, columns: int) -> Callable[..., Any]:
    layer_norm = framework.functional.layer_norm

    def norm(x: Any, weight: Any, bias: Any) -> Any:
        return layer_norm(x, (columns,), weight, bias, EPSILON)

    return norm


def _norm_jax(jax: Any) -> Callable[..., Any]:
    def norm(x: Any, weight: Any, bias: Any) -> Any:
        centred = x - x.mean(axis=1, keepdims=True)
        variance = (centred * centred).mean(axis=1, keepdims=True)
        return centred * jax.lax.rsqrt(variance + EPSILON) * weight + bias

    return norm


def _norm_arrays(arrays: Arrays) -> tuple[Array, ...]:
    return arrays["x"], arrays["weight"], arrays["bias"]


def _row_softmax(framework: Framework) -> Callable[..., Any]:
    softmax = framework.functional.softmax

    def row_softmax(x: Any) -> Any:
        return softmax(x, dim=1)

    return row_softmax


WORKLOADS = (
    Workload(
        "softmax", "softmax over rows, 4096 x 1024",
        _inputs, lambda arrays: [_softmax(arrays["x"])],
        lambda framework, arrays: function_case(framework, _row_softmax(framework), arrays["x"]),
        lambda jax, arrays: jax_case(jax, lambda x: jax.nn.softmax(x, axis=1), arrays["x"]),
    ),
    Workload(
        "softmax-backward", "softmax over rows and its gradient, 4096 x 1024",
        _inputs, _softmax_backward,
        lambda framework, arrays: _with_gradient(framework, _row_softmax(framework), arrays["cotangent"], arrays["x"]),
        lambda jax, arrays: _with_gradient_jax(
            jax, lambda x: jax.nn.softmax(x, axis=1), arrays["cotangent"], arrays["x"]
        ),
    ),
    Workload(
        "layer-norm", "layer norm over rows, 4096 x 1024",
        _inputs, _layer_norm,
        lambda framework, arrays: function_case(
            framework, _norm(framework, arrays["x"].shape[1]), *_norm_arrays(arrays)
        ),
        lambda jax, arrays: jax_case(jax, _norm_jax(jax), *_norm_arrays(arrays)),
    ),
    Workload(
        "layer-norm-backward", "layer norm over rows and its three gradients, 4096 x 1024",
        _inputs, _layer_norm_backward,
        lambda framework, arrays: _with_gradient(
            framework, _norm(framework, arrays["x"].shape[1]), arrays["cotangent"], *_norm_arrays(arrays)
        ),
        lambda jax, arrays: _with_gradient_jax(jax, _norm_jax(jax), arrays["cotangent"], *_norm_arrays(arrays)),
    ),
)  # fmt: skip
