"""A network ready to predict: the engine that runs it, and how it looks at an image."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from streetseg.arrays import Array, Size, input_size
from streetseg.inference.backend import operations
from streetseg.inference.engines.engine import Engine
from streetseg.inference.engines.open import open_engine
from streetseg.inference.inputs import require_image
from streetseg.inference.logits import Region, predict_logits, predict_regions
from streetseg.labels.space import LabelSpace


class Predictor:
    """Images in, labels out.

    Args:
        engine: the network.
        tta: average over mirrored and rescaled views.
        tile: side of the windows for images too large for the memory.
    """

    def __init__(self, engine: Engine, *, tta: bool = False, tile: int | None = None) -> None:
        self.engine = engine
        self.tta = tta
        self.tile = tile

    @classmethod
    def load(
        cls,
        path: Path,
        device: str = "auto",
        precision: str = "fp32",
        *,
        engine: str = "auto",
        tta: bool = False,
        tile: int | None = None,
        images: int | None = None,
    ) -> "Predictor":
        """A bundle, a run folder or an exported file, as `open_engine`. Raises ModelError, RequestError."""
        return cls(open_engine(path, engine, device=device, precision=precision, images=images), tta=tta, tile=tile)

    @property
    def space(self) -> LabelSpace:
        """The classes of the labels that come out."""
        return self.engine.space

    @property
    def size(self) -> Size | None:
        """The height and width that the network was trained for; None for the images' own."""
        return self.engine.size

    def seen_size(self, images: Size, own: Size | None = None) -> Size:
        """The size at which the network sees images of a size that were `own` on disk: the rule of `input_size`."""
        return images if self.size is None else input_size(own or images, self.size)

    def logits(self, images: Array, *, own: Size | None = None) -> Array:
        """uint8 RGB (B, 3, H, W) -> float32 (B, C, h, w), a tensor on the engine's device or a numpy array.

        Args:
            own: the size (h, w) the images have on disk, where they were brought to the network's size before, as a
                store does; the logits have it. None: the images' own.
        """
        shape = (images.shape[-2], images.shape[-1])
        size = self.seen_size(shape, own)
        taken = self.engine.take(images)
        return predict_logits(self.engine.logits, taken, size=size, out=own or shape, tta=self.tta, tile=self.tile)

    def regions(self, images: Array, *, own: Size | None = None) -> Iterator[tuple[Region, Array]]:
        """`logits` region by region; one region, but with a tile and nothing to be averaged one for each window.

        Then the logits of the whole are never in memory: classes and confidences are taken of each region.
        """
        shape = (images.shape[-2], images.shape[-1])
        out = own or shape
        if self.tile is None or self.tta:
            yield (slice(0, out[0]), slice(0, out[1])), self.logits(images, own=own)
            return
        size = self.seen_size(shape, own)
        yield from predict_regions(self.engine.logits, self.engine.take(images), size=size, out=out, tile=self.tile)

    def labels(self, images: Array, *, own: Size | None = None) -> NDArray[np.uint8]:
        """uint8 RGB (B, 3, H, W) -> ids uint8 (B, h, w), those of the largest `logits`."""
        shape = (images.shape[-2], images.shape[-1])
        out = own or shape
        if self.seen_size(shape, own) == shape == out and not self.tta and self.tile is None:
            return self.engine.labels(self.engine.take(images))  # the same, and no logits leave the engine
        ids = np.empty((len(images), *out), dtype=np.uint8)
        for (rows, columns), logits in self.regions(images, own=own):
            kind = operations(logits)
            ids[:, rows, columns] = kind.in_memory(kind.argmax(logits))
        return ids

    def predict(self, image: NDArray[np.uint8] | Image.Image | str | Path) -> NDArray[np.uint8]:
        """uint8 RGB (H, W, 3) of any size, a PIL image or a file's path -> ids uint8 (H, W).

        Raises:
            RequestError: the image is anything else.
            DataError: the file cannot be read.
        """
        array = require_image(image, self.engine.reading)
        ids: NDArray[np.uint8] = self.labels(array.transpose(2, 0, 1)[None])[0]
        return ids

    def stream(self, images: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """`predict` for one image after another, in order, on as many at once as the engine likes.

        Few images are in memory at a time, however many there are.
        """
        rest = iter(images)
        for image in islice(rest, 1):
            yield self.predict(image)  # on which `auto` chooses its engine: only then it knows how many that likes
        yield from self._one_at_a_time(rest) if self.engine.workers == 1 else self._many_at_once(rest)

    def _one_at_a_time(self, images: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """In this thread, while another fetches the next image. In the other one torch would have threads of its own
        beside those that this one has from loading the network, and be up to half slower."""
        with ThreadPoolExecutor(1) as fetching:
            ahead = fetching.submit(next, images, None)
            while (image := ahead.result()) is not None:
                ahead = fetching.submit(next, images, None)
                yield self.predict(image)

    def _many_at_once(self, images: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        with ThreadPoolExecutor(self.engine.workers) as pool:
            running = [pool.submit(self.predict, image) for image in islice(images, self.engine.workers + 1)]
            while running:
                yield running.pop(0).result()
                running.extend(pool.submit(self.predict, image) for image in islice(images, 1))
