from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.oracle import Call, arrays, assert_all_same, assert_same, function, method
from tracegraph.runtime.errors import ArgumentError, DimensionError

pytestmark = pytest.mark.oracle
NAN, INF = float("nan"), float("inf")

STABLE: dict[str, Call] = {
    **{f"sort({dim}, {descending})": function("sort", stable=True, dim=dim, descending=descending)
       for dim in (0, -1, 1, 5) for descending in (False, True)},
    **{f"argsort({dim}, {descending})": method("argsort", stable=True, dim=dim, descending=descending)
       for dim in (0, -1, 1, 5) for descending in (False, True)},
    "sort()": method("sort"),
    "msort": lambda module, x: x.msort() if x.ndim else x,
    "unique": lambda module, x: module.unique(x.detach()),
    "unique with everything": lambda module, x: module.unique(x.detach(), return_inverse=True, return_counts=True),
}  # fmt: skip
CHOOSING: dict[str, Call] = {
    **{f"topk({k}, {dim}, {largest})": method("topk", k, dim, largest)
       for k in (1, 2, 9) for dim in (0, -1, 5) for largest in (False, True)},
    **{f"kthvalue({k}, {dim}, {keepdim})": method("kthvalue", k, dim, keepdim)
       for k in (0, 1, 2, 9) for dim in (0, -1, 5) for keepdim in (False, True)},
    **{f"median({dim}, {keepdim})": method("median", dim, keepdim)
       for dim in (0, -1, 1, 5) for keepdim in (False, True)},
    "median()": method("median"),
    "topk(0)": lambda module, x: x.topk(0) if x.ndim else x,
}  # fmt: skip
DTYPES = ("float32", "float64", "int64")


@pytest.mark.parametrize("array", arrays(dtypes=(*DTYPES, "bool"), empty=False))
def test_order_like_pytorch(array: np.ndarray) -> None:
    assert_all_same(STABLE, array)


@pytest.mark.parametrize(
    "array", [value for value in arrays(dtypes=DTYPES, empty=False) if "ties" not in str(value.id)]
)
def test_choice_like_pytorch(array: np.ndarray) -> None:
    if array.dtype == np.int64:
        array = np.argsort(array.ravel()).reshape(array.shape)
    assert_all_same(CHOOSING, array)


@pytest.mark.parametrize("values", [[1.0, NAN, 2.0, NAN], [INF, NAN, -INF, INF, 0.0], [2.0, 2.0, 1.0, 5.0], []])
def test_nan_infinity_ties_and_nothing(values: list[float]) -> None:
    assert_all_same(STABLE, np.array(values))
    assert_same(lambda module, x: x.detach().median(), np.array(values))
    for k in (1, 2, 3, 4):
        assert_all_same({"kthvalue": values_of("kthvalue", k), "topk": values_of("topk", k)}, np.array(values))
        assert_same(values_of("topk", k, largest=False), np.array(values))


def values_of(name: str, *arguments: Any, **keywords: Any) -> Call:
    """The values alone, without gradient: which of equal elements is picked is PyTorch's affair."""
    return lambda module, x: getattr(x.detach(), name)(*arguments, **keywords).values


def test_median_shares_its_gradient_among_equal_elements() -> None:
    assert_same(lambda module, x: x.median(), np.array([[2.0, 2.0], [1.0, 5.0]]))


def test_median_along_a_dim_takes_a_nan_where_there_is_one() -> None:
    assert_same(lambda module, x: x.median(1), np.array([[1.0, NAN, 2.0], [3.0, 1.0, 2.0]]))


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("dim", [0, 1])
def test_topk_by_partition(largest: bool, dim: int) -> None:
    array = np.random.default_rng(1).permutation(40_000).reshape(200, 200).astype("float32")
    array[3, 5] = NAN
    assert_same(lambda module, x: x.topk(7, dim, largest), array)


def test_topk_of_equal_elements_picks_different_ones_in_order() -> None:
    values, indices = tracegraph.tensor(np.zeros(500, "float32")).topk(5)
    assert values.tolist() == [0.0] * 5
    assert len(set(indices.tolist())) == 5
    assert indices.tolist() == sorted(indices.tolist())


def test_unique_along_a_dim() -> None:
    assert_same(
        lambda module, x: module.unique(x, return_inverse=True, return_counts=True, dim=0),
        np.array([[1, 2], [0, 5], [1, 2]]),
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.topk(4), ArgumentError, "topk: k=4 is out of range"),
        (lambda x: x.kthvalue(0), ArgumentError, "kthvalue: k=0 is out of range"),
        (lambda x: x.sort(2), DimensionError, "sort: dim 2 is out of range"),
        (lambda x: x[:0].median(0), DimensionError, "median: dim 0 of a tensor of shape .* is empty"),
    ],
)
def test_errors_say_what_is_wrong(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(tracegraph.tensor(np.ones((2, 3), "float32")))
