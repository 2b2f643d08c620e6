"""Plain Python of every kind around the operations."""

import contextvars
import dataclasses
import functools
import gc
import itertools
import operator
import re
import types
import weakref

from tests.soundness.corpus import program
from tests.soundness.snapshot import outcome


@program(verdict="co-executed")
def cached_with_lru_cache(T, wrap):
    """A helper under `lru_cache`: its counts are seen, its results are the same objects."""

    @functools.lru_cache(maxsize=2)
    def factor(k):
        return T.tensor([k, k])

    f = wrap(lambda x, k: x * factor(k))
    x = T.tensor([1.0, 2.0])
    for k in (1.0, 1.0, 2.0, 3.0, 1.0):
        yield f(x, k), tuple(factor.cache_info())


@program(verdict="co-executed")
def cached_property_on_first_use(T, wrap):
    """`cached_property` computes once; the cached value is changed by hand later."""
    computed = []

    class Layer:
        @functools.cached_property
        def k(self):
            computed.append(1)
            return 2.0

    f = wrap(lambda x, layer: x * layer.k)
    x, layer = T.tensor([1.0, 2.0]), Layer()
    yield f(x, layer), f(x, layer), len(computed)
    layer.k = 3.0
    yield f(x, layer), f(x, Layer()), f(x, Layer()), len(computed)


@program(verdict="co-executed")
def single_dispatch(T, wrap):
    """`singledispatch` by the type of a helper's argument."""

    @functools.singledispatch
    def scale(k, x):
        return x

    @scale.register
    def _(k: int, x):
        return x * k

    @scale.register
    def _(k: str, x):
        return x + len(k)

    f = wrap(lambda x, k: scale(k, x))
    x = T.tensor([1.0, 2.0])
    for k in (2, "abc", None, 2, "abc", None):
        yield f(x, k)


@program(verdict="co-executed")
def structural_matching(T, wrap):
    """`match` on sequences, mappings, classes and guards."""

    @dataclasses.dataclass
    class Scale:
        k: float

    @wrap
    def f(x, command):
        match command:
            case ["add", float(k)] if k > 0:
                return x + k
            case {"scale": k, **rest}:
                return x * k * (1 + len(rest))
            case Scale(k=k):
                return x / k
            case [first, *others]:
                return x - len(others)
            case None | "nothing":
                return x
        raise TypeError(type(command).__name__)

    commands = (["add", 1.0], ["add", -1.0], {"scale": 2.0}, {"scale": 2.0, "a": 1}, Scale(2.0), [1, 2, 3], None)
    for _ in range(2):
        for command in (*commands, "nothing"):
            yield f(T.tensor([1.0, 2.0]), command)
    yield outcome(f, T.tensor([1.0, 2.0]), 7)
    yield f(T.tensor([1.0, 2.0]), None)


@program(verdict="static")
def unpacking_and_swapping(T, wrap):
    """Starred targets, nested unpacking, tuple swaps, augmented assignments."""

    @wrap
    def f(pairs):
        (a, *rest), [b, (c, d)] = pairs
        a, b = b, a
        a += c
        rest[-1] *= 2
        return a, b, rest, d

    x = T.tensor([1.0, 2.0])
    for k in (1.0, 2.0, 1.0):
        y = x * k
        yield f(((y, y + 1, 3.0), [y * 2, (4.0, y)])), x


@program(verdict="static")
def deleted_names(T, wrap):
    """`del` of names and of items of the call."""

    @wrap
    def f(x):
        parts = {"a": x * 2, "b": x * 3}
        a = parts["a"]
        del parts["a"], x
        try:
            return x
        except UnboundLocalError:
            return a + parts["b"], list(parts)

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def sorting_with_keys(T, wrap):
    """Python objects are sorted by keys that change between calls."""
    ranks = {"a": 2, "b": 1, "c": 3}

    @wrap
    def f(x):
        for name in sorted(ranks, key=lambda name: -ranks[name]):
            x = x * 2 + ranks[name]
        return x, min(ranks, key=ranks.get)

    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    ranks["b"] = 5
    yield f(x), f(x)


@program(verdict="static")
def text_sets_and_big_integers(T, wrap):
    """Strings, sets, and integers beyond 64 bits."""

    @wrap
    def f(x, text):
        words = text.split()
        letters = sorted(set("".join(words)))
        big = 2**100 // 3**60
        return x * len(letters) + big % 7 + int("11", 2), [word[::-1].title() for word in words]

    for text in ("ab bc", "ab bc", "xyz", "ab bc"):
        yield f(T.tensor([1.0, 2.0]), text)


@program(verdict="static")
def regular_expression_parses_a_layout(T, wrap):
    """A layout string is parsed with a compiled pattern."""
    pattern = re.compile(r"(\w)->(\w)")

    @wrap
    def f(x, layout):
        a, b = pattern.fullmatch(layout).groups()
        return x.t() if a != b else x * 2

    x = T.tensor([[1.0, 2.0], [3.0, 4.0]])
    for layout in ("a->b", "a->a", "a->b", "a->a"):
        yield f(x, layout)


@program(verdict="static")
def operators_as_functions(T, wrap):
    """`operator` functions, chosen by name, and an `itemgetter`."""
    table = {"+": operator.add, "*": operator.mul, "@": operator.matmul}
    pick = operator.itemgetter(0)
    f = wrap(lambda x, sign: table[sign](x, x) + pick([1.0, 2.0]))
    x = T.tensor([1.0, 2.0])
    for sign in ("+", "*", "@", "+", "*", "@"):
        yield f(x, sign)
    table["+"] = operator.sub
    yield f(x, "+"), f(x, "+")


@program(verdict="static")
def class_made_in_the_call(T, wrap):
    """A class with inheritance, `super()` and operators is made in the call."""

    class Base:
        def __init__(self, x):
            self.x = x

        def __add__(self, other):
            return type(self)(self.x + other.x)

    @wrap
    def f(x):
        class Doubled(Base):
            def __init__(self, x):
                super().__init__(x * 2)

        return (Doubled(x) + Base(x)).x

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def import_inside(T, wrap):
    """Modules are imported in the call."""

    @wrap
    def f(x):
        import math
        from math import floor as down

        return x * math.pi + down(2.5)

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="co-executed")
def context_variable(T, wrap):
    """A context variable is read, and set by the caller."""
    factor = contextvars.ContextVar("factor", default=2.0)
    f = wrap(lambda x: x * factor.get())
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    token = factor.set(3.0)
    yield f(x), f(x)
    factor.reset(token)
    yield f(x)
    yield contextvars.copy_context().run(lambda: (factor.set(5.0), f(x))[1]), f(x)


@program(verdict="co-executed")
def weak_reference(T, wrap):
    """A weak reference dies between the calls."""

    class Box:
        k = 2.0

    box = Box()
    reference = weakref.ref(box)
    f = wrap(lambda x: x * 100 if reference() is None else x * reference().k)
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x), f(x)
    del box
    gc.collect()
    yield f(x), f(x)


@program(verdict="co-executed")
def evaluated_source(T, wrap):
    """`eval` of a text that changes, with the function's own variables."""
    source = "x * 2"
    f = wrap(lambda x: eval(source, {}, {"x": x}))
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    source = "x + 1"
    yield f(x), f(x)


@program(verdict="co-executed")
def looked_up_in_globals(T, wrap):
    """A global is read through `globals()` and a local through `locals()`."""
    namespace = globals()
    namespace["LOOKED_UP"] = 2.0

    @wrap
    def f(x):
        bias = 1.0
        return x * globals()["LOOKED_UP"] + locals()["bias"]

    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    namespace["LOOKED_UP"] = 3.0
    yield f(x), f(x)
    del namespace["LOOKED_UP"]
    yield outcome(f, x)
    namespace["LOOKED_UP"] = 4.0
    yield f(x)


@program(verdict="co-executed")
def attributes_through_vars(T, wrap):
    """`vars(object)` and `__dict__` are read like a dict."""
    box = types.SimpleNamespace(a=2.0, b=3.0)

    @wrap
    def f(x):
        for name, k in sorted(vars(box).items()):
            x = x * k + len(name)
        return x + box.__dict__["a"]

    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    box.a = 4.0
    yield f(x), f(x)
    box.ccc = 1.0
    yield f(x), f(x)


@program(verdict="co-executed")
def identity_as_a_key(T, wrap):
    """A table by `id`, as some memo caches have it."""
    table = {}
    f = wrap(lambda x: x * table.get(id(x), 1.0))
    x, y = T.tensor([1.0, 2.0]), T.tensor([1.0, 2.0])
    yield f(x), f(x)
    table[id(x)] = 5.0
    yield f(x), f(y), f(x)


@program(verdict="co-executed")
def odd_iterator(T, wrap):
    """An outer iterable gives fewer elements each time it is walked through."""

    class Shrinking:
        def __init__(self):
            self.n = 5

        def __iter__(self):
            self.n -= 1
            return iter(range(self.n))

    shrinking = Shrinking()
    f = wrap(lambda x: x + sum(shrinking))
    for _ in range(4):
        yield f(T.tensor([1.0, 2.0])), shrinking.n


@program(verdict="static")
def odd_operands(T, wrap):
    """A class with `__radd__`, `__mul__` and `__float__` of its own meets tensors."""

    class Amount:
        def __init__(self, k):
            self.k = k

        def __radd__(self, other):
            return other + self.k

        def __mul__(self, other):
            return other * self.k

    amount = Amount(2.0)
    f = wrap(lambda x: sum([amount], amount * x))
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    amount.k = 3.0
    yield f(x), f(x)


@program(verdict="static")
def boolean_arithmetic(T, wrap):
    """Python booleans as numbers, short circuits, chained comparisons and conditional expressions of arguments."""
    f = wrap(lambda x, a, b: x * (a < b < 5) + (a and b) + (a or 7) + (1 if not a else 2))
    x = T.tensor([1.0, 2.0])
    for _ in range(2):
        for a, b in ((0, 1), (1, 3), (3, 1), (2, 9)):
            yield f(x, a, b)


@program(verdict="static")
def text_of_shapes(T, wrap):
    """Format specifications, `join`, `%` and nested f-strings, all of things known without the values."""

    @wrap
    def f(x, name):
        head = "x".join(str(size) for size in x.shape)
        return f"{name!r:>8} {head:{len(head) + 2}}|%05.1f" % x.shape[0], x * 2

    for n, name in ((2, "a"), (2, "a"), (3, "b"), (2, "a")):
        yield f(T.ones(n, 1), name)


@program(verdict="static")
def layers_from_a_recipe(T, wrap):
    """A small interpreter: a list of tuples says what is done; the recipe is edited."""
    recipe = [("scale", 2.0), ("shift", 1.0), ("act", "relu")]
    actions = {
        "scale": lambda x, k: x * k,
        "shift": lambda x, k: x + k,
        "act": lambda x, name: getattr(T, "tanh")(x) if name == "tanh" else T.relu(x),
    }

    @wrap
    def f(x):
        for name, setting in recipe:
            x = actions[name](x, setting)
        return x

    x = T.tensor([-1.0, 2.0])
    yield f(x), f(x)
    recipe[0] = ("scale", 3.0)
    yield f(x), f(x)
    recipe[2] = ("act", "tanh")
    recipe.insert(0, ("shift", 5.0))
    yield f(x), f(x)


@program(verdict="static")
def tree_walked_recursively(T, wrap):
    """A nested structure of numbers and tensors is folded; a leaf is exchanged."""
    tree = {"a": [1.0, {"b": T.tensor([1.0, 2.0])}], "c": (2.0, 3.0)}

    def fold(node, x):
        if isinstance(node, dict):
            return functools.reduce(lambda total, key: fold(node[key], total), sorted(node), x)
        if isinstance(node, (list, tuple)):
            return functools.reduce(lambda total, part: fold(part, total), node, x)
        return x * 2 + node

    f = wrap(lambda x: fold(tree, x))
    x = T.tensor([1.0, 1.0])
    yield f(x), f(x)
    tree["a"][1]["b"] = T.tensor([5.0, 6.0])
    yield f(x), f(x)
    tree["c"] = (2.0,)
    yield f(x), f(x)


@program(verdict="static")
def counting_with_itertools(T, wrap):
    """A `count` that is born in the call starts anew each time."""

    @wrap
    def f(x):
        ticket = itertools.count(1)
        return x * next(ticket) + next(ticket) * next(ticket)

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0]))
