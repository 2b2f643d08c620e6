"""Functions that read, write, cut and join at positions: traced equals eager, and second derivatives are right."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.views_oracle import check, check_inplace, data, torch

F32 = tracegraph.float32

GROUPS: dict[str, Callable[..., tuple[Any, ...]]] = {
    "writing": lambda x, index, mask: (
        x.masked_scatter(mask, x * 2), x.put(index, x[0]), x.put(index, x[0], accumulate=True),
        x.index_fill(1, index, 3.0), x.select_scatter(x[:, 0] * 2, 1, 2),
        x.scatter(1, index[None], x, reduce="multiply"),
        x.index_reduce(1, index, x * 2, "amax"), x.index_reduce(1, index, x, "mean", include_self=False),
        *[x.scatter_reduce(1, index[None], x * 3, how) for how in ("sum", "prod", "mean", "amax", "amin")],
        *[x.scatter_reduce(1, index[None], x, how, include_self=False) for how in ("sum", "prod", "mean", "amin")],
    ),
    "reading": lambda x, index, mask: (
        x.take_along_dim(index[None] - 3, 1), x.unfold(1, 2, 1), x.unfold(-1, 2, 2) * 2, mask.nonzero_static(size=4),
        *tracegraph.unravel_index(index + 1, (2, 3)), x[:, 1:].trace(), x.diagflat(), x.repeat_interleave(index, 1),
        x.repeat_interleave(index, 1, output_size=3), tracegraph.repeat_interleave(index),
    ),
    "joining": lambda x, index, mask: (
        *x.hsplit((1,)), *x.vsplit(2), *x.tensor_split(index[:2], 1), *x.split_with_sizes((1, 2), 1),
        tracegraph.column_stack([x, x[:, 0]]), tracegraph.row_stack([x, x[0]]), tracegraph.block_diag(x, x[0], x[0, 0]),
        *tracegraph.atleast_3d(x, x[0]), tracegraph.cartesian_prod(x[0], x[1]), tracegraph.combinations(x[0], 2),
        *tracegraph.meshgrid(index, index + 1, indexing="xy"), x.roll(1, 0),
        tracegraph.constant_pad_nd(x, (1, -1), 2.0),
    ),
    "making": lambda x, index, mask: (
        tracegraph.linspace(x[0, 0], x[1, 1], 5), tracegraph.logspace(index[0], index[2], 3, base=2),
        x.new_full((2,), 3),
        tracegraph.arange(index[2], 9), tracegraph.scalar_tensor(2), tracegraph.fill(x, 4),
        tracegraph.tril_indices(3, 2),
        x.clone().fill_diagonal_(9), tracegraph.zeros(size=(2, 1)), x.type(tracegraph.int64), x.to(index, copy=True),
    ),
}  # fmt: skip


def _inputs() -> tuple[Any, ...]:
    x = tracegraph.tensor([[1.5, -2.0, 0.25], [3.0, 0.0, -1.0]])
    return x, tracegraph.tensor([0, 1, 2]), tracegraph.tensor([[True, False, True], [False, True, False]])


@pytest.mark.parametrize("name", GROUPS)
def test_traced_equals_eager(name: str) -> None:
    function = GROUPS[name]
    expected = function(*_inputs())
    traced = tracegraph.trace(function)
    for _ in range(3):
        for number, (mine, yours) in enumerate(zip(traced(*_inputs()), expected, strict=True)):
            assert mine.dtype == yours.dtype, number
            assert mine.shape == yours.shape, number
            np.testing.assert_allclose(mine.numpy(), yours.numpy(), rtol=1e-6, err_msg=str(number))
    assert traced.explain().verdict == "static"


def test_traced_writes_in_place() -> None:
    def step(x: Any, index: Any, mask: Any) -> Any:
        x.scatter_reduce_(1, index[None], x * 2, "amax")
        x.masked_scatter_(mask, x * 3)
        x.index_reduce_(1, index, x, "prod")
        x.put_(index, x[1])
        x.index_fill_(0, index[:1], 2.0)
        return x.sum()

    x, index, mask = _inputs()
    y = x.clone()
    traced = tracegraph.trace(step)
    for _ in range(3):
        assert traced(x, index, mask).item() == step(y, index, mask).item()
        assert x.tolist() == y.tolist()
    assert traced.explain().verdict == "static"


def test_repeats_that_change_are_other_traces() -> None:
    @tracegraph.trace
    def repeat(x: Any, repeats: Any) -> Any:
        return x.repeat_interleave(repeats)

    x = tracegraph.tensor([1.0, 2.0])
    for repeats, expected in ([1, 2], [1, 2, 2]), ([2, 1], [1, 1, 2]), ([0, 1], [2]), ([1, 2], [1, 2, 2]):
        assert repeat(x, tracegraph.tensor(repeats)).tolist() == expected
    with pytest.raises(ValueError, match="negative"):
        repeat(x, tracegraph.tensor([1, -1]))


@pytest.mark.oracle
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_second_derivatives_of_reductions(reduce: str, include_self: bool) -> None:
    def twice(m: Any, x: Any) -> Any:
        index = m.tensor([[0, 0, 2], [1, 0, 1]])
        y = (x * x).scatter_reduce(1, index, x * 3.1, reduce, include_self=include_self)
        autograd = tracegraph.autograd if m is tracegraph else torch.autograd
        (first,) = autograd.grad((y**3).sum(), x, create_graph=True)
        return first * first

    check(twice, data((2, 3), "float64"))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:index_reduce")
def test_writes_and_their_gradients() -> None:
    changes: dict[str, Callable[[Any, Any], Any]] = {
        "scatter_reduce_": lambda m, x: x.scatter_reduce_(1, m.tensor([[0, 0, 2]]), x[1:] * 2, "prod"),
        "index_reduce_": lambda m, x: x.index_reduce_(1, m.tensor([1, 1]), x[:, 1:] * 2, "amin"),
        "masked_scatter_": lambda m, x: x.masked_scatter_(x.detach() > 5, x.flatten() * 2),
        "put_": lambda m, x: x.put_(m.tensor([0, 5]), x[0, :2] * 2, accumulate=True),
        "fill_diagonal_": lambda m, x: x.fill_diagonal_(3.0),
        "split": lambda m, x: x.hsplit(3)[1].mul_(2),
        "diagonal": lambda m, x: x.diagonal().mul_(3),
        "select": lambda m, x: x.select(1, 2).copy_(x[:, 0] * 2),
    }
    for change in changes.values():
        check_inplace(change, data((2, 3), "float64"))


@pytest.mark.oracle
def test_unfold_shares_memory() -> None:
    makers: tuple[Callable[[Any], Any], ...] = (
        lambda m: m.arange(10.0),
        lambda m: m.arange(20.0).reshape(2, 10)[1],
        lambda m: m.arange(20.0)[::2],
    )
    for make in makers:
        ours, theirs = make(tracegraph), make(torch)
        mine, yours = ours.unfold(0, 3, 3), theirs.unfold(0, 3, 3)
        assert mine.stride() == yours.stride()
        mine[1, 0] = 77.0
        yours[1, 0] = 77.0
        ours += 1
        theirs += 1
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        np.testing.assert_array_equal(mine.numpy(), yours.numpy())


def test_negative_rows_are_refused() -> None:
    """`embedding` and `index_select` do not count from the end, plain or traced (PyTorch raises IndexError as well)."""

    def rows(table: Any, places: Any) -> Any:
        return tracegraph.nn.functional.embedding(places, table) + tracegraph.index_select(table, 0, places)

    traced = tracegraph.trace(rows)
    table, good, bad = tracegraph.ones(3, 2), tracegraph.tensor([2, 0]), tracegraph.tensor([0, -1])
    for _ in range(3):
        np.testing.assert_array_equal(traced(table, good).numpy(), rows(table, good).numpy())
    assert traced.explain().verdict == "static"
    for call in (rows, traced):
        with pytest.raises(IndexError):
            call(table, bad)
    with pytest.raises(IndexError, match="index -1 is out of range"):
        tracegraph.nn.functional.embedding(bad, table)
    with pytest.raises(IndexError, match="index -1 is out of range"):
        tracegraph.index_select(table, 0, bad)
