"""What to label next: unsure and no two alike, the same images every time."""

from pathlib import Path

import numpy as np
import pytest
import torch

from exported import onnx_exported
from networks import tiny_network
from streetseg.auditing.label_next import choose, rank_unlabeled
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.predictor import Predictor
from tiny import save, street


def test_twins_are_not_both_chosen_early() -> None:
    vectors = np.array([[0.0, 0], [0, 0], [3, 0], [0, 4], [0.1, 0]])
    chosen = choose(np.array([0.9, 0.9, 0.5, 0.5, 0.8]), vectors)
    assert [number for number, _ in chosen] == [0, 3, 2, 4, 1]
    assert [distance for _, distance in chosen[1:]] == pytest.approx([4, 3, 0.1, 0])


def test_of_images_that_differ_equally_the_most_uncertain_comes_first() -> None:
    chosen = choose(np.array([0.2, 0.9, 0.4, 0.6]), np.eye(4))
    assert [number for number, _ in chosen] == [1, 3, 2, 0]


def test_no_more_are_chosen_than_requested() -> None:
    assert len(choose(np.full(9, 0.5), np.eye(9), most=4)) == 4


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for i, path in enumerate(paths):
        save(path, street(i)[0])
    return paths


def test_a_damaged_image_is_named_and_the_others_are_ranked(images: list[Path]) -> None:
    images[1].write_bytes(b"no image")
    predictor = Predictor(TorchEngine(tiny_network(), torch.device("cpu")))
    calls: list[tuple[int, int]] = []
    ranking = rank_unlabeled(predictor, images, lambda done, total: calls.append((done, total)))
    assert sorted(candidate.path.name for candidate in ranking.candidates) == ["0.png", "2.png", "3.png"]
    assert [Path(error.place).name for error in ranking.failed] == ["1.png"]
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert "features" in ranking.by
    assert not predictor.engine.network.encoder._forward_hooks  # type: ignore[attr-defined]
    again = rank_unlabeled(predictor, images, lambda done, total: None)
    assert repr(again.candidates) == repr(ranking.candidates)


def test_an_exported_model_compares_shares_of_classes(images: list[Path], tmp_path: Path) -> None:
    predictor = Predictor.load(onnx_exported(tmp_path / "exported"), engine="onnxruntime")
    ranking = rank_unlabeled(predictor, images, lambda done, total: None)
    assert len(ranking.candidates) == 4
    assert "shares" in ranking.by
