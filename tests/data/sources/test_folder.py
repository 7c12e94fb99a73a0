"""A user's own data, described in YAML: every form of it, and every mistake with its line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from own_splits import own_splits
from streetseg.data.check.check import check_source
from streetseg.data.open import open_source
from streetseg.data.sources.folder import mask_code, open_folder
from streetseg.data.sources.folder_file import read_folder_file
from streetseg.errors import DataError, RequestError
from streetseg.labels.tables import STREET_11
from streetseg.recipe.schema import Data

CLASSES = "classes: [sky, building, pole, road, pavement, tree, sign symbol, fence, car, pedestrian, bicyclist]\n"


def rewrite(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_globs_a_split_with_classes_and_colors(tmp_path: Path) -> None:
    source = open_folder(tiny.folder_yaml(tmp_path, n_train=3, n_val=2))
    assert {split: len(samples) for split, samples in source.splits.items()} == {"train": 3, "val": 2}
    assert source.space.name == "data"
    assert source.space.names == STREET_11.names
    assert source.space.colors == STREET_11.colors
    assert source.splits["val"][0].name == "val/street 003"
    assert (source.read_mask(source.splits["val"][0]) == tiny.street(3)[1]).all()


def test_a_built_in_space_brings_its_mappings(tmp_path: Path) -> None:
    path = tiny.folder_yaml(tmp_path)
    for index, mask in enumerate(sorted((tmp_path / "masks").rglob("*.png"))):
        tiny.save(mask, tiny.cityscapes_mask(tiny.street(index)[1], "labelIds"))
    rewrite(path, "images: images/**/*.jpg\nmasks: masks/**/*_mask.png\nspace: cityscapes-34\n")
    source = own_splits(open_source(Data(source=f"folder:{path}", space="street-11")))
    assert (source.read_mask(source.splits["all"][0]) == tiny.street(0)[1]).all()


def test_masks_in_color(tmp_path: Path) -> None:
    path = tiny.folder_yaml(tmp_path)
    for index, mask in enumerate(sorted((tmp_path / "masks").rglob("*.png"))):
        tiny.save(mask, tiny.painted(tiny.street(index)[1], STREET_11))
    source = open_folder(path)
    with pytest.raises(DataError, match="colors outside the label space"):  # void is black, and nobody said so
        source.read_mask(source.splits["train"][0])
    source = open_folder(rewrite(path, path.read_text() + "ignore_color: [0, 0, 0]\n"))
    assert (source.read_mask(source.splits["train"][0]) == tiny.street(0)[1]).all()


def test_ids_on_disk_may_be_anything_and_several_may_be_one_class(tmp_path: Path) -> None:
    Image.fromarray(np.array([[7, 8, 300, 0, 255]], np.uint16)).save(tmp_path / "a_mask.png")
    Image.fromarray(np.zeros((1, 5, 3), np.uint8)).save(tmp_path / "a_img.png")
    path = rewrite(
        tmp_path / "data.yaml",
        "images: '*_img.png'\nmasks: '*_mask.png'\nname: mine\n"
        "classes: [{name: ground, id: [7, 8]}, {name: rest, id: 300}]\nignore: [0, 255]\n",
    )
    source = open_folder(path)
    assert source.space.name == "mine"
    assert source.read_mask(source.splits["all"][0]).tolist() == [[0, 0, 1, 255, 255]]
    assert len(set(source.space.colors)) == 2


def test_black_and_white_masks_ask_what_255_means(tmp_path: Path) -> None:
    for i in range(3):
        tiny.save(tmp_path / "images" / f"{i}.png", np.zeros((4, 4, 3), np.uint8))
        tiny.save(tmp_path / "masks" / f"{i}.png", np.array([[0, 0, 255, 255]] * 4, np.uint8))
    path = rewrite(tmp_path / "data.yaml", "images: images\nmasks: masks\nclasses: [rest, road]\n")
    with pytest.raises(DataError, match="does 255 mean class 1") as caught:
        check_source(open_folder(path), ["all"])
    assert "`id: 255`" in str(caught.value.hint)

    rewrite(path, "images: images\nmasks: masks\nclasses: [{name: rest, id: 0}, {name: road, id: 255}]\n")
    findings = check_source(open_folder(path), ["all"])
    assert findings.splits["all"].counts.tolist() == [24, 24]


def test_splits_by_lists_files_and_shares(tmp_path: Path) -> None:
    path = tiny.folder_yaml(tmp_path, n_train=6, n_val=4)
    for old in sorted((tmp_path / "images").glob("*/*")) + sorted((tmp_path / "masks").glob("*/*")):
        old.rename(old.parents[1] / old.name)
    head = f"images: images/*.jpg\nmasks: masks/*_mask.png\n{CLASSES}"

    (tmp_path / "val.txt").write_text("street 008\nstreet 009\n")
    source = open_folder(rewrite(path, head + "splits: {train: ['street 00[0-3]', street 005], val: val.txt}\n"))
    assert [sample.name for sample in source.splits["train"]] == [f"street 00{i}" for i in (0, 1, 2, 3, 5)]
    assert [sample.name for sample in source.splits["val"]] == ["street 008", "street 009"]

    source = open_folder(rewrite(path, head + "splits: {train: 0.6, val: 0.2, test: 0.2}\n"))
    assert [len(samples) for samples in source.splits.values()] == [6, 2, 2]
    names = [sample.name for samples in source.splits.values() for sample in samples]
    assert sorted(names) == [f"street {i:03d}" for i in range(10)]
    assert names != sorted(names)  # drawn, not cut off

    source = open_folder(rewrite(path, head))
    assert [len(samples) for samples in source.splits.values()] == [10]


def test_a_share_does_not_change_when_files_are_listed_in_another_order(tmp_path: Path) -> None:
    text = f"images: images/*/*.jpg\nmasks: masks/*/*_mask.png\n{CLASSES}splits: {{train: 0.5, val: 0.5}}\n"
    one = rewrite(tiny.folder_yaml(tmp_path / "one"), text)
    other = rewrite(tiny.folder_yaml(tmp_path / "other"), text)
    chosen = [[sample.name for sample in open_folder(path).splits["train"]] for path in (one, other)]
    assert chosen[0] == chosen[1]


def test_a_changed_meaning_of_the_ids_changes_the_stamp(tmp_path: Path) -> None:
    path = tiny.folder_yaml(tmp_path)
    before = open_folder(path)
    rewrite(path, path.read_text().replace("ignore: 255", "ignore: [254, 255]"))
    after = open_folder(path)
    sample = before.splits["train"][0]
    assert sample == after.splits["train"][0]
    assert before.stamp(sample) != after.stamp(sample)


HEAD = "images: images\nmasks: masks\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (HEAD + "clases: [a]\n", 3, "unknown key clases, did you mean classes?"),
        (HEAD + "classes:\n  - a\n  - {name: b, colour: [1, 2, 3]}\n", 5, "classes.1.colour, did you mean color?"),
        (HEAD + "classes:\n  - {name: b, color: [1, 2, 333]}\n", 4, "classes.0.color.2: found 333"),
        (HEAD + "classes:\n  - {color: [1, 2, 3]}\n", 4, "classes.0: no name"),
        (HEAD + "classes: []\n", 1, "found 0 classes, expected 1 to 255"),
        (HEAD + "classes: [a, a]\n", 1, "name a is given twice"),
        (HEAD + "classes: [{name: a, id: 3}, {name: b, id: [2, 3]}]\n", 1, "id 3 is given twice"),
        (HEAD + "classes: [{name: a, id: 3}, b]\n", 1, "either every class has an id or none"),
        (HEAD + "classes: [{name: a, id: 255}]\nignore: 255\n", 4, "id 255 is both a and ignored"),
        (HEAD + "ignore: 0\nclasses: [a, b]\n", 3, "id 0 is both a and ignored"),
        (HEAD + "classes: [a, b]\nignore: [7, 1]\n", 4, "id 1 is both b and ignored"),
        (HEAD + "space: street-11\nignore: [11, 3]\n", 4, "id 3 is both road and ignored"),
        (HEAD + "space: street-11\nignore_color: [128, 0, 0]\n", 4, "color [128, 0, 0] is both building and ignored"),
        (HEAD + "classes: [{name: a, color: [1, 2, 3]}]\nignore_color: '#010203'\n", 4, "color [1, 2, 3] is both a"),
        (HEAD + "classes:\n- name: a\n  color: #010203\n", 5, 'in quotes, "#4682b4"'),
        (HEAD + "classes:\n- {name: a, color: red}\n", 4, "found 'red', expected [70, 130, 180]"),
        (HEAD + "classes:\n- {name: a, color: [[1, 2, 3], '#01020g']}\n", 4, "found '#01020g', expected"),
        (HEAD + "classes:\n- {name: a, color: [[1, 2, 3], '#010203']}\n", 1, "color (1, 2, 3) is given twice"),
        (HEAD, 1, "expected either classes or space"),
        ("classes: [a]\n", 1, "expected globs for images and masks"),
        (HEAD + "classes: [a]\nsplits: {train: 0.9, val: 0.2}\n", 1, "add up to 1.1"),
        (HEAD + "classes: [a]\nsplits:\n  train: 0.9\n  val: list.txt\n", 1, "either every split is a share"),
        (HEAD + "classes: [a]\nsplits:\n  train: {images: x}\n", 5, "splits.train: no masks"),
        (HEAD + "classes: [a]\nsplits:\n  train: {images: x, mask: y, masks: y}\n", 5, "splits.train.mask"),
        (HEAD + "classes: [a]\nclasses: [b]\n", 4, "classes is given twice"),
        (HEAD + "classes: [a\n", 4, "no valid YAML"),
        (HEAD + "classes: !!python/object/apply:os.system [echo]\n", 3, "found a YAML tag"),
        (HEAD + "classes: &a [b]\n", 3, "found a YAML anchor"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(text: str, line: int, message: str, tmp_path: Path) -> None:
    path = rewrite(tmp_path / "data.yaml", text)
    with pytest.raises(DataError) as caught:
        open_folder(path)
    assert message in caught.value.problem
    assert caught.value.where == (f"{path}:{line}",)


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = rewrite(tmp_path / "data.yaml", HEAD + "clases: [a]\nignore: void\n")
    with pytest.raises(DataError, match="2 mistakes") as caught:
        open_folder(path)
    assert [place.split(": ")[0] for place in caught.value.where] == [f"{path}:4", f"{path}:3"]


@pytest.mark.parametrize("text", ["", "just a text", "- a\n- b\n", "? [a]\n: b\n", "a: \x00"])
def test_what_describes_nothing_is_refused(text: str, tmp_path: Path) -> None:
    path = rewrite(tmp_path / "data.yaml", text)
    with pytest.raises(DataError) as caught:
        open_folder(path)
    assert str(path) in caught.value.where[0]


def test_a_glob_that_matches_nothing_is_named(tmp_path: Path) -> None:
    path = tiny.folder_yaml(tmp_path)
    rewrite(path, path.read_text().replace("images/val/*.jpg", "images/valid/*.jpg"))
    with pytest.raises(DataError, match=r"no images match images/valid/\*\.jpg"):
        check_source(open_folder(path), ["train", "val"])
    assert check_source(open_folder(path), ["train"]).splits["train"].images == 6


def test_an_unknown_space_is_named(tmp_path: Path) -> None:
    path = rewrite(tiny.folder_yaml(tmp_path), "images: images\nmasks: masks\nspace: cityscape-19\n")
    with pytest.raises((DataError, RequestError), match="unknown label space"):
        open_folder(path)


@pytest.mark.bad_input(53, "hex colors and several colors of one class are read; the first is drawn with")
def test_colors_as_hex_and_several_of_one_class(tmp_path: Path) -> None:
    tiny.save(tmp_path / "a_img.png", np.zeros((1, 4, 3), np.uint8))
    tiny.save(tmp_path / "a_mask.png", np.array([[[255, 0, 0], [200, 0, 0], [70, 130, 180], [1, 1, 1]]], np.uint8))
    path = rewrite(
        tmp_path / "data.yaml",
        "images: '*_img.png'\nmasks: '*_mask.png'\nignore_color: ['#010101']\n"
        "classes: [{name: sky, color: '#4682B4'}, {name: car, color: ['#ff0000', [200, 0, 0]]}]\n",
    )
    source = open_folder(path)
    assert source.space.colors == ((70, 130, 180), (255, 0, 0))
    assert source.read_mask(source.splits["all"][0]).tolist() == [[1, 1, 0, 255]]


@pytest.mark.bad_input(42, "255 is a class if an `id:` names it and no `ignore:` does")
def test_an_id_of_255_is_a_class_unless_it_is_ignored_in_writing(tmp_path: Path) -> None:
    path = rewrite(tmp_path / "data.yaml", HEAD + "classes: [{name: a, id: 0}, {name: b, id: 255}]\n")
    assert mask_code(read_folder_file(path, print), "data").ids == {0: 0, 255: 1}


@pytest.mark.bad_input(
    51, ".npy masks are found by a folder or a glob; .npy images are refused, and the hint names PNG"
)
@pytest.mark.parametrize("masks", ["masks", "masks/*.npy"])
def test_arrays_are_masks_and_no_images(masks: str, tmp_path: Path) -> None:
    tiny.save(tmp_path / "images" / "a.png", np.zeros((2, 2, 3), np.uint8))
    (tmp_path / "masks").mkdir()
    np.save(tmp_path / "masks" / "a.npy", np.zeros((2, 2), np.uint8))
    path = rewrite(tmp_path / "data.yaml", f"images: images\nmasks: {masks}\nclasses: [a, b]\n")
    assert [sample.mask for sample in open_folder(path).splits["all"]] == [str(tmp_path / "masks" / "a.npy")]
    path = rewrite(tmp_path / "data.yaml", f"images: {masks}\nmasks: images\nclasses: [a, b]\n")
    with pytest.raises(DataError, match="no images match") as caught:
        open_folder(path)
    assert "a.npy: the format is not supported (NumPy array: save it as PNG" in caught.value.where[1]


@pytest.mark.bad_input(53, "YOLO's description is recognized; the hint names yolo:FILE, which reads it")
def test_the_description_of_yolo_is_named(tmp_path: Path) -> None:
    path = rewrite(tmp_path / "data.yaml", "path: .\ntrain: images/train\nnc: 1\nnames: {0: road}\n")
    with pytest.raises(DataError) as caught:
        open_folder(path)
    assert "yolo:FILE reads it, with polygons" in str(caught.value.hint)


@pytest.mark.parametrize(
    "text",
    [
        "{word}: images/*/*.jpg\nmasks: masks/*/*_mask.png\n",
        "splits:\n  all: {{{word}: images/*/*.jpg, masks: masks/*/*_mask.png}}\n",
    ],
)
def test_pictures_of_older_descriptions_are_read_as_images_with_a_note(text: str, tmp_path: Path) -> None:
    path = tiny.folder_yaml(tmp_path)
    new, old = (open_folder(rewrite(path, text.format(word=word) + CLASSES)) for word in ("images", "pictures"))
    assert old.splits == new.splits
    assert [note for note in old.survey.notes if note not in new.survey.notes] == [
        f"{path}: `pictures:` is read as `images:`, its new name"
    ]


def test_both_words_at_once_are_a_mistake(tmp_path: Path) -> None:
    path = rewrite(tiny.folder_yaml(tmp_path), f"{HEAD}pictures: images\n{CLASSES}")  # the older word is no second one
    with pytest.raises(DataError, match="unknown key pictures"):
        open_folder(path)
