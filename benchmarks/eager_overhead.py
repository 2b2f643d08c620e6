"""What an eager operation costs on a tiny tensor beside the NumPy call in it: `python -m benchmarks.eager_overhead`.

The three columns of one row are measured in turns in one run, and medians are shown, so their ratios and differences
mean something also on a busy machine; the absolute times do not.
"""

import argparse
import statistics
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tracegraph

Action = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """One operation as NumPy, as tensors, and as tensors of which the first requires a gradient."""

    name: str
    numpy: Action
    eager: Action
    linked: Action


def unary(name: str, numpy: Callable[..., Any], function: Callable[..., Any], *args: Any) -> Case:
    """A case of one operand; `args` are passed to both."""
    array = np.array([0.25, 0.5, 0.75], np.float32)
    plain, leaf = tracegraph.tensor(array), tracegraph.tensor(array, requires_grad=True)
    return Case(name, lambda: numpy(array, *args), lambda: function(plain, *args), lambda: function(leaf, *args))


def binary(name: str, numpy: Callable[..., Any], function: Callable[..., Any]) -> Case:
    """A case of two tensors."""
    a, b = np.array([0.25, 0.5, 0.75], np.float32), np.array([1.0, 2.0, 3.0], np.float32)
    x, y, leaf = tracegraph.tensor(a), tracegraph.tensor(b), tracegraph.tensor(a, requires_grad=True)
    return Case(name, lambda: numpy(a, b), lambda: function(x, y), lambda: function(leaf, y))


def cases() -> list[Case]:
    """The operations measured."""
    choice = np.array([True, False, True])
    mask = tracegraph.tensor(choice)
    places = np.array([2, 0, 1])
    index = tracegraph.tensor(places)
    return [
        binary("x + y", np.add, lambda x, y: x + y),
        binary("x * y", np.multiply, lambda x, y: x * y),
        binary("x / y", np.true_divide, lambda x, y: x / y),
        binary("add(x, y)", np.add, tracegraph.add),
        unary("x + 1.5", lambda x: x + np.float32(1.5), lambda x: x + 1.5),
        unary("2 - x", lambda x: np.float32(2) - x, lambda x: 2 - x),
        unary("x ** 2", np.square, lambda x: x**2),
        unary("-x", np.negative, lambda x: -x),
        unary("exp", np.exp, tracegraph.exp),
        unary("x.tanh()", np.tanh, lambda x: x.tanh()),
        unary("sigmoid", lambda x: 1 / (1 + np.exp(-x)), tracegraph.sigmoid),
        unary("relu", lambda x: np.maximum(x, 0), tracegraph.relu),
        unary("clamp", np.clip, tracegraph.clamp, 0.3, 0.6),
        binary("x < y", np.less, lambda x, y: x < y),
        unary("x > 0", lambda x: x > np.float32(0), lambda x: x > 0),
        binary("maximum", np.maximum, tracegraph.maximum),
        binary("where", lambda a, b: np.where(choice, a, b), lambda x, y: tracegraph.where(mask, x, y)),
        unary("sum", np.sum, tracegraph.sum),
        unary("reshape", lambda x: x.reshape(3, 1), lambda x: x.reshape(3, 1)),
        unary("mean", np.mean, tracegraph.mean),
        unary("cumsum", lambda x: np.cumsum(x, 0), lambda x: tracegraph.cumsum(x, 0)),
        unary("x[0]", lambda x: x[0], lambda x: x[0]),
        unary("x[0:2]", lambda x: x[0:2], lambda x: x[0:2]),
        binary("matmul", np.matmul, tracegraph.matmul),
        binary("outer", np.outer, tracegraph.outer),
        binary("einsum", lambda a, b: np.einsum("i,i->", a, b), lambda x, y: tracegraph.einsum("i,i->", x, y)),
        binary("cat", lambda a, b: np.concatenate((a, b)), lambda x, y: tracegraph.cat((x, y))),
        binary("stack", lambda a, b: np.stack((a, b)), lambda x, y: tracegraph.stack((x, y))),
        unary("gather", lambda x: np.take_along_axis(x, places, 0), lambda x: tracegraph.gather(x, 0, index)),
        unary("zeros", lambda _: np.zeros(3, np.float32), lambda _: tracegraph.zeros(3)),
        unary("to(float64)", lambda x: x.astype(np.float64), lambda x: x.to(tracegraph.float64)),
    ]


def measure(case: Case, *, rounds: int, calls: int) -> tuple[float, float, float]:
    """Median microseconds a call of the three variants, measured in turns."""
    actions = (case.numpy, case.eager, case.linked)
    times: tuple[list[float], ...] = ([], [], [])
    for _ in range(rounds):
        for action, found in zip(actions, times, strict=True):
            found.append(timeit.timeit(action, number=calls) / calls * 1e6)
    low, middle, high = (statistics.median(found) for found in times)
    return low, middle, high


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="eager_overhead", description="eager cost of operations on three elements")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=2000)
    options = parser.parse_args(list(arguments))
    print(f"{'operation':14}{'numpy us':>10}{'eager us':>10}{'ratio':>7}{'eager - numpy':>15}{'with grad - numpy':>19}")
    for case in cases():
        numpy, eager, linked = measure(case, rounds=options.rounds, calls=options.calls)
        print(
            f"{case.name:14}{numpy:10.2f}{eager:10.2f}{eager / numpy:7.1f}{eager - numpy:15.2f}{linked - numpy:19.2f}"
        )


if __name__ == "__main__":
    main()
