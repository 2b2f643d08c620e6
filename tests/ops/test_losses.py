"""Losses against PyTorch: values and gradients for every reduction and option, and errors."""

from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.functional import assert_like_torch
from tracegraph.nn.functional import cross_entropy, kl_div, mse_loss
from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:Using a target size", "ignore:reduction. 'mean'")]

FIXED = ("weight", "pos_weight")
REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


def numbers(shape: tuple[int, ...], seed: int = 0, low: float = -2, high: float = 2, dtype: str = "float64") -> Any:
    return np.asarray(np.random.default_rng((seed, *shape)).uniform(low, high, shape)).astype(dtype)


@REDUCTIONS
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(4, 3), (), (0, 3)], ids=str)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("smooth_l1_loss", {}),
        ("smooth_l1_loss", {"beta": 0.3}),
        ("smooth_l1_loss", {"beta": 0.0}),
        ("huber_loss", {}),
        ("huber_loss", {"delta": 0.4}),
        ("smooth_l1_loss", {"beta": -1.0}),
        ("huber_loss", {"delta": 0.0}),
    ],
    ids=str,
)
def test_regression(name: str, options: dict[str, Any], shape: tuple[int, ...], dtype: str, reduction: str) -> None:
    x, y = numbers(shape, dtype=dtype), numbers(shape, 1, dtype=dtype)
    assert_like_torch(name, x, y, reduction=reduction, **options)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_regression_at_zero_and_broadcast(name: str) -> None:
    same = numbers((3,))
    assert_like_torch(name, same, same.copy())
    assert_like_torch(name, numbers((4, 3)), numbers((3,), 1))
    assert_like_torch(name, same + 1.0, same.copy())


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
@REDUCTIONS
def test_regression_weights(name: str, reduction: str) -> None:
    assert_like_torch(name, numbers((4, 3)), numbers((4, 3), 1), weight=numbers((4, 3), 2, 0.1, 2), reduction=reduction)


CLASSES: list[tuple[tuple[int, ...], Any]] = [
    ((4, 3), [0, 2, 1, 1]),
    ((3,), 2),
    ((2, 3, 2), [[0, 1], [2, 2]]),
    ((2, 3, 1, 2), [[[0, 1]], [[2, 2]]]),
    ((0, 3), []),
    ((4, 3), [0, -100, 1, -100]),
    ((4, 3), [[0, 1, 2]]),
    ((4, 3), [0, 2, 1, 3]),
    ((), 0),
    ((4, 1), [0, 0, 0, 0]),
]


@REDUCTIONS
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", [{}, {"ignore_index": 1}], ids=str)
@pytest.mark.parametrize("case", CLASSES, ids=str)
def test_class_numbers(
    case: tuple[tuple[int, ...], Any], options: dict[str, Any], weighted: bool, reduction: str
) -> None:
    shape, target = case
    classes = shape[min(1, len(shape) - 1)] if shape else 1
    weight = {"weight": numbers((classes,), 3, 0.1, 2)} if weighted else {}
    arguments = numbers(shape), np.array(target, np.int64)
    for smoothing in (0.0, 0.2):
        assert_like_torch(
            "cross_entropy",
            *arguments,
            reduction=reduction,
            **weight,
            **options,
            label_smoothing=smoothing,
            fixed=FIXED,
        )
    assert_like_torch("nll_loss", *arguments, reduction=reduction, **weight, **options, fixed=FIXED)


@REDUCTIONS
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 3, 2, 2)], ids=str)
def test_class_probabilities(shape: tuple[int, ...], smoothing: float, weighted: bool, reduction: str) -> None:
    weight = {"weight": numbers((3,), 3, 0.1, 2)} if weighted else {}
    target = numbers(shape, 1, 0, 1)
    assert_like_torch(
        "cross_entropy", numbers(shape), target, reduction=reduction, label_smoothing=smoothing, **weight, fixed=FIXED
    )


def test_cross_entropy_is_stable_and_ignores_what_is_ignored() -> None:
    logits = np.array([[1000.0, -1000.0], [np.nan, 0.0]])
    assert_like_torch("cross_entropy", logits, np.array([1, -100]), reduction="sum", second=False)


def test_cross_entropy_single_precision() -> None:
    assert_like_torch("cross_entropy", numbers((64, 10), dtype="float32"), np.arange(64) % 10)


@REDUCTIONS
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy(weighted: bool, reduction: str) -> None:
    weight = {"weight": numbers((4, 3), 3, 0.1, 2)} if weighted else {}
    assert_like_torch(
        "binary_cross_entropy",
        numbers((4, 3), 0, 0.01, 0.99),
        numbers((4, 3), 1, 0, 1),
        reduction=reduction,
        **weight,
        fixed=FIXED,
    )
    logits, target = numbers((4, 3), 0, -30, 30), numbers((4, 3), 1, 0, 1)
    for more in ({}, {"pos_weight": numbers((3,), 4, 0.1, 2)}):
        assert_like_torch(
            "binary_cross_entropy_with_logits", logits, target, reduction=reduction, **weight, **more, fixed=FIXED
        )


@REDUCTIONS
def test_extremes(reduction: str) -> None:
    edges = np.array([0.0, 1.0, 0.0, 1.0, 1e-20, 0.5])
    target = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0])
    for dtype in ("float64", "float32"):
        given = edges.astype(dtype), target.astype(dtype)
        assert_like_torch(
            "binary_cross_entropy",
            given[0],
            target=given[1],
            reduction=reduction,
            fixed=("target",),
            second=False,
            tolerance=1e-6,  # PyTorch divides by at least float32(1e-12)
        )
        huge = np.array([-1e4, 1e4, -1e4, 1e4, 0.0, 88.0], dtype)
        assert_like_torch("binary_cross_entropy_with_logits", huge, given[1], reduction=reduction)
        logits = np.stack([huge, -huge], 1)
        for smoothing in (0.0, 0.1):
            assert_like_torch(
                "cross_entropy", logits, np.arange(6) % 2, reduction=reduction, label_smoothing=smoothing, second=False
            )
        for name in ("cross_entropy", "nll_loss"):
            assert_like_torch(name, logits, np.full(6, -100), reduction=reduction, second=False)
    for wrong in (-1e-3, 1.001, np.nan):
        assert_like_torch("binary_cross_entropy", np.array([0.5, wrong]), np.array([0.5, 0.5]), reduction=reduction)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])
@pytest.mark.parametrize("log_target", [False, True])
def test_kl_div(log_target: bool, reduction: str) -> None:
    target = numbers((4, 3), 1, 0.1, 1)
    assert_like_torch("kl_div", numbers((4, 3)), target, reduction=reduction, log_target=log_target)


def test_kl_div_of_a_zero_probability() -> None:
    loss = kl_div(tracegraph.tensor([-1.0, -2.0]), tracegraph.tensor([0.0, 1.0]), reduction="none")
    np.testing.assert_array_equal(loss.numpy(), [0.0, 2.0])


def test_refused_as_in_pytorch() -> None:
    x, probabilities = numbers((4, 3)), numbers((4, 3), 1, 0, 1)
    assert_like_torch("cross_entropy", x, probabilities, ignore_index=1)
    for weight in (numbers((3,), 2, dtype="float32"), numbers((4,), 2)):
        for name in ("cross_entropy", "nll_loss"):
            assert_like_torch(name, x, np.array([0, 1, 2, 2]), weight=weight)
    for name in ("mse_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy"):
        assert_like_torch(name, np.arange(3), np.arange(3))
    assert_like_torch("binary_cross_entropy", probabilities, probabilities.astype("float32"))
    assert_like_torch("l1_loss", np.arange(3), np.ones(3, int), reduction="none")
    assert_like_torch("l1_loss", np.arange(3), np.ones(3, int))


def test_errors_name_operation_and_shapes() -> None:
    x = tracegraph.tensor(numbers((4, 3)))
    with pytest.raises(ArgumentError, match="mse_loss: reduction must be one of 'none', 'mean', 'sum', got 'average'"):
        mse_loss(x, x, reduction="average")
    with pytest.raises(ShapeError, match=r"target of shape \(3,\) does not fit input of shape \(4, 3\)"):
        cross_entropy(x, tracegraph.tensor([0, 1, 2]))
    with pytest.raises(DTypeError, match="class numbers must be integers, got float64"):
        cross_entropy(x, x[:, 0])
    with pytest.raises(DTypeError, match=r"probabilities .* must be floats, got int64"):
        cross_entropy(x, x.to(tracegraph.int64))
    with pytest.raises(ArgumentError, match="label_smoothing must be between 0 and 1"):
        cross_entropy(x, x, label_smoothing=2)
    with pytest.raises(IndexError):
        cross_entropy(x, tracegraph.tensor([0, 1, 2, 3]))
