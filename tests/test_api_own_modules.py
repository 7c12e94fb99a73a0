"""Encoders, decoders, losses and data of the caller's own in the Python API, on tiny data."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

import streetseg
from streetseg.errors import ModelError, RequestError
from tiny import STREET_11, camvid_segnet, street

SIZE = (64, 96)
TINY = {"train.batch": 2, "train.device": "cpu", "train.precision": "fp32", "data.size": "none"}
USUAL = {"weights": "none", "quiet": True, "epochs": 1, "recipe": TINY}


class Pyramid(nn.Module):
    """Five maps at strides 2 to 32."""

    channels = (4, 6, 8, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        sizes = zip((3, *self.channels), self.channels, strict=False)
        self.blocks = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in sizes)

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = [images]
        for block in self.blocks:
            maps.append(F.relu(block(maps[-1])))
        return maps[1:]


class FromFour(Pyramid):
    """Four maps at strides 4 to 32."""

    channels = None

    def __init__(self) -> None:
        self.channels = Pyramid.channels
        super().__init__()
        del self.channels

    def forward(self, images: Tensor) -> list[Tensor]:
        return super().forward(images)[1:]


class Sum(nn.Module):
    """Adds all maps at stride 4."""

    def __init__(self, channels: tuple[int, ...] = Pyramid.channels) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(n, 8, 1) for n in channels)

    def forward(self, maps: list[Tensor]) -> Tensor:
        size = (maps[-1].shape[-2] * 8, maps[-1].shape[-1] * 8)
        features = [F.interpolate(layer(m), size) for layer, m in zip(self.layers, maps, strict=True)]
        return torch.stack(features).sum(dim=0)


class Streets:
    """A data source of a user's own."""

    classes = STREET_11.names

    def __init__(self) -> None:
        self.splits = {"train": [street(i, SIZE) for i in range(4)], "val": [street(i, SIZE) for i in (4, 5)]}


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels, ignore_index=255)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"camvid:{camvid_segnet(tmp_path_factory.mktemp('camvid'), 4, 2, size=SIZE)}"


@pytest.fixture(scope="module")
def run(data: str, tmp_path_factory: pytest.TempPathFactory) -> streetseg.Run:
    """A run with encoder and decoder of the caller's own."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("runs") / "own"
    return streetseg.train(data, encoder=Pyramid(), decoder=Sum(), out=folder, **USUAL)


@pytest.fixture
def image() -> NDArray[np.uint8]:
    return street(9, SIZE)[0]


def test_the_caller_s_modules_are_left_as_they_are(data: str, tmp_path: Path) -> None:
    encoder = Pyramid()
    before = [parameter.clone() for parameter in encoder.parameters()]

    streetseg.train(data, encoder=encoder, out=tmp_path / "run", **USUAL)

    assert encoder.training
    assert all(torch.equal(a, b) for a, b in zip(before, encoder.parameters(), strict=True))


def test_a_bundle_says_what_it_does_not_hold(run: streetseg.Run) -> None:
    description = json.loads((run.folder / "best" / "model.json").read_text())

    assert (description["encoder"], description["decoder"]) == ("python:Pyramid", "own")
    assert "the code of the encoder (python:Pyramid) and the decoder is not" in description["note"]
    journal = (run.folder / "journal.jsonl").read_text()
    assert "the encoder is the caller's own (python:Pyramid)" in journal
    assert "the decoder is the caller's own (Sum)" in journal
    assert "could not be read" not in run.report.read_text()


def test_a_bundle_is_loaded_with_the_modules_and_not_without(run: streetseg.Run, image: NDArray[np.uint8]) -> None:
    with pytest.raises(ModelError, match="your own torch module") as refused:
        streetseg.load(run.folder)
    assert "streetseg.load(MODEL, encoder=MODULE)" in str(refused.value.hint)
    with pytest.raises(ModelError, match="the decoder is your own torch module") as refused:
        streetseg.load(run.folder, encoder=Pyramid())
    assert "decoder=MODULE" in str(refused.value.hint)

    model = streetseg.load(run.folder, encoder=Pyramid(), decoder=Sum())

    expected, loaded = (m.predict(image).probabilities() for m in (run.model, model))
    np.testing.assert_array_equal(expected, loaded)


def test_modules_that_do_not_fit_a_bundle(run: streetseg.Run, data: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="do not fit the network"):
        streetseg.load(run.folder, encoder=FromFour(), decoder=Sum(Pyramid.channels[1:]))
    named = streetseg.train(data, encoder="test_efficientnet", out=tmp_path / "named", **USUAL)
    with pytest.raises(RequestError, match="is test_efficientnet, not a module of your own"):
        streetseg.load(named.folder, encoder=Pyramid())


def test_it_is_scored_and_exported(run: streetseg.Run, data: str, tmp_path: Path, image: NDArray[np.uint8]) -> None:
    assert streetseg.evaluate(run.model, data).mean_iou == pytest.approx(run.mean_iou, abs=1e-6)

    done = streetseg.export(run.model, "onnx", out=tmp_path / "own.onnx")

    exported = streetseg.load(done.files[0], engine="onnxruntime")
    np.testing.assert_array_equal(exported.predict(image).labels, run.model.predict(image).labels)


@pytest.mark.parametrize("decoder", ["fast", "classic", Sum(Pyramid.channels[1:])])
def test_a_pyramid_from_stride_4(decoder: str | nn.Module, data: str, tmp_path: Path) -> None:
    run = streetseg.train(data, encoder=FromFour(), decoder=decoder, out=tmp_path / "run", **USUAL)

    assert run.model.predict(street(9, SIZE)[0]).labels.shape == SIZE


def test_a_timm_model_is_an_encoder(data: str, tmp_path: Path) -> None:
    encoder = timm.create_model("test_resnet", features_only=True)

    run = streetseg.train(data, encoder=encoder, out=tmp_path / "run", **USUAL | {"weights": None})

    initial = json.loads((run.folder / "best" / "model.json").read_text())["initial_weights"]
    assert initial["text"] == "encoder with the weights that python:test_resnet came with"


@pytest.mark.parametrize(
    ("encoder", "problem"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), "the encoder returns a Tensor"),
        (nn.Linear(7, 7), "the module failed on an image of 64x64"),
        (3, "found an int"),
    ],
)
def test_what_is_no_encoder_is_said(encoder: object, problem: str, data: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=problem):
        streetseg.train(data, encoder=encoder, out=tmp_path / "run", **USUAL)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_incorrect_channels_and_decoders_are_said(data: str, tmp_path: Path) -> None:
    misdeclared = Pyramid()
    misdeclared.channels = (1, 2, 3)
    with pytest.raises(ModelError, match=r"says channels \(1, 2, 3\), its maps have \(4, 6, 8, 8, 8\)"):
        streetseg.train(data, encoder=misdeclared, out=tmp_path / "run", **USUAL)
    with pytest.raises(ModelError, match="the decoder returns list"):
        streetseg.train(data, encoder=Pyramid(), decoder=nn.Identity(), out=tmp_path / "run", **USUAL)


def test_a_run_goes_on_with_the_same_objects_and_says_so_without_them(
    data: str, tmp_path: Path, streetseg: Callable[..., object]
) -> None:
    import streetseg as package

    own = {"encoder": Pyramid(), "decoder": Sum(), "loss": cross_entropy}
    folder = tmp_path / "run"
    longer = USUAL | {"epochs": 2, "train": {"patience": 9}}
    package.train(data, out=folder, callbacks=[Stop()], **own, **longer)

    done = streetseg("train", data, "--out", folder, "--resume", "--epochs", 2, "--weights", "none")
    assert done.code == 2
    assert "the encoder and the decoder and the loss of this run are the caller's own" in done.err
    assert "encoder=…, decoder=…, loss=…, resume=True" in done.err
    again = package.train(data, out=folder, resume=True, **own, **longer)
    assert len(again.history) == 2


class Stop:
    """Interrupts a run after its first epoch."""

    def scalars(self, step: int, values: dict[str, float]) -> None:
        if "epoch" in values:
            raise streetseg.StopTraining("enough")


def test_a_study_of_own_encoders_loss_and_data(tmp_path: Path) -> None:
    first, second = Pyramid(), Pyramid()
    second.name = "second"
    study = streetseg.study(
        Streets(), encoders=[first, second, "test_efficientnet"], loss=cross_entropy, out=tmp_path / "study", **USUAL
    )

    assert sorted(run.folder.name for run in study.runs) == [
        "python-Pyramid_seed0", "python-second_seed0", "test_efficientnet_seed0",
    ]  # fmt: skip
    assert "could not be read" not in study.report.read_text()
    assert all(run.model.predict(street(9, SIZE)[0]).labels.shape == SIZE for run in study.runs)
    with pytest.raises(RequestError, match="named twice") as refused:
        streetseg.study(Streets(), encoders=[first, first])
    assert "attribute `name`" in str(refused.value.hint)
    with pytest.raises(RequestError, match="of your own are in this process"):
        streetseg.study(Streets(), encoders=["test_efficientnet"], devices=2, out=tmp_path / "two", **USUAL)


def test_a_decoder_of_ones_own_cannot_be_named_on_the_command_line(
    data: str, tmp_path: Path, streetseg: Callable[..., object]
) -> None:
    words = ["model.encoder=test_efficientnet", "model.weights=none", "model.decoder=own"]
    done = streetseg("train", data, *words, "--out", tmp_path / "run")
    assert done.code == 2
    assert "decoder=MODULE" in done.err
