"""State dicts, changes of whole modules, and what subclasses override: the same programs as with PyTorch."""

import copy
import multiprocessing
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.nn.both import Program, assert_same, filled, tensor
from tracegraph import nn

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    PROGRAMS[function.__name__] = function
    return function


def model(library: Any) -> Any:
    layers = library.nn
    net = layers.Sequential(layers.Linear(3, 4), layers.BatchNorm1d(4), layers.Sequential(layers.Linear(4, 2)))
    return filled(library, net)


def messages(library: Any, state: Any, strict: bool = True) -> Any:
    """What is missing and what is left over, or the lines of the error."""
    net = model(library)
    try:
        missing, unexpected = net.load_state_dict(state, strict=strict)
    except RuntimeError as error:
        return sorted(line.strip().partition(" ")[0] for line in str(error).splitlines() if line.startswith("\t"))
    return missing, unexpected, dict(net.state_dict())


@program
def keys_of_a_state_dict(library: Any) -> Any:
    net = model(library)
    destination: Any = OrderedDict()
    found = net.state_dict(destination=destination, prefix="all.", keep_vars=True)
    return list(net.state_dict()), list(found), found is destination, found["all.0.weight"] is net[0].weight


@program
def metadata(library: Any) -> Any:
    names = dict(model(library).state_dict()._metadata)
    return list(names), all("version" in held for held in names.values())


@program
def missing_and_unexpected(library: Any) -> Any:
    state = model(library).state_dict()
    del state["1.bias"], state["2.0.weight"]
    state["other.weight"] = state["0.weight"]
    state["0.more"] = state["0.weight"]
    return messages(library, state), messages(library, state, strict=False)


@program
def sizes_differ(library: Any) -> Any:
    state = model(library).state_dict()
    state["0.weight"] = tensor(library, 2, 2)
    state["0.bias"] = 5
    return messages(library, state), messages(library, state, strict=False)


@program
def what_fits_is_loaded_before_the_error(library: Any) -> Any:
    net, state = model(library), model(library).state_dict()
    state["0.weight"] = state["0.weight"] + 1
    state["2.0.bias"] = tensor(library, 9)
    try:
        net.load_state_dict(state)
    except RuntimeError:
        return net[0].weight
    return None


@program
def not_a_dict(library: Any) -> Any:
    model(library).load_state_dict([1])


@program
def assigned(library: Any) -> Any:
    net, state = model(library), model(library).state_dict()
    net[0].weight.requires_grad_(False)
    net.load_state_dict(state, assign=True)
    state["0.weight"].fill_(3.0)
    return net[0].weight, net[0].weight.requires_grad, net[0].bias.requires_grad, net[0].bias.is_leaf


@program
def a_scalar_of_one_element(library: Any) -> Any:
    net = library.nn.Module()
    net.scale = library.nn.Parameter(library.tensor(2.0))
    net.load_state_dict({"scale": library.tensor([5.0])})
    return net.scale


def with_extra(library: Any) -> Any:
    class Counting(library.nn.Linear):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(2, 1)
            self.calls = {"seen": 3}

        def get_extra_state(self) -> Any:
            return self.calls

        def set_extra_state(self, state: Any) -> None:
            self.calls = {**state, "loaded": True}

    return filled(library, Counting())


@program
def extra_state(library: Any) -> Any:
    net = library.nn.Sequential(with_extra(library), library.nn.ReLU())
    state = net.state_dict()
    net.load_state_dict(state)
    del state["0._extra_state"]
    missing, _ = net.load_state_dict(state, strict=False)
    state["1._extra_state"] = 1
    _, unexpected = net.load_state_dict(state, strict=False)
    return list(state), net[0].calls, missing, unexpected


@program
def extra_state_not_written(library: Any) -> Any:
    library.nn.ReLU().get_extra_state()


@program
def saved_in_a_way_of_its_own(library: Any) -> Any:
    class Renamed(library.nn.Linear):  # type: ignore[misc]
        def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
            super()._save_to_state_dict(destination, prefix, keep_vars)
            destination[prefix + "w"] = destination.pop(prefix + "weight")

        def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
            state_dict[prefix + "weight"] = state_dict.pop(prefix + "w")
            super()._load_from_state_dict(state_dict, prefix, *rest)

    net, other = filled(library, Renamed(2, 3)), Renamed(2, 3)
    outer = library.nn.Sequential(other)
    outer.load_state_dict({"0." + name: value for name, value in net.state_dict().items()})
    return list(net.state_dict()), other.weight


@program
def set_submodule(library: Any) -> Any:
    net = model(library)
    net.set_submodule("2.0", library.nn.Tanh())
    net.set_submodule("2.new", library.nn.ReLU())
    return repr(net).replace("eps=1e-05", ""), net.get_submodule("2.new") is net[2].new


@program
def set_submodule_strict(library: Any) -> Any:
    model(library).set_submodule("2.new", library.nn.ReLU(), strict=True)


@program
def set_submodule_without_a_name(library: Any) -> Any:
    model(library).set_submodule("", library.nn.ReLU())


@program
def set_submodule_of_another_kind(library: Any) -> Any:
    model(library).set_submodule("0", 3)


@program
def set_submodule_over_a_parameter(library: Any) -> Any:
    model(library).set_submodule("0.weight", library.nn.ReLU())


@program
def names_with_duplicates(library: Any) -> Any:
    net = library.nn.Module()
    net.a = net.b = library.nn.Linear(1, 1)
    net.c = library.nn.Module()
    net.c.weight = net.a.weight
    net.register_buffer("x", library.zeros(1))
    net.y = library.nn.Buffer(net.x, persistent=False)
    return [
        [name for name, _ in getattr(net, listing)(prefix="p", remove_duplicate=once)]
        for listing in ("named_parameters", "named_buffers", "named_modules")
        for once in (True, False)
    ], list(net.state_dict())


@program
def to_dtypes(library: Any) -> Any:
    net, dtypes = model(library), []
    for change in (
        lambda: net.to(library.float64),
        lambda: net.to("cpu", library.float32),
        lambda: net.to(library.zeros(1, dtype=library.float64), non_blocking=True),
        lambda: net.to(device="cpu", dtype=library.float32),
        lambda: net.to(library.device("cpu")),
        net.double,
        net.float,
        lambda: net.type(library.float64),
        net.cpu,
    ):
        assert change() is net
        dtypes.append([str(value.dtype).removeprefix("torch.") for value in net.state_dict().values()])
    return dtypes, net[0].weight


@program
def to_an_integer(library: Any) -> Any:
    model(library).to(library.int64)


@program
def to_empty(library: Any) -> Any:
    net = model(library)
    weight = net[0].weight
    return net.to_empty(device="cpu") is net, net[0].weight.shape == weight.shape, net[0].weight is weight


@program
def modes_and_gradients(library: Any) -> Any:
    net = model(library)
    net.eval()
    net[2].train()
    net.requires_grad_(False)
    net[0].requires_grad_()
    net(tensor(library, 5, 3)).sum().backward()
    before = [parameter.grad is None for parameter in net.parameters()]
    net.zero_grad(set_to_none=False)
    return [one.training for one in net.modules()], before, net[0].weight.grad


@program
def mode_that_is_no_bool(library: Any) -> Any:
    model(library).train(1)


@program
def copied_with_shared_parameters(library: Any) -> Any:
    net = library.nn.Module()
    net.a, net.b = library.nn.Linear(2, 2), library.nn.Linear(2, 2)
    net.b.weight = net.a.weight
    net.seen = [net.a.bias]
    return [
        [other.b.weight is other.a.weight, other.seen[0] is other.a.bias, other.a.weight is net.a.weight]
        for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), copy.copy(net))
    ]


@program
def attributes_before_init(library: Any) -> Any:
    class Early(library.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            self.register_buffer("x", None)

    Early()


@program
def a_call_without_forward(library: Any) -> Any:
    library.nn.Module()(1)


@program
def functional_call(library: Any) -> Any:
    net = model(library)
    other = {name: value.detach() * 2 for name, value in net.named_parameters()}
    x = tensor(library, 5, 3)
    call = library.func.functional_call
    return call(net, other, (x,)), net(x), call(net, [{"0.weight": other["0.weight"]}], x), net[0].weight.requires_grad


@program
def functional_call_with_an_unknown_name(library: Any) -> Any:
    return library.func.functional_call(model(library), {"x": library.zeros(1)}, library.ones(2, 3))


@program
def strict_functional_call(library: Any) -> Any:
    library.func.functional_call(model(library), {"0.bias": library.zeros(4)}, library.ones(2, 3), strict=True)


@program
def functional_call_with_a_name_given_twice(library: Any) -> Any:
    library.func.functional_call(model(library), [{"0.bias": library.zeros(4)}] * 2, library.ones(2, 3))


@program
def functional_call_without_tensors(library: Any) -> Any:
    library.func.functional_call(model(library), 3, library.ones(2, 3))


@program
def functional_call_with_tied_weights(library: Any) -> Any:
    net = library.nn.Sequential(library.nn.Linear(2, 2, bias=False), library.nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    call, x = library.func.functional_call, tensor(library, 1, 2)
    weights = {"0.weight": tensor(library, 2, 2, seed=1)}
    net[0].weight.detach().fill_(1.0)
    return call(net, weights, x), call(net, weights, x, tie_weights=False)


@pytest.mark.parametrize("name", PROGRAMS)
def test_like_torch(name: str) -> None:
    assert_same(PROGRAMS[name])


def test_arrays_are_loaded() -> None:
    first, second = model(tracegraph), nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Sequential(nn.Linear(4, 2)))
    arrays = {name: value.numpy().copy() for name, value in first.state_dict().items()}
    second.load_state_dict(arrays)
    np.testing.assert_array_equal(second[0].weight.detach().numpy(), first[0].weight.detach().numpy())
    second.load_state_dict(arrays, assign=True)
    arrays["0.weight"][...] = 0
    assert second[0].weight.detach().numpy().any()


def _write(net: Any) -> None:
    net.weight.data.fill_(7.0)


def test_shared_memory_is_seen_by_forked_processes() -> None:
    net = nn.Linear(2, 2).share_memory()
    process = multiprocessing.get_context("fork").Process(target=_write, args=(net,))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert net.weight.tolist() == [[7.0, 7.0], [7.0, 7.0]]


def test_a_copy_of_a_traced_module_is_not_traced_as_the_first() -> None:
    net = model(tracegraph).eval()
    x = tensor(tracegraph, 5, 3)
    forward = tracegraph.trace(lambda module, x: module(x))
    expected = [forward(net, x).detach().numpy() for _ in range(2)][1]
    other = copy.deepcopy(net)
    other[0].weight.data.zero_()
    for _ in range(2):
        np.testing.assert_allclose(forward(net, x).detach().numpy(), expected, rtol=1e-6)
        np.testing.assert_allclose(forward(other, x).detach().numpy(), other(x).detach().numpy(), rtol=1e-5)


def test_functional_call_is_traced() -> None:
    net = nn.Linear(2, 1)

    @tracegraph.trace
    def call(weight: Any, x: Any) -> Any:
        return tracegraph.func.functional_call(net, {"weight": weight}, x)

    x, before = tracegraph.ones(3, 2), net.weight
    for number in range(3):
        weight = tracegraph.ones(1, 2) * number
        expected = (x @ weight.T + net.bias).detach().numpy()
        np.testing.assert_allclose(call(weight, x).detach().numpy(), expected, rtol=1e-6)
    assert call.explain().verdict == "static"
    assert net.weight is before
