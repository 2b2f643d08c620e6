"""Values of tensors that go to Python: each is that of the very call."""

import math

import numpy as np

from tests.soundness.corpus import program


@program(verdict="co-executed")
def item_as_a_factor(T, wrap):
    """`item()` of a sum is a factor (torch.jit.trace makes it a constant)."""
    f = wrap(lambda x: x * x.sum().item())
    for start in (1.0, 2.0, 3.0, 4.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="co-executed")
def float_returned(T, wrap):
    """A Python float is the result."""
    f = wrap(lambda x: float((x * x).mean()))
    for start in (1.0, 2.0, 3.0, 4.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="co-executed")
def item_decides(T, wrap):
    """The branch depends on a float that was taken out."""
    f = wrap(lambda x: x * 2 if x.max().item() > 2.5 else x + 1)
    for start in (1.0, 3.0, 2.0, 4.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="co-executed")
def values_as_a_list(T, wrap):
    """`tolist()` and Python's own arithmetic on it."""

    @wrap
    def f(x):
        values = x.tolist()
        return sum(values), x * len(values), sorted(values)

    for start in (3.0, 1.0, 2.0, 5.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="co-executed")
def values_as_an_array(T, wrap):
    """`numpy()` of a tensor of the call, and a NumPy function of it."""
    f = wrap(lambda x: (np.sort((x * 2).numpy()), x + 1))
    for start in (3.0, 1.0, 2.0, 5.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="co-executed")
def array_shares_memory_with_the_argument(T, wrap):
    """The array of an argument is a window on it: what is written there is seen in the tensor."""

    @wrap
    def f(x):
        window = x.numpy()
        window[0] = 7.0
        return x * 2

    for start in (1.0, 2.0, 3.0):
        x = T.tensor([start, 2.0])
        yield f(x), x


@program(verdict="co-executed")
def values_printed(T, wrap):
    """The print shows the values of each call, before and after a step."""

    @wrap
    def f(x):
        print([round(v, 2) for v in x.tolist()])
        y = x * 2
        print(y[0].item(), end=";")
        return y

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="co-executed", torch=False)
def tensor_formatted(T, wrap):
    """A tensor in an f-string and its `repr` show the values of the call."""
    f = wrap(lambda x: (f"{x * 2}", repr(x[0]), x + 1))
    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="co-executed")
def value_formatted_in_a_message(T, wrap):
    """A format specification on a 0-d tensor's number."""
    f = wrap(lambda x: f"loss {x.sum().item():.3f} of {x.shape[0]}")
    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="co-executed")
def item_after_a_write(T, wrap):
    """The number is taken after a buffer was written to, and again after the next write."""
    total = T.zeros(1)

    @wrap
    def f(x):
        total.add_(x.sum())
        first = total.item()
        total.mul_(2)
        return first, total.item(), total + x

    for start in (1.0, 2.0, 3.0, 4.0):
        yield f(T.tensor([start])), total


@program(verdict="co-executed")
def best_so_far(T, wrap):
    """Early stopping: the best loss is kept as a Python float outside."""
    best = {"loss": math.inf, "step": -1}

    @wrap
    def f(x, step):
        loss = (x * x).sum().item()
        if loss < best["loss"]:
            best.update(loss=loss, step=step)
        return x * 0.5

    for step, start in enumerate((3.0, 4.0, 1.0, 2.0)):
        yield f(T.tensor([start, 2.0]), step), dict(best)


@program(verdict="co-executed")
def standard_mathematics_of_a_value(T, wrap):
    """A function of `math` takes a 0-d tensor as a number."""
    f = wrap(lambda x: x * math.sqrt(x.sum()))
    for start in (2.0, 7.0, 14.0, 2.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def integer_value_as_an_index(T, wrap):
    """An integer tensor as an index of a Python list."""
    scales = [1.0, 2.0, 3.0]
    f = wrap(lambda x, i: x * scales[i])
    x = T.tensor([1.0, 2.0])
    for i in (0, 2, 1, 0, 2, 1):
        yield f(x, T.tensor(i))
    scales[1] = 9.0
    yield f(x, T.tensor(1))


@program(verdict="static")
def integer_value_as_a_size(T, wrap):
    """`int` of a tensor is a size, another one each time."""
    f = wrap(lambda x, n: T.zeros(int(n)) + x[0])
    x = T.tensor([1.0, 2.0])
    for n in (1, 3, 1, 0, 3):
        yield f(x, T.tensor(n))


@program(verdict="static")
def integer_tensor_indexes_a_tensor(T, wrap):
    """Rows are chosen by an integer tensor: an operation, no value goes to Python."""
    table = T.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    f = wrap(lambda rows: table[rows] * 2)
    for rows in ([0, 1], [2, 2], [1, 0], [-1, 0]):
        yield f(T.tensor(rows))
    table.add_(1)
    yield f(T.tensor([0, 2]))


@program(verdict="static")
def where_instead_of_a_branch(T, wrap):
    """`where`, `clamp` and masks as operations take no value to Python."""
    f = wrap(lambda x: T.where(x > 0, x * 2, x - 1) + x.clamp(min=0) + (x > 1).float())
    for start in (1.0, -1.0, 2.0, float("nan")):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def masked_write(T, wrap):
    """A write where a mask holds: no shape depends on values."""

    @wrap
    def f(x):
        y = x.clone()
        y[y < 0] = 0.0
        return y * 2

    for start in (1.0, -1.0, -2.0, 3.0):
        yield f(T.tensor([start, -2.0]))


@program(verdict="co-executed")
def as_many_as_are_positive(T, wrap):
    """The result has as many elements as are positive: a shape from values."""
    f = wrap(lambda x: x[x > 0] * 2)
    for start in (1.0, -1.0, 2.0, -2.0):
        yield f(T.tensor([start, 2.0, -3.0]))


@program(verdict="co-executed")
def positions_of_what_is_not_zero(T, wrap):
    """`nonzero` and its number of rows."""

    @wrap
    def f(x):
        found = T.nonzero(x)
        return found, len(found), x.sum() * found.shape[0]

    for values in ((1.0, 0.0), (0.0, 0.0), (1.0, 2.0), (0.0, 3.0)):
        yield f(T.tensor(values))


@program(verdict="co-executed")
def too_many_values(T, wrap):
    """`int` of a tensor that never repeats: beyond any limit of branches, and right all the same."""
    f = wrap(lambda x, n: x * 2 if int(n) % 2 else x + 1)
    x = T.tensor([1.0, 2.0])
    yield [f(x, T.tensor(n)) for n in range(80)]


@program(verdict="static")
def facts_that_are_no_values(T, wrap):
    """Shape, dtype, dimensions and the like are known without the data."""
    f = wrap(lambda x: (x * x.shape[0] + x.dim() + x.numel() + len(x), x.dtype, x.is_contiguous(), x.requires_grad))
    for n in (2, 3, 2, 3):
        yield f(T.ones(n))
    yield f(T.ones(4).reshape(2, 2).t())
