import numpy as np
import pytest

import tracegraph
from tests.ops.oracle import Call, arrays, assert_all_same, assert_same, function
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.scans import Cumprod, LinearRecurrence
from tracegraph.runtime.errors import DimensionError

pytestmark = pytest.mark.oracle
NAN, INF = float("nan"), float("inf")

CALLS: dict[str, Call] = {
    f"{name}({dim!r})": function(name, dim)
    for name, dims in {"cumsum": (0, -1, 1, 5), "cumprod": (0, -1, 1, 5), "cummax": (0, -1), "cummin": (0, -1)}.items()
    for dim in dims
}
CALLS |= {
    "cumsum as float64": lambda module, x: x.cumsum(0, dtype=module.float64),
    "cumprod as float64": lambda module, x: x.cumprod(dim=-1, dtype=module.float64),
}


@pytest.mark.parametrize("array", arrays())
def test_like_pytorch(array: np.ndarray) -> None:
    assert_all_same(CALLS, array)


@pytest.mark.parametrize("name", ["cummax", "cummin", "cumsum", "cumprod"])
@pytest.mark.parametrize("values", [[1.0, NAN, 3.0, NAN, 1.0], [INF, 1.0, INF], [1.0, 1.0, 0.0, 0.0, 2.0, 2.0]])
def test_nan_infinity_and_ties(name: str, values: list[float]) -> None:
    assert_same(lambda module, x: getattr(module, name)(x.detach(), 0), np.array(values))
    if name != "cumprod" or np.isfinite(values).all():  # there PyTorch's gradient divides and is NaN everywhere
        assert_same(function(name, 0), np.array(values))


@pytest.mark.parametrize("values", [[2.0, 3.0, 4.0, 5.0], [2.0, 0.0, 4.0, 5.0], [0.0, 3.0, 0.0, 2.0]])
def test_gradient_of_cumprod_to_order_two_with_zeros(values: list[float]) -> None:
    torch = pytest.importorskip("torch")
    weights = np.arange(1.0, 1.0 + len(values))
    x = tracegraph.tensor(values, dtype="float64", requires_grad=True)
    y = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    (first,) = tracegraph.autograd.grad((x.cumprod(0) * tracegraph.tensor(weights)).sum(), x, create_graph=True)
    (expected,) = torch.autograd.grad((y.cumprod(0) * torch.from_numpy(weights)).sum(), y, create_graph=True)
    np.testing.assert_allclose(first.detach().numpy(), expected.detach().numpy())
    (second,) = tracegraph.autograd.grad((first * tracegraph.tensor(weights[::-1].copy())).sum(), x)
    (expected,) = torch.autograd.grad((expected * torch.from_numpy(weights[::-1].copy())).sum(), y)
    np.testing.assert_allclose(second.numpy(), expected.numpy())


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
def test_cumprod_directions_have_the_gradient_of_finite_differences(reverse: bool, exclusive: bool) -> None:
    values, weights = np.array([1.5, 0.0, -2.0, 3.0]), np.array([1.0, -2.0, 0.5, 4.0])
    operation = Cumprod(0, reverse, exclusive)
    x = tracegraph.tensor(values, requires_grad=True)
    (g,) = tracegraph.autograd.grad(dispatch.apply(operation, x), x, tracegraph.tensor(weights))
    numeric = [
        ((operation.evaluate(np, values + step) - operation.evaluate(np, values - step)) @ weights) / 2e-6
        for step in 1e-6 * np.eye(4)
    ]
    np.testing.assert_allclose(g.numpy(), numeric, atol=1e-7)


def test_linear_recurrence_is_what_it_says() -> None:
    a, b = np.array([2.0, 3.0, 5.0]), np.array([1.0, 10.0, 100.0])
    assert LinearRecurrence(0).evaluate(np, a, b).tolist() == [0.0, 1.0, 13.0]
    assert LinearRecurrence(0, True).evaluate(np, a, b).tolist() == [310.0, 100.0, 0.0]


def test_long_float32_running_sums_do_not_drift() -> None:
    array = np.full(300_000, 0.1, "float32")
    last = tracegraph.tensor(array).cumsum(0)[-1].item()
    assert last == pytest.approx(float(array.astype("float64").sum()), rel=1e-7)


def test_in_place() -> None:
    x = tracegraph.tensor([1.0, 2.0, 3.0])
    x.cumsum_(0)
    assert x.tolist() == [1.0, 3.0, 6.0]


def test_dim_out_of_range() -> None:
    for name in ("cumsum", "cumprod", "cummax", "cummin"):
        with pytest.raises(DimensionError, match=f"{name}: dim 1 is out of range for a 1-d tensor"):
            getattr(tracegraph.tensor([1.0]), name)(1)
