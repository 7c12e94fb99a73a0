"""CamVid in each layout in which it is distributed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from streetseg.data.check.check import check_source
from streetseg.data.open import open_source
from streetseg.data.sources.camvid import is_camvid, open_camvid
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


def fastai(folder: Path, codes: list[str]) -> Path:
    """Write fastai's copy: images, labels/NAME_P.png with ids in the order of codes.txt, and valid.txt."""
    for index in range(4):
        image, label = tiny.street(index)
        stem = f"0016E5_{8370 + index:05d}"
        tiny.save(folder / "images" / f"{stem}.png", image)
        ids = np.full(256, codes.index("Void"), np.uint8)
        ids[:11] = [codes.index(name) for name in tiny.CAMVID_NAMES]
        tiny.save(folder / "labels" / f"{stem}_P.png", ids[label])
    (folder / "codes.txt").write_text("\n".join(codes))
    (folder / "valid.txt").write_text("0016E5_08371.png\n0016E5_08373.png\n")
    return folder


@pytest.mark.parametrize("order", ["published", "reversed"])
def test_fastais_copy_has_its_classes_and_its_validation_images_in_files(order: str, tmp_path: Path) -> None:
    names = list(tiny.CAMVID_32.names)
    source = open_source(Data(source=f"camvid:{fastai(tmp_path, names if order == 'published' else names[::-1])}"))
    stems = {split: [sample.name for sample in samples] for split, samples in source.splits.items()}
    assert stems == {"val": ["0016E5_08371", "0016E5_08373"], "train": ["0016E5_08370", "0016E5_08372"]}
    for split, first in (("train", 0), ("val", 1)):
        for index, sample in enumerate(source.splits[split]):
            assert (source.read_mask(sample) == tiny.street(first + 2 * index)[1]).all()


def test_a_folder_in_fastais_layout_with_other_classes_is_no_camvid(tmp_path: Path) -> None:
    fastai(tmp_path, list(tiny.CAMVID_32.names))
    (tmp_path / "codes.txt").write_text("\n".join(f"kind {i}" for i in range(32)))
    assert not is_camvid(tmp_path)


def kaggle(folder: Path) -> Path:
    """Write Kaggle's copy: train, train_labels/NAME_L.png and class_dict.csv."""
    rows = (
        f"{name},{r},{g},{b}\n" for name, (r, g, b) in zip(tiny.CAMVID_32.names, tiny.CAMVID_32.colors, strict=True)
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "class_dict.csv").write_text("name,r,g,b\n" + "".join(rows))
    for index, split in enumerate(("train", "train", "val")):
        image, label = tiny.street(index)
        tiny.save(folder / split / f"0016E5_{index:05d}.png", image)
        classes = tiny.in_space(label, tiny.CAMVID_32, tiny.CAMVID_NAMES)
        tiny.save(folder / f"{split}_labels" / f"0016E5_{index:05d}_L.png", tiny.painted(classes, tiny.CAMVID_32))
    return folder


def test_kaggles_table_gives_the_colors(tmp_path: Path) -> None:
    kaggle(tmp_path)
    table = tmp_path / "class_dict.csv"
    sky = tiny.CAMVID_32.colors[tiny.CAMVID_32.names.index("Sky")]
    table.write_text(table.read_text().replace(f"Sky,{sky[0]},{sky[1]},{sky[2]}", "Sky,1,2,3"))
    for path in tmp_path.rglob("*_L.png"):
        rgb = np.array(Image.open(path))
        rgb[(rgb == sky).all(axis=-1)] = (1, 2, 3)
        Image.fromarray(rgb).save(path)
    source = open_source(Data(source=f"camvid:{tmp_path}"))
    assert (source.read_mask(source.splits["val"][0]) == tiny.street(2)[1]).all()


def test_a_table_with_other_classes_is_an_error(tmp_path: Path) -> None:
    kaggle(tmp_path)
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nAnimals,1,2,3\n")
    with pytest.raises(DataError, match="table names the class 'Animals', which CamVid lacks") as caught:
        open_camvid(tmp_path)
    assert caught.value.where == (f"{tmp_path / 'class_dict.csv'}:2",)
    assert caught.value.hint == "did you mean Animal?"


@pytest.mark.bad_input(53, "stray colors of CamVid are taken for the nearest class within data.tolerance, and counted")
def test_stray_colors_within_a_tolerance(tmp_path: Path) -> None:
    kaggle(tmp_path)
    path = tmp_path / "val_labels" / "0016E5_00002_L.png"
    rgb = np.array(Image.open(path))
    rgb[20, :3, 2] += np.arange(1, 4, dtype=np.uint8)
    Image.fromarray(rgb).save(path)
    with pytest.raises(DataError, match="mask holds colors outside the label space") as caught:
        check_source(open_source(Data(source=f"camvid:{tmp_path}")), ["train", "val"])
    assert "data.tolerance=N" in (caught.value.hint or "")
    source = open_source(Data(source=f"camvid:{tmp_path}", tolerance=8))
    assert (source.read_mask(source.splits["val"][0]) == tiny.street(2)[1]).all()
    remarks = {remark.kind: remark.text for remark in check_source(source, ["train", "val"]).remarks}
    assert remarks["near"] == "1 masks have colors of no class, taken for the nearest within the tolerance (3 pixels)"
