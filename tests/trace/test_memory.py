"""Writes, views and shared memory: after a traced call the world is as after the plain one."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tracegraph as tg
from tests.trace.differential import outcome, same
from tests.trace.test_arguments import ramp

Wrap = Callable[[Any], Any]


def test_writes_to_arguments() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any, y: Any) -> Any:
            x.mul_(2).add_(y)
            y[0] = x[1]
            return x, y.sum()

        base = ramp(8)
        for _ in range(3):
            x, y = ramp(3), ramp(3, start=1)
            result = f(x, y)
            yield result, result[0] is x, y
            x, y = base[:3], base[4:7]
            yield f(x, y), base
            x = base[::3]
            yield f(x, ramp(3)), base

    same(scenario, hits=3)


def test_arguments_that_overlap_only_on_replay() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any, y: Any) -> Any:
            x.add_(y.flip(0))
            return x * y

        base = ramp(6)
        for _ in range(2):
            yield f(ramp(3), ramp(3)), f(ramp(3), ramp(3))
            yield f(base[:3], base[1:4]), base
            x = ramp(3)
            yield f(x, x), x
            yield f(x, x.detach()), x
            array = np.arange(6, dtype=np.float32)
            yield f(tg.from_numpy(array[:3]), tg.from_numpy(array[1:4])), array

    same(scenario, hits=1)


def test_an_argument_that_is_a_captured_tensor() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w = ramp(4)

        @wrap
        def f(x: Any) -> Any:
            x.mul_(2)
            return x + w.flip(0)

        for _ in range(2):
            yield f(ramp(4)), f(ramp(4))
            yield f(w), w
            yield f(w[:]), w
            yield f(w.detach()), w

    same(scenario, hits=1)


def test_a_written_captured_tensor_that_comes_as_argument() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w = ramp(4)

        @wrap
        def f(x: Any) -> Any:
            w.mul_(2)
            return x + w.flip(0)

        for _ in range(2):
            yield f(ramp(4)), f(ramp(4)), w
            yield f(w), w
            yield f(w[:]), w
            w.data = ramp(4, start=2)
            held = w.detach()
            yield f(held), w
            yield f(ramp(4)), held

    same(scenario, hits=1)


def test_captured_views_written() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        base = ramp(4, 4)
        column = base[:, 1]
        other = ramp(4)

        @wrap
        def f(x: Any) -> Any:
            column.add_(x)
            other[1:3] = x[:2]
            return column * 2

        @wrap
        def g(x: Any) -> Any:
            base[1].mul_(x)
            base[:, 2].zero_()
            base[base.shape[0] - 1, ::2] += 1
            return base.sum()

        for _ in range(4):
            yield f(ramp(4)), base, column, other
            yield g(ramp(4)), base, column

    same(scenario)


def test_swapped_and_rotated_tensors() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        a, b, c = ramp(3), ramp(3, start=10), ramp(3, start=20)

        @wrap
        def f() -> Any:
            old = a.clone()
            a.assign(b)
            b.assign(c)
            c.assign(old)
            return old

        for _ in range(5):
            yield f(), a, b, c

    same(scenario, hits=4)


def test_outputs_that_are_inputs_or_views() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        w = ramp(2, 3)

        @wrap
        def f(x: Any) -> Any:
            y = x + 1
            return x, x[0], x.T, y, y[0], y.T[1:], w, w[1], y.detach(), x

        for _ in range(3):
            x = ramp(2, 3)
            result = f(x)
            yield result, result[0] is x, result[6] is w
            result[1].add_(1)
            result[4].mul_(3)
            result[7].add_(1)
            result[8].sub_(1)
            yield result, x, w
            yield [np.may_share_memory(a._data, b._data) for a in result for b in (x, w, result[3])]

    same(scenario, hits=2)


def test_results_are_fresh_memory() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            big = x.expand(200, 200) * 2
            return x * 1, x + 0, big, tg.tensor([1.0, 2.0]), tg.zeros(2), big.reshape(-1)[:5], x.reshape(1)

        x = ramp(1)
        results = []
        for number in range(5):
            results.append(f(x))
            yield results
            results[-1][number % 5].add_(number)
            yield results
            x.add_(1)
            yield results

    same(scenario)


def test_tensors_made_inside_and_changed() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            total = tg.tensor([0.0, 0.0, 0.0])
            total.add_(x)
            table = tg.zeros(3, 3)
            table[1] = x
            table[:, 0] += 1
            row = table[2]
            table.mul_(2)
            return total, table, row, tg.tensor([5.0])

        for _ in range(3):
            result = f(ramp(3))
            yield result
            for value in result:
                value.add_(100)

    same(scenario)


def test_read_only_and_expanded_memory() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            x.add_(1)
            return x * 2

        locked = np.zeros(3, np.float32)
        locked.flags.writeable = False
        for _ in range(3):
            yield f(ramp(3))
            yield outcome(lambda: f(tg.from_numpy(locked))), locked
            yield outcome(lambda: f(ramp(1).expand(3)))

    same(scenario, hits=2)


def test_in_place_over_a_triangle_of_itself() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            lower = x.tril()
            result = lower + x * 2
            x.assign(lower)
            return result

        for _ in range(3):
            x = ramp(4, 4)
            yield f(x), x

    same(scenario, hits=2)


def test_in_place_shifts_of_itself() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            x[1:] = x[:-1].clone()
            x[:-1] = x[1:]
            x.add_(x.flip(0))
            x.assign(x.T)
            x.sub_(x.sum(0))
            x.mul_(x[:, :1])
            return x

        for _ in range(3):
            x = ramp(4, 4)
            yield f(x), x

    same(scenario, hits=2)


def test_inputs_changed_after_the_call() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            return (
                x.reshape(-1),
                x.reshape(3, 2).T.reshape(-1),
                x.to(tg.float32),
                x.contiguous() if hasattr(x, "contiguous") else x,
            )

        for _ in range(3):
            x = ramp(2, 3)
            result = f(x)
            x.add_(100)
            yield result, x

    same(scenario)


def test_random_draws() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            return tg.rand(3) + x, tg.randn(2, 2), tg.rand_like(x)

        for seed in (1, 2):
            tg.manual_seed(seed)
            for _ in range(3):
                yield f(ramp(3))
                yield tg.rand(2)
            yield tg.get_rng_state()
        tg.manual_seed(1)
        yield f(ramp(3))

    same(scenario)
