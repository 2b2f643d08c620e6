"""Corners of Python and of tensors, each as a scenario that is run plain and traced."""
# ruff: noqa: B023 - the lambdas run before the loop goes on

import collections
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.differential import Scenario, outcome, same
from tests.trace.test_arguments import ramp
from tests.trace.test_gradients import leaf

Wrap = Callable[[Any], Any]
SCENARIOS: list[Scenario] = []


def scenario(run: Scenario) -> Scenario:
    """Enter a scenario in the list."""
    SCENARIOS.append(run)
    return run


@scenario
def tensor_attrs(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        return x * x.stride(0) + x.numel() + int(x.is_contiguous()) + int(x.is_leaf) + int(x.requires_grad)

    for x in (ramp(3), leaf(3), leaf(3) * 1, ramp(6)[::2], ramp(3)):
        yield f(x)


@scenario
def version(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        y = x.detach()
        y.add_(1)
        return y is x, y

    for _ in range(3):
        x = ramp(3)
        yield f(x), x


@scenario
def isinstance_sub(wrap: Wrap) -> Iterator[Any]:
    class P(tg.Tensor):
        pass

    @wrap
    def f(x: Any) -> Any:
        return x * 2 if isinstance(x, P) else x * 3

    for x in (ramp(3), P(ramp(3)._data), ramp(3)):
        yield f(x)


@scenario
def dataclass_arg(wrap: Wrap) -> Iterator[Any]:
    @dataclasses.dataclass
    class D:
        a: object
        k: float

    @wrap
    def f(d: Any) -> Any:
        return D(d.a * d.k, d.k + 1)

    for i in range(3):
        r = f(D(ramp(3), i))
        yield r.a, r.k


@scenario
def mutated_list_arg(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(xs: Any) -> Any:
        xs.append(xs[0] * 2)
        return len(xs)

    xs = [ramp(2)]
    for _ in range(4):
        yield f(xs), list(xs)


@scenario
def dict_out_default(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        found = collections.defaultdict(list)
        found["a"].append(x + 1)
        return found

    for i in range(3):
        yield dict(f(ramp(2, start=i)))


@scenario
def set_out(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        return {1, 2}, frozenset([3]), x + 1, slice(1, 2), range(3), 1j

    for i in range(3):
        r = f(ramp(2))
        r[0].add(i)
        yield sorted(r[0]), r[1:]


@scenario
def lambda_out(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        return lambda: x + 1

    for i in range(3):
        yield f(ramp(2, start=i))()


@scenario
def raise_after_write(wrap: Wrap) -> Iterator[Any]:
    s = ramp(3)

    @wrap
    def f(x: Any, bad: Any) -> Any:
        s.add_(x)
        if bad:
            raise ValueError("bad")
        return s * 1

    for _ in range(3):
        yield outcome(lambda: f(ramp(3), False)), s
        yield outcome(lambda: f(ramp(3), True)), s


@scenario
def context_managers(wrap: Wrap) -> Iterator[Any]:
    w = leaf(3)

    @wrap
    def f(x: Any) -> Any:
        with tg.no_grad():
            y = w * x
        with tg.enable_grad():
            z = w * x
        return y, z

    for _ in range(2):
        yield f(ramp(3))
        with tg.no_grad():
            yield f(ramp(3))


@scenario
def leak_no_grad(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        tg.set_grad_enabled(False)
        return x + 1

    for _ in range(3):
        yield f(leaf(3)), tg.is_grad_enabled()
        tg.set_grad_enabled(True)


@scenario
def memo_global(wrap: Wrap) -> Iterator[Any]:
    cache = {}

    @wrap
    def f(x: Any, k: Any) -> Any:
        if k not in cache:
            cache[k] = x * k
        return cache[k]

    for i in range(6):
        yield f(ramp(3, start=i), i % 2)


@scenario
def counts_in_a_class(wrap: Wrap) -> Iterator[Any]:
    class C:
        n = 0

    @wrap
    def f(x: Any) -> Any:
        C.n += 1
        return x * C.n

    for _ in range(4):
        yield f(ramp(3)), C.n


@scenario
def counts_in_a_closure(wrap: Wrap) -> Iterator[Any]:
    n = 0

    @wrap
    def f(x: Any) -> Any:
        nonlocal n
        n += 1
        return x * n

    for _ in range(4):
        yield f(ramp(3)), n


@scenario
def shape_dep(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        idx = tg.nonzero(x > 1)
        return x[x > 1].sum(), idx.shape

    for i in range(4):
        yield f(ramp(4, start=i - 2))


@scenario
def data_assign(wrap: Wrap) -> Iterator[Any]:
    w = leaf(3)

    @wrap
    def f(x: Any) -> Any:
        w.data = w.data - x
        return w * 1

    for _ in range(3):
        yield f(ramp(3)), w


@scenario
def data_inplace(wrap: Wrap) -> Iterator[Any]:
    w = leaf(3)

    @wrap
    def f(x: Any) -> Any:
        w.data.sub_(x)
        w.data[0] = 5
        return w.detach() * 1

    for _ in range(3):
        yield f(ramp(3)), w


@scenario
def views_of_args_written(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        a = x[0]
        b = x[:, 0]
        a.add_(b)
        b.mul_(a)
        x[1, 1] = a[0]
        return a * 1, b

    for _ in range(3):
        x = ramp(3, 3)
        r = f(x)
        yield r, x
        r[1].add_(1)
        yield x


@scenario
def same_obj_kw(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(a: Any, b: Any = None) -> Any:
        b = a if b is None else b
        a.add_(1)
        return a + b

    x = ramp(3)
    for _ in range(3):
        yield f(x)
        yield f(x, x)
        yield f(x, b=ramp(3))
        yield f(x, b=x)


@scenario
def int_keys(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(d: Any) -> Any:
        return d[1] + d["1"] + d[None]

    for _ in range(2):
        yield f({1: ramp(2), "1": ramp(2), None: ramp(2)})
        yield f({True: ramp(2), "1": ramp(2), None: ramp(2)})


@scenario
def float_special(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any, k: Any) -> Any:
        return x * k, k

    for k in (0.0, -0.0, float("nan"), float("inf"), 1, 1.0, True, np.float32(1), np.float64(1), np.int64(1), 2**70):
        for _ in range(2):
            yield outcome(lambda: f(ramp(3), k))


@scenario
def numpy_scalar_index(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any, i: Any) -> Any:
        return x[i], x[i:], x[..., None]

    for i in (0, 1, np.int64(1), True, tg.tensor(1), slice(0, 2)):
        for _ in range(2):
            yield outcome(lambda: f(ramp(3, 2), i))


@scenario
def iteration(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        return [row * 2 for row in x], sum(x), max(len(x), 2), x.T.shape

    for i in range(3):
        yield f(ramp(3, 2, start=i))


@scenario
def result_then_write_arg(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f(x: Any) -> Any:
        y = x * 2
        z = y[0]
        x.assign(y)
        y.add_(1)
        return z, y

    for _ in range(3):
        x = ramp(2, 2)
        yield f(x), x


@scenario
def none_only(wrap: Wrap) -> Iterator[Any]:
    s = ramp(2)

    @wrap
    def f() -> Any:
        s.add_(1)

    for _ in range(4):
        yield f(), s


@scenario
def const_only(wrap: Wrap) -> Iterator[Any]:
    @wrap
    def f() -> Any:
        return tg.arange(4), tg.ones(2) * 3, 5

    for _ in range(4):
        r = f()
        yield r
        r[0].add_(1)
        r[1].add_(1)


@pytest.mark.parametrize("run", SCENARIOS)
def test_traced_is_as_plain(run: Scenario) -> None:
    same(run)
