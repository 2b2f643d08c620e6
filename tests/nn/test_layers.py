"""Every layer and loss against PyTorch's: representation, parameters, results and gradients with the same weights."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import nn

torch = pytest.importorskip("torch")

IMAGE, SIGNAL, ROWS = (2, 4, 6, 6), (3, 4, 9), (5, 4)

LAYERS: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("Identity", {}, ROWS),
    ("Linear", {"in_features": 4, "out_features": 3}, ROWS),
    ("Linear", {"in_features": 4, "out_features": 3, "bias": False}, (2, 5, 4)),
    ("Flatten", {}, IMAGE),
    ("Flatten", {"start_dim": 0, "end_dim": 1}, IMAGE),
    ("Unflatten", {"dim": 1, "unflattened_size": (2, 2)}, ROWS),
    ("Conv1d", {"in_channels": 4, "out_channels": 6, "kernel_size": 3, "stride": 2, "groups": 2}, SIGNAL),
    ("Conv2d", {"in_channels": 4, "out_channels": 3, "kernel_size": 3, "padding": 1}, IMAGE),
    ("Conv2d", {"in_channels": 4, "out_channels": 4, "kernel_size": (3, 2), "dilation": 2, "bias": False}, IMAGE),
    ("Conv2d", {"in_channels": 4, "out_channels": 2, "kernel_size": 3, "padding": "same"}, IMAGE),
    ("Conv2d", {"in_channels": 4, "out_channels": 2, "kernel_size": 3, "padding": 2, "padding_mode": "reflect"}, IMAGE),
    ("Conv3d", {"in_channels": 2, "out_channels": 3, "kernel_size": 2}, (2, 2, 3, 4, 3)),
    ("ConvTranspose1d", {"in_channels": 4, "out_channels": 3, "kernel_size": 3, "stride": 2}, SIGNAL),
    (
        "ConvTranspose2d",
        {"in_channels": 4, "out_channels": 3, "kernel_size": 2, "stride": 2, "output_padding": 1},
        IMAGE,
    ),
    ("MaxPool1d", {"kernel_size": 2}, SIGNAL),
    ("MaxPool2d", {"kernel_size": 3, "stride": 2, "padding": 1}, IMAGE),
    ("AvgPool1d", {"kernel_size": 2}, SIGNAL),
    ("AvgPool2d", {"kernel_size": 2}, IMAGE),
    ("AdaptiveAvgPool1d", {"output_size": 3}, SIGNAL),
    ("AdaptiveAvgPool2d", {"output_size": (1, 1)}, IMAGE),
    ("AdaptiveMaxPool2d", {"output_size": 2}, IMAGE),
    ("LayerNorm", {"normalized_shape": 4}, ROWS),
    ("LayerNorm", {"normalized_shape": (6, 6), "bias": False}, IMAGE),
    ("LayerNorm", {"normalized_shape": (4,), "elementwise_affine": False, "eps": 0.1}, ROWS),
    ("RMSNorm", {"normalized_shape": 4}, ROWS),
    ("GroupNorm", {"num_groups": 2, "num_channels": 4}, IMAGE),
    ("BatchNorm1d", {"num_features": 4}, ROWS),
    ("BatchNorm1d", {"num_features": 4, "momentum": None}, SIGNAL),
    ("BatchNorm2d", {"num_features": 4, "momentum": 0.3}, IMAGE),
    ("BatchNorm2d", {"num_features": 4, "affine": False, "track_running_stats": False}, IMAGE),
    ("BatchNorm3d", {"num_features": 2}, (2, 2, 3, 4, 3)),
    ("ReLU", {}, ROWS),
    ("ReLU", {"inplace": True}, ROWS),
    ("ReLU6", {}, ROWS),
    ("LeakyReLU", {"negative_slope": 0.2}, ROWS),
    ("ELU", {"alpha": 0.5}, ROWS),
    ("SELU", {}, ROWS),
    ("GELU", {}, ROWS),
    ("GELU", {"approximate": "tanh"}, ROWS),
    ("SiLU", {}, ROWS),
    ("Mish", {}, ROWS),
    ("Hardswish", {}, ROWS),
    ("Hardsigmoid", {}, ROWS),
    ("Hardtanh", {"max_val": 0.5}, ROWS),
    ("PReLU", {"num_parameters": 4}, IMAGE),
    ("Sigmoid", {}, ROWS),
    ("Tanh", {}, ROWS),
    ("LogSigmoid", {}, ROWS),
    ("Softsign", {}, ROWS),
    ("Softplus", {"beta": 2.0}, ROWS),
    ("Softmax", {"dim": 1}, ROWS),
    ("LogSoftmax", {"dim": -1}, ROWS),
    ("Dropout", {"p": 0.0}, ROWS),
    ("Dropout", {"p": 1.0}, ROWS),
]


def pair(name: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """A layer of ours and PyTorch's with the same weights."""
    mine, yours = getattr(nn, name)(**options), getattr(torch.nn, name)(**options)
    generator = np.random.default_rng(1)
    with torch.no_grad():
        for (my_name, m), (your_name, y) in zip(mine.named_parameters(), yours.named_parameters(), strict=True):
            assert my_name == your_name
            assert m.shape == tuple(y.shape)
            values = generator.standard_normal(m.shape).astype(np.float32)
            y.copy_(torch.from_numpy(values))
            m.data = tracegraph.tensor(values)
    return mine, yours


def close(mine: Any, yours: Any) -> None:
    np.testing.assert_allclose(mine.detach().numpy(), yours.detach().numpy(), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "options", "shape"), LAYERS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_like_torch(name: str, options: dict[str, Any], shape: tuple[int, ...]) -> None:
    mine, yours = pair(name, options)
    assert repr(mine) == repr(yours)
    for mode in (True, False, True):
        mine.train(mode)
        yours.train(mode)
        values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        x, y = tracegraph.tensor(values, requires_grad=True), torch.from_numpy(values.copy()).requires_grad_()
        a, b = mine(x * 1.0), yours(y * 1.0)
        close(a, b)
        weights = np.cos(np.arange(a.numel(), dtype=np.float32)).reshape(a.shape)
        (a * tracegraph.tensor(weights)).sum().backward()
        (b * torch.from_numpy(weights)).sum().backward()
        close(x.grad, y.grad)
        for m, t in zip(mine.parameters(), yours.parameters(), strict=True):
            close(m.grad, t.grad)
    for (m_name, m), (t_name, t) in zip(mine.state_dict().items(), yours.state_dict().items(), strict=True):
        assert m_name == t_name
        close(m, t)


def test_bilinear() -> None:
    mine, yours = pair("Bilinear", {"in1_features": 3, "in2_features": 4, "out_features": 2})
    a, b = (
        np.random.default_rng(0).standard_normal((2, 5, 4)).astype(np.float32)[:, :, :3],
        np.ones((2, 5, 4), np.float32),
    )
    close(mine(tracegraph.tensor(a), tracegraph.tensor(b)), yours(torch.from_numpy(a.copy()), torch.from_numpy(b)))
    assert repr(mine) == repr(yours)


def test_embedding() -> None:
    mine, yours = pair("Embedding", {"num_embeddings": 7, "embedding_dim": 3, "padding_idx": 2})
    assert repr(mine) == repr(yours)
    index = np.array([[0, 2, 6], [6, 6, 1]])
    a, b = mine(tracegraph.tensor(index)), yours(torch.from_numpy(index))
    close(a, b)
    (a * a).sum().backward()
    (b * b).sum().backward()
    close(mine.weight.grad, yours.weight.grad)
    assert not nn.Embedding(4, 2, padding_idx=-1).weight[3].detach().numpy().any()
    table = tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]])
    frozen = nn.Embedding.from_pretrained(table)
    assert frozen(tracegraph.tensor([1])).tolist() == [[3.0, 4.0]]
    assert not frozen.weight.requires_grad


def floats(*shape: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    return np.random.default_rng(3).uniform(low, high, shape).astype(np.float32)


CLASSES = np.array([0, 2, 1, 2])
PROBABILITIES = floats(4, 3, low=0.1, high=0.9)
LOSSES: list[tuple[str, dict[str, Any], np.ndarray, np.ndarray]] = [
    ("MSELoss", {}, floats(4, 3), floats(3, 4).reshape(4, 3)),
    ("MSELoss", {"reduction": "sum"}, floats(4, 3), PROBABILITIES),
    ("L1Loss", {"reduction": "none"}, floats(4, 3), PROBABILITIES),
    ("SmoothL1Loss", {"beta": 0.5}, floats(4, 3), PROBABILITIES),
    ("HuberLoss", {"delta": 0.5}, floats(4, 3), PROBABILITIES),
    ("CrossEntropyLoss", {}, floats(4, 3), CLASSES),
    ("CrossEntropyLoss", {"ignore_index": 2, "label_smoothing": 0.1}, floats(4, 3), CLASSES),
    ("CrossEntropyLoss", {"weight": np.array([1.0, 2.0, 0.5], np.float32), "reduction": "sum"}, floats(4, 3), CLASSES),
    ("CrossEntropyLoss", {}, floats(4, 3), PROBABILITIES),
    ("NLLLoss", {"weight": np.array([1.0, 2.0, 0.5], np.float32)}, floats(4, 3), CLASSES),
    ("BCELoss", {}, PROBABILITIES, floats(4, 3, low=0.0)),
    ("BCEWithLogitsLoss", {"pos_weight": np.array([1.0, 2.0, 3.0], np.float32)}, floats(4, 3), PROBABILITIES),
    ("KLDivLoss", {"reduction": "batchmean"}, floats(4, 3, low=-3, high=-0.1), PROBABILITIES),
    ("KLDivLoss", {"reduction": "sum", "log_target": True}, floats(4, 3, low=-3, high=-0.1), floats(4, 3)),
]


@pytest.mark.parametrize(("name", "options", "input", "target"), LOSSES, ids=lambda v: v if isinstance(v, str) else "")
def test_loss_like_torch(name: str, options: dict[str, Any], input: np.ndarray, target: np.ndarray) -> None:
    mine = getattr(nn, name)(
        **{k: tracegraph.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    )
    yours = getattr(torch.nn, name)(
        **{k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    )
    assert repr(mine) == repr(yours)
    x, y = tracegraph.tensor(input, requires_grad=True), torch.from_numpy(input.copy()).requires_grad_()
    a, b = mine(x, tracegraph.tensor(target)), yours(y, torch.from_numpy(target))
    close(a, b)
    a.sum().backward()
    b.sum().backward()
    close(x.grad, y.grad)


@pytest.mark.parametrize(
    "layer", [nn.Dropout(0.25), nn.Dropout2d(0.25), nn.Dropout1d(0.25)], ids=lambda layer: type(layer).__name__
)
def test_dropout_drops_and_scales(layer: Any) -> None:
    shape = (8, 40, 30) if isinstance(layer, nn.Dropout1d) else (8, 40, 6, 5)
    x: Any = tracegraph.ones(shape, requires_grad=True)
    tracegraph.manual_seed(0)
    y = layer(x)
    values = y.detach().numpy()
    np.testing.assert_allclose(np.unique(values), [0.0, 4 / 3], rtol=1e-6)
    assert abs((values == 0).mean() - 0.25) < 0.06
    if type(layer) is not nn.Dropout:
        assert all(len(np.unique(channel)) == 1 for channel in values.reshape(320, 30))
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), values)
    tracegraph.manual_seed(0)
    np.testing.assert_array_equal(layer(x).detach().numpy(), values)
    assert layer.eval()(x) is x


def test_attention_and_other_functions() -> None:
    q, k, v = floats(2, 3, 5, 4), floats(2, 3, 5, 4) * 2, floats(2, 3, 5, 4) * 3
    mask = np.tri(5, 5, dtype=np.bool_)
    choices: list[dict[str, Any]] = [{}, {"is_causal": True}, {"attn_mask": mask}]
    choices += [{"attn_mask": floats(5, 5)}, {"scale": 0.3}]
    for options in choices:
        ours: dict[str, Any] = {n: tracegraph.tensor(o) if isinstance(o, np.ndarray) else o for n, o in options.items()}
        theirs = {n: torch.from_numpy(o) if isinstance(o, np.ndarray) else o for n, o in options.items()}
        close(
            nn.functional.scaled_dot_product_attention(
                tracegraph.tensor(q), tracegraph.tensor(k), tracegraph.tensor(v), **ours
            ),
            torch.nn.functional.scaled_dot_product_attention(*map(torch.from_numpy, (q, k, v)), **theirs),
        )
    close(
        nn.functional.normalize(tracegraph.tensor(q), dim=2), torch.nn.functional.normalize(torch.from_numpy(q), dim=2)
    )
    close(
        nn.functional.cosine_similarity(tracegraph.tensor(q), tracegraph.tensor(v), 3),
        torch.nn.functional.cosine_similarity(torch.from_numpy(q), torch.from_numpy(v), 3),
    )


REFUSED: dict[str, Callable[[], Any]] = {
    "dropout": lambda: nn.Dropout(1.5),
    "groups": lambda: nn.Conv2d(3, 4, 3, groups=2),
    "padding": lambda: nn.Conv2d(3, 4, 3, padding="half"),
    "one_value": lambda: nn.BatchNorm1d(3)(tracegraph.zeros(1, 3)),
    "rank": lambda: nn.BatchNorm2d(3)(tracegraph.zeros(1, 3)),
    "normalized_shape": lambda: nn.LayerNorm(3)(tracegraph.zeros(2, 4)),
    "features": lambda: nn.Linear(3, 4)(tracegraph.zeros(2, 4)),
    "padding_idx": lambda: nn.Embedding(3, 4, padding_idx=3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        REFUSED[name]()
