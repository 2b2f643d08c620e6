"""Contractions against PyTorch: every rank, dtype and layout, gradients to order 2, and errors."""

from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.functional import assert_like_torch
from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError

pytestmark = pytest.mark.oracle


def numbers(shape: tuple[int, ...], dtype: str = "float64", seed: int = 0) -> Any:
    values = np.random.default_rng((seed, *shape)).uniform(-3, 3, shape)
    return np.asarray(values).astype(dtype)


MATMUL_SHAPES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 2)),
    ((2, 3), (5, 3, 2)),
    ((5, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((4, 1, 2, 3), (5, 3, 2)),
    ((2, 5, 2, 3), (3, 2)),
    ((0,), (0,)),
    ((2, 0), (0, 3)),
    ((0, 3), (3, 2)),
    ((0, 2, 3), (3, 4)),
    ((5, 0, 3), (3,)),
    ((1, 1), (1, 1)),
    ((3,), (4,)),
    ((2, 3), (2, 3)),
    ((), (3,)),
    ((3,), ()),
    ((2, 2, 3), (3, 3, 2)),
]


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("shapes", MATMUL_SHAPES, ids=str)
def test_matmul(shapes: tuple[tuple[int, ...], tuple[int, ...]], dtype: str) -> None:
    assert_like_torch("matmul", numbers(shapes[0], dtype), numbers(shapes[1], dtype, 1))


@pytest.mark.parametrize("dtypes", [("float32", "float64"), ("bool", "bool"), ("int64", "int32"), ("float32", "int64")])
def test_matmul_dtype_errors(dtypes: tuple[str, str]) -> None:
    assert_like_torch("matmul", numbers((2, 2), dtypes[0]), numbers((2, 2), dtypes[1]))


def test_matmul_half_sums_in_single_precision() -> None:
    ones = tracegraph.tensor(np.ones((1, 5000), np.float16))
    product = ones @ ones.permute(1, 0)
    assert product.dtype == tracegraph.float16
    assert product.item() == 5000


@pytest.mark.parametrize("left", [lambda x: x.T, lambda x: x[::-1], lambda x: x[:, ::2], lambda x: x[:1].repeat(3, 0)])
def test_matmul_non_contiguous(left: Any) -> None:
    a = left(numbers((4, 4)))
    assert_like_torch("matmul", a, numbers((a.shape[1], 3)))
    assert_like_torch("matmul", np.broadcast_to(a, (2, *a.shape)).copy(), numbers((3, a.shape[1])).T)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("mm", ((2, 3), (3, 4))),
        ("mm", ((2, 3), (3,))),
        ("mm", ((1, 2, 3), (3, 4))),
        ("mm", ((2, 3), (2, 3))),
        ("bmm", ((2, 3, 4), (2, 4, 1))),
        ("bmm", ((1, 3, 4), (2, 4, 1))),
        ("bmm", ((3, 4), (4, 1))),
        ("bmm", ((0, 3, 4), (0, 4, 1))),
        ("mv", ((2, 3), (3,))),
        ("mv", ((3,), (3,))),
        ("mv", ((2, 3), (2,))),
        ("dot", ((3,), (3,))),
        ("dot", ((3,), (4,))),
        ("dot", ((2, 3), (3,))),
        ("vdot", ((3,), (3,))),
        ("outer", ((3,), (4,))),
        ("outer", ((0,), (4,))),
        ("outer", ((2, 3), (4,))),
        ("ger", ((3,), (2,))),
        ("inner", ((2, 3), (4, 3))),
        ("inner", ((), (4, 3))),
        ("inner", ((3,), (3,))),
        ("inner", ((2, 3), (3, 4))),
        ("kron", ((2, 3), (4,))),
        ("kron", ((2, 2), (1, 3))),
        ("kron", ((), (2, 2))),
    ],
    ids=str,
)
def test_products(name: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    known = {"vdot": "dot", "ger": "outer"}.get(name, name)
    assert_like_torch(known, *(numbers(shape, seed=seed) for seed, shape in enumerate(shapes)))
    operands = [tracegraph.tensor(numbers(shape, "int64", seed)) for seed, shape in enumerate(shapes)]
    assert hasattr(operands[0], name)
    assert hasattr(tracegraph, name)


@pytest.mark.parametrize("scales", [{}, {"beta": 2.0}, {"alpha": 0.5}, {"beta": 0, "alpha": 3}], ids=str)
@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("addmm", ((2, 4), (2, 3), (3, 4))),
        ("addmm", ((4,), (2, 3), (3, 4))),
        ("addmm", ((), (2, 3), (3, 4))),
        ("addmm", ((2, 1), (2, 3), (3, 4))),
        ("addmm", ((3, 4), (2, 3), (3, 4))),
        ("addmm", ((1, 2, 4), (2, 3), (3, 4))),
        ("baddbmm", ((5, 2, 4), (5, 2, 3), (5, 3, 4))),
        ("baddbmm", ((2, 4), (5, 2, 3), (5, 3, 4))),
        ("addbmm", ((2, 4), (5, 2, 3), (5, 3, 4))),
        ("addmv", ((2,), (2, 3), (3,))),
        ("addr", ((2, 3), (2,), (3,))),
        ("addmv", ((), (2, 3), (3,))),
        ("addmv", ((3,), (2, 3), (3,))),
    ],
    ids=str,
)
def test_scaled_sums(name: str, shapes: tuple[tuple[int, ...], ...], scales: dict[str, Any]) -> None:
    assert_like_torch(name, *(numbers(shape, seed=seed) for seed, shape in enumerate(shapes)), **scales)


def test_zero_beta_ignores_nan() -> None:
    nan = np.full((2, 2), np.nan)
    assert_like_torch("addmm", nan, numbers((2, 2)), numbers((2, 2)), beta=0, second=False)


@pytest.mark.parametrize(
    ("shapes", "dims"),
    [
        (((2, 3, 4), (3, 4, 5)), 2),
        (((2, 3), (4, 5)), 0),
        (((2, 3, 4), (4, 3, 5)), ([1, 2], [1, 0])),
        (((3,), (3,)), 1),
        (((2, 3), (3, 2)), ([-1, 0], [0, -1])),
        (((2, 3), (4, 2)), ([0], [1])),
        (((2, 3), (3, 2)), 1),
        (((2, 3), (4, 2)), 1),
        (((2, 3), (3, 2)), ([0], [5])),
        (((2, 0), (0, 3)), 1),
        (((2, 3), (3, 2)), 3),
    ],
    ids=str,
)
def test_tensordot(shapes: tuple[tuple[int, ...], ...], dims: Any) -> None:
    assert_like_torch("tensordot", numbers(shapes[0]), numbers(shapes[1], seed=1), dims)


@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 3), (4, 3), (4,)),
        ((3,), (4, 3), (4,)),
        ((2, 5, 3), (4, 3)),
        ((2, 3), (3,)),
        ((2, 3), (4, 2)),
        ((0, 3), (4, 3), (4,)),
    ],
    ids=str,
)
def test_linear(shapes: tuple[tuple[int, ...], ...]) -> None:
    assert_like_torch("linear", *(numbers(shape, seed=seed) for seed, shape in enumerate(shapes)))


@pytest.mark.parametrize(
    "shapes", [((2, 3), (2, 4), (5, 3, 4), (5,)), ((3,), (4,), (5, 3, 4)), ((2, 3), (2, 3), (5, 3, 4))], ids=str
)
def test_bilinear(shapes: tuple[tuple[int, ...], ...]) -> None:
    assert_like_torch("bilinear", *(numbers(shape, seed=seed) for seed, shape in enumerate(shapes)))


EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ij,jk->ki", (2, 3), (3, 4)),
    ("i,i", (3,), (3,)),
    ("i,j->ij", (2,), (3,)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iij->j", (3, 3, 2)),
    ("iii->i", (2, 2, 2)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ba", (2, 3)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5)),
    ("...ij,jk", (2, 5, 3, 4), (4, 5)),
    ("...ij,...jk", (6, 1, 3, 4), (2, 4, 5)),
    ("...,...", (2, 3), (3,)),
    ("...i->...", (2, 3)),
    ("i...->...i", (2, 3, 4)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("ij,ij,ij->ij", (2, 3), (2, 3), (2, 3)),
    ("a,b,c,d->abcd", (2,), (3,), (2,), (2,)),
    ("ij,k->i", (2, 3), (4,)),
    ("ij,jk->ik", (2, 1), (3, 4)),
    ("ij,ij->ij", (1, 3), (2, 1)),
    ("ij,j->i", (2, 0), (0,)),
    ("ii,ij->j", (2, 2), (2, 3)),
    (" i j , j -> i ", (2, 3), (3,)),
    ("aB,Ba->", (2, 3), (3, 2)),
    (",ij->ij", (), (2, 3)),
    ("bn,anm,bm->ba", (2, 3), (4, 3, 5), (2, 5)),
    ("...->", (2, 3)),
    ("ij,jk->ik", (2, 3), (4, 4)),
    ("ij->ii", (2, 3)),
    ("ij->k", (2, 3)),
    ("ij,jk", (2, 3)),
    ("i", (2, 3)),
    ("ii->i", (2, 3)),
    ("i1->i", (2, 3)),
    ("ijk->ij", (2, 3)),
    ("i.j->ij", (2, 3)),
    ("", ()),
    ("->", ()),
]


@pytest.mark.parametrize("case", EQUATIONS, ids=lambda case: case[0].replace(" ", "_") or "empty")
def test_einsum(case: tuple[Any, ...]) -> None:
    equation, *shapes = case
    assert_like_torch("einsum", equation, *(numbers(shape, seed=seed) for seed, shape in enumerate(shapes)))


def test_einsum_other_forms() -> None:
    a, b = numbers((2, 3)), numbers((3, 4))
    assert_like_torch("einsum", "ij,jk", [a, b])
    assert_like_torch("einsum", a, [0, 1], b, [1, 2], [2, 0])
    assert_like_torch("einsum", a, [0, 1], b, [1, 2])
    assert_like_torch("einsum", a, [..., 1], b, [1, 2], [..., 2])


def test_errors_name_operation_and_shapes() -> None:
    a = tracegraph.tensor(numbers((2, 3)))
    with pytest.raises(ShapeError, match=r"matmul: shapes \(2, 3\) and \(2, 3\)"):
        a @ a
    with pytest.raises(DTypeError, match="matmul: operands must have one dtype, got float64 and float32"):
        a @ a.to(tracegraph.float32)
    with pytest.raises(ShapeError, match=r"mm: expected two matrices, got shapes \(2, 3\) and \(3,\)"):
        tracegraph.mm(a, a[0])
    with pytest.raises(ArgumentError, match="einsum: 'k' stands in the result but in no operand"):
        tracegraph.einsum("ij->k", a)
    with pytest.raises(ShapeError, match="'j' of 'ij,jk' has sizes 3 and 2"):
        tracegraph.einsum("ij,jk", a, a)
