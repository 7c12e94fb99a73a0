"""journal.jsonl: every line is JSON, whatever was written and however it ended."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streetseg.runs.journal import Journal


def events(path: Path) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


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
