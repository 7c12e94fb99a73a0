"""The check uses cached results for unchanged files only. The tests count which files are read."""

import json
import logging
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import corpus
import tiny
from streetseg.data.check.check import check_source, examine
from streetseg.data.open import open_source
from streetseg.data.source import FileSource, Look, Sample
from streetseg.recipe.schema import Data

SPLITS = ["train", "val"]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Counter[str]:
    """Count how often each sample is read, with a cache of the test's own."""
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))
    counter: Counter[str] = Counter()
    look = FileSource.look

    def counted(self: FileSource, sample: Sample) -> Look:
        counter[sample.name] += 1
        return look(self, sample)

    monkeypatch.setattr(FileSource, "look", counted)
    return counter


def opened(folder: Path, **data: object):
    return open_source(Data(source=f"camvid:{folder}", **data))


def test_unchanged_files_are_read_once(tmp_path: Path, looks: Counter[str]) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    first = check_source(opened(folder), SPLITS)
    again = check_source(opened(folder), SPLITS)

    assert set(looks.values()) == {1}
    assert len(looks) == 9
    assert again.as_json() == first.as_json()
    for split in SPLITS:
        for (sample, one), (other, two) in zip(first.splits[split].samples, again.splits[split].samples, strict=True):
            assert sample == other
            assert np.array_equal(one.counts, two.counts)
            assert (one.content, one.perceptual_hash) == (two.content, two.perceptual_hash)
            assert (one.mask, one.colors) == (two.mask, two.colors)


@pytest.mark.bad_input(19, "only the edited file is checked again")
@pytest.mark.parametrize("what", ["train", "trainannot"])
def test_an_edited_file_is_read_again_and_no_other(what: str, tmp_path: Path, looks: Counter[str]) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    check_source(opened(folder), SPLITS)
    looks.clear()
    path = corpus.nth(folder, what, 1)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))

    check_source(opened(folder), SPLITS)

    assert looks == {f"train/{path.stem}": 1}


def test_a_split_checked_alone_is_known_in_the_whole(tmp_path: Path, looks: Counter[str]) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    for splits in (["val"], SPLITS, ["train"]):
        check_source(opened(folder), splits)
    assert set(looks.values()) == {1}


@pytest.mark.parametrize("change", [{"max_megapixels": 80.0}, {"space": "camvid-32"}])
def test_another_limit_or_label_space_is_checked_anew(
    change: dict[str, object], tmp_path: Path, looks: Counter[str]
) -> None:
    folder = tiny.camvid_original(tmp_path / "camvid")
    check_source(opened(folder), SPLITS)
    check_source(opened(folder, **change), SPLITS)
    assert set(looks.values()) == {2}


def test_other_rules_are_checked_anew(tmp_path: Path, looks: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    check_source(opened(folder), SPLITS)
    monkeypatch.setattr("streetseg.data.check.cache._RULES", -1)
    check_source(opened(folder), SPLITS)
    assert set(looks.values()) == {2}


def test_files_that_cannot_be_used_are_read_again_each_time(tmp_path: Path, looks: Counter[str]) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    path = corpus.nth(folder, "train", 0)
    path.write_bytes(b"")
    for _ in range(2):
        assert len(examine(opened(folder), SPLITS, use_cache=True).errors) == 1
    assert looks[f"train/{path.stem}"] == 2
    assert sorted(looks.values()) == [1] * 8 + [2]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"train/0001TP_006720": 7}'])
def test_a_damaged_memory_is_none(damage: bytes, tmp_path: Path, looks: Counter[str]) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    check_source(opened(folder), SPLITS)
    [memory] = (tmp_path / "cache" / "check").iterdir()
    memory.write_bytes(damage)
    check_source(opened(folder), SPLITS)
    assert set(looks.values()) == {2}


def test_a_damaged_entry_is_none(tmp_path: Path, looks: Counter[str]) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    check_source(opened(folder), SPLITS)
    [memory] = (tmp_path / "cache" / "check").iterdir()
    entries = json.loads(memory.read_text())
    name = next(iter(entries))
    entries[name]["found"]["counts"] = [[999, 1]]
    memory.write_text(json.dumps(entries))
    check_source(opened(folder), SPLITS)
    assert {sample for sample, times in looks.items() if times == 2} == {name}


def test_a_memory_that_cannot_be_written_is_warned_of(
    tmp_path: Path, looks: Counter[str], caplog: pytest.LogCaptureFixture
) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    (tmp_path / "cache").write_text("a file")
    with caplog.at_level(logging.WARNING, "streetseg"):
        check_source(opened(folder), SPLITS)
    assert any("check results cannot be saved" in message for message in caplog.messages)
