"""Image files as cameras and phones write them, through the real commands: how they are read, and the warnings."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tiny
from conftest import Finished
from exported import saved
from streetseg.labels.tables import STREET_11
from streetseg.models.encoder import Encoder
from streetseg.models.network import SegmentationNetwork
from streetseg.recipe.reading import ImageReading

Run = Callable[..., Finished]
TINY = ("--encoder", "test_efficientnet", "--weights", "none", "--epochs", "1", "train.precision=fp32", "--quiet")


def layouts(folder: Path) -> dict[str, tuple[str, list[Path]]]:
    """Yield DATA and its image files, in every layout."""
    camvid, city = tiny.camvid_segnet(folder / "camvid", n_train=4), tiny.cityscapes_folder(folder / "city", n_train=4)
    own = tiny.folder_yaml(folder / "own", n_train=4)
    own.write_text(own.read_text().replace("*.jpg", "*"))
    return {
        "camvid": (f"camvid:{camvid}", [*(camvid / "train").iterdir(), *(camvid / "val").iterdir()]),
        "cityscapes": (f"cityscapes:{city}", list((city / "leftImg8bit").rglob("*.png"))),
        "folder": (f"folder:{own}", list((own.parent / "images").rglob("*.jpg"))),
    }


def deep(image: Path, low: int, high: int) -> Path:
    """Store an image as a 16-bit gray PNG whose values go from `low` to `high`. Return its new path."""
    gray = np.array(Image.open(image).convert("L")).astype(np.float64)
    gray = (gray - gray.min()) / (gray.max() - gray.min())
    image.unlink()
    Image.fromarray((low + gray * (high - low)).round().astype(np.uint16)).save(image.with_suffix(".png"))
    return image.with_suffix(".png")


def warnings(streetseg: Run, data: str, *argv: object) -> dict[str, list[dict]]:
    """Return the warnings of `check --json`, by kind."""
    done = streetseg("check", data, "--json", *argv)
    assert done.code == 0, done.err + done.out
    report: dict[str, list[dict]] = {}
    for warning in json.loads(done.out)["warnings"]:
        report.setdefault(warning["kind"], []).append(warning)
    return report


def bundle(folder: Path, reading: ImageReading) -> Path:
    """Save a random network that reads images by this rule. Return its bundle."""
    torch.manual_seed(0)
    return saved(
        folder,
        SegmentationNetwork(
            Encoder("test_efficientnet"),
            STREET_11,
            decoder="fast",
            channels=(16, 12, 8),
            size=(48, 64),
            reading=reading,
        ),
    )


def ids_of(folder: Path) -> dict[str, bytes]:
    return {path.name: Image.open(path).tobytes() for path in sorted(folder.glob("*_ids.png"))}


@pytest.mark.bad_input(46, "`check` and training warn with the values found and the range that fits them")
@pytest.mark.parametrize("layout", ["camvid", "cityscapes", "folder"])
@pytest.mark.parametrize(
    ("low", "high", "cure"), [(0, 4095, "0..4095"), (0, 16383, "0..16383"), (51241, 52181, "51241..52181")]
)
def test_16_bit_images_of_a_narrow_range_are_warned_of(
    layout: str, low: int, high: int, cure: str, tmp_path: Path, streetseg: Run
) -> None:
    data, images = layouts(tmp_path)[layout]
    for image in images:
        deep(image, low, high)

    report = warnings(streetseg, data)["range"]
    cured = warnings(streetseg, data, f"data.range={cure}")

    message = f"have 16 bits and use {low}..{high} of 0..65535; data.range={cure} fits them"
    assert [one["text"] for one in report] == [
        f"{count} of {count} images of {split} {message}" for split, count in (("train", 4), ("val", 3))
    ]
    assert len(report[0]["entries"]) == 4
    assert "range" not in cured
    assert "range" not in warnings(streetseg, data, "data.range=auto")


@pytest.mark.bad_input(46, "`data.range` holds alike in training, `evaluate`, `predict` and exported files")
def test_a_model_reads_every_image_as_it_was_trained_to(tmp_path: Path, streetseg: Run) -> None:
    folder = tiny.camvid_segnet(tmp_path / "deep", n_train=4)
    plain = tiny.camvid_segnet(tmp_path / "plain", n_train=4)
    for split in ("train", "val"):
        for image in sorted((folder / split).iterdir()):
            values = np.array(Image.open(deep(image, 0, 4095))).astype(np.int64)
            Image.fromarray(((values * 255 + 2047) // 4095).astype(np.uint8)).save(plain / split / image.name)

    trained = streetseg("train", f"camvid:{folder}", *TINY, "data.range=0..4095", "--out", tmp_path / "run")
    model = json.loads((tmp_path / "run" / "best" / "model.json").read_text())
    as_8_bits = streetseg("train", f"camvid:{plain}", *TINY, "--out", tmp_path / "run8")

    assert (trained.code, as_8_bits.code) == (0, 0), trained.err + as_8_bits.err
    assert model["images"] == {"exif": "apply", "range": "0..4095"}
    runs = [json.loads((tmp_path / run / "evaluation" / "scores.json").read_text()) for run in ("run", "run8")]
    assert runs[0]["mean"] == runs[1]["mean"]

    scores = [
        json.loads(streetseg("evaluate", tmp_path / "run", f"camvid:{data}", "--json").out)["mean"]
        for data in (folder, plain)
    ]
    assert scores[0] == scores[1]
    exported = streetseg("export", tmp_path / "run", "--format", "onnx", "--out", tmp_path / "model.onnx")
    assert exported.code == 0, exported.err
    for k, one in enumerate((tmp_path / "run", tmp_path / "model.onnx")):
        for name, data in (("deep", folder), ("plain", plain)):
            flags = ("--engine", "onnxruntime") if k else ()
            done = streetseg("predict", one, data / "val", "--out", tmp_path / f"{name}{k}", *flags)
            assert done.code == 0, done.err
        assert ids_of(tmp_path / f"deep{k}") == ids_of(tmp_path / f"plain{k}")


@pytest.mark.bad_input(46, "`predict` and `evaluate` warn once where a model has 16-bit images read in another range")
def test_a_model_of_8_bit_images_that_meets_12_bits_says_so(tmp_path: Path, streetseg: Run) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    for image in (folder / "val").iterdir():
        deep(image, 0, 4095)
    model = bundle(tmp_path / "model", ImageReading())

    predicted = streetseg("predict", model, folder / "val", "--out", tmp_path / "out")
    scored = streetseg("evaluate", model, f"camvid:{folder}")
    typed = streetseg("evaluate", model, f"camvid:{folder}", "data.range=0..4095")

    assert (predicted.code, scored.code, typed.code) == (0, 0, 0), predicted.err + scored.err
    assert predicted.err.count("3 images of 16 bits use 0..4095 of 0..65535") == 1
    assert "train with data.range=0..4095, or scale the images to 8 bits" in " ".join(predicted.err.split())
    assert scored.err.count("3 of 3 images of val have 16 bits and use 0..4095 of 0..65535") == 1
    assert "have 16 bits" not in typed.err


@pytest.mark.bad_input(46, "clipped values, and a range that no image needs, get a warning")
def test_a_range_that_does_not_fit_is_warned_of(tmp_path: Path, streetseg: Run) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")

    [needless] = warnings(streetseg, f"camvid:{folder}", "data.range=0..4095")["range"]
    for image in (folder / "val").iterdir():
        deep(image, 0, 16383)
    [cut] = warnings(streetseg, f"camvid:{folder}", "data.range=0..4095")["range"]

    assert needless["text"] == "data.range=0..4095 changes nothing: no image has 16 bits"
    assert "use 0..16383, of which data.range=0..4095 clips a part; data.range=0..16383 fits them" in cut["text"]


@pytest.mark.bad_input(46, "an invalid range is refused; exit 2")
@pytest.mark.parametrize("incorrect", ["4095", "4095..0", "0..70000", "-1..5", "wide", "0..0"])
def test_a_range_that_is_none_is_refused(incorrect: str, tmp_path: Path, streetseg: Run) -> None:
    done = streetseg("check", f"camvid:{tiny.camvid_segnet(tmp_path / 'camvid')}", f"data.range={incorrect}")

    assert done.code == 2
    assert "such as 0..4095" in done.err


def stored_turned(image: Path, mask: Path, orientation: int, *, redraw: bool) -> None:
    """Store an image with an EXIF orientation. With `redraw`, turn its mask with the stored pixels."""
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        6: Image.Transpose.ROTATE_90,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.open(image).transpose(turn).save(image, format="PNG", exif=exif)
    if redraw:
        Image.open(mask).transpose(turn).save(mask)


@pytest.mark.bad_input(45, "`check` and training warn with the files and name `data.exif=ignore`")
@pytest.mark.parametrize(("orientation", "size"), [(2, (48, 64)), (3, (48, 64)), (4, (48, 64)), (6, (64, 64))])
def test_a_mask_that_fits_its_image_turned_or_not_is_warned_of(
    orientation: int, size: tuple[int, int], tmp_path: Path, streetseg: Run
) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid", n_train=4, size=size)
    before = {path: np.array(Image.open(path)) for path in sorted((folder / "train").iterdir())}
    for image in before:
        stored_turned(image, folder / "trainannot" / image.name, orientation, redraw=True)

    [report] = warnings(streetseg, f"camvid:{folder}")["turned-or-not"]
    ignored = warnings(streetseg, f"camvid:{folder}", "data.exif=ignore")
    trained = streetseg("train", f"camvid:{folder}", *TINY, "data.exif=ignore", "--out", tmp_path / "run")

    assert report["text"].startswith("4 images are turned by EXIF and their masks have the same size either way")
    assert "data.exif=ignore" in report["text"]
    assert [entry["files"] for entry in report["entries"]] == [[str(path)] for path in before]
    assert not {"turned", "turned-or-not"} & set(ignored)
    assert trained.code == 0, trained.err
    assert json.loads((tmp_path / "run" / "best" / "model.json").read_text())["images"]["exif"] == "ignore"


@pytest.mark.bad_input(45, "where only the unturned image fits, the error names `data.exif=ignore`")
@pytest.mark.parametrize("layout", ["camvid", "cityscapes", "folder"])
def test_masks_drawn_on_images_as_stored_can_be_used(layout: str, tmp_path: Path, streetseg: Run) -> None:
    data, images = layouts(tmp_path)[layout]
    masks = sorted(path for path in tmp_path.rglob("*.png") if "annot" in str(path) or "gtFine" in str(path))
    masks += sorted(tmp_path.rglob("*_mask.png"))
    before = json.loads(streetseg("check", data, "--json").out)["splits"]
    for image in images:
        stem = image.stem.removesuffix("_leftImg8bit")
        [mask] = [mask for mask in masks if mask.stem in (stem, f"{stem}_gtFine_labelIds", f"{stem}_mask")][:1]
        stored_turned(image, mask, 6, redraw=True)

    refused = streetseg("check", data)
    read = json.loads(streetseg("check", data, "--json", "data.exif=ignore").out)["splits"]

    assert refused.code == 2
    assert "data.exif=ignore" in refused.err
    assert read["train"]["sizes"] == {"64x48": 4}
    assert {split: report["counts"] for split, report in read.items()} == {
        split: report["counts"] for split, report in before.items()
    }


@pytest.mark.bad_input(45, "`predict` reads images by the rule that the model was trained with")
def test_predict_turns_images_as_in_training(tmp_path: Path, streetseg: Run) -> None:
    image = tmp_path / "in" / "a.png"
    tiny.save(image, tiny.street(0)[0])
    stored_turned(image, image, 6, redraw=False)

    sizes = {}
    for exif in ("apply", "ignore"):
        model = bundle(tmp_path / exif, ImageReading(exif=exif))
        assert streetseg("predict", model, image.parent, "--out", tmp_path / f"out {exif}").code == 0
        sizes[exif] = Image.open(tmp_path / f"out {exif}" / "a_ids.png").size

    assert sizes == {"apply": (64, 48), "ignore": (48, 64)}


@pytest.mark.bad_input(9, "bands beyond color and transparency are dropped: `check` counts them, `predict` warns once")
def test_bands_that_are_dropped_are_said(tmp_path: Path, streetseg: Run) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid", n_train=2)
    for image in sorted((folder / "train").iterdir()):
        pixels = np.array(Image.open(image))
        image.with_suffix(".tif").write_bytes(tiny.tiff(np.dstack([pixels, pixels[..., :1]]), extra=(0,)))
        image.unlink()

    [converted] = warnings(streetseg, f"camvid:{folder}")["converted"]
    model = bundle(tmp_path / "model", ImageReading())
    predicted = streetseg("predict", model, folder / "train", "--out", tmp_path / "out")

    assert converted["text"].endswith("2 RGB TIFF (1 more band dropped)")
    assert predicted.err.count("2 images read without all bands: RGB TIFF (1 more band dropped)") == 1


@pytest.mark.bad_input(14, "a warning names images in a format that is not read, with the cure")
def test_a_format_that_is_not_read_is_warned_of(tmp_path: Path, streetseg: Run) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid")
    (folder / "train" / "IMG_1.heic").write_bytes(b"\0\0\0\x18ftypheic")

    [report] = warnings(streetseg, f"camvid:{folder}")["unread"]
    trained = streetseg("train", f"camvid:{folder}", *TINY, "--out", tmp_path / "run")

    assert report["text"].startswith("1 file in a format that is not read: IMG_1.heic (HEIC: convert it to PNG or JPEG")
    assert trained.code == 0
    [line] = [line for line in trained.err.splitlines() if "IMG_1.heic" in line]
    assert line.startswith("warning: ")


@pytest.mark.bad_input(15, "an image in a format that is not read is named with its mask; exit 2")
@pytest.mark.parametrize("layout", ["camvid", "cityscapes", "folder"])
@pytest.mark.parametrize("how_many", ["one", "all"])
def test_data_that_needs_a_format_that_is_not_read_is_refused(
    layout: str, how_many: str, tmp_path: Path, streetseg: Run
) -> None:
    data, images = layouts(tmp_path)[layout]
    for image in images[: 1 if how_many == "one" else None]:
        image.rename(image.with_suffix(".heic"))

    done = streetseg("check", data)

    assert done.code == 2
    assert f"{images[0].stem}.heic" in done.err
    assert "HEIC: convert it to PNG or JPEG" in " ".join(done.err.split())
