"""What label tools write is read in place, with the same labels from each."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import label_tools
from own_splits import own_splits
from streetseg.data.open import open_source
from streetseg.data.source import Source
from streetseg.errors import DataError
from streetseg.recipe.schema import Data


def opened(path: str | Path) -> Source:
    """Open a data set."""
    return own_splits(open_source(Data(source=str(path))))


@pytest.mark.parametrize("kind", label_tools.KINDS)
def test_each_tool_gives_the_same_labels(tmp_path: Path, kind: str) -> None:
    path = label_tools.KINDS[kind](tmp_path / "data")
    named, bare = opened(f"{kind.split()[0]}:{path}"), opened(path)
    assert named.spec == bare.spec
    assert not named.survey.failures
    assert named.space.names[0] == "background"
    samples = {label_tools.scene_of(sample.image): sample for split in named.splits.values() for sample in split}
    assert sorted(samples) == list("abcde")
    for scene, sample in samples.items():
        drawn, expected = named.read_mask(sample), label_tools.labels(scene)
        for index, one in enumerate(("background", *label_tools.CLASSES)):
            one = f"class {index}" if kind == "kaggle" and index else one
            assert ((drawn == named.space.names.index(one)) == (expected == index)).all()
        assert named.read_image(sample).shape[:2] == drawn.shape
        assert named.stamp(sample) == bare.stamp(sample)
    if len(named.splits) > 1:
        assert {split: len(several) for split, several in named.splits.items()} == {"train": 3, "val": 2}


def test_a_category_of_ignored_pixels_takes_the_place_of_background(tmp_path: Path) -> None:
    folder = label_tools.coco_runs(tmp_path / "data")
    content = json.loads((folder / "result.json").read_text())
    content["categories"].append({"id": 99, "name": "__ignore__"})
    content["annotations"][0]["category_id"] = 99  # the road of the first image
    label_tools.write_json(folder / "result.json", content)
    source = opened(folder)
    assert source.space.names == label_tools.CLASSES
    first, second = source.splits["all"][:2]
    expected = label_tools.labels("b").astype(int) - 1
    assert (source.read_mask(second) == np.where(expected < 0, 255, expected)).all()
    assert set(np.unique(source.read_mask(first)).tolist()) == {1, 2, 255}
    assert any(note.endswith("pixels in no shape are ignored") for note in source.survey.notes)


def test_shapes_in_shares_fit_the_image_as_it_is_turned(tmp_path: Path) -> None:
    folder = label_tools.yolo(tmp_path / "data")
    path = folder / "images/train/a.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right shows it upright
    with Image.open(path) as image:
        image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    source = opened(folder)
    sample = source.splits["train"][0]
    assert source.read_image(sample).shape[:2] == (label_tools.HEIGHT, label_tools.WIDTH)
    assert ((source.read_mask(sample) > 0) == (label_tools.labels("a") > 0)).all()


def test_images_of_labelme_without_shapes_can_be_skipped(tmp_path: Path) -> None:
    folder = label_tools.labelme(tmp_path / "data")
    (folder / "train/b.json").unlink()
    assert [failure.name for failure in opened(folder).survey.failures] == ["train/b"]
    source = open_source(Data(source=str(folder), unlabeled="skip"))
    assert not source.survey.failures
    assert [sample.name for sample in source.splits["train"]] == ["train/a", "train/c"]


def test_regions_without_a_label_are_counted(tmp_path: Path) -> None:
    path = label_tools.labelstudio(tmp_path / "data") / "project-1.json"
    tasks = json.loads(path.read_text())
    result = tasks[0]["annotations"][0]["result"]
    result[0]["value"]["polygonlabels"] = []
    result.append({"id": "whole", "type": "choices", "value": {"choices": ["rainy"]}})
    result.append(result[1] | {"type": "rectangle", "value": {**result[1]["value"], "rectanglelabels": []}})
    label_tools.write_json(path, tasks)
    notes = [note for note in opened(path).survey.notes if "without a label" in note]
    assert notes == [f"{path}: 1 region without a label for areas, left out"]


def test_masks_of_ultralytics_are_no_polygons(tmp_path: Path) -> None:
    for split, scenes in label_tools.NAMES.items():
        for name in scenes:
            label_tools.save_image(tmp_path / f"images/{split}/{name}.png", name)
            labels = label_tools.labels(label_tools.scene_of(name))
            path = tmp_path / f"masks/{split}/{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(labels.astype(np.uint8)).save(path)
    names = ["background", *label_tools.CLASSES]
    (tmp_path / "data.yaml").write_text(f"train: images/train\nval: images/val\nmasks_dir: masks\nnames: {names}\n")

    with pytest.raises(DataError, match="the labels are masks, not polygons"):
        opened(f"yolo:{tmp_path}")
    bare = opened(tmp_path)
    assert bare.spec == f"folder:{tmp_path}"
    assert list(bare.space.names) == names
