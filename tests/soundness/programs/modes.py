"""Modes and dtypes: what holds around the call holds in it, and what it switches stays switched."""

from tests.soundness.corpus import program
from tests.soundness.snapshot import outcome


@program(verdict="static")
def gradient_mode_asked(T, wrap):
    """The function asks whether gradients are on."""
    f = wrap(lambda x: x * 2 if T.is_grad_enabled() else x + 1)
    x = T.tensor([1.0, 2.0])
    for _ in range(2):
        yield f(x)
        with T.no_grad():
            yield f(x)
    yield f(x)


@program(verdict="co-executed")
def gradient_mode_left_switched_off(T, wrap):
    """The function switches gradients off and does not switch them on again."""
    w = T.tensor([1.0, 2.0], requires_grad=True)

    @wrap
    def f(x):
        T.set_grad_enabled(False)
        return x * w

    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), T.is_grad_enabled()
        T.set_grad_enabled(True)


@program(verdict="static")
def gradient_mode_restored_after_an_exception(T, wrap):
    """An exception leaves a `no_grad` block; the mode is as before."""

    @wrap
    def f(x, fail):
        with T.no_grad():
            y = x * 2
            if fail:
                raise ValueError("inside")
        return y

    for fail in (False, True, False, True, False):
        yield outcome(f, T.tensor([1.0, 2.0]), fail), T.is_grad_enabled()


@program(verdict="static")
def argument_without_gradient_under_no_grad(T, wrap):
    """A result made under `no_grad` needs no gradient, whatever the argument needs."""
    f = wrap(lambda x: x * 2)
    for _ in range(2):
        for needs in (True, False):
            x = T.tensor([1.0, 2.0], requires_grad=needs)
            with T.no_grad():
                inside = f(x)
            yield inside, f(x)


@program(verdict="static")
def mixed_dtypes(T, wrap):
    """Operands of two dtypes are promoted, also with Python numbers."""
    f = wrap(lambda a, b: (a + b, a * 2, a * 2.5, a > b))
    kinds = (T.float32, T.float64, T.int64, T.bool)
    for _ in range(2):
        for one, two in zip(kinds, (*kinds[1:], kinds[0]), strict=True):
            yield f(T.tensor([1, 0], dtype=one), T.tensor([1, 1], dtype=two))


@program(verdict="static")
def integer_arithmetic(T, wrap):
    """Floor division and remainder of negative integers, and overflow."""
    f = wrap(lambda a, b: (a // b, a % b, a * a))
    for a in ([7, -7], [-7, 7], [2**31, 1]):
        yield f(T.tensor(a), T.tensor([2, 2]))


@program(verdict="static")
def special_floats(T, wrap):
    """Infinities, NaN and signed zeros come out as in the plain function."""
    f = wrap(lambda x: (x * 0, 1 / x, x - x, T.maximum(x, T.zeros(3)), x == x))
    inf, nan = float("inf"), float("nan")
    for values in ((inf, -inf, nan), (0.0, -0.0, 1e-45), (nan, 3e38, -3e38)):
        yield f(T.tensor(values))


@program(verdict="static")
def double_precision(T, wrap):
    """Differences that single precision would lose."""
    f = wrap(lambda x: (x + 1e-12) - x)
    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start], dtype=T.float64)) > 0


@program(verdict="static")
def long_chain_is_not_contracted(T, wrap):
    """`a * b - a * b` is exactly zero, and `(x + big) - big` is rounded as written."""
    f = wrap(lambda a, b: (a * b - a * b, (a + 2.0**24) - 2.0**24, a / 3 * 3 == a))
    for start in (1.1, 2.3, 3.7):
        yield f(T.tensor([start, 0.1]), T.tensor([0.3, 0.7]))
