"""Scoring by several processes: each image once, and exactly the scores of one process."""

from pathlib import Path

import numpy as np
import pytest

import tiny
from forked import command
from networks import tiny_network
from processes import start
from streetseg.models.bundle import save_bundle


@pytest.mark.bad_input(33, "each image is scored once: 21 on 2 ranks give the counts and scores of 1 rank, bit for bit")
def test_21_images_on_two_processes_score_as_on_one(tmp_path: Path) -> None:
    initial = {"kind": "random", "source": "", "text": "random weights"}
    save_bundle(tmp_path / "bundle", tiny_network(), initial_weights=initial, protocol={}, scores={})
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid', n_train=2, n_val=21)}"
    argv = ("evaluate", tmp_path / "bundle", data, "--out")

    alone = start(command(*argv, tmp_path / "alone"), tmp_path, "one")
    assert alone.wait() == 0, alone.err.read_text()
    shared = start(command(*argv, tmp_path / "shared", "--devices", 2), tmp_path, "two")
    assert shared.wait() == 0, shared.err.read_text()

    for name in ("counts.npz", "scores.json", "per_image.csv", "per_class.csv", "predictions.zip"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "shared" / name).read_bytes(), name
    with np.load(tmp_path / "shared" / "counts.npz") as counts:
        pixels = counts["counts"].sum(axis=(1, 2)) + counts["ignored"]
    assert pixels.tolist() == [48 * 64] * 21
    assert shared.out.read_text().replace("shared", "alone") == alone.out.read_text()
    reported = shared.err.read_text().splitlines()
    assert len(reported) == len(set(reported))  # one process speaks
