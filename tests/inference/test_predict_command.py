"""`streetseg predict` and `streetseg bench`."""

import http.server
import io
import itertools
import json
import os
import signal
import sys
import threading
import zipfile
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import corpus
import processes
import tiny
from finished_runs import RANDOM
from networks import tiny_network
from streetseg.inference import submission
from streetseg.inference.predictor import Predictor
from streetseg.labels.mappings import cityscapes_ids
from streetseg.labels.tables import CITYSCAPES_19, STREET_11
from streetseg.models.bundle import load_bundle, save_bundle
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = SegmentationNetwork(
        Encoder("test_efficientnet"), STREET_11, decoder="classic", channels=(32, 16, 16, 8, 8), size=(48, 64)
    )
    folder = tmp_path_factory.mktemp("model") / "bundle"
    initial = {"kind": "random", "source": "", "text": "random weights"}
    save_bundle(folder, network, initial_weights=initial, protocol={}, scores={})
    return folder


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """Write images of several sizes and formats, with unusual names."""
    folder = tmp_path / "street"
    for index, (name, size) in enumerate(
        {"a.png": (48, 64), "ü b [1].jpg": (101, 33), "sub/c.png": (1, 1), "d.png": (30, 300)}.items()
    ):
        tiny.save(folder / name, tiny.street(index, size)[0] if size != (1, 1) else np.zeros((1, 1, 3), np.uint8))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.bad_input(13, "`predict` labels images with such names, and its results have the same names")
@pytest.mark.bad_input(23, "images of 1x1, 101x33 and 30x300 pixels are labeled at their own size")
def test_labels_colors_and_overlays_of_the_images_own_size(
    tmp_path: Path, street: Path, model: Path, streetseg: Command
) -> None:
    before, out = contents(street), tmp_path / "out"
    ended = streetseg("predict", model, street, "--out", out, "--overlay")
    assert ended.code == 0, ended.err
    assert contents(street) == before
    predictor = Predictor.load(model, "cpu")
    for path in street.rglob("*.*"):
        image = np.array(Image.open(path).convert("RGB"))
        name = path.relative_to(street).with_suffix("")
        ids, color, mixed = (Image.open(out / f"{name}_{kind}.png") for kind in ("ids", "color", "overlay"))
        assert (ids.mode, color.mode, mixed.mode) == ("L", "RGB", "RGB")
        assert np.array_equal(np.array(ids), predictor.predict(image))
        colors = np.array(STREET_11.colors)[np.array(ids)]
        assert np.array_equal(np.array(color), colors)
        assert np.abs(np.array(mixed) - (colors + image) / 2).max() <= 0.5
    assert len(list(out.rglob("*.png"))) == 3 * 4


def test_without_overlay_and_with_json(tmp_path: Path, street: Path, model: Path, streetseg: Command) -> None:
    out = tmp_path / "out"
    reported = json.loads(streetseg("predict", model, street / "a.png", "--out", out, "--json").out)
    assert reported["classes"] == list(STREET_11.names)
    assert (reported["ids"], reported["class_ids"]) == ("model", list(range(11)))
    assert [one["size"] for one in reported["images"]] == [[48, 64]]
    assert {path.name for path in out.iterdir()} == {"a_ids.png", "a_color.png", "legend.json"}
    assert Path(reported["images"][0]["ids"]) == out / "a_ids.png"


@pytest.mark.parametrize("flags", [["--tta"], ["--tile", "128"], ["--tta", "--tile", "128"]])
def test_every_way_of_looking(tmp_path: Path, street: Path, model: Path, streetseg: Command, flags: list[str]) -> None:
    assert streetseg("predict", model, street, "--out", tmp_path / "out", *flags).code == 0
    assert len(list((tmp_path / "out").rglob("*_ids.png"))) == 4


def test_every_kind_of_result(tmp_path: Path, street: Path, model: Path, streetseg: Command) -> None:
    from streetseg.inference.output import KINDS, is_result

    out = tmp_path / "out"
    for _ in range(2):  # the second time, its own files are replaced
        ended = streetseg("predict", model, street / "d.png", "--out", out, "--save", ",".join(KINDS), "--json")
        assert ended.code == 0, ended.err
    written = {kind: Path(json.loads(ended.out)["images"][0][kind]) for kind in KINDS}
    assert all(is_result(path) for path in written.values())

    ids = np.array(Image.open(written["ids"]))
    with np.load(written["probabilities"]) as arrays:
        probabilities = arrays["probabilities"]
        assert (probabilities.dtype, list(arrays["classes"])) == (np.float16, list(STREET_11.names))
    with np.load(written["logits"]) as arrays:
        logits = arrays["logits"]
    assert probabilities.shape == logits.shape == (11, 30, 300)
    largest = probabilities.max(axis=0)
    chosen = np.take_along_axis(probabilities, ids[None].astype(int), 0)[0]
    np.testing.assert_allclose(chosen, largest, atol=1e-3)
    np.testing.assert_allclose(probabilities.astype(np.float32).sum(axis=0), 1, atol=0.01)
    assert np.abs(np.array(Image.open(written["confidence"])) / 255 - largest).max() < 0.01

    found = json.loads(written["coco"].read_text())
    assert _from_coco(found).tolist() == ids.tolist()
    legend = json.loads((out / "legend.json").read_text())["classes"]
    assert [tuple(row["color"]) for row in legend] == list(STREET_11.colors)
    assert _from_geojson(json.loads(written["geojson"].read_text()), ids.shape).tolist() == ids.tolist()


def _from_coco(found: dict[str, Any]) -> np.ndarray:
    """Return the labels of a COCO object, 255 where it has none."""
    height, width = found["images"][0]["height"], found["images"][0]["width"]
    ids = np.full(height * width, 255, np.uint8)
    for one in found["annotations"]:
        counts = one["segmentation"]["counts"]
        mask = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        assert mask.sum() == one["area"]
        ids[mask] = one["category_id"] - 1
    return ids.reshape(width, height).T


def _from_geojson(found: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """Return the labels of a GeoJSON object by the winding of its rings, 255 where it has none."""
    ids = np.full(size, 255, np.uint8)
    for feature in found["features"]:
        inside = np.zeros(size, int)
        for polygon in feature["geometry"]["coordinates"]:
            for number, ring in enumerate(polygon):
                assert ring[0] == ring[-1]
                odd = np.zeros(size, int)
                for (x, y), (to_x, to_y) in pairwise(ring):
                    if x == to_x:  # an upright side: every pixel to its right changes
                        odd[min(y, to_y) : max(y, to_y), x:] ^= 1
                inside += odd if number == 0 else -odd
        assert set(np.unique(inside)) <= {0, 1}
        ids[inside == 1] = feature["properties"]["id"]
    return ids


def test_an_unknown_kind_of_result_is_refused(tmp_path: Path, street: Path, model: Path, streetseg: Command) -> None:
    ended = streetseg("predict", model, street, "--out", tmp_path / "out", "--save", "ids,colour")
    assert ended.code == 2
    assert "did you mean color?" in ended.err


def test_lists_addresses_and_stdin(
    tmp_path: Path, street: Path, model: Path, streetseg: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list.txt").write_text(f"{street / 'a.png'}\n\n{street / 'd.png'}\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((street / "a.png").read_bytes())))
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(street))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        ended = streetseg(
            *("predict", model, f"@{tmp_path / 'list.txt'}", "-", f"{url}/sub/c.png", f"{url}/none.png"),
            *("--out", tmp_path / "out", "--json"),
        )
        server.shutdown()
    reported = json.loads(ended.out)
    assert ended.code == 1
    given = [str(street / "a.png"), str(street / "d.png"), "-", f"{url}/sub/c.png"]
    assert [one["input"] for one in reported["images"]] == given
    assert reported["where"] == [f"{url}/none.png: the server answers 404 File not found"]
    assert {path.name for path in (tmp_path / "out").glob("*_ids.png")} == {
        f"{name}_ids.png" for name in ("a", "d", "stdin", "c")
    }
    alone = streetseg("predict", model, f"@{tmp_path / 'no.txt'}", "--out", tmp_path / "out")
    assert alone.code == 2
    assert "list of images cannot be read" in alone.err


def test_a_bad_file_leaves_the_others_in_the_json(
    tmp_path: Path, street: Path, model: Path, streetseg: Command
) -> None:
    (street / "b.png").write_bytes(b"")
    ended = streetseg("predict", model, street, "--out", tmp_path / "out", "--json")
    reported = json.loads(ended.out)
    assert (ended.code, len(reported["images"])) == (1, 4)
    assert "b.png" in reported["where"][0]
    alone = streetseg("predict", model, street / "b.png", "--out", tmp_path / "out")
    assert alone.code == 2


def test_shards_share_the_images_and_repeat_none(tmp_path: Path, street: Path, model: Path, streetseg: Command) -> None:
    out = tmp_path / "out"
    parts = [
        json.loads(streetseg("predict", model, street, "--out", out, "--shard", f"{i}/2", "--json").out)["images"]
        for i in (1, 2)
    ]
    assert [len(part) for part in parts] == [2, 2]
    assert len({one["input"] for part in parts for one in part}) == 4
    (out / "a_ids.png").unlink()
    again = streetseg("predict", model, street, "--out", out, "--shard", "1/1", "--json")
    assert [Path(one["input"]).name for one in json.loads(again.out)["images"]] == ["a.png"]
    assert "3 images finished already" in again.err
    assert streetseg("predict", model, street, "--out", out, "--shard", "3/2").code == 2


def killed_at(count: int, argv: tuple[object, ...]) -> None:
    """Run `streetseg predict`, and kill this process after `count` images are finished."""
    from streetseg.cli.main import main
    from streetseg.inference.finished import FinishedImages

    add, done = FinishedImages.add, itertools.count(1)

    def counting(self: FinishedImages, path: Path, name: str) -> None:
        add(self, path, name)
        if next(done) == count:
            os.kill(os.getpid(), signal.SIGKILL)

    FinishedImages.add = counting  # type: ignore[method-assign]  # in a fork
    sys.argv = ["streetseg", *map(str, argv)]
    main()


@pytest.mark.parametrize("shard", [(), ("--shard", "1/1")])
def test_a_killed_prediction_repeats_no_finished_image(
    tmp_path: Path, street: Path, model: Path, streetseg: Command, shard: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    argv = ("predict", model, street, "--out", out, *shard)
    killed = processes.start(lambda: killed_at(2, argv), tmp_path, "killed")
    assert killed.wait() == -signal.SIGKILL

    record = next(out.glob(".finished-*.jsonl"))
    record.write_bytes(record.read_bytes() + b'["cut')  # as a kill in the middle of a line leaves it
    other = streetseg(*argv, "--json", "--ids", "cityscapes")
    assert other.code == 2  # another request, which fails for other reasons; it leaves the record alone
    ended = streetseg(*argv, "--json")
    assert "2 images finished already" in ended.err
    assert len(json.loads(ended.out)["images"]) == 2
    whole = tmp_path / "whole"
    assert streetseg("predict", model, street, "--out", whole).code == 0
    names = [path.relative_to(whole) for path in whole.rglob("*.*") if path.name[0] != "."]
    assert len(names) == 9
    assert all((out / name).read_bytes() == (whole / name).read_bytes() for name in names)

    again = json.loads(streetseg(*argv, "--json").out)["images"]
    assert len(again) == (0 if shard else 4)  # the whole command is done, so that it is done again
    assert bool(list(out.glob(".finished-*"))) == bool(shard)


def test_an_image_that_changed_is_labeled_again(tmp_path: Path, street: Path, model: Path, streetseg: Command) -> None:
    argv = ("predict", model, street, "--out", tmp_path / "out", "--shard", "1/1", "--json")
    assert streetseg(*argv).code == 0
    tiny.save(street / "a.png", tiny.street(9, (50, 64))[0])
    assert [Path(one["input"]).name for one in json.loads(streetseg(*argv).out)["images"]] == ["a.png"]
    assert len(json.loads(streetseg(*argv, "--flip").out)["images"]) == 4  # other views are another request


def test_own_ids_are_those_of_the_masks_of_the_training(
    tmp_path: Path, street: Path, model: Path, streetseg: Command
) -> None:
    network = load_bundle(model)[0]
    out = ("--out", tmp_path / "out", "--ids", "own", "--json")
    unknown = streetseg("predict", model, street / "a.png", *out)
    assert unknown.code == 2
    assert "the model does not know the ids of the masks" in unknown.out

    network.mask_ids = [[10 * k, 10 * k + 5] if k == 3 else [10 * k] for k in range(11)]
    save_bundle(tmp_path / "own", network, initial_weights=RANDOM, protocol={}, scores={})
    ended = streetseg("predict", tmp_path / "own", street / "a.png", *out)
    assert ended.code == 0, ended.err
    assert "class road has the ids 30, 35 in the masks: 30 is written" in ended.err
    assert json.loads(ended.out)["class_ids"] == [10 * k for k in range(11)]
    ids = Predictor.load(model, "cpu").predict(street / "a.png")
    assert np.array_equal(np.array(Image.open(tmp_path / "out" / "a_ids.png")), ids * 10)
    legend = json.loads((tmp_path / "out" / "legend.json").read_text())["classes"]
    assert [row["value"] for row in legend] == [10 * k for k in range(11)]

    network.mask_ids = [[300], *([k] for k in range(1, 11))]
    save_bundle(tmp_path / "wide", network, initial_weights=RANDOM, protocol={}, scores={})
    ended = streetseg("predict", tmp_path / "wide", street / "a.png", *out)
    assert ended.code == 2
    assert "class sky has the id 300 in the masks, expected 0..255" in ended.out


@pytest.fixture
def cityscapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a split of three images in the layout of Cityscapes; return its folder."""
    monkeypatch.setattr(submission, "SIZE", (32, 64))
    monkeypatch.setattr(submission, "IMAGES", {"test": 3})
    folder = tmp_path / "leftImg8bit" / "test"
    for number, city in enumerate(("berlin", "berlin", "bonn")):
        image = tiny.street(number, (32, 64))[0]
        tiny.save(folder / city / f"{city}_{number:06}_000019_leftImg8bit.png", image)
    return folder


def test_a_submission_for_cityscapes(tmp_path: Path, cityscapes: Path, streetseg: Command) -> None:
    model = tmp_path / "model"
    save_bundle(model, tiny_network(space=CITYSCAPES_19), initial_weights=RANDOM, protocol={}, scores={})
    packed = tmp_path / "submission.zip"
    argv = ("predict", model, cityscapes, "--out", tmp_path / "out", "--cityscapes-submission", packed)
    for _ in range(2):  # its own file is replaced
        ended = streetseg(*argv)
        assert ended.code == 0, ended.err
    assert "3 masks packed for the Cityscapes server" in ended.out
    predictor = Predictor.load(model, "cpu")
    label_ids = cityscapes_ids(CITYSCAPES_19)
    with zipfile.ZipFile(packed) as files:
        assert files.namelist() == [
            f"{city}_00000{n}_000019_labelIds.png" for n, city in enumerate(("berlin", "berlin", "bonn"))
        ]
        for path, name in zip(sorted(cityscapes.rglob("*.png")), files.namelist(), strict=True):
            with Image.open(files.open(name)) as mask:
                assert np.array_equal(np.array(mask), label_ids[predictor.predict(path)])

    packed.write_bytes(b"theirs")
    taken = streetseg(*argv)
    assert (taken.code, packed.read_bytes()) == (2, b"theirs")
    packed.unlink()
    part = streetseg(*argv, "--shard", "1/2")
    tiny.save(cityscapes / "bonn" / "bonn_000002_000019_leftImg8bit.png", tiny.street(0, (32, 66))[0])
    wide = streetseg(*argv)
    (cityscapes / "bonn" / "bonn_000002_000019_leftImg8bit.png").unlink()
    fewer = streetseg(*argv)
    tiny.save(cityscapes / "bonn" / "mine.png", tiny.street(0, (32, 64))[0])
    other = streetseg(*argv)
    for ended, said in (
        (part, "a submission needs the whole split"),
        (wide, "images of another size than 32 x 64"),
        (fewer, "2 images, but the split test has 3"),
        (other, "no submission: no image of Cityscapes"),
    ):
        assert ended.code == 2
        assert said in ended.err
    assert not packed.exists()


@pytest.mark.bad_input(10, "`predict` turns the image upright, and its labels with it")
def test_exif_rotation_is_applied(tmp_path: Path, model: Path, streetseg: Command) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate clockwise to view
    image = Image.fromarray(tiny.street(0, (40, 90))[0])
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert streetseg("predict", model, tmp_path / "turned.jpg", "--out", tmp_path / "out").code == 0
    assert Image.open(tmp_path / "out" / "turned_ids.png").size == (40, 90)


def test_results_of_an_earlier_prediction_are_renewed(
    tmp_path: Path, street: Path, model: Path, streetseg: Command
) -> None:
    for _ in range(2):
        assert streetseg("predict", model, street, "--out", tmp_path / "out").code == 0


def test_a_persons_file_in_the_way_is_not_touched(
    tmp_path: Path, street: Path, model: Path, streetseg: Command
) -> None:
    out = tmp_path / "out"
    tiny.save(out / "a_ids.png", np.zeros((4, 4), np.uint8))
    before = contents(out)
    ended = streetseg("predict", model, street, "--out", out)
    assert ended.code == 2
    assert "a_ids.png" in ended.err
    assert contents(out) == before


def test_an_input_is_never_replaced_by_a_result(tmp_path: Path, model: Path, streetseg: Command) -> None:
    folder = tmp_path / "both"
    tiny.save(folder / "a.png", tiny.street(0)[0])
    tiny.save(folder / "a_ids.png", tiny.street(1)[0])  # a person's
    before = contents(folder)
    ended = streetseg("predict", model, folder, "--out", folder)
    assert ended.code == 2
    assert "a result would replace an input" in ended.err
    assert contents(folder) == before


@pytest.mark.bad_input(57, "its own results are recognized by their PNG text and skipped, with one note")
@pytest.mark.parametrize("below", ["", "predicted"])
def test_predicting_again_over_its_own_results_changes_nothing(
    below: str, tmp_path: Path, street: Path, model: Path, streetseg: Command
) -> None:
    out = street / below
    tiny.save(street / "their_ids.png", tiny.street(5)[0])  # a person's file with such a name is an image
    first = streetseg("predict", model, street, "--out", out, "--overlay")
    after_one = contents(street)

    again = streetseg("predict", model, street, "--out", out, "--overlay")
    named = [path for path in sorted(street.rglob("*.png")) if path.name != "c.png"]  # its results have another name
    files = streetseg("predict", model, *named, street / "ü b [1].jpg", "--out", out)

    assert (first.code, again.code, files.code) == (0, 0, 0), first.err + again.err + files.err
    assert contents(street) == after_one
    assert "results" not in first.err
    for ended in (again, files):
        assert ended.err.count("15 results of earlier predictions are left out") == 1


@pytest.mark.bad_input(57, "a folder of nothing but its own results is refused; exit 2")
def test_results_alone_are_no_images(tmp_path: Path, street: Path, model: Path, streetseg: Command) -> None:
    assert streetseg("predict", model, street, "--out", tmp_path / "out").code == 0
    ended = streetseg("predict", model, tmp_path / "out", "--out", tmp_path / "twice")
    assert ended.code == 2
    assert "every image is a result of an earlier prediction" in ended.err
    assert not (tmp_path / "twice").exists()


@pytest.mark.bad_input(61, "the flag that raises the limit is named; the others are labeled; exit 1")
def test_the_limit_of_pixels_can_be_raised_and_lowered(
    tmp_path: Path, street: Path, model: Path, streetseg: Command
) -> None:
    flags = ("predict", model, street, "--out", tmp_path / "out")
    lowered = streetseg(*flags, "--max-megapixels", "0.005")
    raised = streetseg(*flags, "--max-megapixels", "100")
    incorrect = streetseg(*flags, "--max-megapixels", "0")

    assert lowered.code == 1
    assert "d.png: image is larger than 0.005 megapixels" in " ".join(lowered.err.split())
    assert "--max-megapixels N raises the limit" in lowered.err
    assert "data.max_megapixels" not in lowered.err
    assert raised.code == 0
    assert incorrect.code == 2


@pytest.mark.bad_input(18, "`predict` refuses the image by the size in its header; exit 2")
@pytest.mark.bad_input(61, "the default limit is that of training")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_huge_image_is_refused_with_the_flag(
    tmp_path: Path, model: Path, streetseg: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # put back afterwards
    for side in (10_001, 30_000):
        (tmp_path / "huge.png").write_bytes(corpus.huge_png(side))
        ended = streetseg("predict", model, tmp_path / "huge.png", "--out", tmp_path / "out")
        assert ended.code == 2
        assert "larger than 100 megapixels" in ended.err
        assert "--max-megapixels N raises the limit" in ended.err
    raised = streetseg("predict", model, tmp_path / "huge.png", "--out", tmp_path / "out", "--max-megapixels", "901")
    assert "larger than" not in raised.err  # now its pixels are looked for


def test_cityscapes_ids_need_classes_of_cityscapes(
    tmp_path: Path, street: Path, model: Path, streetseg: Command
) -> None:
    for ids, said in (("cityscapes", "street-11 cannot be written as Cityscapes label ids"), ("train", "unknown ids")):
        ended = streetseg("predict", model, street, "--out", tmp_path / "out", "--ids", ids)
        assert ended.code == 2
        assert said in ended.err
    assert not (tmp_path / "out").exists()


def test_results_of_equal_names_stay_apart(tmp_path: Path, street: Path, model: Path, streetseg: Command) -> None:
    for index, name in enumerate(("sub/a.jpg", "a.jpg", "other/sub/a.jpg")):
        tiny.save(street / name, tiny.street(index)[0])
    assert streetseg("predict", model, street, "--out", tmp_path / "one").code == 0
    assert len(list((tmp_path / "one").rglob("*_ids.png"))) == 7
    assert (tmp_path / "one" / "sub" / "a_ids.png").exists()
    assert (tmp_path / "one" / "a.jpg_ids.png").exists()

    two = streetseg("predict", model, street / "sub", street / "other" / "sub", "--out", tmp_path / "two")
    assert two.code == 0, two.err
    assert {path.relative_to(tmp_path / "two").as_posix() for path in (tmp_path / "two").rglob("*_ids.png")} == {
        "c_ids.png",
        "street/sub/a.jpg_ids.png",
        "other/sub/a.jpg_ids.png",
    }


@pytest.mark.bad_input(12, "`predict` names every such file, in one pass, and labels the others; exit 1")
def test_images_that_cannot_be_read_are_all_named_and_the_others_labeled(
    tmp_path: Path, street: Path, model: Path, streetseg: Command
) -> None:
    whole = (street / "d.png").read_bytes()
    (street / "torn.png").write_bytes(whole[: len(whole) // 2])
    (street / "empty.jpg").write_bytes(b"")
    (street / "page.jpg").write_text("<!DOCTYPE html><html></html>")
    ended = streetseg("predict", model, street, "--out", tmp_path / "out")
    assert ended.code == 1
    assert "3 of 7 images cannot be read; the others are labeled" in ended.err
    alone = streetseg("predict", model, street / "torn.png", "--out", tmp_path / "alone")
    assert alone.code == 2
    assert "error: 1 of 1 images cannot be read\n" in alone.err
    assert all(name in ended.err for name in ("torn.png", "empty.jpg", "page.jpg"))
    assert len(list((tmp_path / "out").rglob("*_ids.png"))) == 4


def test_an_image_that_is_not_there_writes_nothing(tmp_path: Path, model: Path, streetseg: Command) -> None:
    ended = streetseg("predict", model, tmp_path / "none.png", "--out", tmp_path / "out")
    assert ended.code == 2
    assert "none.png" in ended.err
    assert not (tmp_path / "out").exists()


def test_a_tile_that_does_not_fit_writes_nothing(tmp_path: Path, street: Path, model: Path, streetseg: Command) -> None:
    ended = streetseg("predict", model, street, "--out", tmp_path / "out", "--tile", "100")
    assert ended.code == 2
    assert not (tmp_path / "out").exists()


def test_bench_measures_each_model(model: Path, streetseg: Command) -> None:
    reported = json.loads(streetseg("bench", model, model, "--size", "40x72", "--batch", "2", "--json").out)
    assert [cost["size"] for cost in reported["models"]] == [[40, 72]] * 2
    assert all(cost["batch"] == 2 and cost["engine"] == "torch" for cost in reported["models"])
    said = streetseg("bench", model).out
    head, row = said.splitlines()[:2]
    assert {"engine", "precision", "images", "p50", "p95"} <= set(head.split())
    assert {"torch", "fp32", "48x64"} <= set(row.replace("x48x64", " 48x64").split())


@pytest.mark.parametrize("size", ["40", "0x40", "40x-1", "axb", "40x40x3"])
def test_bench_refuses_a_size_that_is_none(model: Path, streetseg: Command, size: str) -> None:
    ended = streetseg("bench", model, "--size", size)
    assert ended.code == 2
    assert "--size 360x480" in ended.err
