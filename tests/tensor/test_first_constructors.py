"""`Tensor` and `FloatTensor` as constructors, in-place functions, constants, arrays given for tensors: as PyTorch's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
import tracegraph.nn.functional

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

MADE: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda m: m.Tensor(),
    "sizes": lambda m: m.Tensor(2, 3).zero_(),
    "one size": lambda m: m.Tensor(3).zero_(),
    "list": lambda m: m.Tensor([1, 2]),
    "nested": lambda m: m.Tensor([[1, 2.5], [3, 4]]),
    "tuple": lambda m: m.Tensor((2, 3)),
    "empty list": lambda m: m.Tensor([]),
    "tensor": lambda m: m.Tensor(m.tensor([1.0, 2.0])),
    "integer tensor": lambda m: m.Tensor(m.arange(3)),
    "LongTensor": lambda m: m.LongTensor([[1, 2]]),
    "FloatTensor": lambda m: m.FloatTensor([1, 2]),
    "FloatTensor of an array": lambda m: m.FloatTensor(np.ones(2)),
    "DoubleTensor": lambda m: m.DoubleTensor([1, 2]),
    "HalfTensor": lambda m: m.HalfTensor([1, 2]),
    "ByteTensor": lambda m: m.ByteTensor([1, 2]),
    "CharTensor": lambda m: m.CharTensor([1, 2]),
    "ShortTensor": lambda m: m.ShortTensor([1, 2]),
    "IntTensor": lambda m: m.IntTensor([1, 2]),
    "BoolTensor": lambda m: m.BoolTensor([True, False]),
    "sizes of integers": lambda m: m.LongTensor(2, 1).zero_(),
    "type": lambda m: m.tensor([1.5, 2.0]).type(m.LongTensor),
}


@pytest.mark.parametrize("name", MADE)
def test_constructors(name: str) -> None:
    """Values and dtypes equal PyTorch's."""
    ours, theirs = MADE[name](tracegraph).numpy(), MADE[name](torch).numpy()
    np.testing.assert_array_equal(ours, theirs, strict=True)


def test_memory_and_kinds() -> None:
    """A tensor and an array are shared; `isinstance` tells dtypes apart; the default dtype is followed."""
    for module in (tracegraph, torch):
        x = module.ones(2)
        module.Tensor(x)[0] = 5
        assert x.tolist() == [5, 1]
        assert isinstance(x, module.FloatTensor)
        assert not isinstance(x, module.LongTensor)
        assert not isinstance(1, module.FloatTensor)
        try:
            module.set_default_dtype(module.float64)
            assert MADE["list"](module).dtype == MADE["one size"](module).dtype == module.float64
        finally:
            module.set_default_dtype(module.float32)
    array = np.ones(2)
    tracegraph.Tensor(array)[0] = 7
    assert array[0] == 7


@pytest.mark.parametrize("arguments", [(3.5,), ("ab",), ([1], [2]), (None,)])
def test_refused(arguments: Any) -> None:
    """What is neither sizes nor data is a TypeError."""
    for module in (tracegraph, torch):
        with pytest.raises(TypeError):
            module.Tensor(*arguments)
        with pytest.raises(TypeError):
            module.FloatTensor(module.arange(3))


def test_constructors_are_traced() -> None:
    """They are constants of the graph."""

    def weighted(x: Any) -> Any:
        return x * tracegraph.Tensor([1, 2]) + tracegraph.FloatTensor([3, 4]) + tracegraph.Tensor(2).zero_()

    traced = tracegraph.trace(weighted)
    for scale in range(3):
        x = tracegraph.ones(2) * scale
        np.testing.assert_array_equal(traced(x).numpy(), weighted(x).numpy())
    assert traced.explain().verdict == "static"


def test_inplace_functions() -> None:
    """All that PyTorch offers as functions and we have as methods are there; they change their argument."""
    names = [name for name in dir(torch) if name.endswith("_") and name[0] != "_" and callable(getattr(torch, name))]
    assert [name for name in names if hasattr(tracegraph.Tensor, name) and not hasattr(tracegraph, name)] == []
    for module in (tracegraph, torch):
        x = module.tensor([-1.0, 4.0])
        assert module.sqrt_(module.relu_(x)) is x
        assert x.tolist() == [0.0, 2.0]


def test_constants() -> None:
    """Numbers and names of the module."""
    for name in ("inf", "pi", "e", "newaxis"):
        assert getattr(tracegraph, name) == getattr(torch, name)
    assert np.isnan(tracegraph.nan)
    assert isinstance(tracegraph.zeros(2, 3).shape, tracegraph.Size)
    assert tracegraph.zeros(2, 3).shape == tracegraph.Size([2, 3])


def test_numpy_without_grad_mode() -> None:
    """Under `no_grad`, and in a Function's forward, a tensor that requires grad becomes an array."""
    for module in (tracegraph, torch):
        x = module.ones(2, requires_grad=True)
        with module.no_grad():
            assert x.numpy().tolist() == np.asarray(x).tolist() == [1, 1]
        for convert in (lambda x: x.numpy(), np.asarray):
            with pytest.raises(RuntimeError, match="detach"):
                convert(x)


@pytest.mark.parametrize(
    "call",
    [
        lambda m, x: m.nn.functional.linear(x, m.ones(2, 3)),
        lambda m, x: m.nn.functional.conv1d(x, m.ones(1, 1, 2)),
        lambda m, x: m.nn.functional.max_pool1d(x, 2),
    ],
)
def test_arrays_are_no_tensors(call: Any) -> None:
    """A NumPy array given for a tensor is a TypeError, which says how to make one."""
    for module in (tracegraph, torch):
        with pytest.raises(TypeError):
            call(module, np.ones((1, 1, 3), np.float32))
    with pytest.raises(TypeError, match=r"ndarray, not a Tensor; make one with .*from_numpy"):
        call(tracegraph, np.ones((1, 1, 3), np.float32))
