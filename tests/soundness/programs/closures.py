"""Closures: cells that are rebound, shared, made in loops, or hold functions that are replaced."""

import functools

from tests.soundness.corpus import program


@program(verdict="static")
def closure_number_rebound(T, wrap):
    """A variable of the enclosing function is rebound between calls."""
    power = 2.0
    f = wrap(lambda x: x + power)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    power = 3.0
    yield f(x), f(x)


@program(verdict="static")
def closure_two_levels_deep(T, wrap):
    """A helper's closure is rebound, not the traced function's."""
    state = 1.0

    def setter(value):
        nonlocal state
        state = value

    def helper(x):
        return x * state

    f = wrap(lambda x: helper(x) + 1)
    x = T.tensor([1.0, 2.0, 3.0])
    for value in (1.0, 1.0, 2.0, 1.0):
        setter(value)
        yield f(x)


@program(verdict="static")
def lambdas_made_in_a_loop(T, wrap):
    """Closures made in a loop all see the last value of its variable."""
    functions = []
    for k in (1.0, 2.0, 3.0):
        functions.append(wrap(lambda x: x * k))  # noqa: B023 - that is the point
    x = T.tensor([1.0, 2.0, 3.0])
    for _ in range(2):
        yield [f(x) for f in functions]
    k = 5.0
    yield [f(x) for f in functions]


@program(verdict="static")
def lambdas_with_default_capture(T, wrap):
    """Closures made in a loop that keep its variable as a default."""
    functions = [wrap(lambda x, k=k: x * k) for k in (1.0, 2.0, 3.0)]
    x = T.tensor([1.0, 2.0, 3.0])
    for _ in range(2):
        yield [f(x) for f in functions]
    yield functions[0](x, 7.0)


@program(verdict="static")
def closure_function_swapped(T, wrap):
    """The activation, a closure variable, is swapped for another function and for a method."""
    act = T.relu
    f = wrap(lambda x: act(x) + 1)
    x = T.tensor([-1.0, 0.0, 2.0])
    yield f(x), f(x)
    act = T.tanh
    yield f(x), f(x)
    act = x.mul
    yield f(x), f(x)


@program(verdict="static")
def factory_functions_do_not_mix(T, wrap):
    """Two functions of one factory share their code, not their cells."""

    def make(k):
        @wrap
        def scaled(x):
            return x * k

        return scaled

    double, triple = make(2.0), make(3.0)
    x = T.tensor([1.0, 2.0, 3.0])
    for _ in range(3):
        yield double(x), triple(x)


@program(verdict="static")
def cell_changed_by_a_setter_inside_the_call(T, wrap):
    """A function made in the call changes a variable of the call: nobody outside sees it."""

    @wrap
    def f(x):
        total = x * 0

        def add(k):
            nonlocal total
            total = total + x * k

        for k in (1.0, 2.0):
            add(k)
        return total

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0, 3.0]))


@program(verdict="static")
def closure_tensor_of_each_instance(T, wrap):
    """Functions of one factory with tensors of their own, written between calls."""
    weights = [T.tensor([1.0, 2.0]), T.tensor([3.0, 4.0])]

    def make(w):
        return wrap(lambda x: x * w)

    functions = [make(w) for w in weights]
    x = T.tensor([1.0, 1.0])
    for _ in range(3):
        yield [f(x) for f in functions]
        weights[0].add_(1)


@program(verdict="static")
def partial_of_a_helper(T, wrap):
    """`functools.partial` inside, with an argument that changes."""
    options = {"k": 2.0}

    def helper(x, *, k, bias=0.0):
        return x * k + bias

    f = wrap(lambda x: functools.partial(helper, bias=1.0)(x, **options))
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    options["k"] = 3.0
    yield f(x), f(x)


@program(verdict="static")
def captured_partial_replaced(T, wrap):
    """A captured partial object is replaced by one with another bound number."""

    def helper(k, x):
        return x * k

    step = functools.partial(helper, 2.0)
    f = wrap(lambda x: step(x))
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    step = functools.partial(helper, 3.0)
    yield f(x), f(x)


@program(verdict="co-executed")
def nonlocal_counter(T, wrap):
    """A counter in the enclosing function goes on with every call."""
    count = 0

    @wrap
    def f(x):
        nonlocal count
        count += 1
        return x * count

    x = T.tensor([1.0, 2.0, 3.0])
    for _ in range(4):
        yield f(x), count


@program(verdict="co-executed")
def running_mean_in_a_closure(T, wrap):
    """A tensor is kept in a nonlocal variable from call to call."""
    mean = None

    @wrap
    def f(x):
        nonlocal mean
        mean = x * 1 if mean is None else (mean + x) * 0.5
        return mean * 2

    for start in (1.0, 2.0, 3.0, 4.0):
        yield f(T.tensor([start, 2.0])), mean


@program(verdict="static")
def composed_with_reduce(T, wrap):
    """Functions of a list are composed with `functools.reduce`; the list changes."""
    stages = [lambda x: x * 2, lambda x: x + 1]
    f = wrap(lambda x: functools.reduce(lambda value, stage: stage(value), stages, x))
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    stages.reverse()
    yield f(x), f(x)


@program(verdict="static")
def comprehension_scopes(T, wrap):
    """A comprehension's variable has the name of a closure variable and leaves it alone."""
    k = 3.0
    f = wrap(lambda x: sum([x * k for k in (1.0, 2.0)]) + k)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    k = 4.0
    yield f(x), f(x)


@program(verdict="static")
def walrus_in_a_comprehension(T, wrap):
    """A walrus in a comprehension binds in the function around it."""

    @wrap
    def f(x, ks):
        parts = [last := x * k for k in ks]
        return parts, last

    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x, (1.0, 2.0)), f(x, (1.0, 2.0)), f(x, (3.0,))


@program(verdict="static")
def unbound_cell(T, wrap):
    """A variable that is unbound for some calls, which raise."""
    k = 2.0
    f = wrap(lambda x: x * k)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    del k
    try:
        f(x)
    except NameError as error:
        yield error
    k = 4.0
    yield f(x), f(x)
