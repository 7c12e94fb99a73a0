"""The fastest of several engines for one exported model, measured on the first images."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size
from streetseg.errors import StreetsegError
from streetseg.inference.engines.choice import Choice
from streetseg.inference.engines.engine import Engine, ExportedEngine
from streetseg.labels.space import LabelSpace
from streetseg.models.calibration import Calibration
from streetseg.recipe.reading import ImageReading

log = logging.getLogger("streetseg")

RUNS = 3  # measured runs of each engine, after one run to warm up
# Pause in seconds before an engine is measured. ONNX Runtime's threads spin for about 50 ms after a call and would
# take cores from the next engine.
REST = 0.2
# Least share of equal labels; engines round differently.
AGREE = {"fp32": 0.999, "fp16": 0.999, "int8": 0.98, "bf16": 0.98, "int8-bf16": 0.95}


class Fastest:
    """An engine that runs all `engines` on the first images, and from then on the fastest whose labels agree.

    Its properties are those of the chosen engine; before the choice, those of the first engine.

    Args:
        engines: two or more engines for the same model; the labels of the first are the reference.
        chosen: called with the choice once it is made.
    """

    def __init__(self, engines: Sequence[Engine], chosen: Callable[[Choice], None] = lambda choice: None) -> None:
        self._engines = engines
        self._tell = chosen
        self._chosen: Engine | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The name of the chosen engine."""
        return self._current.name

    @property
    def precision(self) -> str:
        """The precision of the chosen engine."""
        return self._current.precision

    @property
    def description(self) -> dict[str, Any]:
        """The whole description of the model in its file; the engines read the same one."""
        assert isinstance(self._current, ExportedEngine)  # a bundle has one engine only
        return self._current.description

    @property
    def encoder(self) -> str:
        """The timm name of the model's encoder."""
        return self._current.encoder

    @property
    def space(self) -> LabelSpace:
        """The classes of the model."""
        return self._current.space

    @property
    def size(self) -> Size | None:
        """The training size of the model."""
        return self._current.size

    @property
    def fixed_size(self) -> Size | None:
        """The only size that the model takes."""
        return self._current.fixed_size

    @property
    def reading(self) -> ImageReading:
        """How the model reads image files."""
        return self._current.reading

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of the model's probabilities."""
        return self._current.calibration

    @property
    def mask_ids(self) -> Sequence[Sequence[int]] | None:
        """The ids of each class in the masks that the model was trained on."""
        return self._current.mask_ids

    @property
    def workers(self) -> int:
        """The number of threads that should call the chosen engine at once."""
        return self._current.workers

    @property
    def _current(self) -> Engine:
        return self._chosen or self._engines[0]

    def take(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the images as a contiguous array."""
        return np.ascontiguousarray(images)

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return logits, as `Engine.logits`."""
        logits: NDArray[np.float32] = self._fastest(images).logits(images)
        return logits

    def labels(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return labels, as `Engine.labels`."""
        return self._fastest(images).labels(images)

    def _fastest(self, images: NDArray[np.uint8]) -> Engine:
        """Return the chosen engine; the first call chooses it."""
        with self._lock:
            if self._chosen is None:
                self._chosen, choice = fastest(self._engines, images)
                self._tell(choice)
                self._engines = (self._chosen,)  # frees the memory of the other engines
            return self._chosen


def fastest(engines: Sequence[Engine], images: NDArray[np.uint8]) -> tuple[Engine, Choice]:
    """Return the fastest engine on `images` of those whose labels agree with the first's, and the choice to remember.
    The log names it.

    Raises:
        StreetsegError: the first engine fails. Other engines that fail are left out with a warning.
    """
    labels = {engines[0]: engines[0].labels(images)}
    for engine in engines[1:]:
        try:
            labels[engine] = engine.labels(images)
        except (RuntimeError, StreetsegError) as error:
            log.warning("engine %s is left out: it fails on this model (%s)", in_words(engine), error)
    reference = labels[engines[0]]
    for engine in engines[1:]:
        agreement = float((labels[engine] == reference).mean()) if engine in labels else 1.0
        if agreement < AGREE[engine.precision]:
            log.warning(
                "engine %s is left out: only %.2f %% of its labels are those of %s",
                in_words(engine), 100 * agreement, in_words(engines[0]),
            )  # fmt: skip
            del labels[engine]
    milliseconds = {engine: _milliseconds(engine, images) for engine in labels}
    chosen = min(milliseconds, key=lambda engine: milliseconds[engine])
    size = (images.shape[-2], images.shape[-1])
    named = {in_words(engine): median_ms for engine, median_ms in milliseconds.items()}
    choice = Choice(chosen.name, chosen.precision, named, size)
    log.info("engine: %s, the fastest here at %dx%d (an image: %s)", in_words(chosen), *size, listed(choice))
    return chosen, choice


def in_words(engine: Engine) -> str:
    """Return the name of an engine, with a note where its float layers are computed in another precision."""
    return f"{engine.name} with bf16" if engine.precision == "int8-bf16" else engine.name


def listed(choice: Choice) -> str:
    """Return the measured times of a choice, in words."""
    return ", ".join(f"{name} {median_ms:.1f} ms" for name, median_ms in choice.milliseconds.items())


def _milliseconds(engine: Engine, images: NDArray[np.uint8]) -> float:
    """Return the median time per image when `engine.workers` threads call the engine and the other engines are idle."""
    time.sleep(REST)
    times = []
    with ThreadPoolExecutor(engine.workers) as pool:
        for _ in range(1 + RUNS):
            start = time.perf_counter()
            for call in [pool.submit(engine.labels, images) for _ in range(engine.workers)]:
                call.result()
            times.append(1000 * (time.perf_counter() - start) / engine.workers)
    return median(times[1:])
