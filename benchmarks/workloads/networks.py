"""What the networks share: models with given parameters, inference, training steps, in PyTorch's names and JAX."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Array, Arrays, Case, Framework

RATE, MOMENTUM = 0.01, 0.9
DATA = ("x", "labels")


def parameters(arrays: Arrays) -> Arrays:
    """The parameters among the arrays, by their names in the state dictionary of the model."""
    return {name: array for name, array in arrays.items() if name not in DATA}


def initial(draw: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A weight with the variance of He et al. (2015), for inputs of all dimensions but the first."""
    weight: Array = draw.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    return weight.astype(np.float32)


def cross_entropy(logits: Array, labels: Array) -> tuple[Array, Array]:
    """The mean negative logarithm of the labels' probabilities, and its gradient."""
    shifted = logits - logits.max(1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(1, keepdims=True)
    rows = np.arange(len(labels))
    loss = (np.log(sums[:, 0]) - shifted[rows, labels]).mean()
    gradient = exponentials / sums
    gradient[rows, labels] -= 1
    return loss, gradient / len(labels)


def descend(weights: Arrays, velocities: Arrays, gradients: Arrays) -> None:
    """One step of gradient descent with momentum, in place (as PyTorch's SGD)."""
    for name, gradient in gradients.items():
        velocities[name] = MOMENTUM * velocities[name] + gradient
        weights[name] = weights[name] - RATE * velocities[name]


def with_parameters(framework: Framework, model: Any, arrays: Arrays) -> Any:
    """The model with the parameters given."""
    model.load_state_dict({name: framework.tensor(array) for name, array in parameters(arrays).items()})
    return model


def inference(framework: Framework, model: Any, arrays: Arrays) -> Case:
    """A case that applies the model without gradients."""
    no_grad = framework.library.no_grad
    model = with_parameters(framework, model, arrays).eval()

    def predict(x: Any) -> Any:
        with no_grad():
            return model(x)

    compiled = framework.compiled(predict)
    x = framework.tensor(arrays["x"])
    return Case(lambda: compiled(x))


def training(framework: Framework, model: Any, arrays: Arrays) -> Case:
    """A case that takes one step of gradient descent with momentum; its state are the parameters."""
    model = with_parameters(framework, model, arrays).train()
    cross_entropy = framework.functional.cross_entropy
    optimizer = framework.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)

    def step(x: Any, labels: Any) -> Any:
        optimizer.zero_grad()
        loss = cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss

    compiled = framework.compiled(step)
    x, labels = framework.tensor(arrays["x"]), framework.tensor(arrays["labels"])
    return Case(lambda: compiled(x, labels), lambda: list(model.parameters()))


def inference_jax(jax: Any, predict: Callable[[Any, Any], Any], arrays: Arrays) -> Case:
    """A case that applies `predict(parameters, x)`."""
    weights = {name: jax.numpy.asarray(array) for name, array in parameters(arrays).items()}
    compiled, x = jax.jit(predict), jax.numpy.asarray(arrays["x"])
    return Case(lambda: jax.block_until_ready(compiled(weights, x)))


def training_jax(jax: Any, predict: Callable[[Any, Any], Any], arrays: Arrays) -> Case:
    """A case that takes one step of gradient descent with momentum on `predict(parameters, x)`."""
    x, labels = (jax.numpy.asarray(arrays[name]) for name in DATA)

    def objective(weights: Any, x: Any, labels: Any) -> Any:
        logarithms = jax.nn.log_softmax(predict(weights, x))
        return -jax.numpy.take_along_axis(logarithms, labels[:, None], 1).mean()

    def step(weights: Any, velocities: Any, x: Any, labels: Any) -> Any:
        loss, gradients = jax.value_and_grad(objective)(weights, x, labels)
        velocities = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocities, gradients)
        return loss, jax.tree.map(lambda w, v: w - RATE * v, weights, velocities), velocities

    compiled = jax.jit(step, donate_argnums=(0, 1))
    weights = {name: jax.numpy.array(array) for name, array in parameters(arrays).items()}
    held = [weights, jax.tree.map(jax.numpy.zeros_like, weights)]

    def action() -> Any:
        loss, *held[:] = jax.block_until_ready(compiled(*held, x, labels))
        return loss

    return Case(action, lambda: [held[0][name] for name in parameters(arrays)])
