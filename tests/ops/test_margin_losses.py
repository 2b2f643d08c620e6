"""Losses of margins, distances, counts and normal distributions against PyTorch: values, gradients, errors."""

from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.functional import assert_like_torch
from tests.ops.test_losses import numbers
from tracegraph.nn import functional

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:Using a target size", "ignore:size_average and")]


def signs(*shape: int) -> np.ndarray:
    return np.where(np.random.default_rng(shape).random(shape) < 0.5, 1, -1)


def classes(*shape: int, count: int = 4) -> np.ndarray:
    return np.random.default_rng(shape).integers(0, count, shape)


def listed(*rows: list[int]) -> np.ndarray:
    return np.array(rows)


X, Y, Z = numbers((3, 4)), numbers((3, 4), 1), numbers((3, 4), 2)
POSITIVE = numbers((3, 4), 3, 0.1, 2)

CASES: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "hinge_embedding_loss": [
        ((X, signs(3, 4)), {}),
        ((X, signs(4)), {"margin": 0.3}),
        ((X, signs(3, 4).astype("float64")), {"margin": -1.0}),
        ((X, np.array([1, 0, -1, 2])), {}),
        ((X, signs(3)), {}),
    ],
    "soft_margin_loss": [
        ((X,), {"target": signs(3, 4).astype("float64")}),
        ((X * 20, signs(3, 4)), {}),
        ((X, signs(4)), {}),
        ((numbers(()),), {"target": np.array(1.0)}),
    ],
    "margin_ranking_loss": [
        ((X, Y, signs(3, 4)), {}),
        ((X, Y, signs(3, 4).astype("float64")), {"margin": 0.5}),
        ((X, X.copy(), signs(3, 4)), {}),
        ((X, Y[:1], signs(3, 1)), {}),
        ((X, Y, signs(4)), {}),
        ((X, Y[:2], signs(3, 4)), {}),
    ],
    "multi_margin_loss": [
        ((X, classes(3)), {}),
        ((X, classes(3)), {"p": 2, "margin": 0.3}),
        ((X, classes(3)), {"weight": numbers((4,), 5, 0.1, 2), "p": 2}),
        ((X[0], np.array(2)), {}),
        ((X[0], np.array([2])), {"margin": -0.5}),
        ((X, classes(2)), {}),
        ((X, np.array([0, 4, 1])), {}),
        ((X, classes(3)), {"p": 3}),
        ((X, classes(3)), {"weight": numbers((3,), 5, 0.1, 2)}),
        ((X, classes(3).astype("float64")), {}),
        ((X[None], classes(1, 3)), {}),
    ],
    "multilabel_margin_loss": [
        ((X, listed([0, 2, -1, 1], [-1, 0, 1, 2], [3, 2, 1, 0])), {}),
        ((X, listed([0, 0, -1, 1], [1, -1, -1, -1], [2, 2, 2, 2])), {}),
        ((X[0], np.array([3, -1, 0, 0])), {}),
        ((X[0], np.array([4, -1, 0, 0])), {}),
        ((X, listed([0, 2, -1, 1])), {}),
    ],
    "multilabel_soft_margin_loss": [
        ((X, classes(3, 4, count=2).astype("float64")), {}),
        ((X, classes(3, 4, count=2)), {"weight": numbers((4,), 5, 0.1, 2)}),
        ((X[0], classes(4, count=2)), {}),
        ((numbers((2, 3, 4)), classes(2, 3, 4, count=2)), {}),
    ],
    "cosine_embedding_loss": [
        ((X, Y, signs(3)), {}),
        ((X, Y, signs(3)), {"margin": 0.4}),
        ((X, X * 2, signs(3)), {"margin": -0.5}),
        ((X[0], Y[0], np.array(-1)), {}),
        ((X, Y, np.array([1, 0, -1])), {}),
        ((X, Y, signs(3, 4)), {}),
        ((X, Y[0], signs(3)), {}),
        ((X, Y, signs(2)), {}),
    ],
    "triplet_margin_loss": [
        ((X, Y, Z), {}),
        ((X, Y, Z), {"margin": 3.0, "p": 1, "swap": True}),
        ((X, Y, Z), {"margin": 2.0, "p": 3.0, "eps": 1e-3}),
        ((X[0], Y[0], Z[0]), {"margin": 3.0}),
        ((X, Y[:1], Z), {"margin": 3.0, "swap": True}),
        ((X, Y[0], Z), {}),
        ((X, Y, Z), {"margin": 0.0}),
    ],
    "triplet_margin_with_distance_loss": [
        ((X, Y, Z), {}),
        ((X, Y, Z), {"margin": 3.0, "swap": True, "distance_function": lambda a, b: (a - b).abs().amax(-1)}),
        ((X, Y, Z), {"margin": -1.0}),
    ],
    "poisson_nll_loss": [
        ((X, POSITIVE), {}),
        ((X, POSITIVE * 3), {"full": True}),
        ((POSITIVE, classes(3, 4)), {"log_input": False, "eps": 1e-3}),
        ((X, POSITIVE[:1]), {}),
    ],
    "gaussian_nll_loss": [
        ((X, Y, POSITIVE), {}),
        ((X, Y, POSITIVE[:, :1]), {"full": True}),
        ((X, Y, POSITIVE[:, 0]), {}),
        ((X, Y, POSITIVE[:1]), {}),
        ((X, Y, 0.5), {}),
        ((X, Y, POSITIVE * (POSITIVE > 1)), {"eps": 0.25}),
        ((X, Y, POSITIVE - 1), {}),
        ((X, Y, -0.5), {}),
        ((X, Y, POSITIVE[0]), {}),
    ],
}


ONCE = ("multi_margin_loss", "multilabel_margin_loss")
"""Losses without second derivatives in PyTorch."""


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_like_torch(name: str, dtype: str) -> None:
    def cast(value: Any) -> Any:
        return value.astype(dtype) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value

    old_words: list[dict[str, Any]] = [{"size_average": False}, {"reduce": False}, {"size_average": True}]
    if name in ("gaussian_nll_loss", "triplet_margin_with_distance_loss"):
        old_words = []
    for arguments, options in CASES[name]:
        for reduction in (*({"reduction": word} for word in ("mean", "sum", "none", "average")), *old_words):
            named = {key: cast(value) for key, value in options.items()}
            try:
                assert_like_torch(
                    name,
                    *map(cast, arguments),
                    **named,
                    **reduction,
                    fixed=("weight", "target"),
                    second=name not in ONCE,
                )
            except BaseException as error:
                shapes = [np.shape(argument) for argument in arguments]
                error.add_note(f"the call was {name} of {shapes} with {options} and {reduction}")
                raise


def test_soft_margin_loss_is_finite_where_pytorch_overflows() -> None:
    x = tracegraph.tensor([-1e4, 1e4], requires_grad=True)
    loss = functional.soft_margin_loss(x, tracegraph.ones(2), reduction="none")
    np.testing.assert_allclose(loss.detach().numpy(), [1e4, 0])
    (gradient,) = tracegraph.autograd.grad(loss.sum(), x)
    np.testing.assert_allclose(gradient.numpy(), [-1, 0])
