"""What scripts written for PyTorch do around their models: devices, dtypes, settings."""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph
from tests.ops.oracle import torch
from tracegraph import nn, trace

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


@pytest.fixture
def default_dtype() -> Iterator[None]:
    yield
    tracegraph.set_default_dtype(tracegraph.float32)
    torch.set_default_dtype(torch.float32)


def test_a_device() -> None:
    for given in (("cpu",), ("cuda:1",), ("cuda", 1), ("mps",)):
        mine, theirs = tracegraph.device(*given), torch.device(*given)
        assert (str(mine), repr(mine), mine.type, mine.index) == (str(theirs), repr(theirs), theirs.type, theirs.index)
    cpu = tracegraph.device("cpu")
    assert cpu == tracegraph.zeros(1).device == tracegraph.device(cpu)
    assert cpu != tracegraph.device("cuda")
    assert pickle.loads(pickle.dumps(cpu)) == copy.deepcopy(cpu) == cpu
    assert {cpu: 1}[tracegraph.device("cpu")] == 1
    for wrong in ("gpu", "cuda:x", "cuda:-1"):
        with pytest.raises((ValueError, RuntimeError)):
            tracegraph.device(wrong)


@pytest.mark.parametrize(
    "make",
    [
        lambda device: tracegraph.tensor([1.0], device=device),
        lambda device: tracegraph.zeros(2, device=device),
        lambda device: tracegraph.randn(2, device=device),
        lambda device: tracegraph.zeros(2).to(device),
        lambda device: nn.Linear(2, 2).to(device).weight,
    ],
)
def test_only_the_cpu_is_there(make: Callable[[Any], tracegraph.Tensor]) -> None:
    for device in ("cpu", tracegraph.device("cpu"), "cpu:0"):
        assert make(device).device.type == "cpu"
    for device in ("cuda", tracegraph.device("cuda:0"), "mps"):
        with pytest.raises(TypeError, match="is not available"):
            make(device)


def test_a_device_in_a_traced_function() -> None:
    device = tracegraph.device("cuda" if tracegraph.cuda.is_available() else "cpu")

    @trace
    def step(x: tracegraph.Tensor) -> Any:
        return x.to(device) + tracegraph.ones(3, device=device) * (2 if x.device == device else 3)

    for _ in range(3):
        np.testing.assert_array_equal(step(tracegraph.ones(3)).numpy(), [3, 3, 3])
    assert step.explain().verdict == "static"
    assert len(step.entries) == 1


@pytest.mark.parametrize("name", DTYPES)
def test_limits(name: str) -> None:
    kind = np.dtype(name).kind
    for info in ("finfo", "iinfo"):
        if kind != {"finfo": "f", "iinfo": "i"}[info] and not (info == "iinfo" and kind == "u"):
            with pytest.raises(TypeError):
                getattr(tracegraph, info)(name)
            continue
        mine, theirs = getattr(tracegraph, info)(name), getattr(torch, info)(getattr(torch, name))
        names = ["bits", "max", "min", "dtype"] + ["eps", "tiny", "smallest_normal", "resolution"] * (info == "finfo")
        assert [getattr(mine, n) for n in names] == [getattr(theirs, n) for n in names]
        assert repr(mine).startswith(f"{info}(")


def test_promotion_of_all_pairs() -> None:
    for a in DTYPES:
        for b in DTYPES:
            theirs = torch.promote_types(getattr(torch, a), getattr(torch, b))
            assert tracegraph.promote_types(a, b).name == str(theirs).removeprefix("torch.")
            assert tracegraph.can_cast(a, b) == torch.can_cast(getattr(torch, a), getattr(torch, b))


@pytest.mark.parametrize("values", [(1, 2.5), ([1, 2], 2.5), ([1], [2.5]), (True, [3]), ([True], 2)])
def test_result_type(values: Any) -> None:
    mine = [tracegraph.tensor(value) if isinstance(value, list) else value for value in values]
    theirs = [torch.tensor(value) if isinstance(value, list) else value for value in values]
    assert tracegraph.result_type(*mine).name == str(torch.result_type(*theirs)).removeprefix("torch.")


def test_questions_about_tensors() -> None:
    x = tracegraph.tensor([[1.0, 2.0]])
    assert tracegraph.is_tensor(x)
    assert not tracegraph.is_tensor(x.numpy())
    assert tracegraph.is_floating_point(x)
    assert not tracegraph.is_complex(x)
    assert tracegraph.numel(x) == 2
    assert tracegraph.is_nonzero(tracegraph.tensor([3]))
    with pytest.raises(RuntimeError):
        tracegraph.is_nonzero(x)
    with pytest.raises(TypeError, match="must be a tensor, not list"):
        tracegraph.numel([1, 2])  # type: ignore[arg-type]


@pytest.mark.usefixtures("default_dtype")
def test_the_default_dtype() -> None:
    @trace
    def f(x: tracegraph.Tensor) -> tracegraph.Tensor:
        return x * tracegraph.tensor(0.1)

    x = tracegraph.tensor([3])
    assert f(x).dtype == f(x).dtype == tracegraph.get_default_dtype() == tracegraph.float32
    for library in (tracegraph, torch):
        library.set_default_dtype(library.float64)
    assert f(x).dtype == f(x).dtype == tracegraph.float64
    assert f(x).item() == (torch.tensor([3]) * torch.tensor(0.1)).item()
    assert nn.Linear(2, 2).weight.dtype == tracegraph.zeros(1).dtype == (x / 2).dtype == tracegraph.float64
    with pytest.raises(TypeError):
        tracegraph.set_default_dtype(tracegraph.int64)


@pytest.mark.usefixtures("default_dtype")
def test_setting_the_default_dtype_while_traced() -> None:
    @trace
    def f() -> tracegraph.Tensor:
        tracegraph.set_default_dtype(tracegraph.float64)
        made = tracegraph.zeros(2)
        tracegraph.set_default_dtype(tracegraph.float32)
        return made

    assert [f().dtype.name for _ in range(3)] == ["float64"] * 3
    assert tracegraph.get_default_dtype() == tracegraph.float32


def test_settings_are_accepted() -> None:
    tracegraph.use_deterministic_algorithms(True)
    tracegraph.set_float32_matmul_precision("high")
    tracegraph.backends.cudnn.deterministic = True
    tracegraph.backends.cudnn.benchmark = False
    assert not tracegraph.backends.mps.is_available()
    assert not tracegraph.accelerator.is_available()
    tracegraph.cuda.manual_seed_all(3)
    tracegraph.set_default_device("cpu")
    with pytest.raises(TypeError):
        tracegraph.set_default_device("cuda")


def test_inference_mode() -> None:
    x = tracegraph.ones(2, requires_grad=True)
    with tracegraph.inference_mode():
        assert not (x * 2).requires_grad
        with tracegraph.inference_mode(False):
            inside = x * 2
        assert inside.requires_grad

    @tracegraph.inference_mode()  # type: ignore[untyped-decorator]
    def plain() -> tracegraph.Tensor:
        return x * 2

    @tracegraph.inference_mode
    def bare() -> tracegraph.Tensor:
        return x * 2

    assert not plain().requires_grad
    assert not bare().requires_grad


def test_compile() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    compiled = tracegraph.compile(model, mode="max-autotune", fullgraph=True)
    x = tracegraph.randn(2, 3)
    for _ in range(3):
        np.testing.assert_allclose(compiled(x).detach().numpy(), model(x).detach().numpy(), rtol=1e-6)

    @tracegraph.compile(fullgraph=True)  # type: ignore[untyped-decorator]
    def prints(x: tracegraph.Tensor) -> tracegraph.Tensor:
        print(x)
        return x

    with pytest.raises(tracegraph.errors.NotStaticError):
        prints(x)
    assert tracegraph.compile(model, disable=True) is model


def test_a_device_as_argument() -> None:
    @trace
    def on(x: tracegraph.Tensor, device: Any) -> Any:
        return (x * 2).to(device)

    for _ in range(3):
        assert on(tracegraph.ones(2), tracegraph.device("cpu")).tolist() == [2, 2]
    assert on.explain().verdict == "static"
    assert len(on.entries) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.ones(3).topk(5),
        lambda m: m.arange(0, 3, 0),
        lambda m: m.randint(3, 1, (2,)),
        lambda m: m.zeros(3).gather(0, m.tensor([7])),
        lambda m: m.nn.functional.one_hot(m.tensor([5]), 3),
        lambda m: m.multinomial(m.zeros(3), 1),
        lambda m: m.nn.functional.pad(m.ones(2), (1,)),
    ],
)
def test_refusals_are_caught_as_in_pytorch(call: Callable[[Any], Any]) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - its kind is what is compared
        call(torch)
    with pytest.raises(theirs.type):
        call(tracegraph)
