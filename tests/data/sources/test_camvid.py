"""CamVid in each layout in which it is distributed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from streetseg.data.check.check import check_source
from streetseg.data.open import open_source
from streetseg.data.sources.camvid import open_camvid
from streetseg.errors import DataError
from streetseg.recipe.schema import Data


def test_segnets_layout_is_read_with_void_ignored(tmp_path: Path) -> None:
    source = open_source(Data(source=f"camvid:{tiny.camvid_segnet(tmp_path, n_train=4, n_val=2, n_test=1)}"))
    assert {split: len(samples) for split, samples in source.splits.items()} == {"train": 4, "val": 2, "test": 1}
    assert source.space.name == "street-11"
    assert source.spec == f"camvid:{tmp_path}"
    image, label = tiny.street(4)
    first = source.splits["val"][0]
    assert first.name == "val/0016E5_07959"
    assert (source.read_image(first) == image).all()
    assert (source.read_mask(first) == label).all()


def test_samples_know_their_video_and_frame(tmp_path: Path) -> None:
    splits = open_camvid(tiny.camvid_segnet(tmp_path, n_train=2, n_val=1)).splits
    assert [(sample.sequence, sample.frame) for sample in splits["train"]] == [("0001TP", 6720), ("0006R0", 930)]
    assert (splits["val"][0].sequence, splits["val"][0].frame) == ("0016E5", 7959)
    assert splits["val"][0].seconds == pytest.approx(265.3)  # 30 frames a second


def test_the_original_layout_is_mapped_to_street_11(tmp_path: Path) -> None:
    source = open_source(Data(source=f"camvid:{tiny.camvid_original(tmp_path, n_train=3, n_val=2)}"))
    assert source.space.name == "street-11"
    assert [sample.name for sample in source.splits["val"]] == ["0016E5_07959", "0016E5_07961"]
    for index, sample in enumerate((*source.splits["train"], *source.splits["val"])):
        image, label = tiny.street(index)
        assert (source.read_image(sample) == image).all()
        assert (source.read_mask(sample) == label).all()


def test_the_original_layout_keeps_its_32_labels_where_asked(tmp_path: Path) -> None:
    source = open_source(Data(source=f"camvid:{tiny.camvid_original(tmp_path)}", space="camvid-32"))
    label = source.read_mask(source.splits["train"][0])
    assert {source.space.names[i] for i in np.unique(label)} == {*tiny.CAMVID_NAMES, "Void"}


def test_without_lists_the_original_layout_is_one_split(tmp_path: Path) -> None:
    tiny.camvid_original(tmp_path, n_train=3, n_val=2)
    for name in ("train.txt", "val.txt"):
        (tmp_path / name).unlink()
    source = open_camvid(tmp_path)
    assert {split: len(samples) for split, samples in source.splits.items()} == {"all": 5}
    made = open_source(Data(source=f"camvid:{tmp_path}")).splits
    assert {split: {sample.sequence for sample in samples} for split, samples in made.items()} == {
        "train": {"0001TP"},
        "val": {"0016E5"},
    }


def test_what_the_lists_leave_out_stays_reachable(tmp_path: Path) -> None:
    tiny.camvid_original(tmp_path, n_train=3, n_val=2)
    (tmp_path / "val.txt").unlink()
    source = open_camvid(tmp_path)
    assert [sample.name for sample in source.splits["unlisted"]] == ["0016E5_07959", "0016E5_07961"]


def test_masks_of_ids_in_the_order_of_the_color_table(tmp_path: Path) -> None:
    tiny.camvid_original(tmp_path, n_train=2, n_val=1)
    (tmp_path / "701_StillsRaw_full").rename(tmp_path / "images")
    for path in sorted((tmp_path / "LabeledApproved_full").iterdir()):
        path.unlink()
    for index, path in enumerate(sorted((tmp_path / "images").iterdir())):
        ids = tiny.in_space(tiny.street(index)[1], tiny.CAMVID_32, tiny.CAMVID_NAMES)
        tiny.save(tmp_path / "LabeledApproved_full" / f"{path.stem}_P.png", np.where(ids == 255, 30, ids))
    source = open_source(Data(source=f"camvid:{tmp_path}"))
    assert (source.read_mask(source.splits["train"][0]) == tiny.street(0)[1]).all()


def test_a_folder_a_split_with_masks_in_color(tmp_path: Path) -> None:
    for index, split in enumerate(("train", "val")):
        image, label = tiny.street(index)
        rgb = tiny.painted(tiny.in_space(label, tiny.CAMVID_32, tiny.CAMVID_NAMES), tiny.CAMVID_32)
        tiny.save(tmp_path / split / "0001TP_006690.png", image)
        tiny.save(tmp_path / f"{split}_labels" / "0001TP_006690_L.png", rgb)
    source = open_source(Data(source=f"camvid:{tmp_path}"))
    assert (source.read_mask(source.splits["val"][0]) == tiny.street(1)[1]).all()


def test_split_lists_regroup_the_videos(tmp_path: Path) -> None:
    root = tiny.camvid_segnet(tmp_path / "camvid", n_train=4, n_val=2)
    (tmp_path / "seen.txt").write_text("0006R0_*\n0016E5_*\n")
    (tmp_path / "unseen.txt").write_text("0001TP_*\n")
    lists = {"train": str(tmp_path / "seen.txt"), "val": str(tmp_path / "unseen.txt")}
    source = open_source(Data(source=f"camvid:{root}", splits=lists))
    assert {sample.sequence for sample in source.splits["train"]} == {"0006R0", "0016E5"}
    assert {sample.sequence for sample in source.splits["val"]} == {"0001TP"}
    assert len(source.splits["train"]) == 4
    assert (source.read_mask(source.splits["val"][0]) == tiny.street(1)[1]).all()


def test_files_that_do_not_pair_are_listed(tmp_path: Path) -> None:
    tiny.camvid_segnet(tmp_path)
    lonely = sorted((tmp_path / "trainannot").iterdir())[0]
    lonely.rename(lonely.with_name("nobody.png"))
    with pytest.raises(DataError, match="2 files cannot be used") as caught:
        check_source(open_camvid(tmp_path), ["train", "val"])
    assert caught.value.where == (
        f"{tmp_path / 'train' / lonely.name}: image without mask",
        f"{tmp_path / 'trainannot' / 'nobody.png'}: mask without image",
    )


def test_junk_between_the_images_does_not_matter(tmp_path: Path) -> None:
    tiny.camvid_segnet(tmp_path, n_train=2)
    for name in (".DS_Store", "._0001TP_006720.png", "Thumbs.db", "readme.txt"):
        (tmp_path / "train" / name).write_bytes(b"x")
    assert len(open_camvid(tmp_path).splits["train"]) == 2


def test_one_stem_with_two_endings_is_refused(tmp_path: Path) -> None:
    tiny.camvid_segnet(tmp_path)
    path = sorted((tmp_path / "train").iterdir())[0]
    Image.open(path).save(path.with_suffix(".jpg"))
    with pytest.raises(DataError, match="several images share one name"):
        check_source(open_camvid(tmp_path), ["train"])


def test_a_folder_without_camvid_says_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="no CamVid in this folder") as caught:
        open_camvid(tmp_path)
    assert "trainannot" in str(caught.value.hint)


def test_the_real_data_set_is_read_whole(shared: Path) -> None:
    source = open_source(Data(source=f"camvid:{shared / 'data' / 'camvid'}"))
    findings = check_source(source, ["train", "val"])
    train, val = findings.splits["train"], findings.splits["val"]
    assert (train.images, val.images) == (367, 101)
    assert set(train.sizes) == set(val.sizes) == {(360, 480)}
    assert (train.counts > 0).all()
    assert int(train.counts.sum()) + train.ignored == 367 * 360 * 480
    sequences = {sample.sequence for split in source.splits.values() for sample in split}
    assert sequences == {"0001TP", "0006R0", "0016E5"}
