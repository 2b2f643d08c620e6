"""Creation functions: values, dtypes, shapes, errors as PyTorch's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.views_oracle import same, torch
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, DTypeError

pytestmark = pytest.mark.oracle

CALLS: dict[str, Callable[[Any], Any]] = {
    "zeros": lambda m: m.zeros(2, 3),
    "zeros tuple": lambda m: m.zeros((2, 3)),
    "zeros list": lambda m: m.zeros([2]),
    "zeros 0-d": lambda m: m.zeros(()),
    "zeros empty": lambda m: m.zeros(0, 2, dtype=m.int64),
    "zeros negative": lambda m: m.zeros(-1),
    "zeros float size": lambda m: m.zeros(1.5),
    "zeros bool": lambda m: m.zeros(2, dtype=m.bool),
    "zeros grad": lambda m: m.zeros(2, requires_grad=True),
    "zeros int grad": lambda m: m.zeros(2, dtype=m.int64, requires_grad=True),
    "ones": lambda m: m.ones(2, dtype=m.float64),
    "ones uint8": lambda m: m.ones(3, 1, dtype=m.uint8),
    "full int": lambda m: m.full((2, 2), 7),
    "full float": lambda m: m.full((2,), 1.5),
    "full bool": lambda m: m.full((2,), True),
    "full dtype": lambda m: m.full((2,), 2.7, dtype=m.int32),
    "full inf": lambda m: m.full((2,), -float("inf")),
    "full nan": lambda m: m.full((), float("nan")),
    "full -0.0": lambda m: 1 / m.full((1,), -0.0),
    "full 0.0": lambda m: 1 / m.full((1,), 0.0),
    "eye": lambda m: m.eye(3),
    "eye wide": lambda m: m.eye(2, 4, dtype=m.int64),
    "eye negative": lambda m: m.eye(-1),
    "arange": lambda m: m.arange(5),
    "arange from": lambda m: m.arange(2, 9),
    "arange step": lambda m: m.arange(2, 9, 3),
    "arange back": lambda m: m.arange(5, 0, -2),
    "arange none": lambda m: m.arange(3, 3),
    "arange float": lambda m: m.arange(0.0, 1.0, 0.1),
    "arange float end": lambda m: m.arange(2.5),
    "arange float32 steps": lambda m: m.arange(0, 100, 0.3),
    "arange dtype": lambda m: m.arange(0, 3, 0.5, dtype=m.float64),
    "arange int as float": lambda m: m.arange(4, dtype=m.float32),
    "arange float as int": lambda m: m.arange(0.0, 5.0, 2.0, dtype=m.int64),
    "arange 0": lambda m: m.arange(0, 3, 0),
    "arange away": lambda m: m.arange(0, 3, -1),
    "arange grad": lambda m: m.arange(3.0, requires_grad=True),
    "linspace": lambda m: m.linspace(0, 1, 11),
    "linspace back": lambda m: m.linspace(3, -2.5, 7, dtype=m.float64),
    "linspace one": lambda m: m.linspace(3, 5, 1),
    "linspace none": lambda m: m.linspace(3, 5, 0),
    "linspace negative": lambda m: m.linspace(3, 5, -1),
    "linspace int": lambda m: m.linspace(0, 10, 5, dtype=m.int64),
    "logspace": lambda m: m.logspace(-1, 2, 4),
    "logspace base": lambda m: m.logspace(0, 3, 4, base=2.0, dtype=m.float64),
    "zeros_like": lambda m: m.zeros_like(m.ones(2, 3, dtype=m.int32)),
    "ones_like": lambda m: m.ones_like(m.zeros(2), dtype=m.float64),
    "full_like": lambda m: m.full_like(m.zeros(2, dtype=m.int64), 3),
    "full_like grad": lambda m: m.full_like(m.zeros(2), 3, requires_grad=True),
    "new_zeros": lambda m: m.ones(1, dtype=m.int64).new_zeros(2, 3),
    "new_ones": lambda m: m.zeros(1, dtype=m.float64).new_ones((2,)),
    "new_full": lambda m: m.zeros(1).new_full((2,), 3),
    "new_tensor": lambda m: m.zeros(1, dtype=m.float64).new_tensor([1, 2]),
    "as_tensor": lambda m: m.as_tensor([1, 2]),
    "as_tensor dtype": lambda m: m.as_tensor([[1, 2]], dtype=m.float64),
    "asarray": lambda m: m.asarray([1.5, 2.0]),
    "from_numpy": lambda m: m.from_numpy(np.arange(3, dtype=np.int32)),
    "tril_indices": lambda m: m.tril_indices(3, 4, 1),
    "triu_indices": lambda m: m.triu_indices(3, 4, -1),
    "other device": lambda m: m.zeros(2, device="nowhere"),
}


@pytest.mark.parametrize("name", CALLS)
def test_like_pytorch(name: str) -> None:
    call = CALLS[name]
    try:
        expected = call(torch)
    except (RuntimeError, TypeError, ValueError):
        with pytest.raises((RuntimeError, TypeError, ValueError)):
            call(tracegraph)
        return
    result = call(tracegraph)
    same(result, expected)
    assert result.requires_grad == expected.requires_grad


def test_empty_is_zero_and_has_the_shape_asked_for() -> None:
    assert tracegraph.empty(2, 3).tolist() == [[0.0] * 3] * 2
    assert tracegraph.empty_like(tracegraph.ones(2, dtype=tracegraph.int64)).tolist() == [0, 0]
    assert tracegraph.ones(2).new_empty(3).shape == (3,)


def test_created_tensors_do_not_share_memory() -> None:
    first, second = tracegraph.zeros(2), tracegraph.zeros(2)
    first[0] = 5.0
    assert second.tolist() == [0, 0]


def test_from_numpy_shares_memory_in_both_directions() -> None:
    array = np.zeros(3)
    x = tracegraph.from_numpy(array)
    x[1] = 4.0
    array[2] = 5.0
    assert x.tolist() == [0, 4, 5]
    assert array.tolist() == [0, 4, 5]
    with pytest.raises(ArgumentTypeError, match="list"):
        tracegraph.from_numpy([1, 2])  # type: ignore[arg-type]
    with pytest.raises(DTypeError, match="complex"):
        tracegraph.from_numpy(np.zeros(2, complex))


def test_as_tensor_and_asarray_share_where_they_can() -> None:
    array = np.zeros(3, np.float32)
    x = tracegraph.as_tensor(array)
    assert x._data is array
    assert tracegraph.as_tensor(x) is x
    assert tracegraph.asarray(array, copy=False)._data is array
    assert not np.may_share_memory(tracegraph.asarray(array, copy=True)._data, array)
    with pytest.raises(ArgumentError, match="copy"):
        tracegraph.asarray([1, 2], copy=False)


def test_full_of_a_tensor() -> None:
    value = tracegraph.tensor(3.0, requires_grad=True)
    x = tracegraph.full((2, 2), value)
    tracegraph.autograd.backward(x.sum())
    assert x.tolist() == [[3, 3], [3, 3]]
    assert value.grad is not None
    assert value.grad.item() == 4
