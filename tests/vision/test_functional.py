"""The functions on images: PIL images against Pillow, tensors against PIL images, PyTorch and formulas."""

import colorsys
import math
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

import tracegraph
from tracegraph.vision.transforms import InterpolationMode
from tracegraph.vision.transforms import functional as F  # noqa: N812

RNG = np.random.default_rng(3)
COLOURS = RNG.integers(0, 256, (9, 12, 3), np.uint8)
GREY = RNG.integers(0, 256, (9, 12), np.uint8)
IMAGES = {"RGB": Image.fromarray(COLOURS), "L": Image.fromarray(GREY)}


def pixels(result: Any) -> np.ndarray:
    """(height, width, channels) of a result, in numbers from 0 to 255."""
    if isinstance(result, tracegraph.Tensor):
        array = result.numpy().transpose(1, 2, 0)
        return array * 255 if result.is_floating_point() else array
    array = np.asarray(result)
    return array[:, :, None] if array.ndim == 2 else array


def close(ours: Any, theirs: Any, atol: float = 0) -> None:
    found, expected = pixels(ours), pixels(theirs)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.astype(np.float64), expected, atol=atol)


@pytest.mark.parametrize("mode", IMAGES)
def test_conversions(mode: str) -> None:
    image = IMAGES[mode]
    tensor = F.to_tensor(image)
    array = np.asarray(image)
    expected = array.reshape(9, 12, -1).transpose(2, 0, 1)
    assert tensor.dtype == np.float32
    np.testing.assert_array_equal(tensor.numpy(), expected / np.float32(255))
    np.testing.assert_array_equal(F.to_tensor(array).numpy(), tensor.numpy())
    np.testing.assert_array_equal(F.pil_to_tensor(image).numpy(), expected)
    for back in (F.to_pil_image(tensor), F.to_pil_image(F.pil_to_tensor(image)), F.to_pil_image(array)):
        assert (back.mode, back.tobytes()) == (mode, image.tobytes())
    assert F.get_dimensions(image) == F.get_dimensions(tensor) == [len(mode) if mode == "RGB" else 1, 9, 12]
    assert F.get_image_size(image) == [12, 9]


@pytest.mark.parametrize(
    ("mode", "dtype"), [("1", np.float32), ("I", np.int32), ("F", np.float32), ("I;16", np.int16), ("CMYK", np.float32)]
)
def test_other_modes(mode: str, dtype: Any) -> None:
    image = IMAGES["RGB"].convert(mode) if mode != "I;16" else Image.fromarray(GREY.astype(np.uint16))
    tensor = F.to_tensor(image)
    assert tensor.dtype == dtype
    values = np.asarray(image).astype(np.float64).reshape(9, 12, -1).transpose(2, 0, 1)
    np.testing.assert_allclose(tensor.numpy(), values / 255 if mode == "CMYK" else values, rtol=1e-6)
    if mode in ("I", "F", "I;16"):
        assert F.to_pil_image(tensor if mode != "F" else tensor.numpy()[0]).tobytes() == image.tobytes()


REFUSED: dict[str, Any] = {
    "to_tensor of a list": (TypeError, lambda: F.to_tensor([1])),
    "to_tensor of 1-d": (ValueError, lambda: F.to_tensor(np.zeros(3))),
    "pil_to_tensor": (TypeError, lambda: F.pil_to_tensor(GREY)),
    "to_pil_image of a list": (TypeError, lambda: F.to_pil_image([1])),
    "to_pil_image of 4-d": (ValueError, lambda: F.to_pil_image(tracegraph.zeros(1, 1, 2, 2))),
    "to_pil_image of 5 channels": (ValueError, lambda: F.to_pil_image(tracegraph.zeros(5, 2, 2))),
    "to_pil_image of doubles": (TypeError, lambda: F.to_pil_image(np.zeros((2, 2)))),
    "to_pil_image mode": (ValueError, lambda: F.to_pil_image(COLOURS, mode="L")),
    "normalize ints": (TypeError, lambda: F.normalize(F.pil_to_tensor(IMAGES["L"]), [0], [1])),
    "normalize 2-d": (ValueError, lambda: F.normalize(tracegraph.zeros(2, 2), [0], [1])),
    "normalize by 0": (ValueError, lambda: F.normalize(tracegraph.zeros(1, 2, 2), [0], [0])),
    "array": (TypeError, lambda: F.hflip(GREY)),
    "pad mode": (ValueError, lambda: F.pad(IMAGES["L"], 1, padding_mode="mirror")),
    "pad widths": (ValueError, lambda: F.pad(IMAGES["L"], [1, 2, 3])),
    "resize size": (ValueError, lambda: F.resize(IMAGES["L"], 0)),
    "resize mode": (ValueError, lambda: F.resize(IMAGES["L"], 3, "cubic")),
    "resize tensor mode": (ValueError, lambda: F.resize(F.to_tensor(GREY), 3, InterpolationMode.LANCZOS)),
    "resize max_size": (ValueError, lambda: F.resize(IMAGES["L"], 3, max_size=2)),
    "five_crop": (ValueError, lambda: F.five_crop(IMAGES["L"], 10)),
    "hue": (ValueError, lambda: F.adjust_hue(IMAGES["RGB"], 0.6)),
    "brightness": (ValueError, lambda: F.adjust_brightness(IMAGES["RGB"], -1)),
    "blur": (ValueError, lambda: F.gaussian_blur(IMAGES["RGB"], 4)),
    "blur sigma": (ValueError, lambda: F.gaussian_blur(IMAGES["RGB"], 3, 0)),
    "affine scale": (ValueError, lambda: F.affine(IMAGES["RGB"], 0, [0, 0], 0, 0)),
    "convert": (TypeError, lambda: F.convert_image_dtype(tracegraph.zeros(1), np.int64)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    kind, call = REFUSED[case]
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value).__module__.startswith("tracegraph.")


@pytest.mark.parametrize("mode", IMAGES)
@pytest.mark.parametrize(
    "change",
    [
        F.hflip,
        F.vflip,
        lambda image: F.crop(image, 2, 3, 4, 5),
        lambda image: F.crop(image, -2, -3, 20, 6),
        lambda image: F.crop(image, 5, 9, 9, 9),
        lambda image: F.center_crop(image, 5),
        lambda image: F.center_crop(image, (4, 7)),
        lambda image: F.center_crop(image, [15, 5]),
        lambda image: F.center_crop(image, [20, 21]),
        lambda image: F.five_crop(image, 4)[3],
        lambda image: F.pad(image, 2),
        lambda image: F.pad(image, [1, 2], fill=7),
        lambda image: F.pad(image, [1, 2, 3, 4], padding_mode="edge"),
        lambda image: F.pad(image, [1, 2, 3, 4], padding_mode="reflect"),
        lambda image: F.pad(image, [1, 2, 3, 4], padding_mode="symmetric"),
        lambda image: F.resize(image, (5, 20), InterpolationMode.NEAREST_EXACT),
        lambda image: F.rotate(image, 30),
        lambda image: F.rotate(image, -75, expand=True),
        lambda image: F.rotate(image, 90, expand=True),
        lambda image: F.rotate(image, -90, expand=True),
        lambda image: F.rotate(image, 180),
        lambda image: F.rotate(image, 40, center=(2, 3), fill=9),
        lambda image: F.affine(image, 20, [2, -1], 1.3, [10, 5]),
        lambda image: F.affine(image, 0, [0, 0], 0.7, 15, fill=5, center=[1, 2]),
        F.invert,
    ],
)
def test_tensors_as_pil_images_exactly(mode: str, change: Any) -> None:
    close(change(F.pil_to_tensor(IMAGES[mode])), change(IMAGES[mode]))


@pytest.mark.parametrize("mode", IMAGES)
@pytest.mark.parametrize(
    "change",
    [
        lambda image: F.resize(image, 5),
        lambda image: F.resize(image, (20, 7)),
        lambda image: F.resize(image, (9, 30), InterpolationMode.BICUBIC),
        lambda image: F.resize(image, (4, 5), InterpolationMode.BICUBIC),
        lambda image: F.resize(image, 6, max_size=7),
        lambda image: F.rotate(image, 30, InterpolationMode.BILINEAR),
        lambda image: F.affine(image, 20, [2, -1], 1.3, [10, 5], InterpolationMode.BILINEAR),
        lambda image: F.adjust_brightness(image, 1.7),
        lambda image: F.adjust_contrast(image, 0.4),
        lambda image: F.adjust_saturation(image, 1.6),
        lambda image: F.adjust_gamma(image, 0.7, 1.1),
        F.rgb_to_grayscale,
        lambda image: F.rgb_to_grayscale(image, 3),
        lambda image: F.gaussian_blur(image, (5, 3), (1.5, 0.5)),
    ],
)
def test_tensors_as_pil_images_but_for_rounding(mode: str, change: Any) -> None:
    close(change(F.pil_to_tensor(IMAGES[mode])), change(IMAGES[mode]), atol=1.51)
    close(change(F.to_tensor(IMAGES[mode])).clamp(0, 1), change(IMAGES[mode]), atol=1.51)


def test_pil_images_are_pillows_own() -> None:
    image = IMAGES["RGB"]
    assert F.resize(image, (4, 6)).tobytes() == image.resize((6, 4), Image.Resampling.BILINEAR).tobytes()
    assert F.resize(image, 18).size == (24, 18)
    assert F.rotate(image, 33, "bicubic").tobytes() == image.rotate(33, Image.Resampling.BICUBIC).tobytes()
    assert F.adjust_contrast(image, 2.0).tobytes() == ImageEnhance.Contrast(image).enhance(2.0).tobytes()
    assert F.adjust_brightness(image, 0.5).tobytes() == ImageEnhance.Brightness(image).enhance(0.5).tobytes()
    assert F.adjust_saturation(image, 0.5).tobytes() == ImageEnhance.Color(image).enhance(0.5).tobytes()
    assert F.adjust_hue(image, 0.0).tobytes() == image.convert("HSV").convert("RGB").tobytes()
    assert F.rgb_to_grayscale(image).tobytes() == image.convert("L").tobytes()


@pytest.mark.oracle
@pytest.mark.parametrize("size", [(4, 5), (20, 31), (9, 3), (13, 12)])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest", "nearest-exact"])
@pytest.mark.parametrize("antialias", [True, False])
def test_resize_is_pytorchs_interpolation(size: tuple[int, int], mode: str, antialias: bool) -> None:
    image = RNG.random((2, 3, 9, 12))
    options = {"align_corners": False, "antialias": antialias} if mode.startswith("bi") else {}
    expected = torch.nn.functional.interpolate(torch.from_numpy(image), size, mode=mode, **options)
    found = F.resize(tracegraph.from_numpy(image), size, InterpolationMode(mode), antialias=antialias)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-12)


@pytest.mark.oracle
def test_blur_is_a_convolution() -> None:
    image = RNG.random((3, 9, 12))
    kernel = [np.exp(-0.5 * ((np.arange(n) - n // 2) / s) ** 2) for n, s in ((5, 1.1), (3, 0.8))]
    weights = torch.from_numpy(np.outer(kernel[0] / kernel[0].sum(), kernel[1] / kernel[1].sum())[None, None])
    padded = torch.nn.functional.pad(torch.from_numpy(image)[:, None], (1, 1, 2, 2), mode="reflect")
    expected = torch.nn.functional.conv2d(padded, weights)[:, 0]
    found = F.gaussian_blur(tracegraph.from_numpy(image), [3, 5], [0.8, 1.1])
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-12)


@pytest.mark.parametrize("factor", [-0.5, -0.2, 0.0, 0.3, 0.5])
def test_hues_turn_on_the_circle(factor: float) -> None:
    image = RNG.random((3, 4, 5))
    image[:, 0] = image[:1, 0]
    expected = np.empty_like(image)
    for place in np.ndindex(4, 5):
        hue, saturation, value = colorsys.rgb_to_hsv(*image[(slice(None), *place)])
        expected[(slice(None), *place)] = colorsys.hsv_to_rgb((hue + factor) % 1, saturation, value)
    np.testing.assert_allclose(F.adjust_hue(tracegraph.from_numpy(image), factor).numpy(), expected, atol=1e-12)
    close(F.adjust_hue(F.pil_to_tensor(IMAGES["RGB"]), factor), F.adjust_hue(IMAGES["RGB"], factor), atol=16)


@pytest.mark.parametrize(
    ("source", "target", "value", "expected"),
    [
        ("float32", "uint8", [0.0, 0.5, 1.0], [0, 127, 255]),
        ("uint8", "float32", [0, 51, 255], [0, 0.2, 1]),
        ("uint8", "int16", [0, 255], [0, 255 * 128]),
        ("int16", "uint8", [0, 32767], [0, 255]),
        ("float32", "float64", [0.25], [0.25]),
        ("uint8", "uint8", [3], [3]),
    ],
)
def test_dtypes_are_scaled(source: str, target: str, value: list[float], expected: list[float]) -> None:
    found = F.convert_image_dtype(tracegraph.tensor(value, dtype=source), np.dtype(target))
    assert found.dtype == target
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_normalisation() -> None:
    image = tracegraph.rand(3, 4, 5)
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    centre, width = (np.array(values, np.float32)[:, None, None] for values in (mean, std))
    expected = (image.numpy() - centre) / width
    np.testing.assert_allclose(F.normalize(image, mean, std).numpy(), expected, rtol=1e-6)
    assert F.normalize(image, mean, std, inplace=True) is image
    np.testing.assert_allclose(image.numpy(), expected, rtol=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("angle", [0.0, 17.0, -120.0])
@pytest.mark.parametrize("shear", [(0.0, 0.0), (12.0, -8.0)])
def test_affine_maps_are_pytorchs_grid(angle: float, shear: tuple[float, float]) -> None:
    """torchvision's matrix through PyTorch's grid sampler, whose nearest pixel is ours."""
    image = RNG.random((2, 9, 12))
    rot, sx, sy = map(math.radians, (angle, *shear))
    forward = 1.23 * np.array(
        [
            [math.cos(rot - sy) / math.cos(sy), -math.cos(rot - sy) * math.tan(sx) / math.cos(sy) - math.sin(rot)],
            [math.sin(rot - sy) / math.cos(sy), -math.sin(rot - sy) * math.tan(sx) / math.cos(sy) + math.cos(rot)],
        ]
    )
    linear = np.linalg.inv(forward)
    offset = -linear @ np.array([2.0, -1.0])
    half = np.array([6.0, 4.5])
    theta = np.column_stack([linear * half[None, :] / half[:, None], offset / half])
    grid = torch.nn.functional.affine_grid(torch.from_numpy(theta)[None], [1, 2, 9, 12], align_corners=False)
    expected = torch.nn.functional.grid_sample(
        torch.from_numpy(image)[None], grid, mode="nearest", align_corners=False
    )[0]
    found = F.affine(tracegraph.from_numpy(image), angle, [2, -1], 1.23, shear)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-12)


def test_a_pipeline_of_tensors_can_be_traced_and_differentiated() -> None:
    def change(image: Any) -> Any:
        image = F.pad(F.center_crop(F.resize(image, 8), 6), 1, padding_mode="reflect")
        image = F.gaussian_blur(F.rotate(F.hflip(image), 20, InterpolationMode.BILINEAR), 3)
        image = F.adjust_hue(F.adjust_contrast(F.adjust_saturation(image, 0.7), 0.8), 0.1)
        return F.normalize(image, [0.5] * 3, [0.5] * 3)

    image = F.to_tensor(COLOURS)
    expected = change(image)
    traced = tracegraph.trace(change)
    for _ in range(3):
        np.testing.assert_allclose(traced(image).numpy(), expected.numpy(), atol=1e-5)
    assert traced.explain().verdict == "static", traced.explain()
    image.requires_grad_()
    change(image).sum().backward()
    assert image.grad is not None
    assert bool(image.grad.isfinite().all())
    assert float(image.grad.abs().sum()) > 0
