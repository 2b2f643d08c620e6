"""A traced function is a function: methods, copies, nesting, threads, generators and coroutines."""

import asyncio
import copy
import functools
import inspect
import pickle
import sys
import threading

from tests.soundness.corpus import program
from tests.soundness.snapshot import outcome


def doubled(x):
    """Twice the argument."""
    return x * 2


@program(verdict="static")
def name_and_documentation(T, wrap):
    """Name, docstring, signature and module are those of the plain function."""
    f = wrap(doubled)
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x), f.__name__, f.__doc__, f.__module__, str(inspect.signature(f)), callable(f)


@program(verdict="static")
def method_of_a_class(T, wrap):
    """A decorated method sees its own instance."""

    class Layer:
        def __init__(self, k):
            self.k = k

        @wrap
        def run(self, x):
            return x * self.k

    one, two = Layer(2.0), Layer(3.0)
    x = T.tensor([1.0, 2.0])
    for _ in range(3):
        yield one.run(x), two.run(x), Layer.run(one, x)
    one.k = 5.0
    yield one.run(x), one.run(x)


@program(verdict="static")
def static_and_class_methods(T, wrap):
    """Decorated below `staticmethod` and `classmethod`; a subclass has a number of its own."""

    class Layer:
        k = 2.0

        @staticmethod
        @wrap
        def plus(x):
            return x + 1

        @classmethod
        @wrap
        def times(cls, x):
            return x * cls.k

    class Other(Layer):
        k = 3.0

    x = T.tensor([1.0, 2.0])
    for _ in range(3):
        yield Layer.plus(x), Other().plus(x), Layer.times(x), Other.times(x)


@program(verdict="static")
def bound_method_wrapped(T, wrap):
    """A bound method is wrapped; its object changes."""

    class Layer:
        k = 2.0

        def run(self, x):
            return x * self.k

    layer = Layer()
    f = wrap(layer.run)
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    layer.k = 3.0
    yield f(x), f(x)


@program(verdict="static")
def callable_object_wrapped(T, wrap):
    """An object with `__call__` is wrapped."""

    class Layer:
        def __init__(self):
            self.k = 2.0

        def __call__(self, x):
            return x * self.k

    layer = Layer()
    f = wrap(layer)
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    layer.k = 3.0
    yield f(x), f(x)


@program(verdict="static")
def partial_of_a_traced_function(T, wrap):
    """`functools.partial` around the traced function, and below it."""
    f = wrap(lambda x, k, bias=0.0: x * k + bias)
    double, triple = functools.partial(f, k=2.0), functools.partial(f, k=3.0, bias=1.0)
    g = wrap(functools.partial(lambda k, x: x * k, 4.0))
    x = T.tensor([1.0, 2.0])
    for _ in range(3):
        yield double(x), triple(x), g(x)


@program(verdict="static")
def traced_calls_traced(T, wrap):
    """Traced functions call each other and are called alone, too."""
    inner = wrap(lambda x: x * 2)
    outer = wrap(lambda x: inner(x) + inner(x + 1))
    x = T.tensor([1.0, 2.0])
    for _ in range(2):
        yield outer(x), inner(x)
    inner = wrap(lambda x: x * 3)
    yield outer(x), outer(x), inner(x), inner(x)


@program(verdict="static")
def recursion_with_a_number(T, wrap):
    """A traced function calls itself by its name."""

    @wrap
    def power(x, n):
        return x if n == 1 else x * power(x, n - 1)

    x = T.tensor([1.0, 2.0])
    for n in (3, 3, 1, 4, 1, 4):
        yield power(x, n)


@program(verdict="static")
def mutual_recursion(T, wrap):
    """Two helpers call each other."""

    def even(x, n):
        return x * 2 if n == 0 else odd(x + 1, n - 1)

    def odd(x, n):
        return -x if n == 0 else even(x, n - 1)

    f = wrap(even)
    for n in (2, 3, 2, 3):
        yield f(T.tensor([1.0, 2.0]), n)


@program(verdict="static")
def user_decorators_around(T, wrap):
    """Decorators above and below the tracing one; the lower one reads a number that changes."""
    factor = 10.0

    def scaled(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            return function(*args, **kwargs) * factor

        return inner

    @scaled
    @wrap
    @scaled
    def f(x):
        return x + 1

    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    factor = 100.0
    yield f(x), f(x)


@program(verdict="static")
def copies_of_a_traced_function(T, wrap):
    """A copy and a deep copy behave alike."""
    k = 2.0
    f = wrap(lambda x: x * k)
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    one, two = copy.copy(f), copy.deepcopy(f)
    yield one(x), two(x)
    k = 3.0
    yield one(x), two(x), f(x), f(x)


@program(verdict="static", torch=False)
def pickled_traced_function(T, wrap):
    """The traced function goes through pickle as its plain function does."""
    f = wrap(doubled)
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    original, globals()["doubled"] = doubled, f
    try:
        again = pickle.loads(pickle.dumps(f)) if f is not original else f
    except pickle.PicklingError:
        again = f
    finally:
        globals()["doubled"] = original
    yield again(x), again(x)


@program(verdict="static")
def threads_at_once(T, wrap):
    """Four threads make the first calls and many later ones."""
    w = T.tensor([1.0, 2.0])
    f = wrap(lambda x: x * w + 1)
    results, start = [None] * 4, threading.Barrier(4)

    def work(number):
        start.wait()
        results[number] = [f(T.tensor([float(number), float(turn)])) for turn in range(8)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield results
    yield f(w), f(w)


@program(verdict="plain")
def generator_function_traced(T, wrap):
    """A generator function: each element is computed when it is asked for."""
    state = {"k": 1.0}

    @wrap
    def rows(x):
        for row in x:
            yield row * state["k"]

    for _ in range(2):
        source = rows(T.tensor([[1.0, 2.0], [3.0, 4.0]]))
        yield next(source)
        state["k"] += 1
        yield list(source)


@program(verdict="plain")
def generator_with_send_and_close(T, wrap):
    """A traced generator is sent values and closed; its `finally` runs then."""
    journal = []

    @wrap
    def running_sum(x):
        try:
            while True:
                x = x + (yield x * 2)
        finally:
            journal.append("closed")

    for _ in range(2):
        source = running_sum(T.tensor([1.0, 2.0]))
        yield next(source), source.send(1.0), source.send(2.0), list(journal)
        source.close()
        yield list(journal)


@program(verdict="plain")
def coroutine_function_traced(T, wrap):
    """A coroutine function, run twice at once."""

    @wrap
    async def f(x, turns):
        for _ in range(turns):
            x = x * 2
            await asyncio.sleep(0)
        return x

    async def both():
        return await asyncio.gather(f(T.tensor([1.0, 2.0]), 2), f(T.tensor([3.0, 4.0]), 3))

    for _ in range(2):
        yield asyncio.run(both())


@program(verdict="plain")
def asynchronous_generator_traced(T, wrap):
    """An asynchronous generator, consumed by a comprehension."""

    @wrap
    async def rows(x):
        for row in x:
            await asyncio.sleep(0)
            yield row * 2

    async def gather():
        return [row async for row in rows(T.tensor([[1.0], [2.0]]))]

    for _ in range(2):
        yield asyncio.run(gather())


@program(verdict="static")
def called_from_a_callback(T, wrap):
    """The traced function is a key function and an argument of `map`."""
    f = wrap(lambda x: x * 2)
    x = T.tensor([1.0, 2.0])
    for _ in range(2):
        yield list(map(f, [x, x + 1])), functools.reduce(lambda total, part: total + f(part), [x, x], x)


@program(verdict="static")
def calls_with_wrong_types(T, wrap):
    """Arguments that the operations refuse raise, and spoil nothing."""
    f = wrap(lambda a, b: a @ b)
    x, y = T.ones(2, 3), T.ones(3, 2)
    yield f(x, y), f(x, y)
    for pair in ((x, x), (x, None), (x, "y"), (None, y)):
        yield type(outcome(f, *pair)).__name__
    yield f(x, y), f(y, x), f(y, x)


@program(verdict="co-executed", limit="frames of the library stand between the caller and the function")
def name_of_the_caller(T, wrap):
    """The function looks who has called it."""
    f = wrap(lambda x: (x * 2, sys._getframe(1).f_code.co_name))

    def first(x):
        return f(x)

    def second(x):
        return f(x)

    x = T.tensor([1.0, 2.0])
    yield first(x), second(x), first(x)


@program(verdict="co-executed")
def attribute_of_the_function_itself(T, wrap):
    """The function counts its calls in an attribute of its own."""

    @wrap
    def f(x):
        f.calls += 1
        return x * f.calls

    f.calls = 0
    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), f.calls
    f.calls = 10
    yield f(T.tensor([1.0, 2.0])), f.calls


@program(verdict="static")
def attribute_of_a_helper_function(T, wrap):
    """A helper reads a number that is kept in its attribute."""

    def helper(x):
        return x * helper.k

    helper.k = 2.0
    f = wrap(lambda x: helper(x))
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    helper.k = 3.0
    yield f(x), f(x)


@program(verdict="static")
def property_of_a_class_traced(T, wrap):
    """The getter of a property is traced."""

    class Box:
        def __init__(self, x):
            self.x = x

        twice = property(wrap(lambda self: self.x * 2))

    box = Box(T.tensor([1.0, 2.0]))
    yield box.twice, box.twice
    box.x = T.tensor([3.0, 4.0])
    yield box.twice, box.twice


@program(verdict="co-executed")
def coroutine_run_inside(T, wrap):
    """An event loop is run within the call."""

    async def double(x):
        await asyncio.sleep(0)
        return x * 2

    f = wrap(lambda x: asyncio.run(double(x)))
    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0]))
