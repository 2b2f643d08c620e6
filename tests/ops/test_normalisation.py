import numpy as np
import pytest

import tracegraph
from tests.ops.oracle import Call, arrays, assert_all_same, assert_same, function
from tracegraph.runtime.errors import DTypeError

pytestmark = pytest.mark.oracle
NAN, INF = float("nan"), float("inf")

CALLS: dict[str, Call] = {
    f"{name}({dim})": function(name, dim) for name in ("softmax", "log_softmax", "logsumexp") for dim in (0, -1, 1, 5)
}
CALLS |= {
    "softmax as float64": lambda module, x: x.softmax(0, dtype=module.float64),
    "log_softmax as float64": lambda module, x: x.log_softmax(dim=-1, dtype=module.float64),
    "logsumexp((0, 1))": lambda module, x: x.logsumexp((0, 1)),
    "logsumexp(keepdim)": lambda module, x: x.logsumexp(0, keepdim=True),
}


@pytest.mark.parametrize("array", arrays(dtypes=("float32", "float64")) + arrays(dtypes=("int64", "bool"), empty=False))
def test_like_pytorch(array: np.ndarray) -> None:
    assert_all_same(CALLS, array)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
@pytest.mark.parametrize(
    "values",
    [[-1e30, 0.0], [1000.0, 0.0], [-INF, 0.0], [INF, 0.0], [-INF, -INF], [NAN, 0.0], [INF, -INF]],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_values(name: str, values: list[float], dtype: str) -> None:
    assert_same(function(name, 0), np.array(values, dtype))


def test_gradient_of_logsumexp_does_not_lose_the_logarithm_beside_a_large_maximum() -> None:
    x = tracegraph.tensor([1e30, 1e30], requires_grad=True)  # PyTorch takes exp(x - result), which is 1 for both
    tracegraph.autograd.backward(x.logsumexp(0))
    assert x.grad is not None
    assert x.grad.tolist() == [0.5, 0.5]


def test_second_derivatives_of_softmax() -> None:
    torch = pytest.importorskip("torch")
    values, weights = np.array([0.5, -1.0, 2.0]), np.array([1.0, 2.0, -3.0])
    x = tracegraph.tensor(values, requires_grad=True)
    y = torch.tensor(values, requires_grad=True)
    (first,) = tracegraph.autograd.grad(x.softmax(0), x, tracegraph.tensor(weights), create_graph=True)
    (second,) = tracegraph.autograd.grad(first, x, tracegraph.tensor(weights))
    (expected,) = torch.autograd.grad(y.softmax(0), y, torch.from_numpy(weights), create_graph=True)
    (expected,) = torch.autograd.grad(expected, y, torch.from_numpy(weights))
    np.testing.assert_allclose(second.numpy(), expected.numpy())


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_integers_need_a_dtype(name: str) -> None:
    with pytest.raises(DTypeError, match=f"{name}: takes float tensors, not int64; give dtype="):
        getattr(tracegraph.tensor([1, 2]), name)(0)
