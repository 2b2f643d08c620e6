"""Calls of one traced function with changing arguments give what the plain function gives."""

import collections
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.differential import outcome, same


def ramp(*shape: int, dtype: Any = np.float32, start: float = 0) -> tg.Tensor:
    """A tensor of consecutive numbers."""
    return tg.from_numpy((np.arange(int(np.prod(shape))) + start).astype(dtype).reshape(shape))


def test_shapes_dtypes_and_scalars_change() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(x: Any, y: Any = 2, *, scale: Any = 1.0) -> Any:
            return (x * y + scale).sum(), x.shape[0]

        for _ in range(2):
            yield f(ramp(3))
            yield f(ramp(4))
            yield f(ramp(3), 3)
            yield f(ramp(3), y=3)
            yield f(ramp(3), 3.0)
            yield f(ramp(3), True)
            yield f(ramp(3, dtype=np.float64))
            yield f(ramp(3, dtype=np.int64), 2, scale=2)
            yield f(ramp(3), ramp(3))
            yield f(y=ramp(3), x=ramp(1))
            yield f(ramp(3, 2), scale=-0.0)
            yield outcome(lambda: f(ramp(3), ramp(4)))
            yield outcome(f)
            yield outcome(lambda: f(ramp(3), nothing=1))

    same(scenario, hits=8)


def test_requires_grad_and_grad_mode_change() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            return x * x if tg.is_grad_enabled() else x + 1

        x = ramp(3)
        for _ in range(3):
            yield f(x)
            with tg.no_grad():
                yield f(x)
            x.requires_grad_(not x.requires_grad)
            yield f(x)
            with tg.no_grad():
                yield f(x)

    same(scenario, hits=4)


class Pair(NamedTuple):
    first: Any
    second: Any


def test_nested_containers() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(tree: Any) -> Any:
            return {
                "sum": tree["a"] + tree["b"][0],
                "pair": Pair(tree["b"][1] * 2, [tree["a"]]),
                1: (),
                "n": len(tree["b"]),
            }

        for _ in range(2):
            yield f({"a": ramp(2), "b": (ramp(2), ramp(3))})
            yield f({"b": (ramp(2), ramp(3)), "a": ramp(2)})
            yield f({"a": ramp(2), "b": [ramp(2), ramp(3)]})
            yield f({"a": ramp(2), "b": Pair(ramp(2), ramp(3))})
            yield f(collections.OrderedDict(a=ramp(2), b=(ramp(2), ramp(3))))
            yield f({"a": ramp(2), "b": (ramp(2), ramp(3), 1)})
            yield f({"a": ramp(2), "b": (ramp(2), ramp(3)), "c": 0})
            yield outcome(lambda: f({"a": ramp(2)}))

    same(scenario, hits=6)


def test_order_of_a_dict_is_seen() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(tree: dict[str, Any]) -> Any:
            total: Any = 0
            for value in tree.values():
                total = total * 10 + value
            return total, list(tree)

        for _ in range(2):
            yield f({"a": ramp(2), "b": ramp(2, start=5)})
            yield f({"b": ramp(2), "a": ramp(2, start=5)})

    same(scenario)


def test_order_of_keywords_is_seen() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(**tree: Any) -> Any:
            total: Any = 0
            for value in tree.values():
                total = total * 10 + value
            return total

        for _ in range(2):
            yield f(a=ramp(2), b=ramp(2, start=5))
            yield f(b=ramp(2), a=ramp(2, start=5))

    same(scenario)


@pytest.mark.parametrize("order", ["different first", "same first"])
def test_the_same_tensor_twice(order: str) -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(x: Any, y: Any) -> Any:
            return (x - y, 1) if x is y else (x + y, 2)

        x, y = ramp(3), ramp(3, start=1)
        calls = [(x, y), (x, x)] if order == "different first" else [(x, x), (x, y)]
        for a, b in calls * 2:
            yield f(a, b)

    same(scenario)


def test_identity_with_a_captured_tensor() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        w = ramp(3)

        @wrap
        def f(x: Any) -> Any:
            return x * 2 if x is w else x * 3

        for x in (ramp(3), w, ramp(3), w):
            yield f(x)

    same(scenario)


def test_views_and_strange_strides() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            return x.sum(0), x @ x, x + 1, x.reshape(9)

        base = ramp(6, 6)
        array = np.arange(36, dtype=np.float32).reshape(6, 6)
        views = [
            ramp(3, 3), base[:3, :3], base[::2, ::2], base[:3, :3].T, tg.from_numpy(array[:3][:, :3][::-1]),
            tg.from_numpy(array[2::-1, 5:2:-1]), tg.from_numpy(np.asfortranarray(array[:3, :3])),
            ramp(1, 3).expand(3, 3),
            tg.from_numpy(np.broadcast_to(np.float32(2), (3, 3))),
        ]  # fmt: skip
        for _ in range(3):
            for view in views:
                yield f(view)

    same(scenario, hits=12)


def test_zero_sized_and_zero_dimensional() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            return x.sum(), x * 2, x.reshape(-1) if x.numel() else x

        for _ in range(2):
            for shape in ((), (0,), (0, 3), (3, 0), (1,), (1, 1)):
                yield f(ramp(*shape))

    same(scenario, hits=6)


def test_arrays_as_arguments() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(x: Any, a: Any) -> Any:
            return x + tg.tensor(a), x * a

        array = np.arange(3, dtype=np.float32)
        for _ in range(3):
            yield f(ramp(3), array)
            array += 1
            yield f(ramp(3), array[::-1])
            yield f(ramp(3), array.astype(np.float64))
            yield f(ramp(3), np.float32(3))

    same(scenario)


def test_values_of_arrays_read_by_numpy() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(x: Any, a: Any) -> Any:
            return x * float(a.sum()) + int(a[0])

        array = np.arange(3, dtype=np.float32)
        for _ in range(3):
            yield f(ramp(3), array)
            array += 1

    same(scenario)


def test_methods_partials_and_defaults() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        class Model:
            def __init__(self, scale: float) -> None:
                self.scale, self.w = scale, ramp(3)

            @wrap
            def call(self, x: Any, offset: Any = 1) -> Any:
                return x * self.scale + self.w + offset

            @staticmethod
            @wrap
            def static(x: Any) -> Any:
                return x + 1

            @classmethod
            @wrap
            def kind(cls, x: Any) -> Any:
                return x * len(cls.__name__)

        a, b = Model(2.0), Model(3.0)
        for _ in range(3):
            yield a.call(ramp(3)), b.call(ramp(3), 2), a.static(ramp(3)), a.kind(ramp(3))
            yield functools.partial(a.call, offset=5)(ramp(3))
            a.scale += 1
            yield a.call(ramp(3))
            b.w = ramp(3, start=4)
            yield b.call(ramp(3))

    same(scenario)


def test_containers_returned_are_those_of_this_call() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(x: Any, things: Any) -> Any:
            return x + 1, things

        for number in range(4):
            things = [ramp(2, start=number)]
            result = f(ramp(2), things)
            yield result, result[1] is things
            pair = (ramp(2, start=number), 3)
            result = f(ramp(2), pair)
            yield result, result[1] is pair

    same(scenario)
