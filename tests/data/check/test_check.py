"""One pass over all files: correct counts, and every fault of every file in one error."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from streetseg.data.check.check import check_source, examine
from streetseg.data.open import open_source
from streetseg.data.source import Source
from streetseg.errors import DataError
from streetseg.recipe.schema import Data


def opened(root: Path) -> Source:
    return open_source(Data(source=f"camvid:{root}"))


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(path).encode() + path.read_bytes() for path in files)).hexdigest()


def test_the_counts_are_those_of_the_pixels(tmp_path: Path) -> None:
    source = opened(tiny.camvid_segnet(tmp_path, n_train=3, n_val=2))
    findings = check_source(source, ["train", "val"])
    for split, indices in (("train", range(3)), ("val", range(3, 5))):
        labels = np.stack([tiny.street(index)[1] for index in indices])
        expected = [int((labels == id).sum()) for id in range(11)]
        assert findings.splits[split].counts.tolist() == expected
        assert findings.splits[split].ignored == int((labels == 255).sum())
        assert findings.splits[split].images == len(indices)
        assert findings.splits[split].sizes == {(48, 64): len(indices)}


def test_only_the_splits_asked_for_are_read(tmp_path: Path) -> None:
    root = tiny.camvid_segnet(tmp_path)
    sorted((root / "train").iterdir())[0].write_bytes(b"")
    assert list(check_source(opened(root), ["val"]).splits) == ["val"]


def test_how_files_are_stored_is_counted(tmp_path: Path) -> None:
    root = tiny.camvid_segnet(tmp_path, n_train=4, n_val=1)
    paths = sorted((root / "train").iterdir())
    Image.open(paths[0]).convert("L").save(paths[0])
    Image.open(paths[1]).convert("RGBA").save(paths[1])
    Image.fromarray(np.full((48, 64), 999, np.uint16)).save(paths[2])
    mask = root / "trainannot" / paths[0].name
    by_index = Image.fromarray(np.array(Image.open(mask)))
    by_index.putpalette(bytes(range(256)) * 3)
    by_index.save(mask)
    train = check_source(opened(root), ["train"]).splits["train"]
    assert train.images_stored == {"L PNG": 1, "RGBA PNG": 1, "16-bit gray PNG": 1, "RGB PNG": 1}
    assert train.masks_stored == {"P PNG": 1, "L PNG": 3}
    assert train.turned == 0


def test_findings_become_json(tmp_path: Path) -> None:
    source = opened(tiny.camvid_segnet(tmp_path))
    reported = json.loads(json.dumps(check_source(source, ["val"]).as_json()))
    assert reported["space"] == "street-11"
    assert list(reported["splits"]["val"]["counts"]) == list(source.space.names)
    assert reported["splits"]["val"]["images"] == 3


def test_drawn_images_have_no_files(tmp_path: Path) -> None:
    from streetseg.data.sources.scenes import ScenesSource

    findings = check_source(ScenesSource(train=2, val=1, size=(64, 128)), ["train", "val"])
    assert findings.splits["train"].images_stored == {"drawn": 2}


def test_every_trouble_of_every_file_is_in_one_error(tmp_path: Path) -> None:
    root = tiny.camvid_segnet(tmp_path, n_train=6, n_val=3)
    images, masks = sorted((root / "train").iterdir()), sorted((root / "trainannot").iterdir())
    images[0].write_bytes(images[0].read_bytes()[:-1500])
    images[1].write_bytes(b"")
    images[2].write_bytes(b"<html></html>")
    Image.open(masks[3]).resize((32, 24), Image.Resampling.NEAREST).save(masks[3])
    ids = np.array(Image.open(masks[4]))
    ids[0, :9] = 77
    Image.fromarray(ids).save(masks[4])
    Image.open(masks[5]).save(masks[5], format="JPEG")
    valid = sorted((root / "valannot").iterdir())[0]
    Image.fromarray(np.full((48, 64), 300, np.uint16)).save(valid)
    before = digest(root)

    with pytest.raises(DataError, match="7 files cannot be used") as caught:
        check_source(opened(root), ["train", "val"])

    lines = caught.value.where
    for line, path, said in zip(
        lines,
        [*images[:3], *masks[3:], valid],
        ["truncated", "0 bytes", "HTML", "image 48x64, mask 24x32", "id 77; 9 pixels", "JPEG", "id 300"],
        strict=True,
    ):
        assert line.startswith(f"{path}: ")
        assert said in line
        assert "\n" not in line
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(f"streetseg check camvid:{root}")
    assert digest(root) == before


def test_a_trouble_of_all_files_is_said_once_and_the_list_is_short(tmp_path: Path) -> None:
    root = tiny.camvid_segnet(tmp_path, n_train=25, n_val=2, size=(24, 32))
    for path in (root / "trainannot").iterdir():
        Image.fromarray(np.full((24, 32), 12, np.uint8)).save(path)
    with pytest.raises(DataError, match="ids outside the label space") as caught:
        check_source(opened(root), ["train", "val"])
    assert len(caught.value.where) == 21
    assert caught.value.where[0] == f"{sorted((root / 'trainannot').iterdir())[0]} (id 12; 768 pixels)"
    assert caught.value.where[-1] == "and 5 more files"

    with pytest.raises(DataError) as caught:
        check_source(opened(root), ["train", "val"], limit=None)
    assert len(caught.value.where) == 25


def test_a_mask_that_fits_the_unturned_image_is_explained(tmp_path: Path) -> None:
    root = tiny.camvid_segnet(tmp_path, n_train=2, n_val=1)
    path = sorted((root / "train").iterdir())[0]
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(path).save(path.with_suffix(".jpg"), exif=exif)
    path.unlink()
    with pytest.raises(DataError, match="image and mask differ in size") as caught:
        check_source(opened(root), ["train"])
    assert "image 64x48, mask 48x64; the mask fits the image as it is stored, before its EXIF rotation" in str(
        caught.value
    )


def test_an_empty_or_unknown_split_is_an_error(tmp_path: Path) -> None:
    root = tiny.camvid_segnet(tmp_path)
    for folder in ("val", "valannot"):
        for path in (root / folder).iterdir():
            path.unlink()
    with pytest.raises(DataError, match=r"split 'val' is empty \(found train \(6\), val \(0\)\)"):
        check_source(opened(root), ["train", "val"])
    with pytest.raises(DataError, match="split 'vall' is not in this data set"):
        check_source(opened(root), ["vall"])


def test_progress_is_told_for_every_sample(tmp_path: Path) -> None:
    ticks: list[int] = []
    examine(opened(tiny.camvid_segnet(tmp_path)), ["train", "val"], on_file=lambda: ticks.append(1))
    assert len(ticks) == 9
