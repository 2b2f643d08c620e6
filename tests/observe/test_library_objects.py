"""Library objects are left to the library: claimed tensors, modules with protected attributes, trusted code."""

from typing import Any

import pytest

from tests.observe import library
from tests.observe.library import LibraryClassifier, Tensor
from tests.observe.programs import Case, Program, read_cases, reasons
from tracegraph.observe import Observation

HEAD = (
    "from tests.observe.library import Module, ModuleList, Tensor\n"
    "from tests.observe.library import apply, enter, register, run_hooks, split, stored, total\n"
)
NET = """
class Linear(Module):
    def __init__(self, w):
        self.w = Tensor(w)
        self.scale = 2.0
        self.steps = 0
    def forward(self, x):
        return x * self.w * self.scale
class Net(Module):
    def __init__(self):
        self.one = Linear(2.0)
        self.rest = ModuleList([Linear(3.0)])
    def forward(self, x):
        return self.rest[0](self.one(x))
net = Net()
"""


def observe(source: str) -> tuple[Program, Observation]:
    program = Program(HEAD + source)
    if program.args == (1.5,):
        program.args = (Tensor(1.5),)
    return program, program.observe(LibraryClassifier(), trusted=library.trusted)


@pytest.mark.parametrize("case", read_cases("library_static.txt"), ids=lambda case: case.name)
def test_static(case: Case) -> None:
    program, observation = observe((NET if "with" in case.fields else "") + case.source)
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


@pytest.mark.parametrize("case", read_cases("library_effects.txt"), ids=lambda case: case.name)
def test_effect(case: Case) -> None:
    library._hidden.clear()
    _, observation = observe(case.source)
    assert case.fields["reason"] in reasons(observation)


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
