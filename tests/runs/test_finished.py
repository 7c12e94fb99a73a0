"""Reading a run folder, of this and of earlier versions."""

import csv
import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from streetseg.runs.finished import is_finished, is_reported, read_run

TIMES = ("images_per_second", "seconds")


def without_times(run: Path, *lines: str) -> Path:
    """Write results.csv without times, as runs do now, and these lines as the journal."""
    rows = list(csv.DictReader((run / "results.csv").open()))
    with (run / "results.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, [name for name in rows[0] if name not in TIMES], extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
    (run / "journal.jsonl").write_text("".join(f"{line}\n" for line in lines) + '{"event": "end"}\n')
    return run


def epoch(number: int, speed: float, seconds: float) -> str:
    return json.dumps({"event": "epoch", "epoch": number, "images_per_second": speed, "seconds": seconds})


def test_speeds_of_earlier_versions_stand_in_the_table(write_run: Callable[..., Path]) -> None:
    curves = read_run(write_run("old")).curves

    assert curves["seconds"] == (12.0,) * 4
    assert curves["images_per_second"] == (30.0,) * 4


def test_speeds_stand_in_the_journal(write_run: Callable[..., Path]) -> None:
    """Of an epoch that was done twice, because its checkpoint was damaged, the last speed counts."""
    lines = [
        epoch(1, 10, 1),
        epoch(2, 99, 99),
        '{"event": "resume"}',
        epoch(2, 20, 2),
        epoch(3, 30, 3),
        epoch(4, 40, 4),
    ]

    curves = read_run(without_times(write_run("new"), *lines)).curves

    assert curves["seconds"] == (1, 2, 3, 4)
    assert curves["images_per_second"] == (10, 20, 30, 40)


def test_an_epoch_that_the_journal_lost_has_no_speed(write_run: Callable[..., Path]) -> None:
    curves = read_run(without_times(write_run("new"), epoch(1, 10, 1), '{"event": "epoch", "epo')).curves

    assert curves["seconds"][0] == 1
    assert all(math.isnan(seconds) for seconds in curves["seconds"][1:])


@pytest.mark.parametrize("last", ["", '{"event": "resume"}', '{"event": "en', "7"])
def test_a_run_is_finished_when_its_journal_ends(last: str, write_run: Callable[..., Path]) -> None:
    run = write_run("run")
    assert is_finished(run)

    with (run / "journal.jsonl").open("a") as journal:
        journal.write(last)

    assert is_finished(run) == (last == "")


def test_a_report_of_a_run_that_went_on_is_none(write_run: Callable[..., Path]) -> None:
    run = write_run("run")
    assert not is_reported(run)

    (run / "report.html").touch()
    ended = (run / "journal.jsonl").stat().st_mtime_ns
    for at, reported in ((ended + 1, True), (ended, True), (ended - 1, False)):
        os.utime(run / "report.html", ns=(at, at))
        assert is_reported(run) == reported
