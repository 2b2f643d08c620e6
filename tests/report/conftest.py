"""A traced function with everything a report shows: kernels, a matrix product, gradients, updates."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph.trace import TracedFunction, trace


@dataclass(frozen=True)
class Example:
    """A traced function that was called, and its arguments."""

    traced: TracedFunction[..., Any]
    arguments: tuple[Any, ...]


@pytest.fixture(scope="package")
def example() -> Example:
    """A step of gradient descent on a small network."""
    generator = np.random.default_rng(0)
    first: Any = tracegraph.tensor(generator.standard_normal((6, 5)).astype("f"), requires_grad=True)
    second: Any = tracegraph.tensor(generator.standard_normal((5, 3)).astype("f"), requires_grad=True)

    def descend(images: Any, truth: Any) -> Any:
        first.grad = None
        second.grad = None
        scores = tracegraph.softmax(tracegraph.relu(images @ first) @ second, 1)
        loss = ((scores - truth) ** 2).sum()
        loss.backward()
        with tracegraph.no_grad():
            first.add_(first.grad * -0.1)
            second.add_(second.grad * -0.1)
        return loss

    traced = trace(descend)
    arguments = (tracegraph.ones(4, 6), tracegraph.zeros(4, 3))
    for _ in range(2):
        traced(*arguments)
    assert traced.entries, traced.explain()
    return Example(traced, arguments)


@pytest.fixture
def plain() -> Example:
    """A function that cannot be replayed."""

    def reads(x: Any) -> float:
        return float(x.sum()) + 1.0

    traced = trace(reads)
    arguments = (tracegraph.ones(2),)
    traced(*arguments)
    return Example(traced, arguments)
