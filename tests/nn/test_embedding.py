"""`embedding`, `embedding_bag` and their modules against PyTorch: values, gradients, changed tables, errors."""

import itertools
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import nn
from tracegraph.nn import functional
from tracegraph.runtime.errors import TracegraphError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

TABLE = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
NUMBERS = np.array([5, 1, 1, 0, 3, 1, 2, 2])
FACTORS = np.random.default_rng(1).normal(size=8).astype("float32")


def outcome(library: Any, function: Any, numbers: np.ndarray, options: dict[str, Any]) -> Any:
    """The result, the table afterwards and the gradients, or the error."""
    table = library.tensor(TABLE.copy()).requires_grad_()
    named = {key: library.tensor(value) if isinstance(value, np.ndarray) else value for key, value in options.items()}
    factors = named.get("per_sample_weights")
    wanted = [table] if factors is None else [table, factors.requires_grad_()]
    try:
        result = function(library.tensor(numbers), table, **named)
        weights = library.tensor(np.cos(np.arange(result.numel())).reshape(result.shape).astype("float32"))
        gradients = library.autograd.grad((result * result * weights).sum(), wanted)
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError, TracegraphError) as error:
        return error
    return [value.detach().numpy() for value in (result, table, *gradients)]


def assert_alike(name: str, numbers: np.ndarray, options: dict[str, Any]) -> None:
    mine = outcome(tracegraph, getattr(functional, name), numbers, options)
    yours = outcome(torch, getattr(torch.nn.functional, name), numbers, options)
    what = f"{name} of {numbers.tolist()} with {options}"
    if isinstance(mine, Exception) or isinstance(yours, Exception):
        assert isinstance(yours, Exception), f"{what}: we raise {mine!r}"
        assert isinstance(mine, Exception), f"{what}: PyTorch raises {yours!r}"
        return
    for ours, theirs in zip(mine, yours, strict=True):
        assert ours.dtype == theirs.dtype, what
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6, err_msg=what)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("limits", [{}, {"max_norm": 1.0}, {"max_norm": 0.7, "norm_type": 1.0}], ids=str)
@pytest.mark.parametrize("padding", [None, 1, -1, 6, -7])
def test_embedding(padding: int | None, limits: dict[str, Any], scaled: bool) -> None:
    options = {"padding_idx": padding, "scale_grad_by_freq": scaled, **limits}
    for numbers in (NUMBERS, NUMBERS.reshape(2, 2, 2), np.array(4), np.array([], "int64"), np.array([0, 6])):
        assert_alike("embedding", numbers, options)


BAGS: list[tuple[np.ndarray, dict[str, Any]]] = [
    (NUMBERS, {"offsets": np.array([0, 3, 3, 7])}),
    (NUMBERS, {"offsets": np.array([0, 8])}),
    (NUMBERS, {"offsets": np.array([0, 3, 8]), "include_last_offset": True}),
    (NUMBERS.reshape(2, 4), {}),
    (NUMBERS, {"offsets": np.array([1, 3])}),
    (NUMBERS, {"offsets": np.array([0, 9])}),
    (NUMBERS, {}),
    (NUMBERS.reshape(2, 4), {"offsets": np.array([0, 3])}),
    (NUMBERS.reshape(2, 2, 2), {}),
    (np.array([[0, 6]]), {}),
    (np.array([], "int64"), {"offsets": np.array([0, 0])}),
]


@pytest.mark.parametrize("mode", ["sum", "mean", "max", "median"])
@pytest.mark.parametrize("padding", [None, 1, -4])
def test_embedding_bag(mode: str, padding: int | None) -> None:
    for (numbers, options), limit in itertools.product(BAGS, (None, 1.0)):
        assert_alike("embedding_bag", numbers, {"mode": mode, "padding_idx": padding, "max_norm": limit, **options})
    assert_alike("embedding_bag", NUMBERS[None], {"mode": mode, "padding_idx": padding, "sparse": False})


@pytest.mark.parametrize("padding", [None, 1])
def test_gradients_of_bags_by_frequency(padding: int | None) -> None:
    """As those of `embedding`; PyTorch's own of bags look the frequencies up in the wrong place."""
    numbers = tracegraph.tensor(NUMBERS.reshape(2, 4))
    table = tracegraph.tensor(TABLE).requires_grad_()
    bags = functional.embedding_bag(numbers, table, mode="sum", scale_grad_by_freq=True, padding_idx=padding)
    rows = functional.embedding(numbers, table, scale_grad_by_freq=True, padding_idx=padding)
    rows = rows if padding is None else rows * (numbers != padding).unsqueeze(-1)
    gradients = [tracegraph.autograd.grad((total**2).sum(), table)[0].numpy() for total in (bags, rows.sum(1))]
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-5)
    with pytest.raises(ValueError, match="scale_grad_by_freq"):
        functional.embedding_bag(numbers, table, mode="max", scale_grad_by_freq=True)


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_weights_of_samples(mode: str) -> None:
    for numbers, options in BAGS:
        factors = FACTORS[: numbers.size].reshape(numbers.shape)
        assert_alike("embedding_bag", numbers, {"mode": mode, "per_sample_weights": factors, **options})
    assert_alike("embedding_bag", NUMBERS.reshape(2, 4), {"mode": mode, "per_sample_weights": FACTORS})
    double = FACTORS.astype("float64").reshape(2, 4)
    assert_alike("embedding_bag", NUMBERS.reshape(2, 4), {"mode": mode, "per_sample_weights": double})


MODULES: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Embedding", (6, 3), {}),
    ("Embedding", (6, 3), {"padding_idx": -2, "max_norm": 1.0, "norm_type": 1.0, "scale_grad_by_freq": True}),
    ("Embedding", (6, 3), {"sparse": True}),
    ("Embedding", (6, 3), {"padding_idx": 6}),
    ("EmbeddingBag", (6, 3), {}),
    ("EmbeddingBag", (6, 3), {"mode": "max", "padding_idx": 1}),
    ("EmbeddingBag", (6, 3), {"mode": "sum", "max_norm": 1.0, "norm_type": 3.0, "scale_grad_by_freq": True}),
    ("EmbeddingBag", (6, 3), {"padding_idx": -7}),
]


@pytest.mark.parametrize(("name", "sizes", "options"), MODULES, ids=str)
def test_modules(name: str, sizes: tuple[Any, ...], options: dict[str, Any]) -> None:
    try:
        yours = getattr(torch.nn, name)(*sizes, **options)
    except AssertionError:
        with pytest.raises(ValueError, match="padding_idx"):
            getattr(nn, name)(*sizes, **options)
        return
    mine = getattr(nn, name)(*sizes, **options)
    assert repr(mine) == repr(yours)
    if mine.padding_idx is not None:
        assert not mine.weight[mine.padding_idx].any()
    mine.load_state_dict({"weight": tracegraph.tensor(TABLE)})
    yours.load_state_dict({"weight": torch.tensor(TABLE.copy())})
    numbers = NUMBERS.reshape(2, 4)
    np.testing.assert_allclose(
        mine(tracegraph.tensor(numbers)).detach().numpy(),
        yours(torch.tensor(numbers)).detach().numpy(),
        rtol=1e-5, atol=1e-6,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
def test_from_pretrained(kind: Any) -> None:
    made = kind.from_pretrained(tracegraph.tensor(TABLE))
    assert (made.num_embeddings, made.embedding_dim, made.weight.requires_grad) == (6, 3, False)
    assert kind.from_pretrained(tracegraph.tensor(TABLE), freeze=False).weight.requires_grad
    with pytest.raises(ValueError, match="a table has two dimensions"):
        kind.from_pretrained(tracegraph.zeros(3))
    with pytest.raises(ValueError, match=r"a table of shape \(6, 3\) is given, \(5, 3\) is wanted"):
        kind(5, 3, _weight=tracegraph.tensor(TABLE))
    with pytest.raises(TypeError, match="device 'cuda' is not available"):
        kind(5, 3, device="cuda")
    assert kind(5, 3, dtype=tracegraph.float64).weight.dtype == tracegraph.float64


def test_traced() -> None:
    def make() -> Any:
        return nn.ModuleList(
            [
                nn.Embedding(6, 3, padding_idx=1, max_norm=1.0, scale_grad_by_freq=True),
                nn.EmbeddingBag(6, 3, padding_idx=2, scale_grad_by_freq=True),
                nn.EmbeddingBag(6, 3, mode="sum", max_norm=1.0),
                nn.EmbeddingBag(6, 3, mode="max"),
            ]
        )

    def step(tables: Any, numbers: Any, offsets: Any, factors: Any) -> Any:
        for parameter in tables.parameters():
            parameter.grad = None
        single, mean, summed, largest = tables
        total = (single(numbers) ** 2).sum() + (mean(numbers, offsets) ** 2).sum()
        total = total + (summed(numbers, offsets, factors) ** 2).sum() + (largest(numbers, offsets) ** 2).sum()
        total.backward()
        return [total.detach(), *(parameter.grad for parameter in tables.parameters())]

    plain, traced_tables = make(), make()
    traced_tables.load_state_dict(plain.state_dict())
    traced = tracegraph.trace(step)
    for shift in range(3):
        numbers = tracegraph.tensor((NUMBERS + shift) % 6)
        rest = numbers, tracegraph.tensor([0, 3, 3]), tracegraph.tensor(FACTORS)
        for mine, expected in zip(traced(traced_tables, *rest), step(plain, *rest), strict=True):
            np.testing.assert_allclose(mine.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)
        for mine, expected in zip(traced_tables.parameters(), plain.parameters(), strict=True):
            np.testing.assert_allclose(mine.detach().numpy(), expected.detach().numpy(), rtol=1e-6)
    assert traced.explain().verdict == "static"
    with pytest.raises(ValueError, match="the first offset must be 0"):
        traced(traced_tables, rest[0], tracegraph.tensor([1, 3, 3]), rest[2])
