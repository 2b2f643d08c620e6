"""The transform classes: their parameters, what they draw, and that a seed repeats it."""

import pickle
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tracegraph
from tracegraph import nn
from tracegraph.utils.data import DataLoader
from tracegraph.vision import datasets, transforms
from tracegraph.vision.transforms import functional as F  # noqa: N812

IMAGE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (20, 24, 3), np.uint8))
TENSOR = F.to_tensor(IMAGE)
NOTHING = transforms.Lambda(lambda image: image)

RANDOM: dict[str, Any] = {
    "RandomCrop": transforms.RandomCrop(8, padding=2),
    "RandomCrop, padded": transforms.RandomCrop((30, 10), pad_if_needed=True, padding_mode="reflect"),
    "RandomResizedCrop": transforms.RandomResizedCrop((10, 12)),
    "RandomHorizontalFlip": transforms.RandomHorizontalFlip(),
    "RandomVerticalFlip": transforms.RandomVerticalFlip(),
    "RandomRotation": transforms.RandomRotation(45),
    "RandomRotation, expanded": transforms.RandomRotation((10, 80), "bilinear", expand=True),
    "RandomAffine": transforms.RandomAffine(20, (0.2, 0.1), (0.8, 1.2), 10),
    "RandomAffine, sheared": transforms.RandomAffine(0, shear=(-5, 5, -9, 9)),
    "ColorJitter": transforms.ColorJitter(0.4, 0.4, 0.4, 0.2),
    "RandomGrayscale": transforms.RandomGrayscale(0.5),
    "GaussianBlur": transforms.GaussianBlur(5),
    "RandomApply": transforms.RandomApply([transforms.RandomVerticalFlip(1.0)]),
    "RandomChoice": transforms.RandomChoice([F.hflip, F.vflip, NOTHING]),
    "RandomOrder": transforms.RandomOrder([transforms.Pad((1, 0)), transforms.CenterCrop((9, 9)), F.hflip]),
    "RandomErasing": transforms.RandomErasing(0.8, value="random"),
}


def values(result: Any) -> Any:
    return result.tolist() if isinstance(result, tracegraph.Tensor) else (result.size, result.tobytes())


@pytest.mark.parametrize("kind", ["PIL", "tensor"])
@pytest.mark.parametrize("name", RANDOM)
def test_seeds_repeat_what_is_drawn(name: str, kind: str) -> None:
    image = IMAGE if kind == "PIL" and name != "RandomErasing" else TENSOR

    def drawn(seed: int) -> list[Any]:
        tracegraph.manual_seed(seed)
        return [values(RANDOM[name](image)) for _ in range(6)]

    results = drawn(0)
    assert results == drawn(0)
    assert any(result != results[0] for result in results)
    assert type(RANDOM[name]).__name__ in repr(RANDOM[name])


@pytest.mark.parametrize("name", [name for name in RANDOM if name not in ("RandomErasing", "RandomChoice")])
def test_images_and_tensors_are_changed_alike(name: str) -> None:
    tracegraph.manual_seed(5)
    from_image = F.to_tensor(RANDOM[name](IMAGE))
    tracegraph.manual_seed(5)
    from_tensor = RANDOM[name](TENSOR)
    assert from_image.shape == from_tensor.shape
    tolerance = 0.06 if name == "ColorJitter" else 0.012  # hues of 8 bits are coarse
    assert float((from_image - from_tensor).abs().max()) < tolerance


@pytest.mark.parametrize(
    ("transform", "share"),
    [
        (transforms.RandomHorizontalFlip(0.3), 0.3),
        (transforms.RandomVerticalFlip(0), 0),
        (transforms.RandomGrayscale(1), 1),
        (transforms.RandomErasing(0.6), 0.6),
        (transforms.RandomApply([F.hflip], 0.2), 0.2),
        (transforms.RandomChoice([NOTHING, F.hflip], p=[1, 3]), 0.75),
    ],
)
def test_probabilities(transform: Any, share: float) -> None:
    tracegraph.manual_seed(1)
    changed = [not bool((transform(TENSOR) == TENSOR).all()) for _ in range(400)]
    assert np.mean(changed) == pytest.approx(share, abs=0.08 if 0 < share < 1 else 0)


def test_crops_come_from_everywhere() -> None:
    places = [transforms.RandomCrop.get_params(TENSOR, (18, 20)) for _ in range(300)]
    assert {place[:2] for place in places} == {(top, left) for top in range(3) for left in range(5)}
    assert transforms.RandomCrop.get_params(TENSOR, (20, 24)) == (0, 0, 20, 24)
    with pytest.raises(ValueError, match="has no part of"):
        transforms.RandomCrop(21)(TENSOR)


def test_parts_keep_their_limits() -> None:
    for _ in range(200):
        top, left, height, width = transforms.RandomResizedCrop.get_params(TENSOR, (0.3, 0.6), (0.5, 2.0))
        assert 0 <= top <= 20 - height
        assert 0 <= left <= 24 - width
        assert 0.3 * 480 * 0.9 < height * width < 0.6 * 480 * 1.1
        assert 0.45 < width / height < 2.2
    assert transforms.RandomResizedCrop.get_params(TENSOR, (5, 6), (1.0, 1.0)) == (0, 2, 20, 20)
    top, left, height, width, contents = transforms.RandomErasing.get_params(TENSOR, (0.1, 0.2), (0.5, 2), [1.0])
    assert 0 < height * width < 0.25 * 480
    assert contents.shape == (1, 1, 1)


def test_erased_values() -> None:
    erased = transforms.RandomErasing(1, value=(2.0, 3.0, 4.0))(TENSOR)
    changed = (erased != TENSOR).numpy()
    assert changed.any()
    assert all(set(erased.numpy()[channel][changed[channel]]) == {2.0 + channel} for channel in range(3))
    own = TENSOR.clone()
    assert transforms.RandomErasing(1, inplace=True)(own) is own
    with pytest.raises(ValueError, match="2 values for 3 channels"):
        transforms.RandomErasing(1, value=(1.0, 2.0))(TENSOR)


@pytest.mark.parametrize(
    "make",
    [
        lambda: transforms.ColorJitter(brightness=-1),
        lambda: transforms.ColorJitter(hue=0.6),
        lambda: transforms.ColorJitter(contrast=(2, 1)),
        lambda: transforms.RandomRotation(-1),
        lambda: transforms.RandomAffine(0, translate=(2, 0)),
        lambda: transforms.RandomAffine(0, scale=(0, 1)),
        lambda: transforms.RandomErasing(2),
        lambda: transforms.RandomErasing(value="noise"),
        lambda: transforms.RandomErasing(scale=(0, 2)),
        lambda: transforms.GaussianBlur(3, 0),
        lambda: transforms.Grayscale(2)(TENSOR),
        lambda: transforms.CenterCrop((1, 2, 3)),
        lambda: transforms.Resize(3, "cubic"),
    ],
)
def test_values_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"must|is one number"):
        make()


def test_types_are_refused() -> None:
    for make in (
        lambda: transforms.Lambda(3),  # type: ignore[arg-type]
        lambda: transforms.RandomApply(3),
        lambda: transforms.RandomChoice([F.hflip], p=1),  # type: ignore[arg-type]
        lambda: transforms.RandomResizedCrop(3, scale=1),
        lambda: transforms.ToTensor()("image"),
    ):
        with pytest.raises(TypeError):
            make()


def test_one_after_the_other() -> None:
    prepare = transforms.Compose(
        [transforms.Resize(10), transforms.CenterCrop(8), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
    )
    result = prepare(IMAGE)
    assert result.shape == (3, 8, 8)
    expected = F.to_tensor(F.center_crop(F.resize(IMAGE, 10), 8)) * 2 - 1
    np.testing.assert_allclose(result.numpy(), expected.numpy(), atol=1e-6)
    assert "Resize(size=10, interpolation=bilinear" in repr(prepare)
    assert nn.Sequential(transforms.Pad(1), transforms.Grayscale())(TENSOR).shape == (1, 22, 26)
    assert [part.shape for part in transforms.FiveCrop(4)(TENSOR)] == [(3, 4, 4)] * 5
    assert transforms.ToPILImage()(TENSOR).tobytes() == IMAGE.tobytes()
    assert transforms.ConvertImageDtype(np.uint8)(TENSOR).dtype == np.uint8
    assert transforms.PILToTensor()(IMAGE).dtype == np.uint8


def test_transforms_travel_to_workers() -> None:
    prepare = transforms.Compose([transforms.RandomCrop(16), transforms.ColorJitter(0.2), transforms.ToTensor()])
    pickle.loads(pickle.dumps(prepare))
    loader = DataLoader(datasets.FakeData(8, (3, 20, 20), transform=prepare), batch_size=4, num_workers=2)
    tracegraph.manual_seed(0)
    first = [images.numpy() for images, _ in loader]
    tracegraph.manual_seed(0)
    again = [images.numpy() for images, _ in loader]
    assert first[0].shape == (4, 3, 16, 16)
    np.testing.assert_array_equal(first, again)
