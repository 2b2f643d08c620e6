from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.oracle import Call, arrays, assert_all_same, assert_same, function, method
from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:(var|std).*degrees of freedom is <= 0")]
NAN, INF = float("nan"), float("inf")

SPREAD: dict[str, Call] = {
    f"{name}({dim}, {correction}, {keepdim})": function(name, dim, correction=correction, keepdim=keepdim)
    for name in ("var", "std", "var_mean", "std_mean")
    for dim in (None, 0, -1, (0, 1), 5)
    for correction in (0, 0.5)
    for keepdim in (False, True)
}
SPREAD |= {
    "var()": lambda module, x: x.var(correction=0 if x.numel() == 1 else 1),
    "var(False)": method("var", False),
    "std(0, False, True)": method("std", 0, False, True),
    "std(axis)": method("std", axis=0, correction=0),
    "var_mean(0, False)": function("var_mean", 0, False),
}
ORDERS = (1, 2, 3, 0.5, 1.5, 2.5, -1, -2, INF, -INF)
NORMS: dict[str, Call] = {
    f"norm({p}, {dim}, {keepdim})": function("norm", p, dim, keepdim)
    for p in ORDERS
    for dim in (None, 0, -1, (0, 1))
    for keepdim in (False, True)
}
NORMS |= {
    "norm()": method("norm"),
    "norm('fro', 0)": function("norm", "fro", 0),
    "norm(0)": lambda module, x: x.detach().norm(0),
    "norm(0, 0, True)": lambda module, x: x.detach().norm(0, 0, True),
    "norm(3) as float64": lambda module, x: x.norm(3, dtype=module.float64),
}


@pytest.mark.parametrize("array", arrays())
def test_variances_like_pytorch(array: np.ndarray) -> None:
    assert_all_same(SPREAD, array)


@pytest.mark.parametrize("array", arrays(dtypes=("float32", "float64", "int64")))
def test_norms_like_pytorch(array: np.ndarray) -> None:
    assert_all_same(NORMS, array)


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("values", [[0.0, 0.0], [0.0, 1.0], [-2.0, 2.0, 1.0], [NAN, 1.0], [INF, 1.0]])
def test_norms_at_zero_nan_and_infinity(p: float, values: list[float]) -> None:
    assert_same(lambda module, x: x.detach().norm(p), np.array(values))
    assert_same(lambda module, x: x.detach().norm(0), np.array(values))
    if np.isfinite(values).all():
        assert_same(method("norm", p), np.array(values))


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [3.0], [NAN, 1.0], [INF, 1.0]])
def test_std_of_equal_elements_has_a_gradient_of_zero(values: list[float]) -> None:
    assert_same(method("std"), np.array(values))
    assert_same(method("std", correction=0), np.array(values))


def test_too_large_a_correction_divides_by_zero() -> None:
    assert tracegraph.tensor([1.0, 2.0]).var(correction=5).item() == INF
    assert np.isnan(tracegraph.tensor([1.0]).var().item())


def test_variance_is_computed_in_two_passes() -> None:
    array = (1e4 + np.random.default_rng(0).random(1000)).astype("float32")
    assert tracegraph.tensor(array).var().item() == pytest.approx(
        float(np.var(array.astype("float64"), ddof=1)), rel=1e-3
    )


def test_float16_is_computed_in_float32() -> None:
    array = np.full(5000, 300.0, "float16")
    assert tracegraph.tensor(array).norm().dtype == tracegraph.float16
    assert tracegraph.tensor(array).norm().item() == pytest.approx(300 * 5000**0.5, rel=1e-3)
    assert tracegraph.tensor(array).std().item() == 0.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.to("int64").std(), DTypeError, "std: takes float tensors, not int64"),
        (lambda x: x.var(unbiased=True, correction=1), ArgumentError, "give unbiased or correction, not both"),
        (lambda x: x.norm("max"), ArgumentError, "norm: p='max' is not supported"),
        (lambda x: x.norm("nuc", 0), ShapeError, "norm: 'nuc' is a norm over two dimensions"),
        (lambda x: x[:0].norm(INF), ShapeError, "the norm of order inf of no elements"),
    ],
)
def test_errors_say_what_is_wrong(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(tracegraph.tensor(np.ones((2, 3), "float32")))
