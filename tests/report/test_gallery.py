"""The gallery: choice of images, their layers, and the text where images cannot be shown."""

import base64
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from streetseg.comparison.compare import compare_runs
from streetseg.data.open import open_source
from streetseg.evaluation.predictions import KeptPredictions
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import STREET_11
from streetseg.metrics.confusion import confusion
from streetseg.png import encode_png
from streetseg.report.gallery import choose, collect
from streetseg.report.gallery_layers import WIDEST, deepest, layers, map_keys, tags

TOY = LabelSpace("toy", ("road", "tree"), ((128, 64, 128), (128, 128, 0)))


def decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"))


def test_disputed_worst_and_best_are_chosen_by_figures() -> None:
    a = np.array([0.9, 0.2, 0.5, 0.8, 0.95, 0.6])
    b = np.array([0.9, 0.2, 0.9, 0.8, 0.95, 0.1])
    chosen = [(choice.index, choice.reason) for choice in choose([a, b], each=1)]
    assert chosen == [(5, "most disputed"), (1, "worst"), (4, "best")]


def test_an_image_is_shown_once_and_one_without_truth_never() -> None:
    a = np.array([0.1, np.nan, 0.9])
    chosen = [choice.index for choice in choose([a, a + 0.05])]
    assert sorted(chosen) == [0, 2]


def test_a_single_encoder_disputes_nothing() -> None:
    assert {choice.reason for choice in choose([np.linspace(0, 1, 9)])} == {"worst", "best"}


@given(arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(lambda area: area.any()))
def test_a_name_goes_inside_its_area(area: np.ndarray) -> None:
    assert area[deepest(area)]


def test_the_deepest_place_of_a_rectangle_is_its_middle() -> None:
    area = np.zeros((21, 31), bool)
    area[5:16, 10:21] = True
    assert deepest(area) == (10, 15)


def test_only_large_areas_are_named() -> None:
    ids = np.zeros((50, 100), np.uint8)
    ids[:5, :5] = 1
    found = tags(ids, TOY.names)
    assert [tag.name for tag in found] == ["road"]
    assert 0 < found[0].left < 100
    assert 0 < found[0].top < 100


def test_layers_of_two_encoders() -> None:
    ground_truth = np.zeros((40, 60), np.uint8)
    ground_truth[:, 30:] = 1
    ground_truth[:4] = 255
    a, b = ground_truth.copy(), np.zeros_like(ground_truth)
    a[:4] = 0
    image = np.full((80, 120, 3), 90, np.uint8)
    shown = layers("val/1", image, ground_truth, [a, b], TOY, ["A", "B"])
    assert [layer.title for layer in shown] == [
        "Image", "Ground truth", "A predicts", "B predicts",
        "A correct or incorrect", "B correct or incorrect", "A against B",
    ]  # fmt: skip
    assert {(layer.width, layer.height) for layer in shown} == {(60, 40)}
    assert shown[4].alt == "val/1, where A is correct: on 100.0 % of the labeled pixels"
    assert shown[5].alt.endswith("where B is correct: on 50.0 % of the labeled pixels")
    assert shown[6].alt == "val/1, disputed pixels: only A correct on 50.0 %, only B correct on 0.0 %"
    assert "road 45 %, tree 45 %" in shown[1].alt
    labels = decoded(shown[1].uri)
    assert [tuple(labels[y, x]) for y, x in ((20, 10), (20, 50), (0, 0))] == [(128, 64, 128), (128, 128, 0), (0, 0, 0)]


def test_a_large_image_is_shown_smaller_and_its_labels_stay_labels() -> None:
    ground_truth = (np.arange(1500) // 7 % 2).astype(np.uint8)[None].repeat(700, axis=0)
    shown = layers("x", np.zeros((700, 1500, 3), np.uint8), ground_truth, [ground_truth], TOY, ["A"])
    assert max(shown[1].width, shown[1].height) == WIDEST
    assert {tuple(color) for color in decoded(shown[1].uri).reshape(-1, 3)} == set(TOY.colors)


def test_a_prediction_of_another_size_is_shown_in_the_shape_of_the_truth() -> None:
    ground_truth = np.zeros((20, 30), np.uint8)
    shown = layers("x", np.zeros((40, 60, 3), np.uint8), ground_truth, [np.zeros((40, 60), np.uint8)], TOY, ["A"])
    assert {(layer.width, layer.height) for layer in shown} == {(30, 20)}


def test_the_key_tells_patterns_apart_without_color() -> None:
    gray = [decoded(key.uri).mean(axis=2) for key in map_keys(["A", "B"])]
    for one in range(len(gray)):
        for two in range(one):
            assert (
                not np.array_equal(gray[one] > gray[one].mean(), gray[two] > gray[two].mean())
                or abs(gray[one].mean() - gray[two].mean()) > 20
            )


def test_exhibits_come_from_the_real_networks(real_runs: list[Path]) -> None:
    comparison = compare_runs(real_runs)
    gallery = collect(comparison, ["A", "B"])
    assert len(gallery.exhibits) == 6, gallery.note
    assert {exhibit.reason for exhibit in gallery.exhibits} == {"most disputed", "worst", "best"}
    exhibit = gallery.exhibits[0]
    assert [exhibit.layers[place].title for place in exhibit.pair] == ["Image", "A predicts"]

    # What is drawn is what was counted: the share of right pixels in the words is the one of the evaluation.
    index = comparison.groups[0].counts.names.index(exhibit.name)
    counted = comparison.groups[0].counts.counts[index]
    assert f"correct: on {100 * counted.trace() / counted.sum():.1f} %" in exhibit.layers[4].alt


def copied(run: Path, to: Path, old: Path, new: Path) -> Path:
    """Copy the run to another place and point its recipe to other data."""
    shutil.copytree(run, to)
    recipe = to / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace(str(old), str(new)))
    return to


@pytest.fixture
def moved(real_runs: list[Path], tmp_path: Path) -> tuple[Path, Path]:
    """Copy the first real run with its data, so that a test may damage it."""
    data = real_runs[0].parents[1] / "camvid"
    shutil.copytree(data, tmp_path / "camvid")
    return copied(real_runs[0], tmp_path / "run", data, tmp_path / "camvid"), tmp_path / "camvid"


def test_without_the_data_the_gallery_says_so(moved: tuple[Path, Path]) -> None:
    run, data = moved
    shutil.rmtree(data)
    gallery = collect(compare_runs([run]), ["A"])
    assert gallery.exhibits == ()
    assert gallery.note.startswith("No images: they could not be read or predicted again (folder not found")


def test_a_label_that_was_changed_is_not_shown_as_if_it_had_been_scored(moved: tuple[Path, Path]) -> None:
    run, data = moved
    for mask in (data / "valannot").iterdir():
        ids = np.asarray(Image.open(mask)).copy()
        ids[:8] = 3
        Image.fromarray(ids).save(mask)
    gallery = collect(compare_runs([run]), ["A"])
    assert gallery.exhibits == ()
    assert "has changed since it was scored" in gallery.note


def test_kept_predictions_are_those_of_the_network(moved: tuple[Path, Path]) -> None:
    run, _ = moved
    kept = collect(compare_runs([run]), ["A"])
    (run / "evaluation" / "predictions.zip").unlink()
    again = collect(compare_runs([run]), ["A"])
    assert kept.images == again.images and len(kept.images) == 8
    assert kept.exhibits == again.exhibits
    assert kept.note == "Predicted by the best networks when they were scored."
    assert "networks again for this report" in again.note


def test_kept_predictions_need_no_network(moved: tuple[Path, Path]) -> None:
    run, _ = moved
    (run / "best" / "weights.safetensors").unlink()
    assert len(collect(compare_runs([run]), ["A"]).images) == 8


def other_class(archive: dict[str, bytes]) -> None:
    ids = np.asarray(Image.open(io.BytesIO(archive["00003.png"]))).copy()
    ids[5, 7] = (ids[5, 7] + 1) % 11
    archive["00003.png"] = encode_png(ids)


def no_class(archive: dict[str, bytes]) -> None:
    archive["00003.png"] = encode_png(np.full((48, 64), 200, np.uint8))


def other_size(archive: dict[str, bytes]) -> None:
    archive["00003.png"] = encode_png(np.zeros((64, 48), np.uint8))


def colors(archive: dict[str, bytes]) -> None:
    archive["00003.png"] = encode_png(np.zeros((48, 64, 3), np.uint8))


def cut(archive: dict[str, bytes]) -> None:
    archive["00003.png"] = archive["00003.png"][:-30]


def no_image(archive: dict[str, bytes]) -> None:
    archive["00003.png"] = b"no image"


def no_end(archive: dict[str, bytes]) -> None:
    archive["00003.png"] = archive["00003.png"][:60]


def huge(archive: dict[str, bytes]) -> None:
    head = bytearray(archive["00003.png"])
    head[16:24] = (60_000).to_bytes(4, "big") * 2
    archive["00003.png"] = bytes(head)


def missing(archive: dict[str, bytes]) -> None:
    del archive["00003.png"]


@pytest.mark.parametrize(
    "damage",
    [other_class, no_class, other_size, colors, cut, no_image, no_end, huge, missing],
    ids=lambda f: f.__name__,
)
def test_a_damaged_prediction_is_predicted_again(
    damage: Callable[[dict[str, bytes]], None], moved: tuple[Path, Path]
) -> None:
    run, _ = moved
    kept = collect(compare_runs([run]), ["A"])
    path = run / "evaluation" / "predictions.zip"
    with zipfile.ZipFile(path) as file:
        archive = {name: file.read(name) for name in file.namelist()}
    damage(archive)
    with zipfile.ZipFile(path, "w") as file:
        for name, content in archive.items():
            file.writestr(name, content)
    gallery = collect(compare_runs([run]), ["A"])
    assert gallery.images == kept.images
    assert "networks again for this report" in gallery.note


@pytest.mark.parametrize("content", [b"", b"no zip file", None], ids=["empty", "text", "cut"])
@pytest.mark.filterwarnings("error")
def test_kept_predictions_that_are_no_zip_file(content: bytes | None, moved: tuple[Path, Path]) -> None:
    run, _ = moved
    path = run / "evaluation" / "predictions.zip"
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    assert "networks again for this report" in collect(compare_runs([run]), ["A"]).note


def test_a_damaged_network_is_said_to_be_damaged(moved: tuple[Path, Path]) -> None:
    run, _ = moved
    (run / "evaluation" / "predictions.zip").unlink()
    weights = run / "best" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    assert "No images" in collect(compare_runs([run]), ["A"]).note


def test_a_run_of_unknown_images_has_no_gallery(write_run: Callable[..., Path], moved: tuple[Path, Path]) -> None:
    run, _ = moved
    model = json.loads((run / "best" / "model.json").read_text())
    names = [f"val/unknown{i}" for i in range(24)]
    stranger = write_run(
        "stranger",
        names=names,
        recipe={"data": {"source": f"camvid:{moved[1]}"}},
        classes=model["classes"][:3],
        colors=model["colors"][:3],
    )
    assert "is no longer in the data" in collect(compare_runs([stranger]), ["A"]).note


def test_no_byte_of_kept_predictions_can_break_a_report(real_runs: list[Path], tmp_path: Path) -> None:
    """Whatever is changed, an image is predicted again or is that which was counted."""
    run = compare_runs(real_runs[:1]).groups[0].first
    data = (run.folder / "evaluation" / "predictions.zip").read_bytes()
    masks = [open_source(run.recipe.data).read_mask(one) for one in open_source(run.recipe.data).splits["val"]]
    right = KeptPredictions(run.folder / "evaluation", STREET_11)
    random = np.random.default_rng(0)
    changed = 0
    for _ in range(400):
        damaged = bytearray(data)
        for place in random.integers(0, len(data), 3):
            damaged[place] = random.integers(0, 256)
        (tmp_path / "predictions.zip").write_bytes(damaged)
        kept = KeptPredictions(tmp_path, STREET_11)
        for i, ground_truth in enumerate(masks):
            ids = kept.ids(i, ground_truth, run.counts.counts[i])
            expected = right.ids(i, ground_truth, run.counts.counts[i])
            assert expected is not None
            changed += ids is None
            if ids is not None:
                assert np.array_equal(confusion(ground_truth, ids, 11, 255), confusion(ground_truth, expected, 11, 255))
    assert changed > 0
