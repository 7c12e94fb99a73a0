"""Broken files of label tools: each is an error with its place, all in one pass, and never a crash."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import label_tools
from streetseg.data.check.check import check_source
from streetseg.data.files import FileError
from streetseg.data.open import open_source
from streetseg.errors import DataError
from streetseg.recipe.schema import Data


def problems(path: Path) -> str:
    """Return what opening and checking a data set says, as one text; "" if nothing is wrong."""
    try:
        source = open_source(Data(source=str(path)))
        check_source(source, list(source.splits))
    except DataError as error:
        return "\n".join(error.lines())
    return ""


def in_json(file: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Return a function that changes the content of a JSON file in a folder."""

    def apply(folder: Path) -> None:
        content = json.loads((folder / file).read_text())
        change(content)
        (folder / file).write_text(json.dumps(content))

    return apply


def in_text(file: str, old: str, new: str) -> Callable[[Path], None]:
    """Return a function that replaces the first `old` in a file of a folder."""

    def apply(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))

    return apply


def annotation(**changed: Any) -> Callable[[Path], None]:
    """Return a function that changes the second annotation of the COCO file of train."""
    return in_json("annotations/instances_train2017.json", lambda content: content["annotations"][1].update(changed))


COCO = "annotations/instances_train2017.json"
BROKEN: list[tuple[str, Callable[[Path], None], str]] = [
    ("coco", annotation(segmentation=[[1, 2, 3, 4]]), "annotation 2: 2 points, expected 3 or more"),
    ("coco", annotation(segmentation=[[1, 2, 3, 4, 5, 6000]]), "annotation 2: point 5, 6000 lies far outside"),
    ("coco", annotation(segmentation=[]), "annotation 2: only a box, expected polygons"),
    ("coco", annotation(segmentation={"size": [4, 4], "counts": [16]}), "run lengths of 4x4, the image is 40x64"),
    ("coco", annotation(segmentation={"size": [40, 64], "counts": [16]}), "run lengths of 16 pixels, expected"),
    ("coco", annotation(segmentation={"size": [40, 64], "counts": "é"}), "cannot be in compressed run lengths"),
    ("coco", annotation(segmentation=[[1, 2, 3, 4, 5, float("nan")]]), "annotations.1.segmentation"),
    ("coco", annotation(category_id=99), "annotation 2: category 99 is none of the file's"),
    ("coco", annotation(image_id=99), "(annotation 2: 99)"),
    ("coco", in_text(COCO, "{", "["), "not a file of COCO"),
    ("coco", in_json(COCO, lambda content: content.pop("categories")), "categories: Field required"),
    ("coco", in_text(COCO, '"file_name": "b.png"', '"file_name": "../x.png"'), "image ../x.png not found"),
    ("coco", in_text(COCO, '"height": 40', '"height": 41'), "image 40x64, mask 41x64"),
    ("coco", in_text(COCO, '"height": 40', '"height": 4000000'), "image is larger than 100 megapixels"),
    ("coco", in_text(COCO, '"file_name": "b.png"', '"file_name": "a.png"'), "image a.png is described twice"),
    ("coco panoptic", in_text("annotations/panoptic.json", '"id": 300', '"id": 301'), "value 300 has no class"),
    ("yolo", in_text("labels/train/b.txt", "\n0 ", "\n7 "), "line 3: class 7 is none of `names:`"),
    ("yolo", in_text("labels/train/b.txt", "\n0 ", "\nx "), "line 3: a word is no number"),
    ("yolo", lambda folder: (folder / "labels/val/e.txt").write_text("0 .5 .5 .1 .1"), "line 1: a box, expected"),
    ("yolo", lambda folder: (folder / "labels/val/e.txt").write_bytes(b"\xff\xfe\x00"), "file cannot be read"),
    ("yolo", in_text("data.yaml", "images/val", "images/vol"), "images/vol not found"),
    ("yolo", in_text("data.yaml", "  1: car\n", "  1: [car]\n"), "names.1: Input should be a valid string"),
    ("labelme", in_text("train/b.json", '"shapes"', '"shape"'), "train/b.json (shapes: Field required"),
    ("labelme", in_text("train/b.json", "polygon", "spline"), "shape 1, road: shape_type 'spline' is not drawn"),
    ("labelme", in_text("train/b.json", '"label": "road"', '"label": "roda"'), "did you mean road?"),
    ("labelme", in_json("train/b.json", lambda one: one["shapes"][2].update(mask="%")), "its mask is no base64"),
    ("labelme", lambda folder: (folder / "train/b.json").unlink(), "image has no JSON file of LabelMe"),
    ("labelme folders", in_text("b_json/label_names.txt", "road", ""), "has no class"),
    ("cvat", in_text("annotations.xml", "</meta>", ""), "no valid XML"),
    ("cvat", in_text("annotations.xml", "<annotations>", "<!DOCTYPE a><annotations>"), "with a DOCTYPE is not read"),
    ("cvat", in_text("annotations.xml", 'rle="0, 56"', 'rle="0, 55"'), "mask 1, sign: run lengths of 55 pixels"),
    ("cvat", in_text("annotations.xml", 'xtl="10"', 'xtl="nan"'), "box 2, car: a coordinate is not finite"),
    ("cvat", in_text("annotations.xml", '"1"></box>', '"1" rotation="5"></box>'), "a rotated box is not drawn"),
    ("labelstudio", in_text("project-1.json", '"rle": [0', '"rle": [1'), "brush mask of"),
    ("labelstudio", in_json("project-1.json", lambda tasks: tasks[0]["data"].clear()), "the image has no name"),
    ("labelstudio", in_json("project-1.json", lambda tasks: tasks[0]["annotations"].clear()), "task has no annotation"),
    ("labelstudio", in_text("project-1.json", '["car"]', '["car", "sign"]'), "several labels, expected one"),
    ("supervisely", in_text("train/ann/b.png.json", '"data": "', '"data": "A'), "its bitmap is no base64 of zlib"),
    ("supervisely", in_text("meta.json", '"car"', '"cat"'), "object 3, car: class 'car' is unknown, did you mean cat?"),
    ("voc", in_text("labelmap.txt", "128,64,128", "128,64"), "a line of the label map is not NAME:RED,GREEN,BLUE::"),
    ("voc", lambda folder: (folder / "JPEGImages/b.png").unlink(), "mask without image"),
    ("roboflow", in_text("train/_classes.csv", "1, road", "1, lane"), "the classes of two splits differ"),
    ("via", in_text("via_region_data.json", '"all_points_x": [0, ', '"all_points_x": ['), "as many x as y expected"),
    ("via", in_text("via_region_data.json", '{"kind": "road"}', '{"kind": {"road": 1, "car": 1}}'), "no single value"),
    ("via as CSV", in_text("via_region_data.csv", '""polygon""', "polygon"), "(line 2: Expecting value"),
    ("kaggle", in_text("train.csv", "a.png,1,25 16", "a.png,1,25 16 9"), "line 2: run lengths are no pairs"),
    ("kaggle", in_text("train.csv", "a.png,1,25 16", "a.png,1,2560 2"), "a run ends at pixel 2,561"),
]  # fmt: skip


@pytest.mark.bad_input(12, "damaged files of label tools are named with the place of the mistake")
@pytest.mark.bad_input(5, "a class that a label tool's file does not name is an error with the shape that has it")
@pytest.mark.parametrize(("kind", "change", "words"), BROKEN, ids=[f"{kind}: {words}" for kind, _, words in BROKEN])
def test_what_is_wrong_is_said(tmp_path: Path, kind: str, change: Callable[[Path], None], words: str) -> None:
    folder = label_tools.KINDS[kind](tmp_path / "data")
    change(folder)
    assert words in problems(folder)


def test_all_mistakes_come_in_one_pass(tmp_path: Path) -> None:
    folder = label_tools.coco(tmp_path / "data")
    annotation(category_id=99)(folder)
    in_json(COCO, lambda content: content["annotations"][4].update(segmentation=[[0, 0, 1, 1, 999, 3]]))(folder)
    text = problems(folder)
    assert "2 files cannot be used" in text
    assert "category 99" in text
    assert "far outside" in text


def test_the_order_is_that_of_each_tool(tmp_path: Path) -> None:
    """Crowds of COCO lie beneath; the other annotations cover each other in their order."""
    folder = label_tools.coco(tmp_path / "data")
    annotation(iscrowd=1, segmentation=[[0, 0, 64, 0, 64, 40, 0, 40]])(folder)
    source = open_source(Data(source=str(folder)))
    labels = source.read_mask(source.splits["train"][0])
    assert {int(label) for label in labels[:4].ravel()} == {2}
    assert (labels[24:] == 1).all()


def test_a_file_that_two_splits_share_is_asked_about(tmp_path: Path) -> None:
    folder = label_tools.coco(tmp_path / "data")
    (folder / "annotations/stuff_train2017.json").write_text((folder / COCO).read_text())
    assert "several files describe the split train" in problems(folder)


def test_ids_that_are_counted_anew_in_each_image_are_no_masks_of_a_yaml_file(tmp_path: Path) -> None:
    folder = label_tools.labelme_folders(tmp_path / "data")
    path = folder / "data.yaml"
    path.write_text("images: '*_json/img.png'\nmasks: '*_json/label.png'\nclasses: [background, road, car, sign]\n")
    with pytest.raises(DataError, match="the ids of these masks are counted anew in each image") as caught:
        open_source(Data(source=f"folder:{path}"))
    assert caught.value.hint == f"labelme:{folder}  reads them by label_names.txt"


def test_an_edited_file_of_shapes_changes_the_stamp(tmp_path: Path) -> None:
    folder = label_tools.coco(tmp_path / "data")
    before, after = (open_source(Data(source=str(folder))) for _ in range(2))
    sample = before.splits["train"][0]
    stamp = before.stamp(sample)
    (folder / COCO).write_text((folder / COCO).read_text() + " ")
    assert after.stamp(sample) != stamp
    (folder / COCO).unlink()
    with pytest.raises(FileError, match="file not found"):
        after.stamp(sample)


def test_brush_masks_of_label_studio_alone_name_the_export_that_is_read(tmp_path: Path) -> None:
    label_tools.save_image(tmp_path / "task-1-annotation-2-by-1-tag-road-0.png", "a")
    text = problems(tmp_path)
    assert "these brush masks of Label Studio do not say which image they belong to" in text
    assert 'export as "JSON"' in text
