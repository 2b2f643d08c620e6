"""A traced function can stand where the plain one can: name and signature, methods, copies, pickles, nesting, kinds."""

import asyncio
import copy
import functools
import inspect
import pickle
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, get_type_hints

import pytest

import tracegraph as tg
from tests.trace.differential import outcome, same
from tests.trace.test_arguments import ramp
from tracegraph.runtime.errors import ArgumentTypeError
from tracegraph.trace import TracedFunction, trace

Wrap = Callable[[Any], Any]


@trace
def documented(x: tg.Tensor, factor: float = 2.0, *, offset: int = 0) -> tg.Tensor:
    """Scale and shift."""
    return x * factor + offset


def plain(x: Any) -> Any:
    """A plain function of this module."""
    return x * 2


traced_plain = trace(plain)


class Scaler:
    """A class with traced methods of all kinds."""

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self.weight = ramp(3)

    @trace
    def scale(self, x: Any, *, offset: int = 0) -> Any:
        """Scale by the factor."""
        return x * self.factor + self.weight + offset

    @staticmethod
    @trace
    def inner_static(x: Any) -> Any:
        return x + 1

    @trace
    @staticmethod
    def outer_static(x: Any) -> Any:
        return x + 2

    @classmethod
    @trace
    def inner_class(cls, x: Any) -> Any:
        return x * len(cls.__name__)

    @trace
    @classmethod
    def outer_class(cls, x: Any) -> Any:
        return x * len(cls.__name__) + 1

    @property
    @trace
    def doubled(self) -> Any:
        return self.weight * 2


class Wider(Scaler):
    """A subclass that calls the method of its base."""

    @trace
    def scale(self, x: Any, *, offset: int = 0) -> Any:
        return super().scale(x, offset=offset) * 10


def test_metadata() -> None:
    assert documented.__name__ == "documented"
    assert documented.__qualname__ == "documented"
    assert documented.__doc__ == "Scale and shift."
    assert documented.__module__ == __name__
    assert inspect.unwrap(documented) is documented.function
    assert str(inspect.signature(documented)) == str(inspect.signature(documented.function))
    assert get_type_hints(documented)["factor"] is float
    assert documented.__defaults__ == (2.0,)
    assert documented.__code__ is documented.function.__code__
    assert documented.__globals__ is globals()
    assert callable(documented)
    assert hash(documented) == hash(documented)
    assert weakref.ref(documented)() is documented
    assert {documented: 1}[documented] == 1


def test_attributes_and_defaults_of_the_function() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any, k: Any = 2) -> Any:
            return x * k + f.offset

        f.offset = 1
        yield f(ramp(2)), f(ramp(2))
        f.offset = 3
        yield f(ramp(2)), f(ramp(2)), sorted(name for name in vars(f) if not name.startswith("__"))
        f.__defaults__ = (5,)
        yield f(ramp(2)), f(ramp(2))

        @functools.wraps(f)
        def wrapper(x: Any) -> Any:
            return f(x)

        yield wrapper(ramp(2)), sorted(name for name in vars(wrapper) if not name.startswith("__"))

    same(scenario, hits=2)


def test_bound_methods() -> None:
    a, b = Scaler(2.0), Scaler(2.0)
    assert a.scale == a.scale
    assert a.scale != b.scale
    assert hash(a.scale) == hash(a.scale)
    assert a.scale.__self__ is a
    assert a.scale.__func__ is Scaler.scale
    assert a.scale.__name__ == "scale"
    assert a.scale.__doc__ == "Scale by the factor."
    assert str(inspect.signature(a.scale)) == "(x: Any, *, offset: int = 0) -> Any"
    assert isinstance(Scaler.scale, TracedFunction)
    x = ramp(3)
    for _ in range(2):
        assert a.scale(x).tolist() == Scaler.scale(a, x).tolist() == [0, 3, 6]
    assert a.scale.explain().verdict == "static"
    assert len(a.scale.graph.inputs) == 2
    assert a.scale.entries is Scaler.scale.entries
    assert weakref.WeakMethod(a.scale)() == a.scale
    assert "tensor" not in repr(a.scale)
    assert inspect.ismethod(Scaler(2.0).scale)
    again = pickle.loads(pickle.dumps(a.scale))
    assert again(x).tolist() == [0, 3, 6]
    assert again.__func__ is Scaler.scale


def test_explain_of_a_bound_method_takes_the_arguments_of_the_method() -> None:
    a, x = Scaler(4.0), ramp(3)
    a.scale(x)
    assert Scaler.scale.explain(a, x).served_by == 0
    misses = a.scale.explain(x).misses
    assert misses
    assert all("positional" in miss for miss in misses)


def test_methods_of_all_kinds() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        class Model:
            bias = 1

            def __init__(self, factor: float) -> None:
                self.factor = factor

            @wrap
            def method(self, x: Any) -> Any:
                return x * self.factor + self.bias

            @wrap
            @staticmethod
            def outer_static(x: Any) -> Any:
                return x + 1

            @staticmethod
            @wrap
            def inner_static(x: Any) -> Any:
                return x + 2

            @wrap
            @classmethod
            def outer_class(cls, x: Any) -> Any:
                return x * cls.bias

            @classmethod
            @wrap
            def inner_class(cls, x: Any) -> Any:
                return x * (cls.bias + 1)

            @property
            @wrap
            def squared(self) -> Any:
                return ramp(3) * self.factor**2

            @wrap
            def __call__(self, x: Any) -> Any:
                return self.method(x) + self.squared + Model.inner_static(x) + self.outer_class(x)

        class Child(Model):
            bias = 3

            @wrap
            def method(self, x: Any) -> Any:
                return super().method(x) * 2

        a, b, c = Model(2.0), Model(3.0), Child(4.0)
        x = ramp(3)
        for _ in range(3):
            for model in (a, b, c):
                yield model.method(x), model.squared, model(x), model.outer_static(x), model.inner_static(x)
                yield model.outer_class(x), model.inner_class(x)
            yield Model.outer_class(x), Child.outer_class(x), Model.method(c, x), Child.inner_static(x)
            bound = a.method
            yield bound(x), list(map(bound, [x, x + 1]))
            a.factor += 1
            yield bound(x), a(x)
            yield outcome(lambda: Model.method(x))
            yield outcome(lambda: a.method(x, x, x))

    same(scenario, hits=20)


def test_methods_of_a_class_of_a_module() -> None:
    x = ramp(3)
    wide = Wider(2.0)
    for _ in range(2):
        assert wide.scale(x).tolist() == [0, 30, 60]
        assert wide.inner_static(x).tolist() == [1, 2, 3]
        assert Wider.outer_static(x).tolist() == [2, 3, 4]
        assert wide.inner_class(x).tolist() == [0, 5, 10]
        assert Wider.outer_class(x).tolist() == [1, 6, 11]
        assert wide.doubled.tolist() == [0, 2, 4]
    assert Scaler.outer_class.explain().verdict == "static"
    assert Scaler.inner_static.entries[0].hits >= 1


@pytest.mark.filterwarnings("ignore:functools.partial will be a method descriptor:FutureWarning")
def test_wrapped_things_that_are_no_functions_do_not_bind() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        class Adder:
            def __init__(self, step: float) -> None:
                self.step = step

            def __call__(self, x: Any) -> Any:
                return x + self.step

        class Holder:
            adder = wrap(Adder(2.0))
            part = wrap(functools.partial(plain))
            method = wrap(Scaler(2.0).scale)
            builtin = wrap(abs)

        for _ in range(3):
            yield Holder().adder(ramp(2)), Holder().part(ramp(2)), Holder().method(ramp(3)), Holder().builtin(ramp(2))

    same(scenario)


def test_partials() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def f(x: Any, y: Any, *, k: Any = 1) -> Any:
            return x * y + k

        first = functools.partial(f, ramp(2), k=3)
        second = wrap(functools.partial(f, k=2))

        @wrap
        def g(x: Any) -> Any:
            return first(x) + second(x, x)

        for _ in range(3):
            yield first(ramp(2)), second(ramp(2), ramp(2)), g(ramp(2)), second.keywords, second.func is f

    same(scenario, hits=4)


def test_callable_objects_keep_their_state() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        class Model:
            """A model."""

            def __init__(self) -> None:
                self.scale, self.weight = 2.0, ramp(3)

            def __call__(self, x: Any) -> Any:
                return x * self.scale + self.weight

            def rescale(self, scale: float) -> None:
                self.scale = scale

        model = wrap(Model())
        for _ in range(2):
            yield model(ramp(3)), model.scale, model.__doc__
        model.scale = 3.0
        yield model(ramp(3)), model(ramp(3)), model.scale
        model.rescale(4.0)
        yield model(ramp(3)), model.scale
        twin = copy.deepcopy(model)
        twin.scale = 9.0
        twin.weight.add_(1)
        yield model(ramp(3)), twin(ramp(3)), twin(ramp(3))
        del model.scale
        yield outcome(lambda: model(ramp(3))), outcome(lambda: model.scale), hasattr(model, "scale")

    same(scenario, hits=2)


def test_nesting() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def inner(x: Any, k: Any) -> Any:
            return x * k

        @wrap
        def middle(x: Any) -> Any:
            return inner(x, 2) + inner(x, 3)

        twice = wrap(wrap(inner))

        @wrap
        def outer(functions: Any, x: Any) -> Any:
            return [function(x) for function in functions], middle(x), twice(x, 4)

        for _ in range(3):
            yield middle(ramp(2)), outer((middle, middle), ramp(2)), inner(ramp(2), 2), twice(ramp(2), 2)

    same(scenario, hits=6)


def test_a_nested_function_that_changes_is_seen() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        inner = wrap(lambda x: x + 1)

        @wrap
        def outer(x: Any) -> Any:
            return inner(x) * 2

        for _ in range(2):
            yield outer(ramp(2)), outer(ramp(2))
        inner = wrap(lambda x: x + 2)
        yield outer(ramp(2)), outer(ramp(2))
        factor = 3
        inner = wrap(lambda x: x * factor)
        yield outer(ramp(2)), outer(ramp(2))
        factor = 4
        yield outer(ramp(2)), outer(ramp(2))

    same(scenario, hits=4)


def test_recursion() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def power(x: Any, n: int) -> Any:
            return x if n == 0 else power(x * 2, n - 1)

        @wrap
        def even(x: Any, n: int) -> Any:
            return x if n == 0 else odd(x + 1, n - 1)

        @wrap
        def odd(x: Any, n: int) -> Any:
            return -x if n == 0 else even(x * 2, n - 1)

        for _ in range(3):
            yield power(ramp(2), 3), power(ramp(2), 0), even(ramp(2), 4), even(ramp(2), 3), odd(ramp(2), 3)
            yield outcome(lambda: power(ramp(2), "no"))

    same(scenario, hits=8)


def test_copies_of_functions_are_the_function() -> None:
    assert copy.copy(traced_plain) is traced_plain
    assert copy.deepcopy({"f": documented})["f"] is documented
    scaler = copy.deepcopy(Scaler(3.0))
    assert scaler.scale(ramp(3)).tolist() == [0, 4, 8]


def test_pickling_by_name() -> None:
    assert pickle.loads(pickle.dumps(documented)) is documented
    assert pickle.loads(pickle.dumps(Scaler.scale)) is Scaler.scale
    assert pickle.loads(pickle.dumps(Scaler.inner_static)) is Scaler.inner_static
    other = pickle.loads(pickle.dumps(traced_plain))
    assert type(other) is TracedFunction
    assert other.function is plain
    part = pickle.loads(pickle.dumps(functools.partial(documented, factor=3.0)))
    assert part(ramp(2)).tolist() == [0, 3]
    held = pickle.loads(pickle.dumps(trace(Scaler(2.0).scale)))
    assert held(ramp(3)).tolist() == [0, 3, 6]
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(trace(lambda x: x))


def test_copies_and_pickles_keep_the_options() -> None:
    strict = trace(require="static")(plain)
    assert pickle.loads(pickle.dumps(strict)).require == "static"
    assert copy.deepcopy(trace(require="static")(Scaler(2.0).scale)).require == "static"
    assert copy.copy(strict) is strict


def test_generators_and_coroutines_run_plain_and_say_so() -> None:
    @trace
    def counts(x: Any) -> Iterator[Any]:
        for k in range(3):
            yield x + k

    @trace
    async def waits(x: Any) -> Any:
        await asyncio.sleep(0)
        return x * 2

    @trace
    async def streams(x: Any) -> AsyncIterator[Any]:
        for k in range(2):
            yield x * k

    async def gather() -> Any:
        return await waits(ramp(2)), [y async for y in streams(ramp(2))]

    for _ in range(2):
        assert [y.tolist() for y in counts(ramp(2))] == [[0, 1], [1, 2], [2, 3]]
        waited, streamed = asyncio.run(gather())
        assert waited.tolist() == [0, 2]
        assert [y.tolist() for y in streamed] == [[0, 0], [0, 1]]
    for function, kind in ((counts, "is a generator"), (waits, "is a coroutine"), (streams, "is an asynchronous")):
        explanation = function.explain()
        assert explanation.verdict == "plain"
        assert kind in str(explanation)
        assert not function.attempts
    assert inspect.isgeneratorfunction(counts)
    assert inspect.iscoroutinefunction(waits)
    assert inspect.isasyncgenfunction(streams)
    assert "generator" in str(trace(functools.partial(counts, ramp(2))).explain())

    class Stream:
        def __call__(self, x: Any) -> Iterator[Any]:
            yield x

    assert trace(Stream()).explain().verdict == "plain"


def test_a_generator_used_by_a_traced_function() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        @wrap
        def parts(x: Any) -> Iterator[Any]:
            for k in range(3):
                yield x * k

        @wrap
        def total(x: Any) -> Any:
            return sum(parts(x))

        for _ in range(3):
            yield total(ramp(2))

    same(scenario)


def test_lambdas_and_code_without_source() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        double = wrap(lambda x: x * 2)
        scope: dict[str, Any] = {"k": 3}
        exec("def made(x):\n    return x * k + 1", scope)
        made = wrap(scope["made"])
        evaluated = wrap(eval("lambda x, y=2: x - y"))
        for _ in range(3):
            yield double(ramp(2)), made(ramp(2)), evaluated(ramp(2)), evaluated(ramp(2), y=1)
        scope["k"] = 4
        yield made(ramp(2)), made(ramp(2))

    same(scenario, hits=8)


def test_functions_that_wrap_others() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        def decorate(function: Any) -> Any:
            @functools.wraps(function)
            def inner(*args: Any, **kwargs: Any) -> Any:
                return function(*args, **kwargs) + 1

            return inner

        @wrap
        @decorate
        def outside(x: Any, k: Any = 2) -> Any:
            return x * k

        @decorate
        @wrap
        def inside(x: Any, k: Any = 2) -> Any:
            return x * k

        for _ in range(3):
            yield outside(ramp(2)), inside(ramp(2)), outside(ramp(2), k=3), outside.__name__, inside.__name__
        yield str(inspect.signature(outside)), str(inspect.signature(inside))

    same(scenario, hits=6)


def test_decorator_with_parentheses() -> None:
    @trace()
    def f(x: Any) -> Any:
        return x + 1

    assert f(ramp(2)).tolist() == f(ramp(2)).tolist() == [1, 2]
    assert f.entries[0].hits == 1


def test_mistaken_uses_say_what_to_do() -> None:
    with pytest.raises(ArgumentTypeError, match="not the class Scaler; decorate the methods"):
        trace(Scaler)
    with pytest.raises(ArgumentTypeError, match="write @trace below @property"):
        trace(property(plain))  # type: ignore[call-overload]
    with pytest.raises(ArgumentTypeError, match="write @trace below @cached_property"):
        trace(functools.cached_property(plain))  # type: ignore[call-overload]
    with pytest.raises(ArgumentTypeError, match="takes a function, not a int"):
        trace(3)  # type: ignore[call-overload]
    with pytest.raises(ArgumentTypeError, match="not the class Scaler"):
        trace()(Scaler)


def test_builtins() -> None:
    def scenario(wrap: Wrap) -> Iterator[Any]:
        functions = [wrap(function) for function in (abs, len, tg.exp, max, str.upper, divmod)]
        for _ in range(3):
            yield [function(ramp(3)) for function in functions[:3]], outcome(lambda: functions[3](ramp(3)))
            yield functions[4]("a"), outcome(lambda: functions[5](7, 2)), functions[1].__name__

    same(scenario)
