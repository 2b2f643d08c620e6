"""Who shares memory with whom: arguments, views, results, and what the caller does to them later."""

import numpy as np

from tests.soundness.corpus import program


@program(verdict="static")
def results_are_fresh(T, wrap):
    """An earlier result is not changed by a later call (TinyJit overwrites it)."""
    f = wrap(lambda x: x * 2)
    results = []
    for start in (1.0, 2.0, 3.0, 4.0):
        results.append(f(T.tensor([start, 2.0])))
        yield list(results)


@program(verdict="static")
def result_mutated_by_the_caller(T, wrap):
    """The caller writes into a result; the next result is right."""
    f = wrap(lambda x: x * 2)
    x = T.tensor([1.0, 2.0])
    for _ in range(4):
        y = f(x)
        yield y
        y.fill_(-1.0)
        yield y, x


@program(verdict="static")
def constant_result_mutated_by_the_caller(T, wrap):
    """A tensor made of constants alone must be another one on each call."""

    @wrap
    def f():
        return T.zeros(2), T.tensor([1.0, 2.0]) * 2

    for _ in range(3):
        a, b = f()
        yield a, b
        a.add_(5)
        b.add_(5)


@program(verdict="static")
def argument_mutated_by_the_caller(T, wrap):
    """The caller changes the argument after the call; the result stays."""
    f = wrap(lambda x: (x * 2, x.clone()))
    x = T.tensor([1.0, 2.0])
    kept = []
    for _ in range(3):
        kept.append(f(x))
        x.add_(1)
        yield list(kept)


@program(verdict="static")
def same_tensor_twice(T, wrap):
    """One tensor as both arguments, then two equal ones."""

    @wrap
    def f(a, b):
        a.add_(1)
        return a + b

    for _ in range(2):
        x = T.tensor([1.0, 2.0])
        yield f(x, x), x
        y, z = T.tensor([1.0, 2.0]), T.tensor([1.0, 2.0])
        yield f(y, z), y, z


@program(verdict="co-executed")
def overlapping_views_as_arguments(T, wrap):
    """Two arguments are windows on the same memory, shifted by one."""

    @wrap
    def f(a, b):
        a.mul_(2)
        return a + b

    for _ in range(3):
        base = T.tensor([1.0, 2.0, 3.0])
        yield f(base[:2], base[1:]), base
    for _ in range(2):
        base = T.tensor([1.0, 2.0, 3.0, 4.0])
        yield f(base[1:3], base[2:4]), base


@program(verdict="static")
def disjoint_then_overlapping(T, wrap):
    """The arguments are apart in some calls and overlap in others."""

    @wrap
    def f(a, b):
        a.mul_(2)
        return a + b

    for _ in range(2):
        base = T.tensor([1.0, 2.0, 3.0, 4.0])
        yield f(T.tensor([1.0, 2.0]), T.tensor([5.0, 6.0]))
        yield f(base[:2], base[1:3]), base
    yield f(T.tensor([1.0, 2.0]), T.tensor([5.0, 6.0]))
    yield f(T.tensor([2.0, 2.0]), T.tensor([5.0, 6.0]))


@program(verdict="co-executed")
def argument_is_a_view_of_a_captured_tensor(T, wrap):
    """The argument overlaps the buffer that is written to, in some calls."""
    buffer = T.tensor([1.0, 2.0, 3.0])

    @wrap
    def f(x):
        buffer.add_(1)
        return x * 2

    yield f(T.tensor([1.0, 2.0])), f(T.tensor([1.0, 2.0])), buffer
    for _ in range(3):
        yield f(buffer[1:]), buffer
    yield f(buffer[:2]), buffer


@program(verdict="static")
def output_is_the_input(T, wrap):
    """The argument comes back unchanged, the same object, in a structure."""
    f = wrap(lambda x, y: {"x": x, "sum": x + y, "both": [x, y, x]})
    for _ in range(3):
        x, y = T.tensor([1.0, 2.0]), T.tensor([3.0, 4.0])
        found = f(x, y)
        yield found, found["x"] is x, found["both"][1] is y, found["both"][2] is x


@program(verdict="static")
def output_is_a_view_of_the_input(T, wrap):
    """Writing to the result writes to the argument."""
    f = wrap(lambda x: (x[0], x.t(), x.reshape(4)))
    for _ in range(3):
        x = T.tensor([[1.0, 2.0], [3.0, 4.0]])
        row, turned, flat = f(x)
        row.zero_()
        turned[1, 1] = 9.0
        flat[2] = 8.0
        yield x, row, turned, flat


@program(verdict="static")
def output_is_a_captured_tensor(T, wrap):
    """The captured tensor comes back, the same object; the caller writes into it."""
    w = T.tensor([1.0, 2.0])
    f = wrap(lambda x: (w, x * w))
    for _ in range(3):
        found, product = f(T.tensor([1.0, 2.0]))
        yield found is w, product
        found.add_(1)


@program(verdict="static")
def one_tensor_returned_twice(T, wrap):
    """The same new tensor stands twice in the result, and a view of it."""

    @wrap
    def f(x):
        y = x * 2
        return y, y, y[:1]

    for start in (1.0, 2.0, 3.0):
        a, b, c = f(T.tensor([start, 2.0]))
        a.add_(1)
        yield a is b, a, b, c


@program(verdict="static")
def equal_results_are_not_one(T, wrap):
    """Two results that are computed alike are different objects with memory of their own."""
    f = wrap(lambda x: (x * 2, x * 2))
    for _ in range(3):
        a, b = f(T.tensor([1.0, 2.0]))
        a.add_(1)
        yield a is b, a, b


@program(verdict="static")
def view_or_copy(T, wrap):
    """`reshape` and `contiguous` give a view or a copy, depending on the layout."""
    f = wrap(lambda x: (x.reshape(4), x.contiguous()))
    for _ in range(2):
        for turned in (False, True):
            x = T.tensor([[1.0, 2.0], [3.0, 4.0]])
            flat, packed = f(x.t() if turned else x)
            flat[1] = 9.0
            packed[0, 0] = 8.0
            yield x, flat, packed


@program(verdict="static")
def memory_of_a_numpy_array(T, wrap):
    """An argument made from an array shares its memory."""
    array = np.array([1.0, 2.0], dtype=np.float32)
    x = T.from_numpy(array)

    @wrap
    def f(x):
        x.add_(1)
        return x * 2

    for _ in range(3):
        yield f(x), array
        array += 10


@program(verdict="static")
def chain_of_views_written(T, wrap):
    """A view of a view is written to, then the view in between is read."""

    @wrap
    def f(x):
        middle = x[1:]
        inner = middle[:, 0]
        inner.add_(10)
        middle.mul_(2)
        return inner, middle.sum(), x.sum()

    for _ in range(3):
        x = T.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        yield f(x), x


@program(verdict="static")
def detached_view_is_the_same_memory(T, wrap):
    """`detach` shares memory: a write through it is seen in the tensor."""
    w = T.tensor([1.0, 2.0], requires_grad=True)

    @wrap
    def f(x):
        w.detach().mul_(x)
        return w.detach() + 0

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0])), w


@program(verdict="static")
def rows_of_one_tensor_as_arguments(T, wrap):
    """The rows of a batch are arguments of their own and are not written to."""
    f = wrap(lambda a, b: a * b)
    for start in (1.0, 2.0, 3.0):
        batch = T.tensor([[start, 2.0], [3.0, 4.0]])
        yield f(batch[0], batch[1]), f(*batch), f(batch[0], batch[0])


@program(verdict="static")
def identity_of_arguments_decides(T, wrap):
    """`a is b` is a condition of Python."""
    f = wrap(lambda a, b: a * 2 if a is b else a + b)
    for _ in range(2):
        x, y = T.tensor([1.0, 2.0]), T.tensor([1.0, 2.0])
        yield f(x, x), f(x, y), f(y, y)


@program(verdict="static")
def result_fed_back(T, wrap):
    """Each result is the next argument, as in a simulation."""
    f = wrap(lambda x, v: (x + v * 0.5, v - x * 0.5))
    x, v = T.tensor([1.0, 2.0]), T.tensor([0.0, 0.0])
    for _ in range(5):
        x, v = f(x, v)
        yield x, v


@program(verdict="static")
def operations_that_do_nothing(T, wrap):
    """Which operations return the argument itself, which a view, which a copy."""
    F = T.nn.functional

    @wrap
    def f(x):
        views = (x.detach(), x.view(2), x.reshape(2), x.expand(2), x.squeeze(), x[:], x[...])
        same = (x.contiguous(), x.to(T.float32), x.float(), F.dropout(x, 0.5, training=False), T.nn.Identity()(x))
        return (*views, *same, x.clone())

    for _ in range(3):
        x = T.tensor([1.0, 2.0])
        found = f(x)
        yield [each is x for each in found]
        for number, each in enumerate(found):
            each[0] = float(number)
            yield x


@program(verdict="static")
def one_tensor_in_two_places(T, wrap):
    """The same tensor stands twice in nested arguments and is written to."""

    @wrap
    def f(tree):
        tree[0].add_(1)
        tree[1][0].mul_(2)
        return tree[0] + tree[1][0]

    for _ in range(3):
        x, y, z = T.tensor([1.0, 2.0]), T.tensor([1.0, 2.0]), T.tensor([1.0, 2.0])
        yield f([x, [x]]), x, f([y, [z]]), y, z


@program(verdict="static")
def argument_is_the_captured_tensor(T, wrap):
    """The captured tensor, which is written to, is the argument in some calls."""
    w = T.tensor([1.0, 2.0])

    @wrap
    def f(x):
        w.add_(1)
        return x * w, x is w

    for _ in range(3):
        yield f(w), f(T.tensor([1.0, 2.0])), w


@program(verdict="static")
def positions_written(T, wrap):
    """Augmented assignments at positions given by a tensor."""
    table = T.zeros(4)

    @wrap
    def f(where, x):
        table[where] += x
        table[where[:1]] *= 2
        return table * 1

    for where in ([0, 1, 2], [3, 2, 1], [1, 0, 3]):
        yield f(T.tensor(where), T.tensor([1.0, 2.0, 3.0])), table
