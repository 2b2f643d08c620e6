"""Tensors print as in PyTorch, whatever the options; only `torch.` in front of a dtype is not there."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph.runtime.errors import ArgumentError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

NAN, INF = float("nan"), float("inf")
SHAPES: tuple[tuple[int, ...], ...] = (
    (), (1,), (3,), (2, 3), (2, 3, 4), (0,), (2, 0), (1200,), (40, 50), (3, 2, 2, 3), (2, 1000), (20,), (7, 100),
)  # fmt: skip
VALUES: tuple[list[float], ...] = (
    [1, 2], [1.5, NAN], [INF, -1], [1e10, 1], [1e-5, 1], [0, 0], [1e9], [1e3, 1.5], [1, 1001], [123456, 2.5], [-0.0, 1],
    [NAN], [1e-8, 1e-7], [1000, -2000000], [0.1, 200.25], [1e30], [0, 1e-5], [INF, NAN, 0], [999.5, 1],
)  # fmt: skip
OPTIONS: tuple[dict[str, Any], ...] = (
    {}, {"precision": 2}, {"threshold": 5, "edgeitems": 1}, {"linewidth": 30}, {"sci_mode": True}, {"sci_mode": False},
    {"profile": "short"}, {"profile": "full"}, {"edgeitems": 0, "threshold": 3}, {"profile": "short", "precision": 3},
)  # fmt: skip


def _arrays() -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64", "float16", "int64", "int32", "uint8", "bool"):
        for shape in SHAPES:
            yield np.asarray(rng.normal(size=shape) * 5).astype(dtype)
    for values in VALUES:
        yield np.array(values, np.float32)
        yield np.array(values, np.float64)


@pytest.fixture(autouse=True)
def _usual_options() -> Iterator[None]:
    yield
    for library in (torch, tracegraph):
        library.set_printoptions(profile="default")


@pytest.mark.parametrize("options", OPTIONS, ids=[str(options) or "usual" for options in OPTIONS])
def test_prints_as_pytorch_prints(options: dict[str, Any]) -> None:
    for library in (torch, tracegraph):
        library.set_printoptions(profile="default")
        library.set_printoptions(**options)
    for array in _arrays():
        for requires_grad in (False, True) if array.dtype.kind == "f" else (False,):
            ours = repr(tracegraph.tensor(array, requires_grad=requires_grad))
            theirs = repr(torch.tensor(array, requires_grad=requires_grad)).replace("torch.", "")
            if "dtype" in theirs:  # the shorter name of a dtype may stand in the line before
                ours, theirs = (re.sub(r"\s+", " ", text) for text in (ours, theirs))
            assert ours == theirs


def test_default_dtype_is_not_named() -> None:
    assert repr(tracegraph.zeros(2)) == "tensor([0., 0.])"
    assert "dtype=float64" in repr(tracegraph.zeros(2, dtype=tracegraph.float64))


def test_options_are_refused_and_told() -> None:
    with pytest.raises(ArgumentError, match="profile"):
        tracegraph.set_printoptions(profile="loud")
    tracegraph.set_printoptions(precision=7)
    assert tracegraph.get_printoptions().precision == 7
    assert repr(tracegraph.tensor(0.5)) == "tensor(0.5000000)"


@pytest.mark.parametrize("specification", ["", ".2f", "8.1e", "d"])
def test_format_of_numbers(specification: str) -> None:
    for value in (1.5, 3):
        outcomes: list[Any] = []
        for library in (tracegraph, torch):
            try:
                outcomes.append(format(library.tensor(value), specification))
            except ValueError:
                outcomes.append(ValueError)
        assert outcomes[0] == outcomes[1]
    with pytest.raises(TypeError):
        format(tracegraph.zeros(2), ".2f")
    assert f"{tracegraph.zeros(2)}" == "tensor([0., 0.])"
