"""The model on disk: comes back bit for bit, or is refused with the reason."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from networks import some_pictures, tiny_segmenter
from streetseg.atomic import sha256
from streetseg.errors import ModelError
from streetseg.models.bundle import load_bundle, save_bundle
from streetseg.models.description import read_model_json
from streetseg.models.segmenter import Segmenter

GONE = object()
INITIAL = {"kind": "random", "source": "", "text": "random weights"}


def save(folder: Path, segmenter: Segmenter, **scores: Any) -> Path:
    save_bundle(folder, segmenter, initial_weights=INITIAL, protocol={"dataset": "scenes"}, scores=scores)
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return save(tmp_path / "bundle", tiny_segmenter())


def edit(bundle: Path, **changes: Any) -> None:
    """Change keys of model.json, or take them away."""
    description = json.loads((bundle / "model.json").read_text()) | changes
    kept = {key: value for key, value in description.items() if value is not GONE}
    (bundle / "model.json").write_text(json.dumps(kept))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_network_comes_back_bit_for_bit(memory_format: torch.memory_format, tmp_path: Path) -> None:
    segmenter = tiny_segmenter(size=(48, 64)).to(memory_format=memory_format)

    loaded, description = load_bundle(save(tmp_path / "bundle", segmenter, mean_iou=0.5))

    own = segmenter.state_dict()
    assert own.keys() == loaded.state_dict().keys()
    assert all(torch.equal(tensor, own[name]) for name, tensor in loaded.state_dict().items())
    assert not loaded.training
    assert (loaded.space, loaded.size, loaded.channels) == (segmenter.space, (48, 64), segmenter.channels)
    assert description["scores"] == {"mean_iou": 0.5}
    pictures = some_pictures(1, 50, 70)
    with torch.no_grad():
        torch.testing.assert_close(loaded(pictures), segmenter.eval()(pictures), rtol=1e-5, atol=1e-5)


def test_what_model_json_says(bundle: Path) -> None:
    description = read_model_json(bundle)

    assert (description["format"], description["version"]) == ("streetseg-bundle", 1)
    assert (description["encoder"], description["decoder"]) == ("test_efficientnet", "classic")
    assert description["classes"][0] == "sky"
    assert len(description["colors"]) == 11
    assert description["initial_weights"] == INITIAL
    assert description["protocol"] == {"dataset": "scenes"}
    assert description["sha256"] == sha256(bundle / "weights.safetensors")
    assert sorted(path.name for path in bundle.iterdir()) == ["model.json", "weights.safetensors"]


def test_scores_that_are_not_a_number_are_null(tmp_path: Path) -> None:
    bundle = save(tmp_path / "bundle", tiny_segmenter(), mean_iou=float("nan"))

    assert read_model_json(bundle)["scores"] == {"mean_iou": None}


def test_a_run_folder_stands_for_its_best_bundle(tmp_path: Path) -> None:
    save(tmp_path / "run" / "best", tiny_segmenter())

    assert load_bundle(tmp_path / "run")[0].encoder_name == "test_efficientnet"


def test_saving_again_replaces_the_bundle_whole(bundle: Path) -> None:
    (bundle / "stray.txt").write_text("left by somebody")
    other = tiny_segmenter(seed=1)

    save(bundle, other)

    assert sorted(path.name for path in bundle.iterdir()) == ["model.json", "weights.safetensors"]
    assert torch.equal(load_bundle(bundle)[0].head.weight, other.head.weight)
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_every_damaged_byte_is_found(bundle: Path) -> None:
    weights = bundle / "weights.safetensors"
    whole = weights.read_bytes()
    for position in (0, 9, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        weights.write_bytes(damaged)
        with pytest.raises(ModelError, match="SHA-256 differs") as refused:
            load_bundle(bundle)
        assert refused.value.where == (str(weights),)


def test_half_a_file_is_found(bundle: Path) -> None:
    weights = bundle / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])

    with pytest.raises(ModelError, match="SHA-256 differs"):
        load_bundle(bundle)


def test_missing_weights(bundle: Path) -> None:
    (bundle / "weights.safetensors").unlink()

    with pytest.raises(ModelError, match="no such weight file"):
        load_bundle(bundle)


def test_no_model_json(bundle: Path) -> None:
    (bundle / "model.json").unlink()

    with pytest.raises(ModelError, match=r"no bundle here \(sought model.json and best/model.json\)") as refused:
        load_bundle(bundle)
    assert refused.value.where == (str(bundle),)


def test_a_newer_version(bundle: Path) -> None:
    edit(bundle, version=2)

    with pytest.raises(ModelError, match="bundle version 2, this program reads version 1") as refused:
        load_bundle(bundle)
    assert refused.value.hint == "update streetseg"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "onnx"}', "\x00", "NaN"])
def test_a_model_json_that_is_none(bundle: Path, text: str) -> None:
    (bundle / "model.json").write_text(text)

    with pytest.raises(ModelError, match=r"model\.json"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("encoder", GONE),
        ("encoder", 5),
        ("sha256", GONE),
        ("decoder", "fast"),
        ("channels", [10**9, 8, 8, 8, 8]),
        ("channels", [8, 8, 8]),
        ("channels", "88888"),
        ("size", [0, 64]),
        ("size", ["48", "64"]),
        ("classes", []),
        ("classes", [f"class {i}" for i in range(300)]),
        ("colors", [[0, 0, 300]] * 11),
        ("ignore_index", 256),
    ],
)
def test_a_key_that_is_missing_or_not_sound(bundle: Path, key: str, value: object) -> None:
    edit(bundle, **{key: value})

    with pytest.raises(ModelError, match=f"not complete or not sound .*{key}") as refused:
        load_bundle(bundle)
    assert refused.value.where == (str(bundle / "model.json"),)


def test_classes_that_repeat(bundle: Path) -> None:
    edit(bundle, classes=["road"] * 11)

    with pytest.raises(ModelError, match="a class name repeats"):
        load_bundle(bundle)


def test_an_encoder_nobody_knows(bundle: Path) -> None:
    edit(bundle, encoder="hf-hub:somebody/something")

    with pytest.raises(ModelError, match="unknown encoder hf-hub:somebody/something"):
        load_bundle(bundle)


def test_weights_of_another_network(bundle: Path) -> None:
    """Whole and signed, but not the tensors of the network that model.json describes."""
    tensors = load_file(bundle / "weights.safetensors")
    tensors["head.weight"] = torch.zeros(7, 8, 3, 3)
    save_file(tensors, bundle / "weights.safetensors")
    edit(bundle, sha256=sha256(bundle / "weights.safetensors"))

    with pytest.raises(ModelError, match=r"do not fit the network of model.json: size mismatch for head.weight"):
        load_bundle(bundle)


def test_a_pickle_in_the_weights_place(bundle: Path) -> None:
    torch.save({"head.weight": torch.zeros(1)}, bundle / "weights.safetensors")
    edit(bundle, sha256=sha256(bundle / "weights.safetensors"))

    with pytest.raises(ModelError, match="not a readable safetensors file") as refused:
        load_bundle(bundle)
    assert "never opened" in str(refused.value.hint)


def test_a_file_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"anything")

    with pytest.raises(ModelError, match="this is a file"):
        load_bundle(tmp_path / "model.pt")
    with pytest.raises(ModelError, match="no such model folder"):
        load_bundle(tmp_path / "nowhere")
