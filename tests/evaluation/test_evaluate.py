"""Evaluation: every image once, at the label's resolution, with counts that depend on nothing else."""

import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

import tiny
from processes import fork_ranks
from streetseg.data.source import Sample
from streetseg.errors import DataError, RequestError
from streetseg.evaluation.evaluate import evaluate
from streetseg.evaluation.files import scores_json, write_evaluation
from streetseg.evaluation.predictions import packed, read_ids
from streetseg.evaluation.protocol import protocol
from streetseg.inference.engines.torch_engine import TorchEngine
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import CITYSCAPES_19, STREET_11
from streetseg.metrics.batch_confusion import scattered_confusion
from streetseg.metrics.bootstrap import interval
from streetseg.metrics.boundary import boundary_counts
from streetseg.metrics.confusion import confusion
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork
from streetseg.runtime.distributed import Ranks

Array = NDArray[np.uint8]


@dataclass
class Memory:
    """A source of images and labels in memory."""

    space: LabelSpace
    samples: list[Sample]
    pairs: list[tuple[Array, Array]]

    def __getitem__(self, i: int, /) -> tuple[Array, Array]:
        return self.pairs[i]


def memory(pairs: list[tuple[Array, Array]], space: LabelSpace = STREET_11) -> Memory:
    names = [Sample(f"val/{i}", "", "", sequence="video") for i in range(len(pairs))]
    return Memory(space, names, pairs)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    torch.manual_seed(0)
    network = SegmentationNetwork(
        Encoder("test_efficientnet"), STREET_11, decoder="classic", channels=(32, 16, 16, 8, 8)
    )
    return Predictor(TorchEngine(network, torch.device("cpu")))


def naive_labels(predictor: Predictor, image: Array, label: Array) -> Array:
    """Return labels computed step by step: network, logits resized to the labels' size, argmax."""
    with torch.inference_mode():
        logits = predictor.engine.logits(torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0))
        logits = F.interpolate(logits, label.shape, mode="bilinear", align_corners=False)
        return logits.argmax(1)[0].numpy().astype(np.uint8)


def test_counts_are_those_of_the_labels_at_the_labels_resolution(predictor: Predictor) -> None:
    pairs = [
        (tiny.street(i, (48, 64))[0], tiny.street(i, size)[1]) for i, size in enumerate([(48, 64), (96, 128), (31, 50)])
    ]
    result = evaluate(predictor, memory(pairs), keep=True)
    for i, (image, label) in enumerate(pairs):
        ids = naive_labels(predictor, image, label)
        assert np.array_equal(result.counts.counts[i], confusion(label, ids, 11))
        assert np.array_equal(result.boundary[i], boundary_counts(label, ids, 11))
        assert result.counts.ignored[i] == (label == 255).sum()
        assert result.counts.counts[i].sum() + result.counts.ignored[i] == label.size
        assert result.predictions is not None
        assert np.array_equal(read_ids(result.predictions[i], label.shape), ids)
    assert result.calibration[0].sum() == result.counts.counts.sum()
    assert result.label_sizes == ((31, 50), (48, 64), (96, 128))
    assert result.network_sizes == ((48, 64),)
    assert result.counts.names == ("val/0", "val/1", "val/2")
    assert result.counts.sequences == ("video",) * 3


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_a_network_fed_in_batches_gives_the_counts_of_the_evaluation(predictor: Predictor, batch: int) -> None:
    """Evaluation passes one image at a time; batches of any size must give the same counts."""
    pairs = [tiny.street(i) for i in range(21)]
    result = evaluate(predictor, memory(pairs))
    images = torch.from_numpy(np.stack([image for image, _ in pairs])).permute(0, 3, 1, 2)
    ids = torch.cat([predictor.logits(part).argmax(1) for part in images.split(batch)]).numpy().astype(np.uint8)
    for i, (_, label) in enumerate(pairs):
        assert np.array_equal(result.counts.counts[i], confusion(label, ids[i], 11))


def test_each_image_is_seen_once_and_progress_is_told(predictor: Predictor) -> None:
    seen: list[int] = []

    class Watched(Memory):
        def __getitem__(self, i: int, /) -> tuple[Array, Array]:
            seen.append(i)
            return self.pairs[i]

    reported: list[tuple[int, int]] = []
    store = memory([tiny.street(i) for i in range(5)])
    evaluate(predictor, Watched(store.space, store.samples, store.pairs), progress=lambda *done: reported.append(done))
    assert seen == [0, 1, 2, 3, 4]
    assert reported == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


def test_the_loss_is_the_mean_over_images(predictor: Predictor) -> None:
    pairs = [tiny.street(i) for i in range(3)]

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        assert logits.shape == (1, 11, 48, 64)
        assert labels.dtype == torch.uint8
        return F.cross_entropy(logits, labels.long(), ignore_index=255)

    each = [evaluate(predictor, memory([pair]), loss=loss).loss for pair in pairs]
    together = evaluate(predictor, memory(pairs), loss=loss).loss
    assert together == pytest.approx(np.mean([value for value in each if value is not None]), rel=1e-12)
    assert evaluate(predictor, memory(pairs)).loss is None


def test_memory_grows_by_counts_and_by_no_pixels(predictor: Predictor) -> None:
    pair = tiny.street(0, (96, 128))

    def peak(images: int) -> int:
        tracemalloc.start()
        evaluate(predictor, memory([pair] * images), loss=lambda logits, labels: logits.sum())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1)  # what is made once
    counts = 8 * (11 * 11 + 3 * 11 + 3 * 15 + 6)
    assert peak(34) - peak(4) < 30 * (counts + pair[1].size // 4)


@pytest.mark.parametrize("details", [True, False])
def test_ids_outside_the_space_are_named(predictor: Predictor, details: bool) -> None:
    image, label = tiny.street(0)
    label[0, 0] = 200
    with pytest.raises(DataError, match=r"ground truth holds ids outside the label space \(found 200 on 1 pixels"):
        evaluate(predictor, memory([(image, label)]), details=details)


def test_a_device_that_counts_in_silence_is_asked_what_it_left_out(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU counts an id outside the label space without an error, so evaluation checks the sum."""
    counted = lambda ground_truth, ids, classes, _: scattered_confusion(ground_truth, ids, classes)  # noqa: E731
    monkeypatch.setattr("streetseg.inference.backend_torch.batch_confusion", counted)
    image, label = tiny.street(0)
    assert evaluate(predictor, memory([(image, label)])).counts.ignored.tolist() == [(label == 255).sum()]
    label[0, 0] = 200
    with pytest.raises(DataError, match=r"ground truth holds ids outside the label space \(found 200 on 1 pixels"):
        evaluate(predictor, memory([(image, label)]))


def test_details_are_left_out_when_not_asked_for(predictor: Predictor) -> None:
    pairs = [tiny.street(0)]
    bare, full = evaluate(predictor, memory(pairs), details=False), evaluate(predictor, memory(pairs))
    assert np.array_equal(bare.counts.counts, full.counts.counts)
    assert not bare.boundary.any()
    assert full.boundary.any()


def test_an_image_without_a_labeled_pixel_counts_nowhere(predictor: Predictor) -> None:
    image, label = tiny.street(0)
    result = evaluate(predictor, memory([(image, np.full_like(label, 255))]))
    assert result.counts.total.sum() == 0
    assert result.counts.ignored.tolist() == [label.size]


def test_other_classes_and_nothing_at_all_are_refused(predictor: Predictor) -> None:
    with pytest.raises(RequestError, match="classes of model and data differ"):
        evaluate(predictor, memory([tiny.street(0)], space=CITYSCAPES_19))
    with pytest.raises(DataError, match="no image"):
        evaluate(predictor, memory([]))


def test_predictions_are_kept_up_to_a_number_of_bytes(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [tiny.street(i, (48, 64)) for i in range(3)]
    kept = evaluate(predictor, memory(pairs), keep=True).predictions
    assert kept is not None and len(kept) == 3
    assert packed(kept) == packed(kept)
    monkeypatch.setattr("streetseg.evaluation.evaluate.MOST_BYTES", sum(map(len, kept)) - 1)
    result = evaluate(predictor, memory(pairs), keep=True)
    assert result.predictions is None
    assert result.counts.counts.sum() + result.counts.ignored.sum() == 3 * 48 * 64
    assert evaluate(predictor, memory(pairs)).predictions is None


def test_ranks_keep_the_predictions_of_all_or_of_none(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = memory([tiny.street(i, (48, 64)) for i in range(3)])
    kept = evaluate(predictor, data, keep=True).predictions
    assert kept is not None
    size = sum(map(len, kept))

    def of_two() -> None:
        with Ranks.from_environment().joined(torch.device("cpu")) as ranks:
            predictions = evaluate(predictor, data, keep=True, ranks=ranks).predictions
            assert predictions == (kept if limit == size else None)

    for limit in (size, size - 1):  # each rank alone has less
        monkeypatch.setattr("streetseg.evaluation.evaluate.MOST_BYTES", limit)
        assert fork_ranks(of_two, folder=tmp_path) == [0, 0], (tmp_path / "0.err").read_text()


def test_no_predictions_of_an_earlier_evaluation_stay(predictor: Predictor, tmp_path: Path) -> None:
    pairs = memory([tiny.street(i, (48, 64)) for i in range(3)])
    for keep in (True, False):
        evaluation = evaluate(predictor, pairs, keep=keep)
        intervals = interval(evaluation.counts)
        terms = protocol(evaluation, predictor, dataset="toy", split="val")
        write_evaluation(tmp_path, evaluation, intervals, scores_json(evaluation, intervals, terms))
        assert (tmp_path / "predictions.zip").exists() == keep
