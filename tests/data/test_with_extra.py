"""An extra data set: trained on with the data, in no fold, never scored; which of its images an epoch has."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import streetseg
import tiny
from streetseg.data.augment.rng import dealt
from streetseg.data.batches import TrainBatches
from streetseg.data.epoch_order import epoch_order, images_of_epoch
from streetseg.data.open import open_source
from streetseg.data.source import Sample, reader_of
from streetseg.data.sources.scenes import ScenesSource
from streetseg.data.sources.with_extra import EXTRA, without_extra
from streetseg.data.store import Store
from streetseg.errors import DataError, RequestError
from streetseg.labels.tables import STREET_11
from streetseg.recipe.schema import Augment, Data

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Write CamVid's layout with 4 and 2 images, and Cityscapes' layout with 3 and 2; return both as DATA."""
    folder = tmp_path_factory.mktemp("data")
    camvid = tiny.camvid_segnet(folder / "camvid", 4, 2)
    return f"camvid:{camvid}", f"cityscapes:{tiny.cityscapes_folder(folder / 'streets', 3, 2)}"


def test_only_the_training_split_gets_the_images(folders: tuple[str, str]) -> None:
    data, extra = folders
    alone, both = (
        open_source(Data(source=data, space="street-11", **more))
        for more in ({}, {"extra": extra, "max_megapixels": 1})
    )
    assert both.splits["val"] == alone.splits["val"]
    assert without_extra(both.splits["train"]) == alone.splits["train"]
    assert both.spec == alone.spec
    theirs = open_source(Data(source=extra, space="street-11"))
    added = both.splits["train"][len(alone.splits["train"]) :]
    assert len(added) == 3
    for new, old in zip(added, theirs.splits["train"], strict=True):
        assert (new.name, new.origin) == (f"{EXTRA}/{old.name}", EXTRA)
        assert np.array_equal(both.read_image(new), theirs.read_image(old))
        assert np.array_equal(both.read_mask(new), theirs.read_mask(old))
        assert np.array_equal(both.look(new).labels, theirs.read_mask(old))
        assert both.stamp(new) == theirs.stamp(old)
    own = alone.splits["train"][0]
    assert np.array_equal(both.read_mask(own), alone.read_mask(own))
    reader = reader_of(both)
    assert reader is not None and reader.splits == {}
    assert np.array_equal(reader.read_image(added[2]), both.read_image(added[2]))


def test_data_of_the_caller_get_the_images_too(folders: tuple[str, str], tmp_path: Path) -> None:
    class Mine:
        classes = STREET_11.names
        splits = {"train": [(np.zeros((48, 64, 3), np.uint8), np.zeros((48, 64), np.uint8))] * 2}  # noqa: RUF012

    Mine.splits["val"] = Mine.splits["train"]
    recipe = {**tiny.RUN, "data.extra": folders[0]}
    run = streetseg.train(
        Mine(), encoder="test_efficientnet", weights="none", epochs=1, out=tmp_path / "run", quiet=True, recipe=recipe
    )
    split = json.loads((run.folder / "data.json").read_text())["splits"]["train"]
    assert (split["images"], split["extra"]) == (6, 4)


def test_the_images_are_in_no_fold(folders: tuple[str, str]) -> None:
    data, extra = folders
    for number in (1, 2, 3):
        both = open_source(Data(source=data, space="street-11", extra=extra, fold=(number, 3)))
        alone = open_source(Data(source=data, space="street-11", fold=(number, 3)))
        assert both.splits["val"] == alone.splits["val"]
        assert len(both.splits["train"]) == len(alone.splits["train"]) + 3


def test_extra_scenes_are_drawn_once_at_the_size_of_the_data(
    folders: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path))
    data = Data(source=folders[0], space="street-11", extra="scenes", size=(48, 64), limit=3)
    source = open_source(data)
    extra = source.splits["train"][3:]
    scenes = ScenesSource(3, 0, (48, 64))
    assert len(extra) == 3
    for new in extra:
        scene = scenes.splits["train"][int(new.name.split("_")[1])]
        assert np.array_equal(source.read_image(new), scenes.read_image(scene))
        assert np.array_equal(source.read_mask(new), scenes.read_mask(scene))
    monkeypatch.setattr("streetseg.data.sources.drawn.write_scenes", None)
    assert open_source(data).splits == source.splits


def test_other_classes_are_refused(folders: tuple[str, str]) -> None:
    with pytest.raises(RequestError, match="other classes") as failure:
        open_source(Data(source=folders[0], extra=folders[1]))
    assert "data.space" in str(failure.value.hint)


def test_an_extra_data_set_without_train_is_refused(folders: tuple[str, str], tmp_path: Path) -> None:
    camvid = tiny.camvid_segnet(tmp_path / "camvid", 2, 2)
    for folder in ("train", "trainannot"):
        for file in (camvid / folder).iterdir():
            file.unlink()
        (camvid / folder).rmdir()
    with pytest.raises(DataError, match="no split 'train'"):
        open_source(Data(source=folders[0], extra=f"camvid:{camvid}"))


def test_an_image_without_mask_in_the_extra_data_set_is_a_failure_of_the_training_split(
    folders: tuple[str, str], tmp_path: Path
) -> None:
    camvid = tiny.camvid_segnet(tmp_path / "camvid", 3, 2)
    first = sorted((camvid / "trainannot").iterdir())[0]
    first.unlink()
    source = open_source(Data(source=folders[0], extra=f"camvid:{camvid}"))
    [failure] = source.survey.failures_of(["train"])
    assert failure.name.startswith(f"{EXTRA}/") and first.stem in failure.name


# What an epoch has


def samples_of(main: int, extra: int) -> list[Sample]:
    return [
        *(Sample(f"{i}", f"{i}.png", "") for i in range(main)),
        *(Sample(f"{EXTRA}/{i}", f"e{i}.png", "", origin=EXTRA) for i in range(extra)),
    ]


@given(main=st.integers(1, 30), extra=st.integers(1, 30), share=st.floats(0.05, 0.9), seed=st.integers(0, 5))
def test_each_extra_image_is_used_before_one_is_used_again(main: int, extra: int, share: float, seed: int) -> None:
    samples, used = samples_of(main, extra), Counter[int]()
    for epoch in range(1, 6):
        order = epoch_order(samples, share, seed, epoch)
        assert len(order) == images_of_epoch(samples, share) == main + max(1, round(main * share / (1 - share)))
        assert sorted(i for i in order if i < main) == list(range(main))
        used.update(i for i in order if i >= main)
        counts = [used[i] for i in range(main, main + extra)]
        assert max(counts) - min(counts) <= 1


def test_without_a_share_every_image_comes_once() -> None:
    order = epoch_order(samples_of(6, 9), None, seed=0, epoch=1)
    assert sorted(order) == list(range(15))
    assert order != epoch_order(samples_of(6, 9), None, seed=0, epoch=2)
    assert epoch_order(samples_of(6, 0), 0.5, seed=0, epoch=1) == epoch_order(samples_of(6, 0), None, seed=0, epoch=1)


def test_extra_images_come_all_over_the_epoch() -> None:
    order = np.array(epoch_order(samples_of(500, 800), 0.5, seed=0, epoch=1)) >= 500
    assert order.sum() == 500
    assert all(80 < part.sum() < 120 for part in np.split(order, 5))  # 5 standard deviations are 25


def test_no_two_decks_have_one_order() -> None:
    cards = dealt(seed=0, length=20, first=0, count=60).reshape(3, 20)
    assert [sorted(deck) for deck in cards.tolist()] == [list(range(20))] * 3
    assert len({tuple(deck) for deck in cards.tolist()}) == 3


def test_batches_of_data_with_an_extra_data_set(folders: tuple[str, str], tmp_path: Path) -> None:
    source = open_source(Data(source=folders[0], space="street-11", extra=folders[1]))
    store = Store.open(source, "train", size=None, resize_labels=True, cache=tmp_path)
    whole = TrainBatches(store, 2, 0, 1, CPU, Augment(), (32, 64), extra_share=0.5)
    assert len(whole) == 4
    ranks = [
        TrainBatches(store, 4, 0, 1, CPU, Augment(), (32, 64), rank=rank, world=2, extra_share=0.5).steps()
        for rank in (0, 1)
    ]
    together = [i for steps in zip(*ranks, strict=True) for step in steps for i in step]
    assert sorted(together) == sorted(i for step in whole.steps() for i in step)
    assert sum(i >= 4 for i in together) == 4, "as many extra images as others, one of the three of them twice"
