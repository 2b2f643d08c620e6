"""What a function reads from its module and from containers is the value of now."""

import math
import types

import numpy as np

from tests.soundness.corpus import program

SCALE = 2.0
MODE = "double"
TABLE = {}
LAYERS = []
WEIGHT = None
LIMITS = types.SimpleNamespace(low=0.0, high=1.0)


def helper(x):
    return x + 1


def replacement(x):
    return x - 1


@program(verdict="static")
def global_scale_rebound(T, wrap):
    """A global number changed between calls (JAX freezes it)."""
    global SCALE
    SCALE = 2.0
    f = wrap(lambda x: x * SCALE)
    x = T.tensor([1.0, 2.0, 3.0])
    for scale in (2.0, 2.0, 3.0, 2.0, 3, True):
        SCALE = scale
        yield f(x)


@program(verdict="static")
def global_string_selects_a_branch(T, wrap):
    """A global string that decides what is computed."""
    global MODE

    @wrap
    def f(x):
        if MODE == "double":
            return x * 2
        return x + 1

    x = T.tensor([1.0, 2.0, 3.0])
    for mode in ("double", "add", "double", "add"):
        MODE = mode
        yield f(x)


@program(verdict="static")
def global_tensor_rebound_and_written(T, wrap):
    """A global tensor replaced by another, and one written to in place between calls."""
    global WEIGHT
    WEIGHT = T.tensor([1.0, 1.0, 1.0])
    f = wrap(lambda x: x * WEIGHT)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x)
    WEIGHT.add_(1)
    yield f(x)
    WEIGHT = T.tensor([5.0, 6.0, 7.0])
    yield f(x)
    yield f(x)


@program(verdict="static")
def global_becomes_a_tensor(T, wrap):
    """A global that was a number and becomes a tensor, then None."""
    global WEIGHT
    f = wrap(lambda x: x + 1 if WEIGHT is None else x * WEIGHT)
    x = T.tensor([1.0, 2.0, 3.0])
    for weight in (2.0, 2.0, T.tensor([3.0, 2.0, 1.0]), None, None):
        WEIGHT = weight
        yield f(x)


@program(verdict="static")
def dict_item_changed(T, wrap):
    """An item of a global dict of settings is changed, then added, then removed."""
    TABLE.clear()
    TABLE["k"] = 2.0
    f = wrap(lambda x: x * TABLE["k"] + TABLE.get("bias", 0.0))
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    TABLE["k"] = 3.0
    yield f(x)
    TABLE["bias"] = 1.0
    yield f(x), f(x)
    del TABLE["bias"]
    yield f(x)


@program(verdict="static")
def nested_settings_changed(T, wrap):
    """A number three containers deep is changed."""
    settings = {"model": [{"k": 2.0}, {"k": 3.0}]}
    f = wrap(lambda x: x * settings["model"][1]["k"])
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    settings["model"][1]["k"] = 5.0
    yield f(x), f(x)
    settings["model"][0], settings["model"][1] = settings["model"][1], settings["model"][0]
    yield f(x), f(x)


@program(verdict="static")
def list_grows_between_calls(T, wrap):
    """A loop over a global list that gets longer and shorter (Dynamo has kept stale lengths)."""
    LAYERS[:] = [1.0, 2.0]

    @wrap
    def f(x):
        for k in LAYERS:
            x = x * 2 + k
        return x

    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    LAYERS.append(3.0)
    yield f(x), f(x)
    LAYERS.pop(0)
    yield f(x), f(x)


@program(verdict="static")
def list_of_tensors_swapped(T, wrap):
    """Two tensors in a list change places between calls."""
    parts = [T.tensor([1.0, 2.0, 3.0]), T.tensor([10.0, 20.0, 30.0])]
    f = wrap(lambda x: x * parts[0] + parts[1])
    x = T.tensor([1.0, 1.0, 1.0])
    yield f(x), f(x)
    parts.reverse()
    yield f(x), f(x)
    parts[0] = parts[1]
    yield f(x), f(x)


@program(verdict="static")
def dict_order_matters(T, wrap):
    """Items of a dict are combined in the order in which they were entered."""
    table = {"a": 2.0, "b": 3.0}

    @wrap
    def f(x):
        for k in table.values():
            x = x * k + 1
        return x

    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    table["a"] = table.pop("a")
    yield f(x), f(x)


@program(verdict="static")
def membership_in_a_set(T, wrap):
    """Whether a name is in a global set decides; the set changes."""
    enabled = {"double"}
    f = wrap(lambda x: x * 2 if "double" in enabled else x + 1)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    enabled.remove("double")
    yield f(x), f(x)
    enabled.add("double")
    yield f(x), f(x)


@program(verdict="static")
def length_of_a_growing_list(T, wrap):
    """Only the length of an outer list is read."""
    seen = []
    f = wrap(lambda x: x * len(seen))
    x = T.tensor([1.0, 2.0, 3.0])
    for _ in range(2):
        yield f(x), f(x)
        seen.append(None)
    yield f(x), f(x)


@program(verdict="static")
def helper_rebound(T, wrap):
    """A global helper is replaced by another function."""
    namespace = globals()
    f = wrap(lambda x: helper(x) * 2)
    x = T.tensor([1.0, 2.0, 3.0])
    original = helper
    try:
        yield f(x), f(x)
        namespace["helper"] = replacement
        yield f(x), f(x)
    finally:
        namespace["helper"] = original
    yield f(x)


@program(verdict="static")
def helper_code_and_defaults_replaced(T, wrap):
    """A helper keeps its identity, but its defaults and then its code are replaced."""

    def scale(x, k=2.0):
        return x * k

    f = wrap(lambda x: scale(x))
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    scale.__defaults__ = (3.0,)
    yield f(x), f(x)
    scale.__code__ = (lambda x, k=1.0: x + k).__code__
    yield f(x), f(x)


@program(verdict="static")
def keyword_defaults_replaced(T, wrap):
    """A keyword-only default of the traced function itself is replaced."""

    def scale(x, *, k=2.0):
        return x * k

    f = wrap(scale)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    scale.__kwdefaults__["k"] = 4.0
    yield f(x), f(x), f(x, k=2.0)


@program(verdict="static")
def module_constant_changed(T, wrap):
    """A number of another module, reached as an attribute, is changed."""
    module = types.ModuleType("settings")
    module.k = 2.0
    f = wrap(lambda x: x * module.k)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    module.k = 3.0
    yield f(x), f(x)


@program(verdict="static")
def namespace_attribute_changed(T, wrap):
    """The limits of a SimpleNamespace are changed between calls."""
    LIMITS.low, LIMITS.high = 0.0, 1.0
    f = wrap(lambda x: x.clamp(LIMITS.low, LIMITS.high))
    x = T.tensor([-1.0, 0.5, 3.0])
    yield f(x), f(x)
    LIMITS.high = 2.0
    yield f(x), f(x)
    LIMITS.low = -0.5
    yield f(x), f(x)


@program(verdict="static")
def standard_function_monkeypatched(T, wrap):
    """A function of Python's own `math` is replaced for a while."""
    f = wrap(lambda x: x * math.sqrt(4.0))
    x, original = T.tensor([1.0, 2.0, 3.0]), math.sqrt
    try:
        yield f(x), f(x)
        math.sqrt = lambda value: value * 10
        yield f(x)
    finally:
        math.sqrt = original
    yield f(x), f(x)


@program(verdict="static")
def library_function_monkeypatched(T, wrap):
    """A function of the tensor library is replaced for a while, as tests do."""
    f = wrap(lambda x: T.exp(x))
    x, original = T.tensor([0.0, 1.0]), T.exp
    try:
        yield f(x), f(x)
        T.exp = lambda value: value + 100
        yield f(x), f(x)
    finally:
        T.exp = original
    yield f(x)


@program(verdict="static")
def builtin_shadowed_by_a_global(T, wrap):
    """A global is born between the calls that hides a builtin."""
    namespace = globals()
    namespace.pop("max", None)
    f = wrap(lambda x: x * max(2, 3))
    x = T.tensor([1.0, 2.0, 3.0])
    try:
        yield f(x), f(x)
        namespace["max"] = lambda a, b: a
        yield f(x), f(x)
    finally:
        namespace.pop("max", None)
    yield f(x)


@program(verdict="static")
def numpy_array_read(T, wrap):
    """The contents of an outer NumPy array are read, and changed between calls."""
    weights = np.array([1.0, 2.0, 3.0], dtype=np.float32)
    f = wrap(lambda x: x * T.tensor(weights))
    x = T.tensor([1.0, 1.0, 1.0])
    yield f(x), f(x)
    weights[1] = 20.0
    yield f(x), f(x)


@program(verdict="static")
def numpy_scalar_global(T, wrap):
    """A NumPy scalar as a factor, replaced by one of another type."""
    box = {"k": np.float32(2.0)}
    f = wrap(lambda x: x * float(box["k"]))
    x = T.tensor([1.0, 2.0, 3.0])
    for k in (np.float32(2.0), np.float64(0.5), np.int64(3)):
        box["k"] = k
        yield f(x), f(x)


@program(verdict="static")
def default_dtype_free_division(T, wrap):
    """Integers are divided, and the kind of the argument changes."""
    f = wrap(lambda x: x / 2)
    for x in (T.tensor([1, 2, 3]), T.tensor([1.0, 2.0, 3.0]), T.tensor([1, 2, 3])):
        yield f(x), f(x)


@program(verdict="static")
def captured_view_of_a_changing_base(T, wrap):
    """A captured view of a tensor, whose base is written between calls."""
    base = T.zeros(2, 3)
    row = base[1]
    f = wrap(lambda x: x + row)
    x = T.tensor([1.0, 2.0, 3.0])
    for step in range(4):
        yield f(x)
        base.add_(step)


@program(verdict="static")
def tensor_requires_grad_toggled(T, wrap):
    """A captured tensor comes to need a gradient, and stops needing it."""
    w = T.tensor([1.0, 2.0, 3.0])
    f = wrap(lambda x: (x * w).sum())
    x = T.tensor([1.0, 1.0, 2.0])
    yield f(x), f(x)
    w.requires_grad_()
    for _ in range(2):
        f(x).backward()
        yield w
    w.requires_grad_(False)
    yield f(x), f(x)


@program(verdict="static")
def data_of_a_tensor_replaced(T, wrap):
    """`.data` of a captured tensor is set to other memory, of another shape too."""
    w = T.tensor([1.0, 2.0, 3.0])
    f = wrap(lambda x: x * w)
    x = T.tensor([1.0, 1.0, 2.0])
    yield f(x), f(x)
    w.data = T.tensor([5.0, 6.0, 7.0])
    yield f(x), f(x)
    w.data = T.tensor([9.0])
    yield f(x), f(x)
