"""A frozen encoder: neither its weights nor its batch-norm statistics move."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from conftest import Finished
from short_run import train
from streetseg.errors import RequestError
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork
from streetseg.models.own import STRIDES
from streetseg.recipe.schema import Loss
from tiny import camvid_segnet

Run = Callable[..., Finished]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return camvid_segnet(tmp_path_factory.mktemp("data") / "camvid")


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "best" / "weights.safetensors")


def test_only_decoder_and_head_learn(streetseg: Run, data: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert streetseg(*train(data, first, epochs=1)).code == 0
    settings = {"optim__freeze_encoder": "true", "optim__freeze_stages": 2}  # the first freezes what the second does
    frozen = [word for word in train(data, second, epochs=2, **settings) if word != "none"]
    frozen.insert(frozen.index("--weights") + 1, first)

    done = streetseg(*frozen)

    assert done.code == 0, done.err
    before, after = weights(first), weights(second)
    encoder = [name for name in before if name.startswith("encoder.")]
    assert any(name.endswith("running_mean") for name in encoder)
    assert all(torch.equal(before[name], after[name]) for name in encoder)
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("decoder."))
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("head."))


@pytest.mark.parametrize(("encoder", "stages"), [("test_efficientnet", 2), ("test_convnext", 2), ("test_resnet", 1)])
def test_the_first_stages_stay_and_the_others_learn(encoder: str, stages: int) -> None:
    """After a training step no weight and no statistic has moved on which the frozen maps depend, and others have."""
    torch.manual_seed(0)
    network = SegmentationNetwork(Encoder(encoder), STREET_11, decoder="fast").train()
    network.freeze_stages(stages)
    assert network.training
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    strides = STRIDES[-len(network.encoder.channels) :]

    def maps() -> list[torch.Tensor]:
        network.eval()
        with torch.no_grad():
            found = network.encoder(images.float())
        network.train()
        return list(found)

    before = maps()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    network(images).square().mean().backward()
    optimizer.step()

    same = [torch.equal(one, other) for one, other in zip(before, maps(), strict=True)]
    assert same == [stride <= 2**stages for stride in strides]
    frozen = [name for name, weight in network.encoder.named_parameters() if not weight.requires_grad]
    assert 0 < len(frozen) < len(list(network.encoder.parameters()))
    assert all(weight.requires_grad for part in (network.decoder, network.head) for weight in part.parameters())


def test_a_stage_that_an_encoder_lacks_is_refused() -> None:
    network = SegmentationNetwork(Encoder("test_convnext"), STREET_11, decoder="fast")
    with pytest.raises(RequestError, match="test_convnext has no map at stride 2, its first is at stride 4"):
        network.freeze_stages(1)


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("freeze_encoder", "true", "the encoder is frozen"),
        ("freeze_stages", 2, "the first stages of the encoder are frozen"),
        ("freeze_batch_norm", "true", "the encoder keeps its batch-norm statistics"),
    ],
)
def test_a_frozen_encoder_of_random_weights_is_refused(
    streetseg: Run, data: Path, tmp_path: Path, field: str, value: object, what: str
) -> None:
    done = streetseg(*train(data, tmp_path / "run", f"optim.{field}={value}"))

    assert done.code == 2
    assert done.err.splitlines()[0] == f"error: {what}, but it has random weights"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("field", "error"),
    [
        ("loss.class_weights.pol=3", "there is no class pol"),
        ("loss.class_weights=[1, 2]", "2 class weights for 11 classes"),
        ("loss.class_weights=heavy", "loss.class_weights: found heavy, expected none, mild, balanced, a list"),
        ("loss.class_weights=[1, -2]", "loss.class_weights: found [1, -2], expected none, mild"),
    ],
)
def test_class_weights_that_cannot_be_used(streetseg: Run, data: Path, tmp_path: Path, field: str, error: str) -> None:
    done = streetseg(*train(data, tmp_path / "run"), field)

    assert done.code == 2
    assert done.err.splitlines()[0].startswith(f"error: {error}")
    assert not (tmp_path / "run").exists()


def test_a_run_with_focal_tversky_and_weights_of_its_own(streetseg: Run, data: Path, tmp_path: Path) -> None:
    fields = {"loss__region": "tversky", "loss__focal": 2, "loss__class_weights.pole": 3}

    assert streetseg(*train(data, tmp_path / "run", epochs=1, **fields)).code == 0
    assert (tmp_path / "run" / "report.html").is_file()


def test_smoothing_and_focal_are_refused_together() -> None:
    with pytest.raises(ValueError, match=r"loss\.label_smoothing or loss\.focal, not both"):
        Loss(focal=2.0, label_smoothing=0.1)
