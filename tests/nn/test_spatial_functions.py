"""Functions over images and volumes against PyTorch: values, gradients of order 1 and 2, errors; and traced."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.nesting import leaves
from tests.opinfo.comparing import assert_same_results
from tests.opinfo.samples import Call, in_both, outcome
from tracegraph.nn import functional

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle
TOLERANCE = 1e-4

IMAGE, VOLUME = (2, 3, 5, 6), (2, 3, 3, 5, 4)
Row = tuple[str, list[Any], dict[str, Any]]


def _grids() -> Iterator[Row]:
    for shape, grid in ((IMAGE, (2, 4, 3, 2)), (VOLUME, (2, 2, 3, 2, 3))):
        for mode, padding, aligned in itertools.product(
            ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (True, False)
        ):
            if mode != "bicubic" or len(shape) == 4:
                yield "grid_sample", [shape, grid], {"mode": mode, "padding_mode": padding, "align_corners": aligned}


def _resized() -> Iterator[Row]:
    for mode, size, aligned in itertools.product(("bilinear", "bicubic"), ((3, 2), (11, 4), (5, 13)), (True, False)):
        yield "interpolate", [IMAGE, size], {"mode": mode, "align_corners": aligned, "antialias": True}
    yield "interpolate", [IMAGE], {"scale_factor": (0.4, 1.3), "mode": "bicubic", "antialias": True}
    yield "interpolate", [(2, 3, 4)], {"scale_factor": 2.6, "recompute_scale_factor": True, "mode": "linear"}
    yield "upsample", [VOLUME, (3, 7, 2)], {"mode": "trilinear", "align_corners": True}


ROWS: list[Row] = [
    *_grids(),
    *_resized(),
    ("affine_grid", [(2, 2, 3), (2, 1, 4, 3)], {"align_corners": True}),
    ("affine_grid", [(2, 2, 3), (2, 1, 1, 3)], {"align_corners": False}),
    ("affine_grid", [(2, 3, 4), (2, 1, 2, 3, 2)], {"align_corners": False}),
    ("fold", [(2, 12, 12), (6, 5), (2, 3)], {"padding": 1, "stride": 2}),
    ("fold", [(12, 20), (6, 5), 2], {}),
    ("lp_pool1d", [(2, 3, 8), 4, 2], {"stride": 1}),
    ("lp_pool2d", [IMAGE, 2.0, (3, 2)], {"ceil_mode": True}),
    ("lp_pool3d", [VOLUME, float("inf"), 2], {}),
    ("instance_norm", [IMAGE], {"eps": 0.1}),
    ("local_response_norm", [VOLUME, 4], {"alpha": 0.5}),
]
"""Function, arguments and options; a tuple of floats' shape in the first place (and for a grid in the second)."""

REFUSED: list[Row] = [
    ("affine_grid", [(2, 2, 3), (3, 1, 4, 3)], {"align_corners": True}),
    ("affine_grid", [(2, 2, 3), (2, 1, 4)], {"align_corners": True}),
    ("grid_sample", [IMAGE, (3, 4, 3, 2)], {"align_corners": False}),
    ("grid_sample", [IMAGE, (2, 4, 3, 3)], {"align_corners": False}),
    ("grid_sample", [IMAGE, (2, 4, 3, 2)], {"mode": "linear", "align_corners": False}),
    ("grid_sample", [VOLUME, (2, 2, 3, 2, 3)], {"mode": "bicubic", "align_corners": False}),
    ("interpolate", [IMAGE], {}),
    ("interpolate", [IMAGE, 3], {"scale_factor": 2}),
    ("interpolate", [IMAGE, 3], {"mode": "linear"}),
    ("interpolate", [IMAGE, 3], {"align_corners": True}),
    ("interpolate", [IMAGE, 0], {}),
    ("interpolate", [IMAGE, (3, 3, 3)], {}),
    ("fold", [(2, 12, 11), (6, 5), (2, 3)], {"padding": 1, "stride": 2}),
    ("fold", [(2, 11, 12), (6, 5), (2, 3)], {"padding": 1, "stride": 2}),
    ("unfold", [(4, 4), 2], {}),
    ("unfold", [IMAGE, 7], {}),
    ("pixel_shuffle", [IMAGE, 2], {}),
    ("channel_shuffle", [IMAGE, 2], {}),
    ("instance_norm", [(2, 3, 1)], {}),
    ("local_response_norm", [(2, 3), 2], {}),
    ("dropout1d", [IMAGE], {}),
    ("alpha_dropout", [IMAGE, 1.5], {}),
]


def _calls(row: Row) -> tuple[Call, Call]:
    name, arguments, options = row
    generator = torch.Generator().manual_seed(1)

    def tensor(shape: Any) -> Any:
        return (torch.randn(shape, generator=generator) * 0.8).requires_grad_()

    grid = [tensor(arguments[1])] if name == "grid_sample" else arguments[1:2]
    return in_both([tensor(arguments[0]), *grid, *arguments[2:]], options)


def _gradients(library: Any, result: Any, inputs: list[Any]) -> list[Any]:
    """Gradients of a sum, and those of a sum of them."""
    first = library.autograd.grad((result * result * result).sum(), inputs, create_graph=True)
    second = library.autograd.grad(sum((one * one).sum() for one in first), inputs, allow_unused=True)
    return [*first, *second]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[2]}")
@pytest.mark.filterwarnings("ignore:.*upsample. is deprecated")
def test_like_torch(row: Row) -> None:
    mine, yours = _calls(row)
    result, expected = outcome(getattr(functional, row[0]), mine), outcome(getattr(torch.nn.functional, row[0]), yours)
    assert_same_results(result, expected, TOLERANCE)
    found = _gradients(tracegraph, result, mine.tensors())
    for number, (a, b) in enumerate(zip(found, _gradients(torch, expected, yours.tensors()), strict=True)):
        if a is None or b is None:
            other = a if b is None else b
            assert other is None or not other.detach().numpy().any()
        else:
            scale = float(b.detach().abs().max())
            np.testing.assert_allclose(
                a.detach().numpy(),
                b.detach().numpy(),
                rtol=TOLERANCE,
                atol=TOLERANCE * (1 + scale),
                err_msg=str(number),
            )


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: f"{row[0]} {row[1:]}")
def test_refused_like_torch(row: Row) -> None:
    mine, yours = _calls(row)
    assert isinstance(outcome(getattr(torch.nn.functional, row[0]), yours), Exception)
    error = outcome(getattr(functional, row[0]), mine)
    assert isinstance(error, tracegraph.errors.TracegraphError), error
    assert row[0] in str(error) or "probability" in str(error) or "spatial element" in str(error)


def _dropped(x: Any) -> list[Any]:
    functions: list[Callable[..., Any]] = [
        functional.dropout, functional.dropout2d, functional.dropout3d, functional.alpha_dropout,
        functional.feature_alpha_dropout,
    ]  # fmt: skip
    return [function(x, 0.4, training=True) for function in functions]


def test_dropout_keeps_mean_and_variance() -> None:
    tracegraph.manual_seed(0)
    x = tracegraph.randn(40, 50, 3, 4, 2)
    plain, channels, volumes, alpha, alpha_channels = (one.numpy() for one in _dropped(x))
    for whole in (channels, volumes):
        zero = (whole == 0).reshape(2000, 24)
        assert (zero.all(1) | ~zero.any(1)).all()
        assert abs(zero.mean() - 0.4) < 0.05
    assert abs((plain == 0).mean() - 0.4) < 0.02
    for kept in (alpha, alpha_channels):
        assert abs(kept.mean()) < 0.1
        assert abs(kept.std() - 1) < 0.1
    lowest = alpha_channels.reshape(2000, 24) == alpha_channels.min(initial=0, where=alpha_channels < 0)
    assert lowest.any()


def test_traced_like_eager() -> None:
    rows = [ROWS[0], ROWS[9], ROWS[-10], ROWS[-8]]
    calls = [_calls(row)[0] for row in rows]
    functions = [getattr(functional, row[0]) for row in rows]

    def step(inputs: list[Any]) -> list[Any]:
        found = []
        for function, (args, kwargs) in zip(functions, inputs, strict=True):
            given = [leaf for leaf in leaves([args, kwargs]) if hasattr(leaf, "requires_grad")]
            result = function(*args, **kwargs)
            found += [result.detach().clone(), *tracegraph.autograd.grad((result * result).sum(), given)]
        return [*found, *_dropped(inputs[0][0][0].detach())]

    traced = tracegraph.trace(step)
    inputs = [(call.args, call.kwargs) for call in calls]
    for number in range(2):
        tracegraph.manual_seed(number)
        result = traced(inputs)
        tracegraph.manual_seed(number)
        for mine, plain in zip(result, step(inputs), strict=True):
            np.testing.assert_allclose(mine.detach().numpy(), plain.detach().numpy(), rtol=1e-4, atol=1e-4)
    verdict, text = traced.explain().verdict, str(traced.explain())
    assert verdict == "static", text


@pytest.mark.parametrize("align_corners", [False, True])
def test_a_spatial_transformer_starts_as_pytorchs(align_corners: bool) -> None:
    """At the identity points fall on elements, where rounding decides which of two gradients is taken."""
    for size in (5, 7, 12, 14, 28, 33):
        image = np.random.default_rng(size).standard_normal((1, 2, size, size)).astype(np.float32)
        gradients = []
        for library in (tracegraph, torch):
            theta = library.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]], requires_grad=True)
            functional = library.nn.functional
            grid = functional.affine_grid(theta, image.shape, align_corners=align_corners)
            functional.grid_sample(
                library.from_numpy(image), grid, align_corners=align_corners
            ).square().sum().backward()
            gradients.append(theta.grad.numpy())
        ours, theirs = gradients
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max())
