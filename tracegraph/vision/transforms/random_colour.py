"""Transforms that draw anew each time how an image's colours are changed, or how far it is blurred."""

from collections.abc import Sequence
from typing import Any

from tracegraph import nn
from tracegraph.runtime.errors import ArgumentError
from tracegraph.vision.transforms import draw, functional

_Range = tuple[float, float]


def _range(name: str, value: float | Sequence[float], center: float, low: float, high: float) -> _Range | None:
    """The range that is meant by a number around the centre or by two; None for one that changes nothing."""
    if isinstance(value, int | float):
        if value < 0:
            raise ArgumentError(f"ColorJitter: {name} must not be negative, got {value}")
        ends = max(center - value, low) if center else -value, center + value
    else:
        ends = float(value[0]), float(value[1])
    if not low <= ends[0] <= ends[1] <= high:
        raise ArgumentError(f"ColorJitter: {name} must be a range between {low} and {high}, got {value}")
    return None if ends == (center, center) else ends


class ColorJitter(nn.Module):
    """Brightness, contrast, saturation and hue changed at random, in random order.

    Args:
        brightness: the factor is of [1 - x, 1 + x], and not negative; or the least and the most.
        contrast: the same.
        saturation: the same.
        hue: the shift is of [-x, x], within [-0.5, 0.5]; or the least and the most.
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ) -> None:
        super().__init__()
        most = float("inf")
        self.brightness = _range("brightness", brightness, 1, 0, most)
        self.contrast = _range("contrast", contrast, 1, 0, most)
        self.saturation = _range("saturation", saturation, 1, 0, most)
        self.hue = _range("hue", hue, 0, -0.5, 0.5)

    @staticmethod
    def get_params(
        brightness: _Range | None, contrast: _Range | None, saturation: _Range | None, hue: _Range | None
    ) -> tuple[list[int], float | None, float | None, float | None, float | None]:
        """The order of the four changes and their factors, None for those left out."""
        order = draw.order(4)
        factors = [None if ends is None else draw.uniform(*ends) for ends in (brightness, contrast, saturation, hue)]
        return order, factors[0], factors[1], factors[2], factors[3]

    def forward(self, img: Any) -> Any:
        """The changed image."""
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (
            functional.adjust_brightness,
            functional.adjust_contrast,
            functional.adjust_saturation,
            functional.adjust_hue,
        )
        for place in order:
            factor = factors[place]
            if factor is not None:
                img = changes[place](img, factor)
        return img

    def extra_repr(self) -> str:
        """The parameters."""
        return f"brightness={self.brightness}, contrast={self.contrast}, saturation={self.saturation}, hue={self.hue}"


class RandomGrayscale(nn.Module):
    """The brightness in as many channels as there were, with probability `p`."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        """The image, grey or not."""
        channels = functional.get_image_num_channels(img)
        return functional.rgb_to_grayscale(img, channels) if draw.chance(self.p) else img

    def extra_repr(self) -> str:
        """The parameters."""
        return f"p={self.p}"


class GaussianBlur(nn.Module):
    """The image blurred by a normal distribution of random width.

    Args:
        kernel_size: odd, one number or (width, height).
        sigma: the standard deviation, or its least and most.
    """

    def __init__(self, kernel_size: int | Sequence[int], sigma: float | Sequence[float] = (0.1, 2.0)) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        ends = [sigma] * 2 if isinstance(sigma, int | float) else list(sigma)
        if not 0 < ends[0] <= ends[1]:
            raise ArgumentError(f"GaussianBlur: sigma must be above 0 and a range, got {sigma}")
        self.sigma = ends[0], ends[1]

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A random standard deviation."""
        return draw.uniform(sigma_min, sigma_max)

    def forward(self, img: Any) -> Any:
        """The blurred image."""
        return functional.gaussian_blur(img, self.kernel_size, self.get_params(*self.sigma))

    def extra_repr(self) -> str:
        """The parameters."""
        return f"kernel_size={self.kernel_size}, sigma={self.sigma}"
