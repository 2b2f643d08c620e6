"""Common nodes for several recordings: what is the same is one node, what differs in any bit is not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.lowering.compare import placeholder
from tests.trace.test_arguments import ramp
from tracegraph.compiler.ir import Node, constant, make
from tracegraph.compiler.ops.arithmetic import ADD, MULTIPLY
from tracegraph.compiler.ops.base import OPERATIONS
from tracegraph.trace.interning import Fetch, Interner, kind_of, source_key
from tracegraph.trace.sources import ArgumentSource, CapturedSource, GradSource, ScalarSource


def argument(path: str = "args[0]", value: Any = None) -> ArgumentSource:
    return ArgumentSource(path, ramp(3) if value is None else value)


def recorded(root: Callable[[Node], Node], *, shape: tuple[int, ...] = (3,), path: str = "args[0]") -> Any:
    """One recording: a root over an input."""
    x = placeholder(0, shape)
    return [root(x)], [(x, argument(path))]


def take(interner: Interner, root: Callable[[Node], Node], **options: Any) -> Node:
    """The common node of a recording's root."""
    roots, inputs = recorded(root, **options)
    return interner.take(roots, inputs, {})[roots[0]]


def number(value: float) -> Callable[[Node], Node]:
    return lambda x: make(MULTIPLY, x, constant(np.float32(value)))


def summed(*dims: int) -> Callable[[Node], Node]:
    return lambda x: make(OPERATIONS["sum"](dims), x)  # type: ignore[call-arg]


def test_equal_recordings_have_common_nodes() -> None:
    interner = Interner()
    assert take(interner, number(2)) is take(interner, number(2))
    assert len(interner.inputs) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (number(2), number(3)),
        (number(0.0), number(-0.0)),
        (number(2), lambda x: make(ADD, x, constant(np.float32(2)))),
        (number(2), lambda x: make(MULTIPLY, constant(np.float32(2)), x)),
        (summed(0), summed(1)),
        (summed(0), summed(0, 1)),
    ],
    ids=["numbers", "signs of zero", "operations", "order", "attributes", "more attributes"],
)
def test_what_differs_is_kept_apart(one: Callable[[Node], Node], other: Callable[[Node], Node]) -> None:
    interner = Interner()
    assert take(interner, one, shape=(3, 3)) is not take(interner, other, shape=(3, 3))
    assert take(interner, one, shape=(3, 3)) is take(interner, one, shape=(3, 3))


def test_inputs_are_common_by_where_they_come_from() -> None:
    interner = Interner()
    first, again = take(interner, number(2)), take(interner, number(2))
    other, larger = take(interner, number(2), path="args[1]"), take(interner, number(2), shape=(4,))
    assert first is again
    assert len({first, other, larger}) == len(interner.inputs) == 3
    assert [node.operation.index for node, _ in interner.inputs] == [0, 1, 2]  # type: ignore[attr-defined]


def test_nodes_of_one_recording_are_shared() -> None:
    x = placeholder(0, (3,))
    left, right = make(ADD, x, x), make(ADD, x, x)
    both = make(MULTIPLY, left, right)
    found = Interner().take([both], [(x, argument())], {})
    assert found[left] is found[right]
    assert found[both].operands == (found[left], found[left])


def scalar(owner: Any, name: str) -> ScalarSource:
    return ScalarSource(lambda: getattr(owner, name), np.dtype("float32"), name)


def test_keys_of_sources() -> None:
    x, y = ramp(3), ramp(3)
    owners = [type("Owner", (), {"lr": 1.0})() for _ in range(2)]
    sources: list[Any] = [
        argument("args[0]", x), argument("args[1]", x), argument("args[0]", np.ones(3)), CapturedSource(x),
        CapturedSource(y), GradSource(x, y), GradSource(y, x), scalar(owners[0], "lr"), scalar(owners[1], "lr"),
        scalar(owners[0], "beta"),
    ]  # fmt: skip
    keys = [source_key(source, {}) for source in sources]
    assert len(set(keys)) == len(keys)
    assert source_key(argument("args[0]", y), {}) == keys[0], "the path counts, not the tensor"
    assert source_key(CapturedSource(x), {}) == keys[3]
    assert source_key(scalar(owners[0], "lr"), {}) == keys[7]


def test_gradients_of_arguments_are_known_by_their_paths() -> None:
    x, y = ramp(3), ramp(3)
    assert source_key(GradSource(x, y), {id(x): "args[0]"}) == source_key(GradSource(y, x), {id(y): "args[0]"})


def fetched(source: Any, paths: dict[int, str], **names: Any) -> Any:
    """What the lines of a source put into its name; None where the guard in them fails."""
    fetch = Fetch.of(source, paths)
    known: dict[str, Any] = {"array": np.array, "ascontiguousarray": np.ascontiguousarray, "kind_of": kind_of, **names}
    lines = ["def run():", *["    " + line for line in fetch.write(7, known)], "    return a7", "MISS = None"]
    exec("\n".join(lines), known)
    return known["run"]()


def test_arguments_are_fetched_by_their_paths() -> None:
    x, array = ramp(2, 3), np.ones(3)
    assert fetched(argument("args[0]", x), {}, args=(x,)) is x._data
    assert fetched(argument("kwargs['a']", array), {}, kwargs={"a": array}) is array
    turned = fetched(argument("args[0]", x.T), {}, args=(x.T,))
    assert turned.flags.c_contiguous
    np.testing.assert_array_equal(turned, x._data.T)


def test_captured_tensors_are_fetched_with_the_memory_of_the_moment() -> None:
    x = ramp(3)
    fetch = Fetch.of(CapturedSource(x), {})
    assert fetch.captured is x
    x.data = ramp(3, start=5)
    np.testing.assert_array_equal(fetched(CapturedSource(x), {}), [5, 6, 7])


def test_numbers_are_fetched_anew() -> None:
    owner: Any = type("Owner", (), {"lr": 1.0})()
    source = scalar(owner, "lr")
    owner.lr = 0.25
    found = fetched(source, {})
    assert found == 0.25
    assert found.dtype == np.float32


def test_gradients_are_fetched_if_they_are_of_the_same_kind() -> None:
    x = ramp(3).requires_grad_()
    x.grad = ramp(3)
    source = GradSource(x, x.grad)
    x.grad = ramp(3, start=2)
    assert fetched(source, {}) is x.grad._data
    assert fetched(source, {id(x): "args[0]"}, args=(x,)) is x.grad._data
    x.data = tg.zeros(4)
    x.grad = ramp(4)
    assert fetched(source, {}) is None
