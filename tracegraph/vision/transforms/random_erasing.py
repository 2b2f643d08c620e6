"""`RandomErasing`: a random rectangle of an image is replaced, so that no part of it is relied on too much."""

import math
from collections.abc import Sequence
from typing import Any

from tracegraph import nn
from tracegraph.runtime.errors import ArgumentError
from tracegraph.vision.transforms import draw, functional


class RandomErasing(nn.Module):
    """A random rectangle of a tensor replaced, with probability `p` (Zhong and others, arXiv:1708.04896).

    Args:
        p: how likely.
        scale: the least and most share of the image's area.
        ratio: the least and most height divided by width.
        value: what is put there: a number, one for each channel, or "random" for normal numbers.
        inplace: whether the given tensor is changed.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(value, int | float | str | tuple | list) or (isinstance(value, str) and value != "random"):
            raise ArgumentError(f"RandomErasing: value must be a number, several or 'random', got {value!r}")
        if not scale[0] >= 0 or scale[1] > 1:
            raise ArgumentError(f"RandomErasing: scale must be between 0 and 1, got {scale}")
        if not 0 <= p <= 1:
            raise ArgumentError(f"RandomErasing: p must be between 0 and 1, got {p}")
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float], value: Sequence[float] | None = None
    ) -> tuple[int, int, int, int, Any]:
        """Top, left, height, width and contents of a random rectangle; all of the image after ten misses."""
        channels, rows, columns = img.shape[-3:]
        for _ in range(10):
            area = rows * columns * draw.uniform(scale[0], scale[1])
            shape = math.exp(draw.uniform(math.log(ratio[0]), math.log(ratio[1])))
            height, width = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if height < rows and width < columns:
                contents = draw.contents(value, channels, height, width, img)
                top, left = draw.integer(0, rows - height + 1), draw.integer(0, columns - width + 1)
                return top, left, height, width, contents
        return 0, 0, rows, columns, img

    def forward(self, img: Any) -> Any:
        """The image, with or without a rectangle."""
        if not draw.chance(self.p):
            return img
        value: Any = None if self.value == "random" else self.value
        if isinstance(value, int | float):
            value = [float(value)]
        if value is not None and len(value) not in (1, img.shape[-3]):
            raise ArgumentError(f"RandomErasing: {len(value)} values for {img.shape[-3]} channels")
        return functional.erase(img, *self.get_params(img, self.scale, self.ratio, value), self.inplace)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value}, inplace={self.inplace}"
