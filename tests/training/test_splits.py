"""The training split: in the memory of the training device, and with its counted pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch

from streetseg.data.batches import DeviceCache
from streetseg.data.open import open_source
from streetseg.data.store import Store
from streetseg.profiler import Profiler
from streetseg.recipe.schema import Augment, Data, Model, Recipe
from streetseg.runtime.distributed import ALONE
from streetseg.training import splits
from streetseg.training.own import Own
from streetseg.training.prepare import prepare
from streetseg.training.splits import device_cache_split
from tiny import camvid_segnet, save, street

BYTES = 4 * 4 * 48 * 64  # of four images: three channels and the label


def stored(folder: Path) -> Store:
    source = open_source(Data(source=f"camvid:{folder / 'camvid'}"))
    return Store.open(source, "train", size=None, resize_labels=True, cache=folder / "cache")


@pytest.mark.parametrize(
    ("free", "kept", "message"), [(4 * BYTES, True, "lie on the GPU"), (4 * BYTES - 1, False, "too large for the GPU")]
)
def test_images_stay_on_a_gpu_with_room_for_them(
    free: int, kept: bool, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camvid_segnet(tmp_path / "camvid", n_train=4)
    monkeypatch.setattr(splits, "available_bytes", lambda device: free)
    monkeypatch.setattr(splits, "DeviceCache", lambda store, device: DeviceCache(store, torch.device("cpu")))

    device_cache, [line] = device_cache_split(stored(tmp_path), torch.device("cuda"))

    assert (device_cache is not None) is kept
    assert message in line


def test_images_of_several_sizes_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    camvid_segnet(tmp_path / "camvid", n_train=4)
    image, label = street(0, (40, 72))
    for part, pixels in (("train", image), ("trainannot", label.clip(max=11))):
        save(sorted((tmp_path / "camvid" / part).iterdir())[0], pixels)
    monkeypatch.setattr(splits, "available_bytes", lambda device: 100 * BYTES)

    device_cache, [line] = device_cache_split(stored(tmp_path), torch.device("cuda"))

    assert device_cache is None
    assert "differ in size" in line


def test_a_cpu_reads_them_where_they_are(tmp_path: Path) -> None:
    camvid_segnet(tmp_path / "camvid", n_train=4)
    assert device_cache_split(stored(tmp_path), torch.device("cpu")) == (None, [])


def test_rare_crops_use_the_pixels_that_the_check_has_counted(tmp_path: Path) -> None:
    recipe = Recipe(
        data=Data(source=f"camvid:{camvid_segnet(tmp_path / 'camvid')}"),
        model=Model(encoder="test_efficientnet", weights="none"),
        augment=Augment(rare_crops=0.5),
    )
    run = prepare(recipe, tmp_path / "run", ALONE, torch.device("cpu"), Profiler(), Own(), resume=False, force=False)
    batches = run.batches_of(1)
    assert batches.settings.rare_crops == 0.5
    assert batches.class_pixels is not None
    assert "class_pixels" not in vars(run.train_store)  # nothing was counted there
    assert np.array_equal(batches.class_pixels, run.train_store.class_pixels[:11])
