"""Activations as functions and layers against PyTorch: values, gradients, in place, traced, and what they print."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

F = nn.functional
LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("ReLU", {}), ("ReLU6", {}), ("SiLU", {}), ("SELU", {}), ("Mish", {}), ("Hardswish", {}), ("Hardsigmoid", {}),
    ("Hardtanh", {}), ("Hardtanh", {"min_val": -0.5, "max_val": 2.0}), ("LeakyReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.2}), ("ELU", {}), ("ELU", {"alpha": 0.5}), ("CELU", {}),
    ("CELU", {"alpha": 2.0}), ("GELU", {}), ("GELU", {"approximate": "tanh"}), ("PReLU", {}),
    ("PReLU", {"num_parameters": 4, "init": 0.1}),
    ("Sigmoid", {}), ("Tanh", {}), ("LogSigmoid", {}), ("Softsign", {}), ("Softplus", {}),
    ("Softplus", {"beta": 2.0, "threshold": 1.5}), ("Threshold", {"threshold": 0.5, "value": 9.0}), ("Hardshrink", {}),
    ("Hardshrink", {"lambd": 1.0}), ("Softshrink", {}), ("Softshrink", {"lambd": 0.25}), ("Tanhshrink", {}),
    ("GLU", {}), ("GLU", {"dim": 1}), ("Softmax", {"dim": 1}), ("LogSoftmax", {"dim": -1}), ("Softmin", {"dim": 0}),
    ("Softmax2d", {}), ("RReLU", {}),
]  # fmt: skip
INPLACE = (
    "ReLU", "ReLU6", "SiLU", "SELU", "Mish", "Hardswish", "Hardsigmoid", "Hardtanh", "LeakyReLU", "ELU", "CELU",
    "RReLU",
)  # fmt: skip


def numbers(*shape: int) -> np.ndarray[Any, Any]:
    return np.asarray(np.random.default_rng(3).normal(size=shape) * 2)


def both(made: Callable[[Any], Any], array: np.ndarray[Any, Any], *, coarse: bool = False) -> None:
    """Value, gradient and second derivative of `made(library)(x)`, x being `array`.

    `coarse` is for hardsigmoid, which PyTorch differentiates once, and multiplies by 1/6 in float32.
    """
    found = []
    for library in (tracegraph, torch):
        x = library.tensor(array.copy(), requires_grad=True)
        result = made(library)(x)
        weights = library.tensor(np.cos(np.arange(result.numel())).reshape(tuple(result.shape)))
        (first,) = library.autograd.grad([(result * weights).sum()], [x], create_graph=True)
        parts = [result, first]
        if first.requires_grad and not coarse:
            (second,) = library.autograd.grad([(first * first).sum()], [x], allow_unused=True)
            parts += [] if second is None else [second]
        found.append([part.detach().numpy() for part in parts])
    for mine, yours in zip(*found, strict=False):
        np.testing.assert_allclose(mine, yours, rtol=1e-7 if coarse else 1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "options"), LAYERS, ids=str)
def test_layers(name: str, options: dict[str, Any]) -> None:
    both(
        lambda library: getattr(library.nn, name)(**options).double().eval(),
        numbers(2, 4, 6, 2),
        coarse=name == "Hardsigmoid",
    )
    assert repr(getattr(nn, name)(**options)) == repr(getattr(torch.nn, name)(**options))
    assert getattr(nn, name)(**options).training


@pytest.mark.parametrize("name", INPLACE)
def test_layers_in_place(name: str) -> None:
    layer, theirs = getattr(nn, name)(inplace=True).eval(), getattr(torch.nn, name)(inplace=True).eval()
    assert repr(layer) == repr(theirs)
    x = tracegraph.tensor(numbers(3, 4))
    assert layer(x) is x
    np.testing.assert_allclose(x.numpy(), theirs(torch.tensor(numbers(3, 4))).numpy(), rtol=1e-9, atol=1e-12)
    both(
        lambda library: lambda x: getattr(library.nn, name)(inplace=True).eval()(x * 1.5),
        numbers(3, 4),
        coarse=name == "Hardsigmoid",
    )
    with pytest.raises(RuntimeError, match="leaf"):
        layer(tracegraph.tensor(numbers(2), requires_grad=True))


@pytest.mark.parametrize("name", ["relu", "elu", "selu", "celu", "leaky_relu", "rrelu", "hardtanh", "threshold"])
def test_functions_that_replace_their_input(name: str) -> None:
    arguments = (0.5, 9.0) if name == "threshold" else ()
    x = tracegraph.tensor(numbers(3, 4))
    expected = getattr(torch.nn.functional, name + "_")(torch.tensor(numbers(3, 4)), *arguments)
    assert getattr(F, name + "_")(x, *arguments) is x
    np.testing.assert_allclose(x.numpy(), expected.numpy(), rtol=1e-9, atol=1e-12)


def test_drawn_slopes() -> None:
    tracegraph.manual_seed(0)
    x = tracegraph.tensor(-np.ones((100, 100), np.float32), requires_grad=True)
    result = F.rrelu(x, 0.2, 0.6, training=True)
    slopes = -result.detach().numpy()
    assert 0.2 <= slopes.min() < 0.21
    assert 0.59 < slopes.max() <= 0.6
    assert abs(slopes.mean() - 0.4) < 0.01
    result.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), slopes)
    layer = nn.RReLU(0.2, 0.6)
    assert layer(x).detach().numpy().std() > 0.1
    np.testing.assert_allclose(layer.eval()(x).detach().numpy(), -0.4, rtol=1e-6)
    y = x.detach()
    assert F.rrelu_(y, training=True) is y
    assert y.numpy().std() > 0.01
    positive = tracegraph.ones(5)
    np.testing.assert_array_equal(F.rrelu(positive, training=True).numpy(), positive.numpy())


def test_gumbel_softmax_draws_with_the_probabilities_of_softmax() -> None:
    tracegraph.manual_seed(1)
    logits = tracegraph.tensor(np.tile([0.0, 1.0, 2.0], (20000, 1)), requires_grad=True)
    drawn = F.gumbel_softmax(logits, hard=True)
    assert set(np.unique(drawn.detach().numpy().round(9))) == {0.0, 1.0}
    share = drawn.detach().numpy().mean(0)
    np.testing.assert_allclose(share, np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum(), atol=0.015)
    (drawn * tracegraph.tensor([1.0, 2.0, 3.0], dtype=tracegraph.float64)).sum().backward()
    assert logits.grad is not None
    assert np.abs(logits.grad.numpy()).max() > 0.01
    soft = F.gumbel_softmax(logits, tau=0.7, dim=1)
    np.testing.assert_allclose(soft.sum(1).detach().numpy(), 1.0)
    hard = F.gumbel_softmax(logits.reshape(3, -1), hard=True, dim=0)
    np.testing.assert_allclose(hard.sum(0).detach().numpy(), 1.0)
    with pytest.raises(ValueError, match="tau"):
        F.gumbel_softmax(logits, tau=0)


def test_traced() -> None:
    layers = [getattr(nn, name)(**options).double() for name, options in LAYERS]

    @tracegraph.trace
    def every(x: Any) -> Any:
        return [layer(x) for layer in layers] + [F.gumbel_softmax(x, dim=1, hard=True), F.rrelu_(x + 0, training=True)]

    for _ in range(3):
        x = tracegraph.tensor(numbers(2, 4, 6, 2))
        tracegraph.manual_seed(5)
        found = every(x)
        tracegraph.manual_seed(5)
        expected = [layer(x) for layer in layers]
        expected += [F.gumbel_softmax(x, dim=1, hard=True), F.rrelu_(x + 0, training=True)]
        for mine, plain in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine.detach().numpy(), plain.detach().numpy(), rtol=1e-9, atol=1e-12)
    assert every.explain().verdict == "static"


def test_refusals() -> None:
    x = tracegraph.tensor(numbers(3, 5))
    for refused in (
        lambda: F.glu(x), lambda: F.glu(tracegraph.tensor(1.0)), lambda: F.softshrink(x, -1.0),
        lambda: F.rrelu(x, 0.5, 0.1), lambda: nn.Softmax2d()(x), lambda: F.hardshrink(x.long()),
        lambda: F.threshold(x > 0, 0.5, 1.0),
    ):  # fmt: skip
        with pytest.raises((RuntimeError, ValueError)):
            refused()
