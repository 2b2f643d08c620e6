"""Transforms that draw where to cut, whether to flip and how far to turn an image anew each time."""

import math
from collections.abc import Sequence
from typing import Any

from tracegraph import nn
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.vision.transforms import draw, functional
from tracegraph.vision.transforms.interpolation import InterpolationMode, as_mode


class RandomCrop(nn.Module):
    """A part of the image, of a given size, from a random place.

    Args:
        size: of the part, (height, width) or one number.
        padding: a border put around the image before, as `functional.pad` takes it.
        pad_if_needed: whether a smaller image is padded, on both sides, to the size.
        fill: of the padding.
        padding_mode: of the padding.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = functional.pair(size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: Any, output_size: Sequence[int]) -> tuple[int, int, int, int]:
        """Top, left, height and width of a random part.

        Raises:
            ArgumentError: the image is smaller.
        """
        _, rows, columns = functional.get_dimensions(img)
        height, width = output_size
        if rows < height or columns < width:
            raise ArgumentError(f"RandomCrop: an image of {(rows, columns)} has no part of {(height, width)}")
        if (rows, columns) == (height, width):
            return 0, 0, rows, columns
        return draw.integer(0, rows - height + 1), draw.integer(0, columns - width + 1), height, width

    def forward(self, img: Any) -> Any:
        """A part of the image."""
        if self.padding is not None:
            img = functional.pad(img, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            _, rows, columns = functional.get_dimensions(img)
            missing = [max(self.size[1] - columns, 0), max(self.size[0] - rows, 0)]
            if any(missing):
                img = functional.pad(img, missing, self.fill, self.padding_mode)
        return functional.crop(img, *self.get_params(img, self.size))

    def extra_repr(self) -> str:
        """The parameters."""
        return f"size={self.size}, padding={self.padding}"


class RandomResizedCrop(nn.Module):
    """A part of random size, shape and place, brought to a given size.

    Args:
        size: of the result, (height, width) or one number.
        scale: the least and most share of the image's area.
        ratio: the least and most width divided by height.
        interpolation: of the resizing.
        antialias: of the resizing.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Any = (0.08, 1.0),
        ratio: Any = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if not isinstance(scale, Sequence) or not isinstance(ratio, Sequence):
            raise ArgumentTypeError("RandomResizedCrop: scale and ratio are sequences of two numbers")
        self.size = functional.pair(size)
        self.scale = scale
        self.ratio = ratio
        self.interpolation = as_mode(interpolation)
        self.antialias = antialias

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """Top, left, height and width of a random part; after ten misses, of the largest middle one."""
        _, rows, columns = functional.get_dimensions(img)
        for _ in range(10):
            area = rows * columns * draw.uniform(scale[0], scale[1])
            shape = math.exp(draw.uniform(math.log(ratio[0]), math.log(ratio[1])))
            width, height = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < width <= columns and 0 < height <= rows:
                top, left = draw.integer(0, rows - height + 1), draw.integer(0, columns - width + 1)
                return top, left, height, width
        width, height = columns, rows
        if columns / rows < min(ratio):
            height = round(width / min(ratio))
        elif columns / rows > max(ratio):
            width = round(height * max(ratio))
        return (rows - height) // 2, (columns - width) // 2, height, width

    def forward(self, img: Any) -> Any:
        """A resized part of the image."""
        part = functional.crop(img, *self.get_params(img, self.scale, self.ratio))
        return functional.resize(part, self.size, self.interpolation, antialias=self.antialias)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"size={self.size}, scale={self.scale}, ratio={self.ratio}, interpolation={self.interpolation.value}"


class RandomHorizontalFlip(nn.Module):
    """The mirror image with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        """The image, flipped or not."""
        return functional.hflip(img) if draw.chance(self.p) else img

    def extra_repr(self) -> str:
        """The parameters."""
        return f"p={self.p}"


class RandomVerticalFlip(nn.Module):
    """The image upside down with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        """The image, flipped or not."""
        return functional.vflip(img) if draw.chance(self.p) else img

    def extra_repr(self) -> str:
        """The parameters."""
        return f"p={self.p}"


def _around_zero(name: str, values: float | Sequence[float]) -> tuple[float, ...]:
    """A range: of -x to x for one number."""
    if isinstance(values, int | float):
        if values < 0:
            raise ArgumentError(f"{name}: one number must not be negative, got {values}")
        return -float(values), float(values)
    return tuple(map(float, values))


class RandomRotation(nn.Module):
    """The image turned by a random angle.

    Args:
        degrees: the least and the most, or one number for both directions.
        interpolation: of `functional.rotate`, as the next ones.
        expand: whether the result is large enough for all of the image.
        center: (x, y) of the point that stays.
        fill: of the corners.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = _around_zero("RandomRotation", degrees)
        self.interpolation = as_mode(interpolation)
        self.expand = expand
        self.center = center
        self.fill = fill

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return draw.uniform(degrees[0], degrees[1])

    def forward(self, img: Any) -> Any:
        """The turned image."""
        angle = self.get_params(self.degrees)
        return functional.rotate(img, angle, self.interpolation, self.expand, self.center, self.fill)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"degrees={list(self.degrees)}, interpolation={self.interpolation.value}, expand={self.expand}"


class RandomAffine(nn.Module):
    """The image turned, moved, scaled and sheared at random.

    Args:
        degrees: the least and the most, or one number for both directions.
        translate: the most by which it is moved along x and y, as shares of its width and height.
        scale: the least and the most.
        shear: degrees along x: one number for both directions, or the least and the most; four numbers for x and y.
        interpolation: of `functional.affine`, as the next ones.
        fill: what lies outside.
        center: (x, y) of the point around which it is turned.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.degrees = _around_zero("RandomAffine", degrees)
        if translate is not None and not all(0 <= share <= 1 for share in translate):
            raise ArgumentError(f"RandomAffine: translate must be between 0 and 1, got {translate}")
        if scale is not None and min(scale) <= 0:
            raise ArgumentError(f"RandomAffine: scale must be above 0, got {scale}")
        self.translate = translate
        self.scale = scale
        self.shear = None if shear is None else _around_zero("RandomAffine", shear)
        self.interpolation = as_mode(interpolation)
        self.fill = fill
        self.center = center

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Angle, move, scale and shears for an image of (width, height)."""
        angle = draw.uniform(degrees[0], degrees[1])
        moved = [0, 0]
        if translate is not None:
            moved = [
                round(draw.uniform(-share * size, share * size))
                for share, size in zip(translate, img_size, strict=True)
            ]
        scale = 1.0 if scale_ranges is None else draw.uniform(scale_ranges[0], scale_ranges[1])
        shear_x = shear_y = 0.0
        if shears is not None:
            shear_x = draw.uniform(shears[0], shears[1])
            shear_y = draw.uniform(shears[2], shears[3]) if len(shears) == 4 else 0.0
        return angle, (moved[0], moved[1]), scale, (shear_x, shear_y)

    def forward(self, img: Any) -> Any:
        """The changed image."""
        size = functional.get_image_size(img)
        drawn = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        return functional.affine(img, *drawn, self.interpolation, self.fill, self.center)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"degrees={list(self.degrees)}, translate={self.translate}, scale={self.scale}, shear={self.shear}"
