"""Models that somebody else made, through the real commands: refused with the reason, and nothing in them runs."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny
from networks import tiny_network
from streetseg.atomic import sha256
from streetseg.models.bundle import save_bundle

Command = Callable[..., Any]
ENCODER = "test_efficientnet"


class Trap:
    """An object that makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.mark), "w")


def by_pickle(path: Path, trap: Trap) -> None:
    path.write_bytes(pickle.dumps(trap))


def by_torch(path: Path, trap: Trap) -> None:
    torch.save({"state_dict": trap, "weights": torch.zeros(3)}, path)


def by_old_torch(path: Path, trap: Trap) -> None:
    torch.save(trap, path, _use_new_zipfile_serialization=False)


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path / "sprung")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    initial = {"kind": "random", "source": "", "text": "random weights"}
    save_bundle(tmp_path / "bundle", tiny_network(), initial_weights=initial, protocol={}, scores={})
    return tmp_path / "bundle"


@pytest.fixture
def offer(tmp_path: Path, streetseg: Command) -> Callable[[Path], list[str]]:
    """Pass a model to every command that takes one. All must refuse it with exit code 2 and write nothing. Return their
    messages."""
    data = tiny.camvid_segnet(tmp_path / "camvid", 2, 1)
    image = next((data / "val").iterdir())

    def offer_to_all(model: Path) -> list[str]:
        messages = []
        for words in (
            ("predict", model, image, "--out", tmp_path / "out"),
            ("evaluate", model, data, "--out", tmp_path / "out"),
            ("train", data, "--encoder", ENCODER, "--weights", model, "--out", tmp_path / "out"),
            ("bench", model),
        ):
            done = streetseg(*words)
            assert done.code == 2, (words, done.out, done.err)
            assert "Traceback" not in done.err
            assert done.out == ""
            assert not (tmp_path / "out").exists()
            messages.append(done.err[done.err.index("error: ") :])
        return messages

    return offer_to_all


def test_the_trap_springs_when_it_is_unpickled(trap: Trap, tmp_path: Path) -> None:
    """Without this, the tests below would prove nothing."""
    by_pickle(tmp_path / "model.pkl", trap)
    pickle.loads((tmp_path / "model.pkl").read_bytes())

    assert trap.mark.exists()


@pytest.mark.bad_input(
    34, "a pickle is refused by its content, whatever its name, and never loaded: nothing in it runs"
)
@pytest.mark.parametrize(
    ("write", "name"),
    [
        *((by_torch, f"model{ending}") for ending in (".pt", ".pth", ".bin", "", ".safetensors")),
        *((by_pickle, f"model{ending}") for ending in (".pkl", ".safetensors")),
        *((by_old_torch, f"model{ending}") for ending in (".pt", ".safetensors")),
    ],
)
def test_a_pickle_offered_as_a_model(write, name: str, trap: Trap, tmp_path: Path, offer) -> None:
    write(tmp_path / name, trap)

    for messages in offer(tmp_path / name):
        assert str(tmp_path / name) in messages
        assert "safetensors" in messages
    assert not trap.mark.exists()


@pytest.mark.bad_input(34, "a pickle in the place of a bundle's weights, with the right SHA-256: refused, nothing runs")
@pytest.mark.parametrize("write", [by_pickle, by_torch, by_old_torch])
def test_a_pickle_inside_a_bundle(write, trap: Trap, bundle: Path, offer) -> None:
    write(bundle / "weights.safetensors", trap)
    describe(bundle, sha256=sha256(bundle / "weights.safetensors"))

    for messages in offer(bundle):
        assert "error: not a readable safetensors file" in messages
        assert "never opened" in messages
    assert not trap.mark.exists()


@pytest.mark.bad_input(34, "a folder of pickles without model.json is no bundle; refused, nothing runs")
def test_a_folder_without_model_json(trap: Trap, bundle: Path, offer) -> None:
    (bundle / "model.json").unlink()
    for name in ("model.pt", "pytorch_model.bin", "model.json.pkl"):
        by_torch(bundle / name, trap)

    for messages in offer(bundle):
        assert "error: no bundle here (no model.json or best/model.json)" in messages
    assert not trap.mark.exists()


def reshaped(bundle: Path) -> str:
    rewrite(bundle, {"head.weight": torch.zeros(7, 8, 3, 3)})
    return "head.weight has shape (7, 8, 3, 3), the network needs (11, 8, 3, 3)"


def lacking(bundle: Path) -> str:
    rewrite(bundle, {"head.weight": None})
    return "1 tensors are missing, first head.weight"


def too_many(bundle: Path) -> str:
    rewrite(bundle, {"stranger": torch.zeros(1)})
    return "1 tensors do not belong to it, first stranger"


def not_numbers(bundle: Path) -> str:
    rewrite(bundle, {"head.bias": torch.full((11,), torch.inf)})
    return "not finite numbers, first head.bias"


def exchanged(bundle: Path) -> str:
    shutil.copy(bundle / "model.json", bundle / "kept.json")
    rewrite(bundle, {"head.bias": torch.ones(11)})
    (bundle / "kept.json").replace(bundle / "model.json")
    return "the weights are not the ones model.json was written for (SHA-256 differs)"


def newer(bundle: Path) -> str:
    describe(bundle, version=4)
    return "bundle version 4, this program reads version 3"


def with_many_classes(bundle: Path) -> str:
    describe(bundle, classes=[f"class {i}" for i in range(100_000)])
    return "model.json is incomplete or invalid (classes: List should have at most 255 items"


def with_a_long_text(bundle: Path) -> str:
    describe(bundle, space="x" * 100_000_000)
    return "model.json has 100,0"


def nested(bundle: Path) -> str:
    (bundle / "model.json").write_text('{"format": ' + "[" * 100_000)
    return "model.json cannot be read"


def giant(bundle: Path) -> str:
    describe(bundle, encoder="resnet152", channels=[4096] * 5)
    return "the weights do not fit the network of model.json"


def from_a_stranger_s_hub(bundle: Path) -> str:
    describe(bundle, encoder="hf-hub:stranger/model")
    return "unknown encoder hf-hub:stranger/model"


def from_a_stranger_s_folder(bundle: Path) -> str:
    describe(bundle, encoder="resnet50.local-dir:/tmp")
    return "timm cannot make a feature pyramid of resnet50.local-dir:/tmp"


@pytest.mark.bad_input(
    34, "weights of a wrong shape, tensors missing or too many, no numbers: refused, the first named"
)
@pytest.mark.bad_input(34, "a newer version, a wrong schema, weights with another SHA-256: refused with the reason")
@pytest.mark.parametrize(
    "spoil",
    [
        reshaped,
        lacking,
        too_many,
        not_numbers,
        exchanged,
        newer,
        with_many_classes,
        with_a_long_text,
        nested,
        giant,
        from_a_stranger_s_hub,
        from_a_stranger_s_folder,
    ],
)
def test_a_bundle_that_is_not_sound(spoil: Callable[[Path], str], bundle: Path, offer) -> None:
    expected = spoil(bundle)

    for messages in offer(bundle):
        assert expected in messages
        assert len(messages) < 2000


def test_a_sound_bundle_is_taken(bundle: Path, tmp_path: Path, streetseg: Command) -> None:
    """Without this, the refusals above would prove nothing."""
    tiny.save(tmp_path / "a.png", tiny.street(0)[0])

    assert streetseg("predict", bundle, tmp_path / "a.png", "--out", tmp_path / "out").code == 0


def rewrite(bundle: Path, change: dict[str, torch.Tensor | None]) -> None:
    """Write other tensors, and their SHA-256 into model.json."""
    tensors = load_file(bundle / "weights.safetensors") | change
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, bundle / "weights.safetensors")
    describe(bundle, sha256=sha256(bundle / "weights.safetensors"))


def describe(bundle: Path, **changes: object) -> None:
    """Write other values into model.json."""
    description = json.loads((bundle / "model.json").read_text()) | changes
    (bundle / "model.json").write_text(json.dumps(description))
