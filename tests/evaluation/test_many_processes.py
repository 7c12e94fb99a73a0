"""Scoring shared by several processes: each picture once, and the very numbers of one process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from networks import tiny_segmenter
from streetseg.models.bundle import save_bundle

Command = Callable[..., Any]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    initial = {"kind": "random", "source": "", "text": "random weights"}
    save_bundle(tmp_path / "bundle", tiny_segmenter(), initial_weights=initial, protocol={}, scores={})
    return tmp_path / "bundle"


@pytest.mark.bad_input(33, "each image scored once: 21 on 2 ranks give counts and scores equal to the last bit to 1's")
def test_21_pictures_on_two_processes_score_as_on_one(model: Path, tmp_path: Path, streetseg: Command) -> None:
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid', n_train=2, n_val=21)}"

    alone = streetseg("evaluate", model, data, "--out", tmp_path / "alone")
    shared = streetseg("evaluate", model, data, "--out", tmp_path / "shared", "--devices", "2")

    assert (alone.code, shared.code) == (0, 0), shared.err
    assert shared.out.replace("shared", "alone") == alone.out
    assert len(shared.err.splitlines()) == len(set(shared.err.splitlines()))  # one process speaks
    for name in ("counts.npz", "scores.json", "per_image.csv", "per_class.csv"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "shared" / name).read_bytes(), name
    with np.load(tmp_path / "shared" / "counts.npz") as counts:
        pixels = counts["counts"].sum(axis=(1, 2)) + counts["ignored"]
    assert pixels.tolist() == [48 * 64] * 21
