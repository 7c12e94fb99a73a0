"""The whole network: any size in, logits at that size out."""

import pytest
import torch

from networks import some_pictures, tiny_segmenter
from streetseg.errors import RequestError
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import Encoder
from streetseg.models.network import Segmenter


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return tiny_segmenter().eval()


@pytest.fixture(scope="module", params=["test_efficientnet", "test_resnet", "test_byobnet"])
def any_segmenter(request: pytest.FixtureRequest) -> Segmenter:
    return tiny_segmenter(request.param).eval()


@pytest.mark.parametrize("size", [(1, 1), (1, 333), (31, 2), (32, 32), (33, 64), (101, 333)])
def test_logits_at_the_picture_s_own_size(any_segmenter: Segmenter, size: tuple[int, int]) -> None:
    with torch.no_grad():
        logits = any_segmenter(some_pictures(1, *size))

    assert (logits.dtype, logits.shape) == (torch.float32, (1, STREET_11.num_classes, *size))
    assert logits.isfinite().all()


def test_other_sizes_are_extended_at_the_bottom_and_right_with_the_mean_colour(segmenter: Segmenter) -> None:
    picture = some_pictures(1, 40, 50)
    extended = segmenter.mean.expand(1, 3, 64, 64).clone()
    extended[..., :40, :50] = picture

    with torch.no_grad():
        assert torch.equal(segmenter(picture), segmenter(extended)[..., :40, :50])


def test_floats_count_as_bytes_do(segmenter: Segmenter) -> None:
    """A picture that was resized may be float; its range stays 0..255."""
    picture = some_pictures(1, 32, 64)

    with torch.no_grad():
        assert torch.equal(segmenter(picture), segmenter(picture.float()))


def test_normalisation_is_the_encoder_s_own_and_travels_with_the_weights(segmenter: Segmenter) -> None:
    encoder = segmenter.encoder
    seen: list[torch.Tensor] = []
    handle = encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))

    with torch.no_grad():
        segmenter(torch.full((1, 3, 32, 32), 255, dtype=torch.uint8))
    handle.remove()

    expected = (1.0 - torch.tensor(encoder.mean)) / torch.tensor(encoder.std)
    torch.testing.assert_close(seen[0][0, :, 0, 0], expected)
    assert {"mean", "std"} <= segmenter.state_dict().keys()


def test_in_evaluation_a_picture_s_neighbours_change_nothing(segmenter: Segmenter) -> None:
    pictures = some_pictures(3, 64, 64)

    with torch.no_grad():
        together = segmenter(pictures)
        alone = torch.cat([segmenter(picture.unsqueeze(0)) for picture in pictures])

    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_the_same_seed_gives_the_same_weights() -> None:
    one, same, other = (tiny_segmenter(seed=seed).state_dict() for seed in (0, 0, 1))

    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_a_decoder_needs_a_width_for_each_of_its_five_steps() -> None:
    with pytest.raises(RequestError, match="5 steps, 4 channel counts") as refused:
        Segmenter(Encoder("test_resnet"), STREET_11, decoder="classic", channels=(64, 32, 16, 8))
    assert refused.value.where == ("model.channels",)
