"""Cityscapes in folders and in the official archives, whatever kind its masks are."""

import logging
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from streetseg.data.check.check import check_source
from streetseg.data.open import open_source
from streetseg.data.sources.cityscapes import open_cityscapes
from streetseg.errors import DataError
from streetseg.recipe.schema import Data


@pytest.mark.parametrize("make", [tiny.cityscapes_folder, tiny.cityscapes_zips])
def test_folders_and_archives_give_the_same(make: Callable[..., Path], tmp_path: Path) -> None:
    source = open_source(Data(source=f"cityscapes:{make(tmp_path, n_train=5, n_val=2)}", space="street-11"))
    assert {split: len(samples) for split, samples in source.splits.items()} == {"train": 5, "val": 2}
    sample = source.splits["val"][1]
    image, label = tiny.street(6)
    assert sample.name == "val/frankfurt/frankfurt_000000_000020"
    assert (sample.sequence, sample.frame) == ("frankfurt_000000", 20)
    assert sample.seconds == pytest.approx(20 / 17)  # 17 frames a second
    assert (source.read_image(sample) == image).all()
    assert (source.read_mask(sample) == label).all()
    assert source.stamp(sample) == source.stamp(sample)


def test_archives_are_read_in_place(tmp_path: Path) -> None:
    tiny.cityscapes_zips(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    source = open_cityscapes(tmp_path)
    check_source(source, ["train", "val"])
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert source.splits["train"][0].image == (
        f"{tmp_path}/leftImg8bit_trainvaltest.zip!leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png"
    )


@pytest.mark.parametrize("kind", ["labelIds", "labelTrainIds", "color"])
def test_each_kind_of_mask_is_read_as_the_19_scored_classes(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "streetseg"):
        source = open_source(Data(source=f"cityscapes:{tiny.cityscapes_folder(tmp_path, kind=kind)}"))
    assert source.space.name == "cityscapes-19"
    assert any(f"gtFine_{kind}" in message for message in caplog.messages)
    for index, sample in enumerate(sorted(source.splits["train"], key=lambda sample: sample.frame or 0)):
        ground_truth = tiny.in_space(tiny.street(index)[1], source.space, tiny.CITYSCAPES_NAMES)
        assert (source.read_mask(sample) == ground_truth).all()


def test_the_34_ids_and_the_8_categories_are_had_for_the_asking(tmp_path: Path) -> None:
    spec = f"cityscapes:{tiny.cityscapes_folder(tmp_path)}"
    for name in ("cityscapes-34", "cityscapes-8"):
        source = open_source(Data(source=spec, space=name))
        label = source.read_mask(source.splits["train"][0])
        assert source.space.name == name
        assert label.max() < source.space.num_classes  # void is a class there, nothing is ignored


@pytest.mark.parametrize(("depth", "plate"), [(np.uint8, 255), (np.uint16, 65535), (np.int32, -1)])
def test_the_license_plate_is_ignored(depth: type, plate: int, tmp_path: Path) -> None:
    source = open_cityscapes(tiny.cityscapes_folder(tmp_path))
    sample = source.splits["train"][0]
    ids = np.array(Image.open(sample.mask)).astype(depth)
    ids[0, :3] = plate
    if depth is np.int32:  # a TIFF, since PNG has no negative numbers
        Image.fromarray(ids).save(sample.mask, format="TIFF")
    else:
        Image.fromarray(ids).save(sample.mask)
    assert (source.read_mask(sample)[0, :3] == 255).all()


def test_the_most_exact_kind_is_taken_where_there_are_several(tmp_path: Path) -> None:
    tiny.cityscapes_folder(tmp_path, kind="color")
    tiny.cityscapes_folder(tmp_path, kind="labelIds")
    assert open_cityscapes(tmp_path).splits["train"][0].mask.endswith("_gtFine_labelIds.png")


def test_mixed_kinds_are_an_error(tmp_path: Path) -> None:
    tiny.cityscapes_folder(tmp_path, n_train=3, kind="labelIds")
    for path in (tmp_path / "gtFine" / "val").rglob("*.png"):
        path.rename(path.with_name(path.name.replace("labelIds", "labelTrainIds")))
    with pytest.raises(DataError, match=r"different kinds \(found 3 labelIds, 3 labelTrainIds for 6 images\)"):
        open_cityscapes(tmp_path)


def test_polygons_alone_are_an_error_that_says_how_to_draw_them(tmp_path: Path) -> None:
    tiny.cityscapes_folder(tmp_path)
    for path in (tmp_path / "gtFine").rglob("*.png"):
        path.rename(path.with_name(path.name.replace("labelIds.png", "polygons.json")))
    with pytest.raises(DataError, match="9 images have no masks, only 9 files of polygons") as caught:
        open_cityscapes(tmp_path)
    assert "csCreateTrainIdLabelImgs" in str(caught.value.hint)


def test_a_test_split_of_void_is_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tiny.cityscapes_folder(tmp_path, n_test=2)
    with caplog.at_level(logging.INFO, "streetseg"):
        assert list(open_cityscapes(tmp_path).splits) == ["train", "val"]
    assert any("test split are void" in message for message in caplog.messages)

    shutil.rmtree(tmp_path / "gtFine" / "test")
    with caplog.at_level(logging.INFO, "streetseg"):
        assert list(open_cityscapes(tmp_path).splits) == ["train", "val"]
    assert any("test split has no labels" in message for message in caplog.messages)


def test_a_test_split_with_labels_is_kept(tmp_path: Path) -> None:
    tiny.cityscapes_folder(tmp_path, n_test=2)
    for path in (tmp_path / "gtFine" / "test").rglob("*.png"):
        tiny.save(path, tiny.cityscapes_mask(tiny.street(0)[1], "labelIds"))
    assert list(open_cityscapes(tmp_path).splits) == ["train", "val", "test"]


def test_files_beside_the_masks_are_no_masks(tmp_path: Path) -> None:
    tiny.cityscapes_folder(tmp_path)
    for path in list((tmp_path / "gtFine").rglob("*.png")):
        shutil.copy(path, path.with_name(path.name.replace("labelIds", "instanceIds")))
        path.with_name(path.name.replace("labelIds.png", "polygons.json")).write_text("{}")
    assert len(open_cityscapes(tmp_path).splits["train"]) == 6


def test_unpaired_files_are_listed(tmp_path: Path) -> None:
    tiny.cityscapes_folder(tmp_path)
    path = next((tmp_path / "gtFine" / "train").rglob("*.png"))
    path.unlink()
    with pytest.raises(DataError, match="image without mask") as caught:
        check_source(open_cityscapes(tmp_path), ["train"])
    assert path.name.removesuffix("_gtFine_labelIds.png") in caught.value.where[0]


def test_a_missing_tree_is_named(tmp_path: Path) -> None:
    tiny.cityscapes_folder(tmp_path)
    shutil.rmtree(tmp_path / "gtFine")
    with pytest.raises(DataError, match="no gtFine in this folder") as caught:
        open_cityscapes(tmp_path)
    assert caught.value.hint == "expected the folder gtFine or gtFine_trainvaltest.zip"


def test_a_damaged_archive_member_is_named(tmp_path: Path) -> None:
    tiny.cityscapes_zips(tmp_path)
    path = tmp_path / "gtFine_trainvaltest.zip"
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(sorted(name for name in archive.namelist() if "/val/" in name)[0])
    data = bytearray(path.read_bytes())
    data[info.header_offset + 30 + len(info.filename) + info.file_size // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        check_source(open_cityscapes(tmp_path), ["train", "val"])
    assert info.filename in caught.value.where[0]
