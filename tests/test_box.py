"""The network in the box: its files and its card, and the commands that take it where no model is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter

import streetseg as package
import tiny
from streetseg.atomic import sha256
from streetseg.errors import ModelError
from streetseg.json_files.network import NetworkCard
from streetseg.labels.tables import STREET_11
from streetseg.models.hub import located
from streetseg.pretrained.networks import BOX, FOLDER, cards, score_line

Command = Callable[..., Any]
CARD = cards()[BOX]
SAID = f"network in the box: {BOX}, {score_line(CARD)}"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder with two images."""
    for index, name in enumerate(("a.png", "sub/b.jpg")):
        tiny.save(tmp_path / "photos" / name, tiny.street(index, (48, 64))[0])
    return tmp_path / "photos"


def test_the_files_are_those_of_the_card_and_the_onnx_file_is_small() -> None:
    folder = FOLDER / BOX
    found = {file.name: {"bytes": file.stat().st_size, "sha256": sha256(file)} for file in folder.iterdir()}
    found.pop("README.md")

    assert found == CARD["files"]
    assert found[f"{BOX}.onnx"]["bytes"] < 3e6
    assert tuple(CARD["classes"]) == STREET_11.names


@pytest.mark.parametrize("name", cards())
def test_each_card_has_the_keys_of_its_type(name: str) -> None:
    card = TypeAdapter(NetworkCard).validate_python(cards()[name])

    assert card["name"] == name
    assert card["scores"][0]["video"] is None
    assert card["condition"] is not None or "camvid" not in card["trained_on"].casefold()


def test_the_score_of_the_card_is_what_evaluate_gives(shared: Path) -> None:
    """Computed on the first images alone; tools/score_wheel.py computes it on all."""
    first = CARD["scores"][1]
    data = f"camvid:{shared / 'data' / 'camvid'}"
    scores = package.evaluate(BOX, data, recipe={"data.limit": first["images"]})

    assert first["images"] < CARD["scores"][0]["images"]
    assert scores.mean_iou == pytest.approx(first["iou"], abs=0.002)  # processors round int8 differently


def test_predict_of_an_image_and_of_a_folder(streetseg: Command, photos: Path, tmp_path: Path) -> None:
    alone = streetseg("predict", photos / "a.png", "--out", tmp_path / "alone")
    whole = streetseg("predict", photos, "--out", tmp_path / "whole")
    named = streetseg("predict", BOX, photos, "--out", tmp_path / "named")

    assert [done.code for done in (alone, whole, named)] == [0, 0, 0]
    assert all(done.err.count(SAID) == 1 for done in (alone, whole, named))
    masks = [np.asarray(Image.open(tmp_path / folder / "a_ids.png")) for folder in ("alone", "whole", "named")]
    assert masks[0].shape == (48, 64)
    assert np.array_equal(masks[0], masks[1])
    assert np.array_equal(masks[0], masks[2])
    assert (tmp_path / "whole" / "sub" / "b_ids.png").exists()


def test_measure_and_serve_without_a_model(
    streetseg: Command, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = streetseg("measure", photos, "--out", tmp_path / "measures", "--json")
    settings: list[Any] = []
    monkeypatch.setattr("streetseg.serve.server.serve", lambda requested, on_ready: settings.append(requested))
    served = streetseg("serve")

    assert json.loads(measured.out)["model"] == f"{BOX}.onnx"
    assert SAID in measured.err
    assert settings[0].models == (FOLDER / BOX / f"{BOX}.onnx",)
    assert SAID in served.err


def test_python_without_a_model(photos: Path) -> None:
    model = package.load()

    assert tuple(model.classes) == STREET_11.names
    assert np.array_equal(package.predict(photos / "a.png").labels, model.predict(photos / "a.png").labels)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["runs/typo", "a.png"], "error: no such model folder"),
        (["street.onnx", "a.png"], "error: cannot be read (No such file or directory)"),
        (["typo.png"], "error: no image found"),
        (["phtoos"], "error: no image found"),
        (["empty"], "error: no image found"),
        (["unfinished", "a.png"], "error: no bundle here (no model.json or best/model.json)"),
        (["unfinished"], "error: no image is named behind unfinished"),
        (["street.onnx"], "error: no image is named behind street.onnx"),
        ([BOX], f"error: no image is named behind {BOX}"),
    ],
)
def test_a_wrong_path_is_said(
    streetseg: Command, photos: Path, words: list[str], error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    (photos / "empty").mkdir()
    (photos / "unfinished" / "plots").mkdir(parents=True)
    (photos / "unfinished" / "recipe.yaml").touch()
    tiny.save(photos / "unfinished" / "plots" / "plot.png", tiny.street(0, (8, 8))[0])

    done = streetseg("predict", *words, "--out", "masks")

    assert done.code == 2
    assert error in done.err.splitlines()
    assert not Path("masks").exists()


def test_a_folder_named_scenes_is_the_images_where_it_stands_alone(
    streetseg: Command, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos.parent)
    photos.rename(photos.with_name(BOX))
    alone = streetseg("predict", BOX, "--out", "alone", "--json")
    before = streetseg("predict", BOX, f"{BOX}/a.png", "--out", "before", "--json")

    assert len(json.loads(alone.out)["images"]) == 2
    assert len(json.loads(before.out)["images"]) == 1


def test_a_bundle_in_a_folder_named_scenes_is_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert located(BOX) == FOLDER / BOX / f"{BOX}.onnx"
    (tmp_path / BOX).mkdir()
    (tmp_path / BOX / "model.json").touch()
    assert located(BOX) == Path(BOX)


def test_the_weights_of_the_box_start_a_training() -> None:
    import torch

    from streetseg.models.bundle import load_bundle
    from streetseg.models.initial_weights import build_network

    boxed, description = load_bundle(FOLDER / BOX)
    network, initial = build_network(CARD["encoder"], STREET_11, decoder=boxed.decoder_name, size=None, weights=BOX)

    assert all(torch.equal(value, boxed.state_dict()[name]) for name, value in network.state_dict().items())
    assert network.state_dict()["head.weight"].dtype == torch.float32
    assert initial.pretrained
    assert f"the network in the box, {BOX} (SHA-256 {description['sha256'][:12]}…" in initial.text
    assert "11 of 11 classes" in initial.text


def test_the_weights_of_the_box_fit_no_other_encoder() -> None:
    from streetseg.models.initial_weights import build_network

    with pytest.raises(ModelError) as refused:
        build_network("test_efficientnet", STREET_11, decoder="fast", size=None, weights=BOX)

    assert refused.value.problem.endswith(f"has the encoder {CARD['encoder']}, the recipe test_efficientnet")
    assert refused.value.hint == f"--encoder {CARD['encoder']}, or --weights auto for another encoder"
