"""Data sets of images: `MNIST`, `FashionMNIST`, `CIFAR10`, `CIFAR100`, `MNIST5k`, `FakeData`."""

from tracegraph.vision.datasets.base import VisionDataset
from tracegraph.vision.datasets.cifar import CIFAR10, CIFAR100
from tracegraph.vision.datasets.digits import MNIST5k
from tracegraph.vision.datasets.errors import DamagedFileError, DataMissingError
from tracegraph.vision.datasets.fake import FakeData
from tracegraph.vision.datasets.mnist import MNIST, FashionMNIST

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "MNIST",
    "DamagedFileError",
    "DataMissingError",
    "FakeData",
    "FashionMNIST",
    "MNIST5k",
    "VisionDataset",
]
