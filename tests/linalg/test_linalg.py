"""Linear algebra beyond PyTorch's own samples: errors, singular matrices, second gradients, traced functions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.oracle import torch
from tracegraph import Tensor, linalg, trace

RNG = np.random.default_rng(3)
MATRIX = RNG.normal(size=(4, 4)) + 3 * np.eye(4)
TALL = RNG.normal(size=(2, 5, 3))
DEFINITE = MATRIX @ MATRIX.T

CALLS: dict[str, tuple[Callable[[Any, Any], Any], np.ndarray]] = {
    "det": (lambda m, x: m.linalg.det(x), MATRIX),
    "det singular": (lambda m, x: m.linalg.det(x), np.outer(MATRIX[0], MATRIX[1])[:2, :2]),
    "slogdet": (lambda m, x: m.linalg.slogdet(x).logabsdet, MATRIX),
    "logdet": (lambda m, x: m.logdet(x), DEFINITE),
    "logdet negative": (lambda m, x: m.logdet(x), -np.eye(3)),
    "inv": (lambda m, x: m.linalg.inv(x), MATRIX),
    "solve": (lambda m, x: m.linalg.solve(x, x.sum(-1)), MATRIX),
    "solve right": (lambda m, x: m.linalg.solve(x, x * x, left=False), MATRIX),
    "triangular": (lambda m, x: m.linalg.solve_triangular(x, x, upper=True, unitriangular=True), MATRIX),
    "cholesky": (lambda m, x: m.linalg.cholesky((x + x.mT) / 2), DEFINITE),
    "cholesky upper": (lambda m, x: m.linalg.cholesky((x + x.mT) / 2, upper=True), DEFINITE),
    "eigh": (lambda m, x: m.linalg.eigh((x + x.mT) / 2).eigenvectors.square(), DEFINITE),
    "eigvalsh": (lambda m, x: m.linalg.eigvalsh((x + x.mT) / 2), DEFINITE),
    "qr": (lambda m, x: m.linalg.qr(x).R.square(), TALL),
    "qr wide": (lambda m, x: m.linalg.qr(x.mT).R.square(), TALL),
    "svd": (lambda m, x: m.linalg.svd(x, full_matrices=False).U.square(), TALL),
    "svd full": (lambda m, x: m.linalg.svd(x).S, TALL),
    "svdvals": (lambda m, x: m.linalg.svdvals(x), TALL),
    "pinv": (lambda m, x: m.linalg.pinv(x), TALL),
    "lstsq": (lambda m, x: m.linalg.lstsq(x, x[..., :1] ** 2).solution, TALL),
    "matrix_exp": (lambda m, x: m.linalg.matrix_exp(x), MATRIX / 3),
    "matrix_power": (lambda m, x: m.linalg.matrix_power(x, -3), MATRIX),
    "multi_dot": (lambda m, x: m.linalg.multi_dot([x[0], x[:, :2], x[:2], x[:, 0]]), MATRIX),
    "cross": (lambda m, x: m.linalg.cross(x, x.flip(1), dim=2), TALL),
    "nuclear norm": (lambda m, x: m.linalg.matrix_norm(x, "nuc"), TALL),
    "spectral norm": (lambda m, x: m.linalg.norm(x, 2, (0, 2), keepdim=True), TALL),
    "row norm": (lambda m, x: m.linalg.norm(x, float("inf"), (2, 1)), TALL),
    "cond": (lambda m, x: m.linalg.cond(x), MATRIX),
    "trace": (lambda m, x: m.linalg.diagonal(x).sum(-1), TALL),
    "vander": (lambda m, x: m.linalg.vander(x, N=4), TALL),
    "vecdot": (lambda m, x: m.linalg.vecdot(x, x, dim=1), TALL),
}


def gradients(module: Any, call: Callable[[Any, Any], Any], x: Any, *, second: bool) -> list[Any]:
    """The result, its weighted gradient, and the gradient of that one's squares."""
    result = call(module, x)
    weights = module.arange(float(result.numel())).reshape(result.shape).to(x.dtype).cos()
    (first,) = module.autograd.grad((result * weights).sum(), [x], create_graph=True)
    found = [result, first]
    if second and first.requires_grad:
        found += module.autograd.grad(first.square().sum(), [x])
    return found


@pytest.mark.oracle
@pytest.mark.parametrize("name", CALLS)
def test_values_and_two_gradients(name: str) -> None:
    call, array = CALLS[name]
    second = name not in ("det singular", "logdet negative")
    mine = gradients(tracegraph, call, tracegraph.tensor(array, requires_grad=True), second=second)
    theirs = gradients(torch, call, torch.tensor(array, requires_grad=True), second=second)
    assert len(mine) == len(theirs)
    for number, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        np.testing.assert_allclose(
            a.detach().numpy(), b.numpy(force=True), rtol=1e-7, atol=1e-7, err_msg=f"derivative {number}"
        )


def test_traced() -> None:
    names = [name for name in CALLS if "negative" not in name]
    arrays = [tracegraph.tensor(CALLS[name][1], requires_grad=True) for name in names]

    def everything(*xs: Tensor) -> list[Tensor]:
        found = []
        for name, x in zip(names, xs, strict=True):
            result, first = gradients(tracegraph, CALLS[name][0], x, second=False)
            found += [result.detach().clone(), first.detach().clone()]
        return found

    expected = everything(*arrays)
    traced = trace(everything)
    for _ in range(3):
        for a, b in zip(traced(*arrays), expected, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-9)
    assert traced.explain().verdict == "static"


def test_a_singular_matrix_is_refused_eagerly_and_traced() -> None:
    traced = trace(lambda a: linalg.inv(a) * 1)
    good, bad = tracegraph.tensor([[2.0]]), tracegraph.tensor([[0.0]])
    assert traced(good).item() == traced(good).item() == 0.5
    for call in (linalg.inv, traced):
        with pytest.raises(linalg.LinAlgError, match="solve: Singular matrix"):
            call(bad)
    assert traced(good).item() == 0.5
    with pytest.raises(RuntimeError, match="positive definite"):
        linalg.cholesky(-tracegraph.ones(2, 2))


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.linalg.inv(m.ones(2, 3)),
        lambda m: m.linalg.inv(m.ones(3)),
        lambda m: m.linalg.det(m.ones(2, 2).long()),
        lambda m: m.linalg.solve(m.ones(2, 2), m.ones(3, 1)),
        lambda m: m.linalg.solve(m.ones(2, 2), m.ones(2, 1).double()),
        lambda m: m.linalg.qr(m.ones(2, 2), mode="full"),
        lambda m: m.linalg.eigh(m.ones(2, 2), UPLO="X"),
        lambda m: m.linalg.multi_dot([m.ones(2, 2)]),
        lambda m: m.linalg.multi_dot([m.ones(2, 2), m.ones(3, 2)]),
        lambda m: m.linalg.matrix_norm(m.ones(2, 2), "max"),
        lambda m: m.linalg.matrix_norm(m.ones(2)),
        lambda m: m.linalg.norm(m.ones(2, 2, 2), 2),
        lambda m: m.linalg.cross(m.ones(2), m.ones(2)),
        lambda m: m.linalg.matrix_power(m.ones(2, 2), 1.5),
        lambda m: m.linalg.lstsq(m.ones(2, 2), m.ones(3, 2)),
        lambda m: m.linalg.lstsq(m.ones(2, 2), m.ones(2, 2), driver="best"),
    ],
)
def test_refusals(call: Callable[[Any], Any]) -> None:
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)):
        call(torch)
    with pytest.raises(tracegraph.errors.TracegraphError):
        call(tracegraph)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 0, 3), (0, 2, 2)])
def test_empty_matrices(shape: tuple[int, ...]) -> None:
    mine, theirs = tracegraph.zeros(*shape), torch.zeros(*shape)
    pairs = [(linalg.svd(mine), torch.linalg.svd(theirs)), (linalg.qr(mine), torch.linalg.qr(theirs))]
    pairs.append(
        ((linalg.pinv(mine), linalg.matrix_rank(mine)), (torch.linalg.pinv(theirs), torch.linalg.matrix_rank(theirs)))
    )
    if shape[-1] == shape[-2]:
        pairs.append(((linalg.det(mine), linalg.inv(mine)), (torch.linalg.det(theirs), torch.linalg.inv(theirs))))
    for ours, expected in pairs:
        for a, b in zip(ours, expected, strict=True):
            assert (a.shape, a.dtype.name) == (tuple(b.shape), str(b.dtype).removeprefix("torch."))
            np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("p", [None, 1, -1, 2, -2, float("inf"), "fro"])
def test_condition_numbers(p: Any) -> None:
    np.testing.assert_allclose(linalg.cond(tracegraph.tensor(MATRIX), p).item(), np.linalg.cond(MATRIX, p), rtol=1e-10)
