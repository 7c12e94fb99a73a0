"""Bundles: they load bit for bit, or are refused with the reason."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from forked import fork
from networks import some_images, tiny_network
from streetseg.atomic import sha256
from streetseg.errors import ModelError
from streetseg.machine import peak_memory
from streetseg.models.bundle import load_bundle, save_bundle
from streetseg.models.description import read_model_json
from streetseg.models.network import SegmentationNetwork

GONE = object()
INITIAL = {"kind": "random", "source": "", "text": "random weights"}


def save(folder: Path, network: SegmentationNetwork, **scores: Any) -> Path:
    save_bundle(folder, network, initial_weights=INITIAL, protocol={"dataset": "scenes"}, scores=scores)
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return save(tmp_path / "bundle", tiny_network())


def edit(bundle: Path, **changes: Any) -> None:
    """Change or remove keys of model.json."""
    description = json.loads((bundle / "model.json").read_text()) | changes
    kept = {key: value for key, value in description.items() if value is not GONE}
    (bundle / "model.json").write_text(json.dumps(kept))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_network_comes_back_bit_for_bit(memory_format: torch.memory_format, tmp_path: Path) -> None:
    network = tiny_network(size=(48, 64)).to(memory_format=memory_format)

    loaded, description = load_bundle(save(tmp_path / "bundle", network, mean_iou=0.5))

    own = network.state_dict()
    assert own.keys() == loaded.state_dict().keys()
    assert all(torch.equal(tensor, own[name]) for name, tensor in loaded.state_dict().items())
    assert not loaded.training
    assert (loaded.space, loaded.size, loaded.channels) == (network.space, (48, 64), network.channels)
    assert description["scores"] == {"mean_iou": 0.5}
    images = some_images(1, 50, 70)
    with torch.no_grad():
        torch.testing.assert_close(loaded(images), network.eval()(images), rtol=1e-5, atol=1e-5)


def test_a_folder_whose_name_is_no_utf8(tmp_path: Path) -> None:
    network = tiny_network()

    loaded, _ = load_bundle(save(tmp_path / os.fsdecode(b"stra\xdfe"), network))

    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in loaded.state_dict().items())


def test_what_model_json_says(bundle: Path) -> None:
    description = read_model_json(bundle)

    assert (description["format"], description["version"]) == ("streetseg-bundle", 3)
    assert (description["encoder"], description["decoder"]) == ("test_efficientnet", "classic")
    assert description["classes"][0] == "sky"
    assert len(description["colors"]) == 11
    assert description["initial_weights"] == INITIAL
    assert description["protocol"] == {"dataset": "scenes"}
    assert description["sha256"] == sha256(bundle / "weights.safetensors")
    assert sorted(path.name for path in bundle.iterdir()) == ["model.json", "weights.safetensors"]


def test_scores_that_are_not_a_number_are_null(tmp_path: Path) -> None:
    bundle = save(tmp_path / "bundle", tiny_network(), mean_iou=float("nan"))

    assert read_model_json(bundle)["scores"] == {"mean_iou": None}


def test_a_run_folder_stands_for_its_best_bundle(tmp_path: Path) -> None:
    save(tmp_path / "run" / "best", tiny_network())

    assert load_bundle(tmp_path / "run")[0].encoder_name == "test_efficientnet"


def test_saving_again_replaces_the_bundle_whole(bundle: Path) -> None:
    (bundle / "stray.txt").write_text("left by somebody")
    other = tiny_network(seed=1)

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

    with pytest.raises(ModelError, match=r"no bundle here \(no model.json or best/model.json\)") as refused:
        load_bundle(bundle)
    assert refused.value.where == (str(bundle),)


def test_a_newer_version(bundle: Path) -> None:
    edit(bundle, version=4)

    with pytest.raises(ModelError, match="bundle version 4, this program reads version 3") as refused:
        load_bundle(bundle)
    assert refused.value.hint == "update streetseg"


NO_MODEL_JSON = {
    "empty": "",
    "half": "{",
    "list": "[]",
    "another format": '{"format": "onnx"}',
    "zero byte": "\x00",
    "NaN": "NaN",
    "NaN inside": '{"format": "streetseg-bundle", "version": 3, "scores": {"iou": NaN}}',
    "nested without end": '{"format": ' + "[" * 100_000,
    "nested deep": '{"format": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "a number of a million digits": '{"format": "streetseg-bundle", "version": ' + "1" * 1_000_000 + "}",
    "half a character": '{"format": "streetseg-bundle", "version": 3, "space": "\\ud800"}',
    "YAML": "format: streetseg-bundle",
}


@pytest.mark.parametrize("text", NO_MODEL_JSON.values(), ids=NO_MODEL_JSON)
def test_a_model_json_that_is_none(bundle: Path, text: str) -> None:
    (bundle / "model.json").write_text(text)

    with pytest.raises(ModelError, match=r"model\.json|bundle version") as refused:
        load_bundle(bundle)
    assert refused.value.where == (str(bundle / "model.json"),)
    assert len(str(refused.value)) < 1000


def test_bytes_that_are_no_text(bundle: Path) -> None:
    (bundle / "model.json").write_bytes(b'{"format": "\xff\xfe"}')

    with pytest.raises(ModelError, match=r"model\.json cannot be read"):
        load_bundle(bundle)


def test_a_model_json_of_a_hundred_megabytes_is_not_even_read(bundle: Path) -> None:
    with (bundle / "model.json").open("r+b") as file:
        file.truncate(100_000_000)

    with pytest.raises(ModelError, match=r"model\.json has 100,000,000 bytes"):
        load_bundle(bundle)


@pytest.mark.parametrize("version", [0, "1", True, 1.0, None, [1]])
def test_a_version_that_is_none(bundle: Path, version: object) -> None:
    edit(bundle, version=version)

    with pytest.raises(ModelError, match="this program reads version 3") as refused:
        load_bundle(bundle)
    assert refused.value.hint is None


def test_many_faults_are_told_shortly(bundle: Path) -> None:
    edit(bundle, colors=[[300, 300, 300]] * 255)

    with pytest.raises(ModelError, match="and 760 more") as refused:
        load_bundle(bundle)
    assert len(str(refused.value)) < 1000


def test_a_pipe_in_the_weights_place_does_not_wait(bundle: Path) -> None:
    (bundle / "weights.safetensors").unlink()
    os.mkfifo(bundle / "weights.safetensors")

    with pytest.raises(ModelError, match="no regular file"):
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
        ("channels", [8.5, 8, 8, 8, 8]),
        ("size", [10**6, 10**6]),
        ("classes", "road"),
        ("classes", [""] * 11),
        ("classes", [["road"]] * 11),
        ("colors", [[0, 0]] * 11),
        ("initial_weights", {}),
        ("initial_weights", "random"),
        ("protocol", GONE),
        ("protocol", [1]),
        ("scores", 0.9),
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

    with pytest.raises(ModelError, match=f"incomplete or invalid .*{key}") as refused:
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
    """The file is whole and its SHA-256 correct, but the tensors are not those that model.json describes."""
    tensors = load_file(bundle / "weights.safetensors")
    tensors["head.weight"] = torch.zeros(7, 8, 3, 3)
    save_file(tensors, bundle / "weights.safetensors")
    edit(bundle, sha256=sha256(bundle / "weights.safetensors"))

    with pytest.raises(ModelError, match=r"do not fit the network of model.json: head.weight has shape \(7, 8, 3, 3\)"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head.bias": None, "head.weight": None}, "2 tensors are missing, first head.weight"),
        ({"evil": torch.zeros(1)}, "1 tensors do not belong to it, first evil"),
        (
            {"head.bias": None, "head.bais": torch.zeros(11)},
            "first head.bias; 1 tensors do not belong to it, first head.bais",
        ),
        ({"mean": torch.zeros(3)}, r"mean has shape \(3,\), the network needs \(1, 3, 1, 1\)"),
        ({"head.bias": torch.full((11,), torch.nan)}, "1 of .* tensors hold values that are not finite numbers"),
    ],
    ids=["missing", "extra", "renamed", "another shape", "not a number"],
)
def test_tensors_that_are_not_the_network_s(bundle: Path, change: dict[str, torch.Tensor | None], message: str) -> None:
    tensors = load_file(bundle / "weights.safetensors") | change
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, bundle / "weights.safetensors")
    edit(bundle, sha256=sha256(bundle / "weights.safetensors"))

    with pytest.raises(ModelError, match=message) as refused:
        load_bundle(bundle)
    assert refused.value.where == (str(bundle / "weights.safetensors"),)


def test_a_giant_of_a_network_is_refused_before_it_takes_memory(
    bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """model.json describes a network of gigabytes; the weights belong to a small one."""
    edit(bundle, channels=[4096] * 5)

    def work() -> None:
        before = peak_memory()
        try:
            load_bundle(bundle)
        except ModelError as error:
            print(error.problem)
        print(round(peak_memory() - before) // 1024)

    assert fork(work) == 0
    message, grown_mib = capfd.readouterr().out.splitlines()
    assert "the weights do not fit the network of model.json" in message
    assert int(grown_mib) < 500  # with memory behind it, the decoder alone has 2.6 GiB


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


def test_an_older_version(bundle: Path) -> None:
    edit(bundle, version=2)

    with pytest.raises(ModelError, match="bundle version 2, this program reads version 3") as refused:
        load_bundle(bundle)
    assert refused.value.hint == "train again, or use the streetseg that wrote it"
