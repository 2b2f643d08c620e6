"""`squeeze_`, `t_` and the others give a tensor another shape in place: values, memory and gradients as in PyTorch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph.runtime.errors import GradientError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

CHANGES: dict[str, Callable[[Any], Any]] = {
    "squeeze_": lambda x: x.squeeze_(),
    "squeeze_ dim": lambda x: x.squeeze_(0),
    "unsqueeze_": lambda x: x.unsqueeze_(-1),
    "t_": lambda x: x.squeeze_().t_(),
    "transpose_": lambda x: x.transpose_(0, 2),
    "swapaxes_": lambda x: x.swapaxes_(1, -1),
    "swapdims_": lambda x: x.swapdims_(0, 1),
}


def _weights(library: Any, shape: Any) -> Any:
    count = int(np.prod(shape))
    return library.arange(count, dtype=library.float32).reshape(tuple(shape)) + 1


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("of_view", [False, True])
def test_values_memory_and_gradients(name: str, of_view: bool) -> None:
    found = []
    for library in (tracegraph, torch):
        leaf = library.ones(4, 1, 2, 3, requires_grad=True)
        whole = leaf * 2
        x = whole[1] if of_view else whole[1].clone()
        assert CHANGES[name](x) is x
        x.mul_(_weights(library, x.shape))
        total = (whole * _weights(library, whole.shape)).sum() + (x * x).sum()
        total.backward()
        found.append((tuple(x.shape), x.detach().numpy(), whole.detach().numpy(), leaf.grad.numpy()))
    (shape, x, whole, gradient), expected = found
    assert shape == expected[0]
    for mine, yours in zip((x, whole, gradient), expected[1:], strict=True):
        np.testing.assert_allclose(mine, yours)


def test_memory_stays_shared() -> None:
    x = tracegraph.zeros(2, 3)
    row, address = x[0], x.data_ptr()
    x.t_()
    row.add_(1)
    x[2, 1] = 7
    assert x.data_ptr() == address
    assert x.tolist() == [[1, 0], [1, 0], [1, 7]]
    assert row.tolist() == [1, 1, 1]


def test_what_cannot_be_right_is_refused() -> None:
    leaf = tracegraph.ones(2, 2, requires_grad=True)
    with pytest.raises(GradientError, match="leaf"):
        leaf.t_()
    x = leaf * 2
    row = x[0]
    x.t_()
    with pytest.raises(GradientError, match="shape was changed"):
        row.mul_(3)


def test_traced_functions_are_right() -> None:
    @tracegraph.trace
    def change(x: Any, outer: Any) -> Any:
        y = x * 2
        y.t_().add_(1)
        outer.unsqueeze_(0)
        return y, y.sum()

    for _ in range(3):
        outer = tracegraph.zeros(2)
        y, total = change(tracegraph.ones(2, 3), outer)
        assert (y.shape, total.item(), outer.shape) == ((3, 2), 18, (1, 2))
    assert "shape of a tensor in place" in str(change.explain())
