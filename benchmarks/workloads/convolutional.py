"""A convolutional network for 28 x 28 images (32 and 64 channels, pooling, 128 units): inference, training step."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.workload import CHECKED_CALLS, Array, Arrays, Case, Framework, Workload, generator, scaled
from benchmarks.workloads import networks

LAYERS = {"0": (32, 1, 3, 3), "2": (64, 32, 3, 3), "6": (128, 9216), "8": (10, 128)}


def _inputs(scale: float) -> Arrays:
    draw, batch = generator(), scaled(64, scale)
    arrays: Arrays = {}
    for name, shape in LAYERS.items():
        arrays[f"{name}.weight"] = networks.initial(draw, shape)
        arrays[f"{name}.bias"] = (0.1 * draw.standard_normal(shape[0])).astype(np.float32)
    arrays["x"] = draw.random((batch, 1, 28, 28), np.float32)
    arrays["labels"] = draw.integers(0, 10, batch)
    return arrays


def _convolve(x: Array, weight: Array, bias: Array) -> Array:
    """Cross-correlation without padding, NCHW."""
    patches = sliding_window_view(x, weight.shape[2:], axis=(2, 3))
    return np.tensordot(patches, weight, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2) + bias[:, None, None]


def _convolve_backward(x: Array, weight: Array, g: Array) -> tuple[Array, Array, Array]:
    """The gradients of input, weight and bias."""
    patches = sliding_window_view(x, weight.shape[2:], axis=(2, 3))
    weight_gradient = np.tensordot(g, patches, ((0, 2, 3), (0, 2, 3)))
    height, width = weight.shape[2:]
    padded = np.pad(g, ((0, 0), (0, 0), (height - 1, height - 1), (width - 1, width - 1)))
    turned = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    return _convolve(padded, turned, np.zeros(len(turned))), weight_gradient, g.sum((0, 2, 3))


def _forward(w: Arrays, x: Array) -> dict[str, Array]:
    """The values of all layers."""
    first = np.maximum(_convolve(x, w["0.weight"], w["0.bias"]), 0)
    second = np.maximum(_convolve(first, w["2.weight"], w["2.bias"]), 0)
    n, c, height, width = second.shape
    pooled = second.reshape(n, c, height // 2, 2, width // 2, 2).max((3, 5))
    flat = pooled.reshape(n, -1)
    hidden = np.maximum(flat @ w["6.weight"].T + w["6.bias"], 0)
    logits = hidden @ w["8.weight"].T + w["8.bias"]
    return {"first": first, "second": second, "pooled": pooled, "flat": flat, "hidden": hidden, "logits": logits}


def _backward(w: Arrays, x: Array, values: dict[str, Array], g: Array) -> Arrays:
    """The gradients of the parameters for that of the logits."""
    gradients = {"8.weight": g.T @ values["hidden"], "8.bias": g.sum(0)}
    g = (g @ w["8.weight"]) * (values["hidden"] > 0)
    gradients |= {"6.weight": g.T @ values["flat"], "6.bias": g.sum(0)}
    pooled, second = values["pooled"], values["second"]
    spread = np.repeat(np.repeat((g @ w["6.weight"]).reshape(pooled.shape), 2, 2), 2, 3)
    largest = np.repeat(np.repeat(pooled, 2, 2), 2, 3)
    g = spread * ((second == largest) & (second > 0))
    g, weight_gradient, bias_gradient = _convolve_backward(values["first"], w["2.weight"], g)
    gradients |= {"2.weight": weight_gradient, "2.bias": bias_gradient}
    _, weight_gradient, bias_gradient = _convolve_backward(x, w["0.weight"], g * (values["first"] > 0))
    return gradients | {"0.weight": weight_gradient, "0.bias": bias_gradient}


def _training_formula(arrays: Arrays) -> list[Array]:
    weights = networks.parameters(arrays)
    velocities = {name: np.zeros_like(array) for name, array in weights.items()}
    for _ in range(CHECKED_CALLS):
        values = _forward(weights, arrays["x"])
        loss, g = networks.cross_entropy(values["logits"], arrays["labels"])
        networks.descend(weights, velocities, _backward(weights, arrays["x"], values, g))
    return [loss, *weights.values()]


def _model(framework: Framework) -> Any:
    nn = framework.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def _predict_jax(jax: Any) -> Any:
    def convolve(x: Any, weight: Any, bias: Any) -> Any:
        return jax.lax.conv(x, weight, (1, 1), "VALID") + bias[:, None, None]

    def predict(w: Any, x: Any) -> Any:
        x = jax.nn.relu(convolve(x, w["0.weight"], w["0.bias"]))
        x = jax.nn.relu(convolve(x, w["2.weight"], w["2.bias"]))
        window = (1, 1, 2, 2)
        x = jax.lax.reduce_window(x, -jax.numpy.inf, jax.lax.max, window, window, "VALID").reshape(x.shape[0], -1)
        x = jax.nn.relu(x @ w["6.weight"].T + w["6.bias"])
        return x @ w["8.weight"].T + w["8.bias"]

    return predict


def _inference(framework: Framework, arrays: Arrays) -> Case:
    return networks.inference(framework, _model(framework), arrays)


def _training(framework: Framework, arrays: Arrays) -> Case:
    return networks.training(framework, _model(framework), arrays)


WORKLOADS = (
    Workload(
        "cnn-inference", "convolutional network, inference, batch 64",
        _inputs, lambda arrays: [_forward(networks.parameters(arrays), arrays["x"])["logits"]], _inference,
        lambda jax, arrays: networks.inference_jax(jax, _predict_jax(jax), arrays), tolerance=1e-4,
    ),
    Workload(
        "cnn-training", "convolutional network, SGD step with momentum, batch 64",
        _inputs, _training_formula, _training,
        lambda jax, arrays: networks.training_jax(jax, _predict_jax(jax), arrays), tolerance=1e-3, numpy=False,
    ),
)  # fmt: skip
