"""Hooks of modules and of gradients: the same programs as with PyTorch, and what tracing makes of them."""

import copy
import pickle
from collections.abc import Callable
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
    return filled(library, library.nn.Sequential(library.nn.Linear(3, 4), library.nn.Tanh(), library.nn.Linear(4, 2)))


def gradients(module: Any) -> list[Any]:
    return [parameter.grad for parameter in module.parameters()]


@program
def full_backward_hook(library: Any) -> Any:
    net, seen = model(library), list[Any]()
    net[2].register_full_backward_hook(lambda module, gi, go: seen.append((gi, go)))
    net[1].register_full_backward_hook(lambda module, gi, go: (gi[0] * 2,))
    net(tensor(library, 5, 3)).sum().backward()
    return seen, gradients(net)


@program
def backward_pre_hook(library: Any) -> Any:
    net, seen = model(library), list[Any]()
    net[1].register_full_backward_pre_hook(lambda module, go: seen.append(go))
    net[1].register_full_backward_pre_hook(lambda module, go: (go[0] * 3,), prepend=True)
    net[1].register_full_backward_hook(lambda module, gi, go: seen.append(go))
    x = tensor(library, 5, 3, requires_grad=True)
    net(x).sum().backward()
    return seen, gradients(net), x.grad


def pairs(library: Any) -> Any:
    class Pairs(library.nn.Module):  # type: ignore[misc]
        def forward(self, a: Any, b: Any, number: Any = None) -> Any:
            return a * b, a + 1, 3

    return Pairs()


@program
def several_arguments_and_results(library: Any) -> Any:
    net, seen = pairs(library), list[Any]()
    net.register_full_backward_hook(lambda module, gi, go: seen.append((gi, go)))
    a, b = tensor(library, 2, requires_grad=True), tensor(library, 2, seed=1)
    first, _, three = net(a, b, 5)
    first.sum().backward()
    return seen, a.grad, three


@program
def second_derivative_under_a_hook(library: Any) -> Any:
    net = model(library)
    net.register_full_backward_hook(lambda module, gi, go: (gi[0] * 2,))
    x = tensor(library, 2, 3, requires_grad=True)
    (first,) = library.autograd.grad(net(x).sum(), x, create_graph=True)
    (second,) = library.autograd.grad((first * first).sum(), x)
    return first, second


@program
def wrong_number_of_gradients(library: Any) -> Any:
    net = model(library)
    net[1].register_full_backward_hook(lambda module, gi, go: (gi[0], gi[0]))
    net(tensor(library, 2, 3)).sum().backward()


@program
def wrong_number_of_output_gradients(library: Any) -> Any:
    net = model(library)
    net[1].register_full_backward_pre_hook(lambda module, go: (go[0], go[0]))
    net(tensor(library, 2, 3)).sum().backward()


@program
def forward_hooks_in_order(library: Any) -> Any:
    net, seen = model(library), list[Any]()
    net.register_forward_pre_hook(lambda module, args: seen.append("before 1"))
    net.register_forward_pre_hook(lambda module, args: seen.append("before 0"), prepend=True)
    net.register_forward_pre_hook(lambda module, args, kwargs: ((args[0] * 2,), kwargs), with_kwargs=True)
    net.register_forward_hook(lambda module, args, result: seen.append(args[0]))
    net.register_forward_hook(lambda module, args, result: result + 1, prepend=True)
    net.register_forward_hook(lambda module, args, kwargs, result: seen.append(kwargs), with_kwargs=True)
    return net(tensor(library, 2, 3)), seen


@program
def wrong_result_of_a_pre_hook(library: Any) -> Any:
    net = model(library)
    net.register_forward_pre_hook(lambda module, args, kwargs: args, with_kwargs=True)
    net(tensor(library, 2, 3))


def failing(library: Any) -> Any:
    class Failing(library.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            raise ZeroDivisionError("no")

    return Failing()


@program
def always_called(library: Any) -> Any:
    net, seen = failing(library), list[Any]()
    net.register_forward_hook(lambda module, args, result: seen.append("never"))
    net.register_forward_hook(lambda module, args, result: seen.append(result), always_call=True)
    try:
        net(tensor(library, 2))
    except ZeroDivisionError:
        seen.append("raised")
    return seen


@program
def hooks_of_all_modules(library: Any) -> Any:
    net, seen = model(library), list[Any]()
    everywhere = library.nn.modules.module
    handles = [
        everywhere.register_module_forward_pre_hook(lambda module, args: seen.append(type(module).__name__)),
        everywhere.register_module_forward_hook(lambda module, args, result: result * 1.5),
        everywhere.register_module_full_backward_hook(lambda module, gi, go: seen.append(go)),
    ]
    result = net(tensor(library, 2, 3, requires_grad=True))
    result.sum().backward()
    for handle in handles:
        handle.remove()
    return result, seen, net(tensor(library, 2, 3)), gradients(net)


@program
def copies_keep_hooks(library: Any) -> Any:
    net = model(library)
    net[0].register_forward_hook(double)
    other = copy.deepcopy(net)
    third = pickle.loads(pickle.dumps(net))
    x = tensor(library, 2, 3)
    return net(x), other(x), third(x), len(third[0]._forward_hooks)


def double(module: Any, args: Any, result: Any) -> Any:
    return result * 2


@program
def state_dict_hooks(library: Any) -> Any:
    net, seen = model(library), list[Any]()
    net[0].register_state_dict_pre_hook(lambda module, prefix, keep: seen.append((prefix, keep)))
    net[0].register_state_dict_post_hook(
        lambda module, found, prefix, local: found.pop(prefix + "bias") is None or None
    )
    handle = net.register_load_state_dict_post_hook(lambda module, keys: seen.append(list(keys.missing_keys)))
    net[2].register_load_state_dict_pre_hook(
        lambda module, found, prefix, local, strict, missing, unexpected, errors: seen.append((prefix, sorted(found)))
    )
    state = net.state_dict(keep_vars=True)
    net.load_state_dict(state, strict=False)
    handle.remove()
    return list(state), seen


@program
def post_hook_that_returns(library: Any) -> Any:
    net = model(library)
    net.register_state_dict_post_hook(lambda module, found, prefix, local: found)
    net.state_dict()


@program
def tensor_hooks(library: Any) -> Any:
    x = tensor(library, 3, requires_grad=True)
    y, seen = x * 2, list[Any]()
    before = y.retains_grad, x.retains_grad
    y.retain_grad()
    y.retain_grad()
    x.register_hook(lambda g: g * 10)
    handle = x.register_post_accumulate_grad_hook(lambda leaf: seen.append(leaf.grad.clone()))
    (y * y).sum().backward()
    handle.remove()
    (x * 2).sum().backward()
    return before, y.retains_grad, y.grad, seen, x.grad


@program
def after_accumulation_with_inputs(library: Any) -> Any:
    seen: list[int] = []
    a, b = tensor(library, 2, requires_grad=True), tensor(library, 2, seed=1, requires_grad=True)
    for number, leaf in enumerate((a, b)):
        leaf.register_post_accumulate_grad_hook(lambda leaf, number=number: seen.append(number))
    (a * b).sum().backward(inputs=[a])
    return seen, a.grad, b.grad


@program
def after_accumulation_of_a_result(library: Any) -> Any:
    (tensor(library, 2, requires_grad=True) * 2).register_post_accumulate_grad_hook(print)


@program
def after_accumulation_without_gradient(library: Any) -> Any:
    tensor(library, 2).register_post_accumulate_grad_hook(print)


@program
def retained_without_gradient(library: Any) -> Any:
    tensor(library, 2).retain_grad()


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
@pytest.mark.parametrize("name", PROGRAMS)
def test_like_torch(name: str) -> None:
    assert_same(PROGRAMS[name])


def test_a_hook_that_fails_after_an_error_is_told() -> None:
    net = failing(tracegraph)
    net.register_forward_hook(lambda module, args, result: 1 / 0, always_call=True)
    with pytest.warns(UserWarning, match="silenced"), pytest.raises(ZeroDivisionError, match="no"):
        net(tracegraph.ones(2))


def test_results_without_tensors_are_told() -> None:
    net = nn.Identity()
    net.register_full_backward_hook(lambda module, gi, go: None)
    with pytest.warns(UserWarning, match="tuple of Tensors"):
        assert net([1]) == [1]


def scale_gradients(net: Any) -> None:
    net[2].register_full_backward_hook(lambda module, gi, go: (gi[0] * 2,))


def scale_output_gradients(net: Any) -> None:
    net[2].register_full_backward_pre_hook(lambda module, go: (go[0] * 2,))


def scale_results(net: Any) -> None:
    net[0].register_forward_hook(lambda module, args, kwargs, result: result * 2, with_kwargs=True, always_call=True)


def clip_weights(net: Any) -> None:
    net[0].weight.register_hook(lambda g: g.clamp(-0.1, 0.1))


TRACED: dict[str, Callable[[Any], None]] = {
    function.__name__: function for function in (scale_gradients, scale_output_gradients, scale_results, clip_weights)
}


def train(net: Any) -> Callable[[Any], Any]:
    def step(x: Any) -> Any:
        net.zero_grad()
        loss = (net(x) ** 2).mean()
        loss.backward()
        with tracegraph.no_grad():
            for parameter in net.parameters():
                parameter.sub_(parameter.grad * 0.1)
        return loss

    return step


@pytest.mark.parametrize("name", TRACED)
def test_traced_like_eager(name: str) -> None:
    eager, traced = model(tracegraph), model(tracegraph)
    plain_step, step = train(eager), tracegraph.trace(train(traced))
    x = tensor(tracegraph, 5, 3)
    for number in range(5):
        if number == 2:  # a hook that comes later is noticed
            TRACED[name](eager)
            TRACED[name](traced)
        np.testing.assert_allclose(step(x).item(), plain_step(x).item(), rtol=1e-5)
    if name != "clip_weights":
        assert step.explain().verdict == "static"
        assert len(step.entries) == 2


def test_hooks_of_all_modules_are_noticed_by_traces() -> None:
    net = model(tracegraph)
    x = tensor(tracegraph, 5, 3)

    @tracegraph.trace
    def forward(x: Any) -> Any:
        return net(x)

    first = [forward(x).detach().numpy() for _ in range(2)][1]
    with nn.modules.module.register_module_forward_hook(lambda module, args, result: result * 2):
        hooked = [forward(x).detach().numpy() for _ in range(2)]
        np.testing.assert_allclose(hooked[0], net(x).detach().numpy(), rtol=1e-5)
        np.testing.assert_allclose(hooked[1], hooked[0], rtol=1e-5)
    np.testing.assert_allclose(forward(x).detach().numpy(), first, rtol=1e-5)
    assert forward.explain().verdict == "static"


def test_compile() -> None:
    net = model(tracegraph)
    x = tensor(tracegraph, 5, 3, requires_grad=True)
    expected = net(x).detach().numpy()
    net.compile(fullgraph=True)
    for _ in range(3):
        np.testing.assert_allclose(net(x).detach().numpy(), expected, rtol=1e-5)
    assert net._compiled_call.explain().verdict == "static"
    net[1] = nn.ReLU()
    assert not np.allclose(net(x).detach().numpy(), expected)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_allclose(other(x).detach().numpy(), net(x).detach().numpy(), rtol=1e-5)
