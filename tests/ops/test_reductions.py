from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.oracle import Call, arrays, assert_all_same, assert_same, function, method
from tracegraph.runtime.errors import DimensionError, DTypeError, ShapeError

pytestmark = pytest.mark.oracle
NAN = float("nan")

DIMS: list[object] = [None, 0, -1, 1, (0, 1), [0, -1], (0, 0), 5, 1.0, "a", ()]
REDUCING: dict[str, Call] = {
    f"{name}(dim={dim!r}, keepdim={keepdim})": function(name, dim, keepdim)
    for name in ("sum", "mean", "all", "any", "nansum", "nanmean")
    for dim in DIMS
    for keepdim in (False, True)
}
OTHER: dict[str, Call] = {
    **{
        f"{name}()": method(name)
        for name in ("sum", "mean", "prod", "all", "any", "count_nonzero", "nansum", "nanmean")
    },
    **{f"prod({dim}, {keepdim})": method("prod", dim, keepdim) for dim in (0, -1, 1, 5) for keepdim in (False, True)},
    **{f"count_nonzero({dim})": function("count_nonzero", dim) for dim in (0, -1, (0, 1), ())},
    "sum as float64": lambda module, x: x.sum(dtype=module.float64),
    "sum(0) as int32": lambda module, x: x.detach().sum(0, dtype=module.int32),
    "mean as float32": lambda module, x: x.mean(dtype=module.float32),
    "prod as float64": lambda module, x: x.prod(dtype=module.float64),
    "sum(axis, keepdims)": method("sum", axis=0, keepdims=True),
    "mean(axis, keepdims)": method("mean", axis=-1, keepdims=True),
    "sum_to_size(3, 4)": method("sum_to_size", 3, 4),
    "sum_to_size(1, 4)": method("sum_to_size", 1, 4),
    "sum_to_size((3, 1))": method("sum_to_size", (3, 1)),
    "sum_to_size(1)": method("sum_to_size", 1),
}


@pytest.mark.parametrize("array", arrays())
def test_like_pytorch(array: np.ndarray) -> None:
    assert_all_same(REDUCING | OTHER, array)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16"])
@pytest.mark.parametrize("name", ["sum", "prod", "mean", "all", "any", "count_nonzero"])
def test_further_dtypes(name: str, dtype: str) -> None:
    assert_same(function(name), np.array([[3, 1], [2, 2]], dtype))


@pytest.mark.parametrize(
    "values", [[2.0, 3.0, 4.0], [2.0, 0.0, 4.0], [0.0, 3.0, 0.0], [0.0], [0.0, 0.0, 0.0], [NAN, 0.0]]
)
def test_gradient_of_prod_to_order_two_with_zeros(values: list[float]) -> None:
    torch = pytest.importorskip("torch")
    x = tracegraph.tensor(values, dtype="float64", requires_grad=True)
    y = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    (first,) = tracegraph.autograd.grad(x.prod(), x, create_graph=True)
    (expected,) = torch.autograd.grad(y.prod(), y, create_graph=True)
    np.testing.assert_allclose(first.detach().numpy(), expected.detach().numpy())
    if len(values) > 1 and not np.isnan(values).any():
        weights = np.arange(1.0, 1.0 + len(values))
        (second,) = tracegraph.autograd.grad((first * tracegraph.tensor(weights)).sum(), x)
        (expected,) = torch.autograd.grad((expected * torch.from_numpy(weights)).sum(), y)
        np.testing.assert_allclose(second.numpy(), expected.numpy())


def test_prod_over_several_dims_has_a_gradient() -> None:
    values = np.arange(24.0).reshape(2, 3, 4) - 5
    x = tracegraph.tensor(values, requires_grad=True)
    tracegraph.autograd.backward(x.prod((0, 2)), tracegraph.tensor([1.0, 2.0, 3.0], dtype="float64"))
    for i, j, k in np.ndindex(values.shape):
        others = [values[a, j, c] for a in range(2) for c in range(4) if (a, c) != (i, k)]
        assert x.grad is not None
        assert x.grad.numpy()[i, j, k] == pytest.approx((j + 1) * np.prod(others))


@pytest.mark.parametrize(
    ("shape", "dim"),
    [
        ((200_000, 8), 1),
        ((200_000, 8), 0),
        ((200_000, 8), (0, 1)),
        ((2, 90_001, 5), 1),
        ((30_001, 4, 3, 3), (0, 2, 3)),
        ((60, 70, 3), (0, 1)),
        ((70_001,), 0),
        ((2, 3000, 2, 40), (1, 3)),
    ],
)
@pytest.mark.parametrize("layout", ["contiguous", "gaps", "transposed"])
def test_long_float32_sums_are_as_precise_as_pairwise_ones(shape: tuple[int, ...], dim: Any, layout: str) -> None:
    array = np.random.default_rng(3).random(shape).astype("float32")
    if layout == "gaps":
        array = np.repeat(array, 2, axis=-1)[..., ::2]
    elif layout == "transposed":
        array = np.ascontiguousarray(array.T).T
    result = tracegraph.from_numpy(array).sum(dim).numpy()
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, array.astype("float64").sum(dim), rtol=1e-6)


def test_float16_is_summed_in_float32() -> None:
    ones = tracegraph.from_numpy(np.ones((4096, 30), "float16"))
    assert ones.sum(0).numpy().tolist() == [4096.0] * 30
    assert ones.mean().item() == 1.0


def test_empty_dim_of_all_and_any_reduces_nothing() -> None:
    x = tracegraph.tensor([[0.0, 2.0]])
    assert x.all(()).tolist() == [[False, True]]
    assert x.any([]).tolist() == [[False, True]]
    assert x.sum(()).tolist() == 2.0


def test_results_share_no_memory_with_the_operand() -> None:
    x = tracegraph.tensor(3.0)
    for result in (x.sum(), x.prod(), x.sum(0), x.mean()):
        assert not np.shares_memory(result.numpy(), x.numpy())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.sum(2), DimensionError, "sum: dim 2 is out of range for a 2-d tensor"),
        (lambda x: x.sum((0, -2)), ShapeError, "sum: dim .* names the same dimension twice"),
        (lambda x: x.to("int64").mean(), DTypeError, "mean: takes float tensors, not int64"),
        (lambda x: x.sum_to_size(5), ShapeError, r"sum_to_size: shape \(2, 3\) cannot be summed to \(5,\)"),
        (lambda x: x.sum_to_size(1, 2, 3), ShapeError, "which does not broadcast to it"),
    ],
)
def test_errors_say_what_is_wrong(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(tracegraph.tensor(np.ones((2, 3), "float32")))
