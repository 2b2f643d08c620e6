"""Transforms of images: to tensors, to one size, and at random, so that no two epochs see the same.

They take PIL images and tensors (..., channels, height, width). What is random is drawn from the library's default
generator: `tracegraph.manual_seed` repeats it, and each worker of a `DataLoader` draws its own.

>>> prepare = Compose([ToTensor(), Normalize([0.5], [0.5])])
>>> prepare(np.full((2, 2), 255, np.uint8))
tensor([[[1., 1.],
         [1., 1.]]])
"""

from tracegraph.vision.transforms import functional as functional
from tracegraph.vision.transforms.composing import Compose, Lambda, RandomApply, RandomChoice, RandomOrder
from tracegraph.vision.transforms.fixed import (
    CenterCrop,
    ConvertImageDtype,
    FiveCrop,
    Grayscale,
    Normalize,
    Pad,
    PILToTensor,
    Resize,
    ToPILImage,
    ToTensor,
)
from tracegraph.vision.transforms.interpolation import InterpolationMode
from tracegraph.vision.transforms.random_colour import ColorJitter, GaussianBlur, RandomGrayscale
from tracegraph.vision.transforms.random_erasing import RandomErasing
from tracegraph.vision.transforms.random_geometry import (
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
)

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "FiveCrop",
    "GaussianBlur",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomAffine",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomOrder",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToPILImage",
    "ToTensor",
    "functional",
]
