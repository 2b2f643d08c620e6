"""Arguments that are dataclasses, dicts of all kinds, enums and other structures, in many calls in turn."""

import collections
import math
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.differential import outcome, same
from tests.trace.records import (
    Base,
    Colour,
    Derived,
    Doubling,
    Frozen,
    Level,
    Named,
    Node,
    Pair,
    Slotted,
    Square,
    State,
    seen,
)
from tests.trace.test_arguments import ramp

Wrap = Callable[[Any], Any]
pytestmark = pytest.mark.filterwarnings("ignore:traced function")


@pytest.mark.parametrize("make", [
    lambda x: State(x, x * 2), Frozen, Slotted, Base, Square, lambda x: Derived(x, y=x + 1),
    lambda x: types.SimpleNamespace(x=x, y=3), lambda x: {"x": x}, lambda x: collections.OrderedDict(x=x, y=x + 1),
    lambda x: collections.defaultdict(list, x=x), lambda x: Named(x=x), lambda x: {"s": {1, 2, 3}, "x": x},
    lambda x: [Frozen(x), {"k": Slotted(x + 1)}], lambda x: Pair(x, None), lambda x: {1: x, (2, "a"): x + 1, None: 1.5},
    lambda x: (Colour.RED, Level.HIGH, x), lambda x: (np.float32(2), np.int64(3), x), lambda x: ("text", b"", None, x),
])  # fmt: skip
def test_fresh_structures_are_replayed(make: Callable[[Any], Any]) -> None:
    def tensors(value: Any) -> Iterator[Any]:
        if isinstance(value, tg.Tensor):
            yield value
        elif isinstance(value, dict):
            for item in value.values():
                yield from tensors(item)
        elif isinstance(value, tuple | list):
            for item in value:
                yield from tensors(item)
        elif isinstance(value, State):
            yield from (value.position, value.velocity)
        elif hasattr(value, "x"):
            yield value.x

    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def total(tree: Any) -> Any:
            return sum(tensors(tree))

        @wrap
        def again(tree: Any, x: Any) -> Any:
            return tree, make(x)

        for number in range(4):
            tree = make(ramp(3, start=number))
            yield total(tree)
            result = again(tree, ramp(3, start=number))
            yield result[0] is tree, seen(result)

    same(scenario, hits=6)


def test_what_a_dataclass_holds_is_guarded() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(s: Any) -> Any:
            return s.position * 2 if s.velocity is None else s.moved(0.5).position + s.step

        for _ in range(2):
            yield f(State(ramp(3)))
            yield f(State(ramp(3), ramp(3)))
            yield f(State(ramp(3), ramp(3), 4))
            yield f(State(ramp(2), ramp(2)))
            yield f(State(ramp(3), 2.0))
            yield outcome(lambda: f(State("text", 1)))
            yield outcome(lambda: f(Frozen(ramp(3))))
            yield f(types.SimpleNamespace(position=ramp(3), velocity=None))
            shared = ramp(3)
            yield f(State(shared, shared))

    same(scenario, hits=6)


def test_identity_among_records() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        known = State(ramp(3), ramp(3))

        @wrap
        def f(a: Any, b: Any) -> Any:
            if a is known:
                return a.position * 3, a
            return (a.position, b, a is b, a.position is b.position)

        for number in range(3):
            a, b = State(ramp(3, start=number)), State(ramp(3))
            c = State(a.position)
            for pair in ((a, b), (a, a), (a, c), (known, a), (b, a), (a, known)):
                result = f(*pair)
                yield [seen(item) for item in result], [item is pair[0] for item in result]

    same(scenario, hits=4)


def test_a_record_reached_by_two_ways() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        holder = State(ramp(3), ramp(3))

        @wrap
        def f(s: Any) -> Any:
            return s.position + holder.velocity

        for _ in range(3):
            yield f(holder), f(State(ramp(3)))
            holder.velocity = holder.velocity + 1
            yield f(holder), f(State(ramp(3)))

    same(scenario, hits=4)


@pytest.mark.parametrize("write", [
    lambda s: setattr(s, "step", s.step + 1), lambda s: object.__setattr__(s, "step", 7),
    lambda s: s.__dict__.update(step=3), lambda s: s.__dict__.pop("step", None),
    lambda s: s.__dict__.__setitem__("new", 3), lambda s: delattr(s, "step") if "step" in vars(s) else None,
    lambda s: s.position.add_(1), lambda s: setattr(s, "position", s.position + 1),
])  # fmt: skip
def test_writing_to_a_record(write: Callable[[Any], Any]) -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(s: Any) -> Any:
            write(s)
            return s.position * 2

        kept = State(ramp(3), None, 0)
        for _ in range(3):
            fresh = State(ramp(3))
            yield f(fresh), seen(fresh), f(kept), seen(kept)

    same(scenario)


def test_a_training_state_that_is_written_in_place() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def step(s: Any, g: Any) -> Any:
            s.velocity.mul_(0.9).add_(g)
            s.position.sub_(s.velocity)
            return s

        s = State(ramp(3), ramp(3))
        for number in range(4):
            result = step(s, ramp(3, start=number))
            yield result is s, seen(s)
            other = State(ramp(3), ramp(3))
            yield step(other, ramp(3)) is other, seen(other)

    same(scenario, hits=5)


def test_properties_methods_and_comparison_of_records() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(s: Any, kind: Any) -> Any:
            return s.energy, s.moved(2.0).energy, kind == Frozen("a", "b")

        for number in range(3):
            yield f(State(ramp(3, start=number), ramp(3)), Frozen("a", "b"))
            yield f(State(ramp(3, start=number), ramp(3)), Frozen("a", "c"))

    same(scenario, hits=4)


def test_properties_that_hide_fields_run_each_time() -> None:
    ran = []

    class Hiding(State):
        @property
        def position(self) -> Any:
            ran.append(1)
            return self.__dict__["position"] * 2

        @position.setter
        def position(self, value: Any) -> None:
            self.__dict__["position"] = value

    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(s: Any) -> Any:
            return s.position + 1

        ran.clear()
        for number in range(3):
            yield f(Hiding(ramp(3, start=number))), len(ran)

    same(scenario)


def test_dicts_that_read_otherwise() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(d: Any) -> Any:
            return d["a"] + 1, d

        for number in range(4):
            d = Doubling(a=ramp(2, start=number))
            result = f(d)
            yield result[0], result[1] is d

        @wrap
        def g(d: Any) -> Any:
            return d["missing"], len(d)

        for _ in range(3):
            yield outcome(lambda: g({})), g(collections.defaultdict(int)), outcome(lambda: g(Named()))
            lists: Any = collections.defaultdict(list)
            yield g(lists), seen(lists)

    same(scenario)


@pytest.mark.parametrize(
    "key", [math.inf, math.nan, -0.0, np.float32(1), np.int64(2), Colour.RED, Frozen(1), frozenset({1}), 1 + 2j, ...]
)
def test_keys_that_are_no_literals(key: Any) -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(d: Any) -> Any:
            return [x + 1 for x in d.values()], {key: 1, "x": next(iter(d.values()))}

        kept = {key: ramp(2)}
        for number in range(3):
            yield f({key: ramp(2, start=number)})[0], list(f(kept)[1].values())

    same(scenario)


def test_arguments_that_contain_themselves() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(node: Any) -> Any:
            return node.value + node.children[0].value, node.children[0].parent

        kept = None
        for number in range(4):
            root = Node(ramp(2, start=number))
            root.children.append(Node(ramp(2), root))
            kept = kept or root
            for node in (root, kept):
                value, parent = f(node)
                yield value, parent is node
        loop: list[Any] = [ramp(2)]
        loop.append(loop)

        @wrap
        def g(items: Any) -> Any:
            return items[1][1][0] * 2

        yield g(loop), g(loop)

    same(scenario, hits=2)


def test_sets_as_arguments() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any, chosen: Any) -> Any:
            return [x * k for k in chosen], chosen

        for _ in range(3):
            for chosen in ({1, 2}, {2, 3}, set(), frozenset({1, 2}), {1.0, 2}, {True, 2}):
                result = f(ramp(2), chosen)
                yield result[0], result[1] is chosen or isinstance(chosen, frozenset)

    same(scenario, hits=8)


def test_arrays_and_tensors_of_all_layouts() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(s: Any) -> Any:
            return s.x + 1, s.x.sum(), s

        array = np.arange(24, dtype=np.float32).reshape(4, 6)
        layouts = [
            array, array[::2], array[:, ::-1], array[::-1, ::-2], array.T, array[:0], array[:, 1:2], array[0, 0],
            np.asfortranarray(array), np.broadcast_to(array[:1], (4, 6)), array[..., None],
            np.zeros((0, 3), np.float32),
        ]  # fmt: skip
        for _ in range(3):
            for each in layouts:
                s = Frozen(tg.from_numpy(np.asarray(each)))
                y, total, back = f(s)
                yield y, total, back is s, y._data.strides == (s.x + 1)._data.strides

    same(scenario, hits=12)


def test_arrays_in_records_and_as_results() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(s: Any) -> Any:
            return tg.tensor(s.x) * 2, s.x

        @wrap
        def g(a: Any) -> Any:
            return tg.tensor(a) * 2, a

        for number in range(3):
            array = np.arange(3, dtype=np.float32) + number
            result = f(Frozen(array))
            yield result, result[1] is array
            result = g(array)
            yield result, result[1] is array
            result = g(array[::-1])
            yield result

    same(scenario)


def test_unread_fields_may_be_anything() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(s: Any) -> Any:
            return s.x + 1

        rng = np.random.default_rng(0)
        for number in range(4):
            yield f(Derived(ramp(2, start=number), rng))
            yield f(Derived(ramp(2, start=number), lambda: 1, {"k": [ramp(2)]}))
            yield f(Derived(ramp(2, start=number), collections.defaultdict(list, k=ramp(3))))
            empty: Any = collections.defaultdict(list)
            yield f(Derived(ramp(2, start=number), empty)), dict(empty)

    same(scenario, hits=6)
