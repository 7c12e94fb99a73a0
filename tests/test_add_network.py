"""tools/add_network.py: the files and the card of a network are made from a run, and its scores are measured."""

import json
import sys
from pathlib import Path

import add_network
import pytest
import torch

import streetseg
import tiny
from exported import saved
from networks import tiny_network
from streetseg.atomic import sha256
from streetseg.models.bundle import load_bundle, read_safetensors

NAME = "camvid-tiny"


def test_a_network_is_published_with_its_measured_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = saved(tmp_path / "run", tiny_network(size=(48, 64)))
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid')}"
    cards, folder = tmp_path / "cards", tmp_path / "networks" / NAME
    cards.mkdir()
    monkeypatch.setattr(add_network, "FOLDER", cards)
    monkeypatch.setattr(add_network, "ROOT", tmp_path)
    about = ("--about", "A tiny U-Net", "--trained-on", "nothing", "--rebuild", "streetseg train camvid:camvid")
    words = (str(run), NAME, "--score", data, "--only", "bundle", "--condition", "camvid", *about)
    monkeypatch.setattr(sys, "argv", ["add_network.py", *words])

    add_network.main()

    card = json.loads((cards / f"{NAME}.json").read_text(encoding="utf-8"))
    assert card["scores"][0]["iou"] == pytest.approx(streetseg.evaluate(folder, data).mean_iou)
    assert card["scores"][0]["images"] == 3
    assert card["condition"] in (folder / "README.md").read_text(encoding="utf-8")
    assert {name: facts["sha256"] for name, facts in card["files"].items()} == {
        name: sha256(folder / name) for name in ("model.json", "weights.safetensors")
    }
    before, after = read_safetensors(run / "weights.safetensors"), read_safetensors(folder / "weights.safetensors")
    assert after["head.weight"].dtype == torch.float16
    assert after["head.bias"].dtype == after["mean"].dtype == torch.float32
    torch.testing.assert_close(after["head.weight"].float(), before["head.weight"], rtol=1e-3, atol=1e-6)
    assert load_bundle(folder)[1]["scores"]["mean"]["iou"] == pytest.approx(card["scores"][0]["iou"])
