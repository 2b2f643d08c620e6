"""Python must run on each call, between operations that need not: order, values and memory must fit at every point."""

import threading

from tests.soundness.corpus import program
from tests.soundness.snapshot import outcome


@program(verdict="co-executed")
def values_between_writes(T, wrap):
    """A buffer is written to several times and looked at after each."""
    state, log = T.zeros(2), []

    @wrap
    def f(x):
        state.add_(x)
        log.append(state[0].item())
        state.mul_(2)
        log.append(state.tolist())
        state[:1].add_(1)
        log.append(float(state[0]))
        return state * 1, state

    for start in (1.0, 2.0, 3.0, 4.0):
        yield f(T.tensor([start, 2.0])), list(log), state


@program(verdict="co-executed")
def callback_that_writes_to_a_tensor(T, wrap):
    """A callback fills a captured tensor in the middle; what comes after sees it."""
    state = T.zeros(2)

    @wrap
    def f(x):
        before = state + x
        print("now")
        state.fill_(before[0].item())
        return before, state + x

    for start in (1.0, 2.0, 3.0, 4.0):
        yield f(T.tensor([start, 2.0])), state


@program(verdict="co-executed")
def array_window_written_between(T, wrap):
    """An array that shares memory with a captured tensor is written to between two reads."""
    state = T.zeros(2)
    window = state.numpy()

    @wrap
    def f(x):
        first = state * 2
        window[0] += 1
        second = state * 2
        print("written")
        return first, second, state + x

    for start in (1.0, 2.0, 3.0, 4.0):
        yield f(T.tensor([start, 2.0])), state


@program(verdict="co-executed")
def array_window_on_an_intermediate(T, wrap):
    """An array is taken of a value of the call, written to, and the value is used again."""

    @wrap
    def f(x):
        y = x * 2
        window = y.numpy()
        z = y + 1
        window[0] = 50.0
        return y, z, y + 1, window

    for start in (1.0, 2.0, 3.0, 4.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="co-executed")
def intermediates_kept_outside(T, wrap):
    """Values and views of the call are kept outside, written to in the call and later."""
    kept = []

    @wrap
    def f(x):
        y = x * 2
        kept.append(y)
        z = y + 1
        kept.append(z[:1])
        z.add_(1)
        print("kept")
        return z

    for start in (1.0, 2.0, 3.0, 4.0):
        result = f(T.tensor([start, 2.0]))
        yield result, list(kept)
        result.add_(100.0)
        kept[0].sub_(1)
    yield kept


@program(verdict="co-executed")
def exception_between_effects(T, wrap):
    """Writes, prints and an exception for some arguments, in the middle."""
    state = T.zeros(2)

    @wrap
    def f(x, fail):
        state.add_(x)
        print("first")
        state.mul_(2)
        if fail:
            raise ValueError("middle")
        state.sub_(1)
        print("second")
        return state + x

    for fail in (False, False, True, False, True, False):
        yield outcome(f, T.tensor([1.0, 2.0]), fail), state


@program(verdict="co-executed")
def failed_operation_between_effects(T, wrap):
    """An operation fails for some shapes, is caught, and another one done instead."""
    state = T.zeros(2)

    @wrap
    def f(x, y):
        state.add_(1)
        print("try")
        try:
            z = x @ y
        except Exception:
            print("caught")
            z = x * 2
        state.add_(1)
        return z + state[0]

    for n in (2, 3, 2, 3, 2):
        yield f(T.ones(2), T.ones(n)), state


@program(verdict="co-executed")
def other_branches_after_effects(T, wrap):
    """Effects before, in and after branches on values: each exactly once, on seen and unseen paths."""
    state, log = T.zeros(2), []

    @wrap
    def f(x):
        state.add_(1)
        log.append("a")
        if x[0] > 0:
            y = x * 2
        else:
            y = x - 1
            state.mul_(3)
        log.append("b")
        if x[1] > 0:
            return y + state
        log.append("c")
        return y * state

    for a, b in ((1, 1), (-1, 1), (1, -1), (-1, -1), (1, 1), (-1, -1), (-1, 1)):
        yield f(T.tensor([float(a), float(b)])), state, list(log)


@program(verdict="co-executed")
def gradients_between_prints(T, wrap):
    """A step by hand that prints loss, gradient and parameter."""
    w = T.tensor([1.0, 2.0], requires_grad=True)

    @wrap
    def step(x):
        loss = (w * x).sum()
        print("loss", loss.item())
        loss.backward()
        print("gradient", w.grad.tolist())
        with T.no_grad():
            w.sub_(0.5 * w.grad)
        w.grad = None
        print("parameter", w.tolist())
        return loss.detach()

    for start in (1.0, 2.0, 3.0, 4.0):
        yield step(T.tensor([start, 2.0])), w


@program(verdict="co-executed")
def gradients_out_of_a_printing_call(T, wrap):
    """The call prints a value; the caller differentiates both results."""
    w = T.tensor([1.0, 2.0], requires_grad=True)

    @wrap
    def f(x):
        y = w * x
        print(y.detach().sum().item())
        return (y * y).sum(), y

    for start in (1.0, 2.0, 3.0):
        a, b = f(T.tensor([start, 2.0]))
        b.retain_grad()
        (a + b.sum()).backward()
        yield a, b, b.grad, w


@program(verdict="co-executed")
def draws_between_prints(T, wrap):
    """Random numbers are drawn before and after a print, and once more depending on the first."""

    @wrap
    def f(x):
        a = T.rand(2)
        print("drawn")
        b = T.rand(2)
        if a[0] > 0.5:
            b = b + T.rand(2)
        return x + a, b

    for _ in range(6):
        yield f(T.zeros(2)), T.rand(1)
    T.manual_seed(0)
    yield f(T.zeros(2)), f(T.zeros(2))


@program(verdict="co-executed")
def generator_that_outlives_the_call(T, wrap):
    """A generator and a function over values of the call are returned and used later."""

    @wrap
    def f(x):
        print("made")
        y = x * 2
        return (y * k for k in (1.0, 2.0)), lambda z: y + z

    made = [f(T.tensor([start, 2.0])) for start in (1.0, 2.0, 3.0)]
    for source, add in made:
        yield list(source), add(T.tensor([1.0, 1.0]))


@program(verdict="co-executed")
def thread_started_inside(T, wrap):
    """Another thread computes with the argument while the call waits for it."""

    @wrap
    def f(x):
        results = []
        thread = threading.Thread(target=lambda: results.append(x * 3))
        thread.start()
        thread.join()
        return x * 2 + results[0]

    for start in (1.0, 2.0, 3.0, 4.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="co-executed")
def optimiser_step_that_prints(T, wrap):
    """A whole training step that prints its loss at the end."""
    model = T.nn.Linear(2, 1)
    with T.no_grad():
        model.weight.copy_(T.tensor([[1.0, 2.0]]))
        model.bias.zero_()
    optimiser = T.optim.Adam(model.parameters(), lr=0.125)

    @wrap
    def step(x):
        optimiser.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimiser.step()
        print(f"{loss.item():.2f}")
        return loss.detach()

    for start in (1.0, 2.0, 3.0, 4.0):
        yield step(T.tensor([[start, 1.0]])), model


@program(verdict="co-executed")
def captured_tensor_replaced_between(T, wrap):
    """A captured tensor of a printing function is written to and replaced, by another shape too."""
    w = T.tensor([1.0, 2.0])

    @wrap
    def f(x):
        y = x * w
        print("product")
        return y + w

    x = T.tensor([1.0, 1.0])
    yield f(x), f(x)
    w.add_(1)
    yield f(x), f(x)
    w = T.tensor([5.0])
    yield f(x), f(x), f(T.tensor([1.0, 2.0, 3.0]))


@program(verdict="co-executed")
def printing_functions_nested(T, wrap):
    """Printing traced functions call each other and themselves."""

    @wrap
    def inner(x, depth):
        print("inner", depth)
        return x if depth == 0 else inner(x * 2, depth - 1) + 1

    @wrap
    def outer(x, depth):
        print("outer")
        return inner(x, depth) * inner(x * 2, 0)

    for depth in (0, 2, 2, 1, 2):
        yield outer(T.tensor([1.0, 2.0]), depth), inner(T.tensor([3.0, 4.0]), 1)
