"""Modules of losses: representation, results and gradients as in PyTorch, and many of them in one traced function."""

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.test_losses import numbers
from tracegraph import nn
from tracegraph.nn import functional

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:size_average and", "ignore:reduction. 'mean'")]

X, Y, Z = (numbers((3, 4), seed, dtype="float32") for seed in range(3))
P, Q = numbers((3, 4), 3, 0.05, 0.95, "float32"), numbers((3, 4), 4, 0.05, 0.95, "float32")
WEIGHT = numbers((4,), 5, 0.1, 2, "float32")
CLASSES, ROWS = np.array([0, 3, 1]), np.array([[1, -1, 0, 0], [0, 2, 3, -1], [-1, 0, 0, 0]])
SIGNS, SIGN = np.where(X > 0, 1, -1).astype("float32"), np.array([1, -1, 1])

MODULES: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("L1Loss", (X, Y), {}),
    ("MSELoss", (X, Y), {}),
    ("SmoothL1Loss", (X, Y), {"beta": 0.5}),
    ("HuberLoss", (X, Y), {"delta": 0.5}),
    ("PoissonNLLLoss", (X, P), {"full": True}),
    ("PoissonNLLLoss", (P, Q), {"log_input": False, "eps": 1e-3}),
    ("GaussianNLLLoss", (X, Y, P), {"full": True}),
    ("NLLLoss", (X, CLASSES), {"weight": WEIGHT, "ignore_index": 3}),
    ("CrossEntropyLoss", (X, CLASSES), {"weight": WEIGHT, "label_smoothing": 0.1}),
    ("CrossEntropyLoss", (X, P), {}),
    ("BCELoss", (P, Q), {"weight": WEIGHT}),
    ("BCEWithLogitsLoss", (X, Q), {"weight": WEIGHT, "pos_weight": WEIGHT}),
    ("KLDivLoss", (X, P), {}),
    ("KLDivLoss", (X, Y), {"log_target": True}),
    ("HingeEmbeddingLoss", (X, SIGNS), {"margin": 0.5}),
    ("SoftMarginLoss", (X, SIGNS.astype(int)), {}),
    ("MarginRankingLoss", (X, Y, SIGNS), {"margin": 0.5}),
    ("MultiMarginLoss", (X, CLASSES), {"p": 2, "margin": 0.5, "weight": WEIGHT}),
    ("MultiLabelMarginLoss", (X, ROWS), {}),
    ("MultiLabelSoftMarginLoss", (X, P), {"weight": WEIGHT}),
    ("CosineEmbeddingLoss", (X, Y, SIGN), {"margin": 0.2}),
    ("TripletMarginLoss", (X, Y, Z), {"p": 1.0, "swap": True}),
    ("TripletMarginWithDistanceLoss", (X, Y, Z), {"distance_function": lambda a, b: (a - b).abs().amax(-1)}),
]
IDS = [f"{name}-{'-'.join(options)}" for name, _, options in MODULES]


def made(library: Any, name: str, options: dict[str, Any]) -> Any:
    given = {key: library.tensor(value) if isinstance(value, np.ndarray) else value for key, value in options.items()}
    return getattr(library.nn, name)(**given)


def inputs(library: Any, values: tuple[np.ndarray, ...]) -> list[Any]:
    """The values as tensors, of which the first requires a gradient."""
    first, *rest = (library.tensor(value) for value in values)
    return [first.requires_grad_(), *rest]


@pytest.mark.parametrize(("name", "values", "options"), MODULES, ids=IDS)
def test_like_torch(name: str, values: tuple[np.ndarray, ...], options: dict[str, Any]) -> None:
    words: list[dict[str, Any]] = [{"reduction": word} for word in ("mean", "sum", "none")]
    if name not in ("HuberLoss", "GaussianNLLLoss", "TripletMarginWithDistanceLoss"):
        words += [{"size_average": False}, {"reduce": False}, {"reduce": True, "reduction": "sum"}]
    for word in words:
        mine, yours = (made(library, name, {**options, **word}) for library in (tracegraph, torch))
        assert (repr(mine), mine.reduction) == (repr(yours), yours.reduction)
        assert list(mine.state_dict()) == list(yours.state_dict())
        our_inputs, their_inputs = inputs(tracegraph, values), inputs(torch, values)
        ours, theirs = mine(*our_inputs), yours(*their_inputs)
        assert ours.shape == tuple(theirs.shape)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-6)
        (ours**2).sum().backward()
        (theirs**2).sum().backward()
        np.testing.assert_allclose(our_inputs[0].grad.numpy(), their_inputs[0].grad.numpy(), rtol=1e-4, atol=1e-5)


def test_traced() -> None:
    words = itertools.cycle(["mean", "sum", "none"])
    modules = nn.ModuleList(
        [made(tracegraph, name, {**options, "reduction": next(words)}) for name, _, options in MODULES]
    )

    def step(factor: Any, given: list[list[Any]]) -> Any:
        found = []
        for module, (first, *rest) in zip(modules, given, strict=True):
            x = (first.detach() * factor).requires_grad_()
            loss = module(x, *rest)
            (gradient,) = tracegraph.autograd.grad((loss * loss).sum(), x)
            found += [loss, gradient]
        return found

    given = [inputs(tracegraph, values) for _, values, _ in MODULES]
    traced = tracegraph.trace(step)
    for number in (1.0, 0.5, 0.9):
        factor = tracegraph.tensor(number)
        for position, (mine, plain) in enumerate(zip(traced(factor, given), step(factor, given), strict=True)):
            np.testing.assert_allclose(
                mine.detach().numpy(), plain.detach().numpy(), rtol=1e-4, atol=1e-5, err_msg=MODULES[position // 2][0]
            )
    assert traced.explain().verdict == "static"
    with pytest.raises(ValueError, match="binary_cross_entropy: all elements of input must be between 0 and 1"):
        traced(tracegraph.tensor(2.0), given)


def test_adaptive_softmax_predicts_as_in_pytorch() -> None:
    mine, yours = (library.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], 2.0) for library in (tracegraph, torch))
    mine.load_state_dict({key: tracegraph.tensor(value.numpy()) for key, value in yours.state_dict().items()})
    x = np.concatenate([X, Y, Z])
    ours, theirs = mine.log_prob(tracegraph.tensor(x)), yours.log_prob(torch.tensor(x))
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-5)
    np.testing.assert_array_equal(mine.predict(tracegraph.tensor(x)).numpy(), yours.predict(torch.tensor(x)).numpy())
    traced = tracegraph.trace(mine)
    for shift in range(3):
        given = tracegraph.tensor(x), tracegraph.tensor((np.arange(9) + shift) % 9)
        for one, other in zip(traced(*given), mine(*given), strict=True):
            np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-5)
    assert traced.explain().verdict == "static"
    before = mine.head.weight.detach().clone()
    mine.reset_parameters()
    assert (mine.head.weight != before).any()


def test_refusals() -> None:
    refused: list[tuple[str, dict[str, Any], str]] = [
        ("MultiMarginLoss", {"p": 3}, "p must be 1 or 2"),
        ("TripletMarginLoss", {"margin": 0.0}, "margin must be positive"),
        ("TripletMarginWithDistanceLoss", {"margin": -1.0}, "margin must be positive"),
    ]
    for name, options, match in refused:
        with pytest.raises(ValueError, match=match):
            getattr(nn, name)(**options)
    x = tracegraph.tensor(X)
    with pytest.raises(ValueError, match="mse_loss: reduction must be one of"):
        nn.MSELoss(reduction="average")(x, x)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_a_target_of_another_shape_is_warned_of(name: str) -> None:
    function = getattr(functional, name)
    column, row = tracegraph.tensor(X[:, :1]), tracegraph.tensor(X[0])
    with pytest.warns(UserWarning, match=r"Using a target size \(\(4,\)\) .* input size \(\(3, 1\)\)") as caught:
        function(column, row)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        function(row, row)
