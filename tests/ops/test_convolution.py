"""Convolutions against PyTorch: geometry, groups, layouts, dtypes, gradients to order 2, and errors."""

from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.functional import assert_like_torch
from tracegraph.compiler.ops.convolution_operations import (
    Convolution,
    ConvolutionInputGradient,
    ConvolutionWeightGradient,
)
from tracegraph.compiler.ops.patches import Patches
from tracegraph.runtime.errors import ArgumentError, ShapeError

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:Using padding='same'")]


def numbers(shape: tuple[int, ...], dtype: str = "float64", seed: int = 0) -> Any:
    values = np.random.default_rng((seed, *shape)).uniform(-2, 2, shape)
    return np.asarray(values).astype(dtype)


CONVOLUTIONS: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ("conv1d", (2, 3, 8), (4, 3, 3), {}),
    ("conv1d", (2, 3, 8), (4, 3, 3), {"stride": 2, "padding": 1}),
    ("conv1d", (2, 4, 9), (6, 2, 2), {"dilation": 3, "groups": 2}),
    ("conv1d", (3, 8), (4, 3, 3), {"padding": "same"}),
    ("conv1d", (2, 3, 8), (4, 3, 4), {"padding": "same"}),
    ("conv1d", (2, 3, 8), (4, 3, 4), {"padding": "same", "dilation": 3}),
    ("conv1d", (2, 3, 8), (4, 3, 3), {"padding": "same", "stride": 2}),
    ("conv1d", (2, 3, 8), (4, 3, 3), {"padding": "valid", "stride": (3,)}),
    ("conv1d", (2, 3, 8), (4, 3, 9), {}),
    ("conv1d", (2, 2, 8), (4, 3, 3), {}),
    ("conv2d", (2, 1, 6, 7), (9, 1, 3, 3), {}),
    ("conv2d", (2, 3, 6, 7), (4, 3, 3, 2), {}),
    ("conv2d", (3, 6, 7), (4, 3, 3, 2), {"padding": (1, 2)}),
    ("conv2d", (2, 3, 6, 7), (4, 3, 3, 3), {"padding": 1, "stride": (2, 1)}),
    ("conv2d", (2, 3, 7, 7), (4, 3, 3, 3), {"padding": 2, "stride": 2, "dilation": 2}),
    ("conv2d", (2, 3, 7, 8), (4, 3, 3, 2), {"padding": 1, "dilation": (1, 3)}),
    ("conv2d", (2, 4, 5, 5), (4, 1, 3, 3), {"groups": 4, "padding": 1}),
    ("conv2d", (2, 4, 5, 5), (8, 1, 3, 3), {"groups": 4, "stride": 2}),
    ("conv2d", (2, 4, 5, 5), (6, 2, 2, 2), {"groups": 2}),
    ("conv2d", (2, 3, 4, 5), (6, 3, 1, 1), {}),
    ("conv2d", (2, 3, 4, 5), (2, 3, 1, 1), {"stride": 2}),
    ("conv2d", (2, 3, 4, 5), (2, 3, 1, 1), {"padding": 1}),
    ("conv2d", (2, 3, 5, 6), (4, 3, 2, 3), {"padding": "same"}),
    ("conv2d", (2, 3, 5, 6), (4, 3, 4, 2), {"padding": "same"}),
    ("conv2d", (0, 3, 5, 6), (4, 3, 2, 3), {}),
    ("conv2d", (2, 3, 5, 6), (4, 3, 2, 3), {"groups": 3}),
    ("conv2d", (2, 3, 5, 6), (4, 3, 2, 3), {"stride": 0}),
    ("conv2d", (2, 3, 5, 6), (4, 3, 2, 3), {"padding": "full"}),
    ("conv2d", (5, 6), (4, 3, 2, 3), {}),
    ("conv3d", (2, 2, 4, 3, 5), (3, 2, 2, 2, 3), {"padding": (0, 1, 1)}),
    ("conv3d", (2, 2, 5, 4, 5), (4, 1, 2, 2, 3), {"groups": 2, "stride": (2, 1, 2), "dilation": (1, 2, 1)}),
    ("conv_transpose1d", (2, 3, 5), (3, 4, 3), {}),
    ("conv_transpose1d", (3, 5), (3, 4, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    ("conv_transpose1d", (2, 4, 5), (4, 2, 3), {"groups": 2, "dilation": 2}),
    ("conv_transpose1d", (2, 4, 5), (4, 2, 3), {"dilation": 3, "output_padding": 2}),
    ("conv_transpose1d", (2, 4, 5), (4, 2, 3), {"dilation": 3, "stride": 2, "output_padding": 2, "padding": 1}),
    ("conv_transpose2d", (2, 3, 4, 5), (3, 2, 3, 2), {}),
    ("conv_transpose2d", (3, 4, 5), (3, 2, 3, 2), {"stride": (2, 3), "padding": (1, 0), "output_padding": (0, 2)}),
    ("conv_transpose2d", (2, 4, 3, 3), (4, 1, 2, 2), {"groups": 4, "stride": 2}),
    ("conv_transpose2d", (2, 3, 4, 5), (3, 2, 3, 2), {"output_padding": 1}),
    ("conv_transpose2d", (2, 3, 4, 5), (4, 2, 3, 2), {}),
    ("conv_transpose2d", (2, 3, 1, 1), (3, 2, 1, 1), {"padding": 1}),
    ("conv_transpose3d", (2, 2, 2, 3, 2), (2, 3, 2, 2, 2), {"stride": 2}),
]


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution(case: tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]], biased: bool) -> None:
    name, x, w, options = case
    count = w[1] * options.get("groups", 1) if "transpose" in name else w[0]
    bias = [numbers((count,), seed=2)] if biased else []
    assert_like_torch(name, numbers(x), numbers(w, seed=1), *bias, **options)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_dtypes(dtype: str) -> None:
    x, w, b = numbers((2, 3, 6, 7), dtype), numbers((4, 3, 3, 3), dtype, 1), numbers((4,), dtype, 2)
    assert_like_torch("conv2d", x, w, b, padding=1, second=dtype == "float32")


def test_dtypes_must_agree() -> None:
    assert_like_torch("conv2d", numbers((2, 3, 6, 7), "float32"), numbers((4, 3, 3, 3)))


def test_integers() -> None:
    x, w = numbers((2, 3, 6, 7), "int64"), numbers((4, 3, 3, 3), "int64", 1)
    result = tracegraph.conv2d(tracegraph.tensor(x), tracegraph.tensor(w))
    exact = tracegraph.conv2d(tracegraph.tensor(x.astype("float64")), tracegraph.tensor(w.astype("float64")))
    assert result.dtype == tracegraph.int64
    np.testing.assert_array_equal(result.numpy(), exact.numpy())


@pytest.mark.parametrize(
    "turn", [lambda x: x.transpose(0, 1, 3, 2), lambda x: x[::-1, :, ::-1], lambda x: x[:, :, ::2]]
)
def test_non_contiguous(turn: Any) -> None:
    x, w = turn(numbers((2, 3, 9, 9))), turn(numbers((4, 3, 3, 3), seed=1))
    assert_like_torch("conv2d", x, w, numbers((4,)), padding=1)


def test_expanded_cotangent() -> None:
    x, w = (tracegraph.tensor(numbers(shape), requires_grad=True) for shape in ((2, 3, 6, 6), (2, 3, 3, 3)))
    (got,) = tracegraph.autograd.grad(tracegraph.conv2d(x, w).sum(), w)
    ones = tracegraph.tensor(np.ones((2, 2, 4, 4)))
    (expected,) = tracegraph.autograd.grad(tracegraph.conv2d(x, w), w, ones)
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-12)


def test_many_chunks() -> None:
    """More samples than fit into one chunk, the last chunk being smaller."""
    assert_like_torch(
        "conv2d",
        numbers((35, 8, 20, 22), "float32"),
        numbers((6, 8, 3, 3), "float32", 1),
        padding=1,
        second=False,
        tolerance=1e-3,
    )
    assert_like_torch(
        "conv2d",
        numbers((35, 2, 20, 22), "float32"),
        numbers((40, 2, 3, 3), "float32", 1),
        second=False,
        tolerance=1e-3,
    )


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_infinities_stay_where_they_belong(bad: float) -> None:
    x, w = numbers((2, 3, 5, 5)), numbers((4, 3, 3, 3), seed=1)
    x[0, 0, 1, 4] = bad
    assert_like_torch("conv2d", x, w, second=False)
    x, w = numbers((2, 3, 5, 5)), numbers((4, 3, 3, 3), seed=1)
    w[0, 1, 2, 2] = bad
    assert_like_torch("conv2d", x, w, second=False)


@pytest.mark.parametrize("geometry", [((2, 3, 6, 7), (4, 3, 3, 2), (1, 2)), ((2, 4, 9), (4, 2, 3), (2,))], ids=str)
def test_wide_and_exact_patches_agree(geometry: tuple[tuple[int, ...], ...]) -> None:
    x, w = numbers(geometry[0]), numbers(geometry[1], seed=1)
    ones = (1,) * len(geometry[2])
    groups = x.shape[1] // w.shape[1]
    wide, exact = (Patches(x.shape, w.shape, ones, geometry[2], ones, groups, choice) for choice in (True, False))
    y = exact.convolve(np, x, w)
    np.testing.assert_allclose(wide.convolve(np, x, w), y, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(wide.input_gradient(np, y, w), exact.input_gradient(np, y, w), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(wide.weight_gradient(np, x, y), exact.weight_gradient(np, x, y), rtol=1e-12, atol=1e-12)


def test_operations_are_adjoint() -> None:
    """<conv(x, w), g> = <x, input gradient(g, w)> = <w, weight gradient(x, g)>: what closes them under
    differentiation.
    """
    window = ((2, 1), (1, 0), (1, 2), 2)
    x, w = numbers((2, 4, 6, 7)), numbers((6, 2, 3, 2), seed=1)
    y = Convolution(*window).evaluate(np, x, w)
    g = numbers(y.shape, seed=2)
    inner = float((y * g).sum())
    assert float((x * ConvolutionInputGradient(x.shape, *window).evaluate(np, g, w)).sum()) == pytest.approx(
        inner, rel=1e-12
    )
    assert float((w * ConvolutionWeightGradient(w.shape, *window).evaluate(np, x, g)).sum()) == pytest.approx(
        inner, rel=1e-12
    )


def test_errors_name_operation_and_shapes() -> None:
    x = tracegraph.tensor(numbers((2, 3, 5, 5)))
    with pytest.raises(ShapeError, match=r"convolution: weight of shape \(4, 2, 3, 3\) with groups=1 takes 2 channels"):
        tracegraph.conv2d(x, tracegraph.tensor(numbers((4, 2, 3, 3))))
    with pytest.raises(ShapeError, match=r"no window fits: sizes \(5, 5\)"):
        tracegraph.conv2d(x, tracegraph.tensor(numbers((4, 3, 6, 3))))
    with pytest.raises(ArgumentError, match="padding='same' needs stride 1"):
        tracegraph.conv2d(x, tracegraph.tensor(numbers((4, 3, 3, 3))), padding="same", stride=2)
    with pytest.raises(ShapeError, match=r"conv2d: bias of shape \(3,\) for 4 output channels"):
        tracegraph.conv2d(x, tracegraph.tensor(numbers((4, 3, 3, 3))), x[0, :, 0, 0])
