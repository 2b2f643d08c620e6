"""`FakeData`: images of noise with arbitrary classes, to try a program without data."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph import random
from tracegraph.runtime.errors import DimensionError
from tracegraph.vision.datasets.base import VisionDataset
from tracegraph.vision.pillow import image_of


class FakeData(VisionDataset):
    """Noise that is the same for the same index.

    Args:
        size: how many images.
        image_size: channels, height and width of each.
        num_classes: how many classes.
        transform: makes what is given of the image, a PIL image, or without Pillow a uint8 array (height, width,
            channels).
        target_transform: the same for the class.
        random_offset: added to the index to seed the noise of an image.

    >>> image, target = FakeData(size=3, image_size=(3, 8, 6), transform=np.asarray)[2]
    >>> image.shape, image.dtype, 0 <= target < 10
    ((8, 6, 3), dtype('uint8'), True)
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.image_size = image_size
        self.num_classes = num_classes
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not 0 <= index < self.size:
            raise DimensionError(f"FakeData: index {index} is out of range for {self.size} images")
        generator = random.Generator().manual_seed(index + self.random_offset)
        noise = random.randint(0, 256, self.image_size, dtype=np.uint8, generator=generator)._data
        target = int(random.randint(0, self.num_classes, (), generator=generator).item())
        return self.transformed(image_of(noise.transpose(1, 2, 0)), target)

    def __len__(self) -> int:
        return self.size
