"""Attributes: of objects and classes, computed ones, inherited ones, and what is done behind their back."""

import dataclasses
import enum

from tests.soundness.corpus import program


class Box:
    def __init__(self, k):
        self.k = k


@program(verdict="static")
def attribute_of_a_captured_object(T, wrap):
    """A number in an object is changed between calls (JAX and TinyJit freeze it)."""
    box = Box(2.0)
    f = wrap(lambda x: x * box.k)
    x = T.tensor([1.0, 2.0, 3.0])
    for k in (2.0, 2.0, 3.0, 2.0):
        box.k = k
        yield f(x)


@program(verdict="static")
def attribute_path_relinked(T, wrap):
    """An object in the middle of an attribute path is replaced."""
    outer = Box(Box(Box(2.0)))
    f = wrap(lambda x: x * outer.k.k.k)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    outer.k = Box(Box(3.0))
    yield f(x), f(x)
    outer.k.k.k = 4.0
    yield f(x), f(x)


@program(verdict="static")
def class_attribute_then_instance_attribute(T, wrap):
    """A class attribute changes, then is hidden by one of the instance."""

    class Settings:
        k = 2.0

    settings = Settings()
    f = wrap(lambda x: x * settings.k)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    Settings.k = 3.0
    yield f(x), f(x)
    settings.k = 4.0
    yield f(x), f(x)
    del settings.k
    yield f(x), f(x)


@program(verdict="static")
def inherited_attribute_overridden_later(T, wrap):
    """A subclass gets an attribute of its own after the first calls."""

    class Base:
        k = 2.0

    class Derived(Base):
        pass

    one = Derived()
    f = wrap(lambda x: x * one.k)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    Derived.k = 5.0
    yield f(x), f(x)


@program(verdict="static")
def class_of_an_object_changed(T, wrap):
    """An object becomes one of another class."""

    class Double:
        def run(self, x):
            return x * 2

    class Negate:
        def run(self, x):
            return -x

    one = Double()
    f = wrap(lambda x: one.run(x))
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    one.__class__ = Negate
    yield f(x), f(x)


@program(verdict="static")
def method_monkeypatched_on_class_and_instance(T, wrap):
    """A method is replaced in the class, then in the instance."""

    class Layer:
        def run(self, x):
            return x * 2

    layer = Layer()
    f = wrap(lambda x: layer.run(x))
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    Layer.run = lambda self, x: x * 3
    yield f(x), f(x)
    layer.run = lambda x: x * 4
    yield f(x), f(x)


@program(verdict="static")
def property_over_a_changing_field(T, wrap):
    """A property computes from a field that changes."""

    class Schedule:
        step = 1

        @property
        def rate(self):
            return 1.0 / self.step

    schedule = Schedule()
    f = wrap(lambda x: x * schedule.rate)
    x = T.tensor([1.0, 2.0, 3.0])
    for step in (1, 1, 2, 4):
        schedule.step = step
        yield f(x)


@program(verdict="static")
def property_replaced(T, wrap):
    """The property itself is replaced in the class."""

    class Layer:
        k = 2.0

        @property
        def factor(self):
            return self.k

    layer = Layer()
    f = wrap(lambda x: x * layer.factor)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    Layer.factor = property(lambda self: self.k * 10)
    yield f(x), f(x)


@program(verdict="static")
def getattr_fallback(T, wrap):
    """`__getattr__` looks into a dict, whose entry changes; then a real attribute goes before it."""

    class Options:
        def __init__(self):
            self.table = {"k": 2.0}

        def __getattr__(self, name):
            return self.table[name]

    options = Options()
    f = wrap(lambda x: x * options.k)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    options.table["k"] = 3.0
    yield f(x), f(x)
    options.k = 4.0
    yield f(x), f(x)


@program(verdict="static")
def descriptor_with_storage(T, wrap):
    """A data descriptor that keeps its values in the object's dict."""

    class Field:
        def __set_name__(self, owner, name):
            self.name = "_" + name

        def __get__(self, instance, owner=None):
            return instance.__dict__[self.name]

        def __set__(self, instance, value):
            instance.__dict__[self.name] = value * 2

    class Record:
        k = Field()

    record = Record()
    record.k = 1.0
    f = wrap(lambda x: x * record.k)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    record.k = 3.0
    yield f(x), f(x)


@program(verdict="static")
def slots_changed(T, wrap):
    """An object with slots, one of which changes and one of which is filled late."""

    class Point:
        __slots__ = ("bias", "k")

    point = Point()
    point.k = 2.0
    f = wrap(lambda x: x * point.k + getattr(point, "bias", 0.0))
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    point.k = 3.0
    yield f(x), f(x)
    point.bias = 1.0
    yield f(x), f(x)


@program(verdict="static")
def hasattr_decides(T, wrap):
    """Whether an attribute is there decides; it comes and goes."""
    box = Box(2.0)
    f = wrap(lambda x: x * box.extra if hasattr(box, "extra") else x * box.k)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    box.extra = 5.0
    yield f(x), f(x)
    del box.extra
    yield f(x), f(x)


@program(verdict="co-executed")
def name_of_an_attribute_computed(T, wrap):
    """`getattr` with a name that is put together from an argument."""
    box = Box(2.0)
    box.scale_a, box.scale_b = 3.0, 4.0
    f = wrap(lambda x, which: x * getattr(box, f"scale_{which}"))
    x = T.tensor([1.0, 2.0, 3.0])
    for which in ("a", "a", "b", "a"):
        yield f(x, which)
    box.scale_a = 7.0
    yield f(x, "a"), f(x, "b")


@program(verdict="static")
def dataclass_settings(T, wrap):
    """A dataclass of settings as argument: equal ones behave equally, changed ones are seen."""

    @dataclasses.dataclass
    class Settings:
        k: float = 2.0
        tags: list = dataclasses.field(default_factory=list)

    f = wrap(lambda x, settings: x * settings.k + len(settings.tags))
    x, settings = T.tensor([1.0, 2.0, 3.0]), Settings()
    yield f(x, settings), f(x, settings)
    settings.k = 3.0
    yield f(x, settings), f(x, Settings(k=3.0))
    settings.tags.append("late")
    yield f(x, settings), f(x, settings)


@program(verdict="static")
def enum_members_select(T, wrap):
    """An Enum member chooses what is computed."""

    class Mode(enum.Enum):
        DOUBLE = 1
        NEGATE = 2

    @wrap
    def f(x, mode):
        match mode:
            case Mode.DOUBLE:
                return x * 2
            case Mode.NEGATE:
                return -x

    x = T.tensor([1.0, 2.0, 3.0])
    for mode in (Mode.DOUBLE, Mode.NEGATE, Mode.DOUBLE, Mode.NEGATE):
        yield f(x, mode)


@program(verdict="static")
def metaclass_attribute(T, wrap):
    """An attribute of a class is found in its metaclass, and changed there."""

    class Meta(type):
        factor = 2.0

    class Layer(metaclass=Meta):
        pass

    f = wrap(lambda x: x * Layer.factor)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    Meta.factor = 3.0
    yield f(x), f(x)
    Layer.factor = 4.0
    yield f(x), f(x)


@program(verdict="static")
def operators_of_a_class(T, wrap):
    """`__call__`, `__getitem__`, `__len__`, `__contains__` of an object read its fields."""

    class Bag:
        def __init__(self):
            self.items = [1.0, 2.0]

        def __call__(self, x):
            return x * self[0] + len(self) if 2.0 in self else x

        def __getitem__(self, index):
            return self.items[index]

        def __len__(self):
            return len(self.items)

        def __contains__(self, item):
            return item in self.items

    bag = Bag()
    f = wrap(lambda x: bag(x))
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    bag.items.insert(0, 5.0)
    yield f(x), f(x)
    bag.items.remove(2.0)
    yield f(x), f(x)


@program(verdict="static")
def truth_of_an_object(T, wrap):
    """`__bool__` of an object reads a field."""

    class Flag:
        on = True

        def __bool__(self):
            return self.on

    flag = Flag()
    f = wrap(lambda x: x * 2 if flag else x + 1)
    x = T.tensor([1.0, 2.0, 3.0])
    for on in (True, True, False, True):
        flag.on = on
        yield f(x)


@program(verdict="static")
def equality_of_an_object_lies(T, wrap):
    """`__eq__` says that all are equal; a guard that asks it would keep a stale factor."""

    class Same:
        def __init__(self, k):
            self.k = k

        def __eq__(self, other):
            return True

        def __hash__(self):
            return 0

    holder = Box(Same(2.0))
    f = wrap(lambda x: x * holder.k.k)
    x = T.tensor([1.0, 2.0, 3.0])
    yield f(x), f(x)
    holder.k = Same(3.0)
    yield f(x), f(x)


@program(verdict="static")
def number_subclass_lies(T, wrap):
    """A float subclass whose `__eq__` always agrees, as an argument."""

    class Loose(float):
        def __eq__(self, other):
            return True

        def __hash__(self):
            return 0

    f = wrap(lambda x, k: x * float.__add__(k, 0.0))
    x = T.tensor([1.0, 2.0, 3.0])
    for k in (Loose(2.0), Loose(2.0), Loose(3.0)):
        yield f(x, k)
    yield f(x, 2.0), f(x, 2.0)


@program(verdict="co-executed")
def call_counter_in_an_object(T, wrap):
    """An object counts its calls."""

    class Layer:
        calls = 0

        def __call__(self, x):
            self.calls += 1
            return x * self.calls

    layer = Layer()
    f = wrap(lambda x: layer(x))
    x = T.tensor([1.0, 2.0, 3.0])
    for _ in range(4):
        yield f(x), layer.calls, Layer.calls


@program(verdict="co-executed")
def last_input_remembered(T, wrap):
    """An object keeps the argument of the last call, which is compared by identity."""
    box = Box(None)

    @wrap
    def f(x):
        same = box.k is x
        box.k = x
        return x * 2, same

    a, b = T.tensor([1.0, 2.0]), T.tensor([3.0, 4.0])
    for x in (a, a, b, b, a):
        yield f(x), box.k is x


@program(verdict="co-executed")
def property_with_a_side_effect(T, wrap):
    """Reading a property counts."""

    class Meter:
        reads = 0

        @property
        def k(self):
            self.reads += 1
            return 2.0

    meter = Meter()
    f = wrap(lambda x: x * meter.k)
    x = T.tensor([1.0, 2.0, 3.0])
    for _ in range(4):
        yield f(x), meter.reads


@program(verdict="co-executed")
def setattr_intercepted(T, wrap):
    """`__setattr__` of an outer object keeps a history."""

    class Tracked:
        def __init__(self):
            self.__dict__["history"] = []

        def __setattr__(self, name, value):
            self.history.append(name)

    tracked = Tracked()

    @wrap
    def f(x):
        tracked.k = 2.0
        return x * 2

    x = T.tensor([1.0, 2.0, 3.0])
    for _ in range(3):
        yield f(x), list(tracked.history)


@program(verdict="static")
def objects_born_in_the_call(T, wrap):
    """Objects of the call may be written to freely."""

    class Accumulator:
        def __init__(self):
            self.total, self.count = 0.0, 0

        def add(self, value):
            self.total = self.total + value
            self.count += 1
            return self

    @wrap
    def f(x):
        accumulator = Accumulator()
        for k in (1.0, 2.0, 3.0):
            accumulator.add(x * k)
        return accumulator.total / accumulator.count

    for start in (1.0, 2.0, 3.0):
        yield f(T.tensor([start, 2.0, 3.0]))


@program(verdict="co-executed")
def attribute_of_a_tensor(T, wrap):
    """A number is kept in an attribute of a captured tensor, and of an argument."""
    w, x = T.tensor([1.0, 2.0]), T.tensor([3.0, 4.0])
    f, g = wrap(lambda x: x * w.k), wrap(lambda x: x * x.k)
    w.k, x.k = 2.0, 3.0
    yield f(x), f(x), g(x), g(x)
    w.k, x.k = 5.0, 7.0
    yield f(x), f(x), g(x), g(x)


@program(verdict="co-executed")
def attribute_stored_in_a_tensor(T, wrap):
    """The function marks its argument and counts in a captured tensor's attribute."""
    w = T.tensor([1.0, 2.0])
    w.calls = 0

    @wrap
    def f(x):
        w.calls += 1
        x.seen = True
        return x * 2

    for _ in range(3):
        x = T.tensor([1.0, 2.0])
        yield f(x), w.calls, hasattr(x, "seen")


@program(verdict="co-executed")
def attribute_access_intercepted(T, wrap):
    """`__getattribute__` keeps a journal: whoever else looks at the object is seen in it."""
    journal = []

    class Watched:
        k = 2.0

        def __getattribute__(self, name):
            journal.append(name)
            return object.__getattribute__(self, name)

    watched = Watched()
    f = wrap(lambda x: x * watched.k)
    for _ in range(3):
        yield f(T.tensor([1.0, 2.0])), list(journal)


@program(verdict="static")
def bases_of_a_class_changed(T, wrap):
    """A class gets another base, and its operators are replaced."""

    class Two:
        k = 2.0

    class Three:
        k = 3.0

    class Factor(Two):
        def __mul__(self, other):
            return other * self.k

    factor = Factor()
    f = wrap(lambda x: factor * x)
    x = T.tensor([1.0, 2.0])
    yield f(x), f(x)
    Factor.__bases__ = (Three,)
    yield f(x), f(x)
    Factor.__mul__ = lambda self, other: other + self.k
    yield f(x), f(x)


@program(verdict="static")
def many_objects_at_one_address(T, wrap):
    """Short-lived objects follow each other, at the same address often enough."""
    holder = Box(None)
    f = wrap(lambda x: x * holder.k.k)
    x = T.tensor([1.0, 2.0])
    for number in range(9):
        holder.k = Box(float(number % 3))
        yield f(x)
    yield f(x), f(x)


@program(verdict="static")
def filled_on_first_use(T, wrap):
    """An object makes its tensor in the first call; it is thrown away and set by hand later."""

    class Lazy:
        def __call__(self, x):
            if not hasattr(self, "w"):
                self.w = T.ones(2) * 3
            return x * self.w

    lazy, x = Lazy(), T.tensor([1.0, 2.0])
    f = wrap(lambda x: lazy(x))
    yield f(x), f(x), lazy.w
    del lazy.w
    yield f(x), f(x), lazy.w
    lazy.w = T.tensor([5.0, 6.0])
    yield f(x), f(x)
