"""Training batches: every image once an epoch, in an order that depends on seed and epoch alone."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from streetseg.data.augment.augment import augment
from streetseg.data.augment.rng import draw
from streetseg.data.batches import Batch, DeviceCache, TrainBatches, device_cache_bytes
from streetseg.data.budget import budget
from streetseg.data.convert.shards import write_shards
from streetseg.data.open import open_source
from streetseg.data.source import Sample
from streetseg.data.store import Store
from streetseg.errors import DataError, TrainingError
from streetseg.profiler import Profiler
from streetseg.recipe.schema import Augment, Data
from tiny import camvid_segnet, save, street

CPU = torch.device("cpu")
CROP = (32, 64)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Build a store of eleven images."""
    return stored(camvid_segnet(tmp_path_factory.mktemp("camvid"), n_train=11), tmp_path_factory.mktemp("cache"))


def stored(folder: Path, cache: Path) -> Store:
    source = open_source(Data(source=f"camvid:{folder}"))
    return Store.open(source, "train", size=None, resize_labels=True, cache=cache)


def batches(store: Store, batch: int = 4, epoch: int = 1, **more: int) -> TrainBatches:
    return TrainBatches(store, batch, seed=7, epoch=epoch, device=CPU, settings=Augment(), crop=CROP, **more)


def same(one: Batch, other: Batch) -> bool:
    return (
        one.indices == other.indices and torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)
    )


def test_every_image_once_an_epoch(store: Store) -> None:
    found = list(batches(store))
    assert len(batches(store)) == len(found) == 3
    assert [len(batch.indices) for batch in found] == [4, 4, 3]
    assert sorted(i for batch in found for i in batch.indices) == list(range(11))
    for batch in found:
        assert batch.images.shape == (len(batch.indices), 3, *CROP)
        assert batch.labels.shape == (len(batch.indices), *CROP)
        assert batch.images.dtype == batch.labels.dtype == torch.uint8


def test_a_lone_image_at_the_end_is_left_out(store: Store) -> None:
    assert [len(batch.indices) for batch in batches(store, batch=5)] == [5, 5]
    assert [len(batch.indices) for batch in batches(store, batch=9)] == [9, 2]
    assert [len(batch.indices) for batch in batches(store, batch=100)] == [11]


def test_the_same_epoch_is_the_same_again_and_the_next_is_not(store: Store) -> None:
    first, again, following = list(batches(store)), list(batches(store)), list(batches(store, epoch=2))
    assert all(same(one, other) for one, other in zip(first, again, strict=True))
    assert [batch.indices for batch in first] != [batch.indices for batch in following]


def test_an_epoch_taken_up_in_its_middle_goes_on_as_it_would_have(store: Store) -> None:
    whole = list(batches(store))
    rest = list(batches(store, start_step=1))
    assert len(rest) == 2
    assert all(same(one, other) for one, other in zip(rest, whole[1:], strict=True))
    assert not list(batches(store, start_step=3))


def test_batches_of_images_decoded_on_the_fly_are_the_same_bits(store: Store, tmp_path: Path) -> None:
    limit = budget(0, tmp_path)
    source = open_source(Data(source=f"camvid:{Path(store.samples[0].image).parents[1]}"))
    flying = Store.open(source, "train", size=None, resize_labels=True, cache=tmp_path, limit=limit)
    found, expected = list(batches(flying, start_step=1)), list(batches(store, start_step=1))
    assert flying.on_the_fly
    assert len(found) == 2
    assert all(same(one, other) for one, other in zip(found, expected, strict=True))


def test_batch_size_changes_the_company_only(store: Store) -> None:
    def by_index(batch: int) -> Mapping[int, torch.Tensor]:
        return {i: image for one in batches(store, batch) for i, image in zip(one.indices, one.images, strict=True)}

    small, large = by_index(2), by_index(11)
    assert len(small) == 10
    assert all(torch.equal(large[i], image) for i, image in small.items())


def test_batches_are_augment_of_the_store(store: Store) -> None:
    for batch in batches(store):
        pairs = [store[i] for i in batch.indices]
        images = torch.from_numpy(np.stack([image for image, _ in pairs])).permute(0, 3, 1, 2)
        labels = torch.from_numpy(np.stack([label for _, label in pairs]))
        expected = augment(images, labels, Augment(), CROP, draw(7, 1, batch.indices))
        assert torch.equal(batch.images, expected[0])
        assert torch.equal(batch.labels, expected[1])


def test_what_goes_to_mps_is_augmented_by_the_cpu(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """On MPS, torch cannot sample with a border of edge pixels."""

    class SeenError(Exception):
        pass

    def seen(images: torch.Tensor, *_: object) -> None:
        raise SeenError(images.device.type)

    monkeypatch.setattr("streetseg.data.batches.augment", seen)
    with pytest.raises(SeenError, match="cpu"):
        next(iter(replace(batches(store), device=torch.device("mps"))))


def test_resident_images_make_the_same_batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read, device_cache = list(batches(store)), DeviceCache(store, CPU)
    monkeypatch.setattr(Store, "__getitem__", None)  # nothing is read any more
    kept = list(replace(batches(store, start_step=1), device_cache=device_cache))
    assert len(kept) == len(read) - 1
    assert all(same(one, other) for one, other in zip(kept, read[1:], strict=True))
    assert device_cache_bytes(store) == 11 * 48 * 64 * 4


def test_each_batch_is_waited_for_and_changed_in_a_phase_of_its_own(store: Store) -> None:
    profiler = Profiler(lambda: None)
    list(replace(batches(store), profiler=profiler))
    assert list(profiler.seconds) == ["data", "augment"]


# Rare-class crops

RARE = Augment(rare_crops=0.5)


def by_index(found: Iterable[Batch]) -> dict[int, tuple[torch.Tensor, torch.Tensor]]:
    return {i: (batch.images[row], batch.labels[row]) for batch in found for row, i in enumerate(batch.indices)}


def test_class_pixels_change_nothing_without_rare_crops(store: Store) -> None:
    found = replace(batches(store), class_pixels=store.class_pixels)
    assert all(same(one, other) for one, other in zip(found, batches(store), strict=True))


def test_rare_crops_move_some_crops_and_leave_the_others(store: Store) -> None:
    usual, moved = by_index(batches(store)), by_index(replace(batches(store), settings=RARE))
    unchanged = [torch.equal(usual[i][0], moved[i][0]) and torch.equal(usual[i][1], moved[i][1]) for i in range(11)]
    assert 0 < sum(unchanged) < 11


def test_rare_crops_go_on_in_the_middle_of_an_epoch(store: Store) -> None:
    whole = list(replace(batches(store), settings=RARE))
    rest = list(replace(batches(store), settings=RARE, start_step=1))
    assert len(rest) == 2
    assert all(same(one, other) for one, other in zip(rest, whole[1:], strict=True))


def test_rare_crops_of_two_ranks_are_those_of_one(store: Store) -> None:
    alone = by_index(replace(batches(store, 6), settings=RARE))
    apart = [replace(batches(store, 6), settings=RARE, rank=rank, world=2) for rank in (0, 1)]
    together = by_index(chain(*apart))
    assert together.keys() == alone.keys()
    assert all(torch.equal(one, alone[i][k]) for i, sample in together.items() for k, one in enumerate(sample))


def test_rare_crops_of_resident_images_are_the_same(store: Store) -> None:
    read = replace(batches(store), settings=Augment(rare_crops=1))
    kept = replace(read, device_cache=DeviceCache(store, CPU))
    assert all(same(one, other) for one, other in zip(kept, read, strict=True))


def test_rare_crops_follow_the_pixels_of_the_split(store: Store) -> None:
    """The bicyclist, on 3 % of the image, is in all crops if it has the fewest pixels, and not in all otherwise."""
    id_ = store.space.names.index("bicyclist")
    counts = np.full(11, 10**9)
    counts[id_] = 1
    still = Augment(rare_crops=1, scale=(1, 1), rotate=0)
    rare = replace(batches(store), settings=still, crop=(16, 16), class_pixels=counts)
    assert all((batch.labels == id_).flatten(1).any(1).all() for batch in rare)
    counted, given = replace(rare, class_pixels=None), replace(rare, class_pixels=store.class_pixels)
    assert not all((batch.labels == id_).flatten(1).any(1).all() for batch in counted)
    assert all(same(one, other) for one, other in zip(counted, given, strict=True))


# Several ranks


@given(count=st.integers(1, 60), share=st.integers(2, 7), more=st.integers(0, 4), world=st.integers(1, 5))
def test_ranks_share_each_step(count: int, share: int, more: int, world: int) -> None:
    batch = share * world + min(more, world - 1)

    class Sized:
        samples = tuple(Sample(f"{i}", f"{i}.png", f"{i}.png") for i in range(count))

    ranks = [
        TrainBatches(Sized(), batch, 0, 0, CPU, Augment(), CROP, rank=rank, world=world)  # type: ignore[arg-type]
        for rank in range(world)
    ]
    steps = [rank.steps() for rank in ranks]
    assert {len(one) for one in steps} == {len(ranks[0])}
    met = [i for one in steps for step in one for i in step]
    assert len(met) == len(set(met))
    assert count - len(met) < 2 * world
    for together in zip(*steps, strict=True):
        sizes = [len(step) for step in together]
        assert min(sizes) >= 2
        assert sum(sizes) <= batch
        assert max(sizes) - min(sizes) <= 1


def test_two_ranks_together_meet_what_one_meets(store: Store) -> None:
    alone = batches(store, batch=6).steps()
    apart = zip(batches(store, 6, rank=0, world=2).steps(), batches(store, 6, rank=1, world=2).steps(), strict=True)
    assert [set(step) for step in alone] == [{*one, *other} for one, other in apart]


def test_ranks_share_each_step_of_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streetseg.data.augment.rng.BUFFER", 3)
    source = open_source(Data(source=f"camvid:{camvid_segnet(tmp_path / 'camvid', n_train=11)}"))
    write_shards(source, tmp_path / "shards", shard_bytes=20_000)
    shards = open_source(Data(source=f"shards:{tmp_path / 'shards'}"))
    store = Store.open(shards, "train", size=None, resize_labels=True, cache=tmp_path)

    alone = batches(store, batch=6).steps()
    apart = zip(batches(store, 6, rank=0, world=2).steps(), batches(store, 6, rank=1, world=2).steps(), strict=True)
    assert [set(step) for step in alone] == [{*one, *other} for one, other in apart]
    assert alone != batches(store, 6, epoch=2).steps()


# Images of several sizes


def test_images_of_several_sizes_come_out_as_in_a_batch_of_their_own(tmp_path: Path) -> None:
    folder = camvid_segnet(tmp_path / "camvid", n_train=4)
    for i, path in enumerate(sorted((folder / "train").iterdir())):
        image, label = street(i, (40 + 9 * i, 80 - 11 * i))
        save(path, image)
        save(folder / "trainannot" / path.name, np.where(label == 255, 11, label).astype(np.uint8))
    ragged = stored(folder, tmp_path / "cache")
    assert device_cache_bytes(ragged) is None
    [together] = batches(ragged, batch=4)
    for i, image, label in zip(together.indices, together.images, together.labels, strict=True):
        stored_image, stored_label = (torch.from_numpy(array.copy())[None] for array in ragged[i])
        alone = augment(stored_image.permute(0, 3, 1, 2), stored_label, Augment(), CROP, draw(7, 1, [i]))
        assert (image.int() - alone[0][0].int()).abs().max() <= 1  # coordinates are rounded for another width
        assert (label != alone[1][0]).float().mean() < 0.01


# Faults


class Failing:
    """A store whose third sample raises an error or never arrives."""

    def __init__(self, store: Store, bad: int, failure: OSError | threading.Event) -> None:
        self.samples, self.split, self._store, self._bad, self._failure = (
            store.samples,
            store.split,
            store,
            bad,
            failure,
        )

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        if i == self._bad:
            if isinstance(self._failure, OSError):
                raise self._failure
            self._failure.wait()
        return self._store[i]


@pytest.mark.bad_input(30, "an image that cannot be read ends the run with its path and its mask's")
def test_a_sample_that_cannot_be_read_is_named(store: Store) -> None:
    bad = batches(store).steps()[1][2]
    seen = []
    with pytest.raises(TrainingError, match="Input/output error") as caught:
        for batch in batches(Failing(store, bad, OSError(5, "Input/output error"))):  # type: ignore[arg-type]
            seen.append(batch)
    assert len(seen) == 1
    assert caught.value.where == (store.samples[bad].image, store.samples[bad].mask)


def test_a_reader_that_hangs_is_given_up_with_the_names(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streetseg.data.batches._TIMEOUT", 0.2)
    monkeypatch.setattr("streetseg.data.batches._JOIN_TIMEOUT", 0.2)
    release = threading.Event()
    bad = batches(store).steps()[0][1]
    with pytest.raises(TrainingError, match="no batch was read") as caught:
        list(batches(Failing(store, bad, release)))  # type: ignore[arg-type]
    release.set()
    assert store.samples[bad].image in caught.value.where


def test_labels_of_another_size_are_refused(tmp_path: Path) -> None:
    source = open_source(Data(source=f"camvid:{camvid_segnet(tmp_path / 'camvid')}"))
    store = Store.open(source, "train", size=(32, 32), resize_labels=False, cache=tmp_path)
    with pytest.raises(DataError, match="resize_labels=True"):
        list(batches(store))


def test_one_image_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found 1, expected at least 2"):
        list(batches(stored(camvid_segnet(tmp_path / "camvid", n_train=1), tmp_path)))


def test_the_reader_ends_with_the_epoch_and_when_it_is_left(store: Store) -> None:
    def readers() -> int:
        return sum(thread.name == "streetseg-reader" for thread in threading.enumerate())

    iterator = iter(batches(store, batch=2))
    next(iterator)
    assert readers() == 1
    iterator.close()
    assert readers() == 0
    list(batches(store))
    assert readers() == 0
