"""`save` and `load`: what comes back, what other readers of safetensors see, and what is refused."""

import io
import json
import math
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import tracegraph
from tracegraph import nn, optim
from tracegraph.runtime.errors import FileFormatError

torch = pytest.importorskip("torch")
safetensors_numpy = pytest.importorskip("safetensors.numpy")
safetensors_torch = pytest.importorskip("safetensors.torch")


def round_trip(value: Any, **options: Any) -> Any:
    file = io.BytesIO()
    tracegraph.save(value, file, **options)
    file.seek(0)
    return tracegraph.load(file, weights_only=not options)


def assert_alike(mine: Any, yours: Any) -> None:
    """Assert that two checkpoints are the same, kinds of containers and tensors included."""
    assert type(mine) is type(yours)
    if isinstance(yours, tracegraph.Tensor | np.ndarray):
        assert mine.dtype == yours.dtype
        assert mine.shape == yours.shape
        assert getattr(mine, "requires_grad", None) == getattr(yours, "requires_grad", None)
        first, second = (value.detach() if isinstance(value, tracegraph.Tensor) else value for value in (mine, yours))
        np.testing.assert_array_equal(np.asarray(first), np.asarray(second))
    elif isinstance(yours, dict):
        assert list(mine) == list(yours)
        for key in yours:
            assert_alike(mine[key], yours[key])
    elif isinstance(yours, list | tuple):
        assert len(mine) == len(yours)
        for one, other in zip(mine, yours, strict=True):
            assert_alike(one, other)
    elif isinstance(yours, float):
        assert struct.pack("d", mine) == struct.pack("d", yours) or (math.isnan(mine) and math.isnan(yours))
    else:
        assert mine == yours


T = tracegraph.tensor
VALUES: dict[str, Any] = {
    "tensor": T([1.0, 2.0]),
    "number": T(3),
    "empty": {"x": tracegraph.zeros(0, 3)},
    "dict": {"b": T([1.0]), "a": T([[2]]), "c": T([True, False])},
    "ordered": OrderedDict([("z", T(1.0)), ("a", 1)]),
    "nothing": None,
    "empty_dict": {},
    "nested": {"model": {"0.w": T([1.0])}, "list": [1, "two", None, True, (T(2.0), [])], "": T(5)},
    "floats": [math.inf, -math.inf, math.nan, -0.0, 1e-310, 0.1],
    "integers": [1 << 70, -1, 0],
    "keys": {0: T(1.0), "0": T(2.0), 1.5: "x", None: 1, True: 2, ("a", (1,)): 3},
    "names_that_meet": {
        "a.b": T(1.0),
        "a": {"b": T(2.0), "b_": 3},
        "__metadata__": T(3.0),
        "tracegraph.structure": T(4),
    },
    "parameters": {"p": nn.Parameter(T([1.0])), "frozen": nn.Parameter(T([1.0]), requires_grad=False)},
    "leaf": T([1.0], requires_grad=True),
    "arrays": {"x": np.arange(6).reshape(2, 3).T, "y": T([1.0])},
    "text": ["ü", "\n", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")],
    "strided": tracegraph.arange(12.0).reshape(3, 4).T[1:],
    **{
        name: T(np.arange(-3, 4).astype(name))
        for name in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8")
    },
}


@pytest.mark.parametrize("name", VALUES)
def test_what_was_saved_comes_back(name: str, tmp_path: Path) -> None:
    value = VALUES[name]
    assert_alike(round_trip(value), value)
    assert_alike(round_trip(value, format="pickle"), value)
    tracegraph.save(value, tmp_path / "file")
    assert_alike(tracegraph.load(str(tmp_path / "file"), "cpu"), value)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(0).map(lambda _: T([1.5, 2.5])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3) | st.tuples(inner)
    ),
    max_leaves=8,
)


@given(PLAIN)
def test_any_nesting_comes_back(value: Any) -> None:
    assert_alike(round_trip(value), value)


def test_a_checkpoint_goes_on_where_it_was(tmp_path: Path) -> None:
    def start() -> tuple[Any, Any]:
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        return net, optim.Adam(net.parameters(), lr=0.01)

    def train(net: Any, optimiser: Any) -> float:
        for number in range(3):
            optimiser.zero_grad()
            loss = (net(T(np.random.default_rng(number).standard_normal((5, 3)).astype(np.float32))) ** 2).mean()
            loss.backward()
            optimiser.step()
        return float(loss)

    net, optimiser = start()
    train(net, optimiser)
    checkpoint = {"model": net.state_dict(), "optimizer": optimiser.state_dict(), "epoch": 3}
    tracegraph.save(checkpoint, tmp_path / "last.safetensors")
    expected = train(net, optimiser)
    other, other_optimiser = start()
    loaded = tracegraph.load(tmp_path / "last.safetensors")
    other.load_state_dict(loaded["model"])
    other_optimiser.load_state_dict(loaded["optimizer"])
    assert loaded["epoch"] == 3
    assert train(other, other_optimiser) == pytest.approx(expected, rel=1e-6)


def pair() -> tuple[Any, Any]:
    def make(layers: Any) -> Any:
        return layers.Sequential(
            layers.Conv2d(1, 4, 3), layers.BatchNorm2d(4), layers.ReLU(), layers.Flatten(), layers.Linear(144, 3)
        )

    return make(nn), make(torch.nn)


def test_models_go_from_torch_and_back(tmp_path: Path) -> None:
    mine, yours = pair()
    values = np.random.default_rng(0).standard_normal((2, 1, 8, 8)).astype(np.float32)
    safetensors_torch.save_file(yours.state_dict(), tmp_path / "torch")
    assert repr(mine.load_state_dict(tracegraph.load(tmp_path / "torch"))) == "<All keys matched successfully>"
    x, y = T(values), torch.from_numpy(values)
    np.testing.assert_allclose(mine(x).detach().numpy(), yours(y).detach().numpy(), rtol=1e-5, atol=1e-5)
    with tracegraph.no_grad():
        for parameter in mine.parameters():
            parameter.mul_(0.5)
    tracegraph.save(mine.state_dict(), tmp_path / "mine")
    yours.load_state_dict(safetensors_torch.load_file(tmp_path / "mine"))
    np.testing.assert_allclose(mine(x).detach().numpy(), yours(y).detach().numpy(), rtol=1e-5, atol=1e-5)


def test_other_readers_see_the_same(tmp_path: Path) -> None:
    state = {"b": T([1.0, 2.0]), "half": T(np.ones((2, 1), np.float16)), "a": T([[1, 2]]), "flag": T([True])}
    tracegraph.save(state, tmp_path / "file")
    seen = safetensors_numpy.load_file(tmp_path / "file")
    assert_alike(dict(sorted(seen.items())), {name: state[name].numpy() for name in sorted(state)})
    tracegraph.save({"model": state, "epoch": 3}, tmp_path / "nested")
    assert sorted(safetensors_numpy.load_file(tmp_path / "nested")) == sorted(f"model.{name}" for name in state)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "uint8", "bool", "int8"])
def test_dtypes_of_torch(dtype: str, tmp_path: Path) -> None:
    values = (torch.arange(-300, 300) * 0.37).abs().to(getattr(torch, dtype))
    if dtype == "bfloat16":
        values[:3] = torch.tensor([math.inf, -math.inf, math.nan])
    safetensors_torch.save_file({"x": values}, tmp_path / "file")
    found = tracegraph.load(tmp_path / "file")["x"].numpy()
    expected = values.float().numpy() if dtype == "bfloat16" else values.numpy()
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_tied_weights_stay_tied(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    tracegraph.save(net.state_dict(), tmp_path / "file")
    assert list(safetensors_numpy.load_file(tmp_path / "file")) == ["0.weight"]
    loaded = tracegraph.load(tmp_path / "file")
    assert list(loaded) == ["0.weight", "1.weight"]
    loaded["0.weight"].fill_(7.0)
    assert loaded["1.weight"].tolist() == [[7.0, 7.0], [7.0, 7.0]]
    assert loaded["1.weight"] is not loaded["0.weight"]
    other = torch.nn.Sequential(torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False))
    other[1].weight = other[0].weight
    safetensors_torch.save_model(other, str(tmp_path / "torch"))
    assert sorted(tracegraph.load(tmp_path / "torch")) == ["0.weight", "1.weight"]
    both = {"whole": T([1.0, 2.0]), "n": 1}
    both["part"] = both["whole"][1:]  # type: ignore[index]
    assert_alike(round_trip(both), {**both, "part": T([2.0])})


class Refused:
    """Nothing that can be saved without a pickle."""


ITSELF: list[Any] = []
ITSELF.append(ITSELF)
NOT_SAVED: dict[str, tuple[Any, type[Exception], str]] = {
    "object": ({"a": [1, Refused()]}, TypeError, r"save: \['a'\]\[1\] is a Refused"),
    "module": (nn.Linear(1, 1), TypeError, r"save: the object is a Linear.*state_dict\(\)"),
    "key": ({Refused(): 1}, TypeError, "a key of the object is a Refused"),
    "set": ({"a": {1, 2}}, TypeError, "is a set"),
    "unsigned": ({"a": np.zeros(2, np.uint16)}, ValueError, "'a' is of dtype uint16"),
    "text_array": ({"a": np.array(["x"])}, TypeError, "an array of"),
    "itself": (ITSELF, ValueError, "contains itself"),
    "lazy": (nn.LazyLinear(2).state_dict(), TypeError, r"\['weight'\] is not initialised"),
}


@pytest.mark.parametrize("name", NOT_SAVED)
def test_not_saved(name: str, tmp_path: Path) -> None:
    value, kind, message = NOT_SAVED[name]
    with pytest.raises(kind, match=message):
        tracegraph.save(value, tmp_path / "file")
    assert os.listdir(tmp_path) == []


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    tracegraph.save({"x": T([1.0])}, path)
    path.chmod(0o640)

    def fail(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("tracegraph.safetensors.write", fail)
    with pytest.raises(OSError, match="no space"):
        tracegraph.save({"x": T([2.0])}, path)
    assert os.listdir(tmp_path) == ["file"]
    assert tracegraph.load(path)["x"].tolist() == [1.0]
    monkeypatch.undo()
    link = tmp_path / "link"
    link.symlink_to(path)
    tracegraph.save({"x": T([3.0])}, link)
    assert link.is_symlink()
    assert tracegraph.load(path)["x"].tolist() == [3.0]
    assert path.stat().st_mode & 0o777 == 0o640


def test_other_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="format 'zip'"):
        tracegraph.save(1, tmp_path / "file", format="zip")
    for act in (lambda: tracegraph.save(1, 3), lambda: tracegraph.load(3)):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="takes a path or a file"):
            act()
    with pytest.raises(TypeError, match="not available"):
        tracegraph.load(tmp_path / "file", map_location="cuda")
    with pytest.raises(FileNotFoundError):
        tracegraph.load(tmp_path / "missing")


class Harmful:
    def __reduce__(self) -> Any:
        return os.mkdir, ("/nowhere/at/all",)


def test_pickles_are_read_only_when_asked_for(tmp_path: Path) -> None:
    for protocol in (2, 4, 5):
        (tmp_path / "pickle").write_bytes(pickle.dumps(Harmful(), protocol=protocol))
        with pytest.raises(FileFormatError, match="weights_only=False"):
            tracegraph.load(tmp_path / "pickle")
        with pytest.raises(FileNotFoundError):
            tracegraph.load(tmp_path / "pickle", weights_only=False)
    net = nn.Linear(2, 1)
    tracegraph.save(net, tmp_path / "net", format="pickle")
    loaded = tracegraph.load(tmp_path / "net", weights_only=False)
    assert_alike(dict(loaded.state_dict()), dict(net.state_dict()))
    assert tracegraph.load(io.BytesIO(pickle.dumps({"a": list(range(1000))})), weights_only=False)["a"][-1] == 999
    torch.save({"x": torch.ones(2)}, tmp_path / "torch")
    for weights_only in (True, False):
        with pytest.raises(FileFormatError, match=r"safetensors.torch.save_file\(torch.load"):
            tracegraph.load(tmp_path / "torch", weights_only=weights_only)


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def file_of(header: Any, data: bytes = bytes(8), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


DAMAGED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no file of the safetensors format"),
    "text": (b"hello, this is some text", "no file of the safetensors format"),
    "length_only": (struct.pack("<Q", 5), "no file of the safetensors format"),
    "long_header": (file_of({"x": entry()}, length=100_000_001), "more than the 100000000"),
    "longer_header": (file_of({"x": entry()}, length=1 << 63), "more than the 100000000"),
    "cut_header": (file_of({"x": entry()}, b"", length=1000), "cut off"),
    "no_json": (file_of(b"{nonsense"), "no JSON text"),
    "no_text": (file_of(b'{"\xff\xfe": 1}'), "no JSON text"),
    "deep": (file_of(b'{"a":' * 100_000), "no JSON text"),
    "long_number": (file_of(b'{"a": ' + b"9" * 5000 + b"}"), "no JSON text"),
    "twice": (file_of(b'{"x": 1, "x": 2}'), "stands twice"),
    "cut": (file_of({"x": entry()}, bytes(7)), "cut off, 1 bytes"),
    "too_long": (file_of({"x": entry()}, bytes(9)), "goes on after its tensors"),
    "gap": (file_of({"x": entry(offsets=[8, 16])}, bytes(16)), "leaves a gap"),
    "overlap": (file_of({"x": entry(), "y": entry(offsets=[4, 12])}, bytes(12)), "'y' at bytes 4 to 12 overlaps"),
    "same_place": (file_of({"x": entry(), "y": entry()}), "overlaps"),
    "size": (file_of({"x": entry(shape=[3])}), "12 bytes, and has 8"),
    "backwards": (file_of({"x": entry(shape=[0], offsets=[8, 0])}), "has -8"),
    "negative": (file_of({"x": entry(shape=[-2])}), "the shape of 'x'"),
    "fractions": (file_of({"x": entry(shape=[2.0])}), "the shape of 'x'"),
    "bools": (file_of({"x": entry(offsets=[False, 8])}), "the data_offsets of 'x'"),
    "huge": (file_of({"x": entry(shape=[1 << 40], offsets=[0, 1 << 42])}), "cut off"),
    "huger": (file_of({"x": entry(shape=[1 << 62, 4, 0], offsets=[0, 0])}, b""), "no memory for 'x'"),
    "dtype": (file_of({"x": entry("F8_E4M3", [8])}), "dtype F8_E4M3, which is not supported"),
    "unsigned": (file_of({"x": entry("U16", [4])}), "dtype U16, which is not supported"),
    "no_dtype": (file_of({"x": entry(3)}), "which is not supported"),
    "entry": (file_of({"x": [1]}), "the entry of 'x'"),
    "more_in_the_entry": (file_of({"x": {**entry(), "more": 1}}), "the entry of 'x'"),
    "metadata": (file_of({"__metadata__": {"a": 1}}, b""), "__metadata__"),
    "bool_of_3": (file_of({"x": entry("BOOL", [8])}, b"\x03" * 8), "neither 0 nor 1"),
    "structure": (file_of({"__metadata__": {"tracegraph.structure": '{"dict": 3}'}}, b""), "description"),
    "structure_text": (file_of({"__metadata__": {"tracegraph.structure": "nonsense"}}, b""), "description"),
    "structure_list": (file_of({"__metadata__": {"tracegraph.structure": "[1]"}}, b""), "description"),
    "structure_kind": (
        file_of({"__metadata__": {"tracegraph.structure": '{"call": "os.system"}'}}, b""),
        "unknown kind",
    ),
    "structure_empty": (file_of({"__metadata__": {"tracegraph.structure": "{}"}}, b""), "unknown kind"),
    "structure_tensor": (
        file_of({"__metadata__": {"tracegraph.structure": '{"tensor": "x"}'}}, b""),
        "not in the file",
    ),
    "structure_array": (file_of({"__metadata__": {"tracegraph.structure": '{"array": "x"}'}}, b""), "description"),
    "structure_key": (
        file_of({"__metadata__": {"tracegraph.structure": '{"dict": [[{"list": []}, 1]]}'}}, b""),
        "description",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused(name: str) -> None:
    data, message = DAMAGED[name]
    with pytest.raises(FileFormatError, match=message):
        tracegraph.load(io.BytesIO(data))


class Stream(io.RawIOBase):
    """A file that can be read once, a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 5) if size >= 0 else -1)

    def tell(self) -> int:
        raise OSError("no")


def test_streams() -> None:
    file = io.BytesIO()
    tracegraph.save({"x": T([1.0, 2.0]), "n": 3}, file)
    assert tracegraph.load(Stream(file.getvalue()))["x"].tolist() == [1.0, 2.0]  # type: ignore[arg-type]
    assert tracegraph.load(Stream(pickle.dumps([1] * 100)), weights_only=False) == [1] * 100  # type: ignore[arg-type]
    with pytest.raises(FileFormatError, match="cut off"):
        tracegraph.load(Stream(file.getvalue()[:-1]))  # type: ignore[arg-type]


@given(st.data())
def test_a_file_changed_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    file = io.BytesIO()
    tracegraph.save({"model": {"w": T([1.0, 2.0])}, "epoch": 3, "list": [T(1)]}, file)
    changed = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    del changed[data.draw(st.integers(len(changed) // 2, len(changed))) :]
    try:
        tracegraph.load(io.BytesIO(bytes(changed)))
    except FileFormatError:
        return


def test_saving_and_loading_in_a_traced_function_happen_each_time(tmp_path: Path) -> None:
    path = tmp_path / "file"

    @tracegraph.trace
    def step(x: Any) -> Any:
        y = x * 2
        tracegraph.save({"y": y}, path)
        return tracegraph.load(path)["y"] + 1

    for number in range(3):
        assert step(T([float(number)])).tolist() == [2.0 * number + 1]
        assert tracegraph.load(path)["y"].tolist() == [2.0 * number]
    assert step.explain().verdict == "co-executed"
