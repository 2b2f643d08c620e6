"""What a traced function reads from outside is the value of now, in every way Python can read it."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.differential import outcome, same
from tests.trace.test_arguments import ramp
from tracegraph import _state

FACTOR = 2.0
TABLE = {"k": 1.0}
WEIGHT = ramp(3)


class Settings:
    scale = 1.0


def test_globals() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        global FACTOR, WEIGHT
        FACTOR, WEIGHT = 2.0, ramp(3)
        TABLE["k"] = 1.0
        Settings.scale = 1.0

        @wrap
        def f(x: Any) -> Any:
            return x * FACTOR + WEIGHT * TABLE["k"] + Settings.scale

        for _ in range(2):
            yield f(ramp(3))
            FACTOR += 1
            yield f(ramp(3))
            TABLE["k"] += 1
            yield f(ramp(3))
            Settings.scale += 1
            yield f(ramp(3))
            WEIGHT = ramp(3, start=FACTOR)
            yield f(ramp(3))
            WEIGHT.add_(1)
            yield f(ramp(3))
            WEIGHT.data = ramp(3, start=9)
            yield f(ramp(3))
            WEIGHT.data = ramp(6)[::2]
            yield f(ramp(3))
            WEIGHT.data = ramp(1)
            yield f(ramp(3))
            WEIGHT._data[...] = 7
            yield f(ramp(3))
            WEIGHT = ramp(3)

    same(scenario, hits=2)


def test_closures_and_helpers() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        power, items = 2, [1.0, 2.0]

        def helper(x: Any, k: Any = 3) -> Any:
            return x * k

        @wrap
        def f(x: Any) -> Any:
            return helper(x) ** power + sum(items)

        for _ in range(2):
            yield f(ramp(3))
            power += 1
            yield f(ramp(3))
            items.append(4.0)
            yield f(ramp(3))
            helper.__defaults__ = (power,)
            yield f(ramp(3))
            helper.__code__ = (lambda x, k=3: x + k).__code__
            yield f(ramp(3))

    same(scenario)


def test_attribute_of_an_argument() -> None:
    class Box:
        def __init__(self, value: Any) -> None:
            self.value = value

    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(x: Any, box: Any) -> Any:
            return x + box.value

        box = Box(1.0)
        for step in range(3):
            yield f(ramp(3), box)
            box.value = step
            yield f(ramp(3), box)
            box.value = ramp(3, start=step)
            yield f(ramp(3), box)
            yield f(ramp(3), Box(ramp(3)))
            yield outcome(lambda: f(ramp(3), None))

    same(scenario)


def test_captured_view_of_something_that_changes() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        base = ramp(4, 4)
        row, column = base[1], base[:, 1]

        @wrap
        def f(x: Any) -> Any:
            return x * row + column

        for step in range(4):
            yield f(ramp(4))
            base.add_(step)
            row.mul_(2)

    same(scenario, hits=3)


def test_captured_tensor_that_comes_to_need_a_gradient() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        w, v = ramp(3), ramp(3).requires_grad_()

        @wrap
        def f(x: Any) -> Any:
            return (x * w).sum()

        yield f(ramp(3)), f(ramp(3))
        w.mul_(v)
        result = f(ramp(3))
        yield result
        tg.autograd.backward(result)
        yield v

    same(scenario)


def test_captured_strided_storage_replaced_by_another_shape() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        w = ramp(6)[::2]

        @wrap
        def f(x: Any) -> Any:
            return x * w

        yield f(ramp(3)), f(ramp(3))
        w.data = ramp(1)
        yield f(ramp(3)), f(ramp(3))
        w.data = ramp(9)[::3].detach()
        yield f(ramp(3)), f(ramp(3))
        w.data = ramp(3, dtype=np.float64)
        yield f(ramp(3)), f(ramp(3))

    same(scenario)


def test_captured_array() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        array = np.arange(3.0, dtype=np.float32)

        @wrap
        def f(x: Any) -> Any:
            return x + array, x * float(array[1]), x - np.sin(array)

        for _ in range(3):
            yield f(ramp(3))
            array += 1

    same(scenario)


def test_default_dtype_changes() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            return x / 2

        for _ in range(2):
            yield f(ramp(3, dtype=np.int64))
            _state.local.default_dtype = tg.float64
            try:
                yield f(ramp(3, dtype=np.int64))
            finally:
                _state.local.default_dtype = None

    same(scenario)


def test_monkeypatched_library_function() -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        original = tg.exp

        @wrap
        def f(x: Any) -> Any:
            return tg.exp(x)

        try:
            yield f(ramp(3)), f(ramp(3))
            vars(tg)["exp"] = lambda x: x + 100
            yield f(ramp(3)), f(ramp(3))
        finally:
            vars(tg)["exp"] = original

    same(scenario)


def test_methods_of_tensors_that_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    def scenario(wrap: Callable[[Any], Any]) -> Iterator[Any]:
        f = wrap(lambda x: x.relu() * 2)
        g = wrap(lambda x: x * 2 if x.sum() > 0 else x)
        x = ramp(3, start=-1)
        yield f(x), g(x), f(x), g(x)
        with monkeypatch.context() as patched:
            patched.setattr(tg.Tensor, "relu", lambda self: self + 10)
            yield f(x), g(x), f(x), g(x)
            patched.setattr(tg.Tensor, "__mul__", lambda self, other: self + other)
            yield f(x), g(x), f(x), g(x)
        yield f(x), g(x), f(x), g(x)

    same(scenario, hits=4)


def test_values_that_python_wrote_down_can_be_read_back() -> None:
    outside = tg.tensor([3, 1])

    def counted(x: Any, sizes: Any) -> Any:
        return sum(x[number] * size for number, size in enumerate(sizes.tolist())) * sizes[0].to(x.dtype)

    def changed(x: Any) -> Any:
        sizes = tg.tensor([3, 1])
        sizes.add_(x.to(sizes.dtype))
        return counted(x, sizes)

    static = tg.trace(lambda x: counted(x, tg.tensor([3, 1])))
    read = tg.trace(lambda x: counted(x, outside))
    written = tg.trace(changed)
    for number in range(4):
        x = tg.tensor([1.0, 2.0]) + number
        assert static(x).item() == counted(x, tg.tensor([3, 1])).item()
        assert read(x).item() == counted(x, outside).item()
        assert written(x).item() == changed(x).item()
        outside.add_(1)
    assert static.explain().verdict == "static"
    assert read.explain().verdict == written.explain().verdict == "co-executed"
