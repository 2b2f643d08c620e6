"""What a call does besides computing happens on every call, once, in order."""

import atexit
import collections
import contextlib
import functools
import io
import logging
import os
import pathlib
import re
import sys
import tempfile
import threading
import time
import warnings

import numpy as np

from tests.soundness.corpus import program

COUNT = 0
REGISTRY = []
SEEN = {}


@program(verdict="co-executed")
def prints_a_word(T, wrap):
    """A print of a constant (JAX and torch.jit.trace drop it)."""

    @wrap
    def f(x):
        print("called")
        return x * 2

    x = T.tensor([1.0, 2.0, 3.0])
    for _ in range(3):
        yield f(x)


@program(verdict="co-executed")
def prints_between_operations(T, wrap):
    """Prints at several places, one in a helper, one only for some arguments."""

    def helper(x):
        print("helper", end=" ")
        return x + 1

    @wrap
    def f(x, loud):
        y = helper(x * 2)
        if loud:
            print("loud")
        return helper(y)

    x = T.tensor([1.0, 2.0, 3.0])
    for loud in (False, True, False, True):
        yield f(x, loud)


@program(verdict="co-executed")
def prints_a_shape(T, wrap):
    """A print of what is known without the values."""

    @wrap
    def f(x):
        print(tuple(x.shape), x.dim())
        return x.sum()

    for n in (2, 2, 3, 2):
        yield f(T.ones(n))


@program(verdict="co-executed")
def writes_to_standard_output(T, wrap):
    """`sys.stdout.write` instead of print."""

    @wrap
    def f(x):
        sys.stdout.write("out\n")
        return x * 2

    for _ in range(3):
        yield f(T.tensor([1.0, 2.0]))


@program(verdict="co-executed")
def appends_to_an_outer_list(T, wrap):
    """A list outside is appended to."""
    history = []

    @wrap
    def f(x):
        history.append(len(history))
        return x * 2

    for _ in range(4):
        yield f(T.tensor([1.0, 2.0])), list(history)


@program(verdict="co-executed")
def appends_a_result_to_an_outer_list(T, wrap):
    """Tensors made in the call are kept in a list outside; each must stay what it was."""
    kept = []

    @wrap
    def f(x):
        y = x * 2
        kept.append(y)
        return y + 1

    for start in (1.0, 2.0, 3.0, 4.0):
        yield f(T.tensor([start, 2.0])), kept


@program(verdict="co-executed")
def outer_dict_as_memo(T, wrap):
    """A memo in a dict gives the same object for the same key."""
    memo = {}

    @wrap
    def f(x, key):
        if key not in memo:
            memo[key] = x * 2
        return memo[key]

    x = T.tensor([1.0, 2.0])
    first = f(x, "a")
    yield first, f(x, "a") is first, f(x, "b") is first
    x = T.tensor([5.0, 6.0])
    yield f(x, "a"), f(x, "c"), list(memo)
    memo.clear()
    yield f(x, "a"), f(x, "a") is first, f(x, "d")


@program(verdict="static")
def memo_that_is_full(T, wrap):
    """A memo that is only read in the end: nothing is stored any more."""
    memo = {"a": T.tensor([1.0, 2.0]), "b": T.tensor([3.0, 4.0])}

    @wrap
    def f(x, key):
        if key not in memo:
            memo[key] = x * 2
        return memo[key] + x

    x = T.tensor([1.0, 2.0])
    for key in ("a", "b", "a", "b"):
        yield f(x, key), len(memo)


@program(verdict="co-executed")
def outer_set_of_shapes(T, wrap):
    """Shapes met are entered in a set outside."""
    shapes = set()

    @wrap
    def f(x):
        shapes.add(tuple(x.shape))
        return x * 2

    for n in (2, 2, 3, 4, 3):
        yield f(T.ones(n)), sorted(shapes)
    shapes.clear()
    yield f(T.ones(2)), sorted(shapes)


@program(verdict="co-executed")
def global_counter(T, wrap):
    """A global number counts the calls."""
    global COUNT
    COUNT = 0

    @wrap
    def f(x):
        global COUNT
        COUNT += 1
        return x * 2

    for _ in range(4):
        yield f(T.tensor([1.0, 2.0])), COUNT


@program(verdict="co-executed")
def global_counter_used(T, wrap):
    """A global number counts the calls and is a factor."""
    global COUNT
    COUNT = 0

    @wrap
    def f(x):
        global COUNT
        COUNT += 1
        return x * COUNT

    for _ in range(4):
        yield f(T.tensor([1.0, 2.0])), COUNT


@program(verdict="static")
def global_set_and_put_back(T, wrap):
    """A global is changed for the length of the call."""
    global COUNT
    COUNT = 3

    def helper(x):
        return x * COUNT

    @wrap
    def f(x):
        global COUNT
        before, COUNT = COUNT, 5
        y = helper(x)
        COUNT = before
        return y

    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), COUNT
    COUNT = 4
    yield f(T.tensor([1.0, 2.0])), COUNT


@program(verdict="co-executed")
def logs_a_record(T, wrap):
    """A logging record for every call, with the message's arguments."""
    records, logger = [], logging.getLogger("tests.soundness.effects.loud")
    handler = logging.Handler()
    handler.emit = lambda record: records.append((record.levelname, record.getMessage()))
    logger.handlers[:], logger.propagate = [handler], False
    logger.setLevel(logging.INFO)

    @wrap
    def f(x):
        logger.info("shape %s", tuple(x.shape))
        logger.debug("not shown")
        return x * 2

    for n in (2, 2, 3, 2):
        yield f(T.ones(n)), list(records)


@program(verdict="co-executed")
def log_level_switched_on(T, wrap):
    """Logging is off at first and switched on later."""
    records, logger = [], logging.getLogger("tests.soundness.effects.switched")
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    logger.handlers[:], logger.propagate = [handler], False
    logger.setLevel(logging.WARNING)

    @wrap
    def f(x):
        logger.info("called")
        return x * 2

    x = T.tensor([1.0, 2.0])
    yield f(x), f(x), list(records)
    logger.setLevel(logging.INFO)
    yield f(x), f(x), list(records)


@program(verdict="co-executed")
def warns_on_each_call(T, wrap):
    """A warning for every call."""

    @wrap
    def f(x):
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        return x * 2

    for _ in range(3):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = f(T.tensor([1.0, 2.0]))
        yield result, [(each.category, str(each.message)) for each in caught]


@program(verdict="co-executed")
def writes_a_file(T, wrap):
    """A line is appended to a file on each call."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "log.txt"

        @wrap
        def f(x):
            with open(file, "a", encoding="utf-8") as stream:
                stream.write(f"{x.shape[0]}\n")
            return x * 2

        for n in (2, 2, 3, 2):
            yield f(T.ones(n)), file.read_text(encoding="utf-8")


@program(verdict="co-executed")
def reads_a_file(T, wrap):
    """The factor is read from a file, which changes."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "factor.txt"
        f = wrap(lambda x: x * int(file.read_text(encoding="utf-8")))
        for k in (2, 2, 3, 4):
            file.write_text(str(k), encoding="utf-8")
            yield f(T.tensor([1.0, 2.0]))


@program(verdict="co-executed")
def asks_for_the_time(T, wrap):
    """A clock, which is replaced by one that can be foreseen, is asked on each call."""
    ticks, original = iter(range(100)), time.process_time_ns
    time.process_time_ns = lambda: next(ticks)
    try:
        f = wrap(lambda x: x * time.process_time_ns())
        for _ in range(4):
            yield f(T.tensor([1.0, 2.0]))
    finally:
        time.process_time_ns = original


@program(verdict="co-executed")
def measures_itself(T, wrap):
    """The real clock is asked twice; the second answer is not before the first."""

    @wrap
    def f(x):
        started = time.perf_counter()
        y = x * 2
        return y, time.perf_counter() - started

    spent = []
    for _ in range(3):
        y, seconds = f(T.tensor([1.0, 2.0]))
        spent.append(seconds)
        yield y, seconds >= 0
    yield len(set(spent)) > 1


@program(verdict="static")
def environment_variable_read(T, wrap):
    """An environment variable decides, and is changed."""
    name = "TRACEGRAPH_SOUNDNESS_PROGRAM"
    os.environ.pop(name, None)
    f = wrap(lambda x: x * 2 if os.environ.get(name) == "1" else x + 1)
    x = T.tensor([1.0, 2.0])
    try:
        for value in ("0", "0", "1", "0"):
            os.environ[name] = value
            yield f(x)
    finally:
        os.environ.pop(name, None)
    yield f(x)


@program(verdict="co-executed")
def outer_generator_consumed(T, wrap):
    """Each call takes the next number of a generator outside."""

    def numbers():
        k = 1.0
        while True:
            yield k
            k *= 2

    source = numbers()
    f = wrap(lambda x: x * next(source))
    for _ in range(4):
        yield f(T.tensor([1.0, 2.0]))
    yield next(source)


@program(verdict="co-executed")
def outer_iterator_shared(T, wrap):
    """A list iterator is consumed by the function and by the caller in turns."""
    source = iter([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    f = wrap(lambda x: x * next(source, 0.0))
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x), next(source), f(x), f(x), list(source), f(x)


@program(verdict="co-executed")
def context_manager_with_a_journal(T, wrap):
    """A context manager keeps a journal of entering and leaving."""
    journal = []

    class Section:
        def __enter__(self):
            journal.append("in")

        def __exit__(self, *error):
            journal.append("out")

    @wrap
    def f(x):
        with Section():
            return x * 2

    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), list(journal)


@program(verdict="static")
def context_manager_without_effect(T, wrap):
    """`contextlib` helpers that only handle objects of the call."""

    @contextlib.contextmanager
    def scaled(x):
        yield x * 2

    @wrap
    def f(x):
        with scaled(x) as y, contextlib.suppress(ValueError), contextlib.nullcontext(3.0) as k:
            return y + k

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0]))


@program(verdict="co-executed")
def output_redirected_inside(T, wrap):
    """What is printed into a buffer of the call is part of the result."""

    @wrap
    def f(x):
        buffer = io.StringIO()
        with contextlib.redirect_stdout(buffer):
            print("inside", x.shape[0])
        return x * 2, buffer.getvalue()

    for n in (2, 2, 3, 2):
        yield f(T.ones(n))


@program(verdict="co-executed")
def callback_passed_in(T, wrap):
    """A callback given as an argument has effects of its own."""
    calls = []

    def callback(stage):
        calls.append(stage)

    @wrap
    def f(x, report):
        report("start")
        y = x * 2
        report("end")
        return y

    for _ in range(3):
        yield f(T.tensor([1.0, 2.0]), callback), list(calls)


@program(verdict="static")
def callback_that_does_nothing(T, wrap):
    """A callback without effects, then one that counts, then the first again."""
    calls = []
    f = wrap(lambda x, report: (report("start"), x * 2)[1])
    quiet, loud = (lambda stage: None), calls.append
    x = T.tensor([1.0, 2.0])
    for report in (quiet, quiet, loud, loud):
        yield f(x, report), list(calls)
    other = wrap(lambda x: (quiet("start"), x * 2)[1])
    yield other(x), other(x), f(x, quiet), list(calls)
    quiet = lambda stage: None
    yield other(x), f(x, quiet), f(x, quiet)


@program(verdict="co-executed")
def registers_at_exit(T, wrap):
    """A function is registered with `atexit` on each call."""
    registered, original = [], atexit.register
    atexit.register = lambda function: registered.append(function()) or function
    try:

        @wrap
        def f(x):
            atexit.register(lambda: "bye")
            return x * 2

        for _ in range(3):
            yield f(T.tensor([1.0, 2.0])), list(registered)
    finally:
        atexit.register = original


@program(verdict="co-executed")
def argument_list_appended(T, wrap):
    """A list given as an argument grows."""

    @wrap
    def f(parts):
        parts.append(parts[-1] * 2)
        return len(parts)

    parts = [T.tensor([1.0, 2.0])]
    for _ in range(4):
        yield f(parts), parts


@program(verdict="co-executed")
def argument_dict_popped(T, wrap):
    """Items are taken out of a dict given as an argument."""

    @wrap
    def f(options, x):
        return x * options.pop("k", 1.0)

    x = T.tensor([1.0, 2.0])
    for options in ({"k": 2.0}, {"k": 2.0}, {"k": 3.0, "j": 1.0}):
        yield f(options, x), f(options, x), options
    yield f({"k": 4.0}, x)


@program(verdict="co-executed")
def class_registers_subclasses(T, wrap):
    """A class made in the call enters itself into a registry outside."""
    REGISTRY.clear()

    class Base:
        def __init_subclass__(cls):
            REGISTRY.append(cls.__name__)

    @wrap
    def f(x):
        class Layer(Base):
            k = 2.0

        return x * Layer.k

    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), list(REGISTRY)


@program(verdict="co-executed")
def mutable_default_argument(T, wrap):
    """The classical trap: a default list that lives on from call to call."""

    @wrap
    def f(x, seen=[]):
        seen.append(1)
        return x * len(seen)

    for _ in range(4):
        yield f(T.tensor([1.0, 2.0]))


@program(verdict="co-executed")
def finaliser_with_an_effect(T, wrap):
    """An object of the call tells when it dies."""
    died = []

    class Guard:
        def __del__(self):
            died.append(1)

    @wrap
    def f(x):
        guard = Guard()
        y = x * 2
        del guard
        return y

    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), len(died)


@program(verdict="co-executed")
def outer_list_sorted(T, wrap):
    """An outer list is sorted and put out of order again by the caller."""
    order = [3.0, 1.0, 2.0]

    @wrap
    def f(x):
        order.sort()
        return x * order[0]

    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), list(order)
        order.insert(0, order[-1] + 1)
    yield f(T.tensor([1.0, 2.0]))
    order[:] = [7.0, 5.0]
    yield f(T.tensor([1.0, 2.0])), order


@program(verdict="co-executed")
def defaultdict_filled_by_reading(T, wrap):
    """Reading a missing key of an outer defaultdict enters it."""
    table = collections.defaultdict(float)

    @wrap
    def f(x, key):
        return x + table[key]

    x = T.tensor([1.0, 2.0])
    for key in ("a", "b", "c", "d"):
        yield f(x, key), sorted(table)


@program(verdict="co-executed")
def import_hook_state(T, wrap):
    """A module's table in `sys.modules` gets an entry."""
    name = "tests_soundness_made_module"
    sys.modules.pop(name, None)

    @wrap
    def f(x):
        sys.modules[name] = sys
        return x * 2

    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), name in sys.modules
        sys.modules.pop(name, None)


@program(verdict="co-executed", limit="frames of the library stand between the caller and the function")
def warning_that_names_the_caller(T, wrap):
    """`warn(..., stacklevel=2)` tells file and line of whoever called the function."""

    @wrap
    def f(x):
        warnings.warn("old", UserWarning, stacklevel=2)
        return x * 2

    for _ in range(3):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = f(T.tensor([1.0, 2.0]))
        yield result, [(pathlib.Path(each.filename).name, each.lineno) for each in caught]


@program(verdict="co-executed")
def numpy_counter_outside(T, wrap):
    """An outer NumPy array counts calls and sizes."""
    counts = np.zeros(2)

    @wrap
    def f(x):
        counts[0] += 1
        np.add(counts, x.shape[0], out=counts)
        return x * 2

    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), counts


@program(verdict="co-executed")
def event_set_inside(T, wrap):
    """An event of `threading` is asked and set; the caller clears it."""
    event = threading.Event()

    @wrap
    def f(x):
        before = event.is_set()
        event.set()
        return x * 2, before

    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), f(T.tensor([1.0, 2.0])), event.is_set()
        event.clear()


@program(verdict="co-executed")
def written_to_a_given_stream(T, wrap):
    """A stream given as an argument is written to in two ways."""

    @wrap
    def f(x, stream):
        stream.write("a")
        print("b", file=stream)
        return x * 2

    stream = io.StringIO()
    for _ in range(3):
        yield f(T.tensor([1.0, 2.0]), stream), stream.getvalue()


@program(verdict="co-executed")
def appended_by_detours(T, wrap):
    """A list outside is appended to as a key function, by `map`, by a partial, from a replacement function."""
    log = []
    detours = [
        lambda: sorted([1], key=log.append),
        lambda: list(map(log.append, (1,))),
        lambda: functools.partial(log.append, 1)(),
        lambda: re.sub("a", lambda match: log.append(1) or "", "aa"),
        lambda: collections.defaultdict(lambda: log.append(1))["missing"],
        lambda: list.__iadd__(log, [1]),
    ]
    functions = [wrap(lambda x, detour=detour: (detour(), x * 2)[1]) for detour in detours]
    for _ in range(3):
        for f in functions:
            yield f(T.tensor([1.0, 2.0])), len(log)


@program(verdict="co-executed")
def generator_closed_by_its_death(T, wrap):
    """A generator of the call is dropped half-way; its `finally` has an effect."""
    log = []

    def numbers():
        try:
            yield 2.0
        finally:
            log.append("closed")

    f = wrap(lambda x: x * next(numbers()))
    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), len(log)


@program(verdict="co-executed")
def methods_of_python_with_effects(T, wrap):
    """`__eq__`, `__index__`, `__iter__`, `__len__`, `__format__` of an outer object keep a journal."""
    journal = []

    class Loud:
        def __eq__(self, other):
            return not journal.append("eq")

        def __index__(self):
            return journal.append("index") or 0

        def __iter__(self):
            journal.append("iter")
            return iter((1.0, 2.0))

        def __len__(self):
            return journal.append("len") or 1

        def __format__(self, specification):
            return journal.append("format") or specification

    loud = Loud()
    functions = [
        wrap(lambda x: x * 2 if 3 in [loud] else x),
        wrap(lambda x: x * [2.0, 3.0][loud]),
        wrap(lambda x: x * sum(loud)),
        wrap(lambda x: x * 2 if loud else x),
        wrap(lambda x: (f"{loud:abc}", x * 2)),
    ]
    for f in functions:
        for _ in range(3):
            yield f(T.tensor([1.0, 2.0])), list(journal)
