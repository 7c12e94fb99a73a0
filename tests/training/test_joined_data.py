"""A run on data sets that are joined: trained on all, scored together and each."""

import json
from pathlib import Path

import streetseg
import tiny


def test_a_run_on_joined_data_sets(tmp_path: Path) -> None:
    camvid = tiny.camvid_segnet(tmp_path / "camvid", 2, 2)
    streets = tiny.cityscapes_folder(tmp_path / "streets", 2, 1)
    run = streetseg.train(
        f"camvid:{camvid}+cityscapes:{streets}",
        encoder="test_efficientnet",
        weights="none",
        epochs=1,
        out=tmp_path / "run",
        quiet=True,
        recipe={**tiny.RUN, "data.space": "street-11"},
    )
    assert {name: one["images"] for name, one in run.scores.as_dict["sources"].items()} == {"camvid": 2, "streets": 1}
    data = json.loads((run.folder / "data.json").read_text())
    assert data["spec"] == "camvid:camvid+cityscapes:streets"
    assert data["splits"]["train"]["images"] == 4
    assert "Mean IoU by data set" in run.report.read_text(encoding="utf-8")
    assert str(tmp_path) not in run.report.read_text(encoding="utf-8")
