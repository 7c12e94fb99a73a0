"""One network on several data sets, and the scores by data set where they are joined."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import streetseg as package
import tiny
from exported import saved
from networks import tiny_network
from streetseg.errors import RequestError
from streetseg.labels.tables import CITYSCAPES_8
from streetseg.metrics.bootstrap import interval
from streetseg.metrics.counts import Counts
from streetseg.metrics.scores import scores
from streetseg.runs.schema import Scored, checked

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("model") / "bundle", tiny_network())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return three data sets: in the network's classes, in Cityscapes' and in the network's under another name."""
    folder = tmp_path_factory.mktemp("data")
    own = tiny.folder_yaml(folder / "own", 1, 2)
    camvid = tiny.camvid_segnet(folder / "camvid", 1, 8)
    return [f"camvid:{camvid}", f"cityscapes:{tiny.cityscapes_folder(folder / 'streets', 1, 3)}", f"folder:{own}"]


def test_a_table_of_several_data_sets(model: Path, data: list[str], tmp_path: Path, streetseg: Command) -> None:
    out = tmp_path / "scores"
    ended = streetseg("evaluate", model, data[0], "data.exif=ignore", *data[1:], "--out", out)
    assert ended.code == 0, ended.err
    head, camvid, streets, own, *_ = ended.out.splitlines()
    assert head.split("  ")[0] == "data set"
    assert [line.split()[:2] for line in (camvid, streets, own)] == [["camvid", "8"], ["streets", "3"], ["own", "2"]]
    assert "cityscapes:streets val, 3 images, street-11 (11 classes)" in ended.out

    with (out / "datasets.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, text in zip(rows, data, strict=True):
        alone = json.loads((out / row["name"] / "scores.json").read_text())
        assert float(row["mean_iou"]) == alone["mean"]["iou"]
        assert row["counted"] == str(alone["counted"]["iou"])
        assert "sources" not in alone
        expected = package.evaluate(model, text, space="street-11" if text.startswith("cityscapes") else None)
        assert expected.mean_iou == alone["mean"]["iou"], "each data set scores as it does alone"


def test_the_table_as_json_and_in_python(model: Path, data: list[str], streetseg: Command) -> None:
    ended = streetseg("evaluate", model, *data[:2], "--limit", 1, "--json")
    assert ended.code == 0, ended.err
    camvid, streets = json.loads(ended.out)["datasets"]
    assert (camvid["name"], camvid["images"], streets["name"]) == ("camvid", 1, "streets")
    assert streets["scores"]["protocol"]["label_space"] == "street-11"

    result = package.evaluate(model, data[:2], recipe={"data.limit": 1})
    assert list(result.table.index) == ["camvid", "streets"]
    assert result["streets"].mean_iou == result.table.loc["streets", "mean_iou"] == streets["mean_iou"]


def test_everything_is_known_to_fit_before_the_first_image_is_scored(
    model: Path, data: list[str], tmp_path: Path, streetseg: Command
) -> None:
    ended = streetseg("evaluate", model, *data[:2], "--split", "test", "--out", tmp_path / "out")
    assert (ended.code, ended.out) == (2, "")
    assert "split 'test' is not in this data set" in ended.err
    other = saved(tmp_path / "bundle", tiny_network(space=CITYSCAPES_8))
    ended = streetseg("evaluate", other, data[1], data[0])
    assert (ended.code, ended.out) == (2, "")
    assert "the classes of model and data differ" in ended.err
    with pytest.raises(RequestError, match="no data set to score on"):
        package.evaluate(model, [])


def test_joined_data_sets_are_scored_together_and_each(
    model: Path, data: list[str], tmp_path: Path, streetseg: Command
) -> None:
    out = tmp_path / "scores"
    ended = streetseg("evaluate", model, f"{data[0]}+{data[1]}", "--out", out)
    assert ended.code == 0, ended.err
    result = checked((out / "scores.json").read_bytes(), Scored)
    assert result["protocol"]["dataset"] == "camvid:camvid+cityscapes:streets"
    assert result["protocol"]["images"] == 11
    counts = Counts.load(out / "counts.npz")
    assert list(result["sources"]) == ["camvid", "streets"]
    for name, row in result["sources"].items():
        of_source = counts.of(f"{name}/")
        assert row["images"] == len(of_source.names) == {"camvid": 8, "streets": 3}[name]
        assert row["mean_iou"] == scores(of_source.total).mean["iou"]
    assert (result["sources"]["camvid"]["low"], result["sources"]["camvid"]["high"]) == interval(
        counts.of("camvid/")
    ).overall["mean_iou"]
    assert result["sources"]["streets"]["low"] is None, "three images say too little"
    table = ended.out[ended.out.index("data set") :].splitlines()
    assert [line.split()[0] for line in table[1:3]] == ["camvid", "streets"]
