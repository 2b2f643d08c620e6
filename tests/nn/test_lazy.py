"""Lazy layers: text, shapes, results and refusals are PyTorch's; a traced function takes them as they come."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.nn.both import assert_same, filled, tensor
from tracegraph import nn, optim

LAYERS: dict[str, tuple[tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = {
    "LazyLinear": ((3,), {"bias": False}, (2, 5)),
    "LazyConv1d": ((4, 3), {"groups": 2, "stride": 2}, (2, 6, 9)),
    "LazyConv2d": ((4, 3), {"padding": 1, "bias": False}, (2, 3, 6, 6)),
    "LazyConv3d": ((2, 2), {}, (1, 2, 3, 3, 3)),
    "LazyConvTranspose1d": ((4, 3), {"stride": 2, "groups": 2}, (2, 6, 9)),
    "LazyConvTranspose2d": ((4, 3), {"output_padding": 1, "stride": 2}, (3, 6, 6)),
    "LazyConvTranspose3d": ((4, 2), {}, (2, 3, 2, 3, 2)),
    "LazyInstanceNorm1d": ((), {}, (4, 3, 5)),
    "LazyInstanceNorm2d": ((), {"affine": False}, (4, 3, 2, 2)),
    "LazyInstanceNorm3d": ((), {"track_running_stats": False}, (4, 3, 2, 2, 2)),
    "LazyBatchNorm1d": ((), {}, (4, 3)),
    "LazyBatchNorm2d": ((), {"momentum": None}, (4, 3, 2, 2)),
    "LazyBatchNorm3d": ((), {"affine": False}, (4, 3, 2, 2, 2)),
}
WRONG: dict[str, tuple[int, ...]] = {"LazyConv2d": (3, 3), "LazyConv1d": (1, 3, 5), "LazyLinear": ()}


@pytest.mark.parametrize("name", LAYERS)
def test_like_torch(name: str) -> None:
    arguments, options, shape = LAYERS[name]

    def program(library: Any) -> Any:
        layer = getattr(library.nn, name)(*arguments, **options)
        before = repr(layer), list(layer.state_dict()), layer.has_uninitialized_params(), layer.weight is None
        layer(tensor(library, *shape))
        layer = filled(library, layer)
        after = repr(layer), type(layer).__name__, layer.state_dict()
        return before, after, layer(tensor(library, *shape)), len(layer._forward_pre_hooks)

    assert_same(program)


@pytest.mark.parametrize("name", WRONG)
def test_refused_like_torch(name: str) -> None:
    arguments, options, _ = LAYERS[name]
    assert_same(lambda library: getattr(library.nn, name)(*arguments, **options)(tensor(library, *WRONG[name])))


def loaded(library: Any) -> Any:
    layer, full = library.nn.LazyLinear(3), filled(library, library.nn.Linear(4, 3))
    layer.load_state_dict(full.state_dict())
    other = library.nn.LazyLinear(3)
    try:
        other.load_state_dict(library.nn.LazyLinear(3).state_dict())
    except RuntimeError:
        return "refused"
    x = tensor(library, 2, 4)
    return layer.has_uninitialized_params(), layer(x), repr(layer), other.has_uninitialized_params()


def used_too_early(library: Any) -> Any:
    return library.nn.LazyLinear(3).weight + 1


def unused(library: Any) -> Any:
    parameter = library.nn.UninitializedParameter()
    text = repr(parameter)
    parameter.materialize((2, 3))
    return text, type(parameter).__name__, tuple(parameter.shape), parameter.requires_grad


def converted(library: Any) -> Any:
    net = library.nn.Sequential(library.nn.LazyLinear(2), library.nn.LazyBatchNorm1d()).double()
    net(library.ones(3, 2, dtype=library.float64))
    return [str(value.dtype).removeprefix("torch.") for value in net.state_dict().values()]


def of_ones_own(library: Any) -> Any:
    class Scale(library.nn.modules.lazy.LazyModuleMixin, library.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.factor = library.nn.UninitializedParameter()

        def initialize_parameters(self, x: Any, offset: Any = 0) -> None:
            self.factor.materialize((x.shape[-1],))
            library.nn.init.constant_(self.factor, 3.0)

        def forward(self, x: Any, offset: Any = 0) -> Any:
            return x * self.factor + offset

    return Scale()(library.ones(2, 3), offset=2)


@pytest.mark.parametrize("program", [loaded, used_too_early, unused, converted, of_ones_own])
def test_programs_like_torch(program: Any) -> None:
    assert_same(program)


def test_copies_before_and_after_the_first_call() -> None:
    layer = nn.LazyLinear(3)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert type(other) is nn.LazyLinear
        assert other(tracegraph.ones(2, 4)).shape == (2, 3)
        assert type(other) is nn.Linear
    assert layer.has_uninitialized_params()


def test_the_first_call_may_be_a_traced_one() -> None:
    net = nn.Sequential(nn.LazyConv2d(2, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(1))

    @tracegraph.trace
    def forward(x: Any) -> Any:
        return net(x)

    x = tensor(tracegraph, 2, 3, 5, 5)
    forward(x)
    optimiser = optim.SGD(net.parameters(), lr=0.1)
    net.eval()
    for _ in range(3):
        np.testing.assert_allclose(forward(x).detach().numpy(), net(x).detach().numpy(), rtol=1e-4, atol=1e-6)
    assert forward.explain().verdict == "static"
    net(x).sum().backward()
    optimiser.step()
    np.testing.assert_allclose(forward(x).detach().numpy(), net(x).detach().numpy(), rtol=1e-4, atol=1e-6)
