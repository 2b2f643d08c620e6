"""Arguments and results that are dataclasses, dicts of all kinds, enums and other structures, in many calls in turn."""

import abc
import collections
import dataclasses
import enum
import math
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.differential import outcome, same
from tests.trace.test_arguments import ramp
from tracegraph.trace import trace

Wrap = Callable[[Any], Any]
pytestmark = pytest.mark.filterwarnings("ignore:traced function")


@dataclasses.dataclass
class State:
    position: Any
    velocity: Any = None
    step: int = 0

    def moved(self, time: float) -> "State":
        """The state after a time."""
        return State(self.position + self.velocity * time, self.velocity, self.step + 1)

    @property
    def energy(self) -> Any:
        """The kinetic energy."""
        return (self.velocity**2).sum()


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any
    kind: str = "a"


@dataclasses.dataclass(slots=True)
class Slotted:
    x: Any
    y: Any = 2.0


@dataclasses.dataclass
class Base:
    x: Any


@dataclasses.dataclass
class Derived(Base):
    y: Any = 1.0
    cache: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.total = self.x + 1


@dataclasses.dataclass
class Shape(abc.ABC):
    x: Any

    @abc.abstractmethod
    def area(self) -> Any: ...


class Square(Shape):
    def area(self) -> Any:
        return self.x**2


class Tricky:
    """Reads and writes of attributes are its own business."""

    def __init__(self, x: Any) -> None:
        object.__setattr__(self, "x", x)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("sealed")


class Named(dict[str, Any]):
    """A dict of the user's."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


class Doubling(dict[str, Any]):
    """A dict that gives other values than it holds."""

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(key) * 2


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclasses.dataclass
class Node:
    value: Any
    parent: Any = None
    children: list[Any] = dataclasses.field(default_factory=list)


def seen(value: Any) -> Any:
    """Records of data as plain data, so that the comparison looks into them."""
    if isinstance(value, collections.defaultdict):
        return [type(value).__name__, value.default_factory, {key: seen(item) for key, item in value.items()}]
    if isinstance(value, dict):
        own = {} if type(value) is dict else vars(value) if hasattr(value, "__dict__") else {}
        return [type(value).__name__, {key: seen(item) for key, item in value.items()}, own]
    if isinstance(value, tuple | list | collections.deque):
        return [type(value).__name__, [seen(item) for item in value], getattr(value, "maxlen", None)]
    if isinstance(value, set | frozenset):
        return [type(value).__name__, list(value)]
    if isinstance(value, type | enum.Enum | tg.Tensor | np.ndarray) or not hasattr(value, "__dict__"):
        names = [name for base in type(value).__mro__ for name in getattr(base, "__slots__", ())]
        if isinstance(value, Slotted):
            return [type(value).__name__, [(name, seen(getattr(value, name))) for name in names]]
        return value
    return [type(value).__name__, [(name, seen(item)) for name, item in vars(value).items()]]


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


def test_dataclasses_replace_and_fields() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(s: Any) -> Any:
            names = [field.name for field in dataclasses.fields(s)]
            return dataclasses.replace(s, position=s.position * 2), names, dataclasses.is_dataclass(s)

        for number in range(3):
            yield seen(f(State(ramp(3, start=number), ramp(3))))
            yield seen(f(State(ramp(3, start=number), None, number % 2)))

    same(scenario, hits=3)


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


def test_keys_made_in_the_call() -> None:
    @trace
    def f(x: Any) -> Any:
        y = x + 1
        return {y: 1}, y

    results = [f(ramp(2, start=number)) for number in range(3)]
    for number, (table, y) in enumerate(results):
        assert next(iter(table)) is y
        assert y.tolist() == [number + 1, number + 2]


def test_one_object_at_several_places() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            items = [x + 1]
            table = {"items": items}
            pair = Pair(items, table)
            state = State(items, pair)
            return items, table, pair, state, [state, state], x + 1, (pair, pair)

        for number in range(4):
            items, table, pair, state, states, y, pairs = f(ramp(2, start=number))
            yield items, table["items"] is items, pair.first is items, pair.second is table, state.position is items
            yield state.velocity is pair, states[0] is states[1] is state, y is items[0], pairs[0] is pair
            items.append(number)
            yield len(table["items"])

    same(scenario, hits=3)


def test_results_that_contain_themselves() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any) -> Any:
            root = Node(x + 1)
            root.children += [Node(x * k, root) for k in range(2)]
            loop: list[Any] = []
            loop.append(loop)
            return root, loop

        for number in range(3):
            root, loop = f(ramp(2, start=number))
            yield root.value, [(child.value, child.parent is root) for child in root.children], loop[0] is loop

    same(scenario, hits=2)


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


def test_objects_of_plain_classes_made_in_the_call() -> None:
    class Output:
        made = 0

        def __init__(self, x: Any) -> None:
            self.x, self.extra = x, {"n": [1, 2]}

    class Counted(Output):
        def __init__(self, x: Any) -> None:
            super().__init__(x)
            type(self).made += 1

    class Finalised(Output):
        def __del__(self) -> None:
            Output.made += 1

    def scenario(wrap: Wrap) -> Iterator[Any]:
        Counted.made = Output.made = 0

        @wrap
        def f(x: Any) -> Any:
            return Output(x + 1), Tricky(x * 2)

        @wrap
        def g(x: Any) -> Any:
            return Counted(x)

        @wrap
        def h(x: Any) -> Any:
            return Finalised(x).x

        for number in range(3):
            output, tricky = f(ramp(2, start=number))
            yield seen(output), seen(tricky), outcome(lambda: setattr(tricky, "y", 1))  # noqa: B023
            output.extra["n"].append(3)
            yield seen(g(ramp(2))), Counted.made, h(ramp(2)), Output.made

    same(scenario, hits=2)


def test_results_that_cannot_be_made_again_run_plain() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        functions = [
            wrap(lambda x: (x + 1, (y for y in [x]))), wrap(lambda x: lambda: x), wrap(lambda x: iter([x])),
            wrap(lambda x: object()), wrap(lambda x: np.zeros(2)), wrap(lambda x: {x + 1}), wrap(lambda x: x.sum),
        ]  # fmt: skip
        for _ in range(3):
            for function in functions:
                yield type(function(ramp(2))).__name__

    same(scenario, plain=True)


def test_structures_that_differ_by_branch() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any, kind: Any = Colour.RED, *rest: Any, flag: Any = None, **more: Any) -> Any:
            if kind is Colour.RED:
                return x
            if kind is Colour.BLUE:
                return {"x": x + 1, "rest": rest, "more": more}
            if kind == Level.HIGH:
                return State(x, *rest)
            return None if flag is None else (flag, Pair(x, more.get("y")))

        for _ in range(3):
            x = ramp(2)
            yield f(x) is x, f(x, Colour.BLUE, 1, ramp(3)), f(x, Colour.BLUE, y=ramp(1), z=2)
            yield seen(f(x, Level.HIGH, ramp(2))), f(x, Level.LOW), f(x, None, flag="a", y=ramp(2)), f(x, False)
            yield f(x, flag=Colour.RED, kind=0), f(x, kind=0, flag=Colour.RED), f(x, 0, flag=np.float64(2))
            yield f(x, 0, flag=np.float32(2)), f(x, 0, flag=2), f(x, 0, flag=True), f(x, 0, flag=frozenset({1, 2}))

    same(scenario, hits=16)


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
                s = Frozen(tg.Tensor(np.asarray(each)))
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


def test_many_shapes_are_bounded_and_explained() -> None:
    @trace
    def f(x: Any, n: int, y: Any = None) -> Any:
        return x * 2 + n

    for size in range(1, 6):
        assert f(ramp(size), 1).tolist() == [2 * k + 1 for k in range(size)]
    text = str(f.explain())
    assert "argument `x` came in 5 shapes" in text
    assert "pad" in text
    for size in range(6, 16):
        f(ramp(size), 1)
    with pytest.warns(UserWarning, match="runs plain"):
        f(ramp(16), 1)
    assert len(f.entries) <= 16
    for size in range(1, 40):
        assert f(ramp(size), 1).tolist() == [2 * k + 1 for k in range(size)]
    assert "argument `x` came in 16 shapes" in str(f.explain())


def test_many_values_of_a_number_are_explained() -> None:
    @trace
    def f(x: Any, *, rate: float = 1.0) -> Any:
        return x * rate

    for rate in range(5):
        f(ramp(3), rate=float(rate))
    text = str(f.explain())
    assert "argument `rate` had 5 values" in text
    assert "tensor" in text
    assert "shapes" not in text


def test_shapes_in_a_record_are_explained_by_their_place() -> None:
    @trace
    def f(batch: Any) -> Any:
        return batch.x + 1

    for size in range(1, 5):
        f(Frozen(ramp(size)))
    assert "argument `batch.x` came in 4 shapes" in str(f.explain())
