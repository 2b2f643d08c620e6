"""All kinds of results: structures, Python objects, functions, nothing at all."""

import collections
import dataclasses

from tests.soundness.corpus import program


@program(verdict="static")
def no_result(T, wrap):
    """The function returns nothing and only writes."""
    total = T.zeros(2)

    @wrap
    def f(x):
        total.add_(x)

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0])), total


@program(verdict="static")
def python_results(T, wrap):
    """Numbers, strings, sizes and None beside tensors."""
    f = wrap(lambda x: (x * 2, x.shape[0], "name", None, 1.5, True, x.dim(), slice(0, 2)))
    for n in (2, 2, 3, 2):
        yield f(T.ones(n))


@program(verdict="static")
def containers_of_the_call_are_new(T, wrap):
    """Lists and dicts in the result are other objects on each call; the caller fills them."""

    @wrap
    def f(x):
        return {"parts": [x * 2], "tags": []}

    for start in (1.0, 2.0, 3.0):
        found = f(T.tensor([start, 2.0]))
        found["tags"].append("mine")
        found["parts"].append(None)
        yield found


@program(verdict="static")
def outer_container_returned(T, wrap):
    """A list from outside comes back as it is, the same object."""
    names = ["a"]
    f = wrap(lambda x: (names, x * 2))
    for start in (1.0, 2.0, 3.0, 4.0):
        found, y = f(T.tensor([start, 2.0]))
        yield found is names, list(found), y
        if start == 2.0:
            found.append("b")


@program(verdict="static")
def dict_built_in_order(T, wrap):
    """The order of the items of a dict depends on an argument."""
    f = wrap(lambda x, names: {name: x * len(name) for name in names})
    x = T.tensor([1.0, 2.0])
    for _ in range(2):
        yield f(x, ("a", "bb")), f(x, ("bb", "a"))


@program(verdict="static")
def defaultdict_and_counter(T, wrap):
    """Special containers made in the call."""

    @wrap
    def f(x):
        groups = collections.defaultdict(list)
        for number, row in enumerate(x):
            groups[number % 2].append(row * 2)
        return groups, collections.Counter(["a", "b", "a"]), collections.deque([x], maxlen=2)

    for start in (1.0, 2.0, 3.0):
        groups, counts, queue = f(T.tensor([[start], [2.0], [3.0]]))
        yield groups, counts, queue, groups["new"]


@program(verdict="co-executed")
def function_returned(T, wrap):
    """The result is a function that holds a tensor of the call."""
    f = wrap(lambda x: lambda y: x * 2 + y)
    functions = [f(T.tensor([start, 2.0])) for start in (1.0, 2.0, 3.0)]
    yield [g(T.tensor([0.5, 0.5])) for g in functions]


@program(verdict="static")
def object_returned(T, wrap):
    """The result is an object of a class of the user's, with tensors in it."""

    class State:
        def __init__(self, x):
            self.x = x
            self.twice = (x * 2, [x + 1])

    f = wrap(lambda x: State(x * 3))
    for start in (1.0, 2.0, 3.0):
        found = f(T.tensor([start, 2.0]))
        yield found.x, found.twice, type(found) is State


@program(verdict="static")
def frozen_dataclass_returned(T, wrap):
    """A frozen dataclass, which also is a key."""

    @dataclasses.dataclass(frozen=True)
    class Summary:
        total: object
        size: int

    f = wrap(lambda x: Summary(x.sum(), x.shape[0]))
    for n in (2, 2, 3):
        found = f(T.ones(n))
        yield found.total, found.size


@program(verdict="co-executed")
def iterator_returned(T, wrap):
    """`zip` and `map` objects are returned and consumed by the caller."""
    f = wrap(lambda x: (zip(x * 2, [1, 2], strict=True), map(lambda t: t + 1, [x, x * 2])))
    for start in (1.0, 2.0, 3.0):
        pairs, mapped = f(T.tensor([start, 2.0]))
        yield list(pairs), list(mapped)


@program(verdict="static")
def list_that_holds_itself(T, wrap):
    """A circular structure."""

    @wrap
    def f(x):
        loop = [x * 2]
        loop.append(loop)
        return loop

    for start in (1.0, 2.0, 3.0):
        loop = f(T.tensor([start, 2.0]))
        yield loop[1] is loop, loop[0]


@program(verdict="static")
def sizes_and_strings(T, wrap):
    """The shape is returned and formatted into a string."""
    f = wrap(lambda x: (tuple(x.shape), f"{x.shape[0]}x{x.shape[-1]:>3}", x * 2))
    for shape in ((2, 3), (3, 2), (2, 3), (3, 2)):
        yield f(T.ones(*shape))


@program(verdict="static")
def strides_of_results(T, wrap):
    """The layout of results is that of the plain function."""
    f = wrap(lambda x: (x.t() * 2, x.t().contiguous() * 2, x.reshape(-1), T.cat([x, x]).t()))
    for start in (1.0, 2.0, 3.0):
        found = f(T.tensor([[start, 2.0, 3.0], [4.0, 5.0, 6.0]]))
        yield found, [each.is_contiguous() for each in found], [tuple(each.stride()) for each in found]


@program(verdict="static")
def empty_and_scalar_results(T, wrap):
    """Results with no elements and of no dimensions."""
    f = wrap(lambda x: (x[:0] * 2, x.sum(), x[:0].sum(), T.zeros(0, 3)))
    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0]))
