"""The observer leaves the process as it found it, passes exceptions, holds no arguments, and knows its limits."""

import gc
import sys
import types
import weakref
from typing import Any

import pytest

from tests.observe.programs import Program, reasons
from tracegraph.observe import Observer


def test_exception_passes_and_profile_function_is_restored() -> None:
    seen: list[str] = []

    def profile(frame: types.FrameType, event: str, argument: object) -> None:
        seen.append(event)

    def fail(x: int) -> None:
        raise KeyError(x)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        with pytest.raises(KeyError), Observer(fail, (1,)) as observer:
            fail(1)
        assert sys.getprofile() is profile
    finally:
        sys.setprofile(before)
    assert observer.observation.is_static


def test_nested_observers() -> None:
    def inner(x: int) -> int:
        return x + 1

    def outer(x: int) -> int:
        with Observer(inner, (x,)) as nested:
            result = inner(x)
        assert nested.observation.is_static
        return result

    before = sys.getprofile()
    with Observer(outer, (1,)):
        assert outer(1) == 2
    assert sys.getprofile() is before


def test_guards_do_not_keep_an_argument_alive() -> None:
    program = Program("class A:\n    pass\ndef step(a):\n    return a.k")
    argument: Any = vars(program.module)["A"]()
    argument.k = 1
    program.args = (argument,)
    guards = program.observe().guards
    assert guards.check((argument,), {})
    gone = weakref.ref(argument)
    program.args = ()
    del argument
    gc.collect()
    assert gone() is None
    assert not guards.alive
    other = vars(program.module)["A"]()
    other.k = 1
    assert not guards.check((other,), {})


def test_equal_structures_pass_and_others_do_not() -> None:
    program = Program("ARGS = ([1, (2.0, {'a': [3]})],)\ndef step(t):\n    return t[0] + t[1][0] + t[1][1]['a'][0]")
    guards = program.observe().guards
    assert guards.check(([1, (2.0, {"a": [3]})],), {})
    assert not guards.check(([1, (2.0, {"a": [4]})],), {})
    assert not guards.check(([1, (2.0, {"b": [3]})],), {})
    assert not guards.check(([1, (2.0, {"a": (3,)})],), {})
    assert not guards.check(([True, (2.0, {"a": [3]})],), {})
    assert not guards.check(([1], [2]), {})
    assert not guards.check((), {})
    assert not guards.check((), {"t": 1})
    assert "number of arguments" in str(guards.first_failure((), {}))
    assert "args[0]" in str(guards.first_failure(([2, (2.0, {"a": [3]})],), {}))


def test_aliased_arguments_do_not_pass_for_separate_ones() -> None:
    program = Program("ARGS = ([1], [1])\ndef step(a, b):\n    return a is b")
    guards = program.observe().guards
    one = [1]
    assert guards.check(([1], [1]), {})
    assert not guards.check((one, one), {})


def test_argument_that_is_also_a_global_does_not_pass_for_another() -> None:
    program = Program("xs = [1]\nARGS = ([1],)\ndef step(a):\n    return a is xs")
    guards = program.observe().guards
    assert guards.check(([1],), {})
    assert not guards.check((vars(program.module)["xs"],), {})


def test_list_reached_as_argument_and_global_is_compared_by_identity() -> None:
    program = Program("xs = [1]\nARGS = (xs,)\ndef step(a):\n    return a[0] + xs[0]")
    guards = program.observe().guards
    assert guards.check(program.args, {})
    assert not guards.check(([1],), {})


def test_caller_may_guard_argument_values_itself() -> None:
    program = Program("class A:\n    pass\nARGS = ([1, A()], 2.0)\ndef step(t, k):\n    return t[0] + k")
    guards = program.observe(argument_values="caller").guards
    inner = program.args[0][1]
    assert guards.check(([5, inner], 7.0), {})
    assert not guards.check(([5, object()], 7.0), {})


def test_keyword_arguments() -> None:
    program = Program("ARGS = ()\nKWARGS = {'a': 1, 'b': [2]}\ndef step(a, b):\n    return a + b[0]")
    guards = program.observe().guards
    assert guards.check((), {"b": [2], "a": 1})
    assert not guards.check((), {"b": [2], "a": 2})
    assert not guards.check((), {"b": [2], "c": 1})


def test_too_many_objects() -> None:
    program = Program("xs = [[i] for i in range(500)]\ndef step(x):\n    return len(xs)")
    observation = program.observe(limit=200)
    assert "more objects than can be followed" in reasons(observation)


def test_long_list_of_numbers_is_within_the_limit() -> None:
    program = Program("xs = [float(i) for i in range(50000)]\ndef step(x):\n    return len(xs)")
    assert reasons(program.observe()) == ""


def test_code_objects_are_reported() -> None:
    program = Program("def f(x):\n    return x\ndef step(x):\n    return f(x)")
    assert [code.co_name for code in program.observe().code_objects] == ["step", "f"]


def test_effects_carry_their_place() -> None:
    program = Program("def step(x):\n\n    print('', end='')")
    effect = program.observe().effects[0]
    assert (effect.filename, effect.line) == ("program.py", 3)


def test_describe_lists_guards_in_words() -> None:
    program = Program("k = 2\ndef step(x):\n    return x * k")
    assert "global `k` (program.py:3) is 2" in program.observe().guards.describe()


def test_user_code_does_not_run_during_checks() -> None:
    source = (
        "calls = []\n"
        "class A:\n    def __eq__(self, other):\n        calls.append(1)\n"
        "        return True\n    __hash__ = None\n"
        "    def __getattribute__(self, name):\n        calls.append(name)\n"
        "        return object.__getattribute__(self, name)\n"
        "a = A()\nb = [a]\ndef step(x):\n    return len(b)"
    )
    program = Program(source)
    observation = program.observe()
    assert reasons(observation) == ""
    assert observation.guards.check(program.args, {})
    program.run("b[0] = A()")
    assert not observation.guards.check(program.args, {})
    assert vars(program.module)["calls"] == []


def test_module_level_name_guards_name_the_place_of_the_read() -> None:
    program = Program("k = 1\ndef f():\n    return k\ndef step(x):\n    return f()")
    guards = program.observe().guards
    program.run("k = 'text'")
    assert guards.first_failure(program.args, {}) == "global `k` (program.py:3) was 1, now 'text'"


def test_a_failing_classifier_makes_the_call_plain_and_nothing_else() -> None:
    class Broken:
        def classify(self, value: object, /) -> None:
            raise RuntimeError("broken")

    program = Program("xs = []\ndef step(x):\n    return len(xs)")
    observation = program.observe(Broken())
    assert program.result == 0
    assert "observation failed" in reasons(observation)


def test_the_observed_function_may_also_be_called_as_a_method() -> None:
    program = Program(
        "class A:\n    pass\na = A()\nARGS = (a,)\ndef step(a, n=1):\n    return n and a.step(0)\nA.step = step"
    )
    observation = program.observe()
    assert reasons(observation) == ""
    assert observation.guards.check(program.args, {})
    program.run("A.step = lambda a, n: 7")
    assert not observation.guards.check(program.args, {})


def test_names_of_methods_that_set_attributes_are_followed_where_they_are_constant() -> None:
    source = (
        "class A:\n"
        "    def __init__(self):\n        object.__setattr__(self, 'k', [1].pop())\n"
        "    def __setattr__(self, name, value):\n        super().__setattr__(name, value)\n"
        "    def __getattribute__(self, name):\n        return object.__getattribute__(self, name)\n"
        "outer = A()\nouter.other = object()\n"
        "def step(x):\n    a = A()\n    a.k = outer.k\n    return a.k"
    )
    observation = Program(source).observe()
    assert reasons(observation) == ""
    assert not any("__dict__" in line for line in observation.guards.describe())
