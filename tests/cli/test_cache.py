"""`streetseg cache`: what is kept on the disk, and its removal."""

import json
import logging
import os
import shutil
import time
from pathlib import Path

import pytest

import tiny
from streetseg.data.budget import budget
from streetseg.data.build_store import locked
from streetseg.data.open import open_source
from streetseg.data.sources.drawn import drawn_streets
from streetseg.data.store import Store
from streetseg.recipe.schema import Data


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def opened(data: Path, cache: Path, split: str = "train", cache_gb: float = 1) -> Store:
    source = open_source(Data(source=f"camvid:{data}"))
    limit = budget(cache_gb, cache)
    return Store.open(source, split, size=None, resize_labels=True, cache=cache, limit=limit)


def test_show_names_size_data_and_last_use(cache: Path, tmp_path: Path, streetseg) -> None:
    data = tiny.camvid_segnet(tmp_path / "camvid")
    empty = streetseg("cache", "show")
    opened(data, cache)
    opened(data, cache, "val", cache_gb=0).fingerprint  # noqa: B018

    shown, facts = streetseg("cache", "show"), json.loads(streetseg("cache", "show", "--json").out)

    assert empty.out.startswith(f"{cache}: 0 stores of decoded images, 0 kB\na new one may take ")
    assert f"{cache}: 2 stores of decoded images, 7" in shown.out
    [line] = [line for line in shown.out.splitlines() if " train " in line]
    assert line.split()[:3] == ["75", "kB", "6"]
    assert line.endswith(f"camvid:{data}")
    train = next(store for store in facts["stores"] if store["split"] == "train")
    assert train["bytes"] == sum(path.stat().st_size for path in Path(train["folder"]).iterdir())
    assert train["unused"] is None
    assert time.strftime("%Y-%m-%d") <= train["last_use"][:10]
    on_the_fly = next(store for store in facts["stores"] if store["split"] == "val")
    assert on_the_fly["bytes"] < 1000


def test_drawn_streets_are_shown_and_removed(cache: Path, streetseg) -> None:
    folder = drawn_streets(2, (48, 64), cache)
    size = sum(path.stat().st_size for path in folder.rglob("*.png"))
    facts = json.loads(streetseg("cache", "show", "--json").out)
    assert facts["drawn_bytes"] == size > 0
    assert "of drawn streets, for data.extra=scenes" in streetseg("cache", "show").out
    assert json.loads(streetseg("cache", "clear", "--older-than", "1", "--json").out)["drawn_bytes"] == 0
    assert "of drawn streets" in streetseg("cache", "clear").out
    assert not folder.exists()


def test_clear_removes_what_was_not_used_for_so_long(cache: Path, tmp_path: Path, streetseg) -> None:
    data = tiny.camvid_segnet(tmp_path / "camvid")
    opened(data, cache)
    opened(data, cache, "val")
    [old] = cache.glob("store/camvid_train-*/*/index.json")
    month_ago = time.time() - 31 * 86400
    os.utime(old, (month_ago, month_ago))

    removed = json.loads(streetseg("cache", "clear", "--older-than", "30", "--json").out)

    assert [store["split"] for store in removed["removed"]] == ["train"]
    assert not list(cache.glob("store/camvid_train-*/*/"))
    assert "removed 1 store of decoded images, " in streetseg("cache", "clear").out
    assert not list(cache.rglob("*.u8"))


def test_an_open_store_counts_as_used_and_outlives_its_removal(cache: Path, tmp_path: Path, streetseg) -> None:
    store = opened(tiny.camvid_segnet(tmp_path / "camvid"), cache)
    before = [store[i][0].copy() for i in range(6)]
    assert "removed 1 store" in streetseg("cache", "clear").out
    assert all((store[i][0] == image).all() for i, image in enumerate(before))


def test_a_store_that_is_being_built_is_kept(cache: Path, tmp_path: Path, streetseg) -> None:
    opened(tiny.camvid_segnet(tmp_path / "camvid"), cache)
    [folder] = cache.glob("store/*")
    with locked(folder):
        done = streetseg("cache", "clear")
    assert "removed 0 stores" in done.out
    assert f"in use by another process, kept: {folder}" in done.out
    assert list(cache.rglob("*.u8"))


def test_the_store_of_moved_data_is_named_and_dropped(cache: Path, tmp_path: Path, streetseg, caplog) -> None:
    data = tiny.camvid_segnet(tmp_path / "camvid")
    opened(data, cache)
    moved = shutil.move(data, tmp_path / "moved")
    assert "(its images were moved or removed)" in streetseg("cache", "show").out

    caplog.set_level(logging.INFO, "streetseg")
    opened(moved, cache)

    assert "dropped 1 store of decoded images, 75 kB: its images were moved or removed" in caplog.messages
    [train] = json.loads(streetseg("cache", "show", "--json").out)["stores"]
    assert train["data"] == f"camvid:{moved}"
