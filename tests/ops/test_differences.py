"""Differences, derivatives, integrals, covariances and running log-sums against PyTorch, with second gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.functional import assert_like_torch
from tests.ops.oracle import Call, arrays, assert_all_same, assert_same, function
from tests.ops.tracing import assert_traced_like_eager
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, DimensionError, DTypeError, ShapeError

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:cov.*degrees of freedom is <= 0")]
NAN, INF = float("nan"), float("inf")

CALLS: dict[str, Call] = {
    **{f"diff({n}, {dim})": function("diff", n, dim) for n in (1, 2, 7, -1) for dim in (0, -1, 5)},
    "diff(0)": function("diff", 0),
    "diff between": lambda module, x: module.diff(x, dim=0, prepend=x[-1:], append=x[:1]),
    "diff of other dtypes": lambda module, x: module.diff(x, prepend=x.double() + 0.5),
    "diff of a number more": lambda module, x: module.diff(x, prepend=x.sum()),
    **{f"gradient({given})": function("gradient", **given)
       for given in ({}, {"spacing": 0.5}, {"edge_order": 2}, {"dim": 0}, {"dim": (0, -1), "spacing": [0.5, 2.0]},
                     {"dim": (0, 0)}, {"edge_order": 3}, {"spacing": [0.5]}, {"dim": 0, "edge_order": 2})},
    "gradient at coordinates": lambda module, x: module.gradient(
        x, spacing=[(module.arange(n) * 0.5) ** 2 for n in x.shape], edge_order=2),
    "gradient at coordinates, first order": lambda module, x: module.gradient(
        x, spacing=[(module.arange(n) * 0.5) ** 2 for n in x.shape]),
    **{f"{name}({given})": function(name, **given)
       for name in ("trapezoid", "cumulative_trapezoid", "trapz")[: 2]
       for given in ({}, {"dx": 0.5}, {"dim": 0}, {"dim": 5}, {"dx": 2, "dim": 0})},
    "trapezoid at coordinates": lambda module, x: module.trapezoid(x, module.arange(x.shape[-1]) ** 2),
    "trapezoid at own coordinates": lambda module, x: module.cumulative_trapezoid(x, x * x, dim=0),
    **{f"cov({correction})": function("cov", correction=correction) for correction in (0, 1, 9)},
    "weighted": lambda module, x: module.cov(x * 1, fweights=module.arange(x.shape[-1]) + 1),
    "weighted twice": lambda module, x: module.cov(
        x * 1, fweights=module.arange(x.shape[-1]) + 1, aweights=module.arange(x.shape[-1]) / 2 + 0.25),
    "weights of 0": lambda module, x: module.cov(x * 1, fweights=module.arange(x.shape[-1]) * 0),
    "negative weights": lambda module, x: module.cov(x * 1, fweights=module.arange(x.shape[-1]) - 1),
}  # fmt: skip


@pytest.mark.parametrize("array", arrays(dtypes=("float32", "float64", "int64", "bool", "float16")))
def test_differences_like_pytorch(array: np.ndarray) -> None:
    single = array.shape[-1:] == (1,)  # whose weighted covariance is 0 / 0, with a gradient of 0 in PyTorch
    assert_all_same({name: call for name, call in CALLS.items() if not (single and "weighted" in name)}, array)


@pytest.mark.parametrize("array", arrays(dtypes=("int8", "uint8"), empty=False))
def test_short_integers_like_pytorch(array: np.ndarray) -> None:
    chosen = {name: call for name, call in CALLS.items() if name.startswith(("diff", "cov"))}
    assert_all_same(chosen | {"gradient": function("gradient", spacing=0.5, dim=0)}, array)


@pytest.mark.parametrize("shape", [(2, 5), (1, 4), (7,), ()])
def test_correlations_like_pytorch(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    for dtype in ("float32", "float64", "int64"):
        assert_same(function("corrcoef"), np.asarray(rng.normal(size=shape) * 5).astype(dtype), tolerance=1e-4)


@pytest.mark.parametrize("array", arrays(dtypes=("float32", "float64", "float16", "int64")))
def test_logcumsumexp_like_pytorch(array: np.ndarray) -> None:
    calls = {f"logcumsumexp({dim})": function("logcumsumexp", dim) for dim in (0, -1, 5)}
    assert_all_same(calls, array)


@pytest.mark.parametrize("values", [[-INF, -INF, 0.0, 1.0], [1000.0, -1000.0, 999.0], [0.0, INF, 1.0], [1.0, NAN, 2.0]])
def test_logcumsumexp_of_extreme_values(values: list[float]) -> None:
    assert_same(lambda module, x: x.detach().logcumsumexp(0), np.array(values))


def test_logcumsumexp_has_the_exact_gradient_where_the_steps_are_large() -> None:
    assert_same(function("logcumsumexp", 0), np.array([700.0, -700.0, 0.0, 701.0]))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("diff", {"n": 2}), ("trapezoid", {"dx": 0.5}), ("cumulative_trapezoid", {}), ("cov", {"correction": 0}),
        ("corrcoef", {}), ("logcumsumexp", {"dim": 1}), ("gradient", {}),
    ],
)  # fmt: skip
def test_second_gradients(name: str, given: dict[str, Any]) -> None:
    assert_like_torch(name, np.random.default_rng(3).normal(size=(3, 5)), **given)


def test_traced() -> None:
    x = tracegraph.tensor(np.random.default_rng(0).normal(size=(3, 5)).astype("float32"), requires_grad=True)
    at = tracegraph.tensor([0.0, 1.0, 3.0, 3.5, 5.0])

    def everything(x: Any, at: Any) -> Any:
        weighted = tracegraph.cov(x, aweights=at + 1)
        slopes = tracegraph.gradient(x, spacing=[at], dim=1, edge_order=2), tracegraph.gradient(x)
        integrals = tracegraph.trapezoid(x, at), tracegraph.cumulative_trapezoid(x)
        return x.diff(prepend=x), slopes, integrals, x.cov(), weighted, x.corrcoef(), x.logcumsumexp(1)

    assert_traced_like_eager(everything, x, at, tolerance=1e-4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.diff(-1), ArgumentError, "diff: n must not be negative, got -1"),
        (lambda x: x.sum().diff(), DimensionError, "diff: a number has no dimension"),
        (lambda x: x.diff(append=x[0]), ShapeError, "prepend and append need the 2 dimensions"),
        (lambda x: tracegraph.gradient(x, edge_order=3), ArgumentError, "edge_order must be 1 or 2, got 3"),
        (lambda x: tracegraph.gradient(x[:1]), ShapeError, "more than 1 elements along a dimension, got 1"),
        (lambda x: tracegraph.gradient(x, spacing=[1.0]), ShapeError, "gradient: 1 spacings for 2 dimensions"),
        (lambda x: tracegraph.gradient(x, spacing=x), ArgumentTypeError, "spacing must be a number, or a list"),
        (lambda x: tracegraph.trapezoid(x, x, dx=1), ArgumentTypeError, "give x or dx, not both"),
        (lambda x: tracegraph.trapezoid(x, x[0, :2]), ShapeError, "2 coordinates for 3 elements along dimension 1"),
        (lambda x: tracegraph.trapezoid(x > 0), DTypeError, "trapezoid: not defined for bool"),
        (lambda x: x[None].cov(), ShapeError, "cov: takes at most two dimensions"),
        (lambda x: x.cov(fweights=x[0]), DTypeError, "cov: fweights must be integers, not float32"),
        (lambda x: x.cov(aweights=-x[0]), ArgumentError, "cov: aweights must not be negative, got -1.0"),
        (lambda x: x.cov(aweights=x[0] * 0), ArgumentError, "cov: the weights must not sum to 0"),
        (lambda x: x.long().logcumsumexp(0), DTypeError, "logcumsumexp: takes float tensors, not int64"),
    ],
)
def test_errors_say_what_is_wrong(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(tracegraph.tensor(np.ones((2, 3), "float32")))
