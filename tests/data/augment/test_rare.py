"""Rare-class crops: which pixel is chosen, and that the crop shows it."""

from functools import partial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from streetseg.data.augment.augment import augment
from streetseg.data.augment.rare import NONE, PLACES, RareCrops, places_of
from streetseg.data.augment.rng import draw
from streetseg.labels.space import IGNORE_INDEX
from streetseg.recipe.schema import Augment

STILL = Augment(scale=(1, 1), rotate=0, flip=0, brightness=0, contrast=0, saturation=0, hue=0, blur=0)
COUNT = 300


def chosen(labels: Tensor, class_pixels: list[int], *, probability: float = 1.0, epoch: int = 0) -> NDArray[np.int64]:
    """Return the pixel that is chosen in each of a batch of labels."""
    rare = RareCrops(probability, np.array(class_pixels), 0, epoch)
    return rare.pixels(range(len(labels)), [partial(places_of, one.numpy()) for one in labels])


def drawn_classes(class_pixels: list[int], present: set[int], count: int = 4000) -> NDArray[np.float64]:
    """Return how often each class is drawn in images that have the classes `present`, as a share."""
    places = [lambda class_id: np.full(PLACES, class_id if class_id in present else NONE, np.int32)] * count
    pixels = RareCrops(1.0, np.array(class_pixels), 0, 0).pixels(range(count), places)
    return np.bincount(pixels, minlength=len(class_pixels)) / count


def patches(height: int, width: int, side: int = 6) -> Tensor:
    """Return labels with one square patch of class 0 anywhere, the corners first; all else is ignored."""
    rng = np.random.default_rng(height * width)
    labels = torch.full((COUNT, height, width), IGNORE_INDEX, dtype=torch.uint8)
    corners = [(top, left) for top in (0, height - side) for left in (0, width - side)]
    others = zip(rng.integers(0, height - side + 1, COUNT), rng.integers(0, width - side + 1, COUNT), strict=True)
    for one, (top, left) in zip(labels, [*corners, *others], strict=False):
        one[top : top + side, left : left + side] = 0
    return labels


# Which pixel


def test_pixels_of_a_class_are_spread_over_all_of_them() -> None:
    labels = np.zeros((20, 30), np.uint8)
    labels[:, 10:20] = 3
    places = places_of(labels, 3)
    assert places.shape == (PLACES,)
    assert (labels.ravel()[places] == 3).all()
    assert len(np.unique(places)) == PLACES
    assert np.array_equal(np.unique(places // 30), np.arange(20))
    labels[:] = 0
    labels[4, 5] = 3
    assert set(places_of(labels, 3).tolist()) == {4 * 30 + 5}
    assert set(places_of(labels, 2).tolist()) == {NONE}


def test_a_class_is_drawn_with_the_inverse_of_its_share() -> None:
    shares = drawn_classes([8000, 1000, 2000, 4000], {0, 1, 2, 3})
    assert shares == pytest.approx(np.array([1, 8, 4, 2]) / 15, abs=0.04)


def test_a_class_is_drawn_of_those_in_the_image() -> None:
    assert drawn_classes([8000, 1000, 2000, 0], {0, 2, 3}) == pytest.approx([0.2, 0, 0.8, 0], abs=0.04)


def test_every_pixel_of_a_class_in_turn() -> None:
    labels = torch.full((COUNT, 6, 7), 1, dtype=torch.uint8)
    labels[:, 2, 3:5] = 0
    counts = np.bincount(chosen(labels, [1, 10**9]), minlength=42)
    assert counts[2 * 7 + 3] + counts[2 * 7 + 4] == COUNT
    assert counts.max() < 0.65 * COUNT


def test_a_pixel_is_chosen_with_the_probability() -> None:
    labels = torch.zeros(2000, 2, 2, dtype=torch.uint8)
    first, second = (chosen(labels, [1], probability=0.3, epoch=epoch) != NONE for epoch in (0, 1))
    assert first.mean() == pytest.approx(0.3, abs=0.05)
    assert not np.array_equal(first, second)


def test_ignored_pixels_are_never_chosen() -> None:
    labels = torch.full((COUNT, 5, 5), IGNORE_INDEX, dtype=torch.uint8)
    assert (chosen(labels, [1, 1]) == NONE).all()
    labels[:, 3, 1] = 1
    assert (chosen(labels, [1, 1]) == 16).all()


# Where the crop lies


EVERY_GEOMETRY = {"scale": (0.5, 2.0), "rotate": 10.0, "flip": 0.5, "translate": 0.3}


@pytest.mark.parametrize("size", [(64, 96), (30, 96)])
@pytest.mark.parametrize("changes", [{}, {"flip": 0.5}, {"scale": (0.5, 2.0)}, {"rotate": 10.0}, EVERY_GEOMETRY])
def test_the_crop_always_shows_the_patch(size: tuple[int, int], changes: dict[str, object]) -> None:
    labels = patches(*size)
    images = torch.zeros(COUNT, 3, *size, dtype=torch.uint8)
    settings, random_params = STILL.model_copy(update=changes), draw(0, 0, range(COUNT))
    _, cropped = augment(images, labels, settings, (32, 40), random_params, None, chosen(labels, [1, 1]))
    _, anywhere = augment(images, labels, settings, (32, 40), random_params)
    assert (cropped == 0).flatten(1).any(1).all()
    assert (anywhere == 0).flatten(1).any(1).float().mean() < 0.8


def test_the_crop_of_a_small_image_shows_the_patch() -> None:
    labels = patches(24, 20)
    images, settings = torch.zeros(COUNT, 3, 24, 20, dtype=torch.uint8), STILL.model_copy(update=EVERY_GEOMETRY)
    _, cropped = augment(images, labels, settings, (32, 40), draw(0, 0, range(COUNT)), None, chosen(labels, [1, 1]))
    assert (cropped == 0).flatten(1).any(1).all()


def test_the_crop_of_a_padded_image_shows_the_patch() -> None:
    labels = patches(40, 50)
    padded = torch.full((COUNT, 64, 96), IGNORE_INDEX, dtype=torch.uint8)
    padded[:, :40, :50] = labels
    images, sizes = torch.zeros(COUNT, 3, 64, 96, dtype=torch.uint8), np.tile([40, 50], (COUNT, 1))
    settings = STILL.model_copy(update=EVERY_GEOMETRY)
    _, cropped = augment(images, padded, settings, (32, 40), draw(0, 0, range(COUNT)), sizes, chosen(labels, [1, 1]))
    assert (cropped == 0).flatten(1).any(1).all()


def test_every_place_that_shows_the_pixel_is_as_likely_and_no_pixel_is_blended() -> None:
    count = 1200
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(10), indexing="ij")
    images = torch.stack([rows, columns, rows]).to(torch.uint8).expand(count, -1, -1, -1)
    labels = torch.full((count, 8, 10), 1, dtype=torch.uint8)
    labels[:, 1, 5] = 0
    cropped, cropped_labels = augment(
        images, labels, STILL, (4, 4), draw(0, 0, range(count)), None, chosen(labels, [1, 10**9])
    )
    tops, lefts = cropped[:, 0, 0, 0].tolist(), cropped[:, 1, 0, 0].tolist()
    assert set(tops) == {0, 1}
    assert set(lefts) == {2, 3, 4, 5}
    counts = np.bincount([4 * top + left - 2 for top, left in zip(tops, lefts, strict=True)], minlength=8)
    assert counts.min() > 100  # 150 expected of each
    assert counts.max() < 200
    for crop, crop_labels, top, left in zip(cropped, cropped_labels, tops, lefts, strict=True):
        assert torch.equal(crop, images[0, :, top : top + 4, left : left + 4])
        assert torch.equal(crop_labels, labels[0, top : top + 4, left : left + 4])


def test_a_crop_as_large_as_the_image_stays() -> None:
    labels = patches(32, 40)
    images = torch.randint(0, 256, (COUNT, 3, 32, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    cropped, cropped_labels = augment(
        images, labels, STILL, (32, 40), draw(0, 0, range(COUNT)), None, chosen(labels, [1, 1])
    )
    assert torch.equal(cropped, images)
    assert torch.equal(cropped_labels, labels)


def test_crops_without_a_chosen_pixel_are_as_ever() -> None:
    labels = patches(64, 96)
    images = torch.randint(0, 256, (COUNT, 3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    random_params, shown = draw(0, 0, range(COUNT)), chosen(labels, [1, 1], probability=0.5)
    cropped, cropped_labels = augment(images, labels, Augment(), (32, 40), random_params, None, shown)
    usual, usual_labels = augment(images, labels, Augment(), (32, 40), random_params)
    free = torch.from_numpy(shown == NONE)
    assert 100 < free.sum() < 200
    assert torch.equal(cropped[free], usual[free])
    assert torch.equal(cropped_labels[free], usual_labels[free])
    assert not torch.equal(cropped_labels[~free], usual_labels[~free])
