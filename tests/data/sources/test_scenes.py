"""The source `scenes`."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from streetseg.data.sources import scenes as module
from streetseg.data.sources.scenes import VAL_START, ScenesSource
from streetseg.errors import RequestError
from streetseg.labels.tables import STREET_11
from streetseg.scenes.render import render

SIZE = (48, 64)


def test_splits_and_names() -> None:
    source = ScenesSource()
    assert source.spec == "scenes"
    assert source.space == STREET_11
    assert {name: len(samples) for name, samples in source.splits.items()} == {"train": 200, "val": 50}
    assert source.splits["train"][12].name == "train/scene_000012"
    names = [sample.name for samples in source.splits.values() for sample in samples]
    assert len(set(names)) == len(names)


def test_splits_never_share_a_scene_and_do_not_move_each_other() -> None:
    few, many = ScenesSource(3, 2, SIZE), ScenesSource(40, 2, SIZE)
    assert set(few.jobs()) < set(many.jobs())
    indices = [index for _, _, index in many.jobs()]
    assert len(set(indices)) == 42
    assert max(index for split, _, index in many.jobs() if split == "train") < VAL_START


def test_reads_what_the_renderer_draws() -> None:
    source = ScenesSource(2, 2, SIZE, seed=3)
    for split, first in (("train", 0), ("val", VAL_START)):
        image, label = render(3, first + 1, SIZE)
        sample = source.splits[split][1]
        assert np.array_equal(source.read_image(sample), image)
        assert np.array_equal(source.read_mask(sample), label)


def test_image_and_label_are_one_drawing() -> None:
    source = ScenesSource(1, 0, SIZE, seed=11)
    sample = source.splits["train"][0]
    before = module._drawn.cache_info().misses
    source.read_image(sample)
    source.read_mask(sample)
    assert module._drawn.cache_info().misses == before + 1


def test_a_reader_may_write_into_what_it_got() -> None:
    source = ScenesSource(1, 0, SIZE)
    sample = source.splits["train"][0]
    kept = source.read_image(sample).copy()
    source.read_image(sample)[:] = 0
    source.read_mask(sample)[:] = 0
    assert np.array_equal(source.read_image(sample), kept)
    assert source.read_mask(sample).any()


def test_threads_read_the_same_as_one_reader() -> None:
    source = ScenesSource(6, 0, SIZE)
    samples = source.splits["train"] * 3
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(source.read_mask, samples))
    for sample, label in zip(samples, together, strict=True):
        assert np.array_equal(label, source.read_mask(sample))


def test_travels_to_another_process() -> None:
    source = pickle.loads(pickle.dumps(ScenesSource(1, 0, SIZE, seed=2)))
    assert source.read_image(source.splits["train"][0]).shape == (*SIZE, 3)


def test_stamp_changes_with_what_decides_the_pixels() -> None:
    stamps = {
        source.stamp(source.splits["train"][0])
        for source in (ScenesSource(1, 0, SIZE), ScenesSource(1, 0, (64, 64)), ScenesSource(1, 0, SIZE, seed=1))
    }
    assert len(stamps) == 3


@pytest.mark.parametrize(
    "incorrect",
    [{"train": -1}, {"val": VAL_START + 1}, {"size": (31, 512)}, {"seed": -1}],
    ids=lambda incorrect: str(incorrect),
)
def test_refuses_what_cannot_be_drawn(incorrect: dict[str, object]) -> None:
    with pytest.raises(RequestError):
        ScenesSource(**incorrect)  # type: ignore[arg-type]
