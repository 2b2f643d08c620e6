"""Operations of many kinds in traced functions, with the memory layout of their results."""
# ruff: noqa: B023 - the lambdas run before the loop goes on

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.differential import Scenario, outcome, same
from tests.trace.test_arguments import ramp

Wrap = Callable[[Any], Any]
SCENARIOS: list[Scenario] = []


def scenario(run: Scenario) -> Scenario:
    """Enter a scenario in the list."""
    SCENARIOS.append(run)
    return run


@scenario
def scatter_ops(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any, i: Any, v: Any) -> Any:
        y = x.clone()
        y[i] = v
        z = x.index_add(0, i, v)
        return y, z, x[i].sum(0)

    for i in ([0, 1], [1, 1], [2, -1], [0, 5], [0, 2]):
        yield outcome(lambda: f(ramp(3, 2), tg.tensor(i), ramp(2, 2)))


@scenario
def sort_topk(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        return tg.sort(x, dim=1), tg.topk(x, 2), x.max(1), x.argmax(), x.median(), x.cumsum(0), x.std()

    for i in range(3):
        yield f(tg.from_numpy(np.random.default_rng(i).standard_normal((3, 4)).astype(np.float32)))


@scenario
def einsum_etc(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(a: Any, b: Any) -> Any:
        return (
            tg.einsum("ij,kj->ik", a, b),
            tg.softmax(a, dim=1),
            tg.logsumexp(b, 0),
            tg.where(a > 1, a, -a),
            tg.cat([a, b]),
            tg.stack([a, b], 1),
            a.split(1),
            tg.meshgrid(a[0], b[0], indexing="ij"),
        )

    for i in range(3):
        yield f(ramp(2, 3, start=i), ramp(2, 3))


@scenario
def many_dtypes(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        return (
            x.to(tg.float64) * 2,
            x.to(tg.int32) // 2,
            x.to(tg.uint8),
            x.to(tg.bool),
            x.to(tg.float16) + 1,
            x.long() % 3,
        )

    for i in range(3):
        yield f(ramp(4, start=i))


@scenario
def inplace_ops_all(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        x.clamp_(0, 5).sqrt_().sub_(1).div_(2).neg_().fill_(3)
        x[1:].zero_()
        x.copy_(x * 2)
        return x

    for i in range(3):
        x = ramp(4, start=i)
        yield outcome(lambda: f(x)), x


@scenario
def pow_neg(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any, k: Any) -> Any:
        return x**k, k**x, x // 2.5, x % -3

    for k in (2, -1, 0.5, 0, 3.0):
        yield (
            outcome(lambda: f(ramp(4, start=1), k)),
            outcome(lambda: f(ramp(4, start=1, dtype=np.int64), k)),
            outcome(lambda: f(ramp(4, start=1), k)),
        )


@scenario
def closures_over_results(wrap: Wrap) -> Iterator[Any]:
    hold: list[Any] = []

    @wrap
    def f(x: Any) -> Any:
        return x + 1

    @wrap
    def g(y: Any) -> Any:
        return hold[0] * y

    for i in range(4):
        hold[:] = [f(ramp(3, start=i))]
        yield g(ramp(3))


@scenario
def detach_share_then_write(wrap: Wrap) -> Iterator[Any]:
    w = ramp(3)

    @wrap
    def f() -> Any:
        return w.detach(), w[1:], w.view(3, 1)

    for _ in range(3):
        r = f()
        r[0].add_(1)
        r[1].mul_(2)
        r[2].sub_(1)
        yield r, w


@scenario
def expanded_outputs(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        return x.expand(3, 3), tg.broadcast_to(x, (2, 3)), (x + 1).expand(2, 3)

    for i in range(3):
        r = f(ramp(3, start=i))
        yield r, [v.stride() for v in r], outcome(lambda: r[0].add_(1))[:2]


@scenario
def strides_of_results(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        return (
            (x + 1).T,
            (x * 2).permute(1, 0) + 1,
            x.T.contiguous() if hasattr(x, "contiguous") else x,
            x.T.clone(),
            x.T * 1,
        )

    for _ in range(3):
        for x in (ramp(2, 3), ramp(3, 2).T):
            r = f(x)
            yield r, [v.is_contiguous() for v in r], [v.stride() for v in r]


@pytest.mark.parametrize("run", SCENARIOS)
def test_traced_is_as_plain(run: Scenario) -> None:
    same(run)
