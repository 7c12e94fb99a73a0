"""Runs on data sets that are joined: trained on all, scored together and each; or on an extra one, trained on only."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

import streetseg
import tiny
from streetseg.report.report import write_run_report


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


def test_a_run_with_an_extra_data_set_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    camvid = tiny.camvid_segnet(tmp_path / "camvid", 4, 2)
    streets = tiny.cityscapes_folder(tmp_path / "streets", 3, 1)
    recipe = {**tiny.RUN, "data.space": "street-11", "data.extra": f"cityscapes:{streets}", "data.extra_share": 0.5}

    def trained(name: str, **more: object) -> streetseg.Run:
        return streetseg.train(
            f"camvid:{camvid}", encoder="test_efficientnet", weights="none", epochs=2, out=tmp_path / name, quiet=True,
            recipe=recipe, **more,
        )  # fmt: skip

    class Stop:
        def scalars(self, step: int, values: Mapping[str, float]) -> None:
            if "epoch" in values:
                raise KeyboardInterrupt

    whole = trained("whole")
    with pytest.raises(KeyboardInterrupt):
        trained("stopped", callbacks=[Stop()])
    stopped = trained("stopped", resume=True)
    assert stopped.scores.as_dict["per_class"] == whole.scores.as_dict["per_class"]
    split = json.loads((whole.folder / "data.json").read_text())["splits"]["train"]
    assert (split["images"], split["extra"]) == (7, 3)
    page = whole.report.read_text(encoding="utf-8")
    assert "4 images of the train split and 3 of cityscapes:streets, 50 % of each epoch" in page
    assert str(tmp_path) not in page
    shutil.rmtree(streets)  # what is never scored is not needed for a report
    write_run_report(whole.folder)
    assert whole.report.read_text(encoding="utf-8").count("data:image") == page.count("data:image") > 0
