"""Writes into tensors that were there before the call."""

from tests.soundness.corpus import program


@program(verdict="static")
def argument_written_in_place(T, wrap):
    """The argument itself is changed."""

    @wrap
    def f(x):
        x.mul_(2)
        x.add_(1)
        return x.sum()

    x = T.tensor([1.0, 2.0])
    for _ in range(4):
        yield f(x), x


@program(verdict="static")
def argument_returned_after_a_write(T, wrap):
    """The result is the argument, the same object."""
    f = wrap(lambda x: x.add_(1))
    x = T.tensor([1.0, 2.0])
    for _ in range(3):
        result = f(x)
        yield result, result is x


@program(verdict="static")
def captured_buffer_accumulates(T, wrap):
    """A captured tensor adds up all arguments; the caller resets it."""
    total = T.zeros(2)

    @wrap
    def f(x):
        total.add_(x)
        return total * 2

    x = T.tensor([1.0, 2.0])
    for _ in range(3):
        yield f(x), total
    total.zero_()
    yield f(x), total


@program(verdict="static")
def slice_assigned(T, wrap):
    """Slices, rows, columns and single elements of an outer tensor are assigned."""
    grid = T.zeros(3, 3)

    @wrap
    def f(x):
        grid[0] = x
        grid[1:, 0] = x[:2]
        grid[2, 2] = 5.0
        grid[:, 1] += 1
        return grid.sum()

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0, 3.0])), grid


@program(verdict="static")
def written_through_a_view(T, wrap):
    """A view made in the call is written to; its base is an argument."""

    @wrap
    def f(x):
        row = x[1]
        row.mul_(10)
        x.t()[0].add_(1)
        return row

    for _ in range(3):
        x = T.tensor([[1.0, 2.0], [3.0, 4.0]])
        row = f(x)
        yield row, x
        row.zero_()
        yield x


@program(verdict="static")
def written_through_a_captured_view(T, wrap):
    """A view kept outside is written to; the base is read by the caller."""
    base = T.zeros(2, 2)
    column = base[:, 1]

    @wrap
    def f(x):
        column.add_(x)
        return column * 2

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0])), base


@program(verdict="static")
def mask_assigned_in_an_outer_tensor(T, wrap):
    """Elements of an outer tensor are set where a mask made in the call holds."""
    kept = T.zeros(3)

    @wrap
    def f(x):
        kept[x > 1] = 7.0
        kept.masked_fill_(x < 0, -1.0)
        return kept + x

    for start in (1.0, 2.0, -3.0, 1.0):
        yield f(T.tensor([start, 2.0, 0.0])), kept


@program(verdict="static")
def scattered_into_an_outer_tensor(T, wrap):
    """Counts are added at positions given by an integer tensor, some of them twice."""
    counts = T.zeros(4)

    @wrap
    def f(where):
        counts.index_add_(0, where, T.ones(3))
        return counts.max()

    for where in ([0, 1, 1], [3, 3, 3], [0, 2, 3]):
        yield f(T.tensor(where)), counts


@program(verdict="static")
def two_buffers_swapped_by_value(T, wrap):
    """Two outer tensors exchange their contents."""
    a, b = T.tensor([1.0, 2.0]), T.tensor([3.0, 4.0])

    @wrap
    def f():
        kept = a.clone()
        a.copy_(b)
        b.copy_(kept)
        return a - b

    for _ in range(3):
        yield f(), a, b


@program(verdict="co-executed")
def two_names_swapped(T, wrap):
    """Two names of the enclosing function exchange their tensors: no tensor changes."""
    a, b = T.tensor([1.0, 2.0]), T.tensor([3.0, 4.0])

    @wrap
    def f(x):
        nonlocal a, b
        a, b = b, a
        return x * a - b

    for _ in range(4):
        yield f(T.tensor([1.0, 1.0])), a, b


@program(verdict="static")
def read_before_and_after_a_write(T, wrap):
    """A value taken before the write must be the old one (a copy), a view the new one."""
    state = T.tensor([1.0, 2.0])

    @wrap
    def f(x):
        old, view = state * 1, state[:1]
        state.add_(x)
        return old, view * 1, state - old

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0])), state


@program(verdict="static")
def ring_buffer(T, wrap):
    """A ring buffer is shifted by one and gets a new last element."""
    ring = T.zeros(4)

    @wrap
    def f(x):
        ring[:-1] = ring[1:].clone()
        ring[-1] = x.sum()
        return ring.mean()

    for start in (1.0, 2.0, 3.0, 4.0, 5.0):
        yield f(T.tensor([start, 2.0])), ring


@program(verdict="static")
def argument_of_other_layout_written(T, wrap):
    """Arguments that are transposed or strided views are written in place."""

    @wrap
    def f(x):
        x.mul_(2)
        return x + 1

    for _ in range(2):
        base = T.arange(6).float().reshape(2, 3)
        yield f(base), base
        yield f(base.t()), base
        yield f(base[:, ::2]), base
        yield f(base[0]), base


@program(verdict="static")
def expanded_operand(T, wrap):
    """An expanded tensor is read, its base is written between the calls."""
    base = T.tensor([[1.0], [2.0]])
    wide = base.expand(2, 3)
    f = wrap(lambda x: x + wide)
    for _ in range(3):
        yield f(T.ones(2, 3))
        base.add_(1)


@program(verdict="static")
def integer_and_boolean_buffers(T, wrap):
    """Counters and flags of other dtypes."""
    steps, seen = T.zeros(1, dtype=T.int64), T.zeros(2, dtype=T.bool)

    @wrap
    def f(x):
        steps.add_(1)
        seen.logical_or_(x > 1) if hasattr(seen, "logical_or_") else seen.copy_(seen | (x > 1))
        return x * steps

    for start in (1.0, 2.0, 0.0):
        yield f(T.tensor([start, 0.0])), steps, seen


@program(verdict="static")
def write_undone(T, wrap):
    """A buffer is changed and put back within the call."""
    state = T.tensor([1.0, 2.0])

    @wrap
    def f(x):
        kept = state.clone()
        state.mul_(x)
        result = state.sum()
        state.copy_(kept)
        return result

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0])), state


@program(verdict="static")
def data_written_past_autograd(T, wrap):
    """A parameter is updated by hand through `.data` and under `no_grad`."""
    w = T.tensor([1.0, 2.0], requires_grad=True)

    @wrap
    def f(x):
        w.data.mul_(0.5)
        with T.no_grad():
            w.sub_(x)
        return (w.detach() * x).sum()

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0])), w


@program(verdict="static")
def optional_write(T, wrap):
    """Whether something is written depends on a Python argument."""
    state = T.zeros(2)

    @wrap
    def f(x, store=False):
        y = x * 2
        if store:
            state.copy_(y)
        return y

    for store in (False, True, False, True, False):
        yield f(T.tensor([1.0 + store, 2.0]), store=store), state
