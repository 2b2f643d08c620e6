"""Corners of gradients: hooks, identity, clipping, leaves made in the call."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tracegraph as tg
from tests.trace.differential import Scenario, same
from tests.trace.test_arguments import ramp
from tests.trace.test_gradients import leaf
from tracegraph.autograd import backward, grad

Wrap = Callable[[Any], Any]
SCENARIOS: list[Scenario] = []


def scenario(run: Scenario) -> Scenario:
    """Enter a scenario in the list."""
    SCENARIOS.append(run)
    return run


@scenario
def grad_is_none_check(wrap: Wrap) -> Iterator[Any]:
    w = leaf(3)

    @wrap
    def f(x: Any) -> Any:
        if w.grad is None:
            return x + 1
        return x + w.grad

    for i in range(4):
        yield f(ramp(3))
        w.grad = ramp(3, start=i) if i % 2 == 0 else None
        yield f(ramp(3))


@scenario
def grad_fn_check(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        return x * 2 if x.grad_fn is None else x * 3

    for x in (leaf(3), leaf(3) + 0, ramp(3), leaf(3) * 2):
        yield f(x)


@scenario
def hooks_inside(wrap: Wrap) -> Iterator[Any]:
    w = leaf(3)

    @wrap
    def f(x: Any) -> Any:
        y = w * x
        y.register_hook(lambda g: g * 10)
        backward(y.sum())

    for i in range(3):
        f(ramp(3, start=i))
        yield w


@scenario
def hook_outer(wrap: Wrap) -> Iterator[Any]:
    w = leaf(3)

    @wrap
    def f(x: Any) -> Any:
        return (w * x).sum()

    for _ in range(3):
        backward(f(ramp(3)))
        yield w
    h = w.register_hook(lambda g: g * 10)
    for _ in range(3):
        backward(f(ramp(3)))
        yield w
    h.remove()
    for _ in range(2):
        backward(f(ramp(3)))
        yield w


@scenario
def hook_on_result(wrap: Wrap) -> Iterator[Any]:
    w = leaf(3)

    @wrap
    def f(x: Any) -> Any:
        return w * x

    for _ in range(3):
        y = f(ramp(3))
        y.register_hook(lambda g: g * 3)
        backward(y.sum())
        yield w


@scenario
def arg_leaf_same_as_captured_grad(wrap: Wrap) -> Iterator[Any]:
    w = leaf(3)

    @wrap
    def f(x: Any) -> Any:
        return (w * x).sum()

    for _ in range(3):
        backward(f(w))
        yield w
        backward(f(leaf(3)))
        yield w


@scenario
def clip_grad(wrap: Wrap) -> Iterator[Any]:
    ps = [leaf(3), leaf(2, 2)]

    @wrap
    def f(x: Any) -> Any:
        for p in ps:
            p.grad = None
        backward((ps[0] * x).sum() + (ps[1] ** 2).sum())
        total = sum((p.grad**2).sum() for p in ps).sqrt()
        scale = (1.0 / (total + 1e-6)).clamp(max=1.0)
        with tg.no_grad():
            for p in ps:
                p.grad.mul_(scale)
                p.sub_(p.grad * 0.1)
        return total

    for i in range(3):
        yield f(ramp(3, start=i)), ps


@scenario
def retain(wrap: Wrap) -> Iterator[Any]:
    w = leaf(3)

    @wrap
    def f(x: Any) -> Any:
        y = w * x
        y.retain_grad()
        backward(y.sum())
        return y.grad, y

    for i in range(3):
        yield f(ramp(3, start=i)), w


@scenario
def leaf_made_inside(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        w = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
        backward((w * w * x).sum())
        return w, w.grad

    for i in range(3):
        w, g = f(ramp(3, start=i))
        yield w, g, w.grad is g


@scenario
def returned_leaf_used_later(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        return (x + 1).requires_grad_()

    for _ in range(3):
        y = f(ramp(3))
        backward((y * y).sum())
        yield y, y.grad


@scenario
def grad_arg_list(wrap: Wrap) -> Iterator[Any]:
    ws = [leaf(2), leaf(2)]

    @wrap
    def f(x: Any) -> Any:
        return grad((ws[0] * ws[1] * x).sum(), ws)

    for i in range(3):
        yield f(ramp(2, start=i)), ws


@scenario
def grad_strides(wrap: Wrap) -> Iterator[Any]:
    w = leaf(3, 4)
    v = leaf(4, 3)

    @wrap
    def f(x: Any) -> Any:
        return (x @ w.T + 1).T * v[:3, :2]

    @wrap
    def g(x: Any) -> Any:
        w.grad = None
        backward((x @ w.T).sum())
        return w.grad

    for i in range(3):
        for p in (w, v):
            p.grad = None
        y = f(ramp(2, 4, start=i))
        backward(y.sum())
        yield w, v, w.grad.stride(), v.grad.stride(), y.stride(), y.reshape(-1)
        r = g(ramp(2, 4))
        yield r, r.stride()
        z = f(ramp(2, 4)).detach()
        z2 = z.reshape(-1)
        z2.add_(1)
        yield z


@pytest.mark.parametrize("run", SCENARIOS)
def test_traced_is_as_plain(run: Scenario) -> None:
    same(run)
