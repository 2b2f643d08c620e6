"""The constructors of older scripts (`Tensor(2, 3)`, `FloatTensor(...)`, `Variable`) against PyTorch's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.views_oracle import same

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

CASES: dict[str, Callable[[Any], Any]] = {
    "sizes": lambda m: m.Tensor(2, 3).fill_(1),
    "no sizes": lambda m: m.Tensor(),
    "size of an array": lambda m: m.Tensor(np.int64(2)).fill_(1),
    "list": lambda m: m.Tensor([[1, 2], [3, 4]]),
    "tuple": lambda m: m.Tensor((2, 3)),
    "bools": lambda m: m.Tensor([True]),
    "array of doubles": lambda m: m.Tensor(np.arange(3.0)),
    "tensor of another dtype": lambda m: m.Tensor(m.tensor([1, 2])),
    "typed sizes": lambda m: [m.LongTensor(2).fill_(1), m.ByteTensor(1, 2).fill_(1), m.DoubleTensor(1).fill_(1)],
    "typed data": lambda m: [m.FloatTensor([1, 2]), m.LongTensor([1, 2]), m.BoolTensor([1, 0]), m.IntTensor([[3]])],
    "cut": lambda m: m.LongTensor(np.array([1.5, -1.5])),
    "isinstance": lambda m: [isinstance(m.ones(1), t) for t in (m.FloatTensor, m.LongTensor, m.Tensor)],
    "type": lambda m: m.tensor([1.5]).type(m.LongTensor),
    "variable": lambda m: m.autograd.Variable(m.ones(2), requires_grad=True).requires_grad,
    "variable of a result": lambda m: m.autograd.Variable(m.ones(2, requires_grad=True) * 2).requires_grad,
    "bool": lambda m: m.Tensor(True),
    "number": lambda m: m.Tensor(2.0),
    "scalar": lambda m: m.Tensor(np.float64(2)),
    "none": lambda m: m.Tensor(None),
    "text": lambda m: m.Tensor("a"),
    "negative size": lambda m: m.Tensor(-1),
    "size and number": lambda m: m.Tensor(2, 3.0),
    "constants": lambda m: [m.pi, m.e, m.inf, m.newaxis, isinstance(m.ones(1).dtype, m.dtype), m.short == m.int16],
}


@pytest.mark.parametrize("name", CASES)
def test_constructors_are_pytorchs(name: str) -> None:
    case = CASES[name]
    try:
        wanted = case(torch)
    except (TypeError, ValueError, RuntimeError) as error:
        with pytest.raises(type(error)):
            case(tracegraph)
        return
    found = case(tracegraph)
    for a, b in zip(found, wanted, strict=True) if isinstance(wanted, list) else [(found, wanted)]:
        if isinstance(b, torch.Tensor):
            same(a, b)
        else:
            assert a == b


def test_a_tensor_of_a_tensor_shares_its_memory() -> None:
    for make in (tracegraph.Tensor, tracegraph.FloatTensor, tracegraph.autograd.Variable):
        x = tracegraph.zeros(2)
        make(x).fill_(3)
        assert x.tolist() == [3, 3]


def test_they_are_traced() -> None:
    def made(x: Any) -> Any:
        return tracegraph.Tensor(2, 3).fill_(1.0) + tracegraph.FloatTensor([1, 2, 3]) * x

    traced = tracegraph.trace(made)
    for value in (1.0, 2.0, 3.0):
        assert traced(tracegraph.tensor(value)).tolist() == made(tracegraph.tensor(value)).tolist()
    assert traced.explain().verdict == "static"
