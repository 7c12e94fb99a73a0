"""The scored images of the viewer: which ones, how many, and what is kept of each."""

import base64
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from streetseg.comparison.compare import compare_runs
from streetseg.report import gallery
from streetseg.report.gallery import collect
from streetseg.report.scored_images import priority, scored_image, seconds_for_one


def test_the_worst_the_best_and_the_middle_come_first_by_turns() -> None:
    mean = np.array([0.5, 0.1, 0.9, np.nan, 0.3, 0.7])
    assert priority(mean) == [1, 2, 0, 4, 5]


def test_predicting_again_takes_the_measured_latency() -> None:
    assert seconds_for_one(500.0) == 0.5
    assert seconds_for_one(float("nan")) == 1.0
    assert seconds_for_one(0.0) > 0


def test_labels_are_kept_exactly_and_a_class_without_ground_truth_has_no_score() -> None:
    ground_truth = np.tile(np.array([[0, 1, 255]], np.uint8), (4, 4))
    counts = np.array([[6, 2, 0], [0, 8, 0], [0, 0, 0]])
    image = scored_image("a", np.zeros((4, 12, 3), np.uint8), ground_truth, [ground_truth], [counts])
    for uri in image.labels:
        kept = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
        np.testing.assert_array_equal(np.asarray(kept), ground_truth)
    assert image.class_scores == ((0.75, 0.8, None),)
    assert image.scores == pytest.approx((0.775,))


def test_every_scored_image_is_in_the_viewer_or_as_many_as_fit(
    real_runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = compare_runs(real_runs)
    whole = collect(comparison, ["A", "B"]).images
    assert {image.name for image in whole} == set(comparison.groups[0].counts.names)
    monkeypatch.setattr(gallery, "MOST_BYTES", sum(image.size for image in whole[:-1]))
    assert collect(comparison, ["A", "B"]).images == whole[:-1]

    monkeypatch.setattr(gallery, "MOST_SECONDS", 0.0)
    assert collect(comparison, ["A", "B"]).images == whole[:-1]  # they were kept, and nothing is predicted again
    without = shutil.copytree(real_runs[0], tmp_path / "run")
    (without / "evaluation" / "predictions.zip").unlink()
    again = collect(compare_runs([without, real_runs[1]]), ["A", "B"])
    assert len(again.images) == 6  # those that the page shows in any case
    assert "networks again for this report" in again.note
