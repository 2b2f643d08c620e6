"""A perceptron 784-128-10: inference for one image and for 64, and a training step."""

from typing import Any

import numpy as np

from benchmarks.workload import CHECKED_CALLS, Array, Arrays, Case, Framework, Workload, generator, scaled
from benchmarks.workloads import networks


def _inputs(batch: int) -> Arrays:
    draw = generator()
    return {
        "0.weight": networks.initial(draw, (128, 784)),
        "0.bias": (0.1 * draw.standard_normal(128)).astype(np.float32),
        "2.weight": networks.initial(draw, (10, 128)),
        "2.bias": (0.1 * draw.standard_normal(10)).astype(np.float32),
        "x": draw.random((batch, 784), np.float32),
        "labels": draw.integers(0, 10, batch),
    }


def _predict(weights: Arrays, x: Array) -> tuple[Array, Array]:
    hidden = np.maximum(x @ weights["0.weight"].T + weights["0.bias"], 0)
    return hidden, hidden @ weights["2.weight"].T + weights["2.bias"]


def _training_formula(arrays: Arrays) -> list[Array]:
    weights, x = networks.parameters(arrays), arrays["x"]
    velocities = {name: np.zeros_like(array) for name, array in weights.items()}
    for _ in range(CHECKED_CALLS):
        hidden, logits = _predict(weights, x)
        loss, g = networks.cross_entropy(logits, arrays["labels"])
        inner = (g @ weights["2.weight"]) * (hidden > 0)
        gradients = {"0.weight": inner.T @ x, "0.bias": inner.sum(0), "2.weight": g.T @ hidden, "2.bias": g.sum(0)}
        networks.descend(weights, velocities, gradients)
    return [loss, *weights.values()]


def _model(framework: Framework) -> Any:
    nn = framework.nn
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def _predict_jax(jax: Any) -> Any:
    def predict(weights: Any, x: Any) -> Any:
        hidden = jax.nn.relu(x @ weights["0.weight"].T + weights["0.bias"])
        return hidden @ weights["2.weight"].T + weights["2.bias"]

    return predict


def _inference(batch: int) -> Workload:
    def tensors(framework: Framework, arrays: Arrays) -> Case:
        return networks.inference(framework, _model(framework), arrays)

    def jax_(jax: Any, arrays: Arrays) -> Case:
        return networks.inference_jax(jax, _predict_jax(jax), arrays)

    return Workload(
        f"mlp-inference-{batch}", f"perceptron 784-128-10, inference, batch {batch}",
        lambda scale: _inputs(scaled(batch, scale, least=1)),
        lambda arrays: [_predict(networks.parameters(arrays), arrays["x"])[1]], tensors, jax_,
    )  # fmt: skip


def _training(framework: Framework, arrays: Arrays) -> Case:
    return networks.training(framework, _model(framework), arrays)


def _training_jax(jax: Any, arrays: Arrays) -> Case:
    return networks.training_jax(jax, _predict_jax(jax), arrays)


WORKLOADS = (
    _inference(1),
    _inference(64),
    Workload(
        "mlp-training", "perceptron 784-128-10, SGD step with momentum, batch 64",
        lambda scale: _inputs(scaled(64, scale)), _training_formula, _training, _training_jax, tolerance=1e-4,
        numpy=False,
    ),
)  # fmt: skip
