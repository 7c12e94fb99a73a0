"""From images to logits: any size, tiles, averaged views, and the same labels for every batch size."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from streetseg.arrays import input_size
from streetseg.errors import RequestError
from streetseg.inference.logits import predict_logits
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork


@pytest.fixture(scope="module")
def network() -> SegmentationNetwork:
    torch.manual_seed(0)
    return SegmentationNetwork(
        Encoder("test_efficientnet"), STREET_11, decoder="classic", channels=(32, 16, 16, 8, 8)
    ).eval()


def images(count: int, height: int, width: int, seed: int = 0) -> Tensor:
    return torch.randint(
        0, 256, (count, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )


class Local(nn.Module):
    """A network of two convolutions whose receptive field reaches `reach` pixels around each pixel."""

    def __init__(self, reach: int) -> None:
        super().__init__()
        torch.manual_seed(reach)
        self.look = nn.Conv2d(3, 4, 2 * reach + 1, padding=reach)
        nn.init.normal_(self.look.weight, std=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.look(x.float())
        return logits


@pytest.mark.parametrize("size", [(1, 1), (1, 33), (31, 2), (32, 32), (101, 333)])
@pytest.mark.parametrize("tta", [False, True])
def test_every_size_of_image(network: SegmentationNetwork, size: tuple[int, int], tta: bool) -> None:
    logits = predict_logits(network, images(2, *size), tta=tta)
    assert logits.shape == (2, 11, *size)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (101, 333)])
def test_the_network_sees_another_size_and_the_logits_come_back_at_the_images_own(
    network: SegmentationNetwork, size: tuple[int, int]
) -> None:
    seen: list[tuple[int, ...]] = []

    def watched(x: Tensor) -> Tensor:
        seen.append(tuple(x.shape))
        logits: Tensor = network(x)
        return logits

    assert predict_logits(watched, images(1, *size), size=(64, 96)).shape == (1, 11, *size)
    assert seen == [(1, 3, 64, 96)]


def test_an_image_is_resized_as_pillow_does_for_the_store() -> None:
    """The network sees the same pixels, whether an image was resized for the store or in prediction."""
    image = images(1, 90, 160)[0].permute(1, 2, 0).numpy()
    by_pillow = np.asarray(Image.fromarray(image).resize((80, 45), Image.Resampling.BILINEAR))
    seen: list[Tensor] = []

    def network(x: Tensor) -> Tensor:
        seen.append(x)
        return x.float()

    predict_logits(network, torch.from_numpy(image.copy()).permute(2, 0, 1).unsqueeze(0), size=(45, 80))
    assert np.array_equal(seen[0][0].permute(1, 2, 0).numpy(), by_pillow)


def test_batches_of_1_3_and_16_give_the_same_labels(network: SegmentationNetwork) -> None:
    all_of_them = images(16, 48, 64)
    labels = [
        torch.cat([predict_logits(network, part).argmax(1) for part in all_of_them.split(batch)])
        for batch in (1, 3, 16)
    ]
    assert torch.equal(labels[0], labels[1])
    assert torch.equal(labels[0], labels[2])


@pytest.mark.parametrize("size", [(96, 120), (300, 97), (257, 513), (128, 128)])
@pytest.mark.parametrize("tile", [128, 160, 256])
def test_tiles_equal_the_whole_where_no_pixel_looks_beyond_the_overlap(size: tuple[int, int], tile: int) -> None:
    network, whole = Local(reach=7), images(1, *size)
    torch.testing.assert_close(
        predict_logits(network, whole, tile=tile), predict_logits(network, whole), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("out", [(70, 101), (401, 333), (900, 640)])
def test_tiles_enlarged_or_reduced_equal_the_whole(out: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The logits of each window, resized to the output in bands, equal those of the whole image."""
    monkeypatch.setattr("streetseg.inference.logits.BAND_BYTES", 2**16)
    network, shown = Local(reach=7), images(1, 210, 333)
    whole = predict_logits(network, shown, size=(180, 300), out=out)
    tiled = predict_logits(network, shown, size=(180, 300), out=out, tile=128)
    torch.testing.assert_close(tiled, whole, rtol=1e-4, atol=1e-4)


def test_tiles_of_a_real_network_differ_from_the_whole_at_few_pixels(network: SegmentationNetwork) -> None:
    """The receptive field of its deepest features exceeds any overlap, so labels may change: here at most 1 %."""
    smooth = nn.functional.interpolate(images(1, 12, 20).float(), (384, 640), mode="bicubic").clamp(0, 255)
    whole = predict_logits(network, smooth.to(torch.uint8)).argmax(1)
    tiled = predict_logits(network, smooth.to(torch.uint8), tile=256).argmax(1)
    assert (whole != tiled).float().mean() <= 0.01


def test_a_tile_at_least_as_large_as_the_image_is_the_whole(network: SegmentationNetwork) -> None:
    one = images(1, 101, 120)
    assert torch.equal(predict_logits(network, one, tile=128), predict_logits(network, one))


@pytest.mark.parametrize("tile", [0, -32, 64, 130])
def test_a_tile_that_does_not_fit_the_network_is_refused(network: SegmentationNetwork, tile: int) -> None:
    with pytest.raises(RequestError, match="multiple of 32, 128 or more"):
        predict_logits(network, images(1, 40, 40), tile=tile)


def test_averaged_views_do_not_care_which_way_an_image_is_mirrored(network: SegmentationNetwork) -> None:
    one = images(1, 64, 96)
    mirrored = predict_logits(network, one.flip(-1), tta=True).flip(-1)
    torch.testing.assert_close(mirrored, predict_logits(network, one, tta=True), rtol=1e-4, atol=1e-4)


def test_averaging_views_of_a_network_that_sees_one_color_changes_nothing() -> None:
    flat = torch.full((1, 3, 40, 56), 90, dtype=torch.uint8)
    network = nn.Conv2d(3, 5, 1).requires_grad_(False)

    def logits(x: Tensor) -> Tensor:
        out: Tensor = network(x.float())
        return out

    torch.testing.assert_close(predict_logits(logits, flat, tta=True), predict_logits(logits, flat))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ((360, 480), (360, 480)),
        ((720, 960), (360, 480)),
        ((1080, 1920), (312, 554)),
        ((1920, 1080), (554, 312)),
        ((1, 1), (416, 416)),
        ((1, 10**6), (1, 415692)),
    ],
)
def test_images_of_other_shapes_are_not_squeezed(image: tuple[int, int], expected: tuple[int, int]) -> None:
    assert input_size(image, (360, 480)) == expected


def test_a_network_trained_for_no_one_size_sees_the_image_as_it_is() -> None:
    assert input_size((123, 45), None) == (123, 45)
