"""Random numbers: each call draws new ones, and the same seed draws the same."""

import random

import numpy as np

from tests.soundness.corpus import program


@program(verdict="static")
def draws_differ_from_call_to_call(T, wrap):
    """Each call draws anew (a frozen draw would come back)."""
    f = wrap(lambda x: x + T.rand(2))
    x = T.zeros(2)
    yield [f(x) for _ in range(4)]


@program(verdict="static")
def seed_set_between_calls(T, wrap):
    """The caller seeds the generator, and draws from it between the calls."""
    f = wrap(lambda x: x * T.randn(2))
    x = T.ones(2)
    for seed in (1, 2, 1):
        T.manual_seed(seed)
        yield f(x), f(x), T.rand(1), f(x)


@program(verdict="static")
def seed_set_inside(T, wrap):
    """The seed is set in the call: always the same numbers, and the caller's draws go on from there."""

    @wrap
    def f(x):
        T.manual_seed(5)
        return x + T.rand(2)

    for _ in range(3):
        yield f(T.zeros(2)), T.rand(1)


@program(verdict="static")
def state_saved_and_restored(T, wrap):
    """The caller saves the generator's state and sets it back."""
    f = wrap(lambda x: x + T.rand(2))
    x = T.zeros(2)
    state = T.get_rng_state()
    yield f(x), f(x)
    T.set_rng_state(state)
    yield f(x), f(x)


@program(verdict="static")
def generator_passed_in(T, wrap):
    """A generator of one's own is an argument; the global one is left alone."""
    mine = T.Generator()
    mine.manual_seed(3)
    f = wrap(lambda x, generator: x + T.rand(2, generator=generator))
    for _ in range(3):
        yield f(T.zeros(2), mine), T.rand(1)
    mine.manual_seed(3)
    yield f(T.zeros(2), mine)


@program(verdict="static")
def dropout_masks(T, wrap):
    """Dropout in training draws a new mask on each call."""
    F = T.nn.functional
    f = wrap(lambda x: F.dropout(x, 0.5, training=True))
    yield [f(T.ones(8)) for _ in range(4)]


@program(verdict="static")
def noise_with_a_gradient(T, wrap):
    """Noise is drawn in the forward pass and used again in the backward pass."""
    w = T.tensor([1.0, 2.0], requires_grad=True)
    f = wrap(lambda: (w * T.randn(2)).sum())
    for _ in range(3):
        y = f()
        y.backward()
        yield y, w


@program(verdict="static")
def draws_in_a_branch(T, wrap):
    """One branch draws, the other does not: the generator stands where it should."""
    f = wrap(lambda x: x + T.rand(2) if x.sum() > 0 else x * 2)
    for start in (1.0, -9.0, 2.0, -9.0, 3.0):
        yield f(T.tensor([start, 2.0])), T.rand(1)


@program(verdict="co-executed")
def python_random(T, wrap):
    """Python's generator chooses a factor and a branch."""
    f = wrap(lambda x: x * random.random() if random.randint(0, 1) else x + 1)
    yield [f(T.tensor([1.0, 2.0])) for _ in range(6)]
    random.seed(7)
    yield [f(T.tensor([1.0, 2.0])) for _ in range(3)], random.random()


@program(verdict="co-executed")
def python_random_object(T, wrap):
    """A `random.Random` of one's own."""
    source = random.Random(3)
    f = wrap(lambda x: x * source.uniform(1, 2))
    yield [f(T.tensor([1.0, 2.0])) for _ in range(4)]
    source.seed(3)
    yield f(T.tensor([1.0, 2.0])), source.random()


@program(verdict="co-executed")
def numpy_random(T, wrap):
    """NumPy's global generator and one of one's own."""
    source = np.random.default_rng(3)
    f = wrap(lambda x: x * float(np.random.rand()) + float(source.random()))
    yield [f(T.tensor([1.0, 2.0])) for _ in range(4)]
    yield float(np.random.rand()), float(source.random())


@program(verdict="co-executed")
def shuffled_order(T, wrap):
    """A list made in the call is shuffled with Python's generator."""

    @wrap
    def f(x):
        order = [0, 1, 2]
        random.shuffle(order)
        return x[order[0]] * 2, order

    yield [f(T.tensor([1.0, 2.0, 3.0])) for _ in range(5)]


@program(verdict="static")
def permutations_and_choices(T, wrap):
    """`randperm`, `randint` and `bernoulli` of the library."""
    f = wrap(lambda x: (x[T.randperm(3)], T.randint(0, 10, (2,)), T.bernoulli(x * 0 + 0.5)))
    yield [f(T.tensor([1.0, 2.0, 3.0])) for _ in range(4)]
