"""Objects older than a call are told from those made in it, whatever the garbage collector does meanwhile."""

import gc
import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.observe.programs import Program, reasons
from tracegraph.observe.age import Age


def nothing() -> None:
    pass


def young() -> None:
    gc.collect(0)


def middle() -> None:
    gc.collect(1)


STEPS: list[Callable[[], object]] = [nothing, young, middle, gc.freeze, gc.unfreeze]
CASES = [
    *itertools.product([nothing, middle, gc.freeze], STEPS, STEPS, [nothing]),
    (gc.collect, young, gc.collect, nothing),
    (gc.collect, young, gc.freeze, gc.unfreeze),
    (gc.freeze, middle, nothing, gc.unfreeze),
    (middle, young, gc.freeze, gc.collect),
]


@pytest.fixture(autouse=True)
def _no_collections_of_its_own() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.parametrize("steps", CASES, ids=lambda steps: "-".join(step.__name__ for step in steps))
def test_old_and_new_objects(steps: tuple[Callable[[], object], ...]) -> None:
    before, first, second, third = steps
    ancient = [object()]
    before()
    recent = [object()]
    age = Age()
    age.begin()
    early = [object()]
    first()
    later = [object()]
    second()
    late = [object()]
    third()
    found = age.older([ancient, recent, early, later, late])
    age.end()
    assert {id(ancient), id(recent)} <= found
    if not {gc.freeze, gc.unfreeze} & set(steps):  # what is certain then is only that nothing old passes for new
        assert found == {id(ancient), id(recent)}


def test_nothing_is_left_behind() -> None:
    before = list(gc.callbacks)
    age = Age()
    age.begin()
    gc.collect()
    age.end()
    assert gc.callbacks == before


def test_collections_that_may_have_passed_unseen_make_everything_old() -> None:
    before = list(gc.callbacks)
    age = Age()
    age.begin()
    new = [object()]
    gc.callbacks.clear()
    gc.collect()
    assert age.older([new]) == {id(new)}
    age.end()
    gc.callbacks.extend(before)


HIDDEN = (
    "import re\nclass A:\n    pass\nhidden = A()\nhidden.k = 1\n"
    "def handler(m):\n    return m.string\nfinder = re.compile('a')\nfinders = {'f': [hidden].__iter__}\n"
    "def step(x):\n    junk = [[i] for i in range(3000)]\n    found = take()\n    return found.k + x\n"
    "take = None\n"
)


@pytest.mark.parametrize("collecting", [False, True])
def test_an_older_object_from_an_unseen_place_is_found(collecting: bool) -> None:
    program = Program(HIDDEN)
    values = vars(program.module)
    holder = values["hidden"]
    values["take"] = iter([holder] * 9).__next__  # C code hands it out
    if collecting:
        gc.enable()
    assert reasons(program.observe())


def test_objects_made_in_a_long_call_are_its_own() -> None:
    program = Program(
        "class A:\n    def __init__(self, k):\n        self.k = k\n"
        "def add(parts):\n    return sum(part.k for part in parts)\n"
        "def step(x):\n    first = A(1)\n    junk = []\n    for i in range(30000):\n        junk.append([i])\n"
        "    parts = [first, A(len(junk))]\n"
        "    return add(parts) + x"
    )
    gc.enable()
    collections = gc.get_stats()[1]["collections"]
    assert reasons(program.observe()) == ""
    assert gc.get_stats()[1]["collections"] > collections
