"""All kinds of arguments: structures, Python values, layouts, and many kinds of calls in turn."""

import collections
import dataclasses
import enum
import functools

import numpy as np

from tests.soundness.corpus import program
from tests.soundness.snapshot import outcome


@program(verdict="static")
def python_numbers(T, wrap):
    """Numbers that compare equal but are of different types give results of different dtypes."""
    f = wrap(lambda x, k: x * k)
    x = T.tensor([1, 2, 3])
    for k in (1, 1.0, True, 1, 1.0, True, 2):
        yield f(x, k)
    yield f(x, 1)


@program(verdict="static")
def signed_zero_and_nan(T, wrap):
    """-0.0 is not 0.0 as an argument, and NaN is itself."""
    f = wrap(lambda x, k: x / (x * 0 + k))
    x = T.tensor([1.0, 2.0])
    for k in (0.0, -0.0, float("nan"), 0.0, -0.0, float("nan")):
        yield f(x, k)


@program(verdict="static")
def keyword_and_positional(T, wrap):
    """The same call spelled in several ways, and in another order."""

    @wrap
    def f(a, /, b, *, c=1.0):
        return a * 2 + b * c

    x, y = T.tensor([1.0, 2.0]), T.tensor([3.0, 4.0])
    for _ in range(2):
        yield f(x, y), f(x, b=y), f(x, b=y, c=2.0), f(x, c=2.0, b=y), f(y, x)


@program(verdict="static")
def star_arguments(T, wrap):
    """Any number of tensors and of keywords, whose order is seen."""

    @wrap
    def f(*tensors, **named):
        total = tensors[0] * len(tensors)
        for name, tensor in named.items():
            total = total * 2 + tensor * len(name)
        return total, list(named)

    x = T.tensor([1.0, 2.0])
    for _ in range(2):
        yield f(x), f(x, x), f(x, a=x, bb=x * 2), f(x, bb=x * 2, a=x)


@program(verdict="static")
def wrong_arguments(T, wrap):
    """Calls with missing, surplus and unknown arguments raise what the plain function raises."""

    def scale(x, k):
        return x * k

    f = wrap(scale)
    x = T.tensor([1.0, 2.0])
    yield f(x, 2.0), f(x, 2.0)
    yield outcome(f, x), outcome(f, x, 1.0, 2.0), outcome(f, x, j=1.0), outcome(f)
    yield f(x, 2.0)


@program(verdict="static")
def nested_containers(T, wrap):
    """Lists, tuples and dicts in each other."""
    f = wrap(lambda tree: {"sum": tree["a"][0] + tree["b"][1]["c"], "rest": [tree["a"][0] * 2, *tree["b"][:1]]})
    for start in (1.0, 2.0, 3.0):
        x = T.tensor([start, 2.0])
        yield f({"a": [x], "b": (x * 2, {"c": x + 1})})
        yield f({"a": [x, x], "b": (3.0, {"c": x + 1})})


@program(verdict="static")
def list_or_tuple(T, wrap):
    """A list and a tuple of the same tensors are told apart."""
    f = wrap(lambda parts: parts[0] * 2 if isinstance(parts, list) else parts[0] + 1)
    x = T.tensor([1.0, 2.0])
    for _ in range(2):
        yield f([x]), f((x,))


@program(verdict="static")
def namedtuple_argument(T, wrap):
    """A namedtuple goes in and another one comes out."""
    State = collections.namedtuple("State", "position velocity")

    @wrap
    def f(state):
        return state._replace(position=state.position + state.velocity)

    state = State(T.tensor([1.0, 2.0]), T.tensor([0.5, 0.5]))
    for _ in range(3):
        state = f(state)
        yield state, state.position


@program(verdict="static")
def dataclass_of_tensors(T, wrap):
    """A dataclass with tensors goes in, a new one comes out."""

    @dataclasses.dataclass
    class State:
        x: object
        steps: int = 0

    f = wrap(lambda state: dataclasses.replace(state, x=state.x * 2, steps=state.steps + 1))
    for steps in (0, 0, 1, 0):
        yield f(State(T.tensor([1.0, 2.0]), steps))


@program(verdict="static")
def ordered_and_subclassed_dicts(T, wrap):
    """A dict, an OrderedDict and a dict subclass with an own `__getitem__`."""

    class Doubling(dict):
        def __getitem__(self, key):
            return super().__getitem__(key) * 2

    f = wrap(lambda table: table["x"] + 1)
    for _ in range(2):
        for kind in (Doubling, dict, collections.OrderedDict):
            yield f(kind(x=T.tensor([1.0, 2.0])))


@program(verdict="static")
def strings_none_and_flags(T, wrap):
    """Python values that select: None, strings, booleans, Enum members, tuples of them."""

    class Kind(enum.Enum):
        SUM = "sum"
        MEAN = "mean"

    @wrap
    def f(x, kind=None, options=()):
        if kind is None:
            return x
        y = x.sum() if kind in (Kind.SUM, "sum") else x.mean()
        return y * 2 if "double" in options else y

    x = T.tensor([1.0, 2.0])
    for _ in range(2):
        for kind in (None, "sum", Kind.SUM, Kind.MEAN):
            yield f(x, kind), f(x, kind, ("double",))


@program(verdict="static")
def functions_as_arguments(T, wrap):
    """An activation is passed in: library functions, lambdas, partials."""
    f = wrap(lambda x, act: act(x) + 1)
    x = T.tensor([-1.0, 2.0])
    double = lambda x: x * 2
    for _ in range(2):
        yield f(x, T.relu), f(x, T.tanh), f(x, double)
    yield f(x, functools.partial(T.clamp, min=0.5)), f(x, double)


@program(verdict="static")
def dtypes_as_arguments(T, wrap):
    """A dtype is an argument."""
    f = wrap(lambda x, dtype: x.to(dtype) * 2)
    x = T.tensor([1.5, 2.5])
    for _ in range(2):
        for dtype in (T.float64, T.int64, T.float32):
            yield f(x, dtype)


@program(verdict="static")
def slices_and_ellipsis(T, wrap):
    """Indices are arguments: integers, slices, None, Ellipsis, tuples of them."""
    f = wrap(lambda x, index: x[index] * 2)
    x = T.arange(6).float().reshape(2, 3)
    for _ in range(2):
        for index in (0, -1, slice(1), slice(None, None, 2), None, ..., (0, 1), (..., 0), (slice(None), slice(1, 3))):
            yield f(x, index)
    yield outcome(f, x, 5)
    yield f(x, 0)


@program(verdict="static")
def numpy_scalars(T, wrap):
    """NumPy scalars as factors."""
    f = wrap(lambda x, k: x * float(k))
    x = T.tensor([1.0, 2.0])
    for k in (np.float32(2.0), np.int64(2), 2.0, np.float32(2.0), np.float32(3.0), np.float32(3.0)):
        yield f(x, k)


@program(verdict="co-executed")
def numpy_array_argument(T, wrap):
    """An array is an argument, with other contents each time."""
    f = wrap(lambda x, array: x + T.tensor(array))
    x = T.tensor([1.0, 2.0])
    for start in (1.0, 2.0, 3.0):
        yield f(x, np.array([start, 2.0], dtype=np.float32))
    array = np.zeros(2, dtype=np.float32)
    yield f(x, array)
    array += 5
    yield f(x, array)


@program(verdict="static")
def many_shapes(T, wrap):
    """Several shapes and ranks in turn, and back again."""
    f = wrap(lambda x: (x * 2).sum(-1) + x.shape[0])
    for _ in range(2):
        for shape in ((2,), (3,), (1,), (2, 2), (1, 2, 2), (0,), (2, 0), (0, 2)):
            yield f(T.ones(*shape))


@program(verdict="co-executed")
def endlessly_many_shapes(T, wrap):
    """More kinds of calls than any limit allows: right all the same."""
    f = wrap(lambda x: x.sum() * 2)
    yield [f(T.ones(n)) for n in range(1, 40)]
    yield [f(T.ones(n)) for n in range(1, 40)]


@program(verdict="static")
def zero_dimensional(T, wrap):
    """0-d tensors and their neighbours of one element."""
    f = wrap(lambda a, b: a * b + 1)
    for _ in range(2):
        for a, b in ((2.0, 3.0), ([2.0], 3.0), (2.0, [3.0]), ([2.0], [[3.0]])):
            yield f(T.tensor(a), T.tensor(b))


@program(verdict="static")
def layouts(T, wrap):
    """Transposed, strided, expanded and flipped arguments of one shape."""
    f = wrap(lambda x: (x * 2 + x.sum(0), x.is_contiguous()))
    base = T.arange(4).float().reshape(2, 2)
    wide = T.arange(8).float().reshape(2, 4)
    for _ in range(2):
        for x in (base, base.t(), wide[:, ::2], T.tensor([1.0, 2.0]).expand(2, 2), base.flip(0)):
            yield f(x)


@program(verdict="static")
def dtype_of_the_argument(T, wrap):
    """Arguments of many dtypes in turn."""
    f = wrap(lambda x: (x + x, x * 1.5, x.sum()))
    for _ in range(2):
        for dtype in (T.float32, T.float64, T.int64, T.int32, T.bool):
            yield f(T.tensor([1, 0], dtype=dtype))


@program(verdict="static")
def learning_rate_schedule(T, wrap):
    """A float that is another one on each call, at first."""
    f = wrap(lambda x, rate: x - x * rate)
    x = T.tensor([1.0, 2.0])
    for rate in (0.5, 0.25, 0.125, 0.5, 0.25, 0.125):
        yield f(x, rate)


@program(verdict="static")
def requires_grad_of_the_argument(T, wrap):
    """Arguments with and without a need for gradients in turn."""
    f = wrap(lambda x: (x * x).sum())
    for needs in (False, True, False, True):
        x = T.tensor([1.0, 2.0], requires_grad=needs)
        y = f(x)
        if needs:
            y.backward()
        yield y, x


@program(verdict="static")
def missing_is_not_none(T, wrap):
    """A sentinel default tells "not given" from None."""
    missing = object()

    @wrap
    def f(x, bias=missing):
        if bias is missing:
            return x * 2
        return x if bias is None else x + bias

    x = T.tensor([1.0, 2.0])
    for _ in range(2):
        yield f(x), f(x, None), f(x, 1.0), f(x, missing)


@program(verdict="static")
def closures_of_one_code(T, wrap):
    """Functions made by one factory are arguments, each made anew for its call."""
    f = wrap(lambda x, act: act(x))
    x = T.tensor([1.0, 2.0])

    def make(k):
        return lambda y: y * k

    for number in range(12):
        yield f(x, make(float(number % 3)))
    double = make(2.0)
    yield f(x, double), f(x, double)


@program(verdict="static")
def bound_methods_and_partials(T, wrap):
    """Bound methods and partials, made anew for each call, whose objects and numbers differ."""

    class Layer:
        def __init__(self, k):
            self.k = k

        def run(self, x):
            return x * self.k

    f = wrap(lambda x, act: act(x))
    x, one, two = T.tensor([1.0, 2.0]), Layer(2.0), Layer(3.0)
    for _ in range(2):
        yield f(x, one.run), f(x, two.run), f(x, functools.partial(T.clamp, max=1.5))
    yield f(x, functools.partial(T.clamp, max=1.25))
    one.k = 5.0
    run = one.run
    yield f(x, run), f(x, run), f(x, run)


@program(verdict="co-executed")
def iterators_as_arguments(T, wrap):
    """Iterators and generators are arguments, and are used up."""
    f = wrap(lambda x, source: x * next(source))
    x, numbers = T.tensor([1.0, 2.0]), iter([1.0, 2.0, 3.0, 4.0])
    yield f(x, numbers), f(x, numbers), next(numbers), f(x, numbers)
    numbers = (float(k) for k in range(5))
    yield f(x, numbers), f(x, numbers), next(numbers), f(x, numbers)


@program(verdict="static")
def live_views_of_containers(T, wrap):
    """A dict's values, a set and a bytearray as arguments, which the caller changes."""
    table, numbers, raw = {"a": 1.0}, {1.0, 2.0}, bytearray(b"\1\2")
    f = wrap(lambda x, numbers: x * sum(numbers))
    x = T.tensor([1.0, 2.0])
    for source in (raw, numbers, table.values()):
        yield f(x, source), f(x, source)
    table["b"], raw[0] = 2.0, 7
    numbers.add(5.0)
    for source in (raw, numbers, table.values()):
        yield f(x, source), f(x, source)
