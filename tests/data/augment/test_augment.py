"""Augmentation: images and labels stay together, and each change does what its setting says."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from gpus import needs_cuda
from streetseg.data.augment.augment import augment, training_crop
from streetseg.data.augment.color import MEAN_COLOR
from streetseg.data.augment.rng import RandomParams, draw
from streetseg.errors import RequestError
from streetseg.recipe.schema import Augment

IGNORE = 255
NOTHING = Augment(
    scale=(1.0, 1.0), rotate=0, flip=0, translate=0, brightness=0, contrast=0, saturation=0, hue=0, blur=0
)
GEOMETRY = NOTHING.model_copy(update={"scale": (0.5, 2.0), "rotate": 15.0, "flip": 0.5, "translate": 0.2})
EVERYTHING = Augment(translate=0.1, blur=0.5, gamma=0.5, noise=4.0, erase=0.5)


def only(**changes: object) -> Augment:
    return NOTHING.model_copy(update=changes)


def drawn(batch: int = 1, value: float = 0.5, **numbers: float) -> RandomParams:
    """Return random parameters with one number for all fields but the named ones."""
    center = {field.name: np.full(batch, value) for field in fields(RandomParams)}
    return replace(RandomParams(**center), **{name: np.full(batch, number) for name, number in numbers.items()})


def noise(batch: int, height: int, width: int, classes: int = 11) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(batch * height * width)
    images = torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=generator)
    return images, torch.randint(0, classes, (batch, height, width), dtype=torch.uint8, generator=generator)


def painted(batch: int, height: int, width: int, block: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    """Return images painted from blocky labels (ids and the ignore index), the labels, and the color of each id."""
    generator = torch.Generator().manual_seed(7)
    colors = torch.randint(0, 256, (256, 3), dtype=torch.uint8, generator=generator)
    blocks = torch.randint(0, 12, (batch, -(-height // block), -(-width // block)), generator=generator)
    labels = blocks.repeat_interleave(block, 1).repeat_interleave(block, 2)[:, :height, :width].to(torch.uint8)
    labels[labels == 11] = IGNORE
    return colors[labels.long()].permute(0, 3, 1, 2).contiguous(), labels, colors


def same_in_3x3(labels: Tensor) -> Tensor:
    """Return a mask that is True where a pixel and its eight neighbors have one id, and False at the rim."""
    as_float = labels.float().unsqueeze(1)
    flat = F.max_pool2d(as_float, 3, 1) == -F.max_pool2d(-as_float, 3, 1)
    return F.pad(flat.squeeze(1), (1, 1, 1, 1))


# Images and labels together


@given(seed=st.integers(0, 10**6), size=st.tuples(st.integers(24, 70), st.integers(24, 70)))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_image_stays_on_its_label(seed: int, size: tuple[int, int]) -> None:
    images, labels, colors = painted(3, *size)
    images, labels = augment(images, labels, GEOMETRY, (48, 56), draw(seed, 0, [0, 1, 2]))
    inside = same_in_3x3(labels) & (labels != IGNORE)
    assert inside.any()
    assert torch.equal(images.permute(0, 2, 3, 1)[inside], colors[labels[inside].long()])


def test_alignment_test_would_notice_one_pixel() -> None:
    images, labels, colors = painted(3, 60, 60)
    images, labels = augment(images.roll(2, dims=3), labels, GEOMETRY, (48, 56), draw(0, 0, [0, 1, 2]))
    inside = same_in_3x3(labels) & (labels != IGNORE)
    assert not torch.equal(images.permute(0, 2, 3, 1)[inside], colors[labels[inside].long()])


@pytest.mark.bad_input(3, "nearest neighbor: resized labels hold only ids of the mask and the ignore index")
@given(
    seed=st.integers(0, 10**6),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    crop=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    ids=st.lists(st.integers(0, 255), min_size=1, max_size=4),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_labels_are_old_ids_or_ignore(seed: int, size: tuple[int, int], crop: tuple[int, int], ids: list[int]) -> None:
    labels = torch.tensor(ids, dtype=torch.uint8)[noise(2, *size, classes=len(ids))[1].long()]
    images, labels = augment(noise(2, *size)[0], labels, EVERYTHING, crop, draw(seed, 0, [4, 9]))
    assert images.shape == (2, 3, *crop)
    assert labels.shape == (2, *crop)
    assert images.dtype == labels.dtype == torch.uint8
    assert set(labels.unique().tolist()) <= {*ids, IGNORE}


def test_result_does_not_depend_on_the_batch() -> None:
    images, labels = noise(8, 45, 64)
    together = augment(images, labels, EVERYTHING, (32, 64), draw(1, 2, range(8)))
    for company in ([5], [5, 0], [5, 7, 1]):
        apart = augment(images[company], labels[company], EVERYTHING, (32, 64), draw(1, 2, company))
        assert torch.equal(apart[0][0], together[0][5])
        assert torch.equal(apart[1][0], together[1][5])


def test_memory_format_changes_nothing() -> None:
    images, labels = noise(2, 45, 64)
    plain = augment(images, labels, EVERYTHING, (32, 64), draw(0, 0, [0, 1]))
    other = augment(images.to(memory_format=torch.channels_last), labels, EVERYTHING, (32, 64), draw(0, 0, [0, 1]))
    assert torch.equal(plain[0], other[0])
    assert torch.equal(plain[1], other[1])


def test_inputs_are_left_alone() -> None:
    images, labels = noise(2, 40, 40)
    kept = images.clone(), labels.clone()
    augment(images, labels, EVERYTHING, (32, 32), draw(0, 0, [0, 1]), np.array([[40, 40], [20, 30]]))
    assert torch.equal(images, kept[0])
    assert torch.equal(labels, kept[1])


# Geometry


def test_nothing_is_the_center_crop_bit_for_bit() -> None:
    images, labels = noise(2, 360, 480)
    cropped, cropped_labels = augment(images, labels, NOTHING, (352, 448), drawn(2))
    assert torch.equal(cropped, images[:, :, 4:356, 16:464])
    assert torch.equal(cropped_labels, labels[:, 4:356, 16:464])


def test_ignored_pixels_inside_keep_their_color() -> None:
    images, _ = noise(1, 32, 32)
    cropped, labels = augment(images, torch.full((1, 32, 32), IGNORE, dtype=torch.uint8), NOTHING, (32, 32), drawn())
    assert torch.equal(cropped, images)
    assert (labels == IGNORE).all()


def test_flip_alone_is_exact() -> None:
    images, labels = noise(2, 37, 53)
    flipped, flipped_labels = augment(images, labels, only(flip=1.0), (37, 53), drawn(2))
    assert torch.equal(flipped, images.flip(3))
    assert torch.equal(flipped_labels, labels.flip(2))


@pytest.mark.parametrize("scale", [0.5, 1.6, 2.0])
def test_scale_is_that_of_interpolate(scale: float) -> None:
    images, labels = noise(1, 40, 60)
    size = int(40 * scale), int(60 * scale)
    scaled, scaled_labels = augment(images, labels, only(scale=(scale, scale)), size, drawn())
    expected = F.interpolate(images.float(), size, mode="bilinear", align_corners=False)
    assert (scaled - expected).abs().max() <= 0.51
    if scale != 0.5:  # at one half every output center lies between two labels, and either is right
        assert torch.equal(scaled_labels[:, None], F.interpolate(labels[:, None], size, mode="nearest-exact"))


def test_quarter_turn_is_exact() -> None:
    images, labels = noise(1, 48, 48)
    turned, turned_labels = augment(images, labels, only(rotate=90), (48, 48), drawn(rotate=0))
    ways = [k for k in (1, 3) if torch.equal(turned_labels, labels.rot90(k, (1, 2)))]
    assert len(ways) == 1
    assert torch.equal(turned, images.rot90(ways[0], (2, 3)))


def test_small_image_turns_about_its_own_center_and_stays_in_the_crop() -> None:
    count = 50
    images, labels = noise(count, 20, 20)
    _, labels = augment(images, labels, only(rotate=10), (60, 60), draw(0, 0, range(count)))
    held = (labels != IGNORE).sum((1, 2))
    assert held.min() > 0.93 * 400  # only corners that stand out of the crop are lost


def test_translate_moves_whole_pixels_and_leaves_ignore_behind() -> None:
    images, labels = noise(1, 40, 60)
    moved, moved_labels = augment(images, labels, only(translate=0.1), (40, 60), drawn(shift_right=0.999, shift_down=0))
    assert torch.equal(moved[:, :, 4:, :54], images[:, :, :36, 6:])
    assert torch.equal(moved_labels[:, 4:, :54], labels[:, :36, 6:])
    assert (moved_labels[:, :4] == IGNORE).all()
    assert (moved_labels[:, :, 54:] == IGNORE).all()


def test_scale_is_drawn_log_uniformly() -> None:
    """A lone bright image on a large crop: its share of the crop is the square of the scale."""
    count = 400
    labels = torch.zeros(count, 16, 16, dtype=torch.uint8)
    images = torch.zeros(count, 3, 16, 16, dtype=torch.uint8)
    _, labels = augment(images, labels, only(scale=(0.5, 2.0)), (40, 40), draw(0, 0, range(count)))
    octaves = torch.log2((labels == 0).sum((1, 2)) / 256) / 2
    assert octaves.min() > -1.1
    assert octaves.max() < 1.1
    quarters = torch.histc(octaves, 4, -1, 1) / count
    assert (quarters - 0.25).abs().max() < 0.1


def test_every_place_of_the_crop_is_as_likely() -> None:
    count = 3500
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(10), indexing="ij")
    image = torch.stack([rows, columns, rows]).to(torch.uint8).expand(count, -1, -1, -1)
    labels = torch.zeros(count, 8, 10, dtype=torch.uint8)
    cropped, cropped_labels = augment(image, labels, NOTHING, (4, 4), draw(0, 0, range(count)))
    assert (cropped_labels == 0).all()
    places = cropped[:, 0, 0, 0].long() * 7 + cropped[:, 1, 0, 0]
    counts = torch.bincount(places, minlength=35)
    assert len(counts) == 35  # 5 rows x 7 columns, 100 expected of each
    assert counts.min() > 60
    assert counts.max() < 145


def test_small_image_is_placed_anywhere_in_the_crop() -> None:
    count = 300
    labels = torch.full((count, 4, 4), 3, dtype=torch.uint8)
    images = torch.zeros(count, 3, 4, 4, dtype=torch.uint8)
    cropped, cropped_labels = augment(images, labels, NOTHING, (6, 7), draw(0, 0, range(count)))
    held = cropped_labels == 3
    assert (held.sum((1, 2)) == 16).all()
    corners = {tuple(torch.nonzero(one)[0].tolist()) for one in held}
    assert corners == {(top, left) for top in range(3) for left in range(4)}
    assert (cropped_labels[~held] == IGNORE).all()
    assert (cropped.permute(0, 2, 3, 1)[~held] == torch.tensor(MEAN_COLOR)).all()


def test_edges_are_not_mixed_with_the_color_outside() -> None:
    images = torch.full((1, 3, 10, 10), 250, dtype=torch.uint8)
    labels = torch.zeros(1, 10, 10, dtype=torch.uint8)
    magnified, magnified_labels = augment(images, labels, only(scale=(2, 2), rotate=20), (40, 40), drawn(rotate=0.9))
    assert (magnified.permute(0, 2, 3, 1)[magnified_labels == 0] == 250).all()


def test_padded_images_come_out_as_if_alone() -> None:
    sizes = np.array([[40, 60], [33, 45], [40, 20]])
    whole_images, whole_labels = noise(3, 40, 60)
    padded, padded_labels = whole_images.clone(), whole_labels.clone()
    for i, (height, width) in enumerate(sizes.tolist()):
        edge = F.pad(padded[i, :, :height, :width].float(), (0, 60 - width, 0, 40 - height), mode="replicate")
        padded[i] = edge.to(torch.uint8)
        padded_labels[i, height:], padded_labels[i, :, width:] = IGNORE, IGNORE
    together = augment(padded, padded_labels, GEOMETRY, (32, 32), draw(0, 0, range(3)), sizes)
    for i, (height, width) in enumerate(sizes.tolist()):
        image, label = whole_images[i : i + 1, :, :height, :width], whole_labels[i : i + 1, :height, :width]
        alone = augment(image, label, GEOMETRY, (32, 32), draw(0, 0, [i]))
        assert (together[0][i].int() - alone[0][0].int()).abs().max() <= 1
        assert (together[1][i] != alone[1][0]).float().mean() < 0.01


# Color


def test_brightness_multiplies_and_rounds() -> None:
    images, labels = noise(1, 32, 32)
    brighter, _ = augment(images, labels, only(brightness=0.3), (32, 32), drawn(brightness=0.75))
    exact = (images.double() * 1.15).clamp(0, 255)
    assert (brighter - exact).abs().max() < 0.5 + 1e-4


def test_contrast_turns_about_the_middle() -> None:
    images, labels = noise(1, 32, 32)
    flat, _ = augment(images, labels, only(contrast=1.0), (32, 32), drawn(contrast=0))
    assert (flat == 117).all()  # luma of the mean color of ImageNet
    half, _ = augment(images, labels, only(contrast=1.0), (32, 32), drawn(contrast=0.25))
    assert (half - (images.float() + 117) / 2).abs().max() <= 1


def test_saturation_mixes_with_gray() -> None:
    images, labels = noise(1, 32, 32)
    gray = (images.float() * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    for number, factor in ((0.0, 0.0), (0.25, 0.5), (0.75, 1.5)):
        result, _ = augment(images, labels, only(saturation=1.0), (32, 32), drawn(saturation=number))
        expected = (gray + factor * (images - gray)).clamp(0, 255)
        assert (result - expected).abs().max() <= 0.51


def test_hue_keeps_grays_and_turns_the_rest() -> None:
    images, labels = noise(1, 32, 32)
    grays = images[:, :1].expand(-1, 3, -1, -1)
    turned, _ = augment(grays, labels, only(hue=0.5), (32, 32), drawn(hue=0.1))
    assert torch.equal(turned, grays)

    muted = (images // 4 + 96).contiguous()  # so that nothing is clipped
    turned, _ = augment(muted, labels, only(hue=0.5), (32, 32), drawn(hue=0.1))
    assert (turned.int() - muted.int()).abs().max() > 20
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    assert ((turned * luma).sum(1) - (muted * luma).sum(1)).abs().max() <= 0.51
    whole, _ = augment(muted, labels, only(hue=1.0), (32, 32), drawn(hue=0))
    assert torch.equal(whole, muted)


def test_hue_turns_red_toward_yellow_or_magenta_alike() -> None:
    red = torch.tensor([180, 90, 90], dtype=torch.uint8).view(1, 3, 1, 1).expand(-1, -1, 4, 4)
    labels = torch.zeros(1, 4, 4, dtype=torch.uint8)
    one, _ = augment(red, labels, only(hue=0.05), (4, 4), drawn(hue=0))
    other, _ = augment(red, labels, only(hue=0.05), (4, 4), drawn(hue=0.9999))
    assert (one[0, 1, 0, 0] > 90) != (other[0, 1, 0, 0] > 90)
    assert (one[0, 2, 0, 0] > 90) != (other[0, 2, 0, 0] > 90)


def test_blur_is_a_gaussian_and_only_for_those_that_drew_it() -> None:
    images = torch.zeros(2, 3, 21, 21, dtype=torch.uint8)
    images[:, :, 10, 10] = 255
    labels = torch.zeros(2, 21, 21, dtype=torch.uint8)
    random_params = replace(drawn(2), blur=np.array([0.05, 0.9]), blur_width=np.array([0.5, 0.5]))
    blurred, kept_labels = augment(images, labels, only(blur=0.1), (21, 21), random_params)
    assert torch.equal(blurred[1], images[1])
    assert torch.equal(kept_labels, labels)
    squares = (np.arange(21) - 10) ** 2
    gaussian = 255 / (2 * np.pi) * np.exp(-(squares[:, None] + squares[None]) / 2)  # sigma 1
    assert np.abs(blurred[0, 0].numpy() - gaussian).max() <= 1
    assert torch.equal(blurred[0, 0], blurred[0, 0].T)


def test_blur_keeps_flat_images_flat_up_to_the_rim() -> None:
    images = torch.full((1, 3, 16, 16), 77, dtype=torch.uint8)
    blurred, _ = augment(images, torch.zeros(1, 16, 16, dtype=torch.uint8), only(blur=1.0), (16, 16), drawn())
    assert (blurred == 77).all()


@pytest.mark.parametrize(("number", "exponent"), [(0.0, 0.5), (0.5, 1.0), (0.75, 2**0.5)])
def test_gamma_is_a_power_that_keeps_black_and_white(number: float, exponent: float) -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(-1, 3, -1, -1)
    curved, _ = augment(levels, torch.zeros_like(levels[:, 0]), only(gamma=1.0), (16, 16), drawn(gamma=number))
    assert (curved - 255 * (levels.double() / 255) ** exponent).abs().max() < 0.51
    assert curved[0, :, 0, 0].tolist() == [0] * 3
    assert curved[0, :, -1, -1].tolist() == [255] * 3


def test_noise_has_the_drawn_strength_and_is_other_noise_in_each_image() -> None:
    images = torch.full((3, 3, 64, 64), 100, dtype=torch.uint8)
    random_params = replace(drawn(3), noise=np.array([0, 0.5, 0.5]), noise_start=np.array([0.5, 0.2, 0.9]))
    noisy, _ = augment(images, torch.zeros(3, 64, 64, dtype=torch.uint8), only(noise=20.0), (64, 64), random_params)
    quiet, *loud = noisy.double() - 100
    assert (quiet == 0).all()
    for one in loud:
        assert one.mean().abs() < 0.5
        assert one.std() == pytest.approx(10, rel=0.05)
    assert np.abs(np.corrcoef(loud[0].flatten(), loud[1].flatten())[0, 1]) < 0.05


# Cut-outs


def test_a_cut_out_has_the_mean_color_and_no_labels() -> None:
    images, labels = noise(2, 40, 60)
    random_params = replace(drawn(2), erase=np.array([0.2, 0.7]))
    cropped, cropped_labels = augment(images, labels, only(erase=0.5), (40, 60), random_params)
    assert torch.equal(cropped[1], images[1])
    assert torch.equal(cropped_labels[1], labels[1])
    erased = torch.zeros(40, 60, dtype=torch.bool)
    erased[15:25, 23:38] = True  # a quarter of either side, in the middle
    assert torch.equal(cropped_labels[0] == IGNORE, erased)
    assert (cropped[0][:, erased] == torch.tensor(MEAN_COLOR).view(3, 1)).all()
    assert torch.equal(cropped[0][:, ~erased], images[0][:, ~erased])


def test_cut_outs_lie_anywhere_and_never_leave_the_crop() -> None:
    count = 400
    images, labels = torch.zeros(count, 3, 20, 20, dtype=torch.uint8), torch.zeros(count, 20, 20, dtype=torch.uint8)
    _, labels = augment(images, labels, only(erase=1.0), (20, 20), draw(0, 0, range(count)))
    erased = labels == IGNORE
    assert erased.any(0).all()
    assert {int(side) for side in erased.any(1).sum(1)} == set(range(2, 9))


# Crop size


def test_crop_is_the_size_rounded_down_unless_asked() -> None:
    assert training_crop((360, 480), NOTHING) == (352, 480)
    assert training_crop((32, 95), NOTHING) == (32, 64)
    assert training_crop((360, 480), only(crop=(100, 120))) == (100, 120)


def test_too_small_for_a_crop() -> None:
    with pytest.raises(RequestError, match="20x480 are too small"):
        training_crop((20, 480), NOTHING)


@needs_cuda
def test_gpu_and_cpu_agree() -> None:
    images, labels, _ = painted(4, 90, 120)
    here = augment(images, labels, EVERYTHING, (64, 96), draw(0, 0, range(4)))
    there = augment(images.cuda(), labels.cuda(), EVERYTHING, (64, 96), draw(0, 0, range(4)))
    assert ((here[0].int() - there[0].cpu().int()).abs() <= 1).float().mean() > 0.999
    assert (here[1] == there[1].cpu()).float().mean() > 0.999
