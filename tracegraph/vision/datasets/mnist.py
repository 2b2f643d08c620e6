"""`MNIST` and `FashionMNIST`: 60,000 images of 28x28 grey values to learn from, 10,000 to test with.

The files are in the IDX format (http://yann.lecun.com/exdb/mnist): two zero bytes, a code of the type, the number of
dimensions, the sizes as big-endian 32-bit integers, then the elements in row-major order.
"""

import gzip
import os
import pathlib
import struct
import zlib
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tracegraph.tensor import Tensor, wrap
from tracegraph.vision.datasets.base import VisionDataset
from tracegraph.vision.datasets.download import fetch_file, require_file
from tracegraph.vision.datasets.errors import DamagedFileError
from tracegraph.vision.pillow import image_of

_IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path: pathlib.Path) -> np.ndarray:
    """The array in an IDX file, which may be compressed by gzip (then its name ends with .gz).

    Raises:
        DamagedFileError: the file holds something else.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        zeros, code, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
        if zeros != 0:
            raise ValueError("it does not begin with two zero bytes")
        values = np.frombuffer(content, _IDX_TYPES[code], offset=4 + 4 * dimensions)
        array = values.reshape(shape)
    except (EOFError, KeyError, OSError, ValueError, struct.error, zlib.error) as error:
        raise DamagedFileError(f"{path} is no whole IDX file: {error}") from error
    return array.astype(array.dtype.newbyteorder("="))


class MNIST(VisionDataset):
    """Handwritten digits (LeCun, Cortes and Burges): a sample is an image and its class, an int.

    The image is a PIL image of mode L; without Pillow, a uint8 array (28, 28).

    Args:
        root: the files are in the folder `MNIST/raw` of it, compressed or not.
        train: whether these are the images to learn from.
        transform: makes what is given of the image.
        target_transform: the same for the class.
        download: whether missing files are fetched.

    Attributes:
        data: all images, a uint8 tensor (n, 28, 28).
        targets: all classes, an int64 tensor (n,).

    Raises:
        DataMissingError: a file is not there, or could not be downloaded.
        DamagedFileError: a file has other contents than the published one.
    """

    mirrors: ClassVar[list[str]] = [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ]
    resources: ClassVar[list[tuple[str, str]]] = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    classes: ClassVar[list[str]] = [
        f"{digit} - {name}"
        for digit, name in enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    ]

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
        images, labels = (read_idx(self._file(kind)) for kind in ("images", "labels"))
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise DamagedFileError(
                f"{self.raw_folder}: the images have the shape {images.shape}, the labels {labels.shape}"
            )
        self.data: Any = wrap(images)
        self.targets: Any = wrap(labels.astype(np.int64))

    @property
    def raw_folder(self) -> str:
        """Where the files are."""
        return os.path.join(self.root or "", type(self).__name__, "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: number for number, name in enumerate(self.classes)}

    def _file(self, kind: str) -> pathlib.Path:
        start = f"{'train' if self.train else 't10k'}-{kind}"
        name, md5 = next(resource for resource in self.resources if resource[0].startswith(start))
        packed = pathlib.Path(self.raw_folder, name)
        unpacked = packed.with_suffix("")
        if unpacked.is_file() and not packed.is_file():
            return unpacked
        return require_file(packed, md5, self.mirrors[0] + name)

    def download(self) -> None:
        """Fetch the files that are not there."""
        for name, md5 in self.resources:
            path = pathlib.Path(self.raw_folder, name)
            if path.is_file() or not path.with_suffix("").is_file():
                fetch_file([mirror + name for mirror in self.mirrors], path, md5)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        image = self.data[index]
        pixels = image._data if isinstance(image, Tensor) else np.asarray(image)
        return self.transformed(image_of(pixels), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        """Which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """Pictures of clothes in the format of `MNIST` (Xiao, Rasul and Vollgraf, arXiv:1708.07747)."""

    mirrors: ClassVar[list[str]] = [
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ]
    resources: ClassVar[list[tuple[str, str]]] = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes: ClassVar[list[str]] = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip
