"""Library objects are left to the library: claimed tensors, modules with protected attributes, trusted code."""

from typing import Any

import pytest

from tests.observe import library
from tests.observe.library import LibraryClassifier, Tensor
from tests.observe.programs import Program, reasons
from tracegraph.observe import Observation

HEAD = (
    "from tests.observe.library import Module, ModuleList, Tensor\n"
    "from tests.observe.library import apply, register, run_hooks, split, stored\n"
)
LINEAR = (
    "class Linear(Module):\n    def __init__(self, w):\n        self.w = Tensor(w)\n        self.scale = 2.0\n        self.steps = 0\n"
    "    def forward(self, x):\n        return x * self.w * self.scale\n"
)
NET = LINEAR + (
    "class Net(Module):\n    def __init__(self):\n        self.one = Linear(2.0)\n        self.rest = ModuleList([Linear(3.0)])\n"
    "    def forward(self, x):\n        return self.rest[0](self.one(x))\nnet = Net()\n"
)


def observe(source: str) -> tuple[Program, Observation]:
    program = Program(HEAD + source)
    if program.args == (1.5,):
        program.args = (Tensor(1.5),)
    return program, program.observe(LibraryClassifier(), trusted=library.trusted)


STATIC = {
    "tensor_argument": "def step(x):\n    return x * 2 + 1",
    "global_tensor": "w = Tensor(2.0)\ndef step(x):\n    return x * w",
    "fresh_list": "def step(x):\n    a, b = split(x)\n    return a + b",
    "callback": "def f(x):\n    return x * 2\ndef step(x):\n    return apply(f, x) + apply(lambda y: y, x)",
    "in_place": "w = Tensor(2.0)\ndef step(x):\n    w.add_(1.0)\n    return x * w",
    "module": NET + "def step(x):\n    return net(x)",
    "module_itself": NET + "step = net",
    "tensors_in_arguments": "ARGS = ([Tensor(1.0), {'a': Tensor(2.0)}],)\ndef step(batch):\n    return batch[0] + batch[1]['a']",
}


@pytest.mark.parametrize("name", STATIC)
def test_static(name: str) -> None:
    program, observation = observe(STATIC[name])
    assert reasons(observation) == ""
    assert observation.guards.first_failure(program.args, program.kwargs) is None
    assert observation.guards.check(program.args, program.kwargs)


def test_other_tensors_as_arguments_pass() -> None:
    _, observation = observe("ARGS = ([Tensor(1.0), 3],)\ndef step(b):\n    return b[0] * b[1]")
    assert observation.guards.check(([Tensor(5.0), 3],), {})
    assert not observation.guards.check(([Tensor(5.0), 4],), {})
    assert not observation.guards.check(((Tensor(5.0), 3),), {})


CHANGES: dict[str, tuple[str, str, bool]] = {
    "attribute": ("net.one.scale = 3.0", "one.scale", True),
    "attribute_of_listed": ("net.rest[0].scale = 3.0", "scale", True),
    "submodule": ("net.one = Linear(2.0)", "one", True),
    "parameter_rebound": ("net.one.w = Tensor(1.0)", ".w", True),
    "method_on_instance": ("net.one.forward = lambda x: x", "own attributes", True),
    "method_on_second_instance": ("net.rest[0].forward = lambda x: x", "own attributes", True),
    "method": ("Linear.forward = lambda self, x: x", "`Linear.forward`", False),
    "module_rebound": ("net = Net()", "global `net`", False),
    "call_overridden": ("Linear.__call__ = lambda self, x: x", "class `Linear`", False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_change_of_module(name: str) -> None:
    change, wanted, protected = CHANGES[name]
    program, observation = observe(NET + "def step(x):\n    return net(x)")
    guards = observation.guards
    before = library.epoch[0]
    program.run(change)
    assert guards.check_fast(program.args, {}) == protected
    assert guards.check_protected(program.args, {}) != protected
    if protected:
        assert library.epoch[0] > before
    assert wanted in str(guards.first_failure(program.args, {}))


EFFECTS: dict[str, tuple[str, str]] = {
    "counter_in_forward": (
        "class Count(Module):\n    def __init__(self):\n        self.n = 0\n    def forward(self, x):\n        self.n += 1\n        return x\n"
        "net = Count()\ndef step(x):\n    return net(x)", ".n` was changed",
    ),
    "new_attribute_in_forward": (
        "class Keep(Module):\n    def forward(self, x):\n        self.last = x\n        return x\n"
        "net = Keep()\ndef step(x):\n    return net(x)", "last` was created",
    ),
    "list_in_module": (
        "class Log(Module):\n    def __init__(self):\n        self.log = []\n    def forward(self, x):\n        self.log.append(1)\n"
        "        return x\nnet = Log()\ndef step(x):\n    return net(x)", "log` was changed",
    ),
    "print_in_callback": ("def f(x):\n    print('', end='')\ndef step(x):\n    return apply(f, x)", "print at program.py:4"),
    "hidden_hook": ("def hook(x):\n    return x * k\nk = 2.0\nregister(hook)\ndef step(x):\n    return run_hooks(x)", "cannot be followed"),
    "hidden_object": ("class A:\n    pass\na = A()\na.k = 1\nregister(a)\ndef step(x):\n    return stored().k", "came from outside"),
    "hidden_list": ("xs = [Tensor(1.0)]\nregister(xs)\ndef step(x):\n    stored().append(1)", "came from outside"),
}  # fmt: skip


@pytest.mark.parametrize("name", EFFECTS)
def test_effect(name: str) -> None:
    source, wanted = EFFECTS[name]
    library._hidden.clear()
    _, observation = observe(source)
    assert wanted in reasons(observation)


def test_result_that_is_an_outer_object_is_known() -> None:
    program, observation = observe("class A:\n    pass\na = A()\ndef step(x):\n    return a, [x]")
    outer, fresh = program.result
    assert observation.is_external(outer)
    assert not observation.is_external(fresh)


def test_claimed_objects_are_not_looked_into() -> None:
    class Strange(Tensor):
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError("user code ran")

    program = Program(HEAD + "def step(x):\n    return [x]")
    program.args = (Strange.__new__(Strange),)
    assert reasons(program.observe(LibraryClassifier(), trusted=library.trusted)) == ""
