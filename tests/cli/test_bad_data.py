"""Rows 1 to 20 of bad inputs through the real commands, over a corpus of data sets with one fault each.

Wherever a data set is refused: exit code 2 from `check` and from `train`, every file at fault named with the reason in
one error, nothing written, and the data set as it was.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

import corpus
import tiny
from conftest import Finished
from streetseg.labels.tables import STREET_11

Run = Callable[..., Finished]
TINY = ("--encoder", "test_efficientnet", "--weights", "none", "--epochs", "1", "train.precision=fp32")


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Assert that names, bytes and modification times below the folder do not change."""
    before = corpus.state(folder)
    yield
    assert corpus.state(folder) == before


def flat(text: str) -> str:
    """Return the text without its line breaks, which may cut a long path anywhere."""
    return " ".join(text.split())


def checked(streetseg: Run, data: str, *argv: object) -> dict:
    """Return the output of `check --json` for a data set that can be used."""
    done = streetseg("check", data, "--json", *argv)
    assert done.code == 0, done.err + done.out
    return json.loads(done.out)


def warnings(report: dict) -> dict[str, dict]:
    return {warning["kind"]: warning for warning in report["warnings"]}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(
            corpus.unknown_colors,
            marks=pytest.mark.bad_input(2, "unknown colors are listed with pixels and nearest class; exit 2"),
        ),
        pytest.param(
            corpus.jpeg_masks, marks=pytest.mark.bad_input(4, "refused because it is stored with loss; exit 2")
        ),
        pytest.param(
            corpus.unknown_ids, marks=pytest.mark.bad_input(5, "ids are listed for each file with their pixels; exit 2")
        ),
        pytest.param(
            corpus.black_and_white, marks=pytest.mark.bad_input(6, "the error asks whether 255 means class 1; exit 2")
        ),
        pytest.param(corpus.mixed_kinds, marks=pytest.mark.bad_input(7, "mixed kinds are counted and refused; exit 2")),
        pytest.param(
            corpus.polygons_only,
            marks=pytest.mark.bad_input(7, "polygons alone are refused, and the tool that draws them is named; exit 2"),
        ),
        pytest.param(
            corpus.wrapping_ids,
            marks=pytest.mark.bad_input(8, "ids above 255 are listed with their pixels and never wrapped; exit 2"),
        ),
        pytest.param(
            corpus.deep_channels, marks=pytest.mark.bad_input(8, "several channels of 16 bits are refused; exit 2")
        ),
        pytest.param(
            corpus.turned_against_its_mask,
            marks=pytest.mark.bad_input(10, "the error says that the mask fits only the unturned image; exit 2"),
        ),
        pytest.param(corpus.other_size, marks=pytest.mark.bad_input(11, "both sizes are named; exit 2")),
        pytest.param(
            corpus.damaged_files, marks=pytest.mark.bad_input(12, "each file is named with what it seems to be; exit 2")
        ),
        pytest.param(
            corpus.unpaired,
            marks=pytest.mark.bad_input(
                15, "files of both sides are listed, differences in capital letters named; exit 2"
            ),
        ),
        pytest.param(
            corpus.unpaired_and_damaged,
            marks=pytest.mark.bad_input(15, "they are listed together with damaged files, in one pass; exit 2"),
        ),
        pytest.param(
            corpus.unpaired_cityscapes, marks=pytest.mark.bad_input(15, "files of both sides are listed; exit 2")
        ),
        pytest.param(
            corpus.empty_folder, marks=pytest.mark.bad_input(16, "the error names the expected layout; exit 2")
        ),
        pytest.param(
            corpus.empty_split, marks=pytest.mark.bad_input(16, "the error names the size of each split; exit 2")
        ),
        pytest.param(
            corpus.bomb, marks=pytest.mark.bad_input(18, "the image is refused by the size in its header; exit 2")
        ),
        pytest.param(corpus.dangling_link, marks=pytest.mark.bad_input(20, "a broken link is named; exit 2")),
    ],
    ids=lambda make: make.__name__,
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_cannot_be_used_is_told_in_one_pass(
    make: corpus.Maker, tmp_path: Path, streetseg: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make(tmp_path / "data")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    with untouched(case.folder):
        reported = streetseg("check", case.data)
        as_json = streetseg("check", case.data, "--json")
        trained = streetseg("train", case.data, *TINY, "--out", here / "run")

    assert (reported.code, as_json.code, trained.code) == (2, 2, 2)
    report = json.loads(as_json.out)
    in_json = flat(f"{report['error']} {' '.join(report['where'])} {report['hint']}")
    for text in (reported.err, trained.err, in_json):
        assert "Traceback" not in text
        for culprit in case.culprits:
            assert culprit.name in text
        for part in case.said:
            assert part in flat(text)
    assert [line[:7] for line in reported.err.splitlines()].count("error: ") == 1
    if not case.structural:
        assert {error["problem"] for error in report["errors"]}
        named = {file for error in report["errors"] for file in error["files"]}
        assert all(any(culprit.name in file for file in named) for culprit in case.culprits)
    assert list(here.iterdir()) == []
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize("make", [corpus.empty_folder, corpus.empty_split], ids=lambda make: make.__name__)
@pytest.mark.bad_input(16, "an error before a model is built")
def test_empty_data_is_told_before_a_network_is_built(make: corpus.Maker, tmp_path: Path, streetseg: Run) -> None:
    case = make(tmp_path / "data")

    done = streetseg("train", case.data, "--encoder", "no_such_encoder", "--out", tmp_path / "run")

    assert done.code == 2
    assert all(part in flat(done.err) for part in case.said)
    assert "no_such_encoder" not in done.err


@pytest.mark.bad_input(16, "a training split of one image is refused before a model is built; `check` warns")
def test_a_single_image_is_refused_before_a_network_is_built(tmp_path: Path, streetseg: Run) -> None:
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid', n_train=1)}"

    done = streetseg("train", data, "--encoder", "no_such_encoder", "--out", tmp_path / "run")

    assert done.code == 2
    assert "split 'train' has one image" in done.err
    assert "no_such_encoder" not in done.err
    assert warnings(checked(streetseg, data))["single"]["text"].startswith("split train has one image")


@pytest.mark.bad_input(1, "masks are read by index, their colors ignored; `check` names the mode")
def test_palette_masks_count_as_if_they_were_gray(tmp_path: Path, streetseg: Run) -> None:
    case = corpus.palette_masks(tmp_path / "palette")
    gray = f"camvid:{tiny.camvid_segnet(tmp_path / 'gray')}"

    with untouched(case.folder):
        report, expected = checked(streetseg, case.data), checked(streetseg, gray)

    for split in ("train", "val"):
        assert report["splits"][split]["counts"] == expected["splits"][split]["counts"]
        assert list(report["splits"][split]["masks_stored"]) == ["P PNG"]


@pytest.mark.bad_input(2, "masks are decoded through the colors of the label space")
def test_masks_in_colors_count_as_if_they_were_ids(tmp_path: Path, streetseg: Run) -> None:
    drawn = checked(streetseg, f"camvid:{tiny.camvid_original(tmp_path / 'original', n_train=4)}")
    ids = np.concatenate([tiny.street(index)[1].ravel() for index in range(4)])

    train = drawn["splits"]["train"]
    assert drawn["space"] == "street-11"
    assert train["counts"] == {name: int((ids == i).sum()) for i, name in enumerate(STREET_11.names)}
    assert train["ignored"] == int((ids == 255).sum())
    assert list(train["masks_stored"]) == ["RGB PNG"]


@pytest.mark.bad_input(7, "label ids, train ids and colors are recognized, mapped and named in a note")
@pytest.mark.parametrize("kind", ["labelIds", "labelTrainIds", "color"])
def test_each_kind_of_cityscapes_masks_is_recognized_and_said(kind: str, tmp_path: Path, streetseg: Run) -> None:
    data = f"cityscapes:{tiny.cityscapes_folder(tmp_path / 'city', n_train=3, kind=kind)}"

    done = streetseg("check", data, "--json", "data.space=street-11")

    report = json.loads(done.out)
    assert f"masks are gtFine_{kind}" in done.err
    assert any(f"gtFine_{kind}" in note for note in report["notes"])
    ids = np.concatenate([tiny.street(index)[1].ravel() for index in range(3)])
    assert report["splits"]["train"]["counts"] == {
        name: int((ids == i).sum()) for i, name in enumerate(STREET_11.names)
    }


@pytest.mark.bad_input(7, "the license plate is ignored, as -1, 255 and 65535")
@pytest.mark.parametrize(("depth", "plate"), [(np.uint8, 255), (np.uint16, 65535), (np.int32, -1)])
def test_the_license_plate_of_cityscapes_is_ignored(depth: type, plate: int, tmp_path: Path, streetseg: Run) -> None:
    folder = tiny.cityscapes_folder(tmp_path / "city", n_train=2)
    before = checked(streetseg, f"cityscapes:{folder}")["splits"]["train"]
    path = next((folder / "gtFine" / "train").rglob("*.png"))
    ids = np.array(Image.open(path)).astype(depth)
    ids[0, :7] = plate  # sky before
    Image.fromarray(ids).save(path, format="TIFF" if depth is np.int32 else "PNG")  # PNG has no negative numbers

    after = checked(streetseg, f"cityscapes:{folder}")["splits"]["train"]

    assert after["ignored"] == before["ignored"] + 7
    assert after["counts"]["sky"] == before["counts"]["sky"] - 7


@pytest.mark.bad_input(8, "16-bit masks are read exactly")
def test_masks_of_16_bits_count_as_those_of_8(tmp_path: Path, streetseg: Run) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    before = checked(streetseg, f"camvid:{folder}")["splits"]["val"]
    for path in (folder / "valannot").iterdir():
        corpus.rewrite_mask(path, lambda ids: ids.astype(np.uint16))

    after = checked(streetseg, f"camvid:{folder}")["splits"]["val"]

    assert after["counts"] == before["counts"]
    assert list(after["masks_stored"]) == ["16-bit gray PNG"]


@pytest.mark.bad_input(3, "nearest neighbor: training on resized data sees only ids of the masks and the ignore index")
@pytest.mark.bad_input(9, "images are converted to 8-bit RGB by one rule and counted in data.json")
def test_images_of_all_modes_are_converted_and_counted_in_data_json(
    tmp_path: Path, streetseg: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREETSEG_CACHE", str(tmp_path / "cache"))
    case = corpus.images_of_all_modes(tmp_path / "data")
    for path in (case.folder / "trainannot").iterdir():  # two ids that a blend would put others between
        corpus.rewrite_mask(path, lambda ids: np.where(ids > 4, 9, 2).astype(np.uint8))

    with untouched(case.folder):
        converted = warnings(checked(streetseg, case.data))["converted"]
        done = streetseg("train", case.data, *TINY, "data.size=36x52", "augment.crop=32x32", "--out", tmp_path / "run")

    assert done.code == 0, done.err
    assert {entry["reason"] for entry in converted["entries"]} == set(case.said)
    assert [entry["files"] for entry in converted["entries"]] == [[str(path)] for path in sorted(case.culprits)]
    reported = json.loads((tmp_path / "run" / "data.json").read_text())["splits"]["train"]
    assert reported["images_stored"] == dict.fromkeys((*case.said, "RGB PNG"), 1)
    counts = {name: pixels for name, pixels in reported["counts"].items() if pixels}
    assert set(counts) == {STREET_11.names[2], STREET_11.names[9]}
    assert sum(counts.values()) + reported["ignored"] == 8 * 48 * 64
    (trained_on,) = (tmp_path / "cache" / "store").glob("camvid_train-*/*/labels.u8")
    labels = np.fromfile(trained_on, np.uint8)
    assert len(labels) == 8 * 37 * 50  # as many pixels as 36x52, in the images' own shape
    assert set(np.unique(labels)) == {2, 9}


@pytest.mark.bad_input(10, "the rotation is applied to the image and named in a note")
def test_a_rotation_by_exif_is_applied_and_said(tmp_path: Path, streetseg: Run) -> None:
    case = corpus.turned_images(tmp_path / "data")

    with untouched(case.folder):
        report = checked(streetseg, case.data)
        reported = streetseg("check", case.data)

    assert report["splits"]["train"]["turned"] == 2
    assert report["splits"]["train"]["sizes"] == {"48x64": 6}
    entries = warnings(report)["turned"]["entries"]
    assert [entry["files"] for entry in entries] == [[str(path)] for path in case.culprits]
    assert case.said[0] in reported.out
    assert all(path.name in reported.out for path in case.culprits)


@pytest.mark.bad_input(13, "such paths work in check, train, predict and evaluate")
def test_any_name_works_from_check_to_evaluation(tmp_path: Path, streetseg: Run) -> None:
    folder = tmp_path / corpus.ODD_NAMES[0] / corpus.ODD_NAMES[1]
    for split in ("train", "val"):
        for k, name in enumerate(corpus.ODD_NAMES):
            image, label = tiny.street(k)
            tiny.save(folder / split / f"{name}.png", image)
            tiny.save(folder / f"{split}annot" / f"{name}.png", np.where(label == 255, 11, label).astype(np.uint8))
    data = f"camvid:{folder}"

    with untouched(tmp_path / corpus.ODD_NAMES[0]):
        report = checked(streetseg, data, "--report", tmp_path / "page.html")
        trained = streetseg("train", data, *TINY, "--out", tmp_path / "run")
        predicted = streetseg("predict", tmp_path / "run", folder / "val", "--out", tmp_path / "predicted")
        scored = streetseg("evaluate", tmp_path / "run", data, "--json")

    assert report["splits"]["val"]["images"] == len(corpus.ODD_NAMES)
    assert (trained.code, predicted.code, scored.code) == (0, 0, 0), trained.err + predicted.err + scored.err
    names = {path.name for path in (tmp_path / "predicted").iterdir()}
    assert names >= {f"{name}_ids.png" for name in corpus.ODD_NAMES}
    assert json.loads(scored.out)["protocol"]["images"] == len(corpus.ODD_NAMES)


@pytest.mark.bad_input(13, "names that are no Unicode work too, with folder:FILE.yaml and in Cityscapes' layout")
def test_names_that_are_no_unicode_are_checked_and_shown(tmp_path: Path, streetseg: Run) -> None:
    odd = b"caf\xe9 [1]".decode("utf-8", "surrogateescape")
    path = tiny.folder_yaml(tmp_path / "own", n_train=3, n_val=2)
    for old in list((tmp_path / "own" / "images").rglob("*.jpg")) + list((tmp_path / "own" / "masks").rglob("*.png")):
        old.rename(old.with_name(old.name.replace("street", odd)))
    city = tiny.cityscapes_folder(tmp_path / "city", n_train=2, n_val=1)
    for tree in ("leftImg8bit", "gtFine"):
        (city / tree / "val" / "frankfurt").rename(city / tree / "val" / odd)

    for data in (f"folder:{path}", f"cityscapes:{city}"):
        report = checked(streetseg, data, "--report", tmp_path / "page.html")
        reported = streetseg("check", data)

        assert report["splits"]["val"]["images"] > 0
        assert reported.code == 0
        assert r"caf\udce9 [1]" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.bad_input(14, "stray files are skipped and listed once")
def test_stray_files_are_skipped_and_listed_once(tmp_path: Path, streetseg: Run) -> None:
    case = corpus.strays(tmp_path / "data")

    with untouched(case.folder):
        reported = streetseg("check", case.data)
        report = checked(streetseg, case.data)
        scored = streetseg("train", case.data, *TINY, "--out", tmp_path / "run")

    assert reported.code == 0
    for path in case.culprits:
        assert (reported.out + reported.err).count(f"{path} (") == 1
    assert {entry["files"][0] for entry in warnings(report)["skipped"]["entries"]} == set(map(str, case.culprits))
    assert report["splits"]["train"]["images"] == 6
    assert scored.code == 0
    assert scored.err.count(case.said[0]) == 1


@pytest.mark.bad_input(17, "`check` and training warn with counts and pairs, from exact and perceptual hashes")
def test_copies_across_splits_are_warned_of_with_their_pairs(tmp_path: Path, streetseg: Run) -> None:
    case = corpus.copies_across_splits(tmp_path / "data")
    identical, known, alike, other = map(str, case.culprits)

    with untouched(case.folder):
        report = warnings(checked(streetseg, case.data))
        reported = streetseg("check", case.data)
        trained = streetseg("train", case.data, *TINY, "--out", tmp_path / "run")

    assert [entry["files"] for entry in report["identical"]["entries"]] == [[identical, known]]
    assert [entry["files"] for entry in report["alike"]["entries"]] == [[alike, other]]
    assert f"{identical} and {known} (the same pixels)" in reported.out
    assert trained.code == 0
    for part in case.said:
        assert part in reported.out
        [line] = [line for line in trained.err.splitlines() if part in line]
        assert line.startswith("warning: ")


@pytest.mark.bad_input(17, "frames of one video within 2 s of each other are counted and paired")
def test_neighbors_in_a_video_are_warned_of(tmp_path: Path, streetseg: Run) -> None:
    case = corpus.neighbors_in_a_video(tmp_path / "data")

    report = warnings(checked(streetseg, case.data))["neighbors"]

    assert report["text"] == case.said[0]
    assert [entry["files"][0] for entry in report["entries"]] == [str(path) for path in case.culprits]
    assert [entry["reason"] for entry in report["entries"]] == [
        "0.20 s apart in video 0016E5",
        "2.00 s apart in video 0016E5",
    ]


@pytest.mark.bad_input(17, "for CamVid's own split: 26 of 101 validation images have a neighbor in training")
def test_camvid_as_it_is_handed_around_has_neighbors_in_both_splits(shared: Path, streetseg: Run) -> None:
    report = checked(streetseg, f"camvid:{shared / 'data' / 'camvid'}")

    assert list(warnings(report)) == ["neighbors", "divide"]
    assert warnings(report)["neighbors"]["text"] == (
        "26 of 101 images of val are within 2 s of one of train in the same video"
    )


@pytest.mark.bad_input(18, "data.max_megapixels raises and lowers the limit")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_limit_of_pixels_can_be_raised_and_lowered(
    tmp_path: Path, streetseg: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # put back afterwards
    case = corpus.bomb(tmp_path / "bomb")
    good = f"camvid:{tiny.camvid_segnet(tmp_path / 'good')}"
    assert streetseg("check", good).code == 0

    raised = streetseg("check", case.data, "data.max_megapixels=500")
    lowered = streetseg("check", good, "data.max_megapixels=0.003")
    trained = streetseg("train", good, *TINY, "data.max_megapixels=0.003", "--out", tmp_path / "run")

    assert "larger than" not in raised.err  # now its pixels are looked for
    assert f"{case.culprits[0]} (" in raised.err
    assert "larger than 0.003 megapixels" in lowered.err
    assert trained.code == 2
    assert "larger than 0.003 megapixels" in trained.err


@pytest.mark.bad_input(19, "the store is built again and the file named; an edit that damages a file is refused")
def test_an_edited_file_is_read_again_and_said(tmp_path: Path, streetseg: Run) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    data = f"camvid:{folder}"
    assert streetseg("train", data, *TINY, "--out", tmp_path / "first").code == 0
    mask = corpus.rewrite_mask(corpus.nth(folder, "trainannot", 2), lambda ids: np.full_like(ids, 3))

    edited = streetseg("train", data, *TINY, "--out", tmp_path / "second")
    corpus.rewrite_mask(mask, lambda ids: np.full_like(ids, 99))
    spoiled = streetseg("train", data, *TINY, "--out", tmp_path / "third")

    assert f"the store of train is built again: train/{mask.stem} changed on disk" in edited.err
    first, second = (
        json.loads((tmp_path / name / "data.json").read_text())["splits"]["train"] for name in ("first", "second")
    )
    assert second["counts"]["road"] > first["counts"]["road"]
    assert second["fingerprint"] != first["fingerprint"]
    assert spoiled.code == 2
    assert f"{mask} (id 99; 3,072 pixels)" in spoiled.err
    assert not (tmp_path / "third").exists()


@pytest.mark.bad_input(20, "links to folders are followed, except to a parent or to themselves")
def test_loops_of_links_end(tmp_path: Path, streetseg: Run) -> None:
    case = corpus.loops_of_links(tmp_path / "data")

    with untouched(tmp_path):
        report = checked(streetseg, case.data)

    assert [split["images"] for split in report["splits"].values()] == [6, 3]
