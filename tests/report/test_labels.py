"""Tensors are called by the names under which a function reaches them."""

from typing import Any

import tracegraph
from tracegraph import nn, optim
from tracegraph.trace import trace
from tracegraph.trace.labels import labels

outside = tracegraph.ones(2)


class Unfriendly:
    """Every attribute that is asked for, and every look at a property, ends the test."""

    def __init__(self) -> None:
        object.__getattribute__(self, "__dict__")["inner"] = tracegraph.ones(2)

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for")


def reached(function: Any, *args: Any, **kwargs: Any) -> set[str]:
    return set(labels(function, args, kwargs).values())


def test_arguments_are_called_by_their_parameters() -> None:
    def function(x: Any, *rest: Any, key: Any = None) -> None:
        pass

    a, b, c, d = (tracegraph.ones(1) for _ in range(4))
    found = labels(function, (a, b, {"inner": [c]}), {"key": d})
    assert [found[id(tensor)] for tensor in (a, b, c, d)] == ["x", "rest0", "rest1.inner.0", "key"]


def test_parts_of_methods_belong_to_self() -> None:
    network = nn.Linear(2, 3)
    assert {"self.weight", "self.bias", "input"} <= reached(network.forward, tracegraph.ones(1, 2))


def test_globals_and_closures_are_named() -> None:
    held = {"a": (tracegraph.ones(1),)}

    def function() -> Any:
        return outside, held

    assert reached(function) == {"outside", "held.a.0", "random_state"}


def test_state_of_an_optimiser_is_called_by_the_parameter() -> None:
    network = nn.Sequential(nn.Linear(2, 3))
    adam = optim.Adam(network.parameters())
    network(tracegraph.ones(1, 2)).sum().backward()
    adam.step()

    def function() -> Any:
        return adam, network

    found = reached(function)
    assert {"network.0.weight", "network.0.bias", "network.0.weight.exp_avg", "network.0.bias.exp_avg_sq"} <= found


def test_nothing_of_the_user_is_run_and_circles_end() -> None:
    circle: list[Any] = [Unfriendly()]
    circle.append(circle)

    def function() -> Any:
        return circle

    assert "circle.0.inner" in reached(function)


def test_unset_variables_and_callables_without_code() -> None:
    later = 1

    def function() -> Any:
        return later  # noqa: F821 - it is deleted below

    del later
    assert reached(function) == {"random_state"}
    assert reached(len, tracegraph.ones(1)) == {"argument0", "random_state"}


def test_graphs_and_kernels_show_the_names() -> None:
    weight = tracegraph.ones(3, requires_grad=True)

    @trace
    def scaled(values: Any) -> Any:
        return values * weight * 2

    scaled(tracegraph.ones(3))
    assert "%values" in str(scaled.graph)
    assert "%weight" in str(scaled.graph)
    assert "# weight: float32[3]" in scaled.source()
