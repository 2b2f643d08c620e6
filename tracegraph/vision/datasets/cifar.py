"""`CIFAR10` and `CIFAR100`: 50,000 colour images of 32x32 to learn from, 10,000 to test with.

Krizhevsky, "Learning multiple layers of features from tiny images", 2009; https://www.cs.toronto.edu/~kriz/cifar.html.
The files are pickles; they are read without running any code that a file might name.
"""

import io
import os
import pathlib
import pickle
import tarfile
import zlib
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tracegraph.vision.datasets.base import VisionDataset
from tracegraph.vision.datasets.download import fetch_file, is_intact, require_file
from tracegraph.vision.datasets.errors import DamagedFileError
from tracegraph.vision.pillow import image_of

_reconstruct: Any = np.empty(0).__reduce__()[0]


def _encode(text: str, encoding: str) -> bytes:
    """What Python 3 writes for bytes in the protocol of the files."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes are written as latin1, not {encoding}")
    return text.encode("latin1")


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
}
"""All that the published files name: what NumPy arrays are made by."""


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = _ADMITTED.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no file of this data set does")
        return found


def read_pickle(path: pathlib.Path) -> Any:
    """Dicts, lists, numbers, strings and NumPy arrays out of a pickle, and nothing else.

    Raises:
        DamagedFileError: the file holds something else; nothing of it was run.
    """
    try:
        return _ArrayUnpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except (
        pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, KeyError, IndexError, MemoryError,
    ) as error:  # fmt: skip
        raise DamagedFileError(f"{path} cannot be read: {error}") from error


class CIFAR10(VisionDataset):
    """Colour images of ten classes: a sample is an image and its class, an int.

    The image is a PIL image of mode RGB; without Pillow, a uint8 array (32, 32, 3).

    Args:
        root: the files are in the folder `cifar-10-batches-py` of it, as the published archive unpacks.
        train: whether these are the images to learn from.
        transform: makes what is given of the image.
        target_transform: the same for the class.
        download: whether the archive is fetched and unpacked, if files are missing.

    Attributes:
        data: all images, a uint8 array (n, 32, 32, 3).
        targets: all classes, a list of ints.
        classes: their names.

    Raises:
        DataMissingError: a file is not there, or could not be downloaded.
        DamagedFileError: a file has other contents than the published one.
    """

    base_folder = "cifar-10-batches-py"
    mirrors: ClassVar[list[str]] = ["https://www.cs.toronto.edu/~kriz/", "http://www.cs.toronto.edu/~kriz/"]
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list: ClassVar[list[tuple[str, str]]] = [
        ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
        ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
        ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
        ("data_batch_4", "634d18415352ddfa80567beed471001a"),
        ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
    ]
    test_list: ClassVar[list[tuple[str, str]]] = [("test_batch", "40351d587109b95175f43aff81a1287e")]
    meta: ClassVar[dict[str, str]] = {
        "filename": "batches.meta",
        "key": "label_names",
        "md5": "5ff9c542aee3614f3951f8cda6e48888",
    }
    labels_key = "labels"

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        pixels, self.targets = [], []
        for name, md5 in self.train_list if train else self.test_list:
            images, labels = self._read(name, md5)
            pixels.append(images)
            self.targets.extend(labels)
        self.data: Any = np.ascontiguousarray(np.concatenate(pixels).transpose(0, 2, 3, 1))
        names = read_pickle(self._require(self.meta["filename"], self.meta["md5"]))
        if not isinstance(names, dict) or not isinstance(names.get(self.meta["key"]), list):
            raise DamagedFileError(f"{self._folder / self.meta['filename']} has no list {self.meta['key']}")
        self.classes: list[str] = names[self.meta["key"]]
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}

    def _read(self, name: str, md5: str) -> tuple[np.ndarray, list[int]]:
        path = self._require(name, md5)
        content = read_pickle(path)
        images, labels = (
            (content.get(key) for key in ("data", self.labels_key)) if isinstance(content, dict) else (0, 0)
        )
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or not isinstance(labels, list):
            raise DamagedFileError(f"{path} has no uint8 array 'data' with a list {self.labels_key!r}")
        if images.shape != (len(labels), 3 * 32 * 32):
            raise DamagedFileError(f"{path}: the images have the shape {images.shape}, with {len(labels)} labels")
        return images.reshape(-1, 3, 32, 32), labels

    @property
    def _folder(self) -> pathlib.Path:
        return pathlib.Path(self.root or "", self.base_folder)

    def _require(self, name: str, md5: str) -> pathlib.Path:
        return require_file(self._folder / name, md5, self.mirrors[0] + self.filename)

    def download(self) -> None:
        """Fetch and unpack the archive, unless its files are there."""
        wanted = dict([*self.train_list, *self.test_list, (self.meta["filename"], self.meta["md5"])])
        if all(is_intact(self._folder / name, md5) for name, md5 in wanted.items()):
            return
        archive = pathlib.Path(self.root or "", self.filename)
        fetch_file([mirror + self.filename for mirror in self.mirrors], archive, self.tgz_md5)
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with tarfile.open(archive, "r:gz") as tar:
                for name in wanted:  # by name: nothing else in the archive can be written anywhere
                    member = tar.extractfile(f"{self.base_folder}/{name}")
                    if member is None:
                        raise DamagedFileError(f"{archive}: {name} is no file")
                    part = self._folder / f".{name}.part"
                    part.write_bytes(member.read())
                    part.replace(self._folder / name)
        except (tarfile.TarError, EOFError, KeyError, zlib.error) as error:
            raise DamagedFileError(f"{archive} is not the published archive: {error}") from error

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        return self.transformed(image_of(self.data[index]), self.targets[index])

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        """Which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """The like of `CIFAR10` with a hundred classes; its files are in the folder `cifar-100-python`."""

    base_folder = "cifar-100-python"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list: ClassVar[list[tuple[str, str]]] = [("train", "16019d7e3df5f24257cddd939b257f8d")]
    test_list: ClassVar[list[tuple[str, str]]] = [("test", "f0ef6b0ae62326f3e7ffdfab6717acfc")]
    meta: ClassVar[dict[str, str]] = {
        "filename": "meta",
        "key": "fine_label_names",
        "md5": "7973b15100ade9c7d40fb424638fde48",
    }
    labels_key = "fine_labels"
