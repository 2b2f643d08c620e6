"""Loops: how often they turn may depend on arguments, on outer numbers and on values of tensors."""

import itertools

from tests.soundness.corpus import program


@program(verdict="static")
def loop_count_from_an_argument(T, wrap):
    """A Python number says how often (torch.jit.trace freezes it)."""

    @wrap
    def f(x, n):
        for _ in range(n):
            x = x * 2
        return x

    for n in (1, 3, 1, 0, 3):
        yield f(T.tensor([1.0, 2.0]), n)


@program(verdict="static")
def loop_over_rows(T, wrap):
    """As many turns as the argument has rows."""

    @wrap
    def f(x):
        total = x[0] * 0
        for row in x:
            total = total * 2 + row
        return total

    for n in (2, 3, 2, 1, 3):
        yield f(T.arange(2 * n).float().reshape(n, 2))


@program(verdict="static")
def while_until_small(T, wrap):
    """A data-dependent `while` that turns differently often."""

    @wrap
    def f(x):
        while x.abs().sum() > 1:
            x = x / 2
        return x

    for start in (1.0, 8.0, 0.25, 30.0, 8.0, 30.0):
        yield f(T.tensor([start, 0.25]))


@program(verdict="static")
def newton_iteration(T, wrap):
    """Square roots by Newton's method, to a tolerance."""

    @wrap
    def root(a):
        x = a
        while (x * x - a).abs().max() > 1e-3:
            x = (x + a / x) / 2
        return x

    for a in (2.0, 9.0, 1.0, 100.0, 2.0, 100.0):
        yield root(T.tensor([a]))


@program(verdict="static")
def counted_while(T, wrap):
    """The number of turns is returned beside the result."""

    @wrap
    def f(x):
        turns = 0
        while x[0] < 10:
            x = x * 2
            turns += 1
        return x, turns

    for start in (1.0, 6.0, 11.0, 1.0, 6.0):
        yield f(T.tensor([start, 1.0]))


@program(verdict="static")
def range_of_an_integer_tensor(T, wrap):
    """`range` takes an integer tensor."""

    @wrap
    def f(x, n):
        for k in range(n):
            x = x + k
        return x

    for n in (1, 3, 0, 3, 1):
        yield f(T.tensor([1.0, 2.0]), T.tensor(n))


@program(verdict="static")
def break_on_a_value(T, wrap):
    """A loop is left early, with and without its `else`."""

    @wrap
    def f(x):
        for k in range(4):
            x = x * 2
            if x[0] > 10:
                break
        else:
            x = -x
        return x + k

    for start in (1.0, 4.0, 0.5, 9.0, 4.0, 0.5):
        yield f(T.tensor([start, 1.0]))


@program(verdict="static")
def continue_on_a_value(T, wrap):
    """Rows are passed over depending on their first element."""

    @wrap
    def f(x):
        total = T.zeros(2)
        for row in x:
            if row[0] < 0:
                continue
            total = total + row
        return total

    for a, b in ((1.0, 2.0), (-1.0, 2.0), (-1.0, -2.0), (1.0, -2.0), (-1.0, 2.0)):
        yield f(T.tensor([[a, 1.0], [b, 2.0]]))


@program(verdict="static")
def nested_loops_with_breaks(T, wrap):
    """The inner loop's `else` and the outer loop's `break` depend on values."""

    @wrap
    def f(x):
        for i in range(3):
            for j in range(2):
                x = x + 1
                if x[0] > 4:
                    break
            else:
                continue
            return x, i, j
        return x, None, None

    for start in (0.0, 3.0, -9.0, 0.0, 3.0, -9.0):
        yield f(T.tensor([start, 1.0]))


@program(verdict="static")
def zip_and_enumerate(T, wrap):
    """Loops over several lists at once, of outer numbers and of tensors of the call."""
    scales, shifts = [1.0, 2.0], [3.0, 4.0]

    @wrap
    def f(x):
        for number, (scale, shift) in enumerate(zip(scales, shifts, strict=True), start=1):
            x = x * scale + shift * number
        return x

    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    scales[1] = 5.0
    yield f(x), f(x)
    scales.append(1.0)
    shifts.append(0.0)
    yield f(x), f(x)


@program(verdict="static")
def itertools_inside(T, wrap):
    """`product`, `accumulate`, `islice` and `chain` on numbers and tensors of the call."""

    @wrap
    def f(x):
        parts = list(itertools.accumulate([x, x * 2, x * 3]))
        pairs = itertools.product(parts, (1.0, 2.0))
        return sum(part * k for part, k in itertools.islice(itertools.chain(pairs, [(x, 1.0)]), 5))

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def generator_expression_with_any(T, wrap):
    """`any` and `all` over comparisons stop early."""
    f = wrap(lambda x: x * 2 if any(t > 2 for t in x) else x + 1 if all(t > 0 for t in x) else x)
    for values in ((1.0, 3.0), (1.0, 2.0), (-1.0, 2.0), (3.0, 1.0), (1.0, 2.0), (1.0, 3.0)):
        yield f(T.tensor(values))


@program(verdict="static")
def own_iterator_class(T, wrap):
    """An iterator class of the call, with `__next__` and StopIteration."""

    class Countdown:
        def __init__(self, n):
            self.n = n

        def __iter__(self):
            return self

        def __next__(self):
            if self.n == 0:
                raise StopIteration
            self.n -= 1
            return self.n

    @wrap
    def f(x, n):
        for k in Countdown(n):
            x = x + k
        return x

    for n in (2, 2, 3, 0):
        yield f(T.tensor([1.0, 2.0]), n), f(T.tensor([2.0, 2.0]), n)


@program(verdict="static")
def generator_function_inside(T, wrap):
    """A generator of the call yields tensors and is sent numbers."""

    def scaled(x):
        k = 1.0
        while True:
            k = (yield x * k) or k

    @wrap
    def f(x):
        source = scaled(x)
        first = next(source)
        second = source.send(3.0)
        return first + second, next(source)

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="static")
def loop_variable_left_over(T, wrap):
    """The loop's variable lives on, and is unbound after a loop of no turns."""

    @wrap
    def f(x, n):
        for k in range(n):
            pass
        return x * k

    x = T.tensor([1.0, 2.0])
    for n in (2, 2, 0, 3, 3):
        try:
            yield f(x, n)
        except UnboundLocalError as error:
            yield error


@program(verdict="static")
def accumulates_in_a_list(T, wrap):
    """States of a loop are gathered in a list and stacked."""

    @wrap
    def f(x, n):
        states = []
        for _ in range(n):
            x = T.tanh(x)
            states.append(x)
        return T.stack(states), states[-1]

    for n in (2, 2, 3, 2):
        yield f(T.tensor([1.0, 2.0]), n)


@program(verdict="static")
def long_loop_of_a_step(T, wrap):
    """Thirty turns of the same step, and three, with the state in a dict of the call."""

    @wrap
    def f(x, n):
        state = {"position": x, "velocity": x * 0}
        for _ in range(n):
            state["velocity"] = state["velocity"] - state["position"] * 0.1
            state["position"] = state["position"] + state["velocity"] * 0.1
        return state

    for n in (3, 30, 3, 30):
        yield f(T.tensor([1.0, 2.0]), n)


@program(verdict="static")
def bisection(T, wrap):
    """Each turn's comparison decides which half to keep: a tree of paths."""

    @wrap
    def f(target):
        low, high = T.tensor(0.0), T.tensor(8.0)
        for _ in range(3):
            middle = (low + high) / 2
            if middle < target:
                low = middle
            else:
                high = middle
        return low, high

    for target in (1.5, 7.5, 3.5, 1.5, 7.5, 3.5):
        yield f(T.tensor(target))


@program(verdict="static")
def greedy_decoding(T, wrap):
    """The next token is the largest logit, until an end token or a length."""
    table = T.tensor([[0.0, 3.0, 1.0], [1.0, 0.0, 3.0], [3.0, 1.0, 0.0]])

    @wrap
    def decode(start, limit):
        tokens = [start]
        while len(tokens) < limit:
            token = table[tokens[-1]].argmax()
            tokens.append(token)
            if token == 0:
                break
        return T.stack(tokens)

    for start, limit in ((1, 5), (0, 2), (2, 5), (1, 5), (2, 5)):
        yield decode(T.tensor(start), limit)


@program(verdict="co-executed")
def prints_every_turn(T, wrap):
    """A data-dependent loop tells its turns."""

    @wrap
    def f(x):
        turn = 0
        while x[0] < 10:
            print("turn", turn)
            x = x * 2
            turn += 1
        return x

    for start in (1.0, 6.0, 3.0, 1.0, 3.0):
        yield f(T.tensor([start, 1.0]))


@program(verdict="static")
def while_over_a_captured_state(T, wrap):
    """A loop writes to captured tensors until one of them has reached the argument."""
    level, trail = T.zeros(1), [T.zeros(2)]

    @wrap
    def f(x):
        turns = 0
        while level[0] < x[0]:
            level.add_(1)
            trail[0].mul_(0.5)
            trail[0].add_(x)
            turns += 1
        return turns, trail[0] * 1

    for target in (3.0, 1.0, 5.0, 5.0, 2.0):
        yield f(T.tensor([target, 2.0])), level, trail
        if target == 5.0:
            level.zero_()


@program(verdict="static")
def list_built_by_values(T, wrap):
    """Elements are passed over, appended or put in front, depending on values."""

    @wrap
    def f(parts):
        out = []
        for part in parts:
            if part.sum() > 0:
                out.append(part * 2)
            elif part[0] == 0:
                continue
            else:
                out.insert(0, part)
        return out

    for values in ((1, -1, 0), (0, 0, 0), (-1, -1, -1), (1, -1, 0), (0, 0, 0), (-1, -1, -1)):
        parts = [T.tensor([float(value), 0.0]) for value in values]
        found = f(parts)
        yield found, [any(each is part for part in parts) for each in found]
