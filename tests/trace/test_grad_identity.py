"""Gradients that are also arguments, captured tensors, views or another tensor's gradient."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.trace.differential import same
from tests.trace.test_arguments import ramp
from tests.trace.test_gradients import leaf
from tracegraph.autograd import backward

Wrap = Callable[[Any], Any]


@pytest.mark.parametrize("together_first", [False, True])
def test_a_gradient_that_is_also_an_argument(together_first: bool) -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w = leaf(3)

        @wrap
        def f(x: Any) -> Any:
            w.grad.mul_(2)
            return x + w.grad.flip(0)

        for number in range(6):
            w.grad = ramp(3, start=number)
            yield f(w.grad if (number % 3 == 0) is together_first else ramp(3)), w
            yield f(w.grad[:]), w

    same(scenario)


def test_a_gradient_that_is_also_captured() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w, held = leaf(3), ramp(3, start=7)

        @wrap
        def f() -> Any:
            w.grad.add_(1)
            return held * 2

        for number in range(6):
            w.grad = held if number in (2, 4) else ramp(3, start=number)
            yield f(), w, held

    same(scenario)


def test_gradients_exchanged() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        a, b = leaf(3), leaf(3)

        @wrap
        def swap() -> Any:
            a.grad, b.grad = b.grad, a.grad
            return a.grad

        @wrap
        def move() -> None:
            b.grad = a.grad
            a.grad = None

        for number in range(4):
            a.grad, b.grad = ramp(3, start=number), ramp(3, start=10)
            yield swap(), a, b
            yield swap() is a.grad, a, b
            move()
            yield a, b

    same(scenario)


def test_accumulation_into_views_and_other_dtypes() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w, flat = leaf(3), ramp(9)

        @wrap
        def f(x: Any) -> None:
            backward((w * x).sum())

        for number in range(3):
            w.grad = flat[3 * number : 3 * number + 3]
            for _ in range(2):
                f(ramp(3, start=number))
                yield w, flat
            w.grad = flat[::3]
            f(ramp(3))
            yield w, flat
            f(flat[:3])
            yield w, flat

    same(scenario)
