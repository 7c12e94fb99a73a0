"""The keys of data.yaml for ids in a channel, inexact colors and other values, and its defaults of a recipe."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tiny
from conftest import Finished
from streetseg.data.check.check import check_source
from streetseg.data.open import open_source
from streetseg.data.source import Source, with_defaults
from streetseg.errors import DataError
from streetseg.labels.tables import STREET_11
from streetseg.models.bundle import load_bundle
from streetseg.recipe.load import load_recipe
from streetseg.recipe.schema import Data

NAMES = f"classes: [{', '.join(STREET_11.names)}]\n"
COLORED = "classes:\n" + "".join(
    f"  - {{name: {name}, color: {list(color)}}}\n"
    for name, color in zip(STREET_11.names, STREET_11.colors, strict=True)
)


def labels(index: int) -> tiny.Array:
    return tiny.street(index, (32, 32))[1]


def make(folder: Path, masks: dict[str, Any], text: str) -> Path:
    """Write three images, masks by their file name (arrays are saved as PNG or .npy), and data.yaml."""
    for index in range(3):
        tiny.save(folder / "images" / f"{index}.png", tiny.street(index, (32, 32))[0])
    for name, mask in masks.items():
        path = folder / "masks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(mask, bytes):
            path.write_bytes(mask)
        elif name.endswith(".npy"):
            np.save(path, mask)
        else:
            Image.fromarray(mask).save(path)
    yaml = folder / "data.yaml"
    yaml.write_text(f"images: images/*.png\nmasks: masks/*.*\nsplits: {{train: ['0', '1'], val: ['2']}}\n{text}")
    return yaml


def opened(yaml: Path, **fields: object) -> Source:
    return open_source(Data.model_validate({"source": f"folder:{yaml}", **fields}))


def require_streets(source: Source) -> None:
    for index, sample in enumerate((*source.splits["train"], *source.splits["val"])):
        assert (source.read_mask(sample) == labels(index)).all()


def remarks(source: Source) -> dict[str, str]:
    return {remark.kind: remark.text for remark in check_source(source, ["train", "val"]).remarks}


def in_channel(ids: tiny.Array, channel: int) -> tiny.Array:
    rgb = np.random.default_rng(0).integers(0, 256, (*ids.shape, 3)).astype(np.uint8)  # instances, as CARLA has them
    rgb[..., channel] = ids
    return rgb


@pytest.mark.bad_input(53, "`channel:` in data.yaml names the channel of the ids, in 8 and 16 bits")
@pytest.mark.parametrize("channel", ["red", "green", "blue"])
@pytest.mark.parametrize("classes", [NAMES, COLORED], ids=["names", "colors"])
def test_ids_in_a_channel(channel: str, classes: str, tmp_path: Path) -> None:
    index = ("red", "green", "blue").index(channel)
    masks: dict[str, Any] = {f"{i}.png": in_channel(labels(i), index) for i in range(2)}
    masks["2.png"] = tiny.png(in_channel(labels(2), index).astype(np.int64), bits=16)
    require_streets(opened(make(tmp_path, masks, f"{classes}channel: {channel}\n")))


@pytest.mark.bad_input(53, "the same id in all three channels is the id, where the classes have no colors")
def test_the_same_id_in_all_channels(tmp_path: Path) -> None:
    require_streets(opened(make(tmp_path, {f"{i}.png": np.dstack([labels(i)] * 3) for i in range(3)}, NAMES)))


def noisy(index: int) -> tiny.Array:
    noise = np.random.default_rng(index).integers(-2, 3, (32, 32, 3))
    return (tiny.painted(labels(index), STREET_11) + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.bad_input(
    53, "`tolerance:` takes a color for the nearest one of a class within that distance, and counts it"
)
def test_colors_within_a_tolerance(tmp_path: Path) -> None:
    masks = {f"{i}.png": noisy(i) for i in range(3)}
    yaml = make(tmp_path, masks, f"{COLORED}ignore_color: [0, 0, 0]\ntolerance: 4\n")
    source = opened(yaml)
    require_streets(source)
    assert remarks(source)["near"].startswith("3 masks have colors of no class, taken for the nearest")
    with pytest.raises(DataError, match="mask holds colors outside") as caught:
        check_source(opened(yaml, tolerance=0), ["train", "val"])
    assert "data.tolerance=N" in (caught.value.hint or "")


def test_a_palette_of_inexact_colors(tmp_path: Path) -> None:
    masks = {}
    for i in range(3):
        image = Image.fromarray((labels(i).astype(int) + 3).astype(np.uint8))  # indices that are no ids
        shown = [(9, 9, 9)] * 3 + [(r ^ 1, g, b ^ 1) for r, g, b in STREET_11.colors] + [(1, 0, 0)] * 250
        image.putpalette([value for color in shown[:256] for value in color])
        image.putpixel((0, 31), 2)
        masks[f"{i}.png"] = image
    for name, image in masks.items():
        (tmp_path / "masks").mkdir(exist_ok=True)
        image.save(tmp_path / "masks" / name)
    source = opened(make(tmp_path, {}, f"{COLORED}ignore_color: [[0, 0, 0], [9, 9, 9]]\ntolerance: 4\n"))
    require_streets(source)


@pytest.mark.bad_input(53, "`other: ignore` ignores ids and colors that are not named, and counts them")
def test_everything_else_is_ignored(tmp_path: Path) -> None:
    ids = {f"{i}.png": np.where(labels(i) == 3, 77, labels(i)).astype(np.uint8) for i in range(3)}
    colors = {f"{i}.png": tiny.painted(labels(i), STREET_11) for i in range(3)}
    for pixels in colors.values():
        pixels[np.all(pixels == STREET_11.colors[3], axis=-1)] = (1, 2, 3)
    for name, masks, classes in (("ids", ids, NAMES), ("colors", colors, COLORED)):
        yaml = make(tmp_path / name, masks, f"{classes}other: ignore\n")
        source = opened(yaml)
        for index, sample in enumerate(source.splits["train"]):
            expected = np.where(labels(index) == 3, 255, labels(index))
            assert (source.read_mask(sample) == expected).all()
        assert remarks(source)["other"].startswith("3 masks have ids or colors of no class, which are ignored (")
        yaml.write_text(yaml.read_text().replace("other: ignore\n", ""))
        with pytest.raises(DataError, match="outside the label space") as caught:
            check_source(opened(yaml), ["train", "val"])
        assert "`other: ignore`" in (caught.value.hint or "")


@pytest.mark.bad_input(51, "NumPy arrays of ids, whole numbers or colors are read as masks")
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_arrays_are_masks(dtype: type, tmp_path: Path) -> None:
    require_streets(opened(make(tmp_path, {f"{i}.npy": labels(i).astype(dtype) for i in range(3)}, NAMES)))


def test_arrays_of_colors_and_of_truth_values(tmp_path: Path) -> None:
    text = f"{COLORED}ignore_color: [0, 0, 0]\n"
    require_streets(opened(make(tmp_path, {f"{i}.npy": tiny.painted(labels(i), STREET_11) for i in range(3)}, text)))
    yaml = make(tmp_path / "bool", {f"{i}.npy": labels(i) == 3 for i in range(3)}, "classes: [other, road]\n")
    source = opened(yaml)
    assert (source.read_mask(source.splits["val"][0]) == (labels(2) == 3)).all()


def an_archive() -> bytes:
    file = io.BytesIO()
    np.savez(file, labels=labels(2))
    return file.getvalue()


@pytest.mark.bad_input(51, "arrays that are no masks, and arrays in the place of images, are errors that say so")
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "file is no NumPy array"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'shape': (9999999, 9999999)}\n", "file is no NumPy array"),
        (np.array([{}]), "file is no NumPy array"),
        (an_archive(), "file is no NumPy array"),
        (np.zeros((2, 3, 4), np.uint8), "neither ids"),
        (np.zeros((2, 3, 3)), "neither ids"),
        (np.zeros(4, np.uint8), "no array of ids"),
        (np.zeros((4, 0), np.uint8), "no array of ids"),
        (np.array([["a"]]), "no array of ids"),
        (np.full((32, 32), 0.5), "numbers that are no ids"),
        (np.full((32, 32), 300), "outside the label space"),
    ],
)
def test_other_arrays_are_errors(content: Any, problem: str, tmp_path: Path) -> None:
    yaml = make(tmp_path, {"0.npy": labels(0), "1.npy": labels(1), "2.npy": content}, NAMES)
    with pytest.raises(DataError, match=problem) as caught:
        check_source(opened(yaml), ["train", "val"])
    assert "2.npy" in str(caught.value.where)


def test_an_array_is_no_image(tmp_path: Path) -> None:
    yaml = make(tmp_path, {f"{i}.png": labels(i) for i in range(3)}, NAMES)
    np.save(tmp_path / "images" / "3.npy", np.zeros((4, 4, 3), np.uint8))
    yaml.write_text(yaml.read_text().replace("images/*.png", "images/*.*"))
    assert "1 file in a format that is not read" in remarks(opened(yaml))["unread"]


DEFAULTS = "unlabeled: skip\nexclude: lists\\out.txt\nexif: ignore\nrange: 0..4095\ntolerance: 4\n"


@pytest.mark.bad_input(50, "`unlabeled:` and `exclude:` in data.yaml are the defaults of that data set")
def test_a_description_gives_the_defaults_of_a_recipe(tmp_path: Path) -> None:
    yaml = make(tmp_path, {f"{i}.png": labels(i) for i in range(3)}, NAMES + DEFAULTS)
    tiny.save(tmp_path / "images" / "3.png", tiny.street(3, (32, 32))[0])  # no mask
    yaml.write_text(yaml.read_text().replace("['2']", "['2', '3']"))
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "out.txt").write_text("1\n")
    source = opened(yaml)
    assert {split: [s.name for s in samples] for split, samples in source.splits.items()} == {
        "train": ["0"],
        "val": ["2"],
    }
    check_source(source, ["train", "val"])
    assert (source.reading.exif, source.reading.range) == ("ignore", "0..4095")
    given = Data(source=f"folder:{yaml}", exif="apply")
    assert (with_defaults(given, source).exif, with_defaults(given, source).range) == ("apply", "0..4095")
    assert open_source(given).reading.exif == "apply"
    with pytest.raises(DataError, match="image without mask"):
        check_source(opened(yaml, unlabeled="refuse"), ["train", "val"])
    (tmp_path / "none.txt").write_text("")
    assert len(opened(yaml, exclude=str(tmp_path / "none.txt")).splits["train"]) == 2


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("channel: alpha", "channel: found 'alpha', input should be 'red', 'green' or 'blue'"),
        ("other: 255", "other: found 255, input should be 'refuse' or 'ignore'"),
        ("tolerance: 500", "tolerance: found 500, input should be less than or equal to 442"),
        ("range: 9..1", "range: found '9..1', expected full, auto, or LOW..HIGH within 0..65535"),
        ("others: ignore", "unknown key others, did you mean other?"),
        ("unlabelled: skip", "unknown key unlabelled, did you mean unlabeled?"),
    ],
)
def test_a_value_that_a_key_does_not_take(line: str, problem: str, tmp_path: Path) -> None:
    yaml = make(tmp_path, {"0.png": labels(0)}, f"{NAMES}{line}\n")
    with pytest.raises(DataError) as caught:
        opened(yaml)
    assert problem in caught.value.problem
    assert caught.value.where[0].startswith(f"{yaml}:")


def test_the_defaults_of_a_description_are_part_of_a_run(tmp_path: Path, streetseg: Callable[..., Finished]) -> None:
    yaml = make(tmp_path, {f"{i}.png": noisy(i) for i in range(3)}, f"{COLORED}ignore_color: [0, 0, 0]\n{DEFAULTS}")
    yaml.write_text(yaml.read_text().replace("exclude: lists\\out.txt\n", ""))
    run = tmp_path / "run"
    done = streetseg(
        "train", f"folder:{yaml}", "--encoder", "test_efficientnet", "--weights", "none", "--epochs", 1, "--quiet",
        "train.batch=2", "train.precision=fp32", "model.channels=[16, 12, 8, 8]", "data.range=full", "--out", run,
    )  # fmt: skip
    assert done.code == 0, done.err
    data = load_recipe(run / "recipe.yaml").data
    assert (data.exif, data.range, data.tolerance, data.unlabeled) == ("ignore", "full", 4, "skip")
    assert load_bundle(run)[0].reading == data.reading
