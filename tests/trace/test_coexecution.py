"""Functions that need Python on each call: it runs as always, and its operations come from native code in stretches."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.watching import is_same
from tracegraph.trace import TracedFunction, trace

pytestmark = pytest.mark.usefixtures("matched_always")

KEPT: list[Any] = []


def ramp(*shape: int, start: float = 0) -> Any:
    """Consecutive numbers, in memory of the library's own."""
    return tg.arange(int(np.prod(shape))).float().reshape(shape).clone() + start


def coexecuted(function: Callable[..., Any], *, calls: int = 6, native: bool = True) -> TracedFunction[..., Any]:
    """Call a function of a tensor plain and traced, with other numbers each time; all that is seen must be the same.

    Args:
        function: what to call; what it puts into `KEPT` is compared, too.
        calls: how often.
        native: whether stretches of the last call must have come from native code.
    """
    traced = trace(function)
    before = 0
    for turn in range(calls):
        seen = []
        for run in (function, traced):
            KEPT.clear()
            x = ramp(2, 3, start=turn) / 4
            seen.append((run(x), list(KEPT), x))
            before = traced.trie.native_flushes if run is function else before
        is_same(*seen)
    assert traced.verdict == "co-executed"
    assert (traced.trie.native_flushes > before) is native
    return traced


def shift(x: Any) -> Any:
    """Enough for a piece of native code."""
    return (x * 2 + 1).tanh() - x


def test_prints_are_made_once_and_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    @trace
    def f(x: Any) -> Any:
        print("first")
        y = shift(x)
        print(round(y.sum().item(), 3))
        y = shift(y)
        print("last", y.shape)
        return y

    for turn in range(6):
        x = ramp(3, start=turn)
        y = shift(x)
        is_same(shift(y), f(x))
        assert capsys.readouterr().out == f"first\n{round(y.sum().item(), 3)}\nlast (3,)\n"
    assert f.trie.native_flushes > 0


def appends(x: Any) -> Any:
    y = shift(x)
    KEPT.append(y.sum().item())
    z = shift(y)
    KEPT.append(tuple(z.shape))
    KEPT.append(z.tolist())
    return z * 2 + y


def changes_in_between(x: Any) -> Any:
    y = shift(x)
    value = y[0, 0].item()
    x.mul_(2)
    x[1] += value
    y.add_(x).clamp_(max=5)
    KEPT.append(x.sum().item())
    return y.exp().sqrt() + 1


def decides_and_keeps(x: Any) -> Any:
    y = shift(x)
    KEPT.append(1)
    if y.sum() > 0:
        y = y * 3 - 1
        KEPT.append(y.mean().item())
    return shift(y)


def writes_to_what_is_older(x: Any) -> Any:
    y = shift(x)
    KEPT.append(y.sum().item())
    y.mul_(2).add_(x).mul_(y)
    KEPT.append(y.tolist())
    y.add_(shift(y))
    return y


@pytest.mark.parametrize("function", [appends, changes_in_between, decides_and_keeps, writes_to_what_is_older])
def test_effects_in_the_middle(function: Callable[[Any], Any]) -> None:
    traced = coexecuted(function)
    assert traced.trie.segments


class Holder:
    value: Any = None


HOLDER = Holder()


def held_by_a_list(x: Any) -> Any:
    y = shift(x)
    KEPT.append(y)
    return shift(y)


def held_by_a_closure(x: Any) -> Any:
    y = shift(x)
    KEPT.append((lambda: y)())

    def call() -> Any:
        return y + 1

    z = shift(y)
    KEPT.append(z.sum().item())
    return call(), z


def held_by_an_attribute(x: Any) -> Any:
    HOLDER.value = shift(x)
    HOLDER.value.unused = [HOLDER.value]
    z = shift(HOLDER.value)
    KEPT.append(HOLDER.value.sum().item())
    return z


def held_by_a_view(x: Any) -> Any:
    y = shift(x)
    KEPT.append(y[0])
    KEPT.append(y.T)
    del y
    return shift(x) + 1


def held_by_memory(x: Any) -> Any:
    y = shift(x)
    KEPT.append(y.numpy())
    z = y * 3 - 2
    y += 1
    return z.exp() + y


def held_by_an_exception(x: Any) -> Any:
    def fails(y: Any) -> None:
        z = shift(y)
        raise KeyError(z, y * 2)

    try:
        fails(x + 1)
    except KeyError as error:
        KEPT.extend(error.args)
    return shift(x)


def held_by_the_tape(x: Any) -> Any:
    w = (x + 1).detach().requires_grad_()
    loss = (shift(w) * w).exp().sum()
    KEPT.append(loss.item())
    loss.backward()
    return w.grad


def held_by_a_generator(x: Any) -> Any:
    def produce() -> Any:
        y = x
        for _ in range(3):
            y = shift(y)
            yield y

    steps = produce()
    first = next(steps)
    KEPT.append(first.sum().item())
    return [*steps, first]


HOLDING = [
    held_by_a_list, held_by_a_closure, held_by_an_attribute, held_by_a_view, held_by_memory, held_by_an_exception,
    held_by_the_tape, held_by_a_generator,
]  # fmt: skip


@pytest.mark.parametrize("function", HOLDING)
def test_results_that_someone_holds_are_filled(function: Callable[[Any], Any]) -> None:
    coexecuted(function)
    if function is held_by_an_attribute:
        assert np.isfinite(HOLDER.value._data).all()
        HOLDER.value = None
