"""Distances and similarities against PyTorch: orders, broadcasting, points that coincide, second gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.functional import assert_like_torch
from tests.ops.tracing import assert_traced_like_eager
from tracegraph import nn
from tracegraph.runtime.errors import ArgumentError, DTypeError, ShapeError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle
INF = float("inf")
ORDERS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, INF)
PAIRS = [((3, 4), (5, 4)), ((2, 3, 4), (2, 4)), ((2, 1, 3, 4), (2, 3, 4)), ((4,), (2, 4))]
EMPTY = [((0, 4), (3, 4)), ((2, 0), (3, 0)), ((0, 2, 4), (0, 3, 4))]
DTYPES = ("float32", "float64")


def drawn(*shapes: tuple[int, ...], dtype: str = "float64") -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_distances_of_all_rows(p: float, dtype: str) -> None:
    for shapes in PAIRS:
        assert_like_torch("cdist", *drawn(*shapes, dtype=dtype), p, second=False)
    for shape in ((4, 3), (3,)):
        assert_like_torch("pdist", *drawn(shape, dtype=dtype), p, second=False)


@pytest.mark.parametrize("p", ORDERS)
def test_distances_of_no_rows_and_of_empty_ones(p: float) -> None:
    """Without gradients, in which PyTorch's process may end."""
    for shapes in EMPTY:
        x, y = drawn(*shapes)
        assert (
            tracegraph.cdist(tracegraph.tensor(x), tracegraph.tensor(y), p).tolist()
            == torch.cdist(torch.tensor(x), torch.tensor(y), p).tolist()
        )
    for rows in (np.zeros((1, 3)), np.zeros((0, 3)), np.zeros((3, 0))):
        assert tracegraph.pdist(tracegraph.tensor(rows), p).tolist() == torch.pdist(torch.tensor(rows), p).tolist()


@pytest.mark.parametrize("mode", ["use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist", None, "other"])
def test_euclidean_distances_by_products(mode: str | None) -> None:
    assert_like_torch("cdist", *drawn((3, 4), (5, 4)), compute_mode=mode, second=False)
    assert_like_torch("cdist", *drawn((40, 3), (2, 3), dtype="float32"), second=False, tolerance=1e-3)


@pytest.mark.parametrize("p", [0.5, 1.0, 1.5, 2.0, 3.0])
def test_points_that_coincide_have_a_gradient_of_zero(p: float) -> None:
    points = np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 2.0]])
    assert_like_torch("cdist", points, points[:2].copy(), p, second=False)
    assert_like_torch("pdist", points, p, second=False)


@pytest.mark.parametrize("name", ["pairwise_distance", "cosine_similarity"])
@pytest.mark.parametrize(
    "shapes", [((3, 4), (3, 4)), ((3, 4), (4,)), ((2, 1, 4), (3, 4)), ((4, 4), (1, 1)), ((0, 2), (0, 2))]
)
def test_pairs_of_vectors(name: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    assert_like_torch(name, *drawn(*shapes))
    assert_like_torch(name, *drawn(*shapes, dtype="float16"), second=False, tolerance=1e-2)


def test_options_of_pairs_of_vectors() -> None:
    for p in ORDERS[1:]:
        assert_like_torch("pairwise_distance", *drawn((3, 4), (3, 4)), p, 1e-3, True, second=False)
    for dim in (0, -1, 2, 5):
        assert_like_torch("cosine_similarity", *drawn((2, 3, 4), (2, 3, 4)), dim=dim, eps=0.1)
    zeros, ones = np.zeros((2, 3)), np.ones((2, 3))
    assert_like_torch("cosine_similarity", zeros, ones, second=False)
    assert_like_torch("cosine_similarity", ones * 1e-3, ones * 2, eps=0.1)
    assert_like_torch("cosine_similarity", np.ones((2, 3), "int64"), np.ones((2, 3), "int64"))


@pytest.mark.parametrize("p", ORDERS[1:])
def test_distance_of_tensors_and_norms_of_slices(p: float) -> None:
    assert_like_torch("dist", *drawn((3, 4), (4,)), p, second=p == 2)
    for dim in (0, 1, -1, 5):
        assert_like_torch("renorm", *drawn((2, 3, 4)), p, dim, 1.5, second=p == 2)
    assert_like_torch("renorm", *drawn((3, 4), dtype="float16"), 2.0, 0, 1.0, second=False)


def test_layers() -> None:
    arrays = drawn((3, 4), (3, 4), dtype="float32")
    ours, theirs = [tracegraph.tensor(a) for a in arrays], [torch.tensor(a) for a in arrays]
    layers: tuple[Callable[[Any], Any], ...] = (
        lambda module: module.CosineSimilarity(),
        lambda module: module.CosineSimilarity(dim=-1, eps=0.5),
        lambda module: module.PairwiseDistance(),
        lambda module: module.PairwiseDistance(p=1.0, eps=0.1, keepdim=True),
    )
    for make in layers:
        np.testing.assert_allclose(make(nn)(*ours).numpy(), make(torch.nn)(*theirs).numpy(), rtol=1e-5)
        assert vars(make(nn)).keys() >= make(torch.nn).__dict__.keys() & {"dim", "eps", "norm", "keepdim"}


def test_traced() -> None:
    x, y = (tracegraph.tensor(a, requires_grad=True) for a in drawn((4, 3), (5, 3), dtype="float32"))

    def everything(x: Any, y: Any) -> Any:
        all_rows = x.norm(0), tracegraph.cdist(x, y), tracegraph.cdist(x, y, 1.5), tracegraph.pdist(x)
        pairs = tracegraph.cosine_similarity(x, y[:4]), tracegraph.pairwise_distance(x, y[:4])
        products = tracegraph.cdist(x, y, compute_mode="use_mm_for_euclid_dist")
        return all_rows, pairs, products, x.dist(y[0]), x.renorm(2, 0, 1.0)

    assert_traced_like_eager(everything, x, y, tolerance=1e-4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: tracegraph.cdist(x, x, -1), ArgumentError, "cdist: p must not be negative, got -1"),
        (lambda x: tracegraph.cdist(x, x.double()), DTypeError, "two float32 or two float64 tensors, not float32 and"),
        (lambda x: tracegraph.cdist(x, x[:, :2]), ShapeError, r"got shapes \(2, 3\) and \(2, 2\)"),
        (lambda x: tracegraph.pdist(x[0]), ShapeError, r"pdist: takes a matrix, got shape \(3,\)"),
        (lambda x: x.renorm(0, 0, 1), ArgumentError, "renorm: p must be positive and maxnorm not negative"),
        (lambda x: x[0].renorm(1, 0, 1), ShapeError, "renorm: takes at least two dimensions"),
        (lambda x: tracegraph.cosine_similarity(x.long(), x.long()), DTypeError, "takes float tensors, not int64"),
    ],
)
def test_errors_say_what_is_wrong(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(tracegraph.tensor(np.ones((2, 3), "float32")))
