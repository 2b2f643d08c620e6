"""Medians, quantiles and modes against PyTorch: NaN, infinities, ties, odd dtypes, numbers, strides."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.oracle import Call, arrays, assert_all_same, assert_same, detached, function, method
from tests.ops.tracing import assert_traced_like_eager
from tracegraph.runtime.errors import ArgumentError, DimensionError, DTypeError, ShapeError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle
NAN, INF = float("nan"), float("inf")
INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")
UNSETTLED: list[list[float]] = [
    [1.0, NAN, 2.0, NAN], [NAN, NAN], [INF, NAN, -INF, 3.0, 0.0], [2.0, 2.0, 1.0, 5.0], [7.0], [-INF, 1.0, 2.0],
]  # fmt: skip


def of_several(name: str, dim: int | None, keepdim: bool) -> Call:
    """The quantiles at several fractions."""
    return lambda module, x: getattr(module, name)(
        x, module.tensor([0.0, 0.1, 0.5, 0.77, 1.0], dtype=x.dtype), dim, keepdim
    )


QUANTILES: dict[str, Call] = {
    f"{name}({q}, {dim}, {keepdim}, {interpolation})": function(name, q, dim, keepdim, interpolation=interpolation)
    for name in ("quantile", "nanquantile")
    for q, dim, keepdim in ((0.3, None, False), (0.5, 0, True), (1.0, -1, False), (0.25, 5, False), (0.5, None, True))
    for interpolation in (INTERPOLATIONS if q == 0.3 else ("linear",))
}
QUANTILES |= {
    f"{name} of several, {dim}, {keepdim}": of_several(name, dim, keepdim)
    for name in ("quantile", "nanquantile")
    for dim in (None, 0, -1)
    for keepdim in (False, True)
}
MIDDLES: dict[str, Call] = {
    f"{name}({dim}, {keepdim})": method(name, dim, keepdim)
    for name in ("nanmedian", "mode")
    for dim in (0, -1, 1, 5)
    for keepdim in (False, True)
}
MIDDLES["nanmedian()"] = method("nanmedian")
MIDDLES["mode()"] = method("mode")


@pytest.mark.parametrize("array", arrays(dtypes=("float32", "float64", "int64", "float16")))
def test_quantiles_like_pytorch(array: np.ndarray) -> None:
    assert_all_same(QUANTILES, array)


@pytest.mark.parametrize("array", arrays(dtypes=("float32", "float64", "int64", "uint8", "bool", "float16")))
def test_middles_like_pytorch(array: np.ndarray) -> None:
    calls = {name: call for name, call in MIDDLES.items() if array.size or (name != "mode()" and array.dtype != bool)}
    ties = len(np.unique(array)) < array.size
    assert_all_same(calls, array, indices=not ties or array.size < 16)


@pytest.mark.parametrize("values", UNSETTLED)
def test_nan_infinity_and_ties(values: list[float]) -> None:
    array = np.array(values)
    assert_all_same(MIDDLES | {"median()": method("median"), "nanmedian(0)": method("nanmedian", 0)}, array)
    assert_all_same({name: detached(call) for name, call in QUANTILES.items()}, array)


def test_the_gradient_of_a_median_of_nan_goes_to_the_nan() -> None:
    for name in ("median", "max", "min", "nanmedian", "amax", "aminmax"):
        assert_same(method(name), np.array([[1.0, NAN, 2.0], [NAN, 0.0, 5.0]]))


def test_the_fractions_get_a_gradient() -> None:
    values, q = np.array([[3.0, 1.0, 2.0], [5.0, 9.0, 6.0]]), np.array([0.3, 0.8])
    ours, theirs = tracegraph.tensor(q, requires_grad=True), torch.tensor(q, requires_grad=True)
    tracegraph.quantile(tracegraph.tensor(values), ours, 1).sum().backward()
    torch.quantile(torch.tensor(values), theirs, 1).sum().backward()
    assert ours.grad is not None
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy())


def test_traced() -> None:
    x = tracegraph.tensor(np.random.default_rng(0).normal(size=(4, 5)).astype("float32"), requires_grad=True)
    q = tracegraph.tensor([0.2, 0.9])

    def everything(x: Any, q: Any) -> Any:
        return x.quantile(q, 1), x.nanquantile(0.4), x.nanmedian(), x.nanmedian(0), x.mode(1), x.median(), x.max()

    assert_traced_like_eager(everything, x, q)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.quantile(1.5), ArgumentError, "quantile: q must be between 0 and 1, got 1.5"),
        (lambda x: x.quantile(tracegraph.tensor([0.5, -1.0])), ArgumentError, "q must be between 0 and 1, got -1.0"),
        (
            lambda x: x.quantile(0.5, interpolation="cubic"),
            ArgumentError,
            "interpolation must be one of .* got 'cubic'",
        ),
        (lambda x: x.quantile(tracegraph.zeros(1, 1)), ShapeError, "q must be a number or a vector"),
        (lambda x: x[:0].nanquantile(0.5), ShapeError, r"a tensor of shape \(0, 3\) has no quantiles"),
        (lambda x: x.half().quantile(0.5), DTypeError, "takes float32 and float64 tensors, not float16"),
        (lambda x: x[:0].mode(0), DimensionError, r"mode: dim 0 of a tensor of shape \(0, 3\) is empty"),
        (lambda x: (x > 0).median(), DTypeError, "median: not defined for bool"),
    ],
)
def test_errors_say_what_is_wrong(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(tracegraph.tensor(np.ones((2, 3), "float32")))
