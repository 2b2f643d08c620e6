"""Pooling against PyTorch: values, indices, NaN and ties, gradients to order 2, and errors."""

from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.functional import assert_like_torch
from tracegraph.runtime.errors import ArgumentError, ShapeError

pytestmark = pytest.mark.oracle


def numbers(shape: tuple[int, ...], dtype: str = "float64", seed: int = 0) -> Any:
    values = np.random.default_rng((seed, *shape)).uniform(-9, 9, shape)
    return np.asarray(values).astype(dtype)


WINDOWS: list[tuple[tuple[int, ...], Any, dict[str, Any]]] = [
    ((2, 3, 8), 2, {}),
    ((3, 9), 2, {}),
    ((2, 3, 9), 3, {"stride": 2, "padding": 1}),
    ((2, 3, 9), (3,), {"stride": (2,), "ceil_mode": True}),
    ((2, 3, 8), 3, {"stride": 2, "ceil_mode": True, "padding": 1}),
    ((2, 3, 4), 1, {}),
    ((2, 3, 4), 1, {"stride": 2}),
    ((2, 3, 4), 5, {}),
    ((2, 3, 4), 2, {"padding": 2}),
    ((2, 3, 4), 2, {"stride": 5, "ceil_mode": True}),
    ((2, 3, 6, 8), 2, {}),
    ((2, 3, 7, 5), 2, {}),
    ((2, 3, 7, 5), 2, {"ceil_mode": True}),
    ((3, 7, 6), (3, 2), {"stride": (1, 2)}),
    ((2, 3, 7, 6), 3, {"stride": 2, "padding": 1}),
    ((2, 3, 7, 6), (3, 4), {"stride": (2, 3), "padding": (1, 2), "ceil_mode": True}),
    ((2, 3, 5, 6), (1, 2), {"stride": (2, 2)}),
    ((2, 3, 5, 6), 4, {"stride": 6, "padding": 2, "ceil_mode": True}),
    ((0, 3, 4, 4), 2, {}),
    ((2, 3, 4, 4), (2, 2, 2), {}),
    ((2, 3, 4, 4), 2, {"stride": 0}),
    ((4, 4), 2, {}),
    ((2, 2, 4, 5, 4), 2, {"stride": (2, 1, 2), "padding": (1, 0, 1)}),
    ((2, 4, 5, 4), (2, 3, 1), {"ceil_mode": True}),
]


def rank_of(shape: tuple[int, ...], kernel: Any) -> int:
    return len(kernel) if isinstance(kernel, tuple) else max(1, {1: 1, 2: 1, 3: 1, 4: 2, 5: 3}[len(shape)])


@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_max_pool(case: tuple[tuple[int, ...], Any, dict[str, Any]]) -> None:
    shape, kernel, options = case
    assert_like_torch(f"max_pool{rank_of(shape, kernel)}d", numbers(shape), kernel, return_indices=True, **options)
    assert_like_torch(f"max_pool{rank_of(shape, kernel)}d", numbers(shape, "float32"), kernel, **options)


@pytest.mark.parametrize(
    "case",
    [
        ((2, 3, 9), 3, {"dilation": 2}),
        ((2, 3, 9, 8), (3, 2), {"dilation": (2, 3), "padding": 1, "stride": 2, "ceil_mode": True}),
    ],
    ids=str,
)
def test_max_pool_dilated(case: tuple[tuple[int, ...], Any, dict[str, Any]]) -> None:
    shape, kernel, options = case
    assert_like_torch(f"max_pool{rank_of(shape, kernel)}d", numbers(shape), kernel, return_indices=True, **options)


@pytest.mark.parametrize("case", WINDOWS, ids=str)
@pytest.mark.parametrize("include", [True, False])
def test_average_pool(case: tuple[tuple[int, ...], Any, dict[str, Any]], include: bool) -> None:
    shape, kernel, options = case
    assert_like_torch(
        f"avg_pool{rank_of(shape, kernel)}d", numbers(shape), kernel, count_include_pad=include, **options
    )


def test_average_pool_half_sums_in_single_precision() -> None:
    assert_like_torch("avg_pool2d", numbers((2, 3, 40, 40), "float16"), 40, second=False, tolerance=1e-3)


@pytest.mark.parametrize("divisor", [3, 1, -2, 0])
def test_divisor_override(divisor: int) -> None:
    assert_like_torch("avg_pool2d", numbers((2, 3, 5, 5)), 3, 2, 1, divisor_override=divisor)


@pytest.mark.parametrize(
    "options", [{}, {"padding": 1}, {"stride": 1}, {"stride": 1, "padding": 1}, {"ceil_mode": True}], ids=str
)
@pytest.mark.parametrize("special", ["ties", "nan", "infinite"])
def test_special_values(special: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(7)
    x = rng.integers(0, 2, (2, 3, 7, 7)).astype("float32")
    if special == "nan":
        x[rng.random(x.shape) < 0.2] = np.nan
    elif special == "infinite":
        x[rng.random(x.shape) < 0.7] = -np.inf
    assert_like_torch("max_pool2d", x, 2, return_indices=True, **options)
    assert_like_torch("max_pool2d", x, 3, return_indices=True, **options)


@pytest.mark.parametrize("dtype", ["float16", "int64", "int32", "uint8"])
def test_max_pool_dtypes(dtype: str) -> None:
    x = tracegraph.tensor(np.abs(numbers((2, 3, 6, 6))).astype(dtype))
    values, indices = tracegraph.max_pool2d(x, 3, 2, 1, return_indices=True)
    exact, positions = tracegraph.max_pool2d(x.to(tracegraph.float64), 3, 2, 1, return_indices=True)
    assert values.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(values.numpy(), exact.numpy())
    np.testing.assert_array_equal(indices.numpy(), positions.numpy())


@pytest.mark.parametrize(
    "turn", [lambda x: x.transpose(0, 1, 3, 2), lambda x: x[::-1, :, ::-1], lambda x: x[:, :, ::2]]
)
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_non_contiguous(name: str, turn: Any) -> None:
    assert_like_torch(name, turn(numbers((2, 3, 8, 8))), 2)
    assert_like_torch(name, turn(numbers((2, 3, 8, 8))), 3, 1, 1)


ADAPTIVE: list[tuple[tuple[int, ...], Any]] = [
    ((2, 3, 8), 4),
    ((2, 3, 8), 3),
    ((3, 7), (5,)),
    ((2, 3, 4), 6),
    ((2, 3, 8), 0),
    ((2, 3, 6, 8), (3, 2)),
    ((2, 3, 7, 5), (3, 2)),
    ((3, 7, 5), 4),
    ((2, 3, 7, 5), (None, 3)),
    ((2, 3, 7, 5), 1),
    ((0, 3, 4, 4), 2),
    ((2, 3, 4, 4), (2, 2, 2)),
    ((2, 3, 3, 3), 5),
]


@pytest.mark.parametrize("case", ADAPTIVE, ids=str)
def test_adaptive(case: tuple[tuple[int, ...], Any]) -> None:
    shape, size = case
    if size == 0:
        with pytest.raises(ArgumentError, match="output_size must be 1 ints of at least 1"):
            tracegraph.adaptive_avg_pool1d(tracegraph.tensor(numbers(shape)), size)
        return
    rank = 1 if len(shape) == 2 or (len(shape) == 3 and shape[0] == 2) else 2
    assert_like_torch(f"adaptive_avg_pool{rank}d", numbers(shape), size)
    assert_like_torch(f"adaptive_max_pool{rank}d", numbers(shape), size, return_indices=True)


def test_pooling_does_not_touch_the_input() -> None:
    x = numbers((1, 1, 5, 5))
    before = x.copy()
    result = tracegraph.max_pool2d(tracegraph.from_numpy(x), 1)
    tracegraph.max_pool2d(tracegraph.from_numpy(x), 2, ceil_mode=True, return_indices=True)
    result.add_(1)
    np.testing.assert_array_equal(x, before)


def test_errors_name_operation_and_shapes() -> None:
    x = tracegraph.tensor(numbers((2, 3, 4, 4)))
    with pytest.raises(ShapeError, match=r"max_pool: no window fits: sizes \(4, 4\)"):
        tracegraph.max_pool2d(x, 5)
    with pytest.raises(
        ArgumentError, match=r"max_pool2d: padding \(2, 2\) must be at most half of the kernel \(2, 2\)"
    ):
        tracegraph.max_pool2d(x, 2, padding=2)
    with pytest.raises(ShapeError, match=r"max_pool1d: expected a 2-d or 3-d input, got shape \(2, 3, 4, 4\)"):
        tracegraph.max_pool1d(x, 2)
