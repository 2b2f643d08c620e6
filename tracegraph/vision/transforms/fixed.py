"""Transforms that do the same to each image: conversions, `Normalize`, `Resize`, `CenterCrop`, `Pad`, `Grayscale`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph import nn
from tracegraph.vision.transforms import functional
from tracegraph.vision.transforms.interpolation import InterpolationMode, as_mode


class ToTensor:
    """`functional.to_tensor`: a PIL image or an array as a tensor (channels, height, width), 8 bits as 0 to 1."""

    def __call__(self, pic: Any) -> Any:
        """The converted image."""
        return functional.to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class PILToTensor:
    """`functional.pil_to_tensor`: a PIL image as a tensor of the same numbers."""

    def __call__(self, pic: Any) -> Any:
        """The converted image."""
        return functional.pil_to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ToPILImage:
    """`functional.to_pil_image`: a tensor or an array as a PIL image."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        """The converted image."""
        return functional.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.mode is None else f'mode={self.mode}'})"


class ConvertImageDtype(nn.Module):
    """`functional.convert_image_dtype`: a tensor in another dtype, scaled to its range."""

    def __init__(self, dtype: Any) -> None:
        super().__init__()
        self.dtype = np.dtype(dtype)

    def forward(self, image: Any) -> Any:
        """The converted image."""
        return functional.convert_image_dtype(image, self.dtype)


class Normalize(nn.Module):
    """`functional.normalize`: subtracts the mean of each channel and divides by its standard deviation."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor: Any) -> Any:
        """The normalised image."""
        return functional.normalize(tensor, self.mean, self.std, self.inplace)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"mean={self.mean}, std={self.std}"


class Resize(nn.Module):
    """`functional.resize`: another size."""

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: Any = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = size
        self.interpolation = as_mode(interpolation)
        self.max_size = max_size
        self.antialias = antialias

    def forward(self, img: Any) -> Any:
        """The resized image."""
        return functional.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def extra_repr(self) -> str:
        """The parameters."""
        mode = self.interpolation.value
        return f"size={self.size}, interpolation={mode}, max_size={self.max_size}, antialias={self.antialias}"


class CenterCrop(nn.Module):
    """`functional.center_crop`: the middle."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = functional.pair(size)

    def forward(self, img: Any) -> Any:
        """The middle of the image."""
        return functional.center_crop(img, self.size)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"size={self.size}"


class FiveCrop(nn.Module):
    """`functional.five_crop`: the corners and the middle."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = functional.pair(size)

    def forward(self, img: Any) -> Any:
        """Five images."""
        return functional.five_crop(img, self.size)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"size={self.size}"


class Pad(nn.Module):
    """`functional.pad`: a border."""

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img: Any) -> Any:
        """The image with its border."""
        return functional.pad(img, self.padding, self.fill, self.padding_mode)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode}"


class Grayscale(nn.Module):
    """`functional.rgb_to_grayscale`: the brightness."""

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        """The grey image."""
        return functional.rgb_to_grayscale(img, self.num_output_channels)

    def extra_repr(self) -> str:
        """The parameters."""
        return f"num_output_channels={self.num_output_channels}"
