"""The history of a run: results.csv and the best epoch."""

import csv
from dataclasses import replace
from pathlib import Path

import pandas as pd

from streetseg.training.history import EpochRow, History

ROW = EpochRow(1, 1e-3, 1.5, 0.5, 0.2, 1.4, 0.6, 0.3)
NAN = float("nan")


def history(*val_ious: float | None) -> History:
    return History([replace(ROW, epoch=i + 1, val_iou=iou) for i, iou in enumerate(val_ious)])


def best_epoch(*val_ious: float | None) -> int | None:
    best = history(*val_ious).best
    return None if best is None else best.epoch


def test_the_best_is_the_highest_and_the_earliest_of_equals() -> None:
    assert best_epoch() is None
    assert best_epoch(0.1, 0.3, 0.2) == 2
    assert best_epoch(0.1, 0.3, 0.3) == 2
    assert best_epoch(0.0) == 1


def test_what_is_not_a_number_is_never_better() -> None:
    assert best_epoch(NAN, 0.0, 0.2) == 3
    assert best_epoch(0.2, NAN) == 1
    assert best_epoch(NAN, NAN) == 1


def test_an_epoch_that_was_not_validated_is_never_the_best() -> None:
    assert best_epoch(None) is None
    assert best_epoch(None, 0.0, None) == 2
    assert best_epoch(None, NAN) == 2


def test_the_table(tmp_path: Path) -> None:
    history(0.1, 1 / 3, 0.2).write(tmp_path / "results.csv")

    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert ",".join(rows[0]) == ("epoch,lr,train_loss,train_accuracy,train_iou,val_loss,val_accuracy,val_iou,best")
    assert [row["best"] for row in rows] == ["0", "1", "0"]
    assert float(rows[1]["val_iou"]) == 1 / 3  # not rounded


def test_pandas_reads_it(tmp_path: Path) -> None:
    history(0.1, NAN, None).write(tmp_path / "results.csv")

    table = pd.read_csv(tmp_path / "results.csv")

    assert table["epoch"].tolist() == [1, 2, 3]
    assert table["val_iou"].isna().tolist() == [False, True, True]


def test_writing_replaces_the_table(tmp_path: Path) -> None:
    history(0.1, 0.2).write(tmp_path / "results.csv")
    history(0.3).write(tmp_path / "results.csv")

    assert len((tmp_path / "results.csv").read_text().splitlines()) == 2


def test_an_empty_run_has_a_header(tmp_path: Path) -> None:
    History().write(tmp_path / "results.csv")

    assert (tmp_path / "results.csv").read_text().startswith("epoch,lr,")
