"""The run folder: which folders may be used, data.json and the journal."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streetseg.data.check.check import check_source
from streetseg.data.open import open_source
from streetseg.data.store import Store
from streetseg.errors import RequestError
from streetseg.recipe.schema import Data
from streetseg.runs.folder import Journal, RunFolder, class_pixels, describe_data
from tiny import camvid_segnet, street


def test_new_and_empty_folders_may_be_used(tmp_path: Path) -> None:
    RunFolder(tmp_path / "new").require_usable(resume=False)
    RunFolder(tmp_path).require_usable(resume=False)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_may_only_be_taken_up(tmp_path: Path) -> None:
    (tmp_path / "results.csv").touch()

    with pytest.raises(RequestError, match="the run folder is not empty") as refused:
        RunFolder(tmp_path).require_usable(resume=False)
    assert refused.value.where == (str(tmp_path),)
    assert "--resume" in str(refused.value.hint)
    RunFolder(tmp_path).require_usable(resume=True)


def test_a_file_may_not(tmp_path: Path) -> None:
    (tmp_path / "run").touch()

    for resume in (False, True):
        with pytest.raises(RequestError, match="the run folder is a file"):
            RunFolder(tmp_path / "run").require_usable(resume=resume)
    with pytest.raises(RequestError, match="cannot be written"), RunFolder(tmp_path / "run").in_use():
        pass


def test_a_folder_in_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RequestError, match=r"cannot be written .* is a file"):
        RunFolder(tmp_path / "file" / "run").require_usable(resume=False)
    with pytest.raises(RequestError, match=r"cannot be written \(Not a directory\)"):
        RunFolder(tmp_path / "file" / "run").in_use().__enter__()


def test_a_folder_is_one_run_s_at_a_time(tmp_path: Path) -> None:
    run, other = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "run")

    with run.in_use():
        for resume in (False, True):
            with pytest.raises(RequestError, match=f"the run folder is in use by process {os.getpid()} on "):
                other.require_usable(resume=resume)
        with pytest.raises(RequestError, match="in use"), other.in_use():
            pass
    other.require_usable(resume=False)  # the lock that stays behind is nothing


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    for place in (folder.path, folder.checkpoints, folder.path / "evaluation" / "errors"):
        (place / ".0123456789abcdef.tmp").mkdir(parents=True)
        (place / ".0123456789abcdef.tmp" / "state.pt").write_bytes(b"half")
    (folder.path / "results.csv").touch()

    with folder.in_use():
        pass

    assert {path for path in folder.path.rglob("*") if path.is_file()} == {folder.path / ".lock", folder.results}
    assert not list(folder.path.rglob("*.tmp"))


def test_data_json_counts_every_pixel(tmp_path: Path) -> None:
    source = open_source(Data(source=f"camvid:{camvid_segnet(tmp_path / 'camvid', n_train=3, n_val=2)}"))
    stores = [
        Store.open(source, split, size=None, resize_labels=False, cache=tmp_path / "cache")
        for split in ("train", "val")
    ]

    described = describe_data(source.spec, stores, None)

    labels = np.stack([street(index)[1] for index in range(5)])
    assert (described["spec"], described["space"]) == (source.spec, "street-11")
    for store, part in zip(stores, (labels[:3], labels[3:]), strict=True):
        found = described["splits"][store.split]
        assert found["images"] == len(part)
        assert list(found["counts"].values()) == [int((part == c).sum()) for c in range(11)]
        assert list(found["counts"])[:3] == ["sky", "building", "pole"]
        assert found["ignored"] == int((part == 255).sum())
        assert found["fingerprint"] == store.fingerprint
    assert described["splits"]["val"]["sequences"] == ["0016E5"]


def test_data_json_says_what_the_check_counted(tmp_path: Path) -> None:
    """The counts come from the check and the masks on disk, not from labels that were resized."""
    source = open_source(Data(source=f"camvid:{camvid_segnet(tmp_path / 'camvid', n_train=3, n_val=2)}"))
    findings = check_source(source, ["train", "val"])
    store = Store.open(source, "train", size=(8, 16), resize_labels=True, cache=tmp_path / "cache")

    described = describe_data(source.spec, [store], findings)["splits"]["train"]

    labels = np.stack([street(index)[1] for index in range(3)])
    assert list(described["counts"].values()) == [int((labels == c).sum()) for c in range(11)]
    assert described["ignored"] == int((labels == 255).sum())
    assert class_pixels(store, findings).sum() == labels.size
    assert "class_pixels" not in vars(store)  # nothing was counted there


def events(path: Path) -> list[dict[str, Any]]:
    def reject(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return [json.loads(line, parse_constant=reject) for line in path.read_text().splitlines()]


def test_one_line_an_event_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    assert not journal.path.exists()

    journal.write("start", epochs_done=0)
    journal.write("step", loss=0.5, lr=1e-3, name="Straße\n2")

    start, step = events(journal.path)
    assert (start["event"], start["epochs_done"]) == ("start", 0)
    assert (step["event"], step["loss"], step["lr"], step["name"]) == ("step", 0.5, 1e-3, "Straße\n2")
    assert start["time"] <= step["time"]


def test_what_is_not_a_number_becomes_null(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")

    journal.write("epoch", iou=float("nan"), norm=float("inf"), list=[np.float64("nan"), 1.0])

    (event,) = events(journal.path)
    assert (event["iou"], event["norm"], event["list"]) == (None, None, [None, 1.0])


def test_what_json_cannot_hold_is_an_error_not_a_broken_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write("start")

    with pytest.raises(TypeError):
        journal.write("step", loss=object())

    assert [event["event"] for event in events(journal.path)] == ["start"]


def test_a_resumed_run_goes_on_after_the_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).write("start")
    with path.open("a") as file:
        file.write('{"event": "step", "lo')

    Journal(path).write("resume")

    assert [event["event"] for event in events(path)] == ["start", "resume"]


def test_a_journal_that_is_only_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"event": "sta')

    Journal(path).write("start")

    assert [event["event"] for event in events(path)] == ["start"]
