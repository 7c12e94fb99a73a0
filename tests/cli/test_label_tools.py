"""Data of label tools through the real commands."""

from collections.abc import Callable
from pathlib import Path

import pytest

import label_tools
import short_run
from conftest import Finished

Run = Callable[..., Finished]


@pytest.mark.parametrize("kind", ["coco", "labelme"])
def test_a_network_is_trained(kind: str, tmp_path: Path, streetseg: Run) -> None:
    data = label_tools.KINDS[kind](tmp_path / "data")
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    train, _, *rest = short_run.train(Path(), tmp_path / "run", epochs=1)

    done = streetseg(train, data, *rest)

    assert done.code == 0, done.err
    [epoch] = short_run.events(tmp_path / "run", "epoch")
    assert epoch["epoch"] == 1
    assert (tmp_path / "run" / "best" / "model.json").is_file()
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_the_check_names_the_kind_the_classes_and_each_mistake(tmp_path: Path, streetseg: Run) -> None:
    data = label_tools.yolo(tmp_path / "data")
    done = streetseg("check", data)
    assert done.code == 0, done.err
    assert f"is read as yolo:{data}" in done.err
    assert "pixels in no shape are class 0, background" in done.err
    for name in ("a", "d"):
        split = "train" if name == "a" else "val"
        (data / f"labels/{split}/{name}.txt").write_text("0 0.1 0.1 0.5 0.5\n")

    done = streetseg("check", data)

    assert done.code == 2
    assert "2 files cannot be used" in done.out + done.err or "labels of an image cannot be used" in done.out + done.err
    for name in ("train/a.txt", "val/d.txt"):
        assert f"labels/{name} (line 1: a box, expected a polygon" in " ".join((done.out + done.err).split())
