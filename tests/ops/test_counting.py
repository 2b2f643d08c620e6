"""Different elements, counts, histograms and searches against PyTorch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.oracle import Call, arrays, assert_all_same, assert_same, detached, function, method
from tests.ops.tracing import assert_traced_like_eager
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, DimensionError, DTypeError, ShapeError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle
NAN, INF = float("nan"), float("inf")
NUMBERS = ("float32", "float64", "int64", "uint8", "int8", "float16")

DISTINCT: dict[str, Call] = {
    f"{name}({dim})": detached(function(name, return_inverse=True, return_counts=True, dim=dim))
    for name in ("unique", "unique_consecutive")
    for dim in (None, 0, -1, 5)
}
DISTINCT["unique()"] = detached(method("unique"))
DISTINCT["counts alone"] = detached(function("unique_consecutive", return_counts=True))


@pytest.mark.parametrize("array", arrays(dtypes=(*NUMBERS, "bool")))
def test_distinct_elements_like_pytorch(array: np.ndarray) -> None:
    assert_all_same(DISTINCT, np.asarray(np.round(array)) if array.dtype.kind == "f" else array)


@pytest.mark.parametrize("values", [[NAN, 1.0, NAN, 1.0], [INF, -INF, INF], [0.0, -0.0, 0.0]])
def test_distinct_elements_of_nan_infinity_and_signed_zeros(values: list[float]) -> None:
    assert_all_same({name: DISTINCT[name] for name in ("unique(None)", "unique_consecutive(None)")}, np.array(values))


def with_tensor(name: str, values: Any, *, first: bool = False, **keywords: Any) -> Call:
    """The call of a function with the operand and a tensor of the given values, or the other way round."""

    def call(module: Any, x: Any) -> Any:
        other = module.tensor(values, dtype=x.dtype) if isinstance(values, list) else values
        return getattr(module, name)(*((other, x.detach()) if first else (x.detach(), other)), **keywords)

    return call


BOUNDARIES = [-2, 0, 0, 1, 3]
SEARCHES: dict[str, Call] = {
    f"{name}, {keywords}": with_tensor(name, BOUNDARIES, first=name == "searchsorted", **keywords)
    for name in ("searchsorted", "bucketize")
    for keywords in ({}, {"right": True}, {"out_int32": True}, {"side": "right"}, {"side": "left", "right": True})
}
SEARCHES |= {
    "rows": lambda module, x: module.searchsorted(x.detach().sort(-1).values, x.detach(), right=True),
    "sorter": lambda module, x: module.searchsorted(x.detach(), x.detach(), sorter=x.detach().argsort(-1)),
    "a number": lambda module, x: module.bucketize(1.5, x.detach().reshape(-1).sort().values),
    "one number of rows": lambda module, x: module.searchsorted(x.detach(), 1),
    "isin": with_tensor("isin", [1, 2, -1]),
    "isin, inverted": with_tensor("isin", [1, 2, -1], invert=True, assume_unique=True),
    "isin number": with_tensor("isin", 1),
    "isin nothing": with_tensor("isin", []),
    "number isin": lambda module, x: module.isin(1, x.detach()),
}


@pytest.mark.parametrize("array", arrays(dtypes=("float32", "int64", "int8")))
def test_searches_like_pytorch(array: np.ndarray) -> None:
    assert_all_same(SEARCHES, array)


def test_searches_among_nan_and_infinity() -> None:
    array = np.array([-INF, 0.0, 1.0, NAN])
    for sequence in ([-INF, 0.0, INF], [0.0, 1.0, NAN], []):
        for right in (False, True):
            assert_same(with_tensor("searchsorted", sequence, first=True, right=right), array)
        assert_same(with_tensor("isin", sequence), array)
    assert_same(lambda module, x: module.searchsorted(x[None], x[None].flip(1)), array)


def weighted_counts(dtype: str) -> Call:
    """Counts of weights of a dtype."""
    return lambda module, x: module.bincount(x.reshape(-1).abs(), (x.reshape(-1) + 0.5).to(getattr(module, dtype)))


COUNTS: dict[str, Call] = {
    "bincount": lambda module, x: module.bincount(x.reshape(-1).abs()),
    "bincount of at least": lambda module, x: x.reshape(-1).abs().bincount(minlength=9),
    "bincount, negative": lambda module, x: x.bincount(),
    **{f"bincount of weights, {dtype}": weighted_counts(dtype) for dtype in ("float32", "float64", "float16", "int64")},
}
HISTOGRAMS: dict[str, Call] = {
    **{f"histc{given}": detached(method("histc", *given))
       for given in ((), (5,), (5, -1, 2), (4, 0, 0), (4, 1, 1), (0,), (3, 2, 1))},
    **{f"histogram({bins}, {keywords})": detached(function("histogram", bins, **keywords))
       for bins in (1, 6) for keywords in ({}, {"range": (-1.0, 2.0)}, {"density": True}, {"range": (1.0, 1.0)})},
    "edges": detached(
        lambda module, x: module.histogram(x, module.tensor([-1.0, 0.25, 2.0], dtype=x.dtype), weight=x + 3)),
    "weights": detached(lambda module, x: module.histogram(x, 4, weight=x + 3, density=True)),
}  # fmt: skip


@pytest.mark.parametrize("array", arrays(dtypes=("int64", "uint8", "int8", "float32")))
def test_counts_like_pytorch(array: np.ndarray) -> None:
    assert_all_same(COUNTS, array)


@pytest.mark.parametrize("array", arrays(dtypes=("float32", "float64", "int64")))
def test_histograms_like_pytorch(array: np.ndarray) -> None:
    if array.size or array.dtype.kind != "f":
        assert_all_same(HISTOGRAMS, array)
    else:
        assert_all_same({name: call for name, call in HISTOGRAMS.items() if "density" not in name}, array)


def test_histograms_of_nan_and_infinity() -> None:
    array = np.array([0.5, NAN, INF, 1.5, -INF])
    assert_all_same(HISTOGRAMS, array)


def test_what_has_a_fixed_size_is_static() -> None:
    x = tracegraph.tensor(np.random.default_rng(0).normal(size=(4, 6)).astype("float32"))
    edges = tracegraph.tensor([-1.0, 0.0, 2.0])

    def everything(x: Any, edges: Any) -> Any:
        histograms = x.histc(5), x.histogram(4), x.histogram(edges, weight=x, density=True)
        return histograms, tracegraph.bucketize(x, edges), tracegraph.isin(x, edges), tracegraph.searchsorted(edges, x)

    assert_traced_like_eager(everything, x, edges)


def test_what_has_the_size_of_its_values_is_co_executed() -> None:
    x = tracegraph.tensor(np.random.default_rng(0).integers(0, 3, (6, 2)))

    def everything(x: Any) -> Any:
        return (
            x.unique(return_inverse=True, return_counts=True), x.unique(dim=0), x.unique_consecutive(),
            x.reshape(-1).bincount() * 2, x.nonzero(),
        )  # fmt: skip

    assert_traced_like_eager(everything, x, verdict="co-executed")


def test_sizes_follow_the_values_of_each_call() -> None:
    counted = tracegraph.trace(lambda x: (x.bincount(), x.unique(return_counts=True)))
    for values in ([1, 1], [3, 0], [3, 0], [5, 5]):
        x = tracegraph.tensor(values)
        counts, (different, times) = counted(x)
        assert counts.tolist() == np.bincount(values).tolist()
        assert [different.tolist(), times.tolist()] == [list(part) for part in np.unique(values, return_counts=True)]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: tracegraph.searchsorted(x[0], x, side="middle"), ArgumentError, "side must be 'left' or 'right'"),
        (lambda x: tracegraph.searchsorted(x[:1], x), ShapeError, "must be a vector, or differ from the values"),
        (lambda x: tracegraph.searchsorted(x, x, sorter=x), ShapeError, "sorter must be int64 of the shape"),
        (lambda x: tracegraph.bucketize(x, x), ShapeError, "bucketize: boundaries must be a vector"),
        (lambda x: tracegraph.isin(1, 2), ArgumentTypeError, "isin: elements or test_elements must be a tensor"),
        (lambda x: tracegraph.isin(x > 0, x > 0), DTypeError, "isin: not defined for bool"),
        (lambda x: x.bincount(), DTypeError, "bincount: takes integers, not float32"),
        (lambda x: x.long().bincount(), ShapeError, r"bincount: takes a vector, got shape \(2, 3\)"),
        (lambda x: (x[0].long() - 3).bincount(), ArgumentError, "must not be negative, got -2"),
        (lambda x: x.histc(0), ArgumentError, "histc: at least one bin is needed, got 0"),
        (lambda x: (x / 0).histc(3), ArgumentError, "histc: elements must be finite where no range is given, got inf"),
        (lambda x: x.histogram(3, range=(2, 1)), ArgumentError, "must not end below its begin, got 2 to 1"),
        (lambda x: x.histogram(3, weight=x[0]), ShapeError, r"weight of shape \(3,\) for a tensor of shape \(2, 3\)"),
        (lambda x: x.unique(dim=2), DimensionError, "unique: dim 2 is out of range"),
        (lambda x: x[:, :0].unique(dim=0), ShapeError, "have no elements to compare"),
    ],
)
def test_errors_say_what_is_wrong(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(tracegraph.tensor(np.ones((2, 3), "float32")))
