"""`streetseg measure` on images whose labels are known: a model that reads the classes from the colors labels them."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

import streetseg as package
from color_model import color_model
from exported import SCENES, saved
from networks import tiny_network
from streetseg.data.sources.scenes import ScenesSource
from streetseg.deploy.export import export
from streetseg.inference.output import color_map
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import CITYSCAPES_19, STREET_11
from streetseg.measurement import files
from streetseg.metrics.counts import Counts
from streetseg.metrics.validation_counts import ValidationCounts
from streetseg.models.bundle import save_bundle
from tiny import camvid_segnet, street

Command = Callable[..., Any]
ROLES = {"green_view": "tree", "sky_view": "sky", "building_view": "building", "road_view": "road"}


def validation(images: int = 20, quality: int = 80) -> ValidationCounts:
    """Return counts in which `quality` percent of each class are correct, and the rest is the next class."""
    rng = np.random.default_rng(0)
    counts = np.zeros((images, 11, 11), np.int64)
    for matrix in counts:
        for i in range(11):
            pixels = int(rng.integers(10, 2000))
            correct = int(rng.binomial(pixels, quality / 100))
            matrix[i, i], matrix[i, (i + 1) % 11] = correct, pixels - correct
    names = tuple(map(str, range(images)))
    return ValidationCounts.of(Counts(names, (None,) * images, counts, np.zeros(images, np.int64)))


def labels_of(index: int, size: tuple[int, int] = (24, 32)) -> np.ndarray[Any, np.dtype[np.uint8]]:
    labels = street(index, size)[1]
    labels[labels == 255] = STREET_11.names.index("road")
    return labels


def photo(path: Path, index: int, place: tuple[float, float] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if place is not None:
        latitude, longitude = place
        exif[ExifTags.Base.Make] = "a camera"
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:06:01 12:30:00"
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(
            {
                ExifTags.GPS.GPSLatitudeRef: "N" if latitude >= 0 else "S",
                ExifTags.GPS.GPSLatitude: (abs(latitude), 0, 0),
                ExifTags.GPS.GPSLongitudeRef: "E" if longitude >= 0 else "W",
                ExifTags.GPS.GPSLongitude: (abs(longitude), 0, 0),
            }
        )
    Image.fromarray(color_map(labels_of(index), STREET_11)).save(path, exif=exif)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return color_model(tmp_path / "colors.onnx", validation=validation().pack())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of six images, the first four with a place."""
    places = [(48.1, 11.5), (48.2, 11.6), (-33.9, 151.2), (48.15, 11.55)]
    for index in range(6):
        photo(tmp_path / "photos" / f"{index}.png", index, places[index] if index < len(places) else None)
    return tmp_path / "photos"


def table(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((out / "measures.csv").read_text())))


def test_shares_are_those_of_the_labels_on_100_scenes(streetseg: Command, tmp_path: Path, model: Path) -> None:
    scenes = ScenesSource(train=100, val=1, size=(32, 48))
    ground_truth = {}
    for sample in scenes.splits["train"]:
        labels = scenes.read_mask(sample)
        labels[labels == 255] = 0
        path = tmp_path / "scenes" / f"{sample.name.replace('/', '_')}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(color_map(labels, STREET_11)).save(path)
        ground_truth[str(path)] = np.bincount(labels.ravel(), minlength=11) / labels.size
    assert (
        streetseg("measure", model, tmp_path / "scenes", "--out", tmp_path / "out", "--engine", "onnxruntime").code == 0
    )
    rows = table(tmp_path / "out")
    assert len(rows) == 100
    for row in rows:
        assert [float(row[f"share {name}"]) for name in STREET_11.names] == ground_truth[row["image"]].tolist()
        for column, name in ROLES.items():
            assert row[column] == row[f"share {name}"]
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    mean = np.mean(list(ground_truth.values()), axis=0)
    assert [summary["classes"][name]["raw"] for name in STREET_11.names] == pytest.approx(mean.tolist())


def test_all_files_hold_the_same_numbers(streetseg: Command, tmp_path: Path, model: Path, photos: Path) -> None:
    import pyogrio
    from pyarrow import parquet

    out = tmp_path / "out"
    assert streetseg("measure", model, photos, "--out", out).code == 0
    rows = table(out)
    assert [row["latitude"] for row in rows] == ["48.1", "48.2", "-33.9", "48.15", "", ""]
    assert rows[0]["time"] == "2026-06-01T12:30:00" and (rows[0]["height"], rows[0]["width"]) == ("24", "32")
    assert 0.09 < float(rows[0]["confidence"]) <= 1

    columns = parquet.read_table(out / "measures.parquet").to_pydict()
    assert columns["share tree"] == [float(row["share tree"]) for row in rows]
    assert columns["latitude"][4:] == [None, None] and columns["time"][4] is None

    collection = json.loads((out / "measures.geojson").read_text())
    assert [f["geometry"]["coordinates"] for f in collection["features"]] == [
        [11.5, 48.1], [11.6, 48.2], [151.2, -33.9], [11.55, 48.15]
    ]  # fmt: skip
    assert collection["features"][1]["properties"]["green_view"] == float(rows[1]["green_view"])

    for name in ("measures.gpkg", "measures.geojson"):  # as QGIS opens it, by GDAL
        about, _, points, fields = pyogrio.raw.read(out / name)
        assert about["geometry_type"] == "Point" and about["crs"] == "EPSG:4326"
        found = dict(zip(about["fields"], fields, strict=True))
        assert found["image"].tolist() == [row["image"] for row in rows[:4]]
        assert found["share tree"].tolist() == [float(row["share tree"]) for row in rows[:4]]
        assert np.frombuffer(points[0][5:], "<f8").tolist() == [11.5, 48.1]


def test_the_summary_has_raw_and_adjusted_shares(streetseg: Command, tmp_path: Path, model: Path, photos: Path) -> None:
    done = streetseg("measure", model, photos, "--out", tmp_path / "out", "--json")
    shown, summary = json.loads(done.out), json.loads((tmp_path / "out/summary.json").read_text())
    assert shown.pop("out") == str(tmp_path / "out")
    assert shown == summary
    assert summary["validation"] == "scenes val, 20 images, resampled in images"
    for entry in [*summary["classes"].values(), *summary["roles"].values()]:
        assert entry["olofsson_interval"][0] <= entry["olofsson"] <= entry["olofsson_interval"][1]
        assert 0 <= entry["inverse"] <= 1 and entry["standard_error"] >= 0
        assert "raw_interval" not in entry
    for kind in ("raw", "olofsson", "inverse"):
        assert sum(entry[kind] for entry in summary["classes"].values()) == pytest.approx(1)
    assert summary["roles"]["green_view"] == summary["classes"]["tree"]


def test_a_sample_has_intervals_for_the_place(streetseg: Command, tmp_path: Path, model: Path, photos: Path) -> None:
    done = streetseg("measure", model, photos, "--out", tmp_path / "out", "--json", "--sample")
    summary = json.loads(done.out)
    low, high = summary["classes"]["building"]["raw_interval"]
    assert low < summary["classes"]["building"]["raw"] < high
    assert any("all images that these are a sample of" in note for note in summary["notes"])


def test_a_model_without_a_validation_gives_shares_as_predicted_and_says_so(
    streetseg: Command, tmp_path: Path, photos: Path
) -> None:
    bare = color_model(tmp_path / "bare.onnx")
    done = streetseg("measure", bare, photos, "--out", tmp_path / "out")
    assert done.code == 0 and "olofsson" not in done.out
    assert "no counts of a validation" in done.out
    assert "no counts of a validation" in (tmp_path / "out/measures.html").read_text()
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["trusted"] is None and list(summary["classes"]["sky"]) == ["raw"]


def test_labeled_images_give_the_errors_of_a_model_that_has_none(
    streetseg: Command, tmp_path: Path, photos: Path
) -> None:
    bare = color_model(tmp_path / "bare.onnx")
    data = f"camvid:{camvid_segnet(tmp_path / 'camvid', n_val=7)}"
    done = streetseg("measure", bare, photos, "--out", tmp_path / "out", "--validation", data, "--json")
    summary = json.loads(done.out)
    assert summary["validation"].startswith("camvid:camvid val, 7 images")
    assert summary["classes"]["road"]["inverse"] == pytest.approx(summary["classes"]["road"]["raw"], abs=0.1)


def test_use_that_is_unlike_the_validation_is_said(streetseg: Command, tmp_path: Path, photos: Path) -> None:
    rare = validation().counts.copy()
    rare[:, STREET_11.names.index("road")] = rare[:, STREET_11.names.index("road")] // 50
    rare[:, STREET_11.names.index("fence")] = 0
    odd = ValidationCounts(rare, np.arange(20), "image", None, 20)
    done = streetseg(
        "measure", color_model(tmp_path / "odd.onnx", validation=odd.pack()), photos, "--out", tmp_path / "out"
    )
    assert "the adjusted shares are not to be trusted:" in done.out
    assert "fence is not in the ground truth of the validation" in done.out
    assert "in a share that no validation image has" in done.out
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["trusted"] is False and len(summary["doubts"]) >= 2


def test_a_network_that_tells_nothing_apart_is_not_trusted(streetseg: Command, tmp_path: Path, photos: Path) -> None:
    blind = ValidationCounts(np.full((20, 11, 11), 100), np.arange(20), "image", None, 20)
    done = streetseg(
        "measure", color_model(tmp_path / "x.onnx", validation=blind.pack()), photos, "--out", tmp_path / "out"
    )
    assert "can hardly be inverted" in done.out


def test_what_the_model_has_no_class_for_is_left_out_and_said(streetseg: Command, tmp_path: Path, photos: Path) -> None:
    few = LabelSpace("few", ("ground", "tree", "wall"), STREET_11.colors[3:6])
    done = streetseg("measure", color_model(tmp_path / "few.onnx", few), photos, "--out", tmp_path / "out")
    assert "the model has no class for sky view" in done.out
    assert {"green_view", "sky_view", "road_view"} & set(table(tmp_path / "out")[0]) == {"green_view"}


def test_classes_that_differ_only_by_case_are_two_columns(streetseg: Command, tmp_path: Path, photos: Path) -> None:
    import pyogrio

    twins = LabelSpace("twins", ("tree", "Tree", 'it\'s "wood"; --'), STREET_11.colors[3:6])
    assert (
        streetseg("measure", color_model(tmp_path / "twins.onnx", twins), photos, "--out", tmp_path / "out").code == 0
    )
    fields = pyogrio.read_info(tmp_path / "out/measures.gpkg")["fields"].tolist()
    assert fields[-3:] == ["share tree", "share Tree_", 'share it\'s "wood"; --']


def test_terrain_of_cityscapes_is_green(streetseg: Command, tmp_path: Path) -> None:
    labels = np.repeat(np.arange(19, dtype=np.uint8), 10).reshape(19, 10)
    Image.fromarray(color_map(labels, CITYSCAPES_19)).save(tmp_path / "a.png")
    city = color_model(tmp_path / "city.onnx", CITYSCAPES_19)
    streetseg("measure", city, tmp_path / "a.png", "--out", tmp_path / "out")
    (row,) = table(tmp_path / "out")
    assert float(row["green_view"]) == pytest.approx(2 / 19)


def test_a_bad_image_is_named_and_the_others_are_measured(
    streetseg: Command, tmp_path: Path, model: Path, photos: Path
) -> None:
    (photos / "3.png").write_bytes(b"no image")
    done = streetseg("measure", model, photos, "--out", tmp_path / "out", "--json")
    assert done.code == 1
    found = json.loads(done.out)
    assert found["images"] == 5 and "3.png" in found["where"][0]
    assert len(table(tmp_path / "out")) == 5
    shown = streetseg("measure", model, photos, "--out", tmp_path / "out")
    assert shown.code == 1 and "error: 1 of 6 images cannot be read" in shown.err


def test_nothing_but_bad_images_writes_nothing(streetseg: Command, tmp_path: Path, model: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    done = streetseg("measure", model, tmp_path / "bad.png", "--out", tmp_path / "out")
    assert done.code == 2 and not (tmp_path / "out").exists()


def test_the_inputs_of_predict_are_those_of_measure(
    streetseg: Command, tmp_path: Path, model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text("photos/1.png\nphotos/2.png\n")
    assert streetseg("measure", model, "photos/0.png", "photos/[45].png", "@list.txt", "--out", "out").code == 0
    assert [row["image"] for row in table(Path("out"))] == [f"photos/{k}.png" for k in (0, 4, 5, 1, 2)]


@pytest.mark.parametrize("package_name", ["pyarrow", "pyogrio"])
def test_a_missing_package_leaves_out_its_file_and_says_what_to_install(
    streetseg: Command, tmp_path: Path, model: Path, photos: Path, package_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = files.find_spec
    monkeypatch.setattr(files, "find_spec", lambda name: None if name == package_name else there(name))
    done = streetseg("measure", model, photos, "--out", tmp_path / "out")
    assert done.code == 0
    assert f"{package_name} is not installed: pip install 'streetseg[measure]'" in done.err
    missing = {"pyarrow": "measures.parquet", "pyogrio": "measures.gpkg"}[package_name]
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(files.NAMES) - {missing}


def test_images_without_a_place_give_no_map_files(
    streetseg: Command, tmp_path: Path, model: Path, photos: Path
) -> None:
    assert streetseg("measure", model, photos, "--out", tmp_path / "out").code == 0
    done = streetseg("measure", model, photos / "5.png", "--out", tmp_path / "out")
    assert "measures.gpkg is not written: no image has a place in its EXIF" in done.err
    assert not (tmp_path / "out/measures.gpkg").exists(), "it would be of the images before"
    assert json.loads((tmp_path / "out/summary.json").read_text())["with_place"] == 0


def test_files_of_others_are_not_replaced(streetseg: Command, tmp_path: Path, model: Path, photos: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/measures.csv").write_text("mine")
    done = streetseg("measure", model, photos, "--out", tmp_path / "out")
    assert done.code == 2 and "no earlier measurement wrote" in done.err
    assert (tmp_path / "out/measures.csv").read_text() == "mine"


def test_a_name_like_a_formula_or_with_control_characters_is_harmless(
    streetseg: Command, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photo(Path("=1+1.png"), 0, (48.1, 11.5))
    photo(Path("a\x1b[31m.png"), 1, (48.1, 11.5))
    assert streetseg("measure", model, "=1+1.png", "a\x1b[31m.png", "--out", "out").code == 0
    assert [row["image"] for row in table(Path("out"))] == ["'=1+1.png", "a\\x1b[31m.png"]


def test_a_damaged_validation_is_an_error_of_the_model(streetseg: Command, tmp_path: Path, photos: Path) -> None:
    entry = validation().pack()
    broken = color_model(tmp_path / "broken.onnx", validation=entry | {"counts": entry["counts"][:40]})
    done = streetseg("measure", broken, photos, "--out", tmp_path / "out")
    assert done.code == 2 and "the counts of the validation cannot be read" in done.err


def test_a_bundle_and_its_exports_keep_the_validation(tmp_path: Path, photos: Path) -> None:
    initial, counts = {"kind": "random", "source": "", "text": "random weights"}, validation()
    save_bundle(
        tmp_path / "kept",
        tiny_network().eval(),
        initial_weights=initial,
        protocol={},
        scores={},
        validation=counts.pack(),
    )
    export(tmp_path / "kept", tmp_path / "kept.onnx", "onnx", SCENES)
    export(tmp_path / "kept", tmp_path / "kept.xml", "openvino", SCENES)
    found = [package.measure(tmp_path / name, photos) for name in ("kept", "kept.onnx", "kept.xml")]
    first = found[0].shares
    assert first["olofsson"].notna().all()
    for other in found[1:]:
        assert np.allclose(other.shares["olofsson"], first["olofsson"], atol=0.01)


def test_an_older_bundle_is_measured_without(tmp_path: Path, photos: Path) -> None:
    bundle = saved(tmp_path / "old", tiny_network().eval())
    text = json.loads((bundle / "model.json").read_text())
    del text["validation"]
    (bundle / "model.json").write_text(json.dumps(text))
    assert package.measure(bundle, photos).trusted is None


def test_from_python(model: Path, photos: Path) -> None:
    measured = package.measure(model, [photos / "0.png", photos / "1.png"])
    assert measured.images.loc[str(photos / "0.png"), "latitude"] == 48.1
    assert measured.images["share sky"].between(0, 1).all()
    assert list(measured.shares.columns[:3]) == ["raw", "olofsson", "olofsson_low"]
    assert measured.report is None and measured.unread is None
    assert "Green view index" in repr(measured) and "olofsson" in measured._repr_html_()
