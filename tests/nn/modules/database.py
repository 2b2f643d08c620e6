"""The modules of PyTorch that are looked at, and the arguments they are made and called with."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="PyTorch's test utilities import it")
common = pytest.importorskip("torch.testing._internal.common_modules")

OUT_OF_SCOPE = {
    "modules whose parameters wait for the first input, tested apart": "Lazy*",
    "pooling over random windows": "FractionalMaxPool*",
    "for several machines": "SyncBatchNorm",
    "deprecated, or bases of other modules": "Container CrossMapLRN2d NLLLoss2d RNNBase RNNCellBase",
    "losses that are not offered": "LinearCrossEntropy*",
}
"""Modules that tracegraph does not offer, by reason; a star stands for any ending."""

MISSING: frozenset[str] = frozenset()
"""Modules in scope that tracegraph does not have yet."""

DIFFERENT: dict[str, str] = {}
"""Modules that do not agree with PyTorch yet, and in what."""

CONTAINERS = frozenset({"Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"})
"""Modules without arithmetic of their own."""

ELSEWHERE = frozenset(
    {
        *("GRU", "GRUCell", "LSTM", "LSTMCell", "MultiheadAttention", "RNN", "RNNCell", "Transformer"),
        *("TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer"),
    }
)
"""Modules that are compared over the same database in float64, and without dropout, in tests/nn/test_module_samples.py
and beside it.
"""


@dataclasses.dataclass(frozen=True)
class Case:
    """Arguments to make a module and to call it, PyTorch's tensors among them."""

    made: tuple[list[Any], dict[str, Any]]
    called: tuple[list[Any], dict[str, Any]]
    error_expected: bool = False


def _case(*made: Any, called: Any, **named: Any) -> Case:
    """A case; `called` are tensors or the shapes of random ones."""
    generator = torch.Generator().manual_seed(0)
    args = [
        torch.randn(one, generator=generator, requires_grad=True) if isinstance(one, tuple) else one for one in called
    ]
    return Case((list(made), named), (args, {}))


def _unpooled(rank: int, *made: Any, **named: Any) -> Case:
    """Maxima of a random input and their positions, as `MaxUnpool` takes them."""
    pool = getattr(torch.nn, f"MaxPool{rank}d")(*made, return_indices=True, **named)
    x = torch.randn((2, 3, 9, 8, 6)[: rank + 2], generator=torch.Generator().manual_seed(0))
    values, indices = pool(x)
    size = [list(x.shape)] if rank == 2 else []
    return Case((list(made), named), ([values.requires_grad_(), indices, *size], {}))


_SIGNAL, _IMAGE, _VOLUME = (2, 4, 6), (2, 4, 6, 5), (2, 4, 4, 5, 6)

MORE_CASES: dict[str, list[Case]] = {
    "AdaptiveLogSoftmaxWithLoss": [
        _case(16, 12, [3, 7], called=[(5, 16), torch.tensor([0, 6, 11, 2, 7])]),
        _case(16, 12, [3, 7], called=[(5, 16), torch.tensor([0, 6, 12, 2, 7])]),
        _case(16, 12, [7, 3], called=[(5, 16), torch.tensor([0])]),
        _case(16, 12, [12], called=[(5, 16), torch.tensor([0])]),
        _case(16, 12, [], called=[(5, 16), torch.tensor([0])]),
        _case(16, 12, [3, 7], div_value=2.0, head_bias=True, called=[(16,), torch.tensor(4)]),
    ],
    "AlphaDropout": [_case(0.0, called=[_SIGNAL]), _case(1.0, called=[_SIGNAL])],
    "ChannelShuffle": [_case(2, called=[_IMAGE])],
    "Dropout": [_case(0.0, called=[_SIGNAL]), _case(1.0, called=[_SIGNAL])],
    "Dropout1d": [_case(0.0, called=[_SIGNAL]), _case(1.0, called=[_SIGNAL])],
    "Dropout2d": [_case(0.0, called=[_IMAGE]), _case(1.0, called=[_IMAGE])],
    "Dropout3d": [_case(0.0, called=[_VOLUME]), _case(1.0, called=[_VOLUME])],
    "FeatureAlphaDropout": [_case(0.0, called=[_SIGNAL]), _case(1.0, called=[_SIGNAL])],
    "AvgPool2d": [_case(3, 2, 1, count_include_pad=False, called=[_IMAGE])],
    "AvgPool3d": [_case(2, 1, 1, divisor_override=3, called=[_VOLUME])],
    "Conv1d": [
        _case(4, 6, 3, 2, 1, 2, groups=2, bias=False, called=[_SIGNAL]),
        _case(4, 2, 4, padding="same", padding_mode="circular", called=[_SIGNAL]),
    ],
    "Conv2d": [
        _case(4, 3, (3, 2), padding=(1, 2), padding_mode=mode, called=[_IMAGE])
        for mode in ("zeros", "reflect", "replicate", "circular")
    ],
    "Conv3d": [
        _case(4, 2, (2, 1, 3), padding="same", called=[_VOLUME]),
        _case(4, 4, 2, groups=4, padding=1, padding_mode="replicate", called=[_VOLUME[1:]]),
    ],
    "ConvTranspose1d": [_case(4, 6, 3, 2, 1, 1, 2, called=[_SIGNAL])],
    "ConvTranspose2d": [
        _case(4, 3, 2, 3, output_padding=(1, 2), dilation=2, called=[_IMAGE]),
        _case(4, 3, 2, 3, called=[_IMAGE, [18, 17]]),
    ],
    "ConvTranspose3d": [_case(4, 2, 2, 2, bias=False, called=[_VOLUME])],
    "Embedding": [_case(5, 3, padding_idx=1, called=[torch.tensor([[0, 1], [4, 1]])])],
    "Flatten": [_case(called=[_IMAGE]), _case(0, 1, called=[_IMAGE])],
    "Fold": [_case((6, 5), (2, 3), 1, 1, 2, called=[(2, 12, 12)]), _case((5, 4), 2, called=[(8, 12)])],
    "Hardsigmoid": [_case(called=[_SIGNAL])],
    "Identity": [_case(3, a=4, called=[_SIGNAL])],
    "MaxPool1d": [_case(3, 2, 1, return_indices=True, called=[_SIGNAL])],
    "MaxPool2d": [_case((3, 2), 1, dilation=2, ceil_mode=True, called=[_IMAGE])],
    "MaxPool3d": [_case(2, return_indices=True, called=[_VOLUME[1:]])],
    "MaxUnpool1d": [_unpooled(1, 2), _unpooled(1, 3, 2, 1)],
    "MaxUnpool2d": [_unpooled(2, 2), _unpooled(2, (3, 2), stride=(2, 1))],
    "MaxUnpool3d": [_unpooled(3, 2)],
    "PixelShuffle": [_case(2, called=[_IMAGE])],
    "PixelUnshuffle": [_case(3, called=[(2, 6, 9)])],
    "CosineSimilarity": [_case(2, 1e-6, called=[_SIGNAL, _SIGNAL])],
    "EmbeddingBag": [
        _case(5, 3, mode=mode, called=[torch.tensor([[0, 1, 4], [4, 1, 2]])]) for mode in ("sum", "mean", "max")
    ],
    "PairwiseDistance": [_case(3.0, keepdim=True, called=[_SIGNAL, _SIGNAL[1:]])],
    "TripletMarginLoss": [_case(2.0, 1.5, swap=True, called=[(5, 4), (5, 4), (5, 4)])],
    "TripletMarginWithDistanceLoss": [_case(reduction="sum", called=[(5, 4), (5, 4), (5, 4)])],
    "RReLU": [_case(0.25, 0.25, called=[_SIGNAL])],
    "Unflatten": [_case(1, (2, 2), called=[_IMAGE])],
    "Unfold": [_case((2, 3), 1, 1, 2, called=[_IMAGE]), _case(2, 2, called=[_IMAGE[1:]])],
    "Upsample": [
        _case(7, called=[_SIGNAL]),
        _case(scale_factor=1.5, mode="linear", called=[_SIGNAL]),
        _case(scale_factor=(1.7, 2), mode="bilinear", recompute_scale_factor=True, called=[_IMAGE]),
        _case((3, 9), mode="bicubic", align_corners=True, called=[_IMAGE]),
        _case((3, 2, 8), mode="trilinear", called=[_VOLUME]),
        _case(scale_factor=0.6, mode="area", called=[_IMAGE]),
        _case(scale_factor=0.6, mode="nearest-exact", called=[_VOLUME]),
    ],
    "UpsamplingBilinear2d": [_case(scale_factor=2, called=[_IMAGE])],
    "UpsamplingNearest2d": [_case((7, 3), called=[_IMAGE])],
}
"""Cases that PyTorch's database does not have, by module."""

_ENTRIES = {entry.name.removeprefix("nn."): entry for entry in common.module_db}


def out_of_scope(name: str) -> str | None:
    """Why a module is not offered; None if it should be."""
    for reason, patterns in OUT_OF_SCOPE.items():
        for pattern in patterns.split():
            if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])):
                return reason
    return None


def names() -> list[str]:
    """The modules of PyTorch that are in scope."""
    classes = {
        name for name in torch.nn.modules.__all__ if issubclass(getattr(torch.nn.modules, name), torch.nn.Module)
    }
    return sorted(name for name in classes | set(_ENTRIES) if out_of_scope(name) is None)


def cases(name: str, *, training: bool) -> Iterator[Case]:
    """All cases of a module, with the same random numbers each time."""
    entry = _ENTRIES.get(name)
    options = {"device": "cpu", "dtype": torch.float32, "requires_grad": True, "training": training}
    if entry is not None:
        torch.manual_seed(0)
        for made in entry.module_inputs_func(entry, **options):
            yield _of(made, error_expected=False)
        if entry.module_error_inputs_func is not None:
            for error in entry.module_error_inputs_func(entry, **options):
                yield _of(error.module_error_input, error_expected=True)
    yield from MORE_CASES.get(name, ())


def _of(made: Any, *, error_expected: bool) -> Case:
    constructor, forward = made.constructor_input, made.forward_input
    called: tuple[list[Any], dict[str, Any]] = ([], {})
    if forward is not None:
        called = (list(forward.args), dict(forward.kwargs))
    return Case((list(constructor.args), dict(constructor.kwargs)), called, error_expected)
