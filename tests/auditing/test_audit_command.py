"""`streetseg audit`: the files that it writes, what it says, and the requests that it refuses."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import tiny
from exported import onnx_exported, saved
from networks import tiny_network
from streetseg.labels.tables import STREET_11

Command = Callable[..., Any]


@pytest.fixture
def data(tmp_path: Path) -> str:
    return f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid')}"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return saved(tmp_path / "bundle", tiny_network())


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_files(tmp_path: Path, model: Path, data: str, streetseg: Command) -> None:
    out = tmp_path / "audit"
    ended = streetseg("audit", model, data, "--out", out)
    assert ended.code == 0, ended.err
    assert sorted(path.name for path in out.iterdir()) == [
        *("audit.html", "classes.csv", "images.csv", "regions.csv", "regions.json")
    ]
    images, regions, classes = (rows(out / f"{name}.csv") for name in ("images", "regions", "classes"))
    assert len(images) == 9
    assert {row["split"] for row in images} == {"train", "val"}
    assert [row["class"] for row in classes] == list(STREET_11.names)
    assert all("in 9 images" in row["needs"] for row in classes)
    assert float(images[0]["score"]) >= float(images[-1]["score"])
    assert [int(row["rank"]) for row in regions] == list(range(1, len(regions) + 1))
    for row in regions:
        x, y, w, h = (int(row[name]) for name in "xywh")
        assert 0 <= x < x + w <= 64
        assert 0 <= y < y + h <= 48
        assert 0 < int(row["pixels"]) <= w * h
        assert row["label"] != row["predicted"]

    coco = json.loads((out / "regions.json").read_text())
    assert len(coco["annotations"]) == len(regions)
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    categories = {category["id"]: category["name"] for category in coco["categories"]}
    for row, annotation in zip(regions, coco["annotations"], strict=True):
        assert f"{Path(row['image']).name}.png" == names[annotation["image_id"]]
        assert annotation["bbox"] == [int(row[name]) for name in "xywh"]
        assert categories[annotation["category_id"]] == row["predicted"]
        assert annotation["attributes"]["labels"] == row["label"]


def test_one_split_of_an_exported_model(tmp_path: Path, data: str, streetseg: Command) -> None:
    model = onnx_exported(tmp_path / "exported")
    ended = streetseg("audit", model, data, "--split", "val", "--out", tmp_path / "audit", "--json")
    assert ended.code == 0, ended.err
    printed = json.loads(ended.out)
    assert printed["images"] == 3
    assert "not known which images" in printed["note"]
    assert Path(printed["page"]).is_file()


def test_the_same_twice(tmp_path: Path, model: Path, data: str, streetseg: Command) -> None:
    for name in ("one", "two"):
        assert streetseg("audit", model, data, "--out", tmp_path / name, "--quiet").code == 0
    for file in ("regions.csv", "regions.json", "images.csv", "classes.csv", "audit.html"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


def test_a_run_says_which_split_it_was_trained_on(real_runs: list[Path], tmp_path: Path, streetseg: Command) -> None:
    data = json.loads((real_runs[0] / "data.json").read_text())["spec"]
    ended = streetseg("audit", real_runs[0], data, "--out", tmp_path / "audit")
    assert ended.code == 0, ended.err
    assert "was trained on the split train" in ended.out.replace("\n", " ")


def test_images_without_labels(tmp_path: Path, model: Path, data: str, streetseg: Command) -> None:
    photos = tmp_path / "photos"
    for i in range(5):
        tiny.save(photos / f"{i}.png", tiny.street(50 + i)[0])
    (photos / "3.png").write_bytes(b"damaged")
    out = tmp_path / "audit"
    ended = streetseg("audit", model, data, "--out", out, "--unlabelled", photos)
    assert ended.code == 1
    assert "error: 1 images without labels cannot be read; the others are ranked" in ended.err
    assert "3.png" in ended.err
    ranked = rows(out / "next.csv")
    assert sorted(Path(row["image"]).name for row in ranked) == ["0.png", "1.png", "2.png", "4.png"]
    assert ranked[0]["distance"] == ""
    assert 'id="next"' in (out / "audit.html").read_text()


def test_masks_of_a_data_set_are_never_changed(tmp_path: Path, model: Path, data: str, streetseg: Command) -> None:
    files = {path: path.read_bytes() for path in (tmp_path / "camvid").rglob("*") if path.is_file()}
    assert streetseg("audit", model, data, "--out", tmp_path / "audit").code == 0
    assert files == {path: path.read_bytes() for path in (tmp_path / "camvid").rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--folds", "3"], "--folds trains by the recipe of a run, and this model has none"),
        (["--resume"], "--resume goes with --folds"),
        (["--split", "nowhere"], "split 'nowhere'"),
        (["optim.lr=1"], "optim.lr means nothing to audit"),
    ],
)
def test_refused(tmp_path: Path, model: Path, data: str, streetseg: Command, flags: list[str], problem: str) -> None:
    out = tmp_path / "audit"
    ended = streetseg("audit", model, data, "--out", out, *flags)
    assert ended.code == 2
    assert problem in ended.err
    assert not out.exists()


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path, model: Path, data: str, streetseg: Command) -> None:
    ended = streetseg("audit", model, data, "--out", tmp_path / "camvid")
    assert ended.code == 2
    assert "not empty" in ended.err


def test_other_classes_are_refused(tmp_path: Path, model: Path, streetseg: Command) -> None:
    data = tiny.cityscapes_folder(tmp_path / "cityscapes")
    ended = streetseg("audit", model, f"cityscapes:{data}", "--out", tmp_path / "audit")
    assert ended.code == 2
    assert "the classes of model and data differ" in ended.err


def test_data_whose_masks_agree_have_no_regions(tmp_path: Path, streetseg: Command) -> None:
    """A network that gives every pixel one class, and masks that say the same."""
    network = tiny_network()
    with torch.no_grad():
        network.head.weight.zero_()  # type: ignore[union-attr, operator]
        network.head.bias.zero_()  # type: ignore[union-attr, operator]
        network.head.bias[3] = 9  # type: ignore[index]
    model = saved(tmp_path / "constant", network)
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    for split in ("trainannot", "valannot"):
        for mask in (folder / split).glob("*.png"):
            Image.new("L", (64, 48), 3).save(mask)
    out = tmp_path / "audit"
    ended = streetseg("audit", model, f"camvid:{folder}", "--out", out)
    assert ended.code == 0, ended.err
    assert rows(out / "regions.csv") == []
    assert json.loads((out / "regions.json").read_text())["annotations"] == []
    assert "nowhere with confidence" in (out / "audit.html").read_text()


def test_folds_judge_an_image_by_a_network_that_has_not_seen_it(tmp_path: Path, data: str, streetseg: Command) -> None:
    run = tmp_path / "run"
    settings = ["model.channels=[16,12,8,8]", "train.batch=2", "data.size=none", "train.device=cpu"]
    command = ("train", data, "--encoder", "test_efficientnet", "--weights", "none", "--epochs", "1", "--out", run)
    assert streetseg(*command, "--quiet", *settings).code == 0
    out = tmp_path / "audit"
    refused = streetseg("audit", run, data, "--folds", "2", "--split", "val", "--out", out)
    assert refused.code == 2
    assert "--folds judges the images of train and val" in refused.err
    ended = streetseg("audit", run, data, "--folds", "2", "--out", out, "--quiet", "--limit", "4")
    assert ended.code == 0, ended.err
    assert len(list((out / "folds" / "runs").iterdir())) == 2
    images = rows(out / "images.csv")
    assert len(images) == len({row["image"] for row in images}) == 7
    assert {row["split"] for row in images} == {"train", "val"}
    assert "was not trained on it" in ended.out.replace("\n", " ")

    finished = {path: path.stat().st_mtime_ns for path in (out / "folds").rglob("weights.safetensors")}
    (out / "audit.html").unlink()
    again = streetseg("audit", run, data, "--folds", "2", "--out", out, "--quiet", "--limit", "4", "--resume")
    assert again.code == 0, again.err
    assert (out / "audit.html").is_file()
    assert finished == {path: path.stat().st_mtime_ns for path in (out / "folds").rglob("weights.safetensors")}
