"""A frozen encoder: neither its weights nor its batch-norm statistics move."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from conftest import Finished
from short_run import train
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
    frozen = [word for word in train(data, second, epochs=2, optim__freeze_encoder="true") if word != "none"]
    frozen.insert(frozen.index("--weights") + 1, first)

    done = streetseg(*frozen)

    assert done.code == 0, done.err
    before, after = weights(first), weights(second)
    encoder = [name for name in before if name.startswith("encoder.")]
    assert any(name.endswith("running_mean") for name in encoder)
    assert all(torch.equal(before[name], after[name]) for name in encoder)
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("decoder."))
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("head."))


@pytest.mark.parametrize(
    ("field", "what"),
    [
        ("freeze_encoder", "the encoder is frozen"),
        ("freeze_batch_norm", "the encoder keeps its batch-norm statistics"),
    ],
)
def test_a_frozen_encoder_of_random_weights_is_refused(
    streetseg: Run, data: Path, tmp_path: Path, field: str, what: str
) -> None:
    done = streetseg(*train(data, tmp_path / "run", f"optim.{field}=true"))

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
