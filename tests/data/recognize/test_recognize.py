"""Bare folders: what is read from them, and what is asked. No name in the layouts of `ODD` is known to the code."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import label_tools
import tiny
from own_splits import own_splits
from streetseg import api
from streetseg.data.check.check import examine
from streetseg.data.open import open_source
from streetseg.data.source import FileSource
from streetseg.errors import DataError, RequestError
from streetseg.labels.space import IGNORE_INDEX
from streetseg.labels.tables import STREET_11
from streetseg.recipe.schema import Data

N = 6
SIZE = (24, 32)
COLORS = np.array(STREET_11.colors, np.uint8)
ROAD = STREET_11.names.index("road")

Draw = Callable[[tiny.Array], Image.Image]


def ids(labels: tiny.Array) -> Image.Image:
    return Image.fromarray(labels)


def colors(labels: tiny.Array) -> Image.Image:
    return Image.fromarray(COLORS[labels])


def three_channels(labels: tiny.Array) -> Image.Image:
    return Image.fromarray(np.repeat(labels[..., None], 3, axis=2))


def black_and_white(labels: tiny.Array) -> Image.Image:
    return Image.fromarray(np.where(labels == ROAD, 255, 0).astype(np.uint8))


def labels_of(i: int) -> tiny.Array:
    """Return labels 0..10 of a drawn street, with sky in place of void."""
    labels = tiny.street(i, SIZE)[1]
    return np.where(labels == tiny.VOID, 0, labels).astype(np.uint8)


@dataclass(frozen=True)
class Layout:
    """A layout: the places of images and masks, with {i} the number of an image, {even} and {half} words for a half."""

    image: str
    mask: str
    draw: Draw = ids
    splits: tuple[str, ...] = ("all",)
    halves: tuple[str, str] = ("", "")

    def write(self, root: Path) -> dict[str, str]:
        """Write the data set. Return image -> mask, both relative to `root`."""
        pairs = {}
        for i in range(N):
            names = {"i": i, "half": self.halves[2 * i // N], "even": "north" if i % 2 else "south"}
            image, mask = self.image.format(**names), self.mask.format(**names)
            pairs[image] = mask
            for place, drawn in ((image, Image.fromarray(tiny.street(i, SIZE)[0])), (mask, self.draw(labels_of(i)))):
                path = root / place
                path.parent.mkdir(parents=True, exist_ok=True)
                drawn.save(path)
        return pairs


ODD = {
    "videos numbered anew": Layout("aufnahmen/{even}/frame-{i:04}.jpg", "etiketten/{even}/frame-{i:04}.png"),
    "one folder, a dot before the mark": Layout("{i}.png", "{i}.areas.png"),
    "a mark on both sides": Layout("shot {i}.jpg", "flaeche_{i}.png"),
    "the marks deep inside": Layout("{even}/monday/cam/c{i}.jpg", "{even}/monday/sem/c{i}.png"),
    "a folder for each kind and split": Layout(
        "bilder_{half}/a{i}.jpg", "schablonen_{half}/a{i}.png", splits=("train", "test"), halves=("training", "testing")
    ),
    "images by split, masks in one folder": Layout(
        "fotos/{half}/{i}.jpg", "alle/{i}.png", splits=("train", "val"), halves=("train", "valid")
    ),
    "the split above on one side, below on the other": Layout(
        "{half}/foto/{i}.jpg", "maske/{half}/{i}.png", splits=("train", "test"), halves=("Train", "Test")
    ),
    "a folder for each image": Layout("place{i}/photo.png", "place{i}/areas.png"),
    "masks in a folder among the images": Layout("streets/{i}.jpg", "streets/layers/{i}_layer.png"),
    "signs of globs in names": Layout("roll [2]/{i}.jpg", "areas [final]/{i}.png"),
    "colors": Layout("a/{i}.png", "b/{i}-c.png", draw=colors),
    "ids in three channels": Layout("a/{i}.png", "b/{i}.bmp", draw=three_channels),
    "black and white": Layout("x{i}.png", "x{i}_Fläche.png", draw=black_and_white),
    "images in many folders, masks in one": Layout("walk/{even}/{i}.jpg", "painted/{i}.png"),
}


def opened(data: object) -> FileSource:
    """Return the source of DATA with the splits that it has of its own."""
    source = own_splits(open_source(Data(source=str(data))))
    assert isinstance(source, FileSource)
    return source


def pairs_of(source: FileSource, root: Path) -> dict[str, str]:
    """Return image -> mask of all samples, relative to `root`."""
    return {
        Path(one.image).relative_to(root).as_posix(): Path(one.mask).relative_to(root).as_posix()
        for samples in source.splits.values()
        for one in samples
    }


@pytest.mark.parametrize("layout", ODD.values(), ids=list(ODD))
def test_a_bare_folder_is_read_as_the_file_that_init_writes(layout: Layout, tmp_path: Path) -> None:
    root = tmp_path / "odd"
    pairs = layout.write(root)
    source = opened(root)
    assert tuple(source.splits) == layout.splits
    assert pairs_of(source, root) == pairs
    assert source.survey.failures == []
    for sample in (sample for samples in source.splits.values() for sample in samples):
        drawn = np.asarray(Image.open(sample.mask).convert("RGB")).reshape(-1, 3)
        found = source.read_mask(sample).ravel()
        assert len(np.unique(drawn, axis=0)) == len(np.unique(np.column_stack([drawn, found]), axis=0))
        assert len(np.unique(drawn, axis=0)) == len(np.unique(found[found != IGNORE_INDEX]))
    written = opened(f"folder:{api.init(root, root / 'data.yaml')}")
    assert (written.code, written.splits) == (source.code, source.splits)


def test_the_description_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Layout("a/{i}.jpg", "b/{i}.png").write(tmp_path)
    with caplog.at_level(logging.INFO, "streetseg"):
        opened(tmp_path)
        opened(tmp_path)
    assert caplog.text.count('images: "a/*.jpg"') == 1
    assert caplog.text.count("- {name: class_10, id: 10}") == 1


def test_the_prepared_camvid_of_keras_is_one_step(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for i in range(2):
            image, labels = tiny.street(i, SIZE)
            tiny.save(tmp_path / f"images_prepped_{split}" / f"0001TP_{i:06}.png", image)
            mask = np.where(labels == tiny.VOID, 11, labels).astype(np.uint8)
            path = tmp_path / f"annotations_prepped_{split}" / f"0001TP_{i:06}.png"
            path.parent.mkdir(exist_ok=True)
            (three_channels if i else ids)(mask).save(path)
    source = opened(tmp_path)
    assert {split: len(samples) for split, samples in source.splits.items()} == {"train": 2, "test": 2}
    assert source.space == STREET_11
    for i, sample in enumerate(source.splits["test"]):
        assert np.array_equal(source.read_mask(sample), tiny.street(i, SIZE)[1])


def test_globs_are_written_relative_to_the_file(tmp_path: Path) -> None:
    root = tmp_path / "in [1]" / "photos"
    pairs = Layout("a/{i}.jpg", "b/{i}.png").write(root)
    source = opened(f"folder:{api.init(root, tmp_path / 'out' / 'data.yaml')}")
    assert {Path(one.image).resolve() for one in source.splits["all"]} == {root / image for image in pairs}


RGB = [(name, *color) for name, color in zip(STREET_11.names, STREET_11.colors, strict=True)]
TABLES = {
    "class_dict.csv": "name,r,g,b\n" + "".join(f"{name},{r},{g},{b}\n" for name, r, g, b in RGB),
    "label_colors.txt": "".join(f"{r} {g} {b}\t\t{name}\n" for name, r, g, b in RGB),
    "labelmap.txt": "# label:color_rgb:parts:actions\n" + "".join(f"{name}:{r},{g},{b}::\n" for name, r, g, b in RGB),
    "codes.txt": "\n".join(STREET_11.names),
    "ids.txt": "".join(f"{i}: {name}\n" for i, name in enumerate(STREET_11.names)),
    "data.yaml": f"nc: 11\npath: .\nnames: {list(STREET_11.names)}\n",
    "dataset.json": json.dumps({"labels": {name: i for i, name in enumerate(STREET_11.names)}}),
    "config.json": json.dumps({"labels": [{"name": f"x--{n}", "readable": n, "color": color} for n, *color in RGB]}),
    "colors.json": json.dumps([{"label": name, "rgb": color} for name, *color in RGB]),
    "_classes.csv": "Pixel Value, Class\n" + "".join(f"{i}, {name}\n" for i, name in enumerate(STREET_11.names)),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_classes_names_the_values(name: str, tmp_path: Path) -> None:
    draw = (
        colors if name in ("class_dict.csv", "label_colors.txt", "labelmap.txt", "config.json", "colors.json") else ids
    )
    Layout("a/{i}.jpg", "b/{i}.png", draw=draw).write(tmp_path)
    (tmp_path / name).write_text(TABLES[name], encoding="utf-8")
    source = opened(tmp_path)
    assert source.space.names == STREET_11.names
    for sample in source.splits["all"]:
        assert np.array_equal(source.read_mask(sample), labels_of(int(sample.name)))


def test_what_a_table_of_classes_lacks_is_said(tmp_path: Path) -> None:
    Layout("a/{i}.jpg", "b/{i}.png").write(tmp_path / "ids")
    (tmp_path / "ids" / "classes.json").write_text('{"sky": 0, "building": 1}')
    text = api.init(tmp_path / "ids", tmp_path / "ids.yaml").read_text(encoding="utf-8")
    assert "classes.json does not name all of them: 2, 3" in text
    Layout("a/{i}.jpg", "b/{i}.png", draw=colors).write(tmp_path / "colors")
    (tmp_path / "colors" / "class_dict.csv").write_text(TABLES["class_dict.csv"].replace("128,128,128", "128,128,129"))
    text = api.init(tmp_path / "colors", tmp_path / "colors.yaml").read_text(encoding="utf-8")
    assert "class_dict.csv does not name all of them: [128, 128, 128]" in text
    (tmp_path / "colors" / "class_dict.csv").unlink()
    (tmp_path / "colors" / "labels.txt").write_text(TABLES["codes.txt"])
    text = api.init(tmp_path / "colors", tmp_path / "names.yaml").read_text(encoding="utf-8")
    assert "labels.txt has no colors" in text


def test_a_table_of_classes_that_cannot_be_decoded_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Layout("a/{i}.jpg", "b/{i}.png").write(tmp_path)
    (tmp_path / "classes.txt").write_bytes("Stra\xdfe\nHimmel".encode("latin-1"))
    api.init(tmp_path, tmp_path / "data.yaml")
    assert f"{tmp_path / 'classes.txt'} names no classes: " in caplog.text


def test_void_and_255_are_ignored_and_said(tmp_path: Path) -> None:
    def with_void(labels: tiny.Array) -> Image.Image:
        return Image.fromarray(np.where(labels == 0, 255, np.where(labels == 1, 7, 1)).astype(np.uint8))

    Layout("a/{i}.jpg", "b/{i}.png", draw=with_void).write(tmp_path)
    (tmp_path / "classes.json").write_text('{"void": 7, "road": 1, "tree": 3}')
    text = api.init(tmp_path, tmp_path / "data.yaml").read_text(encoding="utf-8")
    assert "ignore: [7, 255]  # classes.json calls it void; 255 is in 6 masks beside other ids" in text
    assert opened(tmp_path).space.names == ("road", "tree")


def test_masks_of_the_same_areas_are_one_reading(tmp_path: Path) -> None:
    root = tmp_path / "set"
    Layout("a/{i}.jpg", "b/{i}.png").write(root)
    Layout("a/{i}.jpg", "c/{i}.png", draw=colors).write(root)
    assert {one.mask.split("/")[-2] for one in opened(root).splits["all"]} == {"b"}
    text = api.init(root, tmp_path / "data.yaml").read_text(encoding="utf-8")
    assert "# left out, as it shows the same areas: c/*.png\n" in text
    (root / "class_dict.csv").write_text(TABLES["class_dict.csv"])
    source = opened(root)
    assert {one.mask.split("/")[-2] for one in source.splits["all"]} == {"c"}
    assert source.space.names == STREET_11.names


def test_other_masks_of_the_same_images_are_asked_about(tmp_path: Path) -> None:
    Layout("a/{i}.jpg", "b/{i}.png").write(tmp_path)
    Layout("a/{i}.jpg", "c/{i}.png", draw=black_and_white).write(tmp_path)
    with pytest.raises(DataError, match="two readings are possible: which are the masks") as caught:
        opened(tmp_path)
    assert caught.value.hint is not None
    for line in ('images: "a/*.jpg"  masks: "b/*.png"', 'images: "a/*.jpg"  masks: "c/*.png"'):
        assert line in caught.value.hint
    api.init(tmp_path, tmp_path / "data.yaml", masks="c/*.png")
    assert opened(tmp_path).space.names == ("background", "foreground")


def test_masks_of_0_and_1_beside_masks_of_0_and_255_are_asked_about(tmp_path: Path) -> None:
    Layout("a/{i}.jpg", "b/{i}.png", draw=black_and_white).write(tmp_path)
    Image.fromarray((labels_of(0) == ROAD).astype(np.uint8)).save(tmp_path / "b" / "0.png")
    with pytest.raises(DataError, match="two readings: 1 mask of 0 and 1, 5 of 0 and 255") as caught:
        opened(tmp_path)
    assert caught.value.hint is not None
    assert "id: [1, 255]" in caught.value.hint


def test_two_data_sets_in_one_folder_are_asked_about(tmp_path: Path) -> None:
    Layout("one/a/{i}.jpg", "one/b/{i}.png").write(tmp_path)
    Layout("two/{i}.jpg", "two/{i}_m.png").write(tmp_path)
    with pytest.raises(DataError, match="2 data sets in this folder") as caught:
        opened(tmp_path)
    assert caught.value.hint == f"choose one: {tmp_path / 'one'} or {tmp_path / 'two'}"


def test_soft_edges_are_no_classes(tmp_path: Path) -> None:
    def soft(labels: tiny.Array) -> Image.Image:
        return colors(labels).resize((320, 240), Image.Resampling.BILINEAR).resize((32, 24), Image.Resampling.BILINEAR)

    Layout("a/{i}.jpg", "b/{i}.png", draw=soft).write(tmp_path)
    with pytest.raises(DataError, match=r"masks hold \d+ colors.*no table of classes names them"):
        opened(tmp_path)


def test_lists_in_the_folder_are_the_splits(tmp_path: Path) -> None:
    Layout("a/{i}.jpg", "b/{i}.png").write(tmp_path)
    (tmp_path / "train.txt").write_text("0\n1\n2\n3\n")
    (tmp_path / "val.txt").write_text("a/4.jpg b/4.png\na/5.jpg b/5.png\n")
    (tmp_path / "readme.txt").write_text("a few words\n")
    assert {split: len(samples) for split, samples in opened(tmp_path).splits.items()} == {"train": 4, "val": 2}


def test_images_without_mask_are_named_by_the_check(tmp_path: Path) -> None:
    Layout("a/{i}.jpg", "b/{i}.png").write(tmp_path)
    (tmp_path / "b" / "3.png").unlink()
    source = opened(tmp_path)
    assert [error.problem for error in examine(source, ["all"]).errors] == ["image without mask"]


def test_photos_alone_are_no_data_set(tmp_path: Path) -> None:
    for side in ("left", "right"):
        for i in range(3):
            tiny.save(tmp_path / side / f"{i}.png", tiny.street(i, SIZE)[0])
    with pytest.raises(DataError, match=r"no images with masks \(found left, right\)"):
        opened(tmp_path)


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    Layout("a/{i}.jpg", "b/{i}.png").write(tmp_path)
    file = api.init(tmp_path, tmp_path / "data.yaml")
    before = file.read_bytes()
    with pytest.raises(RequestError, match="this file exists"):
        api.init(tmp_path, file)
    assert file.read_bytes() == before


def test_masks_stored_with_loss_are_named(tmp_path: Path) -> None:
    Layout("a/{i}.png", "b/{i}.jpg", draw=black_and_white).write(tmp_path)
    with pytest.raises(DataError, match="mask is stored with loss"):
        opened(tmp_path)


def test_a_third_kind_of_files_is_left_out(tmp_path: Path) -> None:
    pairs = Layout("{i}.png", "{i}_seg.png").write(tmp_path)
    for i in range(N):
        Image.fromarray(tiny.street(i + N, SIZE)[0][:9]).save(tmp_path / f"{i}_depth.png")
    source = opened(tmp_path)
    assert pairs_of(source, tmp_path) == pairs
    assert source.survey.failures == []
    left_out = "left out, as nothing pairs with them: 0_depth.png, 1_depth.png, 2_depth.png, and 3 more"
    assert f"{tmp_path}: {left_out}" in source.survey.notes


def test_a_description_below_the_folder_is_pointed_at(tmp_path: Path) -> None:
    tiny.folder_yaml(tmp_path / "mine")
    with pytest.raises(DataError, match="layout of this folder is not recognized") as caught:
        opened(tmp_path)
    assert caught.value.hint == f"did you mean {tmp_path / 'mine'}?"


def test_of_two_classes_of_a_table_with_one_color_the_first_counts(tmp_path: Path) -> None:
    Layout("a/{i}.jpg", "b/{i}.png", draw=colors).write(tmp_path)
    (tmp_path / "class_dict.csv").write_text(TABLES["class_dict.csv"] + "dusk,128,128,128\n")
    assert opened(tmp_path).space.names == STREET_11.names


def test_two_tables_that_fit_and_differ_are_asked_about(tmp_path: Path) -> None:
    Layout("a/{i}.jpg", "b/{i}.png").write(tmp_path)
    (tmp_path / "codes.txt").write_text(TABLES["codes.txt"])
    (tmp_path / "classes.txt").write_text("\n".join(reversed(STREET_11.names)))
    with pytest.raises(DataError, match="2 tables of classes fit the masks and differ"):
        opened(tmp_path)


def test_classes_that_no_description_can_hold_are_an_error(tmp_path: Path) -> None:
    Layout("a/{i}.jpg", "b/{i}.png").write(tmp_path)
    (tmp_path / "names.txt").write_text("\n".join(f"kind {i}" for i in range(300)))
    with pytest.raises(DataError, match="found 300 classes, expected 1 to 255"):
        opened(tmp_path)


@pytest.mark.parametrize(
    "layout",
    [Layout("a/{i}.png", "b/{i}_L.png"), Layout("train/{i}.png", "train_labels/{i}.png", splits=("train",))],
    ids=["_L", "train_labels"],
)
def test_names_of_camvid_alone_are_no_camvid(layout: Layout, tmp_path: Path) -> None:
    pairs = layout.write(tmp_path)
    assert pairs_of(opened(tmp_path), tmp_path) == pairs


def test_init_needs_a_folder_and_a_glob_that_matches(tmp_path: Path) -> None:
    Layout("a/{i}.jpg", "b/{i}.png").write(tmp_path / "photos")
    with pytest.raises(DataError, match="folder not found") as caught:
        api.init(tmp_path / "photo", tmp_path / "data.yaml")
    assert caught.value.hint == f"did you mean {(tmp_path / 'photos').as_posix()}?"
    with pytest.raises(DataError, match=r"no file in this folder matches c/\*\.png"):
        api.init(tmp_path / "photos", tmp_path / "data.yaml", masks="c/*.png")


def test_init_names_a_known_layout(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tools = label_tools.coco_runs(tmp_path / "tools")
    with pytest.raises(DataError, match=r"a known layout and needs no data\.yaml") as caught:
        api.init(tools, tmp_path / "data.yaml")
    assert caught.value.hint and f"use coco:{tools}" in caught.value.hint
    camvid = tmp_path / "camvid"
    tiny.camvid_segnet(camvid)
    api.init(camvid, tmp_path / "data.yaml")
    assert f"is read as camvid:{camvid}, which says what its masks mean" in caplog.text
