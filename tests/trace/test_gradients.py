"""Gradients inside of traced functions and through them."""
# ruff: noqa: B023 - the lambdas run before the loop goes on

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tracegraph as tg
from tests.trace.differential import outcome, same
from tests.trace.test_arguments import ramp
from tracegraph.autograd import backward, grad

Wrap = Callable[[Any], Any]


def leaf(*shape: int, start: float = 1) -> Any:
    """A leaf that requires grad."""
    return ramp(*shape, start=start).requires_grad_()


def test_a_whole_training_step() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w, momentum = leaf(3, 2), ramp(3, 2, start=0)

        @wrap
        def step(x: Any) -> Any:
            w.grad = None
            loss = ((x @ w) ** 2).mean()
            backward(loss)
            with tg.no_grad():
                momentum.mul_(0.9).add_(w.grad)
                w.sub_(momentum * 0.01)
            return loss.detach()

        for number in range(4):
            yield step(ramp(4, 3, start=number) / 10), w, momentum

    same(scenario, hits=3)


def test_accumulation_into_grad() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w = leaf(3)

        @wrap
        def f(x: Any) -> Any:
            backward((w * x).sum())

        for number in range(3):
            f(ramp(3, start=number))
            yield w
        w.grad.zero_()
        for number in range(3):
            f(ramp(3, start=number))
            yield w
        w.grad = None
        f(ramp(3))
        yield w
        w.grad = ramp(6)[::2]
        f(ramp(3))
        yield w
        held = w.grad
        f(ramp(3))
        yield w, held, held is w.grad

    same(scenario, hits=3)


def test_grads_of_arguments_inside() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any, y: Any) -> Any:
            backward((x * y).sum())
            return x.grad + 1

        a, b, c = leaf(3), leaf(3, start=5), leaf(3, start=7)
        c.grad = ramp(3, start=50)
        yield f(a, b), a, b
        yield f(leaf(3), leaf(3)), a, b
        yield f(leaf(3), c), c, a, b
        yield f(leaf(3), c), c, a, b
        yield f(a, b), a, b
        d = leaf(3)
        yield f(d, d), d
        yield f(d, d), d

    same(scenario)


def test_grad_read_and_removed() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w = leaf(3)

        @wrap
        def f() -> Any:
            g = w.grad
            w.grad = None
            return g * 2, g

        for number in range(3):
            w.grad = ramp(3, start=number)
            yield f(), w

    same(scenario)


def test_two_parameters_share_one_grad_tensor() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        a, b = leaf(3), leaf(3)

        @wrap
        def f() -> None:
            a.grad.mul_(2)
            b.grad.add_(1)

        for number in range(4):
            a.grad, b.grad = ramp(3), ramp(3)
            f()
            yield a, b
            a.grad = b.grad = ramp(3, start=number)
            f()
            yield a, b

    same(scenario)


def test_backward_through_the_call() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w = leaf(3)

        @wrap
        def f(x: Any) -> Any:
            return ((x * w).exp() * x).sum()

        for number in range(4):
            x = leaf(3, start=number)
            loss = f(x / 10)
            yield loss
            backward(loss * 2)
            yield x, w
            yield outcome(lambda: backward(loss))[:2]
        loss = f(ramp(3))
        backward(loss, retain_graph=True)
        backward(loss, retain_graph=True)
        yield w
        yield grad(loss, [w])
        yield outcome(lambda: backward(loss))[:2]

    same(scenario, hits=3)


def test_several_outputs_in_any_order() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w, v = leaf(3), leaf(3)

        @wrap
        def apart(x: Any) -> Any:
            return (w * x).sum(), (v * x * v).sum(), x + 1

        @wrap
        def together(x: Any) -> Any:
            h = (w * x).exp()
            return h.sum(), (h * v).sum(), h

        for function in (apart, together):
            for number in range(2):
                for order in ([0], [1], [0, 1], [1, 0], [1, 1]):
                    results = function(ramp(3, start=number) / 10)
                    yield [outcome(functools.partial(backward, results[n]))[:2] for n in order]
                    yield w, v
            results = function(ramp(3))
            backward(results[0] + results[1])
            yield w, v

    same(scenario)


def test_an_unused_output_is_no_zero() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w = leaf(3, start=0)

        @wrap
        def f(x: Any) -> Any:
            h = w * x
            return h.sum(), h.log().sum()

        for _ in range(3):
            w.grad = None
            first, _second = f(ramp(3))
            backward(first)
            yield w

    same(scenario)


def test_inputs_modified_between_forward_and_backward() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w, k = leaf(3), ramp(3)

        @wrap
        def f(x: Any) -> Any:
            return (w * x * k).sum()

        for number in range(3):
            x = ramp(3, start=number)
            loss = f(x)
            x.add_(1)
            yield outcome(lambda: backward(loss))[:2]
            loss = f(x)
            k.add_(1)
            yield outcome(lambda: backward(loss))[:2], w
            loss = f(x)
            with tg.no_grad():
                w.add_(1)
            yield outcome(lambda: backward(loss))[:2], w

    same(scenario)


def test_inputs_modified_inside_after_use() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w, k = leaf(3), ramp(3)

        @wrap
        def f(x: Any) -> Any:
            loss = (w * k * x).sum()
            k.add_(1)
            return loss

        for _ in range(3):
            loss = f(ramp(3))
            yield k, outcome(lambda: backward(loss))[:2], w

    same(scenario)


def test_outputs_modified_before_backward() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w = leaf(3)

        @wrap
        def f(x: Any) -> Any:
            return (w * x).exp()

        for _ in range(3):
            y = f(ramp(3) / 10)
            with tg.no_grad():
                y.add_(1)
            yield outcome(lambda: backward(y.sum()))[:2], w
            y = f(ramp(3) / 10)
            y.mul_(2)
            yield outcome(lambda: backward(y.sum()))[:2], w

    same(scenario)


def test_results_detached_or_without_gradient() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w = leaf(3)

        @wrap
        def f(x: Any) -> Any:
            y = w * x
            with tg.no_grad():
                z = y * 2
            made = (x + 1).requires_grad_()
            return y.detach(), z, made, (y > 0), y.argmax()

        for _ in range(3):
            result = f(ramp(3))
            yield result
            yield outcome(lambda: backward(result[1].sum()))[:2]

    same(scenario)


def test_gradient_through_views_and_noncontiguous_leaves() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w = tg.from_numpy(np.arange(12, dtype=np.float32).reshape(3, 4).T).requires_grad_()

        @wrap
        def f(x: Any) -> Any:
            return (w[1:] @ x.T).sum(0)

        for _ in range(3):
            x = leaf(6, 3)
            backward(f(x[::2] * 1), ramp(3))
            yield w, x
            base = leaf(3, 6)
            backward(f(base.T[::2]), ramp(3))
            yield w, base

    same(scenario)


def test_second_order_inside() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w = leaf(3)

        @wrap
        def f(x: Any) -> Any:
            (first,) = grad((w**3 * x).sum(), [w], create_graph=True)
            (second,) = grad(first.sum(), [w])
            return first.detach(), second

        for number in range(3):
            yield f(ramp(3, start=number)), w

    same(scenario, hits=2)


def test_a_graph_made_before_the_call() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w = leaf(3)

        @wrap
        def f(h: Any) -> Any:
            backward((h * 2).sum())

        @wrap
        def g(h: Any) -> Any:
            return (h * 2).sum()

        for _ in range(3):
            f(w * w)
            yield w
            backward(g(w * w))
            yield w
            h = w * w
            loss = g(h)
            backward(loss)
            yield outcome(lambda: backward(g(h)))[:2], w

    same(scenario)
