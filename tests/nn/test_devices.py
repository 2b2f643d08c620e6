"""Every module that takes a device takes the CPU and refuses others."""

import inspect

import pytest

import tracegraph
from tracegraph import nn

ARGUMENTS: dict[str, tuple[object, ...]] = {
    "AdaptiveLogSoftmaxWithLoss": (4, 10, [3]),
    "Bilinear": (2, 2, 2), "Embedding": (3, 2), "EmbeddingBag": (3, 2), "GRU": (2, 3), "GRUCell": (2, 3),
    "GroupNorm": (2, 4), "LSTM": (2, 3), "LSTMCell": (2, 3), "LazyLinear": (2,), "Linear": (2, 2),
    "MultiheadAttention": (4, 2), "PReLU": (), "RNN": (2, 3), "RNNBase": ("LSTM", 2, 3), "RNNCell": (2, 3),
    "Transformer": (4, 2, 1, 1), "TransformerDecoderLayer": (4, 2), "TransformerEncoderLayer": (4, 2),
}  # fmt: skip
"""What classes are made with that are not made with the arguments of a convolution or a normalisation."""


def arguments(name: str) -> tuple[object, ...]:
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    if name.startswith("Lazy"):
        return (2, 3) if "Conv" in name else ()
    return (1, 2, 3) if "Conv" in name else (3,)


CLASSES = [
    name
    for name, value in vars(nn).items()
    if isinstance(value, type)
    and issubclass(value, nn.Module)
    and "device" in inspect.signature(value.__init__).parameters
]


@pytest.mark.parametrize("name", CLASSES)
def test_devices(name: str) -> None:
    made = getattr(nn, name)(*arguments(name), device=tracegraph.device("cpu"))
    assert isinstance(made, nn.Module)
    with pytest.raises(TypeError, match="device 'cuda' is not available"):
        getattr(nn, name)(*arguments(name), device="cuda")
