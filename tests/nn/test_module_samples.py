"""Recurrent and attention modules on the inputs by which PyTorch tests its own, in float64."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.nn.copied import compare_call, copy_weights, one_thread, to_ours, torch  # noqa: F401 - a fixture
from tracegraph import nn, no_grad

common = pytest.importorskip("torch.testing._internal.common_modules")

NAMES = (
    *("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell", "MultiheadAttention"),
    *("Transformer", "TransformerEncoder", "TransformerEncoderLayer", "TransformerDecoderLayer"),
)
COUNTS = {"RNN": 32, "LSTM": 32, "GRU": 16, "RNNCell": 3, "MultiheadAttention": 64, "Transformer": 64}
"""How many samples there are at least."""


def samples(name: str, *, training: bool) -> Iterator[Any]:
    """Constructor and forward arguments of PyTorch's samples."""
    (info,) = [info for info in common.module_db if info.module_cls.__name__ == name]
    torch.manual_seed(3)
    yield from info.module_inputs_func(info, device="cpu", dtype=torch.float64, requires_grad=True, training=training)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_like_torch(name: str, training: bool) -> None:
    compared = 0
    for sample in samples(name, training=training):
        built, given = sample.constructor_input, sample.forward_input
        yours = getattr(torch.nn, name)(*built.args, **built.kwargs).double().train(training)
        mine = copy_weights(getattr(nn, name)(*to_ours(built.args), **to_ours(built.kwargs)), yours)
        for part in (*yours.modules(), *mine.modules()):  # what is drawn at random cannot be compared
            if type(part).__name__ == "Dropout":
                part.p = 0.0
            elif isinstance(getattr(part, "dropout", None), float):
                part.dropout = 0.0
            if hasattr(part, "use_nested_tensor"):
                part.use_nested_tensor = False  # it sets padded positions to 0, without gradients only
        try:
            with contextlib.ExitStack() as modes:
                for mode in () if training else (no_grad(), torch.no_grad()):
                    modes.enter_context(mode)
                compare_call(mine, yours, given.args, given.kwargs)
        except BaseException as error:
            error.add_note(f"sample {compared}: {built} called with {given}, {sample.desc}")
            raise
        compared += 1
    assert compared >= COUNTS.get(name, 2)
