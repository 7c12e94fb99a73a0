"""streetseg check: the summary, the one JSON object, and the page."""

import json
import os
from pathlib import Path

import pytest

import corpus
import tiny
from streetseg.data.class_weights import class_weights


def test_a_good_data_set_is_summed_up(tmp_path: Path, streetseg) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid", n_train=4, n_val=2)

    done = streetseg("check", f"camvid:{folder}")

    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].startswith(f"camvid:{folder}: ")
    assert lines[0].endswith("label space street-11")
    assert "train: 4 images" in lines
    assert "    sizes     48x64 (4)" in lines
    start = next(k for k, line in enumerate(lines) if line.startswith("share of pixels"))
    shares = [float(line.rsplit(maxsplit=4)[1]) for line in lines[start + 1 : start + 12]]
    ignored = float(lines[start + 12].split()[1])
    assert lines[start + 12].startswith("ignored")
    assert abs(sum(shares) + ignored - 100) < 0.1


def test_weights_are_those_of_training(tmp_path: Path, streetseg) -> None:
    torch = pytest.importorskip("torch")
    from streetseg.recipe.schema import Loss
    from streetseg.training.objective import Objective

    report = json.loads(streetseg("check", f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid')}", "--json").out)

    pixels = list(report["splits"]["train"]["counts"].values())
    for name, weights in report["class_weights"].items():
        trained = Objective(Loss(class_weights=name), pixels, 255).class_weights
        assert torch.equal(trained, torch.tensor(list(weights.values())))
    assert list(report["class_weights"]["balanced"].values()) == class_weights(pixels).tolist()


def test_every_wrong_file_is_listed(tmp_path: Path, streetseg) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid", n_train=30, n_val=2)
    images = sorted((folder / "train").iterdir())
    for path in images:
        path.write_bytes(b"")

    done = streetseg("check", f"camvid:{folder}")
    report = json.loads(streetseg("check", f"camvid:{folder}", "--json").out)

    assert done.code == 2
    assert all(path.name in done.err for path in images)
    assert [error["files"] for error in report["errors"]] == [[str(path)] for path in images]
    assert {error["found"] for error in report["errors"]} == {"0 bytes"}


def test_what_is_usable_is_summed_up_beside_the_errors(tmp_path: Path, streetseg) -> None:
    case = corpus.unpaired_and_damaged(tmp_path / "data")

    done = streetseg("check", case.data)
    report = json.loads(streetseg("check", case.data, "--json").out)

    assert "train: 4 images" in done.out
    assert report["splits"]["val"]["images"] == 2
    assert len(report["errors"]) == 3
    assert report["error"] == "3 files cannot be used"


def test_a_handful_of_pairs_in_the_terminal_all_of_them_as_json(tmp_path: Path, streetseg) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid", n_train=2, n_val=9)
    for name in ("train", "trainannot"):  # in the video of val, and within 2 s of all of it
        corpus.nth(folder, name, 0).rename(folder / name / "0016E5_07950.png")

    done = streetseg("check", f"camvid:{folder}")
    report = json.loads(streetseg("check", f"camvid:{folder}", "--json").out)

    [neighbors] = [warning for warning in report["warnings"] if warning["kind"] == "neighbors"]
    assert len(neighbors["entries"]) == 9
    assert done.out.count("in video 0016E5)") == 5
    assert "and 4 more pairs, all of them with --json" in done.out


def test_split_lists_are_looked_through(tmp_path: Path, streetseg) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    (tmp_path / "val.txt").write_text("*0001TP_*\n")
    (tmp_path / "train.txt").write_text("*0006R0_*\n")
    lists = [f"data.splits.{split}={tmp_path / split}.txt" for split in ("train", "val")]

    report = json.loads(streetseg("check", f"camvid:{folder}", "--json", *lists).out)

    assert {name: split["images"] for name, split in report["splits"].items()} == {"train": 3, "val": 3}


def test_the_same_image_in_two_lists_is_found(tmp_path: Path, streetseg) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    (tmp_path / "some.txt").write_text("*0001TP_*\n")
    lists = [f"data.splits.{split}={tmp_path / 'some'}.txt" for split in ("train", "val")]

    report = json.loads(streetseg("check", f"camvid:{folder}", "--json", *lists).out)

    [identical] = [warning for warning in report["warnings"] if warning["kind"] == "identical"]
    assert all(first == second for first, second in (entry["files"] for entry in identical["entries"]))
    assert len(identical["entries"]) == 3


def test_classes_that_a_split_does_not_show_are_told(tmp_path: Path, streetseg) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    corpus.rewrite_mask(corpus.nth(folder, "valannot", 0), lambda ids: ids.clip(11))  # all void
    for k in (1, 2):
        corpus.rewrite_mask(corpus.nth(folder, "valannot", k), lambda ids: ids % 8)

    report = json.loads(streetseg("check", f"camvid:{folder}", "--json").out)

    reported = {warning["kind"]: warning for warning in report["warnings"]}
    assert reported["absent"]["text"] == "split val shows no car, pedestrian, bicyclist"
    assert reported["void"]["text"] == "1 of 3 masks of val hold nothing that counts"


def test_every_file_is_read_whatever_is_known(tmp_path: Path, streetseg) -> None:
    """`check` reads every file; only training and scoring use the cached results of earlier checks."""
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    assert streetseg("check", f"camvid:{folder}").code == 0
    path = corpus.nth(folder, "train", 0)
    times = path.stat()
    path.write_bytes(bytes(times.st_size))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as a failing disk would leave it

    done = streetseg("check", f"camvid:{folder}")

    assert done.code == 2
    assert str(path) in done.err


# The page


def test_the_page_shows_everything_found(tmp_path: Path, streetseg) -> None:
    case = corpus.unpaired_and_damaged(tmp_path / "data")

    done = streetseg("check", case.data, "--report", tmp_path / "new" / "page.html")

    page = (tmp_path / "new" / "page.html").read_text()
    assert done.code == 2
    assert "3 files must be mended" in page
    assert all(str(path.relative_to(tmp_path)) in page for path in case.culprits)
    assert str(tmp_path) not in page
    assert "Content-Security-Policy" in page
    assert "<script" not in page
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]


def test_the_page_holds_no_folder_of_the_machine(tmp_path: Path, streetseg) -> None:
    folder = tiny.camvid_segnet(tmp_path / "A. Name" / "camvid", n_train=4, n_val=2)
    train, val = (sorted((folder / split).iterdir())[0] for split in ("train", "val"))
    val.write_bytes(train.read_bytes())
    (folder / "train" / "notes.txt").write_text("x")

    done = streetseg("check", f"camvid:{folder}", "--report", tmp_path / "page.html")

    page = (tmp_path / "page.html").read_text()
    assert f"streetseg check 'camvid:{folder}' data.split=auto --write-splits DIR" in done.out
    assert "streetseg check &#39;camvid:camvid&#39; data.split=auto --write-splits DIR" in page
    assert f"camvid/val/{val.name} and camvid/train/{train.name} (the same pixels)" in page
    assert "A. Name" not in page


def test_a_page_is_made_even_where_nothing_is_usable(tmp_path: Path, streetseg) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    for path in [*(folder / "train").iterdir(), *(folder / "val").iterdir()]:
        path.write_bytes(b"")

    done = streetseg("check", f"camvid:{folder}", "--report", tmp_path / "page.html")

    assert done.code == 2
    assert "train: 0 images" in done.out
    assert "9 files must be mended" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [("mine.html", "not replaced"), ("folder.html", "this is a folder"), ("mine.png", "HTML file")],
)
def test_no_file_of_a_person_is_written_over(name: str, message: str, tmp_path: Path, streetseg) -> None:
    (tmp_path / "mine.html").write_text("<p>mine</p>")
    (tmp_path / "mine.png").write_bytes(b"mine")
    (tmp_path / "folder.html").mkdir()
    before = corpus.state(tmp_path)

    done = streetseg("check", "camvid:nowhere", "--report", tmp_path / name)

    assert done.code == 2
    assert message in done.err
    assert corpus.state(tmp_path) == before


def test_an_earlier_page_is_written_anew(tmp_path: Path, streetseg) -> None:
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid')}"
    page = tmp_path / "page.html"
    assert streetseg("check", data, "--report", page).code == 0
    first = page.read_text()
    (tmp_path / "camvid" / "train" / "notes.txt").write_text("x")

    assert streetseg("check", data, "--report", page).code == 0

    assert "notes.txt" not in first
    assert "notes.txt" in page.read_text()
