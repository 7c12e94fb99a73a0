"""The training split close to where it is trained on."""

from pathlib import Path

import pytest
import torch

from streetseg.data.batches import Resident
from streetseg.data.open import open_source
from streetseg.data.store import Store
from streetseg.recipe.schema import Data
from streetseg.training import splits
from streetseg.training.splits import resident_split
from tiny import camvid_segnet, save, street

BYTES = 4 * 4 * 48 * 64  # of four pictures: three channels and the label


def stored(folder: Path) -> Store:
    source = open_source(Data(source=f"camvid:{folder / 'camvid'}"))
    return Store.open(source, "train", size=None, resize_labels=True, cache=folder / "cache")


@pytest.mark.parametrize(
    ("free", "kept", "said"), [(4 * BYTES, True, "lie on the GPU"), (4 * BYTES - 1, False, "too large for the GPU")]
)
def test_pictures_stay_on_a_gpu_with_room_for_them(
    free: int, kept: bool, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camvid_segnet(tmp_path / "camvid", n_train=4)
    monkeypatch.setattr(splits, "available_bytes", lambda device: free)
    monkeypatch.setattr(splits, "Resident", lambda store, device: Resident(store, torch.device("cpu")))

    resident, [line] = resident_split(stored(tmp_path), torch.device("cuda"))

    assert (resident is not None) is kept
    assert said in line


def test_pictures_of_several_sizes_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    camvid_segnet(tmp_path / "camvid", n_train=4)
    picture, label = street(0, (40, 72))
    for part, pixels in (("train", picture), ("trainannot", label.clip(max=11))):
        save(sorted((tmp_path / "camvid" / part).iterdir())[0], pixels)
    monkeypatch.setattr(splits, "available_bytes", lambda device: 100 * BYTES)

    resident, [line] = resident_split(stored(tmp_path), torch.device("cuda"))

    assert resident is None
    assert "differ in size" in line


def test_a_cpu_reads_them_where_they_are(tmp_path: Path) -> None:
    camvid_segnet(tmp_path / "camvid", n_train=4)
    assert resident_split(stored(tmp_path), torch.device("cpu")) == (None, [])
