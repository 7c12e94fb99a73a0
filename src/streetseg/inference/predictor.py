"""Predict labels: an engine, and the size, views and tiles in which the network sees an image."""

import logging
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.arrays import Array, Size, fitted_size, input_size
from streetseg.inference.backend import operations
from streetseg.inference.engines.engine import Engine
from streetseg.inference.engines.open import open_engine
from streetseg.inference.inputs import require_image
from streetseg.inference.logits import STRIDE, Region, Views, predict_logits, predict_regions, require_tile
from streetseg.labels.space import LabelSpace

T = TypeVar("T")

log = logging.getLogger("streetseg")

# A network sees an image in windows, without a request, if the image has more pixels than LARGE at the size that the
# network sees, or more than LARGE_LOGITS bytes of logits. Its memory is then that of one window.
LARGE = 2**22
LARGE_LOGITS = 2**28
WINDOW = 768  # side of these windows, pixels; less if the logits of a window would have more than WINDOW_LOGITS bytes
WINDOW_LOGITS = 2**27


class Predictor:
    """A network that predicts labels for images of any size.

    Args:
        engine: runs the network.
        tta: the views to average the logits over; True for the usual six.
        tile: side of the windows for images too large for the memory, pixels; None for whole images.
    """

    def __init__(self, engine: Engine, *, tta: bool | Views = False, tile: int | None = None) -> None:
        require_tile(tile)
        self.engine = engine
        self.tta = tta
        self.tile = tile
        self._said = False  # that windows are used

    @classmethod
    def load(
        cls,
        path: Path,
        device: str = "auto",
        precision: str = "fp32",
        *,
        engine: str = "auto",
        tta: bool | Views = False,
        tile: int | None = None,
        images: int | None = None,
    ) -> "Predictor":
        """Load a bundle, a run folder or an exported file, as `open_engine` does. Raises ModelError, RequestError."""
        require_tile(tile)  # before the network is read
        return cls(open_engine(path, engine, device=device, precision=precision, images=images), tta=tta, tile=tile)

    @property
    def space(self) -> LabelSpace:
        """The classes of the labels."""
        return self.engine.space

    @property
    def size(self) -> Size | None:
        """The height and width that the network was trained for; None if it sees each image at its own size."""
        return self.engine.size

    def seen_size(self, images: Size, own: Size | None = None) -> Size:
        """Return the size at which the network sees images, by the rule of `input_size`; for a file of one fixed size
        the largest that fits into it.

        Args:
            images: their height and width in memory.
            own: their height and width on disk; None if it is the same.
        """
        if self.engine.fixed_size is not None:
            return fitted_size(own or images, self.engine.fixed_size)
        return images if self.size is None else input_size(own or images, self.size)

    def logits(self, images: Array, *, own: Size | None = None) -> Array:
        """Return the logits float32 (B, C, h, w), a tensor on the engine's device or a numpy array.

        Args:
            images: uint8 RGB (B, 3, H, W).
            own: the size (h, w) of the images on disk, if they were resized before, as a store does; the logits have
                this size. None: (H, W).
        """
        shape = (images.shape[-2], images.shape[-1])
        size = self.seen_size(shape, own)
        taken, tile = self.engine.take(images), self.window(size)
        return predict_logits(self.engine.logits, taken, size=size, out=own or shape, tta=self.tta, tile=tile)

    def regions(self, images: Array, *, own: Size | None = None) -> Iterator[tuple[Region, Array]]:
        """Yield `logits` region by region; the regions cover each pixel once.

        With windows, and for large images, the logits of the whole image are never in memory at once. Averaged views
        are one region.
        """
        shape = (images.shape[-2], images.shape[-1])
        out, size = own or shape, self.seen_size(shape, own)
        tile = self.window(size)
        if self.tta or (tile is None and self._logits_bytes(out) <= LARGE_LOGITS):
            yield (slice(0, out[0]), slice(0, out[1])), self.logits(images, own=own)
            return

        def network(part: Array) -> Array:
            return self.engine.logits(self.engine.take(part))

        yield from predict_regions(network, images, size=size, out=out, tile=tile)

    def window(self, seen: Size) -> int | None:
        """Return the side of the windows in which the network sees an image of this size; None for the whole."""
        if self.tile is not None or (seen[0] * seen[1] <= LARGE and self._logits_bytes(seen) <= LARGE_LOGITS):
            return self.tile
        side = min(WINDOW, math.isqrt(WINDOW_LOGITS // self._logits_bytes((1, 1))) // STRIDE * STRIDE)
        if not self._said:
            log.info("an image of %d x %d is seen in windows of %d pixels; --tile N sets their side", *seen, side)
            self._said = True
        return side

    def _logits_bytes(self, size: Size) -> int:
        return 4 * self.space.num_classes * size[0] * size[1]

    def labels(self, images: Array, *, own: Size | None = None) -> NDArray[np.uint8]:
        """Return the argmax of `logits` for the same arguments: uint8 (B, h, w) in main memory."""
        shape = (images.shape[-2], images.shape[-1])
        out = own or shape
        if self.seen_size(shape, own) == shape == out and not self.tta and self.window(out) is None:
            return self.engine.labels(self.engine.take(images))  # the same labels, without copying logits
        ids = np.empty((len(images), *out), dtype=np.uint8)
        for (rows, columns), logits in self.regions(images, own=own):
            backend = operations(logits)
            ids[:, rows, columns] = backend.in_memory(backend.argmax(logits))
        return ids

    def predict(self, image: NDArray[np.uint8] | Image.Image | str | Path) -> NDArray[np.uint8]:
        """Return the predicted ids of one image, uint8 (H, W).

        Args:
            image: uint8 RGB (H, W, 3) of any size, a PIL image, or the path of a file.

        Raises:
            RequestError: the image is anything else.
            DataError: the file cannot be read.
        """
        array = require_image(image, self.engine.reading)
        ids: NDArray[np.uint8] = self.labels(array.transpose(2, 0, 1)[None])[0]
        return ids

    def scores(self, image: NDArray[np.uint8], kinds: Collection[str]) -> dict[str, NDArray[Any]]:
        """Return the labels of an image and what stands behind them, from one run of the network.

        Args:
            image: uint8 RGB (H, W, 3).
            kinds: any of "confidence", "probabilities", "logits".

        Returns:
            "labels" uint8 (H, W), and float16 "confidence" (H, W), "probabilities" and "logits" (C, H, W).
        """
        size = image.shape[:2]
        stacked = (self.space.num_classes, *size)
        shapes = {"confidence": size, "probabilities": stacked, "logits": stacked}
        found: dict[str, NDArray[Any]] = {kind: np.empty(shapes[kind], np.float16) for kind in kinds}
        found["labels"] = np.empty(size, np.uint8)
        for (rows, columns), region in self.regions(image.transpose(2, 0, 1)[None]):
            backend = operations(region)
            labels = backend.argmax(region)
            found["labels"][rows, columns] = backend.in_memory(labels)[0]
            if "confidence" in kinds:
                found["confidence"][rows, columns] = self.confidence(region, labels)[0]
            if "logits" in kinds:
                found["logits"][:, rows, columns] = backend.in_memory(region)[0]
            if "probabilities" in kinds:
                found["probabilities"][:, rows, columns] = self.probabilities(region)[0]
        return found

    def confidence(self, logits: Array, labels: Array) -> NDArray[np.float32]:
        """Return the probability of each label after the model's calibration, float32 (B, H, W) in main memory.

        Args:
            logits: (B, C, H, W), from `logits` or `regions`.
            labels: uint8 (B, H, W), their argmax.
        """
        return operations(logits).confidence(self._calibrated(logits), labels)

    def probabilities(self, logits: Array) -> NDArray[np.float32]:
        """Return the probability of each class after the model's calibration, float32 (B, C, H, W) in main memory.

        Their argmax is the label, but for rare pixels of a model whose calibration has numbers for each class.
        """
        return _softmax(np.asarray(operations(logits).in_memory(self._calibrated(logits)), np.float32))

    def _calibrated(self, logits: Array) -> Array:
        calibration = self.engine.calibration
        return logits if calibration is None else operations(logits).scaled(logits, *calibration.scale_and_bias)

    def stream(self, images: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """Yield `predict` of each image, as `map` does."""
        return self.map(self.predict, images)

    def map(self, predict: Callable[[NDArray[np.uint8]], T], images: Iterable[NDArray[np.uint8]]) -> Iterator[T]:
        """Yield `predict(image)` of each image, in order; `engine.workers` images are predicted at once.

        Few images are in memory at a time, however many there are.
        """
        rest = iter(images)
        for image in islice(rest, 1):
            yield predict(image)  # engine "auto" chooses on the first image; `workers` is known only after that
        yield from self._one_at_a_time(rest, predict) if self.engine.workers == 1 else self._many_at_once(rest, predict)

    def _one_at_a_time(
        self, images: Iterator[NDArray[np.uint8]], predict: Callable[[NDArray[np.uint8]], T]
    ) -> Iterator[T]:
        """Predict in this thread, while another thread fetches the next image.

        Prediction stays in this thread, because torch starts a thread pool for each thread that calls it. The pool of
        this thread exists since the network was loaded; a second one makes prediction up to 50 % slower.
        """
        with ThreadPoolExecutor(1) as fetching:
            ahead = fetching.submit(next, images, None)
            while (image := ahead.result()) is not None:
                ahead = fetching.submit(next, images, None)
                yield predict(image)

    def _many_at_once(
        self, images: Iterator[NDArray[np.uint8]], predict: Callable[[NDArray[np.uint8]], T]
    ) -> Iterator[T]:
        """Predict in `engine.workers` threads, with one image waiting."""
        with ThreadPoolExecutor(self.engine.workers) as pool:
            running = [pool.submit(predict, image) for image in islice(images, self.engine.workers + 1)]
            while running:
                yield running.pop(0).result()
                running.extend(pool.submit(predict, image) for image in islice(images, 1))


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probability of each class, (B, C, H, W) -> (B, C, H, W)."""
    scores: NDArray[np.float32] = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    return scores
