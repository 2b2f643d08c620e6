"""A trace keeps none of the tensors of the call it was recorded from, except captured ones."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from tests.trace.test_arguments import ramp
from tests.trace.test_gradients import leaf
from tracegraph.autograd import backward
from tracegraph.trace import trace

WEIGHT = leaf(3)


def through(x: Any) -> Any:
    return (x * WEIGHT).exp().sum()


def inside(x: Any) -> Any:
    WEIGHT.grad = None
    loss = (x * WEIGHT).exp().sum()
    backward(loss)
    return loss.detach()


def in_place(x: Any) -> Any:
    return x.add_(1) * 2


@pytest.mark.parametrize("function", [through, inside, in_place])
def test_arguments_and_results_are_let_go(function: Callable[[Any], Any]) -> None:
    traced = trace(function)
    for _ in range(3):
        x = ramp(3)
        result = traced(x)
        held = [weakref.ref(value) for value in (x, x._data, result, result._data)]
        del x, result
        gc.collect()
        assert not any(reference() is not None for reference in held)
    assert traced.entries[0].hits == 2
