"""Conditions on values of tensors: each call takes the branch of its own data."""

from tests.soundness.corpus import program


@program(verdict="static")
def sign_of_a_sum(T, wrap):
    """The classical branch that torch.jit.trace freezes."""

    @wrap
    def f(x):
        if x.sum() > 0:
            return x * 2
        return -x

    for start in (1.0, -9.0, 2.0, -8.0, 3.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def branches_of_other_shapes(T, wrap):
    """The branches return tensors of different shapes."""
    f = wrap(lambda x: x.sum() if x[0] > 0 else x * 2)
    for start in (1.0, -1.0, 1.0, -1.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def branches_of_other_structures(T, wrap):
    """The branches return a tensor, a tuple, None and a string."""

    @wrap
    def f(x):
        if x[0] > 2:
            return x * 2
        if x[0] > 1:
            return x, x + 1
        if x[0] > 0:
            return None
        return "negative"

    for start in (3.0, 2.0, 1.0, -1.0, 3.0, 2.0, 1.0, -1.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def nested_conditions(T, wrap):
    """Four paths of two conditions each."""

    @wrap
    def f(x):
        if x[0] > 0:
            y = x * 2
            return y + 1 if y[1] > 0 else y - 1
        y = x + 10
        return y * 3 if y[1] > 9 else y

    for _ in range(2):
        for a, b in ((1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -2.0)):
            yield f(T.tensor([a, b]))


@program(verdict="static")
def condition_in_a_helper(T, wrap):
    """The condition stands in a helper, whose result decides further."""

    def is_positive(x):
        return bool((x > 0).all())

    f = wrap(lambda x: x * 2 if is_positive(x) else x + 1 if is_positive(-x) else x)
    for pair in ((1.0, 2.0), (-1.0, 2.0), (-1.0, -2.0), (1.0, 2.0), (-1.0, -2.0)):
        yield f(T.tensor(pair))


@program(verdict="static")
def logical_operators(T, wrap):
    """`and`, `or` and `not` on tensors give operands and stop early."""

    @wrap
    def f(x):
        if x[0] > 0 and not x[1] > 0 or x.sum() == 0:
            return x * 2
        return (x[0] or x[1]) + 1

    for pair in ((1.0, -2.0), (1.0, 2.0), (0.0, 5.0), (1.0, -1.0), (0.0, 0.0), (1.0, 2.0), (1.0, -2.0)):
        yield f(T.tensor(pair))


@program(verdict="static")
def chained_comparison(T, wrap):
    """`0 < t < 2` asks for the truth of the first part."""
    f = wrap(lambda x: x * 2 if 0 < x[0] < 2 else x + 1)
    for start in (1.0, -1.0, 3.0, 1.0, 3.0, -1.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def conditional_expression(T, wrap):
    """A conditional expression in the middle of a formula."""
    f = wrap(lambda x: x * (2.0 if x.max() > 1 else 0.5) + x)
    for start in (3.0, 0.5, 3.0, 0.5):
        yield f(T.tensor([start, 0.25]))


@program(verdict="static")
def assertion_on_values(T, wrap):
    """An assertion on the values, which fails for some calls."""

    @wrap
    def f(x):
        assert (x > 0).all(), "must be positive"
        return x * 2

    for start in (1.0, -1.0, 2.0, -2.0, 3.0):
        try:
            yield f(T.tensor([start, 2.0]))
        except AssertionError as error:
            yield error
    yield f(T.tensor([4.0, 2.0]))


@program(verdict="static")
def early_returns(T, wrap):
    """Returns at several depths."""

    @wrap
    def f(x):
        if x[0] < 0:
            return x
        x = x * 2
        if x[1] < 0:
            return x + 1
        x = x + 3
        return x

    for pair in ((-1.0, 1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)):
        yield f(T.tensor(pair))


@program(verdict="static")
def match_on_an_integer_tensor(T, wrap):
    """The value of an integer tensor, as `int`, chooses a case."""

    @wrap
    def f(x, which):
        match int(which):
            case 0:
                return x * 2
            case 1 | 2:
                return x + 1
            case n:
                return x * n

    x = T.tensor([1.0, 2.0])
    for which in (0, 1, 2, 3, 5, 0, 1, 2, 3, 5):
        yield f(x, T.tensor(which))


@program(verdict="static")
def branch_then_write(T, wrap):
    """A buffer is written to in one branch only."""
    total = T.zeros(2)

    @wrap
    def f(x):
        if x.sum() > 0:
            total.add_(x)
        return total * 2

    for start in (1.0, -9.0, 2.0, -9.0, 3.0):
        yield f(T.tensor([start, 2.0])), total


@program(verdict="static")
def write_then_branch(T, wrap):
    """A buffer is written to, and the written value decides what is done next."""
    level = T.zeros(2)

    @wrap
    def f(x):
        level.add_(x)
        if level[0] > 3:
            level.zero_()
            return x * 0
        return level * 1

    for _ in range(9):
        yield f(T.tensor([1.0, 2.0])), level


@program(verdict="co-executed")
def print_in_one_branch(T, wrap):
    """A print in the branch that is taken seldom; the write before it happens once."""
    total = T.zeros(2)

    @wrap
    def f(x):
        total.add_(1)
        if x[0] < 0:
            print("negative")
            return x * 0
        return x * 2

    for start in (1.0, 2.0, -1.0, 3.0, -2.0, -3.0):
        yield f(T.tensor([start, 2.0])), total


@program(verdict="static")
def quiet_branch_of_a_printing_function(T, wrap):
    """The same, but the last calls take the branch that does not print."""

    @wrap
    def f(x):
        if x[0] < 0:
            print("negative")
            return x * 0
        return x * 2

    for start in (1.0, -1.0, 2.0, -2.0, 3.0, 4.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def comparison_of_two_tensors(T, wrap):
    """`max` and `min` of Python on tensors, and `sorted` of 0-d ones."""
    f = wrap(lambda a, b: (max(a, b), min(a, b) * 2, sorted([b, a], key=lambda t: -t)))
    for a, b in ((1.0, 2.0), (2.0, 1.0), (1.0, 2.0), (3.0, -1.0)):
        a, b = T.tensor(a), T.tensor(b)
        found = f(a, b)
        yield found, found[0] is a, found[1] is b


@program(verdict="static")
def nan_takes_the_else_branch(T, wrap):
    """NaN is neither above nor below."""
    f = wrap(lambda x: x * 2 if x[0] > 0 else x + 1 if x[0] <= 0 else T.zeros(2))
    for start in (1.0, float("nan"), -1.0, float("nan"), 0.0, -0.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def membership_among_tensors(T, wrap):
    """`in` on a list of 0-d tensors compares until one is equal."""
    keys = [T.tensor(1.0), T.tensor(2.0)]
    f = wrap(lambda x, key: x * 2 if key in keys else x + 1)
    x = T.tensor([1.0, 2.0])
    for key in (1.0, 2.0, 3.0, 2.0, 1.0):
        yield f(x, T.tensor(key))
    keys[0].fill_(3.0)
    yield f(x, T.tensor(3.0)), f(x, T.tensor(1.0))


@program(verdict="static")
def dictionary_by_an_integer_of_a_tensor(T, wrap):
    """A table of functions is entered with the position of the largest element."""
    experts = {0: lambda x: x * 2, 1: lambda x: x + 1, 2: T.relu}
    f = wrap(lambda x: experts[int(x.argmax())](x))
    for values in ((3.0, 1.0, -2.0), (1.0, 3.0, -2.0), (-1.0, -2.0, 3.0), (3.0, 1.0, -2.0), (-1.0, -2.0, 3.0)):
        yield f(T.tensor(values))


@program(verdict="static")
def equal_and_allclose_decide(T, wrap):
    """`equal` and `allclose` give Python truth values."""
    f = wrap(lambda a, b: a * 2 if T.equal(a, b) else a + 1 if T.allclose(a, b, atol=0.5) else a)
    a = T.tensor([1.0, 2.0])
    for shift in (0.0, 0.25, 3.0, 0.0, 0.25, 3.0):
        yield f(a, a + shift)


@program(verdict="static")
def condition_from_outside_the_function(T, wrap):
    """The condition reads a captured tensor that the caller writes to."""
    flag = T.tensor(True)
    f = wrap(lambda x: x * 2 if flag else x + 1)
    x = T.tensor([1.0, 2.0])
    for on in (True, True, False, True, False):
        flag.fill_(on)
        yield f(x)


@program(verdict="static")
def gradient_through_a_branch(T, wrap):
    """Gradients flow through the branch that was taken."""
    w = T.tensor([1.0, 2.0], requires_grad=True)

    @wrap
    def f(x):
        y = (w * x).sum()
        return y * 2 if y > 0 else y * y

    for start in (1.0, -9.0, 2.0, -8.0):
        y = f(T.tensor([start, 2.0]))
        y.backward()
        yield y, w


@program(verdict="static")
def recursion_on_values(T, wrap):
    """A helper calls itself until the norm is small."""

    def halve(x, depth):
        return x + depth if x.abs().max() < 1 else halve(x / 2, depth + 1)

    f = wrap(lambda x: halve(x, 0))
    for start in (0.5, 3.0, 9.0, 3.0, 0.5, 9.0):
        yield f(T.tensor([start, 0.25]))


@program(verdict="static")
def truth_of_a_tensor_kept(T, wrap):
    """The truth value is part of the result, not a condition."""
    f = wrap(lambda x: (bool(x.sum() > 0), not x[0], x * 2))
    for start in (1.0, -9.0, 0.0, 1.0, -9.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def ambiguous_truth_raises(T, wrap):
    """The truth of two elements is an error, on every such call; later calls are fine."""

    @wrap
    def f(x):
        if x:
            return x * 2
        return x + 1

    for values in ((1.0,), (1.0, 2.0), (0.0,), (1.0, 2.0), (2.0,), (0.0,)):
        try:
            yield f(T.tensor(values))
        except RuntimeError as error:
            yield error
        except ValueError as error:
            yield error


@program(verdict="static")
def settings_of_each_branch(T, wrap):
    """Each branch reads a setting of its own; they are changed one after the other."""
    settings = {"above": 2.0, "below": 3.0}
    f = wrap(lambda x: x * settings["above"] if x[0] > 0 else x * settings["below"])
    above, below = T.tensor([1.0, 2.0]), T.tensor([-1.0, 2.0])
    for _ in range(2):
        yield f(above), f(below)
    settings["below"] = 5.0
    yield f(above), f(below), f(below)
    settings["above"] = 7.0
    yield f(above), f(below), f(above)


@program(verdict="static")
def branch_returns_the_argument(T, wrap):
    """Which argument is written to and returned depends on values."""

    @wrap
    def f(a, b):
        if a.sum() > b.sum():
            a.mul_(0.5)
            return a, b
        b.mul_(0.5)
        return b, a

    for _ in range(3):
        x, y = T.tensor([4.0, 2.0]), T.tensor([1.0, 2.0])
        first, second = f(x, y)
        yield first is x, second is y, x, y
        first, second = f(y, x)
        yield first is x, second is y, x, y


@program(verdict="static")
def integer_of_a_float_tensor(T, wrap):
    """`int` of a float tensor cuts towards zero; of NaN and infinity it raises."""
    f = wrap(lambda x: (int(x.sum()), x * 2))
    for value in (1.5, -2.75, 1.9, -0.3, float("nan"), 1e10, float("inf"), 1.5):
        try:
            yield f(T.tensor([value]))
        except (ValueError, OverflowError) as error:
            yield type(error).__name__
