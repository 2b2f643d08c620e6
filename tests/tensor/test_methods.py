"""What tensors tell of themselves, and the forms of `to` and of creation functions: as PyTorch's."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.views_oracle import same
from tracegraph.runtime.errors import IndexingError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

FACTS: dict[str, Callable[[Any, Any], Any]] = {
    "is_signed": lambda m, x: x.is_signed(),
    "is_complex": lambda m, x: (x.is_complex(), m.is_complex(x)),
    "is_floating_point": lambda m, x: (x.is_floating_point(), m.is_floating_point(x)),
    "places": lambda m, x: [getattr(x, "is_" + name) for name in ("cuda", "cpu", "sparse", "quantized", "meta", "mps")],
    "sizes": lambda m, x: (x.ndimension(), x.dim(), x.numel(), m.numel(x), x.element_size(), x.itemsize, x.nbytes),
    "contiguous": lambda m, x: (x.is_contiguous(), x.T.is_contiguous(), x[..., :1].is_contiguous()),
    "offset": lambda m, x: (x.storage_offset(), x[1:, 1].storage_offset(), x[1][1].storage_offset()),
    "stride": lambda m, x: (x.stride(), x.stride(-1), x.T.stride()),
    "same size": lambda m, x: (x.is_same_size(x + 1), x.is_same_size(x[0]), m.is_same_size(x, x)),
    "set to": lambda m, x: (x.is_set_to(x[:]), x.is_set_to(x[1:]), x.is_set_to(x.clone())),
    "device": lambda m, x: (str(x.device), x.device.type, x.device.index, repr(x.device), x.get_device()),
    "pinned": lambda m, x: (x.is_pinned(), x.pin_memory is not None, x.is_inference()),
    "length": lambda m, x: (len(x), x.size(0), tuple(x.size()), x.size(-1)),
    "contains": lambda m, x: (1 in x, 77 in x),
    "is_tensor": lambda m, x: (m.is_tensor(x), m.is_tensor(1), m.is_tensor(np.zeros(2))),
    "type": lambda m, x: x.type().rsplit(".", 1)[-1],
    "nonzero": lambda m, x: (m.is_nonzero(x[1, 1]), x[0, 0].is_nonzero()),
    "numpy": lambda m, x: x.numpy(force=True).tolist(),
    "broadcast_shapes": lambda m, x: tuple(m.broadcast_shapes(x.shape, (5, 1, 1), 3)),
}
DTYPES = ("float32", "float64", "float16", "int64", "int32", "uint8", "bool")


def _pair(dtype: str) -> tuple[Any, Any]:
    array = (np.arange(6).reshape(2, 3) % 5).astype(dtype)
    return tracegraph.from_numpy(array.copy()), torch.from_numpy(array.copy())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FACTS)
def test_facts(name: str, dtype: str) -> None:
    ours, theirs = _pair(dtype)
    assert FACTS[name](tracegraph, ours) == FACTS[name](torch, theirs)


CASTS: dict[str, Callable[[Any, Any], Any]] = {
    "dtype": lambda m, x: x.to(m.float64),
    "dtype keyword": lambda m, x: x.to(dtype=m.int32),
    "dtype, flags": lambda m, x: x.to(m.float64, True, True),
    "device": lambda m, x: x.to("cpu"),
    "device object": lambda m, x: x.to(m.device("cpu")),
    "device, dtype": lambda m, x: x.to("cpu", m.int64),
    "device, dtype, flags": lambda m, x: x.to("cpu", m.int64, False, True),
    "device keyword": lambda m, x: x.to(device="cpu", dtype=m.float64, non_blocking=True),
    "other": lambda m, x: x.to(m.zeros(1, dtype=m.int64)),
    "other, flags": lambda m, x: x.to(m.zeros(1), False, True),
    "copy": lambda m, x: x.to(x.dtype, copy=True),
    "type": lambda m, x: x.type(m.float64),
    "type text": lambda m, x: x.type(("torch" if m is torch else "tracegraph") + ".LongTensor"),
    "type_as": lambda m, x: x.type_as(m.tensor(True)),
    "methods": lambda m, x: (x.float(), x.double(), x.long(), x.int(), x.byte(), x.bool()),
    "clone": lambda m, x: x.clone(memory_format=m.preserve_format),
    "cpu": lambda m, x: x.cpu(),
    "new": lambda m, x: (x.new([1, 2]), x.new(2, 0), x.new()),
    "new sizes": lambda m, x: (x.new_zeros(2, 3), x.new_ones((2,)), x.new_full(size=(1,), fill_value=3)),
    "new_tensor": lambda m, x: x.new_tensor([[1, 2]]),
    "zeros size": lambda m, x: (m.zeros(size=(2, 1)), m.ones(size=[3], dtype=m.int64), m.zeros(()), m.ones([])),
    "ignored": lambda m, x: (m.zeros(2, pin_memory=False, layout=m.strided), m.full((2,), 3, device="cpu")),
    "likes": lambda m, x: (m.zeros_like(x, device="cpu"), m.ones_like(x, memory_format=m.preserve_format)),
    "arange tensors": lambda m, x: (m.arange(m.tensor(2), m.tensor(5)), m.arange(m.tensor(1.0), 2.5, 0.5)),
    "linspace tensors": lambda m, x: (m.linspace(m.tensor(1), 4, 4), m.logspace(0, m.tensor(2.0), 3, base=2.0)),
    "scalar_tensor": lambda m, x: (m.scalar_tensor(2), m.scalar_tensor(True, dtype=m.bool)),
    "frombuffer": lambda m, x: m.frombuffer(bytearray(range(12)), dtype=m.int32, count=2, offset=4),
    "cuda": lambda m, x: x.cuda(),
    "to cuda": lambda m, x: x.to("cuda"),
    "unknown device": lambda m, x: m.device("toaster"),
    "unknown keyword": lambda m, x: m.zeros(2, colour="red"),
    "flags first": lambda m, x: x.to(True, m.float64),
}


@pytest.mark.parametrize("name", CASTS)
def test_forms_of_calls(name: str) -> None:
    call = CASTS[name]
    for dtype in ("float32", "int64"):
        ours, theirs = _pair(dtype)
        try:
            expected = call(torch, theirs)
        except (RuntimeError, TypeError, ValueError, AssertionError):
            with pytest.raises((RuntimeError, TypeError, ValueError)):
                call(tracegraph, ours)
            continue
        result = call(tracegraph, ours)
        same(result, expected)
        if isinstance(expected, torch.Tensor):
            assert (result is ours) == (expected is theirs)


def test_devices_in_traced_functions() -> None:
    device = tracegraph.device("cpu")

    @tracegraph.trace
    def add(x: Any) -> Any:
        if x.device.type == "cpu" and x.device == device:
            x = x + tracegraph.ones(3, device=device)
        return x.to(device) * tracegraph.full((3,), 2.0, device=x.device)

    for _ in range(2):
        assert add(tracegraph.ones(3)).tolist() == [4, 4, 4]
    assert add.explain().verdict == "static"


def test_copies_and_reversal() -> None:
    x = tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    for made in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert made.requires_grad
        assert made.tolist() == x.tolist()
        assert made.data_ptr() != x.data_ptr()
    assert reversed(x).tolist() == [[3, 4], [1, 2]]
    assert x.numpy(force=True).tolist() == x.tolist()


def test_overwritten_tensors_stay_in_the_graph() -> None:
    found = []
    for library in (tracegraph, torch):
        x = library.ones(3, requires_grad=True)
        for change in ("zero_", "fill_", "view"):
            y = x * 2
            part = y.view(3, 1) if change == "view" else y
            (part.zero_ if change == "zero_" else lambda part=part: part.fill_(5))()
            assert y.requires_grad
            y.mul_(x)
            (y.sum() + x.sum()).backward()
        found.append(x.grad.tolist())
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("shape", "wrap"), [((3, 3), False), ((5, 2), False), ((7, 2), True), ((2, 5), True), ((3, 3, 3), False)]
)
def test_fill_diagonal(shape: tuple[int, ...], wrap: bool) -> None:
    for transposed in (False,) if wrap else (False, True):
        results = []
        for library in (tracegraph, torch):
            x = library.zeros(*(reversed(shape) if transposed else shape))
            x = x.transpose(0, -1) if transposed else x
            results.append(x.fill_diagonal_(4, wrap).tolist())
        assert results[0] == results[1]
    with pytest.raises(RuntimeError):
        tracegraph.zeros(3).fill_diagonal_(1)


def test_errors_name_what_is_wrong() -> None:
    x = tracegraph.zeros(2, 3)
    with pytest.raises(IndexingError, match="index 5 is out of range for dimension 1 of size 3"):
        x.select_scatter(tracegraph.zeros(2), 1, 5)
    with pytest.raises(ValueError, match=r"put: source of shape \(2,\) for an index of shape \(3,\)"):
        x.put(tracegraph.tensor([0, 1, 2]), tracegraph.zeros(2))
    with pytest.raises(IndexingError, match="index 4 is out of range for dimension 0 of size 2"):
        x.scatter_reduce(0, tracegraph.tensor([[4]]), x[:1, :1] + 1, "prod")
    with pytest.raises(ValueError, match="fewer elements than the mask chooses"):
        x.masked_scatter(x == 0, tracegraph.zeros(5))
