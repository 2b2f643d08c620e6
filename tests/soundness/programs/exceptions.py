"""Exceptions: raised, caught, used as control flow, and what has happened before them stays."""

import contextlib

from tests.soundness.corpus import program
from tests.soundness.snapshot import outcome


class Refused(ValueError):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


@program(verdict="static")
def raised_for_some_arguments(T, wrap):
    """An own exception class with attributes, raised for some arguments, from a helper."""

    def check(k):
        if k < 0:
            raise Refused(-k, f"negative: {k}")

    @wrap
    def f(x, k):
        check(k)
        return x * k

    x = T.tensor([1.0, 2.0])
    for k in (2, -1, 2, -1, 3, 3):
        try:
            yield f(x, k)
        except Refused as error:
            yield error, error.code, type(error.__cause__).__name__


@program(verdict="static")
def raised_after_a_write(T, wrap):
    """What was written before the exception stays written, once."""
    total = T.zeros(2)

    @wrap
    def f(x, fail):
        total.add_(x)
        if fail:
            raise Refused(1, "late")
        total.add_(x)
        return total * 2

    for fail in (False, True, False, True, True, False):
        yield outcome(f, T.tensor([1.0, 2.0]), fail), total


@program(verdict="static")
def raised_on_values_after_a_write(T, wrap):
    """Whether it is raised depends on values; the write before it stays."""
    total = T.zeros(2)

    @wrap
    def f(x):
        total.add_(x)
        if total[0] > 3:
            raise Refused(1, "too much")
        return total * 2

    for start in (1.0, 1.0, 1.0, 1.0, -3.0, 1.0, 5.0, -6.0):
        yield outcome(f, T.tensor([start, 2.0])), total


@program(verdict="static")
def caught_inside(T, wrap):
    """A KeyError is control flow."""
    table = {"double": 2.0}

    @wrap
    def f(x, name):
        try:
            k = table[name]
        except KeyError as error:
            return x, str(error)
        else:
            x = x * k
        return x + 1, name

    x = T.tensor([1.0, 2.0])
    for name in ("double", "triple", "double", "triple"):
        yield f(x, name)
    table["triple"] = 3.0
    yield f(x, "triple"), f(x, "triple")


@program(verdict="static")
def caught_shape_error(T, wrap):
    """An operation that cannot work is tried, and another one done instead."""

    @wrap
    def f(a, b):
        try:
            return a @ b
        except Exception:
            return a * 2

    a = T.ones(2, 3)
    for b in (T.ones(3, 2), T.ones(2, 3), T.ones(3, 2), T.ones(2, 3)):
        yield f(a, b)


@program(verdict="static")
def finally_runs(T, wrap):
    """`finally` writes, whichever way the block is left; a return in it wins."""
    total = T.zeros(2)

    @wrap
    def f(x, way):
        try:
            if way == "raise":
                raise Refused(1, way)
            if way == "return":
                return x * 2
            x = x * 3
        finally:
            total.add_(1)
            if way == "override":
                return x * 4
        return x

    for way in ("return", "raise", "fall", "override", "return", "raise", "fall", "override"):
        yield outcome(f, T.tensor([1.0, 2.0]), way), total


@program(verdict="static")
def exception_chained_and_translated(T, wrap):
    """`raise ... from ...`, whose cause the caller looks at."""

    @wrap
    def f(x, options):
        try:
            return x * options["k"]
        except KeyError as error:
            raise Refused(2, "no k") from error

    x = T.tensor([1.0, 2.0])
    for options in ({"k": 2.0}, {}, {"k": 2.0}, {}, {"k": 3.0}):
        try:
            yield f(x, options)
        except Refused as error:
            yield error, repr(error.__cause__)
    yield f(x, {"k": 3.0})


@program(verdict="static")
def loop_left_by_an_exception(T, wrap):
    """An exception leaves two loops at once, with a count."""

    class Done(Exception):
        pass

    @wrap
    def f(x, limit):
        count = 0
        try:
            for _ in range(3):
                for _ in range(3):
                    x = x + 1
                    count += 1
                    if count == limit:
                        raise Done
        except Done:
            return x, count
        return x * 2, count

    for limit in (4, 20, 4, 20):
        yield f(T.tensor([1.0, 2.0]), limit)


@program(verdict="static")
def suppressed_with_contextlib(T, wrap):
    """`suppress` of an exception in the middle of a block."""

    @wrap
    def f(x, parts):
        with contextlib.suppress(IndexError):
            x = x * 2
            x = x + parts[1]
            x = x * 3
        return x

    x = T.tensor([1.0, 2.0])
    for parts in ([1.0], [1.0, 2.0], [1.0], [1.0, 2.0]):
        yield f(x, parts)


@program(verdict="static")
def index_out_of_range_on_a_later_call(T, wrap):
    """An index tensor is out of range on a call that would be replayed; what was written before stays."""
    table, count = T.tensor([[1.0, 2.0], [3.0, 4.0]]), T.zeros(1)

    @wrap
    def f(where):
        count.add_(1)
        return table[where] * 2

    for where in ([0, 1], [1, 1], [0, 2], [1, 0], [-3, 0], [-1, 0]):
        yield outcome(f, T.tensor(where)), count


@program(verdict="co-executed")
def exception_after_a_print(T, wrap):
    """What was printed before the exception is printed once."""

    @wrap
    def f(x, fail):
        print("begin")
        if fail:
            raise Refused(1, "fail")
        print("end")
        return x * 2

    for fail in (False, True, False, True, False):
        yield outcome(f, T.tensor([1.0, 2.0]), fail)


@program(verdict="co-executed")
def callback_that_raises_at_times(T, wrap):
    """A callback with state raises on every second call."""
    calls = []

    def callback():
        calls.append(1)
        if len(calls) % 2 == 0:
            raise StopIteration("even")

    @wrap
    def f(x):
        y = x * 2
        callback()
        return y + 1

    for _ in range(5):
        yield outcome(f, T.tensor([1.0, 2.0])), len(calls)


@program(verdict="static")
def error_text_with_shapes(T, wrap):
    """The message tells the shape of the very call."""

    @wrap
    def f(x):
        if x.shape[0] != 2:
            raise ValueError(f"expected 2 rows, got {tuple(x.shape)}")
        return x * 2

    for n in (2, 3, 2, 4, 3, 2):
        yield outcome(f, T.ones(n, 1))


@program(verdict="static")
def division_by_a_python_zero(T, wrap):
    """A Python error in the arithmetic of numbers."""
    f = wrap(lambda x, a, b: x * (a / b))
    x = T.tensor([1.0, 2.0])
    for b in (2, 0, 2, 0, 4, 4):
        yield outcome(f, x, 1, b)


@program(verdict="static")
def keyboard_interrupt(T, wrap):
    """An exception that is no `Exception` leaves the function half-way."""
    total = T.zeros(2)

    @wrap
    def f(x, stop):
        total.add_(1)
        if stop:
            raise KeyboardInterrupt("stop")
        return x * 2

    for stop in (False, True, False, True, False):
        try:
            yield f(T.tensor([1.0, 2.0]), stop)
        except KeyboardInterrupt as error:
            yield error, total
    yield total


@program(verdict="static")
def exceptions_on_values_caught_and_not(T, wrap):
    """Values decide which exception is raised; one is caught inside, `finally` writes."""
    state = T.zeros(2)

    @wrap
    def f(x):
        state.add_(1)
        try:
            if x[0] < 0:
                raise KeyError("first")
            state.add_(10)
            if x[1] < 0:
                raise ValueError("second")
        except KeyError:
            state.mul_(2)
        finally:
            state.sub_(1)
        return state + x

    for a, b in ((1, 1), (-1, 1), (1, -1), (1, 1), (1, -1), (-1, 1), (1, 1)):
        yield outcome(f, T.tensor([float(a), float(b)])), state
