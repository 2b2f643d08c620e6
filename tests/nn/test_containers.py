"""Containers: each operation on ours and on PyTorch's, with the same content or the same kind of error."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.nn.both import assert_same, tensor
from tracegraph import nn

Change = Callable[[Any, Any], Any]
"""Takes `nn` and the container; what it returns is looked at, or else the container."""

NUMBERED: dict[str, Change] = {
    "index": lambda n, c: c[-1],
    "slice": lambda n, c: c[1:],
    "slice_with_step": lambda n, c: c[::-2],
    "too_far": lambda n, c: c[5],
    "no_number": lambda n, c: c["0"],
    "set": lambda n, c: c.__setitem__(-2, n.GELU()),
    "set_nothing": lambda n, c: c.__setitem__(0, 3),
    "delete": lambda n, c: c.__delitem__(1),
    "delete_slice": lambda n, c: c.__delitem__(slice(0, 2)),
    "append": lambda n, c: c.append(n.GELU()),
    "append_nothing": lambda n, c: c.append(3),
    "extend": lambda n, c: c.extend([n.GELU(), n.Identity()]),
    "extend_by_itself": lambda n, c: c.extend(list(c)),
    "extend_number": lambda n, c: c.extend(3),
    "insert": lambda n, c: c.insert(1, n.GELU()),
    "insert_last": lambda n, c: c.insert(3, n.GELU()),
    "pop": lambda n, c: c.pop(1),
    "pop_and_rest": lambda n, c: (c.pop(0), c)[1],
    "iterate": lambda n, c: n.ModuleList(reversed(list(c))),
    "contains": lambda n, c: (c[0] in c, n.ReLU() in c, len(c)),
    "add": lambda n, c: c + type(c)(),
    "directory": lambda n, c: [name for name in dir(c) if name.isdigit()],
}
SEQUENTIAL: dict[str, Change] = {
    "insert_before": lambda n, c: c.insert(-1, n.GELU()),
    "insert_too_far": lambda n, c: c.insert(9, n.GELU()),
    "add_itself": lambda n, c: c + c,
    "add_list": lambda n, c: c.__add__([n.GELU()]),
    "add_in_place": lambda n, c: c.__iadd__(n.Sequential(n.GELU())),
    "add_list_in_place": lambda n, c: c.__iadd__([n.GELU()]),
    "times": lambda n, c: c * 2,
    "times_from_left": lambda n, c: 2 * c,
    "times_in_place": lambda n, c: c.__imul__(3),
    "times_zero": lambda n, c: c * 0,
    "times_text": lambda n, c: c * "a",
    "named": lambda n, c: n.Sequential(OrderedDict([("first", n.ReLU()), ("second", n.Tanh()), ("third", n.GELU())])),
    "named_slice": lambda n, c: n.Sequential(OrderedDict([("first", n.ReLU()), ("second", n.Tanh())]))[1:],
    "named_index": lambda n, c: n.Sequential(OrderedDict([("first", n.ReLU()), ("second", n.Tanh())]))[1],
    "dict": lambda n, c: n.Sequential({"first": n.ReLU()}),
}
LIST: dict[str, Change] = {
    "add_list": lambda n, c: c.__add__([n.GELU()]),
    "add_in_place": lambda n, c: c.__iadd__([n.GELU()]),
    "call": lambda n, c: c(1),
    "of_modules": lambda n, c: n.ModuleList(c),
}
DICT: dict[str, Change] = {
    "get": lambda n, c: c["a"],
    "missing": lambda n, c: c["z"],
    "set": lambda n, c: c.__setitem__("a", n.GELU()),
    "set_new": lambda n, c: c.__setitem__("d", n.GELU()),
    "set_number": lambda n, c: c.__setitem__(1, n.GELU()),
    "set_method": lambda n, c: c.__setitem__("keys", n.GELU()),
    "delete": lambda n, c: c.__delitem__("b"),
    "delete_missing": lambda n, c: c.__delitem__("z"),
    "contains": lambda n, c: ("a" in c, "z" in c, len(c), list(c), list(c.keys())),
    "views": lambda n, c: (list(c.keys() & {"a", "x"}), [type(value).__name__ for value in c.values()]),
    "items": lambda n, c: n.ModuleDict(c.items()),
    "pop": lambda n, c: c.pop("a"),
    "pop_missing": lambda n, c: c.pop("z"),
    "clear": lambda n, c: c.clear(),
    "update": lambda n, c: c.update({"b": n.GELU(), "e": n.ReLU()}),
    "update_by_itself": lambda n, c: c.update(n.ModuleDict({"f": n.ReLU()})),
    "update_pairs": lambda n, c: c.update([("g", n.ReLU())]),
    "update_number": lambda n, c: c.update(3),
    "update_numbers": lambda n, c: c.update([3]),
    "update_triples": lambda n, c: c.update([("a", n.ReLU(), 1)]),
}


def look(value: Any) -> Any:
    """The text of modules, anything else as it is."""
    return repr(value) if type(value).__module__.partition(".")[0] in ("torch", "tracegraph") else value


def layers(n: Any) -> list[Any]:
    return [n.ReLU(), n.Tanh(), n.Sigmoid()]


MAKERS: dict[str, tuple[Callable[[Any], Any], dict[str, Change]]] = {
    "Sequential": (lambda n: n.Sequential(*layers(n)), NUMBERED | SEQUENTIAL),
    "ModuleList": (lambda n: n.ModuleList(layers(n)), NUMBERED | LIST),
    "ModuleDict": (lambda n: n.ModuleDict(dict(zip("abc", layers(n), strict=True))), DICT),
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, (_, changes) in MAKERS.items() for name in changes])
def test_modules(kind: str, name: str) -> None:
    make, changes = MAKERS[kind]

    def program(library: Any) -> Any:
        made = make(library.nn)
        result = changes[name](library.nn, made)
        return look(made if result is None else result), look(made), list(made.state_dict())

    assert_same(program)


PARAMETER_LIST: dict[str, Change] = {
    "index": lambda n, c: c[-1],
    "slice": lambda n, c: list(c[1:]),
    "too_far": lambda n, c: c[5],
    "set": lambda n, c: c.__setitem__(1, c[0] * 2),
    "append": lambda n, c: c.append(c[0] * 2) and list(c),
    "append_text": lambda n, c: c.append("text") and list(c),
    "extend": lambda n, c: c.extend([c[0].detach(), c[1]]) and list(c),
    "extend_tensor": lambda n, c: c.extend(c[0]),
    "extend_number": lambda n, c: c.extend(1),
    "add_in_place": lambda n, c: list(c.__iadd__([c[0]])),
    "call": lambda n, c: c(1),
    "kinds": lambda n, c: [type(value).__name__ for value in c],
}
PARAMETER_DICT: dict[str, Change] = {
    "get": lambda n, c: (c["a"], c.get("z"), c.get("z", 3)),
    "set": lambda n, c: c.__setitem__("a", c["a"] * 2),
    "set_number": lambda n, c: c.__setitem__(1, c["a"]),
    "delete": lambda n, c: c.__delitem__("a"),
    "pop": lambda n, c: c.pop("b"),
    "popitem": lambda n, c: c.popitem(),
    "popitem_of_nothing": lambda n, c: n.ParameterDict().popitem(),
    "setdefault": lambda n, c: (c.setdefault("a", 1), c.setdefault("z", c["a"])),
    "clear": lambda n, c: c.clear(),
    "copy": lambda n, c: (c.copy()["a"] is c["a"], list(c.copy())),
    "contains": lambda n, c: ("a" in c, "z" in c, len(c), list(c), list(reversed(c)), list(c.keys())),
    "items": lambda n, c: (list(c.items()), list(c.values())),
    "fromkeys": lambda n, c: list(c.fromkeys(["x", "y"], 1).items()),
    "update": lambda n, c: c.update({"d": c["a"] * 2}),
    "update_pairs": lambda n, c: c.update([("d", "text")]),
    "update_unsorted": lambda n, c: (c.update({"z": c["a"], "y": c["b"]}), list(c))[1],
    "update_ordered": lambda n, c: (c.update(OrderedDict([("z", c["a"]), ("y", c["b"])])), list(c))[1],
    "update_number": lambda n, c: c.update(1),
    "or": lambda n, c: list((c | n.ParameterDict({"d": c["a"]})).items()),
    "or_in_place": lambda n, c: list(c.__ior__(n.ParameterDict({"a": c["b"]})).items()),
    "call": lambda n, c: c(1),
}
PARAMETERS: dict[str, tuple[Callable[[Any], Any], dict[str, Change]]] = {
    "ParameterList": (lambda library: library.nn.ParameterList(tensors(library)), PARAMETER_LIST),
    "ParameterDict": (
        lambda library: library.nn.ParameterDict(dict(zip("ab", tensors(library), strict=True))),
        PARAMETER_DICT,
    ),
}


def tensors(library: Any) -> list[Any]:
    return [tensor(library, 2), library.nn.Parameter(tensor(library, 2, 3, seed=1))]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, (_, changes) in PARAMETERS.items() for name in changes]
)
def test_parameters(kind: str, name: str) -> None:
    make, changes = PARAMETERS[kind]

    def program(library: Any) -> Any:
        made = make(library)
        result = changes[name](library.nn, made)
        state = {key: value for key, value in made.state_dict().items()}  # noqa: C416
        return None if hasattr(result, "modules") else result, state, len(made)

    assert_same(program)


def test_text_of_parameters() -> None:
    assert repr(nn.ParameterList([tracegraph.ones(2, 3), 1])) == (
        "ParameterList(\n    (0): Parameter containing: [float32 of size 2x3]\n    (1): Object of type: int\n)"
    )


FLATTENED: dict[str, Callable[[Any], Any]] = {
    "flatten": lambda n: n.Flatten(),
    "flatten_some": lambda n: n.Flatten(0, 1),
    "unflatten": lambda n: n.Unflatten(1, (1, -1)),
    "unflatten_list": lambda n: n.Unflatten(-1, [2, 2]),
    "unflatten_number": lambda n: n.Unflatten(1, 3),
    "unflatten_floats": lambda n: n.Unflatten(1, (1.0, 3)),
    "unflatten_wrong": lambda n: n.Unflatten(1, (2, 2)),
    "identity": lambda n: n.Identity(3, name="x"),
}


@pytest.mark.parametrize("name", FLATTENED)
def test_flatten_and_identity(name: str) -> None:
    def program(library: Any) -> Any:
        layer = FLATTENED[name](library.nn)
        return layer(tensor(library, 2, 3, 4)), repr(layer)

    assert_same(program)


def test_traced_over_containers() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.heads = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Linear(2, 1)})
            self.scales = nn.ParameterList([tracegraph.ones(1), tracegraph.ones(1) * 2])
            self.named = nn.ParameterDict({"shift": tracegraph.ones(1)})

        def forward(self, x: Any) -> Any:
            total = self.named["shift"] * len(self.scales)
            for name, head in self.heads.items():
                total = total + head(x) * (2 if name == "a" else 3)
            for scale in self.scales:
                total = total * scale
            return total

    net = Net()
    forward = tracegraph.trace(net)
    x = tensor(tracegraph, 4, 2)
    for number in range(6):
        if number == 2:
            net.scales.append(tracegraph.ones(1) * 5)
        if number == 4:
            net.named["shift"] = tracegraph.zeros(1)
        np.testing.assert_allclose(forward(x).detach().numpy(), net(x).detach().numpy(), rtol=1e-5)
    assert forward.explain().verdict == "static"
