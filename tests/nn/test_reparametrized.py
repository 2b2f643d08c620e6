"""Weights that are computed: weight and spectral norms, parametrizations, pruning, against PyTorch and traced."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.nn.both import Program, assert_same, filled, tensor
from tracegraph import nn

pytest.importorskip("torch.nn.utils.prune")
PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    PROGRAMS[function.__name__] = function
    return function


def linear(library: Any) -> Any:
    return filled(library, library.nn.Linear(4, 3))


def described(library: Any, layer: Any) -> Any:
    """What a layer holds, does, and learns."""
    layer(tensor(library, 5, 4)).sum().backward()
    gradients = {name: parameter.grad for name, parameter in layer.named_parameters()}
    return layer.state_dict(), gradients, layer.weight, repr(layer)


def with_layers(change: Callable[[Any, Any], Any]) -> Program:
    return lambda library: described(library, change(library.nn.utils, linear(library)) or linear(library))


def symmetric(library: Any) -> Any:
    class Symmetric(library.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).T

        def right_inverse(self, x: Any) -> Any:
            return x.triu()

    return Symmetric()


def doubled(library: Any) -> Any:
    class Doubled(library.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return 2 * x

    return Doubled()


def split(dim: int | None, *, parametrized: bool) -> Program:
    def run(library: Any) -> Any:
        utils = library.nn.utils
        return described(
            library, (utils.parametrizations if parametrized else utils).weight_norm(linear(library), dim=dim)
        )

    return run


for dim in (0, 1, None, -1):
    PROGRAMS[f"weight_norm of dim {dim}"] = split(dim, parametrized=False)
    PROGRAMS[f"parametrized weight_norm of dim {dim}"] = split(dim, parametrized=True)
PROGRAMS["weight_norm removed"] = with_layers(lambda utils, layer: utils.remove_weight_norm(utils.weight_norm(layer)))
PROGRAMS["weight_norm twice"] = with_layers(lambda utils, layer: utils.weight_norm(utils.weight_norm(layer)))
PROGRAMS["weight_norm not there"] = with_layers(lambda utils, layer: utils.remove_weight_norm(layer))
PROGRAMS["spectral_norm not there"] = with_layers(lambda utils, layer: utils.remove_spectral_norm(layer))
PROGRAMS["spectral_norm of no steps"] = with_layers(
    lambda utils, layer: utils.spectral_norm(layer, n_power_iterations=0)
)
PROGRAMS["spectral_norm twice"] = with_layers(lambda utils, layer: utils.spectral_norm(utils.spectral_norm(layer)))


@program
def spectral_norm(library: Any) -> Any:
    layer = library.nn.utils.spectral_norm(linear(library), n_power_iterations=2)
    layer.weight_u.copy_(tensor(library, 3))
    layer.weight_v.copy_(tensor(library, 4))
    layer(tensor(library, 5, 4))
    first = described(library, layer)
    layer.eval()
    second = layer(tensor(library, 5, 4)), layer.weight_u
    library.nn.utils.remove_spectral_norm(layer)
    return first, second, layer.weight, list(layer.state_dict()), len(layer._forward_pre_hooks)


@program
def spectral_norm_of_a_transposed_convolution(library: Any) -> Any:
    layer = filled(library, library.nn.ConvTranspose2d(2, 3, 2))
    layer = library.nn.utils.spectral_norm(layer)
    return layer.weight_u.shape[0], layer.weight_v.shape[0]


@program
def parametrized_spectral_norm(library: Any) -> Any:
    layer = linear(library)
    library.nn.utils.parametrizations.spectral_norm(layer)
    norm = layer.parametrizations.weight[0]
    norm._u.copy_(tensor(library, 3))
    norm._v.copy_(tensor(library, 4))
    layer(tensor(library, 5, 4))
    layer.eval()
    return described(library, layer)


@program
def parametrized(library: Any) -> Any:
    parametrize = library.nn.utils.parametrize
    layer = filled(library, library.nn.Linear(3, 3))
    parametrize.register_parametrization(layer, "weight", symmetric(library))
    layer.weight = tensor(library, 3, 3, seed=5)
    first = layer.weight, parametrize.is_parametrized(layer), parametrize.is_parametrized(layer, "bias")
    parametrize.register_parametrization(layer, "weight", doubled(library))
    parametrize.register_parametrization(layer, "bias", doubled(library))
    second = layer.weight, layer.bias, list(layer.state_dict()), layer(tensor(library, 2, 3))
    parametrize.remove_parametrizations(layer, "weight")
    parametrize.remove_parametrizations(layer, "bias", leave_parametrized=False)
    return first, second, layer.weight, layer.bias, list(layer.state_dict()), hasattr(layer, "parametrizations")


@program
def parametrized_assigned_without_inverse(library: Any) -> Any:
    layer = linear(library)
    library.nn.utils.parametrize.register_parametrization(layer, "weight", doubled(library))
    layer.weight = layer.weight


@program
def parametrized_of_another_shape(library: Any) -> Any:
    library.nn.utils.parametrize.register_parametrization(linear(library), "weight", library.nn.Flatten(0))


@program
def parametrized_of_nothing(library: Any) -> Any:
    library.nn.utils.parametrize.register_parametrization(linear(library), "x", doubled(library))


@program
def parametrization_not_there(library: Any) -> Any:
    library.nn.utils.parametrize.remove_parametrizations(linear(library), "weight")


@program
def parametrized_buffer(library: Any) -> Any:
    net = library.nn.Module()
    net.register_buffer("x", library.ones(2))
    library.nn.utils.parametrize.register_parametrization(net, "x", doubled(library))
    return net.x, list(net.state_dict()), len(list(net.parameters()))


@program
def cached(library: Any) -> Any:
    parametrize = library.nn.utils.parametrize
    layer = parametrize.register_parametrization(linear(library), "weight", doubled(library))
    with parametrize.cached():
        inside = layer.weight is layer.weight
    return inside, layer.weight is layer.weight


PRUNED: dict[str, Callable[[Any, Any, Any], Any]] = {
    "identity": lambda p, layer, lib: p.identity(layer, "weight"),
    "l1": lambda p, layer, lib: p.l1_unstructured(layer, "weight", 0.4),
    "l1 by number": lambda p, layer, lib: p.l1_unstructured(layer, "weight", amount=3),
    "l1 by importance": lambda p, layer, lib: p.l1_unstructured(
        layer, "weight", 0.5, importance_scores=tensor(lib, 3, 4, seed=7)
    ),
    "l1 of nothing": lambda p, layer, lib: p.l1_unstructured(layer, "bias", 0.0),
    "l1 of all": lambda p, layer, lib: p.l1_unstructured(layer, "weight", 1.0),
    "ln": lambda p, layer, lib: p.ln_structured(layer, "weight", 0.5, n=2, dim=1),
    "ln of order 1": lambda p, layer, lib: p.ln_structured(layer, "weight", 1, n=1, dim=-2),
    "by mask": lambda p, layer, lib: p.custom_from_mask(layer, "bias", lib.tensor([1.0, 0.0, 1.0])),
    "l1 twice": lambda p, layer, lib: p.l1_unstructured(p.l1_unstructured(layer, "weight", 4), "weight", 0.5),
    "ln, then l1": lambda p, layer, lib: p.l1_unstructured(p.ln_structured(layer, "weight", 1, 2, 0), "weight", 2),
    "l1, then ln": lambda p, layer, lib: p.ln_structured(p.l1_unstructured(layer, "weight", 5), "weight", 1, 2, 1),
    "ln thrice": lambda p, layer, lib: [p.ln_structured(layer, "weight", 1, 2, d) for d in (0, 1, 0)][-1],
    "mask, then l1": lambda p, layer, lib: p.l1_unstructured(
        p.custom_from_mask(layer, "weight", lib.ones(3, 4).triu()), "weight", 2
    ),
    "removed": lambda p, layer, lib: p.remove(p.l1_unstructured(layer, "weight", 0.4), "weight"),
    "by class": lambda p, layer, lib: (p.L1Unstructured.apply(layer, "weight", 3), layer)[1],
    "amount too large": lambda p, layer, lib: p.l1_unstructured(layer, "weight", 13),
    "amount no share": lambda p, layer, lib: p.l1_unstructured(layer, "weight", 1.5),
    "amount negative": lambda p, layer, lib: p.l1_unstructured(layer, "weight", -1),
    "amount as text": lambda p, layer, lib: p.l1_unstructured(layer, "weight", "all"),
    "structure of a vector": lambda p, layer, lib: p.ln_structured(layer, "bias", 1, 2, 0),
    "dim too large": lambda p, layer, lib: p.ln_structured(layer, "weight", 1, 2, 5),
    "not pruned": lambda p, layer, lib: p.remove(layer, "weight"),
}


@pytest.mark.parametrize("name", PRUNED)
def test_pruned_like_torch(name: str) -> None:
    def run(library: Any) -> Any:
        prune, layer = library.nn.utils.prune, linear(library)
        before = prune.is_pruned(layer)
        PRUNED[name](prune, layer, library)
        hooks = [type(hook).__name__ for hook in layer._forward_pre_hooks.values()]
        return before, prune.is_pruned(layer), hooks, described(library, layer), layer.bias

    assert_same(run)


@program
def pruned_globally(library: Any) -> Any:
    prune, net = (
        library.nn.utils.prune,
        library.nn.Sequential(linear(library), filled(library, library.nn.Linear(3, 2))),
    )
    prune.l1_unstructured(net[0], "weight", 2)
    where = [(net[0], "weight"), (net[1], "weight")]
    prune.global_unstructured(where, pruning_method=prune.L1Unstructured, amount=0.5)
    return net.state_dict(), net[1].weight, net(tensor(library, 2, 4))


@program
def pruned_globally_by_structure(library: Any) -> Any:
    prune = library.nn.utils.prune
    prune.global_unstructured([(linear(library), "weight")], pruning_method=prune.LnStructured, amount=1, n=2)


@program
def pruned_in_a_way_of_ones_own(library: Any) -> Any:
    prune = library.nn.utils.prune

    class EveryOther(prune.BasePruningMethod):  # type: ignore[misc, name-defined]
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t: Any, default_mask: Any) -> Any:
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    layer = linear(library)
    EveryOther.apply(layer, "weight")
    EveryOther.apply(layer, "weight")
    pruned = EveryOther().prune(tensor(library, 5))
    return described(library, layer), pruned, type(next(iter(layer._forward_pre_hooks.values()))).__name__


@program
def fused(library: Any) -> Any:
    layers = library.nn
    conv, norm = filled(library, layers.Conv2d(2, 3, 3, bias=False)), filled(library, layers.BatchNorm2d(3))
    norm(tensor(library, 4, 3, 2, 2))
    affine, flat = linear(library), filled(library, layers.BatchNorm1d(3))
    flat(tensor(library, 4, 3))
    transposed = filled(library, layers.ConvTranspose2d(2, 3, 2))
    for one in (conv, norm, affine, flat, transposed):
        one.eval()
    x, y = tensor(library, 2, 2, 5, 5), tensor(library, 2, 4)
    utils = library.nn.utils
    return (
        utils.fuse_conv_bn_eval(conv, norm)(x),
        utils.fuse_linear_bn_eval(affine, flat)(y),
        utils.fuse_conv_bn_eval(transposed, norm, transpose=True)(x),
        norm(conv(x)),
    )


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
@pytest.mark.parametrize("name", PROGRAMS)
def test_like_torch(name: str) -> None:
    assert_same(PROGRAMS[name])


def test_random_pruning() -> None:
    tracegraph.manual_seed(0)
    prune = nn.utils.prune
    layer = prune.random_unstructured(linear(tracegraph), "weight", 0.5)
    assert layer.weight_mask.sum().item() == 6
    layer = prune.random_structured(linear(tracegraph), "weight", 2, dim=1)
    assert sorted(layer.weight_mask.sum(0).tolist()) == [0.0, 0.0, 3.0, 3.0]
    layer = prune.random_unstructured(layer, "weight", 3)
    assert layer.weight_mask.sum().item() == 3


def test_refused() -> None:
    layer = nn.utils.prune.l1_unstructured(nn.Linear(2, 2), "weight", 1)
    with pytest.raises(TypeError, match="L1Unstructured computes it"):
        layer.weight = nn.Parameter(tracegraph.ones(2, 2))
    with pytest.raises(ValueError, match="no parameter 'x'"):
        nn.utils.weight_norm(nn.Linear(2, 2), "x")
    with pytest.raises(ValueError, match="eval"):
        nn.utils.fuse_linear_bn_eval(nn.Linear(2, 2), nn.BatchNorm1d(2))


def test_skip_init_leaves_the_random_state() -> None:
    tracegraph.manual_seed(1)
    before = tracegraph.get_rng_state()
    assert nn.utils.skip_init(nn.Linear, 3, out_features=2).weight.shape == (2, 3)
    np.testing.assert_array_equal(np.asarray(tracegraph.get_rng_state()), np.asarray(before))


WRAPPED: dict[str, Callable[[Any], Any]] = {
    "weight_norm": nn.utils.weight_norm,
    "spectral_norm": nn.utils.spectral_norm,
    "parametrized weight_norm": nn.utils.parametrizations.weight_norm,
    "parametrized spectral_norm": nn.utils.parametrizations.spectral_norm,
    "pruned": lambda layer: nn.utils.prune.l1_unstructured(layer, "weight", 0.4),
    "pruned twice": lambda layer: nn.utils.prune.ln_structured(
        nn.utils.prune.random_unstructured(layer, "weight", 2), "weight", 1, 2, 0
    ),
    "parametrized": lambda layer: nn.utils.parametrize.register_parametrization(layer, "weight", doubled(tracegraph)),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_traced_like_eager(name: str) -> None:
    tracegraph.manual_seed(0)
    net = nn.Sequential(WRAPPED[name](linear(tracegraph)), nn.Tanh())
    twins = [copy.deepcopy(net), net if name == "parametrized" else pickle.loads(pickle.dumps(net))]

    def train(net: Any, x: Any) -> Any:
        net.zero_grad()
        loss = (net(x) ** 2).mean()
        loss.backward()
        with tracegraph.no_grad():
            for parameter in net.parameters():
                parameter.sub_(parameter.grad * 0.5)
        return loss

    step = tracegraph.trace(train)
    x = tensor(tracegraph, 5, 4)
    for _ in range(4):
        np.testing.assert_allclose(step(twins[1], x).item(), train(twins[0], x).item(), rtol=1e-5)
    assert step.explain().verdict == "static"
    assert len(step.entries) == 1
    for key, value in twins[0].state_dict().items():
        np.testing.assert_allclose(twins[1].state_dict()[key].numpy(), value.numpy(), rtol=1e-4, atol=1e-5)
    assert np.all((twins[1][0].weight.detach().numpy() == 0) == (twins[0][0].weight.detach().numpy() == 0))


def test_cached_in_a_traced_function() -> None:
    layer = nn.utils.parametrize.register_parametrization(linear(tracegraph), "weight", doubled(tracegraph))

    @tracegraph.trace
    def forward(x: Any) -> Any:
        with nn.utils.parametrize.cached():
            return layer(layer(x) @ layer.weight)

    x = tensor(tracegraph, 2, 4)
    for number in range(3):
        with tracegraph.no_grad():
            layer.parametrizations.weight.original.fill_(float(number))
        expected = layer(layer(x) @ layer.weight).detach().numpy()
        np.testing.assert_allclose(forward(x).detach().numpy(), expected, rtol=1e-5)


CHANGES: list[Callable[[Any], Any]] = [
    lambda layer: nn.utils.prune.l1_unstructured(layer, "weight", 0.4),
    lambda layer: nn.utils.prune.ln_structured(layer, "weight", 1, 2, 0),
    lambda layer: layer.weight_mask.fill_(1.0),
    lambda layer: setattr(layer, "weight_mask", tracegraph.zeros(3, 4)),
    lambda layer: nn.utils.prune.remove(layer, "weight"),
    nn.utils.weight_norm,
    lambda layer: layer.weight_g.data.mul_(2),
    nn.utils.remove_weight_norm,
    lambda layer: nn.utils.parametrize.register_parametrization(layer, "weight", doubled(tracegraph)),
    lambda layer: nn.utils.parametrize.register_parametrization(layer, "weight", nn.Tanh()),
    lambda layer: nn.utils.parametrize.remove_parametrizations(layer, "weight"),
]


def test_changes_are_noticed_by_traces() -> None:
    layer = linear(tracegraph)
    forward = tracegraph.trace(lambda x: layer(x) * 2)
    x = tensor(tracegraph, 5, 4)
    for change in CHANGES:
        for _ in range(2):
            np.testing.assert_allclose(forward(x).detach().numpy(), (layer(x) * 2).detach().numpy(), rtol=1e-5)
        change(layer)
    np.testing.assert_allclose(forward(x).detach().numpy(), (layer(x) * 2).detach().numpy(), rtol=1e-5)
    assert forward.explain().verdict == "static"
