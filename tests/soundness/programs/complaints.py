"""What users of other tracers have complained about in public, told anew."""

import contextlib
import threading

from tests.soundness.corpus import program
from tests.soundness.snapshot import outcome


@program(verdict="static")
def python_value_of_a_tensor_free_config(T, wrap):
    """A configuration number in a nested object, changed in the middle of a run."""

    class Config:
        class optimiser:
            rate = 0.5

    f = wrap(lambda x: x - x * Config.optimiser.rate)
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    Config.optimiser.rate = 0.25
    yield f(x), f(x)


@program(verdict="static")
def earlier_output_as_the_next_input(T, wrap):
    """Earlier outputs are kept and used again after later calls have run."""
    f = wrap(lambda x, h: (x + h) * 0.5)
    h = T.zeros(2)
    states = []
    for start in (1.0, 2.0, 3.0, 4.0):
        h = f(T.tensor([start, 2.0]), h)
        states.append(h)
    yield states
    yield f(states[0], states[3]), f(states[1], states[1]), states


@program(verdict="static")
def input_is_a_slice_of_a_data_set(T, wrap):
    """The argument is another window on one big tensor each time."""
    data = T.arange(12).float().reshape(6, 2)
    f = wrap(lambda batch: batch.sum(0) * 2)
    for start in (0, 2, 4, 1, 0):
        yield f(data[start : start + 2])
    yield f(data[::3]), f(data[::3])


@program(verdict="static")
def last_batch_is_smaller(T, wrap):
    """The last batch of an epoch has fewer rows."""
    data = T.arange(10).float().reshape(5, 2)
    w = T.tensor([1.0, 2.0], requires_grad=True)

    @wrap
    def step(batch):
        loss = ((batch * w).sum(1) ** 2).mean()
        loss.backward()
        return loss.detach()

    for _ in range(2):
        for start in (0, 2, 4):
            yield step(data[start : start + 2]), w


@program(verdict="static")
def counter_tensor_and_number(T, wrap):
    """A step counter as tensor is written to; one as Python number of the caller is an argument."""
    count = T.zeros(1)

    @wrap
    def f(x, step):
        count.add_(1)
        return x / count * (1.0 if step < 3 else 0.5)

    for step in range(6):
        yield f(T.tensor([6.0, 12.0]), min(step, 3)), count


@program(verdict="static")
def warm_up_branch(T, wrap):
    """The first steps take another branch, by a number outside that the caller counts."""
    state = {"step": 0}
    f = wrap(lambda x: x * 0.1 if state["step"] < 2 else x * 2)
    for step in (0, 0, 1, 1, 5, 5):
        state["step"] = step
        yield f(T.tensor([1.0, 2.0]))


@program(verdict="co-executed")
def cache_of_keys_and_values(T, wrap):
    """A cache of a decoder grows in a dict outside, by concatenation."""
    cache = {"keys": T.zeros(0, 2)}

    @wrap
    def f(x):
        cache["keys"] = T.cat([cache["keys"], x])
        return (cache["keys"] * x).sum(1)

    for start in (1.0, 2.0, 3.0, 4.0):
        yield f(T.tensor([[start, 2.0]])), cache
    cache["keys"] = T.zeros(0, 2)
    yield f(T.tensor([[1.0, 2.0]])), cache


@program(verdict="static")
def cache_in_place_at_a_position(T, wrap):
    """A cache of fixed size is written to at a position that is a tensor."""
    cache, position = T.zeros(4, 2), T.zeros(1, dtype=T.int64)

    @wrap
    def f(x):
        cache[position] = x
        position.add_(1)
        return cache.sum(0)

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([[start, 2.0]])), cache, position
    position.zero_()
    yield f(T.tensor([[9.0, 9.0]])), cache


@program(verdict="static")
def attribute_of_a_mutated_view(T, wrap):
    """A module keeps a view of its own parameter, which an update in place changes."""
    w = T.zeros(2, 2)
    holder = {"row": w[0]}
    f = wrap(lambda x: x + holder["row"])
    for _ in range(3):
        yield f(T.tensor([1.0, 2.0]))
        w.add_(1)
    holder["row"] = w[1].clone()
    w.add_(1)
    yield f(T.tensor([1.0, 2.0])), f(T.tensor([1.0, 2.0]))


@program(verdict="static")
def two_closures_share_a_cell(T, wrap):
    """Two traced functions and a setter share one variable."""
    k = 1.0

    def set_to(value):
        nonlocal k
        k = value

    f, g = wrap(lambda x: x * k), wrap(lambda x: x + k)
    x = T.tensor([1.0, 2.0])
    for value in (1.0, 1.0, 2.0, 2.0):
        set_to(value)
        yield f(x), g(x)


@program(verdict="static")
def dict_key_becomes_another_type(T, wrap):
    """The keys 1, True and 1.0 are one key; the value behind it changes type."""
    table = {1: 2.0}
    f = wrap(lambda x, key: x * table[key])
    x = T.tensor([1, 2])
    yield f(x, 1), f(x, True), f(x, 1.0)
    table[True] = 2
    yield f(x, 1), f(x, True), f(x, 1)


@program(verdict="co-executed")
def loss_history_and_early_stop(T, wrap):
    """A training loop whose step logs its loss and says when to stop."""
    history, w = [], T.tensor([4.0], requires_grad=True)

    @wrap
    def step(rate):
        w.grad = None
        loss = (w * w).sum()
        loss.backward()
        with T.no_grad():
            w.sub_(w.grad * rate)
        history.append(loss.item())
        return len(history) > 2 and history[-1] < 0.5

    stops = []
    while not (stops and stops[-1]):
        stops.append(step(0.25))
    yield stops, history, w


@program(verdict="static")
def parameter_update_out_of_place(T, wrap):
    """Parameters live in a dict of the caller, which puts the results in their place."""
    params = {"w": T.tensor([1.0, 2.0]), "b": T.tensor([0.5])}

    @wrap
    def update(params, x):
        return {name: value - 0.5 * x * value for name, value in params.items()}

    for start in (1.0, 0.5, 0.25):
        params = update(params, T.tensor([start]))
        yield params


@program(verdict="static")
def ragged_list_of_tensors(T, wrap):
    """A list of tensors of different lengths, another number of them each time."""
    f = wrap(lambda parts: T.stack([part.sum() for part in parts]))
    for lengths in ((1, 2), (1, 2), (3,), (1, 2, 3), (3,)):
        yield f([T.ones(n) for n in lengths])


@program(verdict="co-executed")
def lock_held_during_the_call(T, wrap):
    """A lock outside is taken and given back."""
    lock = threading.Lock()

    @wrap
    def f(x):
        with lock:
            held = lock.locked()
            return x * 2, held

    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), lock.locked()


@program(verdict="co-executed")
def thread_local_settings(T, wrap):
    """Settings of the thread: another thread has others."""
    settings, results = threading.local(), []
    settings.k = 2.0
    f = wrap(lambda x: x * getattr(settings, "k", 10.0))
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    thread = threading.Thread(target=lambda: results.append(f(x)))
    thread.start()
    thread.join()
    yield results, f(x)
    settings.k = 3.0
    yield f(x)


@program(verdict="static")
def frozen_then_unfrozen_layers(T, wrap):
    """Fine-tuning: the gradient of a part is switched off and on by the caller."""
    body, head = T.tensor([1.0, 2.0], requires_grad=True), T.tensor([0.5], requires_grad=True)

    @wrap
    def step(x):
        ((body * x).sum() * head).sum().backward()

    for trained in (True, True, False, False, True):
        body.requires_grad_(trained)
        body.grad = head.grad = None
        step(T.tensor([1.0, 2.0]))
        yield body, head


@program(verdict="static")
def padding_by_a_python_condition(T, wrap):
    """Sequences are padded to a multiple, by arithmetic on their shape."""

    @wrap
    def f(x, multiple):
        missing = -x.shape[0] % multiple
        return T.cat([x, T.zeros(missing)]) if missing else x * 1

    for n, multiple in ((3, 4), (4, 4), (3, 2), (3, 4), (4, 4)):
        yield f(T.ones(n), multiple)


@program(verdict="static")
def exception_text_from_stale_shape(T, wrap):
    """A shape check in a helper raises with the numbers of this call."""

    def check(x, w):
        assert x.shape[-1] == w.shape[0], f"{tuple(x.shape)} does not fit {tuple(w.shape)}"

    w = T.ones(2)

    @wrap
    def f(x):
        check(x, w)
        return x @ w

    for n in (2, 3, 2, 4, 2):
        yield outcome(f, T.ones(3, n))


@program(verdict="co-executed")
def timer_context(T, wrap):
    """A timer as a context manager writes its label into a table outside."""
    table = {}

    @contextlib.contextmanager
    def timed(label):
        table[label] = table.get(label, 0) + 1
        try:
            yield
        finally:
            table[label + " done"] = table[label]

    @wrap
    def f(x):
        with timed("double"):
            x = x * 2
        with timed("shift"):
            return x + 1

    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), dict(table)
