"""Splits that the program makes: of groups that belong together, with the rare classes on both sides, always equal."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from published import journal_of
from streetseg.data.auto_split import stratified, to_divide
from streetseg.data.check.check import examine
from streetseg.data.open import open_source
from streetseg.data.source import Sample, Source
from streetseg.data.splits import write_new_lists
from streetseg.errors import DataError
from streetseg.recipe.schema import Data
from streetseg.runs.folder import kept_split
from tiny import camvid_segnet, save

YAML = "images: images/**/*.jpg\nmasks: masks/**/*.png\nclasses: [road, car, rider]\n"


def scene(seed: int) -> np.ndarray:
    """Return an image, uint8 (64, 64, 3), that looks like no other seed's."""
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)


def photo(folder: Path, name: str, pixels: np.ndarray, *, classes: int = 2, taken: str | None = None) -> None:
    """Write an image, and a mask that shows the first `classes` classes."""
    image = folder / "images" / f"{name}.jpg"
    image.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if taken is not None:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    Image.fromarray(pixels).save(image, quality=95, exif=exif)
    save(folder / "masks" / f"{name}.png", (np.arange(64 * 64).reshape(64, 64) % classes).astype(np.uint8))
    (folder / "data.yaml").write_text(YAML)


def opened(folder: Path, **fields: object) -> Source:
    return open_source(Data(source=f"folder:{folder / 'data.yaml'}", **fields))


def named(source: Source) -> dict[str, list[str]]:
    return {split: [sample.name for sample in samples] for split, samples in source.splits.items()}


def test_a_folder_without_splits_is_divided_and_no_near_duplicate_crosses(tmp_path: Path) -> None:
    for index in range(30):
        photo(tmp_path, f"{index:02d}", scene(index // 2).clip(0, 250) + np.uint8(5 * (index % 2)))

    source = opened(tmp_path)

    assert {split: len(samples) for split, samples in source.splits.items()} == {"train": 24, "val": 6}
    assert [name for name in named(source)["val"] if f"{int(name) ^ 1:02d}" not in named(source)["val"]] == []
    assert source.survey.made is not None
    assert "the data has no split val: 6 of the 30 images (20 %) are taken for val, by 15" in source.survey.made.text
    kinds = [remark.kind for remark in examine(source, ["train", "val"]).remarks]
    assert not {"identical", "alike", "neighbors"} & set(kinds)


def test_the_split_depends_on_names_and_content_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(12):
        photo(tmp_path / "a", f"{index:02d}", scene(index))
    for index in reversed(range(12)):
        photo(tmp_path / "b", f"{index:02d}", scene(index))
    first = named(opened(tmp_path / "a"))
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))

    assert named(opened(tmp_path / "b")) == named(opened(tmp_path / "a")) == first
    assert len(named(opened(tmp_path / "a", val_share=0.5))["val"]) == 6


def test_rare_classes_are_on_both_sides(tmp_path: Path) -> None:
    for index in range(40):
        photo(tmp_path, f"{index:02d}", scene(index), classes=3 if index % 8 == 3 else 2)

    names = named(opened(tmp_path))

    assert [sum(int(name) % 8 == 3 for name in names[split]) for split in ("train", "val")] == [4, 1]
    assert [len(names[split]) for split in ("train", "val")] == [32, 8]


def test_photos_of_one_ride_and_images_of_one_place_stay_together(tmp_path: Path) -> None:
    for index in range(20):  # ten rides of two photos, 5 s apart; the names tell nothing
        taken = f"2026:06:01 12:{index % 10:02d}:{5 * (index // 10):02d}"
        photo(tmp_path / "rides", f"{index:02d}", scene(index), taken=taken)
        photo(tmp_path / "places", f"place {index // 2}/{index:02d}", scene(index))

    rides, places = named(opened(tmp_path / "rides")), named(opened(tmp_path / "places"))

    assert sorted(int(name) % 10 for name in rides["val"]) == sorted(
        2 * list({int(name) % 10 for name in rides["val"]})
    )
    folders = {split: {name.partition("/")[0] for name in names} for split, names in places.items()}
    assert not folders["train"] & folders["val"]
    assert len(rides["val"]) == len(places["val"]) == 4


def test_names_that_differ_in_the_last_number_are_frames(tmp_path: Path) -> None:
    for index in range(20):
        photo(tmp_path, f"{'abcde'[index % 5]}_{index:03d}", scene(index))

    names = named(opened(tmp_path))

    assert len({name[0] for name in names["val"]}) == 1
    assert len(names["val"]) == 4


def test_the_split_that_is_given_is_no_place(tmp_path: Path) -> None:
    for index in range(20):
        photo(tmp_path, f"{'val' if index < 4 else 'train'}/img_{index:03d}", scene(max(1, index)))
    (tmp_path / "data.yaml").write_text(
        "splits:\n"
        "  train: {images: images/train/*.jpg, masks: masks/train/*.png}\n"
        "  val: {images: images/val/*.jpg, masks: masks/val/*.png}\n"
        "classes: [road, car, rider]\n"
    )

    names = named(opened(tmp_path, split="auto"))

    assert len(names["val"]) == 4
    assert {name.partition("/")[0] for name in names["val"]} == {"train", "val"}
    assert ("val/img_000" in names["val"]) == ("val/img_001" in names["val"])


def test_videos_stay_together_and_a_single_one_is_cut(tmp_path: Path) -> None:
    source = camvid_segnet(tmp_path / "two", n_train=10, n_val=3)
    splits = open_source(Data(source=f"camvid:{source}", split="auto")).splits
    assert {sample.sequence for sample in splits["val"]} == {"0016E5"}
    assert len(splits["train"]) == 10

    source = camvid_segnet(tmp_path / "one", n_train=0, n_val=20)
    view = open_source(Data(source=f"camvid:{source}", split="auto"))
    frames = [sample.frame for sample in view.splits["val"]]
    assert len(frames) == 4
    assert view.survey.made is not None
    assert "are cut" in view.survey.made.text
    runs = sum(after - before > 2 for before, after in pairwise(frames)) + 1  # every second frame
    assert runs <= 2, "stretches of the video, and not single frames"


def test_images_that_all_look_alike_cannot_be_divided(tmp_path: Path) -> None:
    for index in range(5):
        photo(tmp_path, str(index), scene(0))

    with pytest.raises(DataError, match="too many of the 5 images look nearly the same") as caught:
        opened(tmp_path)

    assert "data.splits.val=FILE" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("splits", "fields", "divided"),
    [
        (["all"], {}, ["all"]),
        (["all"], {"val_split": "train"}, ["all"]),  # `evaluate --split train`
        (["all"], {"val_split": "all"}, []),
        (["all"], {"train_split": "al"}, []),
        (["train", "test"], {}, ["train"]),
        (["train", "test"], {"val_split": "test"}, []),
        (["train", "test"], {"val_split": "vall"}, []),  # a slip is no wish for another split
        (["train", "valid"], {}, []),
        (["train", "val", "test"], {}, []),
        (["train", "val", "test"], {"split": "auto"}, ["train", "val"]),
        (["train", "val", "test"], {"split": "auto", "val_split": "test"}, ["train", "val"]),
        (["train", "valid"], {"split": "auto", "val_split": "valid"}, ["train", "valid"]),
        (["berlin", "paris"], {"split": "auto"}, ["berlin", "paris"]),
    ],
)
def test_what_is_divided(splits: list[str], fields: dict[str, str], divided: list[str]) -> None:
    samples = (Sample("a", "a.png", "a.png"),)
    assert list(to_divide(dict.fromkeys(splits, samples), Data(**fields))) == divided


@given(data=st.data(), share=st.floats(0.05, 0.95))
def test_single_images_are_divided_by_the_share(data: st.DataObject, share: float) -> None:
    images = data.draw(st.integers(2, 40))
    rows = data.draw(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=images, max_size=images))
    keys = [f"{index:03d}".encode() for index in range(images)]

    held_out = stratified([(index,) for index in range(images)], np.array(rows), keys, share)

    assert abs(len(held_out) - max(1, share * images)) <= 2
    assert held_out == stratified([(index,) for index in range(images)], np.array(rows), keys, share)


def test_an_image_without_mask_is_named_and_a_broken_one_too(tmp_path: Path) -> None:
    for index in range(10):
        photo(tmp_path, str(index), scene(index))
    (tmp_path / "masks" / "3.png").unlink()
    (tmp_path / "images" / "4.jpg").write_bytes(b"no image")

    source = opened(tmp_path)
    errors = examine(source, list(source.splits), used=["train", "val"]).errors

    assert sorted(Path(error.where[0].partition(" ")[0].rstrip(":")).name for error in errors) == ["3.jpg", "4.jpg"]


def test_check_writes_lists_that_give_the_same_split(tmp_path: Path, streetseg) -> None:
    camvid = camvid_segnet(tmp_path / "camvid", n_train=10, n_val=3)
    given = streetseg("check", camvid, "--json")
    done = streetseg("check", camvid, "data.split=auto", "--write-splits", tmp_path / "lists")

    assert done.code == 0, done.err
    line = done.out.splitlines()[-1]
    lists = {name: str(tmp_path / "lists" / f"{name}.txt") for name in ("train", "val")}
    assert all(f"data.splits.{name}={file}" in line for name, file in lists.items())
    again = streetseg("check", camvid, "--write-splits", tmp_path / "lists")
    assert again.code == 2
    assert "a file is there already" in again.err, "a list of somebody's own is never replaced"
    auto = open_source(Data(source=f"camvid:{camvid}", split="auto"))
    assert open_source(Data(source=f"camvid:{camvid}", splits=lists)).splits == auto.splits
    assert "divide" not in [warning["kind"] for warning in json.loads(given.out)["warnings"]], "no leak, no advice"


@pytest.mark.parametrize("name", ["two\nlines", " blank", "\udcff"])
def test_a_name_that_no_list_can_hold(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split list can name it"):
        write_new_lists(tmp_path / "lists", {"train": [Sample(name, "a.png", "b.png")]})
    assert not (tmp_path / "lists").exists()


def test_check_names_the_cure_of_a_leak(tmp_path: Path, streetseg) -> None:
    camvid = camvid_segnet(tmp_path / "camvid", n_train=10, n_val=3)
    shutil.copy(camvid / "train" / "0001TP_006720.png", camvid / "val" / "0016E5_07959.png")

    leaking = streetseg("check", camvid)
    mended = streetseg("check", camvid, "data.split=auto", "--json")

    assert f"streetseg check camvid:{camvid} data.split=auto --write-splits DIR" in leaking.out
    assert not {"identical", "alike", "divide"} & {found["kind"] for found in json.loads(mended.out)["warnings"]}


def test_train_and_test_without_val(tmp_path: Path, streetseg) -> None:
    """A part of train chooses the epoch; test is scored once, with a row and a protocol of its own; the run keeps its
    split, which a later image does not change."""
    camvid, study = camvid_segnet(tmp_path / "camvid", n_train=10, n_val=0, n_test=3), tmp_path / "study"
    run = study / "runs" / "test_efficientnet_seed0"
    command = (
        *("study", camvid, "--encoders", "test_efficientnet", "--weights", "none", "--epochs", "1"),
        *("data.size=none", "augment.crop=none", "train.batch=4", "train.precision=fp32"),
        *("model.channels=[16, 12, 8, 8]", "--out", study),
    )

    done = streetseg(*command)

    assert done.code == 0, done.err
    assert "images of train (" in done.err
    assert "test is scored once, at the end of a run" in done.err
    kept = {name: (run / "splits" / f"{name}.txt").read_text().splitlines() for name in ("train", "val")}
    assert sorted(kept["train"] + kept["val"]) == sorted(f"train/{path.stem}" for path in camvid.glob("train/*.png"))
    protocol = json.loads((run / "evaluation" / "scores.json").read_text())["protocol"]
    assert (protocol["split"], protocol["images"]) == ("val", len(kept["val"]))
    tested = json.loads((run / "test" / "scores.json").read_text())
    assert (tested["protocol"]["split"], tested["protocol"]["images"]) == ("test", 3)
    [scored] = [event for event in journal_of(run) if event["event"] == "test"]
    assert scored["mean_iou"] == tested["mean"]["iou"]
    [ranked] = json.loads((study / "study.json").read_text())["ranking"]
    assert ranked["test"]["mean_iou"] == tested["mean"]["iou"] != ranked["mean_iou"]
    report = (study / "report.html").read_text()
    assert "Test split: mean over classes" in report
    assert "the data has no split val" in report
    assert "Mean IoU on the test split" in (run / "model_card.md").read_text()

    moved = tmp_path / "elsewhere" / "camvid"  # the same data set, with one more image
    shutil.copytree(camvid, moved)
    shutil.copy(moved / "train" / "0006R0_f00930.png", moved / "train" / "0006R0_f09990.png")
    shutil.copy(moved / "trainannot" / "0006R0_f00930.png", moved / "trainannot" / "0006R0_f09990.png")
    with (moved / "train.txt").open("a") as lists:
        lists.write("/SegNet/CamVid/train/0006R0_f09990.png /SegNet/CamVid/trainannot/0006R0_f09990.png\n")
    again = streetseg("evaluate", run, moved, "--out", tmp_path / "again", "--json")
    assert again.code == 0, again.err
    assert f"the split of the run {run.name} is used" in again.err
    assert [
        line.split(",")[0] for line in (tmp_path / "again" / "per_image.csv").read_text().splitlines()[1:]
    ] == sorted(kept["val"])
    resumed = streetseg(*(moved if part == camvid else part for part in command), "--resume")
    assert resumed.code == 0, resumed.err
    assert "is finished" in resumed.err

    (moved / "train" / f"{Path(kept['val'][0]).name}.png").unlink()
    (moved / "trainannot" / f"{Path(kept['val'][0]).name}.png").unlink()
    lacking = streetseg("evaluate", run, moved)
    assert lacking.code == 2
    assert kept["val"][0] in lacking.err


def test_the_split_of_a_run_is_for_its_own_data(tmp_path: Path) -> None:
    for index in range(10):
        photo(tmp_path, str(index), scene(index))
    run = tmp_path / "run"
    (run / "splits").mkdir(parents=True)
    (run / "splits" / "train.txt").write_text("1\n")
    (run / "splits" / "val.txt").write_text("./2\n")
    (run / "data.json").write_text(json.dumps({"spec": "folder:other.yaml"}))

    def splits(model: Path) -> dict[str, list[str]]:
        return named(open_source(Data(source=f"folder:{tmp_path / 'data.yaml'}"), kept_split(model)))

    made = named(opened(tmp_path))
    assert splits(run) == splits(tmp_path / "no run") == made

    (run / "data.json").write_text(json.dumps({"spec": "folder:data.yaml"}))
    assert splits(run) == splits(run / "best") == {"train": ["1"], "val": ["2"]}

    (run / "splits" / "train.txt").write_text("another street\n")
    (run / "splits" / "val.txt").write_text("one more\n")
    assert splits(run) == made, "other data whose file has the same name"


def test_scores_by_video(tmp_path: Path, streetseg, real_runs: list[Path]) -> None:
    camvid = camvid_segnet(tmp_path / "camvid", n_train=4, n_val=2)
    everything = tmp_path / "all.txt"
    everything.write_text("train/*\nval/*\n")

    done = streetseg("evaluate", real_runs[0], camvid, f"data.splits.val={everything}")
    facts = json.loads(streetseg("evaluate", real_runs[0], camvid, f"data.splits.val={everything}", "--json").out)

    assert {video: found["images"] for video, found in facts["per_video"].items()} == {
        "0001TP": 2,
        "0006R0": 2,
        "0016E5": 2,
    }
    rows = done.out.splitlines()[done.out.splitlines().index("video                       IoU  images") + 1 :][:3]
    ranked = sorted(facts["per_video"], key=lambda video: facts["per_video"][video]["iou"])
    assert [row.split()[0] for row in rows] == ranked
