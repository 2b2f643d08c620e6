"""Initial values: the distributions of PyTorch, by their bounds and moments."""

import math
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import nn
from tracegraph.nn import init

torch = pytest.importorskip("torch")

FILLS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("uniform_", (200, 100), {"a": -2.0, "b": 3.0}),
    ("normal_", (200, 100), {"mean": 1.0, "std": 2.0}),
    ("xavier_uniform_", (200, 100), {"gain": 2.0}),
    ("xavier_normal_", (40, 20, 5, 5), {}),
    ("kaiming_uniform_", (40, 20, 5, 5), {"a": math.sqrt(5)}),
    ("kaiming_normal_", (200, 100), {"mode": "fan_out", "nonlinearity": "relu"}),
    ("trunc_normal_", (200, 100), {"mean": 0.5, "std": 1.5, "a": -1.0, "b": 1.0}),
    ("constant_", (3, 4), {"val": 1.5}),
    ("ones_", (3, 4), {}),
    ("zeros_", (3, 4), {}),
    ("eye_", (3, 4), {}),
]


@pytest.mark.parametrize(("name", "shape", "options"), FILLS, ids=[name for name, _, _ in FILLS])
def test_distribution_is_torchs(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    tracegraph.manual_seed(1)
    torch.manual_seed(1)
    mine = nn.Parameter(tracegraph.empty(*shape))
    assert getattr(init, name)(mine, **options) is mine
    ours, theirs = mine.detach().numpy(), getattr(torch.nn.init, name)(torch.empty(*shape), **options).numpy()
    spread = float(theirs.std()) + 1e-6
    assert abs(ours.mean() - theirs.mean()) < 0.05 * spread
    assert abs(ours.std() - theirs.std()) < 0.03 * spread
    if "normal" not in name or "trunc" in name:
        np.testing.assert_allclose([ours.min(), ours.max()], [theirs.min(), theirs.max()], atol=0.01 * spread)
    assert mine.requires_grad
    assert mine.is_leaf


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 2, 2)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = init.orthogonal_(tracegraph.empty(*shape), gain=2.0).numpy().reshape(shape[0], -1)
    small = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)


DIRAC: list[tuple[tuple[int, ...], int]] = [((4, 3, 3), 1), ((4, 2, 2, 3), 2), ((2, 3, 1, 2, 3), 1), ((6, 2, 3, 3), 3)]


@pytest.mark.parametrize(("shape", "groups"), DIRAC)
def test_dirac(shape: tuple[int, ...], groups: int) -> None:
    mine, yours = init.dirac_(tracegraph.empty(*shape), groups), torch.nn.init.dirac_(torch.empty(*shape), groups)
    np.testing.assert_array_equal(mine.numpy(), yours.numpy())


def test_sparse() -> None:
    values = init.sparse_(tracegraph.empty(10, 400), sparsity=0.32, std=2.0).numpy()
    theirs = torch.nn.init.sparse_(torch.empty(10, 400), sparsity=0.32)
    np.testing.assert_array_equal((values == 0).sum(0), (theirs.numpy() == 0).sum(0))
    assert abs(values[values != 0].std() - 2.0) < 0.1
    assert len({tuple(column) for column in (values == 0).T.tolist()}) > 50


def test_generator() -> None:
    for name in ("uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "kaiming_normal_", "orthogonal_"):
        fill = getattr(init, name)
        drawn = [
            fill(tracegraph.empty(4, 3), generator=tracegraph.Generator().manual_seed(n)).numpy() for n in (1, 1, 2)
        ]
        np.testing.assert_array_equal(drawn[0], drawn[1])
        assert not np.array_equal(drawn[0], drawn[2])


def test_traced_like_eager() -> None:
    def fill() -> Any:
        filled = [init.xavier_normal_(tracegraph.empty(3, 4)), init.kaiming_uniform_(tracegraph.empty(3, 4))]
        filled += [init.trunc_normal_(tracegraph.empty(3)), init.dirac_(tracegraph.empty(2, 2, 3))]
        return [*filled, init.sparse_(tracegraph.empty(4, 3), 0.5), init.eye_(tracegraph.empty(2, 3))]

    def fill_orthogonal() -> Any:
        return init.orthogonal_(tracegraph.empty(3, 4))

    for function, verdict in ((fill, "static"), (fill_orthogonal, "co-executed")):
        traced = tracegraph.trace(function)
        tracegraph.manual_seed(0)
        expected = [function() for _ in range(3)]
        tracegraph.manual_seed(0)
        for values in expected:
            for mine, plain in zip(traced(), values, strict=True):
                np.testing.assert_allclose(mine.numpy(), plain.numpy(), rtol=1e-5, atol=1e-6)
        assert traced.explain().verdict == verdict


@pytest.mark.parametrize("name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gains(name: str) -> None:
    assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    if name == "leaky_relu":
        assert init.calculate_gain(name, 0.3) == pytest.approx(torch.nn.init.calculate_gain(name, 0.3))


def test_refused() -> None:
    with pytest.raises(ValueError, match="nonlinearity"):
        init.calculate_gain("cosine")
    with pytest.raises(ValueError, match="2 dimensions"):
        init.xavier_uniform_(tracegraph.zeros(3))
    with pytest.raises(ValueError, match="mode"):
        init.kaiming_uniform_(tracegraph.zeros(3, 3), mode="both")
    with pytest.raises(ValueError, match="orthogonal_"):
        init.orthogonal_(tracegraph.zeros(3))
    with pytest.raises(ValueError, match="negative_slope"):
        init.calculate_gain("leaky_relu", "a")  # type: ignore[arg-type]
    for shape, groups in (((3, 3), 1), ((3, 3, 3), 2)):
        with pytest.raises(ValueError, match="dirac_"):
            init.dirac_(tracegraph.zeros(shape), groups)
    with pytest.raises(ValueError, match="sparse_"):
        init.sparse_(tracegraph.zeros(3), 0.5)
    with pytest.raises(ValueError, match="eye_"):
        init.eye_(tracegraph.zeros(3))


def test_layers_start_like_torchs() -> None:
    tracegraph.manual_seed(0)
    for mine, yours in (
        (nn.Linear(100, 300), torch.nn.Linear(100, 300)),
        (nn.Conv2d(16, 32, 5), torch.nn.Conv2d(16, 32, 5)),
    ):
        for m, y in zip(mine.parameters(), yours.parameters(), strict=True):
            bound = float(y.detach().abs().max())
            assert 0.9 * bound < float(m.detach().abs().max()) < 1.1 * bound
            assert abs(float(m.detach().std()) / float(y.detach().std()) - 1) < 0.25


def test_clipping() -> None:
    rng = np.random.default_rng(0)
    for norm in (2.0, 1.0, math.inf):
        arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((3, 4), (5,))]
        mine: list[Any] = [tracegraph.zeros(a.shape, requires_grad=True) for a in arrays]
        yours = [torch.zeros(a.shape) for a in arrays]
        for m, y, a in zip(mine, yours, arrays, strict=True):
            m.grad, y.grad = tracegraph.tensor(a), torch.from_numpy(a.copy())
        total = nn.utils.clip_grad_norm_(mine, 0.7, norm)
        expected = torch.nn.utils.clip_grad_norm_(yours, 0.7, norm)
        assert float(total) == pytest.approx(float(expected), rel=1e-5)
        nn.utils.clip_grad_value_(mine, 0.1)
        torch.nn.utils.clip_grad_value_(yours, 0.1)
        for m, y in zip(mine, yours, strict=True):
            np.testing.assert_allclose(m.grad.numpy(), y.grad.numpy(), rtol=1e-5)
    for library, leaves in ((tracegraph, mine), (torch, yours)):
        utils = library.nn.utils
        utils.clip_grads_with_norm_(leaves, 0.1, utils.get_total_norm([leaf.grad for leaf in leaves], norm_type=3.0))
    for m, y in zip(mine, yours, strict=True):
        np.testing.assert_allclose(m.grad.numpy(), y.grad.numpy(), rtol=1e-5)
    assert float(nn.utils.clip_grad_norm_([tracegraph.zeros(2, requires_grad=True)], 1.0)) == 0.0
    mine[0].grad = tracegraph.full((3, 4), math.nan)
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(mine, 1.0, error_if_nonfinite=True)


def test_vector_of_parameters() -> None:
    layer = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (9,)
    nn.utils.vector_to_parameters(tracegraph.arange(9.0), layer.parameters())
    assert layer.bias is not None
    assert layer.bias.tolist() == [6.0, 7.0, 8.0]
