"""Wrong programs that the hunter found, made small; the mark goes when the fault is mended."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tracegraph as tg
from tests.trace.differential import Scenario, outcome, same

Wrap = Callable[[Any], Any]


def row_of_an_expanded_view(wrap: Wrap) -> Iterator[Any]:
    """A row of an expanded tensor has memory of its own kind: it may be written, eagerly and recorded."""

    @wrap
    def f(x: Any) -> Any:
        wide = x.expand(2, 3)
        wide[0].add_(1)
        return x.sum()

    for _ in range(3):
        x = tg.ones(3)
        yield outcome(lambda x=x: f(x)), x  # type: ignore[misc]


def history_of_an_outer_tensor(wrap: Wrap) -> Iterator[Any]:
    """Each call adds to the history of the outer tensor it writes to, so backward goes through all of them."""
    total, weight = tg.zeros(2), tg.tensor([1.0, 2.0], requires_grad=True)

    @wrap
    def f() -> None:
        total.add_(weight * 3.0)

    for _ in range(3):
        f()
        yield total.detach().clone(), total.requires_grad
    total.sum().backward()
    yield weight.grad


def row_beside_its_grid(wrap: Wrap) -> Iterator[Any]:
    """A row and the grid it lies in are both read from outside; the grid is written."""
    grid = tg.tensor([1.5, 0.75, 0.75])
    row = grid[1]

    @wrap
    def f(x: Any) -> None:
        grid[2] += row
        print(tg.zeros_like(x) + tg.ones(4)[0])

    for x in (tg.ones(3), tg.ones(3), tg.ones(3), tg.ones(2), tg.zeros(3), tg.ones(3)):
        f(x)
        yield grid.clone(), row.clone()


@pytest.mark.parametrize("scenario", [row_of_an_expanded_view, history_of_an_outer_tensor, row_beside_its_grid])
def test_found(scenario: Scenario) -> None:
    same(scenario)
