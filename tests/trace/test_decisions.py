"""Python that decides on the value of a tensor: each way that was seen is replayed without Python."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.trace.test_arguments import ramp
from tests.trace.watching import frames, hits, is_same, tree_of, warm
from tracegraph.trace import trace
from tracegraph.trace.tree import Leaf


def number(value: float) -> Any:
    """A 0-d tensor."""
    return tg.tensor(float(value))


def branch(x: Any) -> Any:
    if x > 0:
        return x * 2
    return x - 1


def nested(x: Any) -> Any:
    y = x * x
    if y > 4:
        y = y + x
        if y > 10:
            return y / 2
        return y * 3
    if y < 1:
        return -y
    return y + 10


def loop(x: Any) -> Any:
    while x.abs() > 1:
        x = x / 2
    return x


def endless_loop(x: Any) -> Any:
    rounds = 0
    while True:
        x = x * 0.5
        rounds += 1
        if not x > 1:
            return x, rounds


def leaves_the_loop(x: Any) -> Any:
    total = x * 0
    for step in range(6):
        total = total + x * step
        if total > 10:
            break
    else:
        total = total - 100
    return total


def counts(x: Any) -> Any:
    return x.reshape(1).repeat(int(x) + 1)


def indexes(x: Any) -> Any:
    return ["none", "one", "two", "three"][x.long()], x * 2


def rounds(x: Any) -> Any:
    total = x
    for _ in range(x.long()):
        total = total * 1.5
    return total


def chain(x: Any) -> Any:
    return x + 1 if -1 < x < 2 else x - 1


def connectives(x: Any) -> Any:
    if (x > 0 and x * 2 < 4) or not (x + 5 > 0):
        return x * 2
    return x


def contains(x: Any) -> Any:
    return x * 2 if 1.0 in tg.stack([x, x + 2]) else x


def is_among(x: Any) -> Any:
    return x * 2 if x in (1.0, 3.0) else x


def greatest(x: Any) -> Any:
    return max(x * 2, x + 1, x * x) - min(x, -x)


def in_order(x: Any) -> Any:
    return tg.stack(sorted([x, x * x, 1 - x]))


def any_or_all(x: Any) -> Any:
    values = [x, x + 1, x - 2]
    return any(value > 2 for value in values), all(value > -2 for value in values), x * 2


def asserts(x: Any) -> Any:
    assert x > -100, "too small"
    return x * 2


def filters(x: Any) -> Any:
    return sum([value for value in (x, x - 1, x + 1) if value > 0], start=x * 0)


def of_a_call(x: Any) -> Any:
    return branch(x) + branch(x - 1)


def of_integers(x: Any) -> Any:
    n = x.long()
    if n % 2:
        return n * 3 + 1
    return n // 2 if n else n - 1


def of_nothing_but_a_view(x: Any) -> Any:
    pair = tg.stack([x, -x])
    return pair[0] * 2 if pair[1] < 0 else pair


KINDS: list[tuple[Callable[[Any], Any], tuple[float, ...], int]] = [
    (branch, (1, -1, 3), 2),
    (nested, (0, 1.5, 2.5, 4, -2.5), 4),
    (loop, (0.5, 8, 7, -3, 100), 4),
    (endless_loop, (1, 5, 9), 3),
    (leaves_the_loop, (0, 1, 2, 20), 4),
    (counts, (0, 2, 2.5, 4), 3),
    (indexes, (0, 3, 1), 3),
    (rounds, (0, 4, 2), 3),
    (chain, (0, 5, -3), 3),
    (connectives, (1, 3, -7, -1), 4),
    (contains, (1, -1, 0), 2),
    (is_among, (1, 3, 5), 3),
    (greatest, (0, 1.5, 5, -5), 4),
    (in_order, (0.25, 2, -3), 3),
    (any_or_all, (0, 1.5, 5, -5), 4),
    (asserts, (0, 1), 1),
    (filters, (0, 0.5, 2, -2), 4),
    (of_a_call, (0.5, 2, -2), 3),
    (of_integers, (3, 4, 0), 3),
    (of_nothing_but_a_view, (1, -1), 2),
]


@pytest.mark.parametrize(("function", "values", "ways"), KINDS, ids=lambda item: getattr(item, "__name__", ""))
def test_kinds_of_decisions(function: Callable[[Any], Any], values: tuple[float, ...], ways: int) -> None:
    traced = trace(function)
    warm(traced, *[(number(value),) for value in values])
    assert traced.verdict == "static"
    assert tree_of(traced).leaves == ways
    before = hits(traced)
    for value in values:
        assert frames(function, functools.partial(traced, number(value))) == 0
        is_same(function(number(value)), traced(number(value)))
    assert hits(traced) == before + 2 * len(values)
    assert traced.history.recordings == ways


def test_a_decision_that_is_repeated_is_no_other_way() -> None:
    @trace
    def f(x: Any) -> Any:
        y = x + 1 if x.sum() > 0 else x
        return y * 2 if x.sum() > 0 else y

    warm(f, (ramp(3),), (-ramp(3),), (ramp(3) - 4,))
    tree = tree_of(f)
    assert tree.leaves == 2
    assert tree.root is not None
    assert list(tree.root.children) == [1, 0]
    assert all(isinstance(child, Leaf) for child in tree.root.children.values())


def test_a_tensor_that_is_not_a_number_is_true() -> None:
    traced = trace(lambda x: (x * 2 if x else x, x * 3 if x > 0 else x))
    warm(traced, (number(0),), (number(np.nan),), (number(-2),), (number(3),))
    assert tree_of(traced).leaves == 3
    assert traced.history.recordings == 3


def test_decisions_on_several_arguments() -> None:
    @trace
    def f(pair: Any, *, flag: Any) -> Any:
        low, high = pair
        return high - low if (low < high) & flag else {"swapped": low - high}

    for _ in range(3):
        for low, high, flag in ((0, 1, True), (1, 0, True), (0, 1, False)):
            pair = (ramp(1, start=low), ramp(1, start=high))
            is_same(f.function(pair, flag=tg.tensor(flag)), f(pair, flag=tg.tensor(flag)))
    assert f.verdict == "static"
    assert tree_of(f).leaves == f.history.recordings == 2
    assert hits(f) == 7


def test_other_shapes_have_trees_of_their_own() -> None:
    @trace
    def f(x: Any) -> Any:
        return x * 2 if x.sum() > 0 else x

    warm(f, (ramp(3),), (ramp(4),), (-ramp(4),), (-ramp(3),))
    assert len(f.roots) == 2
    assert f.history.recordings == 4
