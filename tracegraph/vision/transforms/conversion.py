"""Between PIL images, arrays (height, width, channels) and tensors (channels, height, width); dtypes; normalisation."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.spec import DType, as_dtype
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.tensor import Tensor, wrap
from tracegraph.vision.pillow import Image, is_image, require_pillow

_MODE_DTYPES = {"I": np.int32, "I;16": np.int16, "F": np.float32}


def require_image(image: Any) -> None:
    """Refuse what is neither a PIL image nor a tensor (channels, height, width).

    Raises:
        ArgumentTypeError: for anything else.
    """
    if is_image(image) or (isinstance(image, Tensor) and image.ndim >= 2):
        return
    what = f"a tensor of shape {image.shape}" if isinstance(image, Tensor) else type(image).__name__
    raise ArgumentTypeError(
        f"an image must be a PIL image or a tensor (..., channels, height, width), not {what}; arrays become tensors "
        "by ToTensor"
    )


def get_dimensions(img: Any) -> list[int]:
    """Channels, height and width."""
    require_image(img)
    if isinstance(img, Tensor):
        return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]
    return [len(img.getbands()), img.height, img.width]


def get_image_size(img: Any) -> list[int]:
    """Width and height."""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Any) -> int:
    """The number of channels."""
    return get_dimensions(img)[0]


def pil_array(image: Any) -> np.ndarray:
    """The pixels of a PIL image, (height, width) or (height, width, channels)."""
    return np.array(image, dtype=_MODE_DTYPES.get(image.mode))


def pil_to_tensor(pic: Any) -> Tensor:
    """A tensor (channels, height, width) of the same numbers: uint8, unless the image has others.

    Raises:
        ArgumentTypeError: for anything but a PIL image.
    """
    if not is_image(pic):
        raise ArgumentTypeError(f"pil_to_tensor: takes a PIL image, not {type(pic).__name__}")
    return _channels_first(pil_array(pic))


def _channels_first(array: np.ndarray) -> Tensor:
    if array.ndim == 2:
        array = array[:, :, None]
    array = array.transpose(2, 0, 1)
    as_dtype(array.dtype)
    return wrap(np.array(array, order="C"))


def to_tensor(pic: Any) -> Tensor:
    """A tensor (channels, height, width) of a PIL image or of an array (height, width[, channels]).

    What has 8 bits becomes a float32 from 0 to 1; other dtypes stay as they are.

    Raises:
        ArgumentTypeError: for something else.
        ArgumentError: for an array of another number of dimensions.

    >>> to_tensor(np.full((2, 2, 3), 255, np.uint8)).shape
    (3, 2, 2)
    """
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ArgumentError(f"to_tensor: an image has 2 or 3 dimensions, not {pic.ndim}")
        array = pic
    elif is_image(pic):
        array = pil_array(pic)
        if pic.mode == "1":
            array = array * np.uint8(255)
    else:
        raise ArgumentTypeError(f"to_tensor: takes a PIL image or a NumPy array, not {type(pic).__name__}")
    if array.dtype == np.uint8:
        array = array.astype(_float_dtype())
        array /= 255
    return _channels_first(array)


def _float_dtype() -> Any:
    return dispatch.default_dtype()


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A PIL image of a tensor (channels, height, width) or an array (height, width[, channels]).

    Floats from 0 to 1 of tensors become 8 bits.

    Raises:
        PillowMissingError: Pillow is not installed.
        ArgumentTypeError: for something else, or a dtype that no image has.
        ArgumentError: for a number of dimensions or channels, or a mode, that does not fit.
    """
    require_pillow("to_pil_image")
    array = _pixels(pic)
    channels = array.shape[2] if array.ndim == 3 else 1
    fitting = _fitting_modes(array, channels)
    if mode is not None and mode not in fitting:
        raise ArgumentError(f"to_pil_image: mode must be one of {fitting} for {channels} channels, got {mode!r}")
    if channels == 1:
        array = array.reshape(array.shape[:2])
    chosen = mode or fitting[0]
    if chosen in ("L", "I", "I;16", "F", "RGB", "RGBA", "LA"):
        return Image.fromarray(np.ascontiguousarray(array.astype(np.uint16) if chosen == "I;16" else array))
    return Image.frombytes(chosen, (array.shape[1], array.shape[0]), np.ascontiguousarray(array).tobytes())


def _pixels(pic: Any) -> np.ndarray:
    """The array (height, width[, channels]) that becomes an image."""
    if isinstance(pic, Tensor):
        if pic.ndim not in (2, 3):
            raise ArgumentError(f"to_pil_image: an image has 2 or 3 dimensions, not {pic.ndim}")
        values = pic.detach()
        if values.is_floating_point():
            values = (values * 255).to(np.uint8)
        elif values.dtype == np.bool_:
            values = values.to(np.uint8) * 255
        array = np.array(values.numpy())
        return array.transpose(1, 2, 0) if array.ndim == 3 else array
    if not isinstance(pic, np.ndarray):
        raise ArgumentTypeError(f"to_pil_image: takes a tensor or a NumPy array, not {type(pic).__name__}")
    if pic.ndim not in (2, 3):
        raise ArgumentError(f"to_pil_image: an image has 2 or 3 dimensions, not {pic.ndim}")
    return pic


def _fitting_modes(array: np.ndarray, channels: int) -> list[str]:
    if channels == 1:
        modes = {"uint8": ["L"], "int16": ["I;16"], "uint16": ["I;16"], "int32": ["I"], "float32": ["F"]}
        found = modes.get(array.dtype.name)
    elif array.dtype == np.uint8:
        found = {2: ["LA"], 3: ["RGB", "YCbCr", "HSV"], 4: ["RGBA", "CMYK", "RGBX"]}.get(channels)
        if found is None:
            raise ArgumentError(f"to_pil_image: no image has {channels} channels")
    else:
        found = None
    if found is None:
        raise ArgumentTypeError(f"to_pil_image: no image has {channels} channels of {array.dtype}")
    return found


def convert_image_dtype(image: Tensor, dtype: Any = np.float32) -> Tensor:
    """The image in another dtype, its values scaled from the range of the one to that of the other.

    Floats go from 0 to 1, integers from 0 to their largest.

    Raises:
        ArgumentTypeError: for anything but a tensor, or from a float that cannot hold the largest integer.
    """
    if not isinstance(image, Tensor):
        raise ArgumentTypeError(f"convert_image_dtype: takes a tensor, not {type(image).__name__}")
    target = as_dtype(dtype)
    source = image.dtype
    if source == target:
        return image
    if source.kind == "f" and target.kind == "f":
        return image.to(target)  # type: ignore[no-any-return]
    if source.kind == "f":
        if target.itemsize > 4 or (source.itemsize < 8 and target.itemsize == 4):
            raise ArgumentTypeError(f"convert_image_dtype: {source} has not the digits for {target}")
        return (image * (_largest(target) + 1 - 1e-3)).to(target)  # type: ignore[no-any-return]
    if target.kind == "f":
        return image.to(target) / _largest(source)  # type: ignore[no-any-return]
    ratio = (_largest(source) + 1) // (_largest(target) + 1)
    if ratio:
        return (image // ratio).to(target)  # type: ignore[no-any-return]
    return image.to(target) * ((_largest(target) + 1) // (_largest(source) + 1))  # type: ignore[no-any-return]


def _largest(dtype: DType) -> int:
    return 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)


def normalize(tensor: Any, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """Subtract the mean of each channel and divide by its standard deviation.

    Raises:
        ArgumentTypeError: for anything but a tensor of floats.
        ArgumentError: for fewer than three dimensions, or a standard deviation of 0.

    >>> normalize(tracegraph.ones(1, 1, 2), [0.5], [0.5])
    tensor([[[1., 1.]]])
    """
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        what = f"a tensor of {tensor.dtype}" if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ArgumentTypeError(f"normalize: takes a tensor of floats, not {what}")
    if tensor.ndim < 3:
        raise ArgumentError(f"normalize: takes a tensor (..., channels, height, width), got the shape {tensor.shape}")
    centres, widths = (np.asarray(values, tensor.dtype).reshape(-1, 1, 1) for values in (mean, std))
    if (widths == 0).any():
        raise ArgumentError(f"normalize: a standard deviation is 0 in {tensor.dtype}: {std}")
    centre, width = (dispatch.as_tensor(np.array(values), literal=True) for values in (centres, widths))
    if inplace:
        return tensor.sub_(centre).div_(width)  # type: ignore[no-any-return]
    return (tensor - centre) / width  # type: ignore[no-any-return]
