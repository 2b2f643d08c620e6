from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.oracle import Call, arrays, assert_all_same, assert_same, function, method
from tracegraph.runtime.errors import ArgumentTypeError, DimensionError, ShapeError

pytestmark = pytest.mark.oracle
NAN, INF = float("nan"), float("inf")

CALLS: dict[str, Call] = {
    f"{name}({dim!r}, {keepdim})": function(name, dim, keepdim)
    for name, dims in {
        "amax": (0, -1, 1, (0, 1), [-1], (0, 0), 5),
        "amin": (0, -1, 1, (0, 1), [-1], (0, 0), 5),
        "argmax": (None, 0, -1, 1, 5, (0, 1)),
        "argmin": (None, 0, -1, 1, 5, (0, 1)),
        "max": (0, -1, 1, 5, 1.5, (0, 1)),
        "min": (0, -1, 1, 5, 1.5, (0, 1)),
    }.items()
    for dim in dims
    for keepdim in (False, True)
}
CALLS |= {
    **{f"{name}()": method(name) for name in ("amax", "amin", "argmax", "argmin", "max", "min", "aminmax")},
    "max(axis)": method("max", axis=0, keepdims=True),
    "argmin(axis)": method("argmin", axis=-1),
    "aminmax(dim)": method("aminmax", dim=-1),
    "aminmax(keepdim)": function("aminmax", dim=0, keepdim=True),
    "max(tensor)": lambda module, x: x.max(x.flip(0) if x.ndim else x),
    "min(other=tensor)": lambda module, x: module.min(x, other=x.flip(0) if x.ndim else x),
}


@pytest.mark.parametrize("array", arrays(dtypes=("float32", "float64", "int64")))
def test_like_pytorch(array: np.ndarray) -> None:
    assert_all_same(CALLS, array)


@pytest.mark.parametrize("name", ["amax", "amin", "max", "min", "argmax", "argmin"])
@pytest.mark.parametrize(
    "values", [[1.0, NAN, 3.0, NAN], [NAN], [INF, 1.0, INF], [-INF, -INF], [0.0, -0.0], [2.0, 2.0, 2.0]]
)
def test_nan_infinity_and_ties(name: str, values: list[float]) -> None:
    if (
        name in ("max", "min") and np.isnan(values).any()
    ):  # here PyTorch's gradient goes to the NaN, ours is NaN (as of amax)
        assert_same(lambda module, x: getattr(module, name)(x.detach()), np.array(values))
    else:
        assert_same(function(name), np.array(values))
    if "arg" not in name:
        assert_same(function(name, 0), np.array(values))


@pytest.mark.parametrize("name", ["amax", "amin", "max", "min"])
def test_bools(name: str) -> None:
    for values in ([True, False], [False, False], [True]):
        assert_same(function(name), np.array(values))
        assert_same(function(name, 0), np.array(values))


def test_max_with_dim_unpacks_and_has_names() -> None:
    values, indices = tracegraph.tensor([[1, 5, 5], [7, 2, 7]]).max(1)
    assert (values.tolist(), indices.tolist()) == ([5, 7], [1, 0])
    named = tracegraph.tensor([[1, 5], [7, 2]]).min(dim=0, keepdim=True)
    assert (named.values.tolist(), named.indices.tolist()) == ([[1, 2]], [[0, 1]])


def test_max_with_dim_gives_the_same_with_and_without_gradient() -> None:
    array = np.random.default_rng(0).integers(0, 3, (4, 5, 6)).astype("float32")
    for dim in (0, 1, -1):
        for keepdim in (False, True):
            tracked = tracegraph.tensor(array, requires_grad=True).max(dim, keepdim)
            plain = tracegraph.tensor(array).max(dim, keepdim)
            assert tracked.values.requires_grad
            assert not plain.values.requires_grad
            for mine, other in zip(tracked, plain, strict=True):
                np.testing.assert_array_equal(mine.detach().numpy(), other.numpy())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.amax(), ShapeError, r"amax: nothing to choose from along dim 0 of a tensor of shape \(0, 3\)"),
        (lambda x: x.max(0), DimensionError, "argmax: nothing to choose from along dim 0"),
        (lambda x: x.max("a"), ArgumentTypeError, "max: dim must be an int, got str"),
        (lambda x: x.argmax((0, 1)), ArgumentTypeError, "argmax: dim must be an int, got tuple"),
    ],
)
def test_errors_say_what_is_wrong(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(tracegraph.tensor(np.ones((0, 3), "float32")))
