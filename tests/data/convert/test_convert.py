"""Conversions: the labels come back from every format that can hold them; what a format cannot hold is counted."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from streetseg.data.convert.convert import Converted, convert
from streetseg.data.open import open_source
from streetseg.data.source import Sample, Source, with_own_classes
from streetseg.data.sources.scenes import ScenesSource
from streetseg.errors import DataError, RequestError
from streetseg.recipe.schema import Data

MAKERS = (tiny.camvid_segnet, tiny.camvid_original, tiny.cityscapes_folder, tiny.cityscapes_zips, tiny.folder_yaml)


def opened(spec: str | Path, **fields: object) -> Source:
    return with_own_classes(open_source(Data.model_validate({"source": str(spec), **fields})))


def require_equal(source: Source, again: Source) -> None:
    """Require the same classes, splits, images and labels; names may have their split in front."""
    assert again.space.names == source.space.names
    assert list(again.splits) == list(source.splits)
    for split, samples in source.splits.items():
        for before, after in zip(samples, again.splits[split], strict=True):
            assert after.name in (before.name, f"{split}/{before.name}")
            assert (source.read_image(before) == again.read_image(after)).all()
            assert (source.read_mask(before) == again.read_mask(after)).all()


@pytest.mark.parametrize("make", MAKERS)
def test_a_round_trip_through_a_folder_loses_nothing(make: Callable[..., Path], tmp_path: Path) -> None:
    source = opened(make(tmp_path / "data", 2, 1))
    converted = convert(source, "folder", tmp_path / "out")
    assert (converted.copied, converted.encoded, converted.lost) == (3, 0, {})
    again = opened(converted.data)
    require_equal(source, again)
    assert again.space == source.space or source.space.name == "data"


@pytest.mark.parametrize("make", [tiny.camvid_segnet, tiny.folder_yaml])
def test_a_round_trip_through_coco_loses_nothing(make: Callable[..., Path], tmp_path: Path) -> None:
    source = opened(make(tmp_path / "data", 2, 1))
    require_equal(source, opened(convert(source, "coco", tmp_path / "out").data))


@pytest.mark.parametrize("kind", ["labelIds", "labelTrainIds"])
def test_a_round_trip_through_cityscapes_loses_nothing(kind: str, tmp_path: Path) -> None:
    source = opened(tiny.cityscapes_folder(tmp_path / "data", 2, 1, kind=kind))
    data = convert(source, "cityscapes", tmp_path / "out").data
    again = opened(data) if kind == "labelIds" else open_source(Data(source=data))
    require_equal(source, again)
    assert [s.name for s in again.splits["train"]] == [s.name for s in source.splits["train"]]


def test_classes_that_are_no_labels_of_cityscapes_are_refused(tmp_path: Path) -> None:
    source = opened(tiny.camvid_segnet(tmp_path / "data", 1, 1))
    with pytest.raises(RequestError, match="no label for pavement, tree") as caught:
        convert(source, "cityscapes", tmp_path / "out")
    assert caught.value.hint == "--to folder keeps the classes as they are"
    assert not (tmp_path / "out").exists()


def test_names_of_other_data_become_names_that_cityscapes_scripts_take_apart(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for name in ("a/b_c", "d_e", "berlin/berlin_000001_000019"):
        tiny.save(folder / "images" / f"{name}.png", np.zeros((8, 8, 3), np.uint8))
        tiny.save(folder / "masks" / f"{name}.png", np.zeros((8, 8), np.uint8))
    (folder / "data.yaml").write_text("images: images\nmasks: masks\nclasses: [road, sky]\nsplits: {my_split: 1.0}\n")
    out = tmp_path / "out"
    convert(opened(folder), "cityscapes", out)
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*labelIds.png"))
    assert names == [
        "gtFine/my_split/a/a_b-c_000001_gtFine_labelIds.png",
        "gtFine/my_split/berlin/berlin_000001_000019_gtFine_labelIds.png",
        "gtFine/my_split/my-split/my-split_d-e_000003_gtFine_labelIds.png",
    ]


def test_coco_gives_the_labels_back_to_its_own_tools(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    source = opened(tiny.camvid_segnet(tmp_path / "data", 2, 1))
    out = tmp_path / "out"
    convert(source, "coco", out)
    for split, samples in source.splits.items():
        data = coco.COCO(str(out / f"annotations/instances_{split}.json"))
        assert [one["name"] for one in data.loadCats(data.getCatIds())] == [*source.space.names, "__ignore__"]
        assert len(set(data.getAnnIds())) == len(data.dataset["annotations"])
        for sample, image in zip(samples, data.loadImgs(data.getImgIds()), strict=True):
            assert (np.asarray(Image.open(out / split / image["file_name"])) == source.read_image(sample)).all()
            labels = np.full((image["height"], image["width"]), 255, np.uint8)
            for annotation in data.loadAnns(data.getAnnIds(imgIds=image["id"])):
                mask = data.annToMask(annotation).astype(bool)
                assert mask.sum() == annotation["area"] and (labels[mask] == 255).all()
                labels[mask] = annotation["category_id"] - 1 if annotation["category_id"] <= 11 else 100
                assert annotation["iscrowd"] == (annotation["category_id"] == 12)
            assert (np.where(labels == 100, 255, labels) == source.read_mask(sample)).all()
            assert (labels != 255).all(), "every pixel has an annotation, those that are ignored as well"


def write_one(folder: Path, labels: np.ndarray) -> Source:
    """Write a data set of one image with these labels of two classes; open it."""
    tiny.save(folder / "images/train/a.png", np.zeros((*labels.shape, 3), np.uint8))
    tiny.save(folder / "masks/train/a.png", labels)
    text = "splits: {train: {images: images/train, masks: masks/train}}\nclasses: [road, car]\nignore: 255\n"
    (folder / "data.yaml").write_text(text)
    return opened(folder)


def test_yolo_says_what_polygons_lose(tmp_path: Path) -> None:
    labels = np.zeros((10, 20), np.uint8)
    labels[2:8, 2:8] = 1  # a hole of the road, painted over it
    labels[4:6, 4:6] = 255  # a hole of the car, which nothing is painted over
    labels[:, 19] = 255
    converted = convert(write_one(tmp_path / "data", labels), "yolo", tmp_path / "out")
    assert converted.lost == {"ignored_pixels": 14, "holes": 2, "changed_pixels": 4}
    lines = (tmp_path / "out/labels/train/a.txt").read_text().splitlines()
    assert lines == ["0 0 0 0.95 0 0.95 1 0 1", "1 0.1 0.2 0.4 0.2 0.4 0.8 0.1 0.8"]
    assert (tmp_path / "out/data.yaml").read_text() == "train: images/train\nnames:\n  0: road\n  1: car\n"


@pytest.mark.parametrize("seed", range(3))
def test_polygons_of_yolo_cover_the_regions_that_they_are_drawn_around(seed: int, tmp_path: Path) -> None:
    """OpenCV, which Ultralytics draws with, paints the same labels but for the pixels on the outlines."""
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(seed)
    labels = np.kron(rng.integers(0, 2, (4, 6)), np.ones((16, 16))).astype(np.uint8)
    convert(write_one(tmp_path / "data", labels), "yolo", tmp_path / "out")
    painted = np.full(labels.shape, 255, np.uint8)
    for line in (tmp_path / "out/labels/train/a.txt").read_text().splitlines():
        k, *numbers = map(float, line.split())
        points = np.array(numbers).reshape(-1, 2) * (labels.shape[1], labels.shape[0])
        cv2.fillPoly(painted, [points.round().astype(np.int32)], int(k))
    inner = np.zeros(labels.shape, bool)
    for dy in range(1, 15):
        inner[dy::16] = True
    inner &= np.isin(np.arange(labels.shape[1]) % 16, range(1, 15))[None]
    assert (painted[inner] == labels[inner]).all()


def test_drawn_scenes_become_files(tmp_path: Path) -> None:
    source = ScenesSource(train=1, val=1, size=(32, 64))
    converted = convert(source, "folder", tmp_path / "out")
    assert (converted.copied, converted.encoded) == (0, 2)
    require_equal(source, opened(converted.data))


def turned(folder: Path) -> Source:
    """Write one JPEG that its EXIF orientation turns a quarter, and a mask for the upright image."""
    source = write_one(folder, np.zeros((20, 10), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "images/train/a.png").unlink()
    Image.fromarray(np.arange(600, dtype=np.uint8).reshape(10, 20, 3)).save(folder / "images/train/a.jpg", exif=exif)
    return opened(source.spec)


@pytest.mark.parametrize(("form", "copied"), [("folder", 1), ("yolo", 1), ("coco", 0)])
def test_an_image_that_is_turned_fits_its_labels_everywhere(form: str, copied: int, tmp_path: Path) -> None:
    source = turned(tmp_path / "data")
    converted = convert(source, form, tmp_path / "out")
    assert converted.copied == copied
    (image,) = (
        path
        for path in (tmp_path / "out").rglob("a.*")
        if path.suffix in (".jpg", ".png") and "masks" not in path.parts
    )
    if copied:
        assert image.read_bytes() == Path(source.splits["train"][0].image).read_bytes()
    else:
        assert (np.asarray(Image.open(image)) == source.read_image(source.splits["train"][0])).all()


def test_images_that_are_read_by_a_rule_of_their_own_are_written_as_they_are_read(tmp_path: Path) -> None:
    turned(tmp_path / "data")
    tiny.save(tmp_path / "data/masks/train/a.png", np.zeros((10, 20), np.uint8))
    source = opened(tmp_path / "data", exif="ignore")
    converted = convert(source, "folder", tmp_path / "out")
    assert converted.encoded == 1
    require_equal(source, opened(converted.data))


def test_names_are_made_safe_and_stay_apart(tmp_path: Path) -> None:
    source = ScenesSource(train=5, val=0, size=(32, 32))
    names = ("../../x", "a:b", "a?b", "A_b", "train/.hidden ")
    samples = tuple(Sample(name, "no file", "no file") for name in names)
    scene = source.splits["train"][0]
    source.splits = {"train": samples, "../up": samples[:1]}
    source.read_image = lambda sample: ScenesSource.read_image(source, scene)  # type: ignore[method-assign]
    source.read_mask = lambda sample: ScenesSource.read_mask(source, scene)  # type: ignore[method-assign]
    convert(source, "folder", tmp_path / "out")
    written = {path.relative_to(tmp_path / "out/images").as_posix() for path in tmp_path.rglob("images/**/*.png")}
    assert written == {
        "train/_/_/x.png",
        "train/a_b.png",
        "train/a_b_.png",
        "train/A_b__.png",
        "train/_hidden_.png",
        "__up/_/_/x.png",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_class_names_of_every_kind_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    source = write_one(folder, np.zeros((4, 4), np.uint8))
    text = (folder / "data.yaml").read_text()
    (folder / "data.yaml").write_text(text.replace("[road, car]", '["no", "a: b", "#4", "straße", "null", "7"]'))
    again = opened(convert(opened(source.spec), "folder", tmp_path / "out").data)
    assert again.space.names == ("no", "a: b", "#4", "straße", "null", "7")


def test_files_that_cannot_be_used_are_named_together_and_nothing_is_written(tmp_path: Path) -> None:
    data = tiny.camvid_segnet(tmp_path / "data", 2, 1)
    broken = sorted((data / "train").iterdir())
    for path in broken:
        path.write_bytes(b"")
    with pytest.raises(DataError) as caught:
        convert(opened(data), "folder", tmp_path / "out")
    assert all(any(str(path) in line for line in caught.value.where) for path in broken)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_that_holds_files_and_a_format_that_is_none_are_refused(tmp_path: Path) -> None:
    source = ScenesSource(train=1, val=0, size=(32, 32))
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RequestError, match="no empty folder"):
        convert(source, "folder", tmp_path)
    with pytest.raises(RequestError, match="unknown format 'yollo'") as caught:
        convert(source, "yollo", tmp_path / "out")
    assert caught.value.hint == "did you mean yolo?"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_disk_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("streetseg.data.convert.convert.write", full)
    with pytest.raises(Exception, match=r"cannot be written \(No space left on device\)"):
        convert(ScenesSource(train=2, val=0, size=(32, 32)), "folder", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_command(tmp_path: Path, streetseg: Callable[..., object]) -> None:
    data = tiny.camvid_original(tmp_path / "data", 2, 1)
    ended = streetseg("convert", f"camvid:{data}", "--to", "folder", tmp_path / "out", "--json")
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert set(said) == set(Converted.__dataclass_fields__)
    assert said["space"] == "camvid-32", "the recipe of CamVid, which has street-11, means nothing here"
    ended = streetseg("convert", f"camvid:{data}", tmp_path / "polygons", "--to", "yolo", "--space", "street-11")
    assert ended.code == 0, ended.err
    assert "not kept: 384 pixels are ignored" in ended.out
    assert ended.out.splitlines()[-1] == f"next: streetseg check yolo:{tmp_path / 'polygons'}"
