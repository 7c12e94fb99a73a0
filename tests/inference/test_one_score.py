"""One network, one score: in every command, one rule decides the size at which the network sees an image."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import tiny
from streetseg.arrays import input_size
from streetseg.inference.engines.open import open_engine
from streetseg.inference.logits import TTA_SCALES
from streetseg.inference.predictor import Predictor
from streetseg.metrics.confusion import confusion
from streetseg.metrics.scores import scores

SHAPES = [(48, 64), (64, 48), (40, 90), (96, 128), (70, 70)]
TRAINED = (48, 80)  # data.size, of a shape that no image has


def mixed_folder(folder: Path) -> Path:
    """Write data with a YAML file: 7 training and 5 validation images of five shapes."""
    for split, first, count in (("train", 0, 7), ("val", 7, 5)):
        for i in range(first, first + count):
            image, labels = tiny.street(i, SHAPES[i % len(SHAPES)])
            tiny.save(folder / split / "images" / f"{i:02}.png", image)
            tiny.save(folder / split / "masks" / f"{i:02}.png", labels)
    file = folder / "data.yaml"
    file.write_text(
        "space: street-11\nsplits:\n"
        + "".join(
            f"  {split}: {{images: {split}/images/*.png, masks: {split}/masks/*.png}}\n" for split in ("train", "val")
        )
    )
    return file


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Train a run on images of mixed shapes and export its network."""
    from streetseg.data.open import open_source
    from streetseg.deploy.export import export
    from streetseg.recipe.load import load_recipe
    from streetseg.training.train import train

    folder = tmp_path_factory.mktemp("mixed")
    data, run, onnx = mixed_folder(folder / "data"), folder / "run", folder / "model.onnx"
    settings = ["model.encoder=test_efficientnet", "model.weights=none", "train.epochs=2", "train.batch=2"]
    settings += [f"data.source=folder:{data}", f"data.size={TRAINED[0]}x{TRAINED[1]}", "train.precision=fp32"]
    recipe = load_recipe(None, settings)
    train(recipe, run, quiet=True)
    export(run, onnx, "onnx", open_source(recipe.data))
    return SimpleNamespace(data=data, run=run, onnx=onnx, out=folder)


def mean_iou_of_masks(data: Path, found: Path) -> float:
    """Return the mean IoU of the `_ids.png` files that `predict` wrote, counted here."""
    total = np.zeros((11, 11), np.int64)
    for mask in sorted((data.parent / "val" / "masks").iterdir()):
        ids = np.asarray(Image.open(found / f"{mask.stem}_ids.png"))
        total += confusion(np.asarray(Image.open(mask)), ids, 11)
    return scores(total).mean["iou"]


@pytest.mark.bad_input(62, "one score: validation, evaluation, prediction and export see each image at one size")
def test_every_command_gives_the_same_mean_iou_to_the_last_digit(trained: SimpleNamespace, streetseg) -> None:
    rows = list(csv.DictReader((trained.run / "results.csv").open()))
    best = json.loads((trained.run / "evaluation" / "scores.json").read_text())
    in_training = max(float(row["val_iou"]) for row in rows)
    evaluated = {}
    for model in (trained.run, trained.onnx):
        done = streetseg("evaluate", model, f"folder:{trained.data}", "--json")
        assert done.code == 0, done.err
        evaluated[model] = json.loads(done.out)
        masks = trained.out / f"masks of {model.name}"
        done = streetseg("predict", model, trained.data.parent / "val" / "images", "--out", masks)
        assert done.code == 0, done.err
        assert mean_iou_of_masks(trained.data, masks) == evaluated[model]["mean"]["iou"]
    assert in_training == best["mean"]["iou"] == evaluated[trained.run]["mean"]["iou"]
    assert evaluated[trained.onnx]["mean"]["iou"] == evaluated[trained.run]["mean"]["iou"]
    assert best["protocol"]["network_resolution"] == "41x93 to 72x54"
    assert best["protocol"]["resolution"] == "40x90 to 96x128"


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_other_engines_give_the_same_labels(trained: SimpleNamespace, engine: str) -> None:
    torch, other = Predictor.load(trained.run, "cpu"), Predictor(open_engine(trained.onnx, engine))
    for i, shape in enumerate(SHAPES):
        image, _ = tiny.street(100 + i, shape)
        assert np.array_equal(torch.predict(image), other.predict(image))


def test_the_order_of_the_files_changes_nothing(trained: SimpleNamespace, streetseg, tmp_path: Path) -> None:
    """Regression: the size once came from the image whose name sorts first."""
    data = tmp_path / "renamed"
    for kind in ("images", "masks"):
        for path in sorted((trained.data.parent / "val" / kind).iterdir()):
            name = f"{99 - int(path.stem):02}.png"
            (data / "val" / kind).mkdir(parents=True, exist_ok=True)
            (data / "val" / kind / name).write_bytes(path.read_bytes())
    (data / "data.yaml").write_text(
        "space: street-11\nsplits:\n  val: {images: val/images/*.png, masks: val/masks/*.png}\n"
    )
    done = streetseg("evaluate", trained.run, f"folder:{data / 'data.yaml'}", "--json")
    assert done.code == 0, done.err
    best = json.loads((trained.run / "evaluation" / "scores.json").read_text())
    assert json.loads(done.out)["mean"] == best["mean"]


def test_averaged_views_are_those_of_the_images_at_three_scales_each_way(trained: SimpleNamespace, streetseg) -> None:
    """Compare `evaluate --tta` with views computed here: resize by Pillow, network, resize back by torch, mean."""
    import torch
    from torch.nn import functional as F

    from streetseg.models.bundle import load_bundle

    network, total = load_bundle(trained.run)[0], np.zeros((11, 11), np.int64)
    for path in sorted((trained.data.parent / "val" / "images").iterdir()):
        image = Image.open(path)
        height, width = input_size((image.height, image.width), TRAINED)
        views = []
        for scale in TTA_SCALES:
            for mirror in (False, True):
                seen = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror else image
                seen = seen.resize((round(width * scale), round(height * scale)), Image.Resampling.BILINEAR)
                with torch.inference_mode():
                    logits = network(torch.from_numpy(np.array(seen)).permute(2, 0, 1)[None])
                    logits = F.interpolate(logits, (image.height, image.width), mode="bilinear", align_corners=False)
                views.append(logits.flip(-1) if mirror else logits)
        ids = torch.stack(views).mean(0).argmax(1)[0].numpy().astype(np.uint8)
        total += confusion(np.asarray(Image.open(path.parents[1] / "masks" / path.name)), ids, 11)
    done = streetseg("evaluate", trained.run, f"folder:{trained.data}", "--tta", "--json")
    assert done.code == 0, done.err
    reported = json.loads(done.out)
    assert reported["mean"]["iou"] == pytest.approx(scores(total).mean["iou"], abs=1e-6)
    assert reported["protocol"]["test_time"] == "mean logits of scales 0.75, 1, 1.25, each also mirrored"


@pytest.mark.parametrize("views", [["--tta"], ["--tile", "128"], ["--tta", "--tile", "128"]])
def test_views_and_tiles_are_scored_as_they_are_predicted(
    trained: SimpleNamespace, streetseg, views: list[str], tmp_path: Path
) -> None:
    for i in range(2):
        image, labels = tiny.street(50 + i, (150, 230 + 40 * i))
        tiny.save(tmp_path / "val" / "images" / f"{i}.png", image)
        tiny.save(tmp_path / "val" / "masks" / f"{i}.png", labels)
    data = tmp_path / "data.yaml"
    data.write_text("space: street-11\nsplits:\n  val: {images: val/images/*.png, masks: val/masks/*.png}\n")
    large = tmp_path / "large"
    large.mkdir()
    for name in ("weights.safetensors", "model.json"):
        (large / name).write_bytes((trained.run / "best" / name).read_bytes())
    description = json.loads((large / "model.json").read_text())
    (large / "model.json").write_text(json.dumps(description | {"size": [140, 250]}))
    evaluated = streetseg("evaluate", large, f"folder:{data}", *views, "--json")
    assert evaluated.code == 0, evaluated.err
    predicted = streetseg("predict", large, tmp_path / "val" / "images", *views, "--out", tmp_path / "out")
    assert predicted.code == 0, predicted.err
    reported = json.loads(evaluated.out)
    assert reported["mean"]["iou"] == mean_iou_of_masks(data, tmp_path / "out")
    assert reported["protocol"]["tile"] == (128 if "--tile" in views else None)


def test_tiles_are_windows_that_overlap_by_a_quarter_each_side(
    trained: SimpleNamespace, streetseg, tmp_path: Path
) -> None:
    """Compare `evaluate --tile` with windows computed here: amid an overlap, 16 pixels blend one window into
    the next."""
    import torch

    from streetseg.models.bundle import load_bundle

    image, labels = tiny.street(60, (150, 230))
    tiny.save(tmp_path / "val" / "images" / "0.png", image)
    tiny.save(tmp_path / "val" / "masks" / "0.png", labels)
    data = tmp_path / "data.yaml"
    data.write_text("space: street-11\nsplits:\n  val: {images: val/images/*.png, masks: val/masks/*.png}\n")
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights.safetensors").write_bytes((trained.run / "best" / "weights.safetensors").read_bytes())
    description = json.loads((trained.run / "best" / "model.json").read_text())
    (model / "model.json").write_text(json.dumps(description | {"size": None}))

    def weights(start: int, stop: int, extent: int) -> NDArray[np.float64]:
        rise = np.clip((np.arange(stop - start) - (32 - 8) + 0.5) / 16, 0, 1)
        one = np.ones(stop - start)
        return np.minimum(rise if start else one, rise[::-1] if stop < extent else one)

    network, logits = load_bundle(model)[0], np.zeros((11, 150, 230))
    for top, bottom in ((0, 128), (64, 150)):
        for left, right in ((0, 128), (64, 192), (128, 230)):
            with torch.inference_mode():
                window = torch.from_numpy(image[top:bottom, left:right].copy()).permute(2, 0, 1)[None]
                found = network(window)[0].numpy()
            weight = np.outer(weights(top, bottom, 150), weights(left, right, 230))
            logits[:, top:bottom, left:right] += weight * found
    ids = logits.argmax(axis=0).astype(np.uint8)

    done = streetseg("evaluate", model, f"folder:{data}", "--tile", "128", "--json")
    assert done.code == 0, done.err
    # A pixel whose two largest logits are all but equal may fall to the other class.
    assert json.loads(done.out)["mean"]["iou"] == pytest.approx(
        scores(confusion(labels, ids, 11)).mean["iou"], abs=1e-4
    )


def test_bench_times_what_predict_does(trained: SimpleNamespace, streetseg) -> None:
    done = streetseg("bench", trained.run, "--size", "96x128", "--json")
    assert done.code == 0, done.err
    [measured] = json.loads(done.out)["models"]
    assert measured["size"] == [96, 128]
    assert measured["network_size"] == list(input_size((96, 128), TRAINED))
