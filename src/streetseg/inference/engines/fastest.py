"""The fastest of several engines for one exported model, found out on the first images."""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import numpy as np
from numpy.typing import NDArray

from streetseg.arrays import Size
from streetseg.errors import StreetsegError
from streetseg.inference.engines.engine import Engine
from streetseg.labels.space import LabelSpace
from streetseg.recipe.reading import ImageReading

log = logging.getLogger("streetseg")

RUNS = 3  # of each engine, in a row, after one to warm up
# Seconds before an engine is measured. ONNX Runtime's threads wait for more work by spinning, for some 50 ms after a
# call, and take the cores from whoever comes next.
REST = 0.2
AGREE = {"fp32": 0.999, "int8": 0.98, "bf16": 0.98}  # least share of equal labels; rounding differs between engines


class Fastest:
    """Runs all engines on the first images it gets, then only the fastest of those whose labels agree.

    What it tells of itself is true of the chosen engine, and before one is chosen of the first.

    Args:
        engines: two or more, all of the same model; the labels of the first are the ones to agree with.
    """

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._engines = engines
        self._chosen: Engine | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The chosen engine's."""
        return self._first.name

    @property
    def precision(self) -> str:
        """The chosen engine's."""
        return self._first.precision

    @property
    def encoder(self) -> str:
        """The model's."""
        return self._first.encoder

    @property
    def space(self) -> LabelSpace:
        """The model's."""
        return self._first.space

    @property
    def size(self) -> Size | None:
        """The model's."""
        return self._first.size

    @property
    def reading(self) -> ImageReading:
        """The model's."""
        return self._first.reading

    @property
    def workers(self) -> int:
        """The chosen engine's."""
        return self._first.workers

    @property
    def _first(self) -> Engine:
        return self._chosen or self._engines[0]

    def take(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """In plain order."""
        return np.ascontiguousarray(images)

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `Engine.logits`."""
        logits: NDArray[np.float32] = self._fastest(images).logits(images)
        return logits

    def labels(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """As `Engine.labels`."""
        return self._fastest(images).labels(images)

    def _fastest(self, images: NDArray[np.uint8]) -> Engine:
        with self._lock:
            if self._chosen is None:
                self._chosen = fastest(self._engines, images)
                self._engines = (self._chosen,)  # the others' memory is not needed any more
            return self._chosen


def fastest(engines: Sequence[Engine], images: NDArray[np.uint8]) -> Engine:
    """The engine that labels `images` in the least time, of those that agree with the first; said in the log.

    Raises:
        StreetsegError: the first engine fails; others that fail are left out, and that is said.
    """
    labels = {engines[0]: engines[0].labels(images)}
    for engine in engines[1:]:
        try:
            labels[engine] = engine.labels(images)
        except (RuntimeError, StreetsegError) as error:
            log.warning("engine %s is left out: it fails on this model (%s)", engine.name, error)
    reference = labels[engines[0]]
    for engine in engines[1:]:
        agreement = float((labels[engine] == reference).mean()) if engine in labels else 1.0
        if agreement < AGREE[engine.precision]:
            log.warning(
                "engine %s is left out: only %.2f %% of its labels are those of %s",
                engine.name, 100 * agreement, engines[0].name,
            )  # fmt: skip
            del labels[engine]
    milliseconds = {engine: _milliseconds(engine, images) for engine in labels}
    chosen = min(milliseconds, key=lambda engine: milliseconds[engine])
    listed = ", ".join(f"{engine.name} {taken:.1f} ms" for engine, taken in milliseconds.items())
    height, width = images.shape[-2:]
    log.info("engine: %s, the fastest here at %dx%d (an image: %s)", chosen.name, height, width, listed)
    return chosen


def _milliseconds(engine: Engine, images: NDArray[np.uint8]) -> float:
    """Median time of a call, when as many are made at once as the engine likes and the other engines rest."""
    time.sleep(REST)
    taken = []
    with ThreadPoolExecutor(engine.workers) as pool:
        for _ in range(1 + RUNS):
            start = time.perf_counter()
            for done in [pool.submit(engine.labels, images) for _ in range(engine.workers)]:
                done.result()
            taken.append(1000 * (time.perf_counter() - start) / engine.workers)
    return median(taken[1:])
