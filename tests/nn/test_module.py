"""Modules: what is registered and found, state dicts, hooks, copies, representation, and what is refused."""

import copy
import pickle
from typing import Any, cast

import numpy as np
import pytest

import tracegraph
from tracegraph import _state, nn
from tracegraph.nn.state_dict import StateDictError

torch = pytest.importorskip("torch")


class Net(nn.Module):
    """A module with parameters, buffers and submodules at two levels, one of them shared."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.block = nn.Sequential(nn.ReLU(), nn.Linear(4, 4), self.first)
        self.scale = nn.Parameter(tracegraph.tensor([2.0]))
        self.register_buffer("count", tracegraph.tensor(0))
        self.register_buffer("scratch", tracegraph.tensor([1.0]), persistent=False)
        self.words = ["a"]

    def forward(self, x: Any) -> Any:
        return self.block[1](self.first(x)) * self.scale


class TorchNet(torch.nn.Module):  # type: ignore[misc, name-defined]
    """The same in PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(3, 4)
        self.block = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(4, 4), self.first)
        self.scale = torch.nn.Parameter(torch.tensor([2.0]))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("scratch", torch.tensor([1.0]), persistent=False)


def test_names_and_repr_are_torchs() -> None:
    mine, yours = Net(), TorchNet()
    for listing in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [n for n, _ in getattr(mine, listing)()] == [n for n, _ in getattr(yours, listing)()]
    assert list(mine.state_dict()) == list(yours.state_dict())
    assert [n for n, _ in mine.named_parameters(prefix="p", recurse=False)] == ["p.scale"]
    assert [n for n, _ in mine.named_parameters(remove_duplicate=False)] == [
        n for n, _ in yours.named_parameters(remove_duplicate=False)
    ]
    assert repr(mine).replace("Net", "TorchNet") == repr(yours)
    assert mine.get_submodule("block.1") is mine.block[1]
    assert mine.get_parameter("block.1.bias") is mine.block[1].bias
    assert mine.get_buffer("count") is mine.count
    assert len(list(mine.modules())) == len(list(yours.modules()))


def test_attributes() -> None:
    net: Any = Net()
    old = net.scale
    net.scale = nn.Parameter(tracegraph.tensor([3.0]))
    assert net.scale is not old
    assert dict(net.named_parameters())["scale"] is net.scale
    net.scale = None
    assert "scale" not in dict(net.named_parameters())
    assert net.scale is None
    del net.scale
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'scale'"):
        _ = net.scale
    net.count = tracegraph.tensor(4)
    assert dict(net.named_buffers())["count"].item() == 4
    net.first = nn.Identity()
    assert "first.weight" not in dict(net.named_parameters())
    net.kept = nn.Buffer(tracegraph.tensor([1.0]), persistent=False)
    assert "kept" in dict(net.named_buffers())
    assert "kept" not in net.state_dict()
    net.kept = nn.Parameter(tracegraph.tensor([1.0]))
    assert "kept" in dict(net.named_parameters())
    assert "kept" not in dict(net.named_buffers())
    assert {"first", "kept", "words", "forward"} <= set(dir(net))


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "parameter": (
        lambda net: setattr(net, "scale", tracegraph.tensor([1.0])),
        TypeError,
        "cannot assign 'Tensor' as parameter 'scale'",
    ),
    "module": (lambda net: setattr(net, "first", 3), TypeError, "cannot assign 'int' as child module 'first'"),
    "buffer": (lambda net: setattr(net, "count", 3), TypeError, "cannot assign 'int' as buffer 'count'"),
    "dot": (lambda net: net.register_parameter("a.b", None), KeyError, "contain"),
    "taken": (lambda net: net.register_buffer("forward", None), KeyError, "already exists"),
    "empty": (lambda net: net.add_module("", None), KeyError, "empty string"),
    "not_a_module": (lambda net: net.add_module("x", 3), TypeError, "int is not a Module subclass"),
    "not_a_parameter": (
        lambda net: net.register_parameter("x", tracegraph.ones(1)),
        TypeError,
        "Parameter or None required",
    ),
    "cuda": (lambda net: net.cuda(), TypeError, "Module.cuda: device 'cuda' is not available"),
    "cuda_by_to": (lambda net: net.to("cuda:0"), TypeError, "Module.to: device 'cuda:0' is not available"),
    "mode": (lambda net: net.train("yes"), ValueError, "boolean"),
    "integers": (lambda net: net.to(tracegraph.int64), TypeError, "floating point"),
    "no_such_module": (lambda net: net.get_submodule("block.9"), AttributeError, "no attribute `9`"),
    "not_a_submodule": (lambda net: net.get_submodule("scale"), AttributeError, "not a Module"),
    "no_forward": (lambda net: nn.Module()(1), NotImplementedError, "missing the required"),
    "integer_parameter": (lambda net: nn.Parameter(tracegraph.tensor([1])), RuntimeError, "floating point"),
    "list_parameter": (lambda net: nn.Parameter(cast("Any", [1.0])), TypeError, "takes a Tensor"),
    "virtual_subclass": (lambda net: nn.Module.register(int), TypeError, "inherit from Module"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    act, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        act(Net())


def test_before_init() -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\) call"):
        Early()


def test_state_dict_round_trip() -> None:
    first, second = Net(), Net()
    second.count.add_(3)
    weight = first.first.weight
    result = first.load_state_dict(second.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    assert first.first.weight is weight
    x = tracegraph.ones(2, 3)
    np.testing.assert_array_equal(first(x).detach().numpy(), second(x).detach().numpy())
    assert first.count.item() == 3
    assert all(not value.requires_grad for value in first.state_dict().values())
    assert first.state_dict(keep_vars=True)["scale"] is first.scale
    first.load_state_dict(second.state_dict(), assign=True)
    assert first.first.weight is not weight
    assert first.first.weight.requires_grad


def test_state_dict_into_torch_and_back() -> None:
    mine, yours = Net(), TorchNet()
    yours.load_state_dict({name: torch.from_numpy(value.numpy()) for name, value in mine.state_dict().items()})
    mine.load_state_dict({name: tracegraph.tensor(value.numpy()) for name, value in yours.state_dict().items()})
    x = np.ones((2, 3), np.float32)
    expected = (yours.block[1](yours.first(torch.from_numpy(x))) * yours.scale).detach().numpy()
    np.testing.assert_allclose(mine(tracegraph.tensor(x)).detach().numpy(), expected, rtol=1e-5)


def test_state_dict_errors_name_everything() -> None:
    net = Net()
    state = net.state_dict()
    del state["scale"]
    state["other"] = tracegraph.ones(1)
    state["block.1.bias"] = tracegraph.ones(5)
    with pytest.raises(StateDictError) as problem:
        net.load_state_dict(state)
    text = str(problem.value)
    assert "Error(s) in loading state_dict for Net:" in text
    assert 'Missing key(s) in state_dict: "scale"' in text
    assert 'Unexpected key(s) in state_dict: "other"' in text
    assert "size mismatch for block.1.bias" in text
    assert "[5]" in text
    assert "[4]" in text
    state["block.1.bias"] = tracegraph.ones(4)
    result = net.load_state_dict(state, strict=False)
    assert result.missing_keys == ["scale"]
    assert result.unexpected_keys == ["other"]
    assert "missing_keys=['scale']" in repr(result)
    with pytest.raises(TypeError, match="dict-like"):
        net.load_state_dict([1])  # type: ignore[arg-type]


def test_train_apply_and_gradients() -> None:
    net = Net()
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.train()
    assert all(module.training for module in net.modules())
    seen: list[str] = []
    net.apply(lambda module: seen.append(type(module).__name__))
    assert seen[-1] == "Net"
    assert "ReLU" in seen
    net(tracegraph.ones(2, 3)).sum().backward()
    assert net.scale.grad is not None
    gradient = net.scale.grad
    net.zero_grad(set_to_none=False)
    assert net.scale.grad is gradient
    assert gradient.tolist() == [0.0]
    net.zero_grad()
    assert all(parameter.grad is None for parameter in net.parameters())
    net.requires_grad_(False)
    assert not net(tracegraph.ones(2, 3)).requires_grad


def test_dtypes() -> None:
    net = Net()
    weight = net.first.weight
    net(tracegraph.ones(2, 3)).sum().backward()
    net.double()
    assert net.first.weight is weight
    assert weight.dtype == np.float64
    assert weight.grad is not None
    assert weight.grad.dtype == np.float64
    assert net.count.dtype == np.int64
    assert net(tracegraph.ones(2, 3, dtype=tracegraph.float64)).dtype == np.float64
    assert net.to(tracegraph.float32).scale.dtype == np.float32
    assert net.to("cpu").half().scale.dtype == np.float16
    assert net.to(tracegraph.ones(1)).float().scale.dtype == np.float32


def test_hooks() -> None:
    layer = nn.Linear(2, 2)
    x = tracegraph.ones(1, 2)
    plain = layer(x)
    seen: list[Any] = []
    before = layer.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    after = layer.register_forward_hook(lambda module, args, result: seen.append((module, args, result)))
    first = layer.register_forward_hook(lambda module, args, result: result + 1, prepend=True)
    named = layer.register_forward_pre_hook(lambda module, args, kwargs: None, with_kwargs=True)
    result = layer(x)
    assert seen[0][0] is layer
    assert seen[0][1][0].tolist() == [[2.0, 2.0]]
    assert seen[0][2] is result
    for handle in (before, after, first, named):
        handle.remove()
        handle.remove()
    np.testing.assert_array_equal(layer(x).detach().numpy(), plain.detach().numpy())
    with layer.register_forward_hook(lambda module, args, result: None):
        assert layer._forward_hooks
    assert not layer._forward_hooks


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["deepcopy", "pickle"]
)
def test_copies(duplicate: Any) -> None:
    net = Net()
    other = duplicate(net)
    assert other.block[2] is other.first
    assert other.first.weight is not net.first.weight
    assert type(other.first.weight) is nn.Parameter
    assert other.first.weight.requires_grad
    other.first.weight.data.zero_()
    assert net.first.weight.detach().numpy().any()
    assert other.words == ["a"]
    assert other.words is not net.words
    other.first = nn.Identity()
    assert isinstance(net.first, nn.Linear)


def test_parameter() -> None:
    data = tracegraph.tensor([1.0, 2.0])
    parameter = nn.Parameter(data)
    assert repr(parameter) == repr(torch.nn.Parameter(torch.tensor([1.0, 2.0])))
    assert type(parameter).__mro__[1] is tracegraph.Tensor
    assert parameter.is_leaf
    assert parameter.requires_grad
    data.mul_(2)
    assert parameter.tolist() == [2.0, 4.0]
    assert type(parameter * 1) is tracegraph.Tensor
    assert not nn.Parameter(tracegraph.tensor([1]), requires_grad=False).requires_grad


def test_containers() -> None:
    layers = [nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)]
    row = nn.Sequential(*layers)
    assert row[-1] is layers[2]
    assert len(row[:2]) == 2
    assert list(row) == layers
    row[1] = nn.Tanh()
    row.insert(1, nn.Sigmoid()).append(nn.Identity())
    assert [type(layer).__name__ for layer in row] == ["Linear", "Sigmoid", "Tanh", "Linear", "Identity"]
    del row[1]
    assert list(row._modules) == ["0", "1", "2", "3"]
    assert type(row.pop(1)) is nn.Tanh
    assert len(row + nn.Sequential(nn.ReLU())) == 4
    listed = nn.ModuleList(layers)
    listed += [nn.ReLU()]
    assert len(listed[1:]) == 3
    assert list(nn.ModuleList([nn.Linear(2, 2)] * 3).state_dict()) == [
        f"{n}.{p}" for n in range(3) for p in ("weight", "bias")
    ]
    theirs = torch.nn.ModuleList([torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), torch.nn.ReLU()])
    assert repr(nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()])) == repr(theirs)
    with pytest.raises(IndexError, match="out of range"):
        _ = listed[4]
    named = nn.ModuleDict({"a": nn.ReLU()})
    named["b"] = nn.Linear(1, 1)
    named.update([("c", nn.Tanh())])
    assert list(named) == ["a", "b", "c"]
    assert "a" in named
    assert type(named.pop("a")) is nn.ReLU
    assert len(named) == 2
    parameters = nn.ParameterList([nn.Parameter(tracegraph.ones(1)), tracegraph.zeros(2)])
    assert [p.shape for p in parameters] == [(1,), (2,)]
    assert list(parameters.state_dict()) == ["0", "1"]


def test_epoch_moves_with_changes_only() -> None:
    net = Net()

    def moves(act: Any) -> bool:
        before = _state.epoch
        act()
        return _state.epoch != before

    net.rate, net.label = 0.5, "x"
    for act in (
        lambda: setattr(net, "rate", 0.5),
        net.train,
        lambda: setattr(net, "first", net.first),
        lambda: setattr(net, "scale", net.scale),
        lambda: list(net.parameters()),
        net.state_dict,
        lambda: net.load_state_dict(net.state_dict()),
        lambda: net(tracegraph.ones(1, 3)),
        net.zero_grad,
    ):
        assert not moves(act)
    for act in (
        lambda: setattr(net, "rate", 1.0),
        lambda: setattr(net, "rate", 1),
        net.eval,
        lambda: setattr(net, "first", nn.Identity()),
        lambda: setattr(net, "fresh", 1),
        lambda: delattr(net, "fresh"),
        net._parameters.clear,
        lambda: net._buffers.pop("count"),
        lambda: net._modules.update(x=None),
        lambda: net.register_forward_hook(print),
        lambda: setattr(Net, "extra", 1),
        lambda: delattr(Net, "extra"),
    ):
        assert moves(act)
