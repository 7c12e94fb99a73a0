"""Images that are decoded on the fly: equal to the store in every bit, with the file named where that fails."""

import logging
import os
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import label_tools
from streetseg.data.budget import budget
from streetseg.data.open import open_source
from streetseg.data.store import Store
from streetseg.errors import DataError, TrainingError
from streetseg.recipe.schema import Data
from tiny import camvid_segnet, cityscapes_folder

SIZE = (40, 50)


def stores(folder: Path, cache: Path, *, resize_labels: bool = True) -> tuple[Store, Store]:
    """Return the train split on the fly, and then as a store."""
    source = open_source(Data(source=f"camvid:{folder}", space="street-11"))
    form = {"size": SIZE, "resize_labels": resize_labels, "cache": cache}
    return (
        Store.open(source, "train", limit=budget(0, cache), **form),
        Store.open(source, "train", limit=budget(1, cache), **form),
    )


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if any("spawn_main" in word for word in child.cmdline())]


@pytest.mark.parametrize("resize_labels", [True, False])
def test_on_the_fly_equals_the_store_in_every_bit(resize_labels: bool, tmp_path: Path) -> None:
    flying, kept = stores(camvid_segnet(tmp_path / "camvid", n_train=7), tmp_path, resize_labels=resize_labels)

    assert (flying.on_the_fly, kept.on_the_fly) == (True, False)
    order = [3, 0, 6, 6, 2, 5]
    for found, expected in zip(flying.read(order), kept.read(order), strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))
    assert np.array_equal(flying[4][0], kept[4][0])
    assert flying.fingerprint == kept.fingerprint
    assert flying.bytes == sum(path.stat().st_size for path in tmp_path.rglob("*.u8"))  # as the headers said
    assert np.array_equal(flying.sizes, kept.sizes)
    assert np.array_equal(flying.class_pixels, kept.class_pixels)


@pytest.mark.parametrize("kind", ["shapes", "joined"])
def test_other_sources_of_files_are_decoded_by_workers_too(kind: str, tmp_path: Path) -> None:
    if kind == "shapes":
        data = Data(source=f"coco:{label_tools.coco(tmp_path / 'coco')}")
    else:
        camvid, streets = camvid_segnet(tmp_path / "camvid", size=(44, 60)), cityscapes_folder(tmp_path / "streets")
        data = Data(source=f"camvid:{camvid}+cityscapes:{streets}", space="street-11")
    source = open_source(data)
    form = {"size": None, "resize_labels": True, "cache": tmp_path}
    flying = Store.open(source, "train", limit=budget(0, tmp_path), **form)
    kept = Store.open(source, "train", limit=budget(1, tmp_path), **form)

    assert flying.bytes == kept.bytes  # as the header of each file said
    for found, expected in zip(flying.read(range(len(kept))), kept.read(range(len(kept))), strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))
    assert len({image.shape for image, _ in kept.read(range(len(kept)))}) == (2 if kind == "joined" else 1)
    assert workers()


def test_it_is_said_and_nothing_but_the_index_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "streetseg")
    folder = camvid_segnet(tmp_path / "camvid")
    source = open_source(Data(source=f"camvid:{folder}"))
    store = Store.open(source, "train", size=None, resize_labels=True, cache=tmp_path, limit=budget(1e-6, tmp_path))

    assert "6 images of train are decoded on the fly: 74 kB are more than data.cache_gb=1e-06 allows" in caplog.messages
    assert not (tmp_path / "store").exists()
    assert len(store.fingerprint) == 64
    assert [path.name for path in (tmp_path / "store").glob("*/*/*")] == ["index.json"]


def test_a_source_of_ones_own_is_decoded_by_threads(tmp_path: Path) -> None:
    source = open_source(Data(source="scenes", limit=3))
    store = Store.open(source, "train", size=SIZE, resize_labels=True, cache=tmp_path, limit=budget(0, tmp_path))
    pairs = store.read(range(3))
    next(pairs)
    assert store.on_the_fly
    assert not workers()


def test_workers_stay_for_all_stores_and_end_with_the_last(tmp_path: Path) -> None:
    folder = camvid_segnet(tmp_path / "camvid", n_train=7)
    (flying, kept), (other, _) = stores(folder, tmp_path), stores(folder, tmp_path, resize_labels=False)
    list(flying.read(range(7)))
    first = workers()
    assert first
    for one, other_one in zip(other.read([5, 1]), kept.read([5, 1]), strict=True):
        assert np.array_equal(one[0], other_one[0])
        assert one[1].shape != other_one[1].shape  # these are the labels of the other store
    assert workers() == first
    del other
    list(flying.read([2]))
    assert workers() == first
    first[0].kill()  # idle, as by a system without memory: another takes its place
    while first[0].status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert len(list(flying.read(range(7)))) == 7
    running = workers()
    del flying
    assert not any(process.is_running() for process in running)


def test_workers_end_when_the_reader_is_left(tmp_path: Path) -> None:
    flying, _ = stores(camvid_segnet(tmp_path / "camvid"), tmp_path)
    pairs = flying.read(range(6))
    next(pairs)
    running = workers()
    assert running
    pairs.close()
    assert not any(process.is_running() for process in running)


def test_a_damaged_file_is_named_by_the_worker(tmp_path: Path) -> None:
    flying, _ = stores(camvid_segnet(tmp_path / "camvid"), tmp_path)
    image = Path(flying.samples[2].image)
    facts = image.stat()
    image.write_bytes(bytes(facts.st_size))
    os.utime(image, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # so that it does not count as changed

    with pytest.raises(DataError, match="file is no image") as caught:
        list(flying.read(range(6)))
    assert str(image) in str(caught.value)


def test_a_file_that_was_changed_is_not_mixed_with_the_others(tmp_path: Path) -> None:
    flying, _ = stores(camvid_segnet(tmp_path / "camvid"), tmp_path)
    mask = Path(flying.samples[2].mask)
    os.utime(mask, ns=(0, 0))
    with pytest.raises(DataError, match="changed while it was in use") as caught:
        list(flying.read(range(6)))
    assert str(mask) in caught.value.where


def test_a_killed_worker_is_an_error_with_the_file(tmp_path: Path) -> None:
    flying, _ = stores(camvid_segnet(tmp_path / "camvid", n_train=30), tmp_path)
    pairs = flying.read(range(30))
    next(pairs)
    for process in workers():
        process.kill()
    with pytest.raises(TrainingError, match="a process that decodes images has ended") as caught:
        list(pairs)
    assert caught.value.where[0].endswith(".png")
    assert not workers()
