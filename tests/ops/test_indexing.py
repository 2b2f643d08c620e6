"""Indexing, reading and writing, and the functions that take positions: the same as PyTorch's."""

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import tracegraph
from tests.ops.views_oracle import Expression, check, check_inplace, data, torch
from tracegraph.runtime.errors import ArgumentError, IndexingError, ShapeError

pytestmark = pytest.mark.oracle

_ = slice(None)


def _index(m: Any, item: Any) -> Any:
    """An index for a library: nested lists wrapped in ("t", ...) become tensors of it."""
    if isinstance(item, tuple) and item and item[0] == "t":
        return m.tensor(item[1])
    return tuple(_index(m, part) for part in item) if isinstance(item, tuple) else item


READS: list[Any] = [
    0, -1, 3, -4, np.int64(1), True, False, None, ..., [], (), _,
    slice(1, None), slice(None, -1), slice(None, None, 2), slice(5, 2), slice(-100, 100), slice(1, 2, 7),
    slice(None, None, -1), slice(2, 0, -1),
    (0, 1), (1, -1, 2), (0, 0, 0, 0), (_, 1), (..., 1), (0, ..., 1), (None, 0), (0, None), (_, None, 1, None),
    (slice(0, 2), slice(1, None, 2)), (..., slice(1, 2)), (None, ..., None), (0, 9), (_, -5),
    [0, 1], [1, 1, 0], [-1], [2], ([0, 1], [1, 2]), (_, [0, 2]), (..., [1, 0]), ([0, 1], _, [3, 0]),
    ([[0], [1]], [0, 2, 1]), (0, _, [1, 2]), (_, [0, 1], 1), (None, [0, 1]), ([0, 1], None, [1, 2]), ([0], [0, 1, 2]),
    ([0, 1], [0, 1, 2]), (slice(1, None), [0, 0, 2]), ([1], ..., [2, 2]), (_, [[0, 1]], [[1], [3]]),
    ("t", 1), (_, ("t", 0)), (("t", 1), [0, 2]), (("t", 1), _, [0, 2]), (_, ("t", 1), [0, 2]), ([0, 1], ("t", 2), 1),
    (("t", [True, False]),), [True, False], (_, [True, False, True]), (0, [True, False, True]), ([True, True], [0, 1]),
    ("t", [[True, False, True], [False, False, True]]), (("t", [[True, False, True], [False, True, True]]), 1),
    (("t", [[True, False, True], [False, True, False]]), [1, 2]), ([1, 0], ("t", [True, False, True])),
    ("t", [True, False, True]), (True, 0), (_, True), (False, [0, 1]), ("t", True), ("t", [0.5]), "a", 1.5,
    (slice(1.5, None),), np.array([1, 0]), np.array([True, False]), (np.array([[0, 1]]), np.array([[2], [1]])),
]  # fmt: skip


@pytest.mark.parametrize("position", range(len(READS)), ids=[str(item)[:40] for item in READS])
def test_getitem(position: int) -> None:
    def read(m: Any, x: Any) -> Any:
        return x[_index(m, READS[position])]

    for shape in ((2, 3, 4), (2, 3), (2,), ()):
        check(read, data(shape, "float32"))
    for layout in ("transposed", "strided"):
        check(read, data((2, 3, 4), "int64", layout))


VALUES: dict[str, Any] = {
    "number": lambda m, part: 7.5,
    "same": lambda m, part: part.detach() * 3,
    "row": lambda m, part: part.detach()[:1] * 2 if part.ndim else part.detach() * 2,
    "lifted": lambda m, part: part.detach().reshape(1, 1, *part.shape) * 2,
    "wrong": lambda m, part: m.zeros(11),
    "float64": lambda m, part: part.detach().to(m.float64) / 4,
}


@pytest.mark.parametrize("position", range(len(READS)), ids=[str(item)[:40] for item in READS])
def test_setitem(position: int) -> None:
    for name, value in VALUES.items():

        def write(m: Any, x: Any, value: Any = value) -> Any:
            copy = x.clone()
            index = _index(m, READS[position])
            copy[index] = value(m, x[index])
            return copy

        for array in (data((2, 3, 4), "float32"), data((2, 3), "int64"), data((2,), "float32", "strided")):
            if name == "wrong" and READS[position] is False:  # PyTorch takes any value for no elements
                continue
            if name != "float64" or _takes_other_dtypes(write, array):
                check(write, array)


def _takes_other_dtypes(write: Expression, array: np.ndarray) -> bool:
    """PyTorch casts the value for some kinds of index only; the library for all."""
    try:
        write(torch, torch.from_numpy(array.copy()))
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        return "dtypes match" not in str(error)
    return True


WRITES: dict[str, Any] = {
    "mask and tensor": lambda m, x: x.__setitem__(x > 5, x[x > 5] * 2),
    "rows": lambda m, x: x.__setitem__(m.tensor([1, 0]), x * 3),
    "repeated": lambda m, x: x.__setitem__([0, 0], 4.0),
    "pairs": lambda m, x: x.__setitem__(([0, 1], [2, 0]), x[0, :2].clone()),
    "column": lambda m, x: x.__setitem__((_, [1]), x[:, :1] * 2),
    "view of view": lambda m, x: x[:, 1:].t().__setitem__([0], x[:, 0]),
    "apart": lambda m, x: x.unsqueeze(1).__setitem__(([0, 1], _, [0, 2]), x[:, 1:2]),
    "add": lambda m, x: x.__setitem__([0], x[[0]] + x[[1]]),
    "index_put_": lambda m, x: x.index_put_((m.tensor([0, 0]), m.tensor([1, 1])), x[0, 0].clone(), accumulate=True),
    "scatter_": lambda m, x: x.scatter_(1, m.tensor([[0], [2]]), x[:, 1:2].clone()),
    "scatter_add_": lambda m, x: x.scatter_add_(1, m.tensor([[0, 0], [2, 2]]), x[:, 1:].clone()),
    "index_add_": lambda m, x: x.index_add_(0, m.tensor([1, 1]), x.clone()),
    "index_fill_": lambda m, x: x.index_fill_(1, m.tensor([1]), 3.0),
    "index_copy_": lambda m, x: x.index_copy_(0, m.tensor([1]), x[:1].clone()),
}


@pytest.mark.parametrize("name", WRITES)
def test_writes_and_their_gradients(name: str) -> None:
    check_inplace(WRITES[name], data((2, 3), "float64"))


def _i(m: Any, values: Any) -> Any:
    return m.tensor(values, dtype=m.int64)


POSITIONS: dict[str, Expression] = {
    "gather": lambda m, x: m.gather(x, 1, _i(m, [[0, 2, 2], [1, 1, 0]])),
    "gather part": lambda m, x: x.gather(0, _i(m, [[0, 1]])),
    "gather int32": lambda m, x: x.gather(0, m.tensor([[0, 1]]).to(m.int64)),
    "gather large": lambda m, x: x.gather(1, _i(m, [[0], [0], [0]])),
    "gather range": lambda m, x: x.gather(1, _i(m, [[3]])),
    "gather negative": lambda m, x: x.gather(1, _i(m, [[-1]])),
    "scatter": lambda m, x: m.scatter(x, 1, _i(m, [[2], [0]]), x[:, :1] * 3),
    "scatter part": lambda m, x: x.scatter(1, _i(m, [[2]]), x.detach() * 3),
    "scatter value": lambda m, x: x.scatter(0, _i(m, [[1, 0, 1]]), 5.0),
    "scatter range": lambda m, x: x.scatter(0, _i(m, [[2, 0, 1]]), 5.0),
    "scatter small": lambda m, x: x.scatter(1, _i(m, [[2], [0]]), x.detach()[:1, :1]),
    "scatter_add": lambda m, x: m.scatter_add(x, 1, _i(m, [[2, 2], [0, 1]]), x[:, 1:] * 3),
    "index_select": lambda m, x: m.index_select(x, 1, _i(m, [2, 2, 0])),
    "index_select range": lambda m, x: x.index_select(0, _i(m, [5])),
    "index_select matrix": lambda m, x: x.index_select(0, _i(m, [[0]])),
    "index_add": lambda m, x: m.index_add(x, 1, _i(m, [0, 0]), x[:, 1:] * 2),
    "index_add alpha": lambda m, x: x.index_add(0, _i(m, [1]), x[:1], alpha=3),
    "index_add wrong": lambda m, x: x.index_add(0, _i(m, [1]), x),
    "index_copy": lambda m, x: m.index_copy(x, 0, _i(m, [1]), x[:1] * 2),
    "index_fill": lambda m, x: m.index_fill(x, 1, _i(m, [0, 2]), 9),
    "index_put": lambda m, x: m.index_put(x, (_i(m, [0, 1]),), x * 2),
    "index_put pair": lambda m, x: x.index_put((_i(m, [0, 1, 0]), _i(m, [2, 1, 2])), x[0] * 2, accumulate=True),
    "index_put mask": lambda m, x: x.index_put((x > 4,), x[0, 0] * 2),
    "index_put wrong": lambda m, x: x.index_put((_i(m, [0, 1]),), m.zeros(7)),
    "take": lambda m, x: m.take(x, _i(m, [[5, -1], [0, 0]])),
    "take range": lambda m, x: x.take(_i(m, [6])),
    "take_along_dim": lambda m, x: m.take_along_dim(x, x.argsort(1), 1),
    "take_along_dim flat": lambda m, x: x.contiguous().take_along_dim(_i(m, [3, 0])),
    "take_along_dim broadcast": lambda m, x: m.take_along_dim(x, _i(m, [[1, 0]]), 1),
    "masked_select": lambda m, x: m.masked_select(x, x > 3),
    "masked_select broadcast": lambda m, x: x.masked_select(m.tensor([True, False, True])),
    "masked_select wrong": lambda m, x: x.masked_select(x),
    "nonzero": lambda m, x: m.nonzero(x.detach() - 2),
    "nonzero tuple": lambda m, x: (x.detach() > 2).nonzero(as_tuple=True),
    "argwhere": lambda m, x: m.argwhere(x.detach() > 2),
}


@pytest.mark.parametrize("name", POSITIONS)
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "strided"])
def test_positions(name: str, layout: str) -> None:
    check(POSITIONS[name], data((2, 3), "float64", layout))
    check(POSITIONS[name], data((2, 3), "int64", layout))


def test_zero_dimensional_positions() -> None:
    for expression in (
        lambda m, x: x.gather(0, _i(m, [0, 0])),
        lambda m, x: x.gather(0, _i(m, 0)),
        lambda m, x: x.index_select(0, _i(m, [0])),
        lambda m, x: x.scatter(0, _i(m, [0]), 4.0),
        lambda m, x: x.index_add(0, _i(m, [0]), x * 2),
        lambda m, x: x.masked_select(m.tensor(True)),
        lambda m, x: x.take(_i(m, [0, 0])),
        lambda m, x: x.detach().nonzero(),
    ):
        check(expression, data((), "float32"))


def test_gradient_of_second_order_through_positions() -> None:
    def twice(m: Any, x: Any) -> Any:
        y = x[[0, 0, 1]] * x.gather(1, _i(m, [[0, 2, 2], [1, 1, 0]]))[[1, 0, 1]]
        z = (y**2).sum() + (x.scatter_add(1, _i(m, [[0], [0]]), x[:, 1:2]) ** 3).sum() + (x[x > 3] ** 3).sum()
        (first,) = (tracegraph.autograd if m is tracegraph else torch.autograd).grad(z, x, create_graph=True)
        return first * first

    check(twice, data((2, 3), "float64"))


@pytest.mark.parametrize("padding", [None, 1, -1])
def test_embedding(padding: int | None) -> None:
    def embed(m: Any, weight: Any) -> Any:
        return m.nn.functional.embedding(_i(m, [[0, 2, 1], [2, 2, 0]]), weight, padding_idx=padding)

    check(embed, data((3, 4), "float32"))


def test_one_hot() -> None:
    for values in ([0, 2, 1], [[1], [0]], 3):
        ours = tracegraph.one_hot(tracegraph.tensor(values), 4)
        theirs = torch.nn.functional.one_hot(torch.tensor(values), 4)
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert tracegraph.one_hot(tracegraph.tensor([0, 4])).shape == (2, 5)
    with pytest.raises(IndexingError, match=r"index 4 .*size 4"):
        tracegraph.one_hot(tracegraph.tensor([4]), 4)
    with pytest.raises(IndexingError):
        tracegraph.one_hot(tracegraph.tensor([-1]), 4)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (5, "index 5 is out of range for dimension 0 of size 2"),
        ((0, -4), "index -4 is out of range for dimension 1 of size 3"),
        ([0, 9], "index 9 is out of range for dimension 0 of size 2"),
        ((slice(None), [0, -7]), "index -7 is out of range for dimension 1 of size 3"),
        ((0, 0, 0), "3 indices for shape"),
        ("x", "str is not an index"),
    ],
)
def test_errors_name_index_size_and_dimension(index: Any, message: str) -> None:
    x = tracegraph.ones(2, 3)
    with pytest.raises(IndexingError, match=message):
        x[index]
    with pytest.raises(IndexingError, match=message):
        x[index] = 1.0


def test_two_ellipses_and_nested_lists() -> None:
    x = tracegraph.arange(6).reshape(2, 3)
    with pytest.raises(IndexingError, match="one ellipsis"):
        x[..., ...]
    np.testing.assert_array_equal(x[[[0, 1], [1, 0]]].numpy(), x.numpy()[[[0, 1], [1, 0]]])
    np.testing.assert_array_equal(x[range(2), [0, 2]].numpy(), [0, 5])


def test_negative_steps_are_refused() -> None:
    with pytest.raises(ArgumentError, match="flip"):
        tracegraph.ones(3)[::-1]


def test_value_that_does_not_fit_names_both_shapes() -> None:
    with pytest.raises(ShapeError, match=r"\(2,\).*\(3,\)"):
        tracegraph.ones(2, 3)[0] = tracegraph.ones(2)


def test_advanced_assignment_works_in_the_memory_of_the_tensor() -> None:
    array = np.zeros((4, 2), np.float32)
    x = tracegraph.from_numpy(array)
    x[[0, 2]] = 1.0
    x[x == 0] = 5.0
    x[1][[0]] = tracegraph.tensor([7.0])
    np.testing.assert_array_equal(array, [[1, 1], [7, 5], [1, 1], [5, 5]])


def test_assignment_from_overlapping_memory() -> None:
    x = tracegraph.arange(5)
    x[[1, 2, 3, 4]] = x[:4]
    assert x.tolist() == [0, 0, 1, 2, 3]
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 0, 1, 2]


def test_failed_assignment_changes_nothing() -> None:
    x = tracegraph.zeros(3)
    with pytest.raises(IndexingError):
        x[[0, 3]] = 1.0
    assert x.tolist() == [0, 0, 0]


def test_repeated_rows_add_up_as_in_numpy() -> None:
    rng = np.random.default_rng(0)
    for shape, dim, count in (((50, 3), 0, 400), ((4, 20, 3), 1, 100), ((7,), 0, 30)):
        index = rng.integers(-shape[dim], shape[dim], count)
        x = tracegraph.from_numpy(np.zeros(shape)).requires_grad_()
        weights = rng.random((*shape[:dim], count, *shape[dim + 1 :]))
        key: tuple[Any, ...] = (slice(None),) * dim
        picked = x[(*key, tracegraph.tensor(index))]
        (found,) = tracegraph.autograd.grad((picked * tracegraph.tensor(weights)).sum(), x)
        expected = np.zeros(shape)
        np.add.at(expected, (*key, index), weights)
        np.testing.assert_allclose(found.numpy(), expected)


SHAPE = (2, 3, 1, 4)


@st.composite
def indices(draw: st.DrawFn) -> tuple[Any, ...]:
    """An index for SHAPE: ints, slices, None, one Ellipsis, integer tensors and masks in any order."""
    items: list[Any] = []
    dim = 0
    for kind in draw(st.lists(st.sampled_from(["int", "slice", "new", "ellipsis", "positions", "mask"]), max_size=5)):
        size = SHAPE[dim] if dim < len(SHAPE) else 2
        position = st.integers(-size, size - 1)
        if kind == "int":
            items.append(draw(position))
        elif kind == "slice":
            bound = st.none() | st.integers(-size - 1, size + 1)
            items.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2]))))
        elif kind == "positions":
            shape = draw(st.sampled_from([(), (1,), (2,), (2, 1), (1, 2)]))
            count = int(np.prod(shape))
            items.append(np.reshape(draw(st.lists(position, min_size=count, max_size=count)), shape).astype(np.int64))
        elif kind == "mask":
            shape = SHAPE[dim : dim + draw(st.integers(1, 2))]
            count = int(np.prod(shape))
            items.append(np.reshape(draw(st.lists(st.booleans(), min_size=count, max_size=count)), shape).astype(bool))
            dim += len(shape) - 1
        elif kind == "new" or not any(item is ... for item in items):
            items.append(None if kind == "new" else ...)
            continue
        else:
            continue
        dim += 1
    return tuple(items)


@given(indices())
@settings(max_examples=300)
def test_any_index_reads_writes_and_differentiates_as_in_pytorch(index: tuple[Any, ...]) -> None:
    def tensors(m: Any) -> tuple[Any, ...]:
        return tuple(m.from_numpy(item) if isinstance(item, np.ndarray) else item for item in index)

    def read(m: Any, x: Any) -> Any:
        return x[tensors(m)]

    def write(m: Any, x: Any) -> Any:
        part = x[tensors(m)].detach()
        filled, same_values = x.clone(), x.clone()
        filled[tensors(m)] = 7.0
        same_values[tensors(m)] = part * 1
        return filled, same_values

    check(read, data(SHAPE, "float64"))
    check(write, data(SHAPE, "float64"))


def test_a_scatter_at_no_positions_has_a_zero_gradient_for_its_source() -> None:
    source = tracegraph.ones(3, requires_grad=True)
    result = tracegraph.zeros(2).scatter_add(0, tracegraph.zeros(0, dtype=tracegraph.int64), source)
    assert result.requires_grad
    result.sum().backward()
    assert source.grad is not None
    assert source.grad.tolist() == [0, 0, 0]
