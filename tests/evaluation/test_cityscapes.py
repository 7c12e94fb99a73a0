"""Scores equal the official Cityscapes script's, exactly, on files in Cityscapes' format."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling as official  # noqa: N813
import numpy as np
import pytest
import torch
from PIL import Image

import tiny
from exported import saved
from streetseg.errors import RequestError
from streetseg.labels.mappings import cityscapes_ids, label_mapping
from streetseg.labels.tables import CITYSCAPES_19, CITYSCAPES_34, STREET_11
from streetseg.metrics.confusion import confusion
from streetseg.metrics.scores import scores
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def plain_official_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set up the official script without instances, files and printing, in pure Python."""
    monkeypatch.setattr(official, "CSUPPORT", False)
    monkeypatch.setattr(official.args, "evalInstLevelScore", False)
    monkeypatch.setattr(official.args, "JSONOutput", False)
    monkeypatch.setattr(official.args, "quiet", True)


def official_scores(predictions: list[Path], ground_truths: list[Path]) -> dict[str, Any]:
    result: dict[str, Any] = official.evaluateImgLists(
        [str(p) for p in predictions], [str(t) for t in ground_truths], official.args
    )
    return result


def same(ours: float, theirs: float) -> bool:
    return ours == theirs or (math.isnan(ours) and math.isnan(theirs))


def predicted(streetseg: Command, model: Path, data: Path, folder: Path) -> Path:
    """Return a folder of Cityscapes label ids alone, written by `predict` for the validation split."""
    images, out, alone = data / "leftImg8bit" / "val", folder / "predicted", folder / "results"
    done = streetseg("predict", model, images, "--out", out, "--ids", "cityscapes", "--json")
    assert done.code == 0, done.err
    reported = json.loads(done.out)
    assert reported["ids"] == "cityscapes"
    assert [CITYSCAPES_34.names[value] for value in reported["class_ids"]] == reported["classes"]
    alone.mkdir()
    for path in out.rglob("*_ids.png"):
        shutil.copy(path, alone)
    return alone


@pytest.mark.parametrize("seed", range(4))
def test_random_label_ids_score_the_same_to_the_last_bit(tmp_path: Path, seed: int) -> None:
    """There are ignored ids; some classes are absent from ground truth or prediction, bicycles from both."""
    rng = np.random.default_rng(seed)
    in_ground_truth = np.setdiff1d(np.arange(33), rng.choice(33, 8, replace=False))
    in_prediction = np.setdiff1d(np.arange(18), rng.choice(18, 5, replace=False)).astype(np.uint8)
    to_19 = label_mapping(CITYSCAPES_34, CITYSCAPES_19)
    total = np.zeros((19, 19), np.int64)
    predictions, ground_truths = [], []
    for i in range(3):
        ground_truth = rng.choice(in_ground_truth, (40, 60)).astype(np.uint8)
        classes = rng.choice(in_prediction, (40, 60))
        known = np.isin(to_19[ground_truth], in_prediction) & (rng.random((40, 60)) < 0.6)
        classes = np.where(known, to_19[ground_truth], classes).astype(np.uint8)
        ground_truths.append(tmp_path / f"frankfurt_000000_{i:06d}_gtFine_labelIds.png")
        predictions.append(tmp_path / f"frankfurt_000000_{i:06d}_ids.png")
        Image.fromarray(ground_truth).save(ground_truths[-1])
        Image.fromarray(cityscapes_ids(CITYSCAPES_19)[classes]).save(predictions[-1])
        total += confusion(to_19[ground_truth], classes, 19)
    ours, theirs = scores(total), official_scores(predictions, ground_truths)
    for name, iou in zip(CITYSCAPES_19.names, ours.iou, strict=True):
        assert same(float(iou), theirs["classScores"][name]), name
    assert ours.mean["iou"] == theirs["averageScoreClasses"]
    assert np.isnan(ours.iou[CITYSCAPES_19.names.index("bicycle")])
    assert (ours.iou == 0).any()


def test_the_evaluate_command_scores_a_network_as_the_official_script_scores_its_exported_labels(
    tmp_path: Path, streetseg: Command
) -> None:
    data = tiny.cityscapes_folder(tmp_path / "cityscapes", n_val=3, size=(50, 70))
    torch.manual_seed(0)
    network = SegmentationNetwork(
        Encoder("test_efficientnet"), CITYSCAPES_19, decoder="classic", channels=(32, 16, 16, 8, 8), size=(25, 35)
    )
    saved(tmp_path / "bundle", network)

    ended = streetseg("evaluate", tmp_path / "bundle", f"cityscapes:{data}", "--space", "cityscapes-19", "--json")
    assert ended.code == 0, ended.err
    ours = json.loads(ended.out)
    assert ours["protocol"]["resolution"] == "50x70"
    assert ours["protocol"]["network_resolution"] == "25x35"

    results = predicted(streetseg, tmp_path / "bundle", data, tmp_path)
    ground_truths = sorted((data / "gtFine" / "val").rglob("*_labelIds.png"))
    predictions = sorted(results.iterdir())
    theirs = official_scores(predictions, ground_truths)
    for name, values in ours["per_class"].items():
        assert same(float("nan") if values["iou"] is None else values["iou"], theirs["classScores"][name]), name
    assert ours["mean"]["iou"] == theirs["averageScoreClasses"]


def test_the_official_script_finds_predicted_ids_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streetseg: Command
) -> None:
    data = tiny.cityscapes_folder(tmp_path / "cityscapes", n_val=2)
    network = SegmentationNetwork(
        Encoder("test_efficientnet"), CITYSCAPES_34, decoder="classic", channels=(32, 16, 16, 8, 8)
    )
    saved(tmp_path / "bundle", network)
    results = predicted(streetseg, tmp_path / "bundle", data, tmp_path)
    monkeypatch.setenv("CITYSCAPES_RESULTS", str(results))
    monkeypatch.setattr(official.args, "predictionPath", None)
    monkeypatch.setattr(official.args, "predictionWalk", None)
    for ground_truth in sorted((data / "gtFine" / "val").rglob("*_labelIds.png")):
        found = Path(official.getPrediction(official.args, str(ground_truth)))
        assert found.parent == results
        assert Image.open(found).size == Image.open(ground_truth).size


def test_other_label_spaces_have_no_cityscapes_ids() -> None:
    with pytest.raises(RequestError, match="street-11 cannot be written"):
        cityscapes_ids(STREET_11)
