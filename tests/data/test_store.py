"""The store: it returns what was decoded, and decodes each file once until it changes."""

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from conftest import missing
from streetseg.data.augment.augment import largest_scale, of_reduced
from streetseg.data.batches import TrainBatches
from streetseg.data.open import open_source
from streetseg.data.source import Sample, Source
from streetseg.data.store import Store, default_cache
from streetseg.errors import DataError, RequestError
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import STREET_11
from streetseg.recipe.schema import Augment, Data, Recipe
from streetseg.training.splits import open_train_store
from tiny import camvid_segnet, save, street

Array = NDArray[np.uint8]
CPU = torch.device("cpu")


@dataclass
class Drawn:
    """A source of arrays that counts how often each is read."""

    images: list[Array]
    labels: list[Array]
    spec: str = "drawn"
    space: LabelSpace = STREET_11
    version: str = "1"
    reads: list[str] = field(default_factory=list)

    @property
    def splits(self) -> Mapping[str, tuple[Sample, ...]]:
        names = [f"train/{i:03d}" for i in range(len(self.images))]
        return {"train": tuple(Sample(name, f"{name}.png", f"{name}_mask.png") for name in names), "val": ()}

    def read_image(self, sample: Sample) -> Array:
        self.reads.append(sample.name)
        return self.images[int(sample.name[-3:])]

    def read_mask(self, sample: Sample) -> Array:
        return self.labels[int(sample.name[-3:])]

    def stamp(self, sample: Sample) -> str:
        return self.version


def drawn(*sizes: tuple[int, int]) -> Drawn:
    pairs = [street(i, size) for i, size in enumerate(sizes)]
    return Drawn([image for image, _ in pairs], [label for _, label in pairs])


def opened(source: Source, cache: Path, split: str = "train", size: tuple[int, int] | None = None) -> Store:
    return Store.open(source, split, size=size, resize_labels=True, cache=cache)


def camvid(folder: Path, **data: object) -> Source:
    return open_source(Data(source=f"camvid:{folder}", **data))


def of_the_store(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.module == "build_store"]


# What comes out


@given(sizes=st.lists(st.tuples(st.integers(12, 40), st.integers(12, 40)), min_size=1, max_size=9))
@settings(max_examples=15, deadline=None, derandomize=True)
def test_round_trip_of_images_of_any_size(
    sizes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = drawn(*sizes)
    store = opened(source, tmp_path_factory.mktemp("cache"))
    assert len(store) == len(sizes)
    assert store.sizes.tolist() == [list(size) for size in sizes]
    assert store.samples == source.splits["train"]
    assert store.space == STREET_11
    for i in reversed(range(len(sizes))):
        image, label = store[i]
        assert np.array_equal(image, source.images[i])
        assert np.array_equal(label, source.labels[i])
        with pytest.raises(ValueError, match="read-only"):
            image[0] = 0


def test_files_are_decoded_once(tmp_path: Path) -> None:
    source = drawn((20, 30), (20, 30))
    first = opened(source, tmp_path)
    again = opened(source, tmp_path)
    # The first one is read once more: a source without files has no headers that tell the size of the store.
    assert source.reads.count("train/000") == 2
    assert source.reads.count("train/001") == 1
    assert again.fingerprint == first.fingerprint
    assert np.array_equal(again[1][0], source.images[1])


def test_arrays_cannot_be_written(tmp_path: Path) -> None:
    image, label = opened(drawn((20, 30)), tmp_path)[0]
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        label[0] = 0


@pytest.mark.bad_input(3, "nearest neighbor: resized labels hold only ids of the mask and the ignore index")
def test_images_and_labels_are_resized(tmp_path: Path) -> None:
    source = drawn((60, 90), (40, 40))
    store = opened(source, tmp_path, size=(30, 50))
    for i, (height, width) in enumerate([(32, 47), (39, 39)]):  # as many pixels as 30x50, in the image's own shape
        image, label = store[i]
        assert image.shape == (height, width, 3)
        smooth = Image.fromarray(source.images[i]).resize((width, height), Image.Resampling.BILINEAR)
        assert np.array_equal(image, np.asarray(smooth))
        assert label.shape == (height, width)
        assert set(np.unique(label)) <= set(np.unique(source.labels[i]))
    rows, columns = (np.arange(32) + 0.5) * 60 // 32, (np.arange(47) + 0.5) * 90 // 47
    assert np.array_equal(store[0][1], source.labels[0][np.ix_(rows.astype(int), columns.astype(int))])


def test_images_that_augmentation_always_makes_smaller_are_kept_smaller(tmp_path: Path) -> None:
    folder = camvid_segnet(tmp_path / "camvid", size=(64, 96))
    steady = dict.fromkeys(("rotate", "flip", "brightness", "contrast", "saturation", "hue", "blur"), 0)
    recipe = Recipe(data=Data(source=f"camvid:{folder}"), augment=Augment(scale=(0.5, 0.5), crop=(32, 48), **steady))
    source = open_source(recipe.data)

    store = open_train_store(source, recipe)
    [batch] = TrainBatches(store, 6, 0, 1, CPU, of_reduced(recipe.augment, store.reduced), (32, 48))

    assert store.sizes.tolist() == [[32, 48]] * 6
    assert store.smallest == (64, 96)
    assert store.bytes == 6 * 4 * 32 * 48
    assert store.fingerprint != opened(source, tmp_path).fingerprint
    for i, pixels in zip(batch.indices, batch.images, strict=True):  # scaled once, with every pixel, and never again
        whole = Image.fromarray(source.read_image(store.samples[i]))
        assert np.array_equal(pixels.permute(1, 2, 0), whole.resize((48, 32), Image.Resampling.BILINEAR))


def test_the_largest_scale_is_that_of_all_epochs() -> None:
    assert largest_scale(Augment()) == 1
    assert largest_scale(Augment(scale=(0.2, 0.4), early_scale=2)) == 0.4
    assert largest_scale(Augment(scale=(0.2, 0.4), early_scale=2, early_crop=(32, 32))) == 0.8
    assert largest_scale(Augment(scale=(0.2, 0.4), early_scale=0.5, early_crop=(32, 32))) == 0.4


def test_labels_keep_their_own_resolution_unless_asked(tmp_path: Path) -> None:
    source = drawn((60, 90))
    image, label = Store.open(source, "train", size=(30, 50), resize_labels=False, cache=tmp_path)[0]
    assert image.shape == (32, 47, 3)
    assert np.array_equal(label, source.labels[0])


def test_memory_stays_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = Path("/proc/self/status")
    if not status.exists():
        missing("proc", "needs /proc/self/status")

    def mapped() -> int:
        found = re.search(r"RssFile:\s+(\d+) kB", status.read_text())
        assert found
        return int(found.group(1)) * 1024

    monkeypatch.setattr("streetseg.data.store._Mapped._MAPPED_BYTES", 4 * 2**20)
    source = Drawn([np.full((1000, 1000, 3), i, np.uint8) for i in range(20)], [np.zeros((1000, 1000), np.uint8)] * 20)
    store = opened(source, tmp_path)
    before = mapped()
    kept = [store[i][0] for i in range(20)]
    sums = []
    for i in range(20):
        sums.append(int(store[i][0].sum(dtype=np.int64)))
        assert mapped() - before < 12 * 2**20
    assert sums == [3_000_000 * i for i in range(20)]
    for i in range(40):
        store[i % 20][0][500 * (i // 20) :, 100:150].sum()
        assert mapped() - before < 12 * 2**20
    assert [int(image[0, 0, 0]) for image in kept] == list(range(20))  # views outlive the unmapping


# When it is built again


@pytest.mark.bad_input(19, "the store is built again and the file named; an edit that damages a file is refused")
def test_changed_file_is_decoded_again_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "streetseg")
    folder, cache = camvid_segnet(tmp_path / "camvid"), tmp_path / "cache"
    before = opened(camvid(folder), cache)
    kept = [before[i][0].copy() for i in range(len(before))]
    caplog.clear()
    opened(camvid(folder), cache)
    assert not of_the_store(caplog)

    sample = before.samples[2]
    save(Path(sample.image), np.zeros((48, 64, 3), np.uint8))
    after = opened(camvid(folder), cache)
    assert f"the store of train is built again: {sample.name} changed on disk" in of_the_store(caplog)
    assert after.fingerprint != before.fingerprint
    assert not after[2][0].any()
    assert np.array_equal(after[3][0], kept[3])
    assert np.array_equal(before[2][0], kept[2])  # who had it open keeps what was there
    assert len([path for path in (cache / "store").glob("*/*") if path.is_dir()]) == 1


def test_other_lists_of_the_same_split_do_not_push_each_other_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, cache = camvid_segnet(tmp_path / "camvid"), tmp_path / "cache"
    (tmp_path / "few.txt").write_text("0001TP_*\n")
    lists = {"train": str(tmp_path / "few.txt")}
    every, few = opened(camvid(folder), cache), opened(camvid(folder, splits=lists), cache)
    assert 0 < len(few) < len(every)
    caplog.clear()
    caplog.set_level(logging.INFO, "streetseg")
    opened(camvid(folder), cache)
    opened(camvid(folder, splits=lists), cache)
    assert not of_the_store(caplog)


@pytest.mark.parametrize("damage", ["cut", "no index", "half an index"])
def test_damaged_store_is_built_again(damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = drawn((20, 30), (20, 30))
    opened(source, tmp_path)
    [images] = (tmp_path / "store").rglob("images.u8")
    index = images.with_name("index.json")
    if damage == "cut":
        os.truncate(images, 100)
    elif damage == "no index":
        index.unlink()
    else:
        index.write_bytes(index.read_bytes()[:50])
    caplog.set_level(logging.INFO, "streetseg")
    assert np.array_equal(opened(source, tmp_path)[1][0], source.images[1])
    assert any("damaged" in message for message in caplog.messages)


@pytest.mark.parametrize("change", ["size", "space", "pixel", "label", "order", "fewer"])
def test_fingerprint_knows_what_matters(change: str, tmp_path: Path) -> None:
    source = drawn((20, 30), (20, 30))
    before = opened(source, tmp_path).fingerprint
    size = None
    if change == "size":
        size = (20, 30)
    elif change == "space":
        source.space = LabelSpace("street-11", STREET_11.names[::-1], STREET_11.colors)
    elif change == "order":
        source.images.reverse()
    elif change == "fewer":
        source.images.pop()
    else:
        (source.images if change == "pixel" else source.labels)[1].flat[7] ^= 1
    source.version = "2"
    assert opened(source, tmp_path, size=size).fingerprint != before


def test_a_copy_has_the_same_fingerprint(tmp_path: Path) -> None:
    folder, copied = camvid_segnet(tmp_path / "camvid"), tmp_path / "elsewhere" / "copied"
    first = opened(camvid(folder), tmp_path / "cache")
    shutil.copytree(folder, copied, copy_function=shutil.copyfile)  # with times of its own
    for path in folder.rglob("*.png"):
        os.utime(path, ns=(0, 0))

    assert opened(camvid(copied), tmp_path / "another cache").fingerprint == first.fingerprint
    assert opened(camvid(folder), tmp_path / "cache").fingerprint == first.fingerprint


def test_two_processes_build_it_once(tmp_path: Path) -> None:
    folder = camvid_segnet(tmp_path / "camvid", n_train=12)
    script = (
        "import logging, sys; from pathlib import Path; from streetseg.data.open import open_source\n"
        "from streetseg.data.store import Store; from streetseg.recipe.schema import Data\n"
        "logging.basicConfig(level=logging.INFO, stream=sys.stdout)\n"
        f"source = open_source(Data(source={f'camvid:{folder}'!r}))\n"
        f"cache = Path({str(tmp_path)!r})\n"
        "store = Store.open(source, 'train', size=(200, 300), resize_labels=True, cache=cache)\n"
        "print(store.fingerprint, sum(int(store[i][0].sum()) for i in range(len(store))), 'torch' in sys.modules)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate()[0].splitlines() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert outputs[0][-1] == outputs[1][-1]
    assert outputs[0][-1].endswith("False")  # the store does without torch
    assert sum("decoding 12 images" in line for lines in outputs for line in lines) == 1


def test_what_a_killed_builder_left_is_taken_away(tmp_path: Path) -> None:
    source = drawn((20, 30))
    opened(source, tmp_path)
    [cache_folder] = (tmp_path / "store").iterdir()
    left_behind = cache_folder / ".0123456789abcdef.x1y2.tmp"
    left_behind.mkdir()
    (left_behind / "images.u8").write_bytes(b"half")
    source.version = "2"
    opened(source, tmp_path)
    assert not left_behind.exists()


# What cannot be stored


def test_unreadable_image_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    folder = camvid_segnet(tmp_path / "camvid")
    source = camvid(folder)
    broken = Path(source.splits["train"][3].image)
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(DataError) as caught:
        opened(source, tmp_path / "cache")
    assert broken.name in str(caught.value)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.name.endswith(".u8")]


def test_image_and_label_of_different_size(tmp_path: Path) -> None:
    source = drawn((20, 30))
    source.labels[0] = source.labels[0][:-1]
    with pytest.raises(DataError, match="found 20x30 and 19x30") as caught:
        opened(source, tmp_path)
    assert caught.value.where == ("train/000.png", "train/000_mask.png")


@pytest.mark.parametrize("split", ["val", "test"])
def test_empty_or_unknown_split(split: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"'{split}' has no images .found train with 1, val with 0"):
        opened(drawn((20, 30)), tmp_path, split)


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match="Not a directory") as caught:
        opened(drawn((20, 30)), tmp_path / "file")
    assert "STREETSEG_CACHE" in str(caught.value)


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("STREETSEG_CACHE", "here")
    assert default_cache() == Path("here")
    monkeypatch.delenv("STREETSEG_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/xdg")
    assert default_cache() == Path("/var/xdg/streetseg")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_cache() == tmp_path / ".cache/streetseg"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == tmp_path / ".cache/streetseg"
