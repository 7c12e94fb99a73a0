"""DATA+DATA: several data sets as one, in one label space."""

from pathlib import Path

import pytest

import tiny
from streetseg.comparison.verdict import dataset_name
from streetseg.data.check.check import check_source
from streetseg.data.open import open_source
from streetseg.data.source import short_name
from streetseg.data.sources.joined import origins
from streetseg.errors import RequestError
from streetseg.recipe.datasets import parts_of
from streetseg.recipe.load import load_recipe
from streetseg.recipe.schema import Data
from streetseg.request import with_kind


@pytest.fixture
def both(tmp_path: Path) -> str:
    camvid = tiny.camvid_segnet(tmp_path / "camvid", 2, 1)
    return f"camvid:{camvid}+cityscapes:{tiny.cityscapes_folder(tmp_path / 'streets', 2, 1)}"


def test_data_sets_are_joined_split_by_split_in_one_label_space(both: str) -> None:
    source = open_source(Data(source=both, space="street-11"))

    assert {split: [s.name for s in samples] for split, samples in source.splits.items()} == {
        "train": [
            *("camvid/train/0001TP_006720", "camvid/train/0006R0_f00930"),
            *("streets/train/aachen/aachen_000000_000019", "streets/train/bochum/bochum_000000_000020"),
        ],
        "val": ["camvid/val/0016E5_07959", "streets/val/frankfurt/frankfurt_000000_000019"],
    }
    camvid, streets = source.splits["val"]
    assert (camvid.origin, streets.origin) == ("camvid", "streets")
    assert camvid.sequence == "camvid/0016E5"
    alone = [open_source(Data(source=part, space="street-11")) for part in both.split("+")]
    for sample, own in zip((camvid, streets), alone, strict=True):
        (before,) = own.splits["val"]
        assert (source.read_mask(sample) == own.read_mask(before)).all()
        assert (source.read_image(sample) == own.read_image(before)).all()
    findings = check_source(source, ["train", "val"])
    assert findings.splits["train"].images == 4


def test_different_classes_are_refused_with_the_space_that_holds_both(both: str) -> None:
    with pytest.raises(RequestError, match=r"different classes \(street-11, cityscapes-19\)") as caught:
        open_source(Data(source=both))
    assert [line.partition(",")[0] for line in caught.value.where] == [
        "camvid:camvid: street-11",
        "cityscapes:streets: cityscapes-19",
    ]
    assert caught.value.hint == "data.space=street-11 maps both"


def test_the_same_classes_under_two_names_are_one_space(tmp_path: Path) -> None:
    own = tiny.folder_yaml(tmp_path / "own", 1, 1)
    source = open_source(Data(source=f"folder:{own}+{tiny.camvid_segnet(tmp_path / 'camvid', 1, 1)}+scenes"))
    assert source.space.name == "data"
    assert [sample.origin for sample in source.splits["val"]][:3] == ["own", "camvid", "scenes"]


def test_a_space_that_one_cannot_be_mapped_to_names_that_one(tmp_path: Path) -> None:
    own = tiny.folder_yaml(tmp_path / "own", 1, 1)
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid', 1, 1)}+folder:{own}"
    with pytest.raises(RequestError, match="no label mapping from label space 'data'") as caught:
        open_source(Data(source=data, space="street-11"))
    assert caught.value.where == (f"folder:{own}",)


@pytest.mark.parametrize("data", ["{}+", "+{}", "{0}++{0}"])
def test_a_plus_with_nothing_beside_it_is_refused(data: str, tmp_path: Path) -> None:
    text = data.format(f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid', 1, 1)}")
    with pytest.raises(RequestError, match="on one side of it there is none"):
        open_source(Data(source=text))


def test_a_data_set_named_twice_is_refused(tmp_path: Path) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid", 1, 1)
    with pytest.raises(RequestError, match="joined with itself") as caught:
        open_source(Data(source=f"camvid:{folder}+{folder}"))
    assert caught.value.where == (f"camvid:{folder}",)


def test_a_path_with_a_plus_is_one_path(tmp_path: Path) -> None:
    first = tiny.camvid_segnet(tmp_path / "cam+vid", 1, 1)
    second = tiny.camvid_segnet(tmp_path / "more" / "a+b+c", 1, 1)
    assert parts_of(str(first)) == [str(first)]
    joined = f"camvid:{first}+{second}+scenes"
    assert parts_of(joined) == [f"camvid:{first}", str(second), "scenes"]
    assert parts_of(f"scenes+camvid:{first}") == ["scenes", f"camvid:{first}"]
    assert with_kind(joined) == f"camvid:{first}+camvid:{second}+scenes"
    assert short_name(with_kind(joined)) == "camvid:cam+vid+camvid:a+b+c+scenes"
    assert dataset_name(with_kind(joined)) == "camvid + camvid + scenes"


def test_names_of_data_sets_are_their_folders(tmp_path: Path) -> None:
    own = tiny.folder_yaml(tmp_path / "own", 1, 1)
    assert origins([f"folder:{own}", "camvid:/a/own", "scenes", "camvid:/b/own"]) == ["own", "own-2", "scenes", "own-3"]


def test_data_sets_of_one_kind_take_its_recipe() -> None:
    def space(data: str) -> str | None:
        return load_recipe(flags={"data.source": data}, environ={}).data.space

    assert space("camvid:a+camvid:b") == "street-11"
    assert space("camvid:a+cityscapes:b") is None


def test_lists_and_images_without_mask_work_across_data_sets(both: str, tmp_path: Path) -> None:
    (tmp_path / "streets/gtFine/train/bochum/bochum_000000_000020_gtFine_labelIds.png").unlink()
    (tmp_path / "val.txt").write_text("camvid/train/*\nstreets/val/*\n")
    source = open_source(Data(source=both, space="street-11", splits={"val": str(tmp_path / "val.txt")}))
    assert len(source.splits["val"]) == 3
    whole = open_source(Data(source=both, space="street-11"))
    assert [failure.name for failure in whole.survey.failures] == ["streets/train/bochum/bochum_000000_000020"]
