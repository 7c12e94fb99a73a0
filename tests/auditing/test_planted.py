"""An audit finds planted errors: with an engine that returns the ground truth with noise, in a second."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from streetseg.auditing.classes import class_states, mixups
from streetseg.auditing.evidence import Evidence, Part, gather
from streetseg.auditing.scoring import image_scores, suspects, thresholds
from streetseg.data.source import Sample
from streetseg.inference.predictor import Predictor
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import STREET_11
from streetseg.recipe.reading import AS_USUAL
from tiny import street

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
IMAGES, SIZE = 60, (96, 128)
CAR, TREE = STREET_11.names.index("car"), STREET_11.names.index("tree")


def benchmark(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a module of the benchmarks."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, name, module)
    spec.loader.exec_module(module)
    return module


class NoisyEngine:
    """An engine that knows the ground truth: the first channel of an image holds it. It is not sure, it makes noise,
    and it takes every second car for a tree."""

    name, precision, encoder, workers = "torch", "fp32", "none", 1
    space: LabelSpace = STREET_11
    size = fixed_size = calibration = mask_ids = None
    reading = AS_USUAL

    def take(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return images

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        ids = images[0, 0]
        number = int(images[0, 1, 0, 0])
        if number % 2:
            ids = np.where(ids == CAR, TREE, ids)
        rng = np.random.default_rng(number)
        logits = rng.normal(0, 1, (self.space.num_classes, *ids.shape))
        logits += 5 * (ids == np.arange(self.space.num_classes)[:, None, None])
        return logits[None].astype(np.float32)

    def labels(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        raise AssertionError("an audit needs the logits")


def known(labels: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    """Return an image that holds its ground truth and its number."""
    image = np.zeros((*labels.shape, 3), np.uint8)
    image[..., 0] = np.where(labels == 255, 0, labels)
    image[..., 1] = number
    return image


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> tuple[Evidence, object, ModuleType]:
    errors, script = benchmark("planted_errors", monkeypatch), benchmark("audit_planted", monkeypatch)
    original = [street(i, SIZE)[1] for i in range(IMAGES)]
    found = errors.plant(original, STREET_11.names, 0.4, seed=1)
    samples = tuple(Sample(f"train/{i:03}", f"{i:03}.png", f"{i:03}.png") for i in range(IMAGES))
    images = [known(labels, i) for i, labels in enumerate(original)]
    store = script.InMemory(STREET_11, samples, images, found.labels)
    part = Part(Predictor(NoisyEngine()), store, dict.fromkeys((sample.name for sample in samples), "train"))
    return gather([part], lambda done, total: None), found, script


def test_precision_at_50(planted: tuple[Evidence, object, ModuleType]) -> None:
    evidence, found, script = planted
    figures = script.figures(evidence, found, 0)
    assert sum(figures["with_error"].values()) >= 20
    assert figures["precision"]["score"]["50"] >= 0.9
    assert figures["precision"]["score"]["50"] > figures["precision"]["random"]["50"]
    assert figures["image_precision"]["value"] >= 0.75


def test_a_weakness_of_the_network_does_not_fill_the_list(planted: tuple[Evidence, object, ModuleType]) -> None:
    evidence, _, _ = planted
    ranked = suspects(evidence)
    weak = [suspect for suspect in ranked if (suspect.region.label, suspect.region.predicted) == (CAR, TREE)]
    assert len(weak) > IMAGES / 4  # it is there
    assert sum(suspect in weak for suspect in ranked[:20]) <= 1  # but not at the top
    by_mass = sorted(ranked, key=lambda suspect: -suspect.region.mass)
    assert sum(suspect in weak for suspect in by_mass[:50]) > 3


def test_the_weakness_is_a_systematic_confusion(planted: tuple[Evidence, object, ModuleType]) -> None:
    evidence, _, _ = planted
    pairs = {(mixup.label, mixup.predicted): mixup for mixup in mixups(evidence, suspects(evidence))}
    assert 0.3 < pairs[CAR, TREE].share < 0.7
    assert pairs[CAR, TREE].images >= IMAGES / 3
    assert len({suspect.region.image for suspect in pairs[CAR, TREE].examples}) == 3


def test_classes_that_need_more_images_are_named_with_the_reason(planted: tuple[Evidence, object, ModuleType]) -> None:
    states = {state.name: state for state in class_states(planted[0])}
    assert states["road"].needs == ()
    assert any("IoU" in reason for reason in states["car"].needs)
    assert states["car"].worst[0][1] == 0  # an image in which all of the car is called a tree
    assert states["sky"].images == IMAGES


def test_scores_do_not_depend_on_the_order_of_the_images(planted: tuple[Evidence, object, ModuleType]) -> None:
    evidence, _, _ = planted
    again = suspects(evidence)
    assert again == suspects(evidence)
    assert image_scores(evidence, again).sum() == pytest.approx(sum(suspect.score for suspect in again))
    assert ((thresholds(evidence) > 0) & (thresholds(evidence) <= 1)).all()
