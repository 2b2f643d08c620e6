"""Attention and transformers: equal to PyTorch's, refusing what it refuses, and right when traced."""

import copy
import math
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.nn.copied import compare_call, copy_weights, numpy, one_thread, same, to_ours, torch  # noqa: F401
from tracegraph import nn, optim

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
F = nn.functional
Shape = tuple[int, ...]


def floats(*shape: int, dtype: Any = torch.float64) -> Any:
    """Random numbers of PyTorch's."""
    return torch.randn(*shape, dtype=dtype, requires_grad=True)


def bools(*shape: int) -> Any:
    """A random mask that leaves something to be seen in every row but the last."""
    mask = torch.rand(*shape) < 0.5
    mask[..., 0] = True
    mask[..., -1, :] = False
    return mask


class Attention:
    """The function as a module without parameters."""

    def __init__(self, module: Any) -> None:
        self.function = module.nn.functional.scaled_dot_product_attention

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def parameters(self) -> list[Any]:
        """None."""
        return []


MASKS = {
    "none": dict,
    "causal": lambda: {"is_causal": True},
    "bool": lambda: {"attn_mask": bools(3, 5)},
    "float": lambda: {"attn_mask": floats(3, 5)},
    "infinite": lambda: {"attn_mask": bools(2, 1, 3, 5).double().log()},
    "scale": lambda: {"scale": 0.3},
    "row": lambda: {"attn_mask": torch.tensor([True, False, True, True, False])[None]},
}
SHAPES: dict[str, tuple[Shape, Shape, Shape]] = {
    "heads": ((2, 4, 3, 6), (2, 4, 5, 6), (2, 4, 5, 7)),
    "one_head": ((2, 1, 3, 6), (2, 1, 5, 6), (2, 1, 5, 6)),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("shapes", SHAPES)
def test_scaled_dot_product(mask: str, shapes: str) -> None:
    options: Any = MASKS[mask]
    inputs = [floats(*shape) for shape in SHAPES[shapes]]
    compare_call(Attention(tracegraph), Attention(torch), inputs, options())


CASES: dict[str, tuple[tuple[Shape, Shape, Shape], Any]] = {
    "three": (((2, 3, 4), (2, 5, 4), (2, 5, 4)), dict),
    "two": (((3, 4), (5, 4), (5, 4)), lambda: {"is_causal": True}),
    "shared_head": (((2, 4, 3, 6), (2, 1, 5, 6), (2, 1, 5, 6)), dict),
    "grouped": (((2, 4, 3, 6), (2, 2, 5, 6), (2, 1, 5, 6)), lambda: {"enable_gqa": True}),
    "grouped_causal": (((4, 3, 6), (2, 5, 6), (2, 5, 6)), lambda: {"enable_gqa": True, "is_causal": True}),
    "nothing_to_see": (((2, 3, 4), (2, 0, 4), (2, 0, 4)), dict),
    "heads_do_not_divide": (((2, 4, 3, 6), (2, 3, 5, 6), (2, 3, 5, 6)), lambda: {"enable_gqa": True}),
    "not_grouped": (((2, 4, 3, 6), (2, 2, 5, 6), (2, 2, 5, 6)), dict),
    "grouped_without_heads": (((3, 6), (5, 6), (5, 6)), lambda: {"enable_gqa": True}),
    "one_dimension": (((6,), (6,), (6,)), dict),
    "widths": (((2, 3, 4), (2, 5, 3), (2, 5, 4)), dict),
    "mask_shape": (((2, 3, 4), (2, 5, 4), (2, 5, 4)), lambda: {"attn_mask": bools(2, 5)}),
    "mask_dtype": (((2, 3, 4), (2, 5, 4), (2, 5, 4)), lambda: {"attn_mask": bools(3, 5).long()}),
    "dropout": (((2, 3, 4), (2, 5, 4), (2, 5, 4)), lambda: {"dropout_p": 1.5}),
}


@pytest.mark.parametrize("case", CASES)
def test_shapes_of_scaled_dot_product(case: str) -> None:
    shapes, options = CASES[case]
    compare_call(Attention(tracegraph), Attention(torch), [floats(*shape) for shape in shapes], options())


def test_dtypes_of_scaled_dot_product() -> None:
    x = floats(2, 3, 4, dtype=torch.float32)
    compare_call(Attention(tracegraph), Attention(torch), (x, x, x), {"attn_mask": floats(3, 3, dtype=torch.float32)})
    for arguments in ((x, x.double(), x), (x.long(),) * 3):
        compare_call(Attention(tracegraph), Attention(torch), arguments, {})
    compare_call(Attention(tracegraph), Attention(torch), (x, x, x), {"attn_mask": floats(3, 3)})


def test_dropout_of_attention() -> None:
    query, value = tracegraph.zeros(1, 200, 4), tracegraph.eye(100).unsqueeze(0)
    key: Any = tracegraph.zeros(1, 100, 4)
    tracegraph.manual_seed(0)
    weights = numpy(F.scaled_dot_product_attention(query, key, value, dropout_p=0.25))
    np.testing.assert_allclose(np.unique(weights), [0.0, 0.01 / 0.75], rtol=1e-5)
    assert abs((weights == 0).mean() - 0.25) < 0.02
    tracegraph.manual_seed(0)
    np.testing.assert_array_equal(numpy(F.scaled_dot_product_attention(query, key, value, dropout_p=0.25)), weights)
    attention = nn.MultiheadAttention(4, 2, dropout=0.5)
    x: Any = tracegraph.randn(6, 3, 4)
    shares = numpy(attention(x, x, x, average_attn_weights=False)[1])
    assert 0.3 < (shares == 0).mean() < 0.7
    assert numpy(attention.eval()(x, x, x)[1]).all()


HEADS: dict[str, dict[str, Any]] = {
    "usual": {},
    "batch_first": {"batch_first": True},
    "no_bias": {"bias": False},
    "sizes": {"kdim": 3, "vdim": 5},
    "more": {"add_bias_kv": True, "add_zero_attn": True},
}
CALLS: dict[str, Any] = {
    "usual": dict,
    "heads": lambda: {"average_attn_weights": False},
    "no_weights": lambda: {"need_weights": False},
    "padding": lambda: {"key_padding_mask": torch.tensor([[False] * 5, [False, False, True, True, True]])},
    "mask": lambda: {"attn_mask": ~bools(3, 5), "need_weights": False},
    "float_masks": lambda: {"attn_mask": floats(8, 3, 5), "key_padding_mask": floats(2, 5)},
    "mask_shape": lambda: {"attn_mask": ~bools(5, 3)},
    "mask_batch": lambda: {"attn_mask": floats(2, 3, 5)},
    "mask_dtype": lambda: {"attn_mask": torch.zeros(3, 5, dtype=torch.int64)},
    "mask_rank": lambda: {"attn_mask": floats(5)},
    "padding_shape": lambda: {"key_padding_mask": floats(2, 4)},
    "padding_rank": lambda: {"key_padding_mask": floats(5)},
    "causal_without_mask": lambda: {"is_causal": True},
}


@pytest.mark.parametrize("made", HEADS)
@pytest.mark.parametrize("called", CALLS)
def test_multihead_attention(made: str, called: str) -> None:
    options = HEADS[made]
    yours = torch.nn.MultiheadAttention(8, 4, **options).double()
    mine = copy_weights(nn.MultiheadAttention(8, 4, **options), yours)
    assert repr(mine) == repr(yours)
    steps: tuple[tuple[int, int], ...] = ((2, 3), (2, 5)) if options.get("batch_first") else ((3, 2), (5, 2))
    query, key = floats(*steps[0], 8), floats(*steps[1], options.get("kdim", 8))
    value = floats(*steps[1], options["vdim"]) if "vdim" in options else key
    compare_call(mine, yours, (query, key, value), CALLS[called]())


def test_causal_hint() -> None:
    yours = torch.nn.MultiheadAttention(8, 2).double()
    mine = copy_weights(nn.MultiheadAttention(8, 2), yours)
    x, mask = floats(5, 2, 8), torch.nn.Transformer.generate_square_subsequent_mask(5)
    for need_weights in (True, False):
        for padding in (None, torch.zeros(2, 5, dtype=torch.bool)):
            options = {"attn_mask": mask.double(), "is_causal": True, "need_weights": need_weights}
            compare_call(mine, yours, (x, x, x), {**options, "key_padding_mask": padding})
    same(nn.Transformer.generate_square_subsequent_mask(5), mask, "mask")


REFUSED: dict[str, Any] = {
    "heads": lambda m: m.MultiheadAttention(6, 4),
    "no_heads": lambda m: m.MultiheadAttention(6, 0),
    "activation": lambda m: m.TransformerEncoderLayer(8, 2, activation="tanh"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    with pytest.raises((ValueError, AssertionError, RuntimeError)):
        REFUSED[case](torch.nn)
    with pytest.raises(ValueError, match=r"[a-z]"):
        REFUSED[case](nn)


@pytest.mark.parametrize(
    "shapes", [((5, 2, 8), (4, 3, 8)), ((5, 2, 8), (4, 2, 7)), ((5, 2, 7), (4, 2, 7)), ((2, 8), (4, 2, 8))]
)
def test_refused_by_transformer(shapes: tuple[Shape, Shape]) -> None:
    sizes = (8, 2, 1, 1, 16)
    yours = torch.nn.Transformer(*sizes).double()
    compare_call(copy_weights(nn.Transformer(*sizes), yours), yours, [floats(*shape) for shape in shapes], {})


LAYERS: list[dict[str, Any]] = [
    {},
    {"batch_first": True, "norm_first": True},
    {"activation": "gelu", "bias": False, "layer_norm_eps": 0.1},
    {"activation": torch.nn.functional.silu},
]


@pytest.mark.parametrize("options", LAYERS)
def test_stacks(options: dict[str, Any]) -> None:
    sizes = (8, 2, 16)
    for name in ("Encoder", "Decoder"):
        stacks = []
        for module, given in ((torch.nn, options), (nn, to_ours(options))):
            layer = getattr(module, f"Transformer{name}Layer")(*sizes, dropout=0.0, **given)
            stacks.append(getattr(module, f"Transformer{name}")(layer, 2, module.LayerNorm(8)))
        yours = stacks[0].double()
        mine = copy_weights(stacks[1], yours)
        assert [type(part).__name__ for part in mine.modules()] == [type(part).__name__ for part in yours.modules()]
        x = floats(5, 5, 8)
        mask = torch.nn.Transformer.generate_square_subsequent_mask(5).double()
        if name == "Encoder":
            compare_call(mine, yours, (x,), {})
            compare_call(mine, yours, (x,), {"mask": mask, "is_causal": True})
            compare_call(mine, yours, (x,), {"mask": mask, "src_key_padding_mask": torch.eye(5) > 1})
        else:
            compare_call(mine, yours, (x, floats(5, 5, 8)), {"tgt_mask": mask})
            compare_call(mine, yours, (x, floats(5, 5, 8)), {"tgt_mask": mask, "memory_mask": floats(5, 5)})


def test_copies_do_not_share_weights() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    encoder = nn.TransformerEncoder(layer, 2)
    weights = [part.linear1.weight for part in (layer, *encoder.layers)]
    assert len({id(weight) for weight in weights}) == 3
    assert all((numpy(weight) == numpy(weights[0])).all() for weight in weights)
    limit = math.sqrt(6 / (8 + 24))
    assert 0.8 * limit < np.abs(numpy(layer.self_attn.in_proj_weight)).max() <= limit
    assert not numpy(layer.self_attn.in_proj_bias).any()
    assert nn.Transformer(8, 2, 1, 1, 16, dtype=tracegraph.float64).encoder.layers[0].norm1.weight.dtype == np.float64


# -- traced -----------------------------------------------------------------------------------------------------------

MASK = nn.Transformer.generate_square_subsequent_mask(5)
MODELS: dict[str, tuple[Any, Any]] = {
    "attention": (
        lambda: nn.MultiheadAttention(8, 2, add_bias_kv=True),
        lambda model, x: model(x, x, x, attn_mask=tracegraph.ones(5, 6).tril()[:, :5] == 0)[0],
    ),
    "encoder": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True),
        lambda model, x: model(x, src_key_padding_mask=x[..., 0] > 1.0),
    ),
    "transformer": (
        lambda: nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, norm_first=True),
        lambda model, x: model(x, x * 0.5, tgt_mask=MASK, tgt_is_causal=True),
    ),
    "grouped": (
        lambda: nn.Linear(8, 24),
        lambda model, x: F.scaled_dot_product_attention(
            model(x).reshape(5, 5, 4, 6).transpose(1, 2),
            x.unsqueeze(1)[..., :6],
            x.unsqueeze(1)[..., :6],
            attn_mask=x[:, None, :, :5] > 0,
            enable_gqa=True,
        ),
    ),
}


def training(model: Any, call: Any) -> Any:
    """A step of a model."""
    optimiser = optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any) -> Any:
        optimiser.zero_grad()
        loss = (call(model, x) ** 2).mean()
        loss.backward()
        optimiser.step()
        return loss

    return step


@pytest.mark.parametrize("name", MODELS)
def test_traced_training(name: str) -> None:
    make, call = MODELS[name]
    tracegraph.manual_seed(1)
    eager = make()
    model = copy.deepcopy(eager)
    plain, traced = training(eager, call), tracegraph.trace(training(model, call))
    for seed in range(4):
        x = tracegraph.tensor(np.random.default_rng(seed).standard_normal((5, 5, 8)).astype(np.float32))
        tracegraph.manual_seed(seed)
        expected = numpy(plain(x))
        tracegraph.manual_seed(seed)
        np.testing.assert_allclose(numpy(traced(x)), expected, rtol=1e-5)
    assert traced.explain().verdict == "static", traced.explain()
    assert len(traced.entries) == 1
    for mine, other in zip(model.parameters(), eager.parameters(), strict=True):
        np.testing.assert_allclose(numpy(mine), numpy(other), rtol=1e-4, atol=1e-6)
